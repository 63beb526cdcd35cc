"""`Source`: one interface to the bytes of a path, a URL, an object in memory and an open file."""

from __future__ import annotations

from typing import Protocol

from preflight.media import Delivery


class Source(Protocol):
    """Random access to the bytes of one file.

    name        the source in messages: a path, or a URL without its secrets
    size        bytes; None while a server does not say
    remote      reads send requests over a network, so few, close reads matter more than few bytes
    delivery    how the server delivers the file, as far as it was seen; None if there is no server
    bytes_read  bytes read from the medium so far (bytes that a cache returns again do not count)
    requests    HTTP requests so far; 0 for everything local
    """

    name: str
    bytes_read: int
    requests: int

    @property
    def size(self) -> int | None:
        """Return the bytes of the file; None while a server does not say."""
        ...

    @property
    def remote(self) -> bool:
        """Return whether reads send requests over a network."""
        ...

    @property
    def delivery(self) -> Delivery | None:
        """Return how the server delivers the file; None if there is no server."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only where the source ends.

        Raise `SourceError`, `SourceChanged`.
        """
        ...

    def verify(self) -> None:
        """Raise `SourceChanged` if the bytes are no longer those that were read."""
        ...

    def close(self) -> None:
        """Release the resources of the source."""
        ...


class EndOfFile(Exception):
    """A reader asked for bytes beyond the end: the file is shorter than its own header says."""


class BoundReached(Exception):
    """A reader reached one of its limits before it found what it needs; the file may continue."""


def read_exactly(source: Source, offset: int, length: int) -> bytes:
    """Return `length` bytes from `offset`. Raise `EndOfFile` if the source has fewer."""
    data = source.read_at(offset, length)
    if len(data) < length:
        raise EndOfFile(f"{length} bytes at {offset}: only {len(data)} exist")
    return data
