"""Local files get a URL that returns these very bytes, in each of the ways."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from preflight.errors import SourceChanged, SourceError, UsageError
from preflight.hosts import HashingReader, Host, LocalFile, PublicBase, S3Host, UploadHost, open_host
from preflight.net.options import HttpOptions
from preflight.providers import PROVIDERS, open_provider
from preflight.sandbox import Sandbox
from tests.submission.sending import Sender, unique_picture
from tests.submission.web import Web, serving

NEAR = HttpOptions(allow_private=True)


def local(path: Path) -> LocalFile:
    data = path.read_bytes()
    return LocalFile(str(path), path.name, len(data), "image/png", hashlib.sha256(data).hexdigest())


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return unique_picture(tmp_path / "a picture.png")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox() as one:
        yield one


@pytest.fixture(scope="module")
def _web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def web(_web: Web) -> Web:
    _web.files.clear()
    _web.seen.clear()
    return _web


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI-not-a-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="media")
    return client


class TestUpload:
    def test_upload_host_returns_the_providers_url(self, box: Sandbox, picture: Path, tmp_path: Path) -> None:
        sender = Sender(box, "atlas", tmp_path)
        submission = sender.one(picture, host="atlas", name=sender.mark)
        assert submission.outcome == "active"
        (stored,) = sender.assets()
        assert requests.get(stored.url, timeout=5).content == picture.read_bytes()
        assert box.stats.calls["atlas", "upload"] == 1

    @pytest.mark.parametrize("fault", ["lose", "lose-after", "500", "503-after", "429", "html-after"])
    def test_upload_is_repeated_from_the_start_after_a_temporary_failure(
        self, box: Sandbox, picture: Path, tmp_path: Path, fault: str
    ) -> None:
        sender = Sender(box, "atlas", tmp_path)
        for call in (1,) if fault.startswith("html") else (1, 2):
            box.faults.on(fault, action="upload", provider="atlas", call=call)
        before = box.stats.calls["atlas", "upload"]
        submission = sender.one(picture, host="atlas", name=sender.mark)
        if fault.startswith("html"):  # an answer of something else, which the next attempt would get too
            assert (submission.outcome, submission.code) == ("error", "response_invalid")
            return
        assert submission.outcome == "active"
        assert box.stats.calls["atlas", "upload"] == before + 3
        (stored,) = sender.assets()
        assert requests.get(stored.url, timeout=5).content == picture.read_bytes()

    def test_upload_that_is_refused_is_not_repeated(self, box: Sandbox, picture: Path, tmp_path: Path) -> None:
        sender = Sender(box, "atlas", tmp_path)
        box.faults.on("422", action="upload", provider="atlas", call=1)
        before = box.stats.calls["atlas", "upload"]
        assert sender.one(picture, host="atlas", name=sender.mark).outcome == "error"
        assert box.stats.calls["atlas", "upload"] == before + 1
        assert sender.entries() == []

    def test_file_that_changed_since_it_was_checked_is_not_registered(
        self, box: Sandbox, picture: Path, tmp_path: Path
    ) -> None:
        file = local(picture)
        with open_provider(PROVIDERS["atlas"], box.key("atlas"), endpoint=box.endpoint("atlas")) as provider:
            host = UploadHost(provider)
            unique_picture(picture)
            with pytest.raises(SourceChanged):
                host.put(file)
            with picture.open("ab") as stream:
                stream.write(b"grown")
            with pytest.raises(SourceChanged):
                host.put(file)
            os.truncate(picture, 100)
            with pytest.raises(SourceChanged):
                host.put(file)
            picture.unlink()
            with pytest.raises(SourceError, match="cannot be read"):
                host.put(file)

    def test_provider_without_upload_is_refused(self) -> None:
        with open_provider(PROVIDERS["sunra"], "x" * 20) as provider:
            with pytest.raises(UsageError, match=r"Give host=s3://bucket/prefix, or, .* public_base="):
                open_host("atlas", None, provider, NEAR)
            with pytest.raises(UsageError, match="no upload endpoint"):
                UploadHost(provider)


class TestPublicBase:
    @pytest.mark.parametrize("below", ["media/sub/a picture.png", "sub/a picture.png", "a picture.png"])
    def test_file_is_found_by_the_end_of_its_path(
        self, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("media/sub").mkdir(parents=True)
        picture = unique_picture(Path("media/sub/a picture.png"))
        web.put(f"/base/{below.replace(' ', '%20')}", picture.read_bytes())
        url = PublicBase(f"{web.origin}/base", NEAR).put(local(picture))
        assert url == f"{web.origin}/base/{below.replace(' ', '%20')}"

    def test_next_file_is_looked_for_where_the_last_one_was(
        self, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("media").mkdir()
        host = PublicBase(f"{web.origin}/", NEAR)
        for name in ("1.png", "2.png"):
            web.put(f"/{name}", unique_picture(Path("media") / name).read_bytes())
            host.put(local(Path("media") / name))
        assert web.seen["/media/1.png"] == 2  # with Range, then plainly, which decides
        assert web.seen["/media/2.png"] == 0

    def test_other_bytes_are_refused(self, web: Web, picture: Path) -> None:
        file = local(picture)
        web.put(f"/{picture.name.replace(' ', '%20')}", picture.read_bytes() + b"\0")
        with pytest.raises(SourceError, match="is not served under http") as raised:
            PublicBase(web.origin, NEAR).put(file)
        assert raised.value.code == "download_failed"

    def test_large_files_are_read_to_their_end(self, web: Web, tmp_path: Path) -> None:
        large = tmp_path / "large.bin"
        large.write_bytes(os.urandom(1 << 20) * 20)
        web.put("/large.bin", large.read_bytes())
        assert PublicBase(web.origin, NEAR).put(local(large)).endswith("/large.bin")
        web.put("/large.bin", large.read_bytes()[:-1] + b"x")
        with pytest.raises(SourceError, match="other bytes"):
            PublicBase(web.origin, NEAR).put(local(large))

    @pytest.mark.parametrize(
        "base",
        ["cdn.example.com", "ftp://x/", "https://x/?signed=1", "/media", "http://[", "http://[x]/", "http://x:y"],
    )
    def test_invalid_public_base_is_refused(self, base: str) -> None:
        with pytest.raises(UsageError, match="public_base="):
            PublicBase(base, NEAR)

    def test_password_in_public_base_is_never_shown(self, picture: Path) -> None:
        with pytest.raises(SourceError) as raised:
            PublicBase("http://me:secret-word@127.0.0.1:1/", HttpOptions(timeout=2)).put(local(picture))
        assert "secret-word" not in str(raised.value)

    def test_run_hosts_files_in_the_bucket(self, web: Web, tmp_path: Path) -> None:
        with Sandbox(trusted=[web.origin]) as box:
            sender = Sender(box, "crun", tmp_path)
            picture = sender.picture()
            web.put(f"/{picture.name}", picture.read_bytes())
            submission = sender.one(picture, host=None, public_base=web.origin)
            assert submission.outcome == "active"
            assert sender.assets()[0].url == f"{web.origin}/{picture.name}"


class TestS3:
    def test_object_key_is_the_digest_and_the_url_is_presigned(self, client: Any, picture: Path) -> None:
        file = local(picture)
        url = S3Host("s3://media/some/prefix", max_poll_time=10 * 3600).put(file)
        assert requests.get(url, timeout=5).content == picture.read_bytes()
        assert urlsplit(url).path == f"/media/some/prefix/{file.sha256}.png"
        query = parse_qs(urlsplit(url).query)
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert int(query["X-Amz-Expires"][0]) == 11 * 3600
        assert client.head_object(Bucket="media", Key=f"some/prefix/{file.sha256}.png")["ContentType"] == "image/png"

    @pytest.mark.parametrize(("lasting", "hours"), [(0, 6), (900, 6), (86_400, 25), (10**9, 168)])
    def test_presigned_url_works_longer_than_the_poll(self, client: Any, lasting: float, hours: int) -> None:
        assert S3Host("s3://media", lasting, client)._expires == hours * 3600

    def test_existing_object_is_not_uploaded_again(self, client: Any, picture: Path) -> None:
        host = S3Host("s3://media", client=client)
        first = host.put(local(picture))
        sent = []
        client.meta.events.register("before-call.s3.PutObject", lambda **_: sent.append(1))
        assert urlsplit(host.put(local(picture))).path == urlsplit(first).path
        assert sent == []

    def test_file_that_changed_since_it_was_checked_does_not_stay_there(self, client: Any, picture: Path) -> None:
        file = local(picture)
        unique_picture(picture)
        with pytest.raises(SourceError):
            S3Host("s3://media", client=client).put(file)
        listed = client.list_objects_v2(Bucket="media").get("Contents", [])
        assert f"{file.sha256}.png" not in {each["Key"] for each in listed}

    def test_s3_errors_do_not_show_keys(self, client: Any, picture: Path) -> None:
        with pytest.raises(SourceError, match=r"cannot be put into the bucket nowhere.*Check the bucket") as raised:
            S3Host("s3://nowhere").put(local(picture))
        assert raised.value.code == "upload_failed"
        assert "wJalrXUtnFEMI" not in str(raised.value)

    def test_missing_s3_credentials_are_reported(
        self, client: Any, picture: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(SourceError, match="Check the bucket and the keys"):
            S3Host("s3://media").put(local(picture))

    @pytest.mark.parametrize(
        "place", ["s3://", "s3:///prefix", "s3://key:word@bucket/x", "s3://bucket/x?y=1", "s3://["]
    )
    def test_invalid_bucket_is_refused(self, client: Any, place: str) -> None:
        with pytest.raises(UsageError, match="Give host=s3://bucket/prefix") as raised:
            S3Host(place, client=client)
        assert "word" not in str(raised.value)

    def test_run_hosts_files_in_the_bucket(self, client: Any, endpoint: str, tmp_path: Path) -> None:
        with Sandbox(trusted=[endpoint]) as box:
            sender = Sender(box, "sunra", tmp_path)
            submission = sender.one(sender.picture(), host="s3://media/run")
            assert submission.outcome == "active"
            (stored,) = sender.assets()
            assert stored.url.startswith(f"{endpoint}/media/run/")
            assert "Signature" in stored.url
            assert b"X-Amz-Signature" not in (tmp_path / "ledger.sqlite").read_bytes()


class TestOwn:
    def test_any_object_with_put_is_a_host(self, box: Sandbox, tmp_path: Path) -> None:
        seen: list[LocalFile] = []

        class Mine:
            def put(self, file: LocalFile) -> str:
                seen.append(file)
                return box.host(file.path, "with its own name.png")

        host: Host = Mine()
        sender = Sender(box, "crun", tmp_path)
        picture = sender.picture()
        assert sender.one(picture, host=host).outcome == "active"
        (file,) = seen
        assert (file.path, file.name, file.mime) == (str(picture), picture.name, "image/png")
        assert file.sha256 == hashlib.sha256(picture.read_bytes()).hexdigest()
        assert file.size == picture.stat().st_size

    def test_upload_without_url_is_unusable(self, box: Sandbox, tmp_path: Path) -> None:
        class Mine:
            def put(self, file: LocalFile) -> str:
                return f"file://{file.path}"

        sender = Sender(box, "crun", tmp_path)
        with pytest.raises(UsageError, match="fetches by http"):
            sender.one(sender.picture(), host=Mine())


class TestHashing:
    def test_hash_covers_the_last_pass(self, picture: Path) -> None:
        """A client reads a file for a checksum, goes back, and sends what then stands there."""
        file = local(picture)
        with HashingReader(file) as stream:
            stream.read()
            stream.seek(0)
            with picture.open("r+b") as other:
                other.seek(60)
                other.write(b"changed")
            BytesIO().write(stream.read())
            with pytest.raises(SourceChanged):
                stream.require_unchanged()

    def test_chunked_reads_seeks_and_rewinds_keep_the_hash(self, picture: Path) -> None:
        with HashingReader(local(picture)) as stream:
            assert stream.seek(0, 2) == picture.stat().st_size
            stream.seek(0)
            stream.read(10)
            stream.seek(0)
            while stream.read(100):
                pass
            stream.require_unchanged()
            assert stream.tell() == picture.stat().st_size
