"""Where bytes are. One interface for a path, a URL, bytes in memory and an open file: `Source`."""

from __future__ import annotations

from typing import Protocol


class Source(Protocol):
    """A random-access view of bytes that somebody else owns.

    name        how the source is called in messages: a path, or a URL without its secrets
    size        bytes; None while a server does not say
    bytes_read  bytes taken from the medium so far (what a cache answered again does not count)
    requests    HTTP requests so far; 0 for everything local
    """

    name: str
    bytes_read: int
    requests: int

    @property
    def size(self) -> int | None: ...

    def read_at(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer only where the source ends. Raises `SourceError`, `SourceChanged`."""
        ...

    def verify(self) -> None:
        """Raise `SourceChanged` if the bytes are no longer those that were read."""
        ...

    def close(self) -> None: ...


class EndOfFile(Exception):
    """A reader asked for bytes behind the end: the file is shorter than its own header says."""


class BoundReached(Exception):
    """A reader reached its own limit before it found what it looked for; the file may continue."""


def read_exactly(source: Source, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`, or `EndOfFile`."""
    data = source.read_at(offset, length)
    if len(data) < length:
        raise EndOfFile(f"{length} bytes at {offset}: {len(data)} are there")
    return data
