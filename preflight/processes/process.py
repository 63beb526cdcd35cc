"""Our end: a process of the worker, and the conversation with it about one file."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any, Final, NamedTuple

from preflight.errors import ReadLimit, WorkerCrashed, WorkerTimeout
from preflight.processes.start import how_it_ended, loader_environment, start
from preflight.sources import Source

START_SECONDS: Final = 30.0
"""For the interpreter and the import of a decoder from a cold disk. No file is touched meanwhile."""
MAX_PIECE: Final = 1 << 20
LEAST_CHARGED: Final = 1 << 12
"""What a read counts at least: over HTTP each is a request, however few bytes it asks for."""


class Limits(NamedTuple):
    """What one file may cost.

    seconds    of processor time for decoding: what a file is must not depend on how busy the machine is
    memory     bytes; max_bytes: bytes read
    wall       s by the clock for a decoder that waits instead of working (waiting for the source not counted)
    """

    seconds: float
    memory: int
    max_bytes: int
    wall: float = 60.0


class Process:
    """A fresh interpreter that decodes what it is sent. Used by one thread at a time."""

    def __init__(self) -> None:
        try:
            self._process, self._channel = start("preflight.processes.child:serve", loader_environment(), os.sep)
        except OSError as error:
            raise WorkerCrashed("worker", f"cannot be started: {error}") from None

    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End it at once and leave no zombie."""
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Let go of a process that belongs to the program of which we are a forked copy."""
        self._channel.close()
        self._process.returncode = 0

    def run(self, order: dict[str, Any], source: Source, limits: Limits) -> tuple[Any, bool]:
        """The answer to an order, and whether the process may be used again. After an exception it may not."""
        try:
            self._start(order)
            message, failure = self._converse(source, limits)
        except TimeoutError:
            raise WorkerTimeout(source.name, limits.wall) from None
        except (EOFError, BrokenPipeError, ConnectionError):
            reason = how_it_ended(self._process)
            if self._process.returncode == -signal.SIGPROF:
                raise WorkerTimeout(source.name, limits.seconds) from None
            raise WorkerCrashed(source.name, reason) from None
        except (ValueError, RecursionError):
            raise WorkerCrashed(source.name, "sent what is no answer") from None
        if failure is not None:
            raise failure
        if "answer" not in message:
            raise WorkerCrashed(source.name, f"failed: {str(message.get('failed'))[:200]}")
        return message["answer"], message.get("reusable") is True

    def _start(self, order: dict[str, Any]) -> None:
        """Returns once the decoder is loaded: what that costs is not the file's."""
        deadline = time.monotonic() + START_SECONDS
        try:
            self._channel.send(json.dumps(order).encode(), deadline)
            self._message(deadline)
        except TimeoutError:
            raise WorkerCrashed("worker", f"did not start within {START_SECONDS:g} s") from None

    def _converse(self, source: Source, limits: Limits) -> tuple[dict[str, Any], Exception | None]:
        """Serve the decoder's reads until it answers: its answer, and what the source raised meanwhile."""
        deadline, taken = time.monotonic() + limits.wall, 0
        failure: Exception | None = None
        while "read" in (message := self._message(deadline)):
            offset, length = _checked(message["read"])
            began = time.monotonic()
            taken += max(length, LEAST_CHARGED)
            piece = b""
            try:
                if taken > limits.max_bytes:
                    raise ReadLimit(source.name, limits.max_bytes)
                if failure is None:
                    piece = b"+" + source.read_at(offset, length)
            except Exception as error:
                failure = error
            deadline += time.monotonic() - began
            self._channel.send(piece, deadline)
        return message, failure

    def _message(self, deadline: float) -> dict[str, Any]:
        message = json.loads(self._channel.receive(deadline))
        if not isinstance(message, dict):
            raise ValueError("not an object")
        return message


def _checked(wanted: Any) -> tuple[int, int]:
    """The offset and length that the process asks for, once they are what they must be."""
    match wanted:
        case [int(offset), int(length)] if offset >= 0 and 0 < length <= MAX_PIECE:
            return offset, length
    raise ValueError("an impossible piece of the source")
