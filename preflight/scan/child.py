"""The other end of `processes.py`: what runs in a process that examines files."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import resource
import socket
import time
from collections.abc import Iterator
from typing import Final

from preflight.checker import Plan
from preflight.errors import PreflightError
from preflight.scan.work import MAX_FRAME, Pack, Work, do
from preflight.targets import Item
from preflight.worker.channel import Channel
from preflight.worker.child import peak

BEAT: Final = 1.0
"""s after which the other end hears that another file has been begun."""
RETIRE: Final = 512 << 20
"""Bytes: a process that once grew so large is not used again."""


def serve() -> None:
    """Examine what is sent until the other end is closed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    channel = Channel(socket.socket(fileno=os.dup(0)), MAX_FRAME)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with contextlib.suppress(EOFError, OSError):
        plan, pack = pickle.loads(channel.receive())  # noqa: S301 - the process that started us wrote it
        gc.freeze()
        channel.send(b"ready")
        while True:
            channel.send(_answer(pickle.loads(channel.receive()), plan, pack, channel))  # noqa: S301


def _answer(work: Work, plan: Plan, pack: Pack | None, channel: Channel) -> bytes:
    try:
        results, problem = do(_beating(work, channel), plan, pack), None
    except PreflightError as error:  # the call is wrong, not a file
        results, problem = [], str(error)
    return pickle.dumps((results, problem, peak() < RETIRE))


def _beating(work: Work, channel: Channel) -> Iterator[tuple[int, Item]]:
    """The work, with a sign of life to the other end before a file where the last is long ago."""
    last = time.monotonic()
    for one in work:
        now = time.monotonic()
        if now - last > BEAT:
            channel.send(b"")
            last = now
        yield one
