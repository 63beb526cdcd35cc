"""An S3 bucket: the file is put there under its digest and given a presigned URL."""

from __future__ import annotations

import base64
import os
from typing import Any, Final
from urllib.parse import urlsplit

from preflight.errors import MissingExtra, SourceChanged, SourceError, UsageError
from preflight.hosts import Hashing, LocalFile
from preflight.net.redact import redact, redact_text

LEAST: Final = 6 * 3600
"""Seconds that a URL works at least: longer than any provider takes to fetch it."""
MOST: Final = 7 * 86_400
"""Seconds that a URL can work at most (Signature Version 4)."""
_SPARE: Final = 3600.0


class S3Host:
    """`s3://bucket/prefix`, with boto3 and its usual configuration (profile, region, `AWS_ENDPOINT_URL`).

    Keys that end (of a role, of STS) end their URLs with them, whatever those say.
    """

    def __init__(self, place: str, lasting: float = 0.0, client: Any = None) -> None:
        """lasting: s that a run may poll: a URL outlives that."""
        parts = urlsplit(place)
        if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
            raise UsageError(f"--host {redact(place)}: write s3://bucket/prefix")
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._expires = int(min(max(LEAST, lasting + _SPARE), MOST))
        self._client = client or _client()

    def put(self, file: LocalFile) -> str:
        """Upload the file unless it is there; gives a presigned GET URL. Raises `SourceError`, `SourceChanged`."""
        from botocore.exceptions import BotoCoreError, ClientError

        name = f"{file.sha256}{os.path.splitext(file.name)[1].lower()}"
        where = {"Bucket": self._bucket, "Key": "/".join(filter(None, (self._prefix, name)))}
        try:
            if not self._there(where, file.size):
                self._upload(where, file)
            url: str = self._client.generate_presigned_url("get_object", Params=where, ExpiresIn=self._expires)
        except (BotoCoreError, ClientError) as error:
            said = redact_text(str(error))
            text = f"{file.name} cannot be put into the bucket {self._bucket}: {said}: check the bucket and the keys"
            raise SourceError("upload_failed", text) from None
        return url

    def _upload(self, where: dict[str, str], file: LocalFile) -> None:
        """The store compares the digest too, so that nothing else ever stands under it."""
        digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
        with Hashing(file) as stream:
            self._client.put_object(
                **where, Body=stream, ContentLength=file.size, ContentType=file.mime, ChecksumSHA256=digest
            )
            try:
                stream.confirm()
            except SourceChanged:
                self._client.delete_object(**where)
                raise

    def _there(self, where: dict[str, str], size: int) -> bool:
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
