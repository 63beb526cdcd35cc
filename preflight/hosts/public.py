"""A folder that is served already: the URL is checked to return exactly the same bytes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import Final
from urllib.parse import quote, urlsplit

from preflight.errors import SourceError, UsageError
from preflight.hosts import LocalFile
from preflight.media import Need
from preflight.net.options import HttpOptions
from preflight.net.redact import redact
from preflight.sources.http import HttpSource

_CHUNK_SIZE: Final = 1 << 20
_FILE_TIMEOUT: Final = 300.0
"""Seconds for one file, which is read to its end."""


class PublicBase:
    """A base URL under which files are found by the longest end of their path that the server has.

    `media/a/clip.mp4` is looked for as `media/a/clip.mp4`, `a/clip.mp4` and `clip.mp4`; the split that found one
    file is tried first for the next.
    """

    def __init__(self, base: str, http: HttpOptions) -> None:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(
                f"public_base={redact(base)} is not a base URL. Give the http(s) URL under which the files are served.",
                parameters=("public_base",),
            )
        self._base = base.rstrip("/")
        self._http = replace(http, timeout=max(http.timeout, _FILE_TIMEOUT))
        self._above: tuple[str, ...] | None = None

    def put(self, file: LocalFile) -> str:
        """Return the file's URL. Raise `SourceError` if it does not return the file's bytes."""
        tried = []
        for above, below in self._splits(file.path):
            url = f"{self._base}/{quote('/'.join(below))}"
            try:
                if self._digest(url, file.size) == file.sha256:
                    self._above = above
                    return url
                tried.append(f"{redact(url)} has other bytes.")
            except SourceError as error:
                tried.append(str(error))
        raise SourceError("download_failed", f"{file.name} is not served under public_base: {' '.join(tried)}")

    def _splits(self, path: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Return all splits of a path into the served folder and the path below it."""
        near = os.path.relpath(path)
        full = os.path.abspath(path) if near.startswith(os.pardir) else near
        parts = tuple(part for part in full.split(os.sep) if part)
        splits = [(parts[:index], parts[index:]) for index in range(len(parts))]
        return sorted(splits, key=lambda split: split[0] != self._above)

    def _digest(self, url: str, size: int) -> str:
        source = HttpSource(url, need=Need(frozenset(), max_bytes=size + _CHUNK_SIZE), options=self._http)
        try:
            digest, offset = hashlib.sha256(), 0
            while offset <= size and (chunk := source.read_at(offset, _CHUNK_SIZE)):
                digest.update(chunk)
                offset += len(chunk)
            return digest.hexdigest()
        finally:
            source.close()
