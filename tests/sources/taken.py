"""Reads URLs in a process of its own and says what each took: `python -m tests.sources.taken SECONDS URL…`."""

from __future__ import annotations

import json
import resource
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from preflight.errors import SourceError
from preflight.sources.http import HttpOptions, HttpSource


@contextmanager
def counted_bytes() -> Iterator[list[int]]:
    """The sizes of all pieces that sockets give to `http.client` meanwhile."""
    sizes: list[int] = []
    readinto = socket.SocketIO.readinto

    def counting(self: socket.SocketIO, buffer: Any) -> int | None:
        count = readinto(self, buffer)
        sizes.append(count or 0)
        return count

    socket.SocketIO.readinto = counting  # type: ignore[method-assign]
    try:
        yield sizes
    finally:
        socket.SocketIO.readinto = readinto  # type: ignore[method-assign]


def peak() -> int:
    """Bytes of memory that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def taken(url: str, seconds: float) -> dict[str, Any]:
    """What reading the first bytes of `url`, and some behind them, took and came to."""
    before, began = peak(), time.monotonic()
    source = HttpSource(url, options=HttpOptions(timeout=seconds, allow_private=True, retries=0))
    said = "read"
    with counted_bytes() as sizes:
        try:
            source.read_at(0, 10)
            source.read_at(200_000, 10)
        except SourceError as error:
            said = f"{error.code}: {error}"
        source.close()
    return {
        "url": url,
        "said": said,
        "bytes": sum(sizes),
        "bytes_read": source.bytes_read,
        "memory": peak() - before,
        "seconds": round(time.monotonic() - began, 2),
    }


if __name__ == "__main__":
    for url in sys.argv[2:]:
        print(json.dumps(taken(url, float(sys.argv[1]))), flush=True)
