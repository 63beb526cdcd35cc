"""The provider's own upload endpoint."""

from __future__ import annotations

from typing import BinaryIO, cast

from preflight.errors import UsageError
from preflight.hosts import HashingReader, LocalFile
from preflight.providers import Provider, UploadsFiles


class UploadHost:
    """Uploads each file to the provider itself, which returns a URL for it."""

    def __init__(self, provider: Provider) -> None:
        if not isinstance(provider.api, UploadsFiles):
            raise UsageError(
                f"{provider.title} has no upload endpoint. Give host=s3://bucket/prefix or public_base=.",
                parameters=("host", "public_base"),
            )
        self._api = provider.api

    def put(self, file: LocalFile) -> str:
        """Upload the file. Raise `SourceChanged` if it has changed since the check."""
        with HashingReader(file) as stream:
            url = self._api.upload(cast("BinaryIO", stream), file.size, file.name, file.mime)
            stream.require_unchanged()
        return url
