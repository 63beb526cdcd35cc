"""Read URLs in a process of its own and print the costs: `python -m tests.sources.measured_reads SECONDS URL…`."""

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
    """The sizes of all pieces that sockets receive meanwhile."""
    sizes: list[int] = []
    receive = socket.socket.recv

    def counting(self: socket.socket, *arguments: Any) -> bytes:
        data = receive(self, *arguments)
        sizes.append(len(data))
        return data

    socket.socket.recv = counting  # type: ignore[method-assign]
    try:
        yield sizes
    finally:
        del socket.socket.recv


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
