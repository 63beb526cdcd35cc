"""What the tests of sources share: a hostile server with files, and sources that may read from loopback."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from preflight.clock import Clock
from preflight.media import EVERYTHING, Need
from preflight.net.transport import Transport
from preflight.retry import Backoff
from preflight.sources.http import HttpOptions, HttpSource
from tests.servers.hostile import hostile
from tests.servers.talk import Server

DATA = random.Random(20261121).randbytes(300_000)
"""A file whose every place is told from every other."""
NAME = "clip.bin"

BACKOFF = Backoff(first=0.25, factor=2.0, jitter=0.0)
"""The usual delays between attempts, without chance."""

Open = Callable[..., HttpSource]


@pytest.fixture
def server() -> Iterator[Server]:
    with hostile({NAME: DATA}) as running:
        yield running


@pytest.fixture
def open_url(server: Server) -> Iterator[Open]:
    """`open_url("file/clip.bin", timeout=1)`: a source over a path of the server, with connections of its own."""
    opened: list[tuple[HttpSource, Transport]] = []

    def call(path: str, *, need: Need = EVERYTHING, parts: dict[str, Any] | None = None, **choices: Any) -> HttpSource:
        options = HttpOptions(**{"allow_private": True, "timeout": 10.0, **choices})
        transport = Transport(options, **(parts or {}))
        url = path if path.startswith("http") else server.url(path)
        source = HttpSource(url, need=need, options=options, transport=transport, backoff=BACKOFF)
        opened.append((source, transport))
        return source

    yield call
    for source, transport in opened:
        source.close()
        transport.close()


@pytest.fixture
def twins() -> Iterator[tuple[Server, Server]]:
    """Two servers at one port, of 127.0.0.1 and of 127.0.0.2, which stands for an address of an inner network."""
    try:
        socket.create_server(("127.0.0.2", 0)).close()
    except OSError:
        pytest.skip("no second loopback address")
    with ExitStack() as stack:
        for attempt in range(20):
            inner = stack.enter_context(hostile({NAME: DATA}, address="127.0.0.2"))
            try:
                outer = stack.enter_context(hostile({NAME: DATA}, port=inner.port))
                break
            except OSError:  # another test has this port of 127.0.0.1
                assert attempt < 19
        yield outer, inner


class FakeTime:
    """A clock that only a sleep moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def parts(self) -> dict[str, Any]:
        return {"clock": Clock(monotonic=lambda: self.now, wall=lambda: self.now, sleep=self.sleep)}

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()
