"""What holds for the sandbox whatever it speaks: where it listens, what it fetches, what it hosts, what it shows."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest
import requests

from preflight.errors import MissingExtra, UsageError
from preflight.report import Problem, Report
from preflight.sandbox import Sandbox
from preflight.sandbox.hosting import Hosting
from preflight.sandbox.inspection import Inspector, outcome_of
from preflight.sandbox.state import ProcessingOutcome
from tests.rows import each_row
from tests.sandbox.caller import Caller, Json, settled
from tests.servers.hostile import hostile


def registered(box: Sandbox, url: str) -> Json:
    """A picture at `url`, after its processing."""
    call = Caller(box, "sunra")
    asset = call.json("POST", "/v1/ark/assets", json={"source_url": url, "asset_type": "image"})
    path = f"/v1/ark/assets/{asset['ark_asset_id']}"
    return settled(lambda: call.json("GET", path), lambda shown: shown["status"] == "processing")


def test_listens_on_loopback_only(box: Sandbox) -> None:
    assert box.origin.startswith("http://127.0.0.1:")
    port = int(box.origin.rpartition(":")[2])
    for address in {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}:
        if not str(address).startswith("127."):
            with pytest.raises(OSError, match="refused"), socket.create_connection((str(address), port), timeout=1):
                pass


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.nip.io:{port}", ""])
def test_another_host_header_is_refused(box: Sandbox, host: str) -> None:
    port = box.origin.rpartition(":")[2]
    headers = {"Host": host.format(port=port), "Authorization": f"Bearer {box.key('sunra')}"}
    answer = requests.get(f"{box.endpoint('sunra')}/v1/ark/assets/x", headers=headers, timeout=5)
    assert answer.status_code in (400, 421)


def test_localhost_is_accepted_as_host(box: Sandbox) -> None:
    port = box.origin.rpartition(":")[2]
    assert requests.get(f"http://localhost:{port}/sunra/v1/ark/assets/x", timeout=5).status_code == 401


def test_unknown_provider_is_404(box: Sandbox) -> None:
    for path in ("/", "/nobody", "/nobody/v1", "/files/x/y", "/verify/sunra/x", "/verify/nobody/x"):
        assert requests.get(box.origin + path, timeout=5).status_code == 404


def test_a_hosted_file_is_served_with_ranges_under_an_unguessable_url(box: Sandbox, fixtures: Path) -> None:
    path = fixtures / "accepted" / "clip.mp4"
    url, other = box.host(path), box.host(path)
    assert url != other
    assert url.endswith("/clip.mp4")
    answer = requests.get(url, headers={"Range": "bytes=4-7"}, timeout=5)
    assert (answer.status_code, answer.content) == (206, b"ftyp")
    assert requests.head(url, timeout=5).headers["Content-Length"] == str(path.stat().st_size)
    for wrong in (f"{url}x", url.replace("/files/", "/files/x"), url.rpartition("/")[0] + "/..%2F..%2Fetc%2Fpasswd"):
        assert requests.get(wrong, timeout=5).status_code == 404


def test_bytes_are_hosted_under_a_name(box: Sandbox) -> None:
    url = box.host(b"hello", "a b/ü#?.txt")
    assert url.endswith("/%C3%BC%23%3F.txt")
    assert requests.get(url, timeout=5).content == b"hello"


def test_only_files_are_hosted(box: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a file"):
        box.host(tmp_path)


def test_a_file_that_vanished_cannot_be_downloaded(box: Sandbox, tmp_path: Path, fixtures: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes((fixtures / "accepted" / "picture.png").read_bytes())
    url = box.host(path)
    path.unlink()
    assert requests.get(url, timeout=5).status_code == 404
    assert registered(box, url)["error"]["code"] == "DownloadFailed"


def test_private_addresses_are_not_fetched_from(box: Sandbox, fixtures: Path) -> None:
    data = (fixtures / "accepted" / "picture.png").read_bytes()
    with hostile({"picture.png": data}) as server:
        failed = registered(box, server.url("file/picture.png"))
        assert (failed["status"], failed["error"]["code"]) == ("failed", "DownloadFailed")
        assert not server.seen


def test_a_trusted_origin_is_fetched_from_but_not_followed(fixtures: Path) -> None:
    data = (fixtures / "accepted" / "picture.png").read_bytes()
    with hostile({"picture.png": data}) as server, Sandbox(trusted=[server.url("")]) as box:
        assert registered(box, server.url("file/picture.png"))["status"] == "active"
        failed = registered(box, server.url("hops/1/picture.png"))
        assert failed["error"]["code"] == "DownloadFailed"
        assert [request.path for request in server.seen if "/file/" in request.path] == ["/file/picture.png"]


@each_row(
    "text",
    ["", "host", "host:80", "//host", "ftp://host", "http://", "http://host/path", "http://me@host", "http://h:x"],
)
def test_trusted_origin_is_scheme_host_and_port(text: str) -> None:
    Sandbox(trusted=["http://127.0.0.1:9000", "HTTPS://host.example/", "http://[::1]:80"]).close()
    with pytest.raises(UsageError, match=r"^trusted=.* is not an origin\. Give http://host:port") as caught:
        Sandbox(trusted=[text])
    assert caught.value.parameters == ("trusted",)


def test_own_origin_is_recognized_by_its_names_only(box: Sandbox, picture: str) -> None:
    assert registered(box, picture.replace("127.0.0.1", "localhost"))["status"] == "active"
    assert registered(box, f"{picture}?X-Amz-Signature=1")["status"] == "active"
    for url in (f"{box.origin}/sunra/v1/ark/assets", picture.replace("127.0.0.1", "[::1]"), f"{picture}/x/y"):
        assert registered(box, url)["error"]["code"] == "DownloadFailed"


def test_outcomes_have_ark_codes(fixtures: Path) -> None:
    hosting = Hosting()
    hosting.origin = "http://127.0.0.1:9"
    inspector = Inspector(hosting)
    codes = {}
    for path in sorted((fixtures / "refused").iterdir()):
        url = hosting.host(path)
        kind = {"mp4": "video", "mov": "video", "mp3": "audio", "wav": "audio"}.get(path.suffix[1:], "image")
        codes[path.stem] = inspector.inspect(url, kind, "atlas").code
    inspector.close()
    assert codes["png-too-wide"] == "WidthTooLarge"
    assert codes["mp4-too-many-pixels"] == "PixelCountTooLarge"
    assert codes["mp3-too-short"] == "DurationTooShort"
    assert codes["mov-fps-too-high"] == "FpsTooHigh"
    assert codes["jpg-ratio-too-small"] == "AspectRatioTooSmall"
    assert codes["archive"] == codes["login-page"] == "FormatUnsupported"
    assert codes["empty"] == "FormatUndetectable"
    lost = Report("x", None, (), 0, Problem("internal_error", "a fault"))
    assert outcome_of(lost, "image") == ProcessingOutcome("InternalError", "a fault")


def test_every_sandbox_has_its_own_keys_and_hides_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Sandbox() as one, Sandbox() as other:
        for provider in one.providers:
            mine, theirs = one.environment(provider), other.environment(provider)
            assert mine.keys() == theirs.keys()
            assert not set(mine.values()) & set(theirs.values())
            secrets = [*mine.values(), *filter(None, [one.credentials(provider).token])]
            assert not any(secret in repr(one.credentials(provider)) for secret in secrets)
        call = Caller(one, "sunra")
        call("GET", "/v1/ark/assets/x")
        assert one.key("sunra") not in caplog.text


def test_volcengine_has_a_pair_and_the_others_a_key(box: Sandbox) -> None:
    assert set(box.environment("byteplus")) == {"BYTEPLUS_ACCESSKEY", "BYTEPLUS_SECRETKEY", "ARK_API_KEY"}
    assert set(box.environment("atlas")) == {"ATLASCLOUD_API_KEY"}
    for wrong in (
        lambda: box.key("volcengine"),
        lambda: box.credentials("atlas", temporary=True),
        lambda: box.key("x"),
    ):
        with pytest.raises(UsageError):
            wrong()


def test_taken_port_is_a_usage_error(box: Sandbox) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        Sandbox(port=int(box.origin.rpartition(":")[2])).start()


def test_missing_extra_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"preflight-media\[sandbox\]"):
        Sandbox()


def test_sandbox_can_be_started_once() -> None:
    box = Sandbox()
    with pytest.raises(UsageError, match="not running"):
        box.host(b"x")
    with box:
        assert box.origin
    with pytest.raises(UsageError, match="can be started once"):
        box.start()


def test_closes_while_calls_are_waiting() -> None:
    with Sandbox() as box:
        box.faults.on("hang")
        call = Caller(box, "sunra")
        with pytest.raises(requests.ReadTimeout):
            call.http.get(f"{call.base}/v1/ark/assets/x", timeout=0.05)
    with pytest.raises(requests.ConnectionError):
        call("GET", "/v1/ark/assets/x")
