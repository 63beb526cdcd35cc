"""An S3 bucket: the file is put there under its digest and given a presigned URL."""

from __future__ import annotations

import os
from typing import Any, Final
from urllib.parse import urlsplit

from preflight.errors import MissingExtra, SourceError, UsageError
from preflight.hosts import Hashing, LocalFile

EXPIRES: Final = 6 * 3600
"""Seconds that a URL works: longer than any provider takes to fetch it, and than a run polls."""


class S3Host:
    """`s3://bucket/prefix`, with boto3 and its usual configuration (profile, region, `AWS_ENDPOINT_URL`)."""

    def __init__(self, place: str, client: Any = None) -> None:
        parts = urlsplit(place)
        if not parts.netloc:
            raise UsageError(f"--host {place}: write s3://bucket/prefix")
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._client = client or _client()

    def put(self, file: LocalFile) -> str:
        """Upload the file unless it is there; gives a presigned GET URL. Raises `SourceError`, `SourceChanged`."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        name = f"{file.sha256}{os.path.splitext(file.name)[1].lower()}"
        where = {"Bucket": self._bucket, "Key": "/".join(filter(None, (self._prefix, name)))}
        try:
            if not self._there(where, file.size):
                with Hashing(file) as stream:
                    self._client.upload_fileobj(stream, *where.values(), ExtraArgs={"ContentType": file.mime})
                    try:
                        stream.confirm()
                    except SourceError:
                        self._client.delete_object(**where)
                        raise
            url: str = self._client.generate_presigned_url("get_object", Params=where, ExpiresIn=EXPIRES)
        except (Boto3Error, BotoCoreError, ClientError) as error:
            text = f"{file.name} cannot be put into the bucket {self._bucket}: {error}: check the bucket and the keys"
            raise SourceError("upload_failed", text) from None
        return url

    def _there(self, where: dict[str, str], size: int) -> bool:
        from botocore.exceptions import ClientError

        try:
            return bool(self._client.head_object(**where)["ContentLength"] == size)
        except ClientError:
            return False


def _client() -> Any:
    try:
        import boto3
    except ImportError:
        raise MissingExtra("hosting files at s3://", "s3") from None
    return boto3.client("s3")
