"""A folder that is served already: the URL is checked to return these very bytes."""

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

_PIECE: Final = 1 << 20
_PATIENCE: Final = 300.0
"""Seconds for one file, which is read to its end."""


class PublicBase:
    """Files are found under a base URL by the end of their path: as much of it as the server has.

    `media/a/clip.mp4` is looked for as `media/a/clip.mp4`, `a/clip.mp4` and `clip.mp4`; where one file was found the
    next one is looked for first.
    """

    def __init__(self, base: str, http: HttpOptions) -> None:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"--public-base {redact(base)}: give the http(s) URL under which the files are served")
        self._base = base.rstrip("/")
        self._http = replace(http, timeout=max(http.timeout, _PATIENCE))
        self._above: tuple[str, ...] | None = None

    def put(self, file: LocalFile) -> str:
        """The file's URL; raises `SourceError` where it does not return the file's bytes."""
        tried = []
        for above, below in self._places(file.path):
            url = f"{self._base}/{quote('/'.join(below))}"
            try:
                if self._digest(url, file.size) == file.sha256:
                    self._above = above
                    return url
                tried.append(f"{redact(url)} has other bytes")
            except SourceError as error:
                tried.append(str(error))
        raise SourceError("download_failed", f"{file.name} is not served under --public-base: {'; '.join(tried)}")

    def _places(self, path: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Every way to cut a path into the folder that is served and what stands below it."""
        near = os.path.relpath(path)
        full = os.path.abspath(path) if near.startswith(os.pardir) else near
        parts = tuple(part for part in full.split(os.sep) if part)
        cuts = [(parts[:at], parts[at:]) for at in range(len(parts))]
        return sorted(cuts, key=lambda cut: cut[0] != self._above)

    def _digest(self, url: str, size: int) -> str:
        source = HttpSource(url, need=Need(frozenset(), max_bytes=size + _PIECE), options=self._http)
        try:
            digest, offset = hashlib.sha256(), 0
            while offset <= size and (piece := source.read_at(offset, _PIECE)):
                digest.update(piece)
                offset += len(piece)
            return digest.hexdigest()
        finally:
            source.close()
