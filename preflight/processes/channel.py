"""The frames between us and the process: four bytes of length, big-endian, and the payload."""

from __future__ import annotations

import select
import socket
import time
from typing import Final

MAX_FRAME: Final = 4 << 20
"""Longer ones are not taken: the other end may be run by the file that it decodes."""


class Channel:
    """One end of a socket. Every call has a deadline for all of its bytes, in s on `time.monotonic`; None waits."""

    def __init__(self, end: socket.socket, max_frame: int = MAX_FRAME) -> None:
        self._socket = end
        self._max_frame = max_frame

    def close(self) -> None:
        self._socket.close()

    def send(self, payload: bytes, deadline: float | None = None) -> None:
        """Raises TimeoutError, or OSError where nobody listens any more."""
        self._wait_until(deadline)
        self._socket.sendall(len(payload).to_bytes(4, "big") + payload)

    def receive(self, deadline: float | None = None) -> bytes:
        """Raises TimeoutError, EOFError where the other end is gone, or ValueError for a frame too long."""
        length = int.from_bytes(self._take(4, deadline), "big")
        if length > self._max_frame:
            raise ValueError(f"a frame of {length:,} bytes")
        return self._take(length, deadline)

    def ready(self, seconds: float) -> bool:
        """Wait until there is something to receive, or the other end is gone; False where there is nothing yet.

        Raises EOFError where our end is closed.
        """
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN)
        except ValueError:  # closed by another thread
            raise EOFError from None
        return bool(poll.poll(seconds * 1000))

    def _take(self, length: int, deadline: float | None) -> bytes:
        data = bytearray()
        while len(data) < length:
            self._wait_until(deadline)
            piece = self._socket.recv(min(length - len(data), 1 << 18))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def _wait_until(self, deadline: float | None) -> None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
