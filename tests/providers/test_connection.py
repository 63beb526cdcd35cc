"""The way there and back: what fails before anything is sent, what may have arrived, and what is never done."""

from __future__ import annotations

import gzip
import io
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from preflight.errors import ProviderError, ProviderUnreachable, RateLimited, SourceChanged, UnusableAnswer, UsageError
from preflight.providers import Provider
from preflight.providers.connection import MAX_RESPONSE_BYTES

from .conftest import KEY, Open
from .server import Recorder

URL = "https://h.example/a.png"


def register(provider: Provider) -> object:
    return provider.register(URL, "image", name="n")


def refused(provider: Provider) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        register(provider)
    assert caught.value.__context__ is None, "nothing holds the request and its headers"
    return caught.value


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_an_error_that_names_the_host(status: int, server: Recorder, open_: Open) -> None:
    with Recorder() as other:
        server.respond(b"x" * 100, status, headers={"Location": f"{other.url}/login?state=secret"})
        error = refused(open_("atlas"))
        assert isinstance(error, UnusableAnswer)
        assert (error.reason, error.status) == ("redirected", status)
        assert "127.0.0.1" in str(error)
        assert "secret" not in str(error)
        assert error.ambiguous == (status == 303), "only that one says that the call was carried out"
        assert not other.requests, "the key was not sent there"
        assert len(server.requests) == 1


def test_closed_port_fails_before_sending(open_: Open) -> None:
    error = refused(open_("atlas", endpoint=f"http://127.0.0.1:{free_port()}"))
    assert isinstance(error, ProviderUnreachable)
    assert (error.reason, error.ambiguous, error.retryable, error.status) == ("connection_failed", False, True, None)
    assert "Atlas Cloud: POST /api/v1/sd/assets: no connection" in str(error)


def test_unknown_host_fails_before_sending(open_: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*words: object, **options: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = refused(open_("atlas", endpoint="https://nowhere.example"))
    assert (error.reason, error.ambiguous) == ("connection_failed", False)
    assert "the host is not known" in str(error)


def test_invalid_host_name_fails_before_sending(open_: Open) -> None:
    error = refused(open_("atlas", endpoint="https://" + "a" * 64 + ".b"))
    assert (error.reason, error.ambiguous) == ("connection_failed", False)


def test_port_without_tls_fails_before_sending(server: Recorder, open_: Open) -> None:
    error = refused(open_("atlas", endpoint=server.url.replace("http://", "https://")))
    assert (error.reason, error.ambiguous, error.retryable) == ("tls_failed", False, False)


def test_lost_connection_after_sending_is_ambiguous(server: Recorder, open_: Open) -> None:
    provider = open_("atlas")
    server.respond(b"", lost=True)
    error = refused(provider)
    assert (error.reason, error.ambiguous, error.retryable) == ("connection_lost", True, True)
    assert len(server.requests) == 1, "and it was not sent again"
    server.respond(b"", lost=True)
    with pytest.raises(ProviderUnreachable) as caught:
        provider.get("1")
    assert not caught.value.ambiguous


def test_connection_lost_within_the_response_is_ambiguous(server: Recorder, open_: Open) -> None:
    server.respond(b'{"code":"200"', headers={"Content-Length": "1000", "Connection": "close"})
    error = refused(open_("atlas"))
    assert error.ambiguous


def test_missing_response_times_out_as_ambiguous(server: Recorder, open_: Open) -> None:
    server.respond({}, wait=1.0)
    error = refused(open_("atlas", timeout=(1.0, 0.2)))
    assert (error.reason, error.ambiguous, error.retryable) == ("timed_out", True, True)


def test_trickled_body_ends_at_the_deadline(server: Recorder, open_: Open) -> None:
    server.respond(b"{" + b" " * 500, slow=0.05)
    begun = time.monotonic()
    error = refused(open_("atlas", timeout=(1.0, 0.25)))
    assert (error.reason, error.ambiguous) == ("timed_out", True)
    assert time.monotonic() - begun < 15


def test_answer_without_end_is_not_read(server: Recorder, open_: Open) -> None:
    server.respond(b"[" + b" " * (MAX_RESPONSE_BYTES + 1))
    error = refused(open_("atlas"))
    assert (error.reason, error.ambiguous) == ("response_invalid", True)
    assert "longer than 4,194,304 bytes" in str(error)
    assert not error.retryable


def test_reading_may_be_repeated_after_an_answer_that_cannot_be_read(server: Recorder, open_: Open) -> None:
    server.respond(b"[" + b" " * (MAX_RESPONSE_BYTES + 1))
    with pytest.raises(UnusableAnswer) as raised:
        open_("atlas").get("1")
    assert raised.value.retryable


def test_compressed_response_is_limited_by_its_decoded_size(server: Recorder, open_: Open) -> None:
    provider = open_("atlas")
    server.respond(gzip.compress(b" " * (MAX_RESPONSE_BYTES * 4)), headers={"Content-Encoding": "gzip"})
    assert "longer than" in str(refused(provider))
    server.respond(gzip.compress(b'{"code":200,"data":{"id":1}}'), headers={"Content-Encoding": "gzip"})
    assert provider.get("1").id == "1"
    assert server.last.headers["accept-encoding"] == "identity"
    server.respond(b"not packed", headers={"Content-Encoding": "gzip"})
    assert refused(provider).reason == "response_invalid"


def test_status_counts_although_the_body_cannot_be_decoded(server: Recorder, open_: Open) -> None:
    provider = open_("atlas")
    for status, reason in ((200, "response_invalid"), (302, "redirected"), (429, "rate_limited"), (502, "server")):
        server.respond(b"\x1b\x00", status, headers={"Content-Encoding": "br"})
        assert refused(provider).reason == reason


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "it is empty"),
        (b"  <!doctype html><p>Sign in", "it is a web page"),
        (b"[]", "it is not a JSON object"),
        (b'"ok"', "it is not a JSON object"),
        (b"{", "it is not a JSON object"),
        (b'{"a":' * 100_000, "it is not a JSON object"),
        (b'{"a": ' + b"9" * 5000 + b"}", "it is not a JSON object"),
        (b"\xff\xfe\x00", "it is not a JSON object"),
    ],
)
def test_body_that_is_not_a_json_object_is_refused(body: bytes, what: str, server: Recorder, open_: Open) -> None:
    server.respond(body)
    error = refused(open_("sunra"))
    assert (error.reason, error.ambiguous, error.retryable) == ("response_invalid", True, False)
    assert what in str(error)


def test_call_that_reads_may_be_repeated_after_an_unusable_answer(server: Recorder, open_: Open) -> None:
    provider = open_("atlas")
    for status, is_retryable in ((200, True), (500, True), (404, False)):
        server.respond(b"<html>gateway", status)
        with pytest.raises(ProviderError) as caught:
            provider.get("1")
        assert (caught.value.retryable, caught.value.ambiguous) == (is_retryable, False)
    server.respond(b"<html>gateway")
    assert not refused(provider).retryable


def test_calls_share_connections(server: Recorder, open_: Open) -> None:
    provider = open_("atlas")
    for _ in range(5):
        server.respond({"code": 200, "data": {"id": 1, "status": "active"}})
        provider.get("1")
    assert server.connections == 1


def test_many_threads_share_a_provider(server: Recorder, open_: Open) -> None:
    provider = open_("atlas")
    for _ in range(16):
        server.respond({"code": 200, "data": {"id": 1}})
    threads = [threading.Thread(target=provider.get, args=(str(number),)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(asked.path.rpartition("/")[2]) for asked in server.requests) == list(range(16))


def test_environment_is_ignored(server: Recorder, open_: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    server.respond({"code": 200, "data": {"id": 1}})
    open_("atlas").get("1")
    assert server.last.headers["authorization"] == f"Bearer {KEY}"
    assert "cookie" not in server.last.headers


def test_cookies_are_not_kept(server: Recorder, open_: Open) -> None:
    provider = open_("atlas")
    for _ in range(2):
        server.respond({"code": 200, "data": {"id": 1}}, headers={"Set-Cookie": "a=b"})
        provider.get("1")
    assert "cookie" not in server.last.headers


def test_proxy_is_used_where_it_is_asked_for(server: Recorder, open_: Open) -> None:
    server.respond({"code": 200, "data": {"id": 1}})
    open_("atlas", endpoint="http://127.0.0.1:1", proxy=f"http://user:pw@127.0.0.1:{server.port}").get("1")
    assert server.last.target == "http://127.0.0.1:1/api/v1/sd/assets/1"


def test_unreachable_proxy_fails_without_showing_its_password(open_: Open) -> None:
    error = refused(open_("atlas", proxy=f"http://user:hunter2@127.0.0.1:{free_port()}", endpoint="https://h.example"))
    assert (error.reason, error.ambiguous) == ("connection_failed", False)
    assert "proxy" in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "127.0.0.1:8080", ""])
def test_invalid_proxy_is_refused(proxy: str, open_: Open) -> None:
    with pytest.raises(UsageError, match="proxy="):
        open_("atlas", proxy=proxy)


def test_upload_of_a_truncated_file_raises_source_changed(server: Recorder, open_: Open) -> None:
    with pytest.raises(SourceChanged):
        open_("atlas").api.upload(io.BytesIO(b"short"), 500, "a.png", "image/png")


def test_middleware_sees_every_call_and_its_error(server: Recorder, open_: Open) -> None:
    seen: list[object] = []

    @contextmanager
    def middleware(action: str) -> Iterator[None]:
        seen.append((action, len(server.requests)))
        try:
            yield
        except ProviderError as error:
            seen.append(error.reason)
            raise

    provider = open_("atlas", middleware=middleware)
    server.respond({"code": 200, "data": {"id": 1}})
    provider.get("1")
    server.respond({}, 429)
    with pytest.raises(RateLimited):
        register(provider)
    assert seen == [("get", 0), ("register", 1), "rate_limited"]


def test_nothing_is_logged(server: Recorder, open_: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider = open_("crun")
    server.respond({"code": 200, "data": {"AssetId": "a1"}})
    provider.get("a1")
    server.respond(b"", lost=True)
    refused(provider)
    assert not caplog.records


def test_asset_shows_no_key_that_the_answer_repeats(server: Recorder, open_: Open) -> None:
    fields = {"name": f"a {KEY}", "url": f"https://h.example/{KEY}", "ark_asset_id": f"asset-{KEY}", "status": "active"}
    server.respond({"code": 200, "data": {"id": 1, **fields}})
    asset = open_("atlas").get("1")
    assert KEY not in repr(asset)
    assert (asset.name, asset.url, asset.reference) == ("a …", "https://h.example/…", "asset://asset-…")
