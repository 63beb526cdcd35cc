"""Share among the tests of readers: sources that count reads, and damaged files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from preflight.media import Media
from preflight.probes import probe
from preflight.probes.exif import exif_at, exif_of
from preflight.probes.sniff import sniff
from preflight.sources.fetch_state import FIRST_FETCH_BYTES, RangeCache
from preflight.sources.memory import MemorySource

FIXTURES = Path(__file__).parents[2] / "fixtures"
HEAD = 2048


class CountingSource(MemorySource):
    """Bytes in memory, counted as a local file's are: the head once and as a whole, everything else as asked for.

    distant  (offset, length) of each read outside the head: over HTTP a request each
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.distant: list[tuple[int, int]] = []
        self._counted = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self._counted = self._counted or min(HEAD, self.size)
        beyond = max(0, min(offset + length, self.size) - max(HEAD, offset))
        if offset + length > HEAD:
            self.distant.append((offset, length))
        self._counted += beyond
        piece = super().read_at(offset, length)
        self.bytes_read = self._counted
        return piece


class RemoteSource(MemorySource):
    """Bytes in memory that are read like those of a URL: in ranges, each of which counts as a request."""

    remote = True

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.requests = 1
        self._cache = RangeCache()
        self._cache.add(0, super().read_at(0, FIRST_FETCH_BYTES))

    def read_at(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        piece = b""
        while offset < end:
            there = self._cache.at(offset, end)
            if not there:
                first, stop = self._cache.span(offset, end, self.size)
                self._cache.add(first, super().read_at(first, stop - first))
                self.requests += 1
            piece += there
            offset += len(there)
        return piece


def facts(data: bytes) -> Media:
    return probe(MemorySource(data))


def counted(data: bytes) -> tuple[Media, CountingSource]:
    """Return the facts and the source that they were read from."""
    source = CountingSource(data)
    return probe(source), source


def orientation_of(block: bytes) -> int | None:
    """Return the orientation in an EXIF block."""
    return exif_of(block).orientation


def orientation_at(source: MemorySource, offset: int, length: int) -> int | None:
    return exif_at(source, offset, length, source).orientation


def ends_in_facts(data: bytes, name: str) -> None:
    """Assert that bytes still recognised as format `name` give facts, after a bounded number of reads."""
    source = CountingSource(data)
    with quick():
        if sniff(source) == name:
            assert probe(source).size == len(data)
            assert len(source.distant) < 300


@contextmanager
def quick(seconds: float = 1.0) -> Iterator[None]:
    """Assert that what is done takes less time of the processor, however busy the machine is."""
    began = time.thread_time()
    yield
    assert time.thread_time() - began < seconds


def damaged(fixtures: Iterable[Any]) -> st.SearchStrategy[bytes]:
    """Return one of the fixtures as they are stored, truncated anywhere, with up to six bytes changed."""
    return st.deferred(lambda: _damaged(tuple((FIXTURES / fixture.name).read_bytes() for fixture in fixtures)))


@st.composite
def _damaged(draw: st.DrawFn, originals: tuple[bytes, ...]) -> bytes:
    data = bytearray(draw(st.sampled_from(originals)))
    del data[draw(st.integers(0, len(data))) :]
    for _ in range(draw(st.integers(0, 6)) if data else 0):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)
