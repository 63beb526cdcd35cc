"""An S3 bucket: the file is stored under its digest and gets a presigned URL."""

from __future__ import annotations

import base64
import os
from typing import Any, Final
from urllib.parse import urlsplit

from preflight.errors import MissingExtra, SourceChanged, SourceError, UsageError
from preflight.hosts import HashingReader, LocalFile
from preflight.net.redact import redact, redact_text

MIN_EXPIRY: Final = 6 * 3600
"""Minimum seconds that a URL works: longer than any provider takes to fetch it."""
MAX_EXPIRY: Final = 7 * 86_400
"""Maximum seconds that a URL can work (Signature Version 4)."""
_EXPIRY_MARGIN: Final = 3600.0


class S3Host:
    """`s3://bucket/prefix`, with boto3 and its usual configuration (profile, region, `AWS_ENDPOINT_URL`).

    URLs signed with temporary keys (of a role, of STS) expire with the keys, whatever expiry they state.
    """

    def __init__(self, location: str, max_poll_time: float = 0.0, client: Any = None) -> None:
        """Prepare URLs that work for longer than `max_poll_time`, the s that a run may poll."""
        parts = urlsplit(location)
        if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
            raise UsageError(
                f"host={redact(location)} is not a bucket. Give host=s3://bucket/prefix.", parameters=("host",)
            )
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._expires = int(min(max(MIN_EXPIRY, max_poll_time + _EXPIRY_MARGIN), MAX_EXPIRY))
        self._client = client or _client()

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


def _client() -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise MissingExtra("hosting files at s3://", "s3") from None
    # A session of its own: the shared one keeps the keys that it found first.
    return boto3.session.Session().client("s3", config=Config(signature_version="s3v4"))
