"""The frames between this program and one of its processes: a length of four bytes, big-endian, and the payload."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Mapping
from typing import Final

MAX_FRAME: Final = 1 << 30
"""Bytes of a frame from an end that is trusted."""
_CHUNK_SIZE: Final = 1 << 18


class Channel:
    """One end of a socket. A deadline is a time of `time.monotonic` for a whole frame; None: no deadline.

    sandboxed  messages are only data
    max_frame  longer frames are refused, since the other end may be controlled by the file that it decodes
    """

    def __init__(self, end: socket.socket, *, sandboxed: bool, max_frame: int = MAX_FRAME) -> None:
        self._socket = end
        self._sandboxed = sandboxed
        self._max_frame = max_frame

    def close(self) -> None:
        """Close this end; the other one then reads its end of file."""
        self._socket.close()

    def send(self, payload: bytes, deadline: float | None = None) -> None:
        """Send one frame. Raise TimeoutError, or OSError if the other end is gone."""
        self._set_timeout(deadline)
        self._socket.sendall(len(payload).to_bytes(4, "big") + payload)

    def receive(self, deadline: float | None = None) -> bytes:
        """Return one frame. Raise TimeoutError, EOFError if the other end is gone, ValueError if it is too long."""
        length = int.from_bytes(self._read(4, deadline), "big")
        if length > self._max_frame:
            raise ValueError(f"a frame of {length:,} bytes")
        return self._read(length, deadline)

    def encode(self, message: Mapping[str, object]) -> bytes:
        """Return the frame of a message."""
        return encode_message(message, sandboxed=self._sandboxed)

    def receive_message(self, deadline: float | None = None) -> dict[str, object]:
        """Return the message in one frame. Raise what `receive` raises, and RecursionError."""
        return decode_message(self.receive(deadline), sandboxed=self._sandboxed)

    def is_ready(self, seconds: float) -> bool:
        """Wait until there is something to receive, or the other end is gone. Return False if neither happens.

        Raise EOFError if this end is closed.
        """
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN)
        except ValueError:  # closed by another thread
            raise EOFError from None
        return bool(poll.poll(seconds * 1000))

    def _read(self, length: int, deadline: float | None) -> bytes:
        data = bytearray()
        while len(data) < length:
            self._set_timeout(deadline)
            chunk = self._socket.recv(min(length - len(data), _CHUNK_SIZE))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    def _set_timeout(self, deadline: float | None) -> None:
        remaining = None if deadline is None else deadline - time.monotonic()
        if remaining is not None and remaining <= 0:
            raise TimeoutError
        self._socket.settimeout(remaining)


def encode_message(message: Mapping[str, object], *, sandboxed: bool) -> bytes:
    """Return a message as bytes: JSON to and from a sandboxed process, which must not make us run code, else pickle."""
    if sandboxed:
        return json.dumps(message, allow_nan=False).encode()
    import pickle  # not for decoders, which start often

    return pickle.dumps(message)


def decode_message(payload: bytes, *, sandboxed: bool) -> dict[str, object]:
    """Return the message of `encode_message`. Raise ValueError or RecursionError for anything else."""
    if sandboxed:
        message = json.loads(payload)
    else:
        import pickle

        message = pickle.loads(payload)  # noqa: S301 - written by this program, or by a process that only reads for it
    match message:
        case dict():
            return message
    raise ValueError("not a message")
