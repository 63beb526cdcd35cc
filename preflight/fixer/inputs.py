"""Give the engines a local file of any source: in place, or downloaded into a temporary folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from preflight.errors import SourceChanged, SourceError
from preflight.media import Need
from preflight.sources import Source
from preflight.sources.local import LocalSource
from preflight.sources.open import Target, display_name, is_url, open_source
from preflight.units import format_value

if TYPE_CHECKING:
    from preflight.net.options import HttpOptions

DEFAULT_MAX_SIZE: Final = 4 << 30
"""Bytes of a source that is downloaded, unless the caller allows more."""
_CHUNK_SIZE: Final = 8 << 20


class Input(NamedTuple):
    """A local file with the bytes of a source, and the source that reads it."""

    path: str
    source: LocalSource

    def verify(self) -> None:
        """Raise `SourceChanged` if the file is no longer the one that was opened, or has other bytes."""
        self.source.verify()
        try:
            now = os.stat(self.path)
        except OSError:
            raise SourceChanged(self.source.name) from None
        if not self.source.is_same_file(now):
            raise SourceChanged(self.source.name)


@contextmanager
def local_input(target: Target, http: HttpOptions | None, max_size: int) -> Iterator[Input]:
    """Open a target as a local file; what is no local file is copied, and removed at the end.

    Raise `SourceError` if it cannot be read, or has more than `max_size` bytes.
    """
    path = _path_of(target)
    if path is not None:
        source = LocalSource(path)
        try:
            yield Input(os.path.abspath(path), source)
        finally:
            source.close()
        return
    folder = tempfile.mkdtemp(prefix="preflight-fix-")
    try:
        copy = os.path.join(folder, "source")
        _download(target, http, max_size, copy)
        source = LocalSource(copy, display_name(target))
        try:
            yield Input(copy, source)
        finally:
            source.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _path_of(target: Target) -> str | None:
    if isinstance(target, os.PathLike):
        return os.fsdecode(target)
    return target if isinstance(target, str) and not is_url(target) else None


def _download(target: Target, http: HttpOptions | None, max_size: int, path: str) -> None:
    source = open_source(target, Need(max_bytes=max_size), http)
    try:
        with open(path, "xb") as file:
            for chunk in _chunks(source, max_size):
                file.write(chunk)
        source.verify()
    finally:
        source.close()


def _chunks(source: Source, max_size: int) -> Iterator[bytes]:
    offset = 0
    while chunk := source.read_at(offset, _CHUNK_SIZE):
        offset += len(chunk)
        if offset > max_size or (source.size or 0) > max_size:
            limit = format_value("size", max_size)
            message = f"{source.name} is larger than the {limit} that are downloaded. Give max_size= more bytes."
            raise SourceError("read_limit", message)
        yield chunk
