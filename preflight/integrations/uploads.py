"""Uploads of web frameworks as plain binary files, and how reading them stops where they are too large."""

from __future__ import annotations

import io
import os
from typing import IO, Any

from preflight.errors import SourceError


def file_of(value: object) -> tuple[IO[bytes] | None, str | None]:
    """The open binary file inside an upload, and the name that the client gave it; (None, None): it is none.

    Known: Starlette's `UploadFile` (`file`, `filename`), Django's `UploadedFile` and `FieldFile` (`file`, `name`), any
    open binary file (`read`).
    """
    name = getattr(value, "filename", None) or getattr(value, "name", None)
    inside: Any = getattr(value, "file", None)
    if callable(getattr(inside, "read", None)):
        value = inside
    elif not callable(getattr(value, "read", None)):
        return None, None
    file: Any = value
    return file, name if isinstance(name, str) else "<upload>"


def size_of(target: Any) -> int | None:
    """Bytes of a target where they can be known without reading it; a file's position stays where it is."""
    if isinstance(target, bytes | bytearray | memoryview):
        return len(target)
    if isinstance(target, str | os.PathLike):
        try:
            return os.stat(target).st_size
        except OSError:  # a URL; or a path that is not there: the report says so
            return None
    try:
        if not target.seekable():
            return None
        here = target.tell()
        size: int = target.seek(0, io.SEEK_END)
        target.seek(here)
    except (AttributeError, OSError, ValueError):
        return None
    return size


class Stopping:
    """A file that cannot seek, of which at most `most` bytes are read: then it is `file_size_too_large`."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._left = most
        self._most = most

    def read(self, length: int) -> bytes:
        # One byte more than may be read tells a file of exactly that size from a larger one.
        data = self._file.read(min(length, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            message = f"size above the {self._most:,} bytes that are accepted here: the rest was not read"
            raise SourceError("file_size_too_large", message)
        return data
