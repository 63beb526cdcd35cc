"""The provider's own upload endpoint."""

from __future__ import annotations

from typing import BinaryIO, cast

from preflight.errors import UsageError
from preflight.hosts import Hashing, LocalFile
from preflight.providers import Provider


class UploadHost:
    """Uploads each file to the provider itself, which gives a URL for it."""

    def __init__(self, provider: Provider) -> None:
        if "upload" not in provider.can:
            raise UsageError(f"{provider.title} has no upload of its own: host files with s3://… or --public-base")
        self._provider = provider

    def put(self, file: LocalFile) -> str:
        """Upload the file; raises `SourceChanged` where it is no longer what was checked."""
        with Hashing(file) as stream:
            url = self._provider.upload(cast("BinaryIO", stream), file.size, file.name, file.mime)
            stream.confirm()
        return url
