"""Give local files a URL, because services accept only URLs: one class for each way, with one method (`Host.put`)."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final, Protocol, cast
from urllib.parse import SplitResult, quote, urlsplit

from preflight.errors import MissingExtra, ProviderError, SourceChanged, SourceError, UsageError
from preflight.media import Need
from preflight.net.certificates import TrustedAuthorities
from preflight.net.options import DEFAULT_OPTIONS, HttpOptions
from preflight.net.redact import redact, redact_text
from preflight.providers import Provider, UploadsFiles
from preflight.retry import Backoff, RetryPolicy, retry


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that was checked and is to be hosted.

    sha256     64 hex digits of the checked bytes: a host sends exactly these, or raises `SourceChanged`
    temporary  it was fixed, and is deleted when `Host.put` returns
    """

    path: str
    name: str
    size: int
    mime: str
    sha256: str
    temporary: bool = False


class Host(Protocol):
    """A way to give a local file a URL. Any object with this method can be used."""

    def put(self, file: LocalFile) -> str:
        """Make the file's bytes reachable; return the URL, which works for as long as a provider may fetch it."""
        ...


class HashingReader:
    """Reads and hashes a file, to verify that its bytes are those that were checked.

    A pass that begins again at the start, for a checksum or a retry, is hashed again: the last pass counts.
    """

    def __init__(self, file: LocalFile) -> None:
        self._file = file
        try:
            self._stream = open(file.path, "rb")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise SourceError("unreadable", f"{file.path} cannot be read ({error.strerror}). Check the file.") from None
        self._hash = hashlib.sha256()
        self._hashed = 0

    def __enter__(self) -> HashingReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        """Read as a file does."""
        offset = self._stream.tell()
        data = self._stream.read(size)
        if offset == 0 and data:
            self._hash, self._hashed = hashlib.sha256(), 0
        if offset == self._hashed:
            self._hash.update(data)
            self._hashed += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek as a file does."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the position as a file does."""
        return self._stream.tell()

    def require_unchanged(self) -> None:
        """Read the rest of the file. Raise `SourceChanged` unless the last pass read exactly the checked bytes."""
        self.seek(self._hashed)
        while self.read(1 << 20):
            pass
        if self._hash.hexdigest() != self._file.sha256:
            raise SourceChanged(self._file.name)


_CHUNK_SIZE: Final = 1 << 20
_FILE_TIMEOUT: Final = 300.0
"""Seconds for one file, which is read to its end."""


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL; None if it has no host, or if its host or port cannot be read."""
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_usable else None


class PublicBase:
    """A base URL under which files are found by the longest end of their path that the server has.

    `media/a/clip.mp4` is looked for as `media/a/clip.mp4`, `a/clip.mp4` and `clip.mp4`; the split that found one
    file is tried first for the next.
    """

    def __init__(self, base: str, http: HttpOptions) -> None:
        parts = _split(base)
        if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
            raise UsageError(
                f"public_base={redact(base)} is not a base URL. Give the http(s) URL under which the files are served.",
                parameters=("public_base",),
            )
        self._base = base.rstrip("/")
        self._http = replace(http, timeout=max(http.timeout, _FILE_TIMEOUT))
        self._above: tuple[str, ...] | None = None

    def put(self, file: LocalFile) -> str:
        """Return the file's URL. Raise `SourceError` if it does not return the file's bytes."""
        if file.temporary:
            raise SourceError("not_hosted", f"{file.name} was fixed just now, and is not served yet. Give host=.")
        tried = []
        for above, below in self._splits(file.path):
            url = f"{self._base}/{quote('/'.join(below))}"
            try:
                if self._digest(url, file.size) == file.sha256:
                    self._above = above
                    return url
                tried.append(f"{redact(url)} has other bytes. Upload the file again.")
            except SourceError as error:
                tried.append(str(error))
        text = f"{file.name} is not served under {redact(self._base)}: {' '.join(tried)}"
        raise SourceError("download_failed", text)

    def _splits(self, path: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Return all splits of a path into the served folder and the path below it."""
        near = os.path.relpath(path)
        full = os.path.abspath(path) if near.startswith(os.pardir) else near
        parts = tuple(part for part in full.split(os.sep) if part)
        splits = [(parts[:index], parts[index:]) for index in range(len(parts))]
        return sorted(splits, key=lambda split: split[0] != self._above)

    def _digest(self, url: str, size: int) -> str:
        from preflight.sources.http import HttpSource  # loads the HTTP library

        source = HttpSource(url, need=Need(frozenset(), max_bytes=size + _CHUNK_SIZE), options=self._http)
        try:
            digest, offset = hashlib.sha256(), 0
            while offset <= size and (chunk := source.read_at(offset, _CHUNK_SIZE)):
                digest.update(chunk)
                offset += len(chunk)
            return digest.hexdigest()
        finally:
            source.close()


MIN_EXPIRY: Final = 6 * 3600
"""Minimum seconds that a URL works: longer than any provider takes to fetch it."""
MAX_EXPIRY: Final = 7 * 86_400
"""Maximum seconds that a URL can work (Signature Version 4)."""
_EXPIRY_MARGIN: Final = 3600.0


class S3Host:
    """`s3://bucket/prefix`, with boto3 and its usual configuration (profile, region, `AWS_ENDPOINT_URL`).

    URLs signed with temporary keys (of a role, of STS) expire with the keys, whatever expiry they state.
    """

    def __init__(
        self, location: str, max_poll_time: float = 0.0, client: Any = None, http: HttpOptions = DEFAULT_OPTIONS
    ) -> None:
        """Prepare URLs that work for longer than `max_poll_time`, the seconds that a run may poll.

        http  its proxy and CA bundle are used for uploads
        """
        parts = _split(location)
        if parts is None or "@" in parts.netloc or parts.query or parts.fragment:
            raise UsageError(
                f"host={redact(location)} is not a bucket. Give host=s3://bucket/prefix.", parameters=("host",)
            )
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._expires = int(min(max(MIN_EXPIRY, max_poll_time + _EXPIRY_MARGIN), MAX_EXPIRY))
        self._client = client or _client(http)

    def put(self, file: LocalFile) -> str:
        """Upload the file unless it is there; return a presigned GET URL. Raise `SourceError`, `SourceChanged`."""
        from botocore.exceptions import BotoCoreError, ClientError

        name = f"{file.sha256}{os.path.splitext(file.name)[1].lower()}"
        where = {"Bucket": self._bucket, "Key": "/".join(filter(None, (self._prefix, name)))}
        try:
            if not self._exists(where, file.size):
                self._upload(where, file)
            url: str = self._client.generate_presigned_url("get_object", Params=where, ExpiresIn=self._expires)
        except (BotoCoreError, ClientError) as error:
            detail = redact_text(str(error))
            text = f"{file.name} cannot be put into the bucket {self._bucket}: {detail}. Check the bucket and the keys."
            raise SourceError("upload_failed", text) from None
        return url

    def _upload(self, where: dict[str, str], file: LocalFile) -> None:
        """Put the file with its digest, which the store compares: nothing else is ever stored under it."""
        digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
        with HashingReader(file) as stream:
            self._client.put_object(
                **where, Body=stream, ContentLength=file.size, ContentType=file.mime, ChecksumSHA256=digest
            )
            try:
                stream.require_unchanged()
            except SourceChanged:
                self._client.delete_object(**where)
                raise

    def _exists(self, where: dict[str, str], size: int) -> bool:
        from botocore.exceptions import ClientError

        try:
            return bool(self._client.head_object(**where)["ContentLength"] == size)
        except ClientError:
            return False


def _client(http: HttpOptions) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise MissingExtra("hosting files at s3://", "s3") from None
    proxies = None if http.proxy is None else dict.fromkeys(("http", "https"), http.proxy)
    bundle = http.ca_bundle
    if bundle is None and "AWS_CA_BUNDLE" not in os.environ:  # which boto3 reads itself
        bundle = TrustedAuthorities.choose(None).path
    # A session of its own: the shared one keeps the keys that it found first.
    return boto3.session.Session().client("s3", config=Config(signature_version="s3v4", proxies=proxies), verify=bundle)


_UPLOADS: Final = RetryPolicy(attempts=4, backoff=Backoff(first=1.0, factor=2.0, maximum=10.0), max_retry_after=60.0)


class UploadHost:
    """Uploads each file to the provider itself, which returns a URL for it.

    An upload that fails temporarily is repeated: if it took effect after all, an unused file is left there.
    """

    def __init__(self, provider: Provider) -> None:
        if not isinstance(provider.api, UploadsFiles):
            raise UsageError(
                f"{provider.title} has no upload endpoint. Give host=s3://bucket/prefix or public_base=.",
                parameters=("host", "public_base"),
            )
        self._api = provider.api
        self._clock = provider.clock

    def put(self, file: LocalFile) -> str:
        """Upload the file. Raise `SourceChanged` if it has changed since the check."""
        with HashingReader(file) as stream:

            def upload() -> str:
                stream.seek(0)
                return self._api.upload(cast("BinaryIO", stream), file.size, file.name, file.mime)

            url = retry(
                upload,
                _UPLOADS,
                errors=ProviderError,
                is_transient=lambda error: error.retryable and error.reason != "connection_failed",
                clock=self._clock,
            )
            stream.require_unchanged()
        return url


def open_host(
    host: str | Host | None, public_base: str | None, provider: Provider, http: HttpOptions, max_poll_time: float = 0.0
) -> Host | None:
    """Return the chosen way to host local files; None if none is chosen. Raise `UsageError`, `MissingExtra`.

    max_poll_time  s that a run may poll: a URL works longer than that
    """
    if public_base is not None:
        return PublicBase(public_base, http)
    if not isinstance(host, str):
        return host
    if host.startswith("s3://"):
        return S3Host(host, max_poll_time, http=http)
    if host == provider.name:
        return UploadHost(provider)
    ways = [provider.name] if isinstance(provider.api, UploadsFiles) else []
    raise UsageError(
        f"{provider.title} has no host={redact(host)}. Give host={' or '.join([*ways, 's3://bucket/prefix'])}, or, if "
        "the files are served already, public_base=URL.",
        parameters=("host", "public_base"),
    )


def no_host_given(name: str) -> UsageError:
    """Return the error for a local file that is to be submitted without a host."""
    return UsageError(
        f"{name} is a local file, and services fetch by URL. Choose where it is hosted with host= or public_base=.",
        parameters=("host", "public_base"),
    )
