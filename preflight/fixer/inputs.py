"""Give Pillow and ffmpeg a local file of any source: in place, or downloaded into a temporary folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from preflight.clock import SYSTEM_CLOCK
from preflight.errors import OutputError, SourceChanged, SourceError, Stopped
from preflight.fixer.ffmpeg.progress import FileProgress
from preflight.fixer.hooks import NO_HOOKS, Hooks
from preflight.fixer.outputs import unfinished
from preflight.media import Need
from preflight.sources import Source
from preflight.sources.local import LocalSource
from preflight.sources.open import Target, display_name, is_url, open_source
from preflight.units import format_value

if TYPE_CHECKING:
    from preflight.net.options import HttpOptions

DEFAULT_MAX_SIZE: Final = 4 << 30
"""Default maximum bytes of a download."""
DOWNLOAD_TIMEOUT: Final = 3600.0
"""Default timeout (s) of a download."""
_CHUNK_SIZE: Final = 8 << 20
_MAX_READS: Final = 64
_LIMITS: Final = ("read_limit", "too_much_to_read")
"""Codes of errors at a source that has more bytes than may be read."""


class LocalInput(NamedTuple):
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
def open_local(
    target: Target, http: HttpOptions | None, max_size: int, hooks: Hooks = NO_HOOKS
) -> Iterator[LocalInput]:
    """Open a target as a local file; anything else is copied to a temporary file, which is removed at the end.

    Raise `SourceError` if it cannot be read, or has more than `max_size` bytes, `OutputError` if the disk is full,
    `Stopped`.
    """
    path = _path_of(target)
    if path is not None:
        source = LocalSource(path)
        try:
            yield LocalInput(os.path.abspath(path), source)
        finally:
            source.close()
        return
    with _TemporaryFolder() as folder:
        copy = os.path.join(folder.path, "source")
        _download(target, http, max_size, copy, hooks)
        source = LocalSource(copy, display_name(target))
        try:
            yield LocalInput(copy, source)
        finally:
            source.close()


class _TemporaryFolder:
    """A folder that is removed at the end, also if the process ends without waiting for its thread."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="preflight-fix-")

    def __enter__(self) -> _TemporaryFolder:
        unfinished.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def discard(self) -> None:
        """Remove the folder and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        unfinished.discard(self)


def _path_of(target: Target) -> str | None:
    if isinstance(target, os.PathLike):
        return os.fsdecode(target)
    return target if isinstance(target, str) and not is_url(target) else None


def _download(target: Target, http: HttpOptions | None, max_size: int, path: str, hooks: Hooks) -> None:
    began = SYSTEM_CLOCK.monotonic()
    source = open_source(target, Need(max_bytes=max_size), _with_time(http) if is_url(target) else None)
    try:
        with open(path, "xb") as file:
            for chunk in _chunks(source, max_size):
                file.write(chunk)
                if hooks.stop is not None and hooks.stop.is_set():
                    raise Stopped
                if hooks.on_progress is not None:
                    hooks.on_progress(_progress(file.tell(), source.size, SYSTEM_CLOCK.monotonic() - began))
        source.verify()
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from None
    finally:
        source.close()


def _progress(done: int, size: int | None, elapsed: float) -> FileProgress:
    """Return the progress of a download, without a fraction: most of the work on the file is still to come."""
    remaining = elapsed * max(0, size - done) / done if size is not None and done else None
    return FileProgress(None, None, remaining, None, done, elapsed)


def _with_time(http: HttpOptions | None) -> HttpOptions:
    """Return the options of a download, with a longer timeout than for probing unless the caller chose one."""
    from preflight.net.options import DEFAULT_OPTIONS

    options = http or DEFAULT_OPTIONS
    return replace(options, timeout=DOWNLOAD_TIMEOUT) if options.timeout == DEFAULT_OPTIONS.timeout else options


def _chunks(source: Source, max_size: int) -> Iterator[bytes]:
    """Yield the bytes of a source in a limited number of reads, since each may be a request."""
    offset, length = 0, _CHUNK_SIZE
    while True:
        try:
            chunk = source.read_at(offset, length)
        except SourceError as error:
            raise _too_large(source, max_size) if error.code in _LIMITS else error from None
        offset += len(chunk)
        if offset > max_size or (source.size or 0) > max_size:
            raise _too_large(source, max_size)
        if not chunk:
            return
        yield chunk
        length = max(_CHUNK_SIZE, (source.size or 0) // _MAX_READS)


def _too_large(source: Source, max_size: int) -> SourceError:
    limit = format_value("size", max_size)
    message = f"{source.name} exceeds the download limit of {limit}. Increase max_size=."
    return SourceError("read_limit", message)
