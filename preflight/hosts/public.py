"""A folder that is served already: the URL is checked to return these very bytes."""

from __future__ import annotations

import hashlib
import os
from urllib.parse import quote, urljoin, urlsplit

from preflight.errors import SourceError, UsageError
from preflight.hosts import LocalFile
from preflight.media import Need
from preflight.sources.http import HttpSource
from preflight.sources.options import HttpOptions

_PIECE = 1 << 20


class PublicBase:
    """Files are found under a base URL by their path below the working directory, or by their name alone."""

    def __init__(self, base: str, http: HttpOptions) -> None:
        if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).hostname:
            raise UsageError(f"--public-base {base}: give the http(s) URL under which the files are served")
        self._base = base if base.endswith("/") else f"{base}/"
        self._http = http

    def put(self, file: LocalFile) -> str:
        """The file's URL; raises `SourceError` where it does not return the file's bytes."""
        path = os.path.relpath(file.path)
        inside = path if not path.startswith(os.pardir) and not os.path.isabs(path) else file.name
        tried = []
        for place in dict.fromkeys((inside, file.name)):
            url = urljoin(self._base, quote(place.replace(os.sep, "/")))
            try:
                if self._digest(url, file.size) == file.sha256:
                    return url
                tried.append(f"{url} has other bytes")
            except SourceError as error:
                tried.append(str(error))
        raise SourceError("download_failed", f"{file.name} is not served under --public-base: {'; '.join(tried)}")

    def _digest(self, url: str, size: int) -> str:
        source = HttpSource(url, need=Need(frozenset(), max_bytes=size + _PIECE), options=self._http)
        try:
            digest, offset = hashlib.sha256(), 0
            while piece := source.read_at(offset, _PIECE):
                digest.update(piece)
                offset += len(piece)
                if offset > size:
                    break
            return digest.hexdigest()
        finally:
            source.close()
