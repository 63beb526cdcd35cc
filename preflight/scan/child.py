"""The other end of `processes.py`: what runs in a process that examines files."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import socket
import time
from collections.abc import Iterator
from typing import Final

from preflight.checker import CheckPlan
from preflight.errors import PreflightError
from preflight.processes.channel import Channel
from preflight.processes.child import peak
from preflight.processes.confine import forbid_privileges
from preflight.scan.items import MAX_FRAME, Batch, Encoder, examine_batch
from preflight.targets import Item

BEAT: Final = 1.0
"""s after which the other end hears that another file has been begun."""
RETIRE: Final = 512 << 20
"""Bytes: a process that once grew so large is not used again."""


def serve() -> None:
    """Examine what is sent until the other end is closed."""
    forbid_privileges()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    channel = Channel(socket.socket(fileno=os.dup(0)), MAX_FRAME)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    with contextlib.suppress(EOFError, OSError):
        plan, encoder, seconds = pickle.loads(channel.receive())  # noqa: S301 - the process that started us wrote it
        gc.freeze()
        channel.send(b"ready")
        while True:
            channel.send(_answer(channel.receive(), plan, encoder, _Beating(channel, seconds)))


def _answer(payload: bytes, plan: CheckPlan, encoder: Encoder | None, beating: _Beating) -> bytes:
    try:
        work: Batch = pickle.loads(payload)  # noqa: S301 - as above
    except Exception:  # a class of the caller's that cannot be had here, such as one of its main program
        return pickle.dumps((None, None, True))
    try:
        results, problem = examine_batch(beating(work), plan, encoder), None
    except PreflightError as error:  # the call is wrong, not a file
        results, problem = [], str(error)
    return pickle.dumps((results, problem, peak() < RETIRE))


class _Beating:
    """Passes work on, with a sign of life to the other end before a file where the last is long ago.

    Its alarm clock runs only while a file is examined: nobody is left who would stop one that hangs, where the
    program that started us was killed.
    """

    def __init__(self, channel: Channel, seconds: float) -> None:
        self._channel = channel
        self._seconds = seconds

    def __call__(self, work: Batch) -> Iterator[tuple[int, Item]]:
        last = time.monotonic()
        for one in work:
            now = time.monotonic()
            if now - last > BEAT:
                self._channel.send(b"")
                last = now
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
            yield one
        signal.setitimer(signal.ITIMER_REAL, 0)
