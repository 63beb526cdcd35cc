"""The buffer that readers look through: what costs a read, and how large the reads become."""

from __future__ import annotations

import pytest

from preflight.probes.window import Window
from preflight.sources import BoundReached
from preflight.sources.memory import MemorySource
from tests.rows import each_row

KIB = 1 << 10


class Reads(MemorySource):
    """Bytes in memory, and the reads that were made of them."""

    def __init__(self, size: int, *, remote: bool = False) -> None:
        super().__init__(bytes(place * 7 & 255 for place in range(256)) * (size // 256) + bytes(size % 256))
        self.requests = int(remote)
        self.remote = remote
        self.made: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        self.made.append((offset, length))
        return super().read_at(offset, length)


@each_row(
    ("start", "size", "first"), [(0, 100, 2048), (0, 4096, 4096), (1000, 100, 1048), (1948, 100, 100), (5000, 100, 100)]
)
def test_the_first_chunk_is_the_head_of_the_file(start: int, size: int, first: int) -> None:
    source = Reads(10_000)
    Window(source, size, start)
    assert source.made == [(start, first)]


def test_what_the_last_chunk_holds_costs_no_read() -> None:
    source = Reads(100_000)
    window = Window(source, 512)
    expected = MemorySource.read_at(source, 100, 1948)
    assert window.read_at(100, 1948) == expected
    assert window.read_at(0, 2048) == MemorySource.read_at(source, 0, 2048)
    assert len(source.made) == 1
    assert len(window.read_at(100, 1949)) == 1949
    assert len(source.made) == 2


@each_row(("offset", "reads"), [(2999, 1), (3000, 1), (3001, 2), (900, 1)])
def test_at_the_end_of_the_file_there_is_no_more_to_read(offset: int, reads: int) -> None:
    source = Reads(3000)
    window = Window(source, 4096)
    assert window.read_at(offset, 5000) == MemorySource.read_at(source, offset, 5000)
    assert len(source.made) == reads


def test_chunks_that_continue_one_another_grow_up_to_16_kib() -> None:
    source = Reads(1 << 20)
    window = Window(source, 512)
    place = 2048
    for _ in range(9):
        window.read_at(place, 10)
        place = sum(source.made[-1])
    assert [length for _, length in source.made[1:]] == [512, 1024, 2048, 4096, 8192, *[16 * KIB] * 4]


@each_row(("gap", "length"), [(0, 1024), (512, 1024), (513, 512), (5000, 512)])
def test_a_chunk_far_from_the_last_one_has_the_usual_size(gap: int, length: int) -> None:
    source = Reads(1 << 20)
    window = Window(source, 512)
    window.read_at(2048, 10)
    window.read_at(2048 + 512 + gap, 10)
    assert source.made[-1] == (2560 + gap, length)


def test_reading_backwards_has_the_usual_size() -> None:
    source = Reads(1 << 20)
    window = Window(source, 512)
    window.read_at(50_000, 10)
    assert window.read_at(49_000, 10) == MemorySource.read_at(source, 49_000, 10)
    assert source.made[1:] == [(50_000, 512), (49_000, 512)]
    window.read_at(48_000, 5000)
    assert source.made[-1] == (48_000, 5000)


@each_row(("remote", "limit"), [(False, 4096), (True, 256)])
def test_reads_are_bounded(remote: bool, limit: int) -> None:
    window = Window(Reads(1 << 20, remote=remote), 1)
    for place in range(limit - 1):
        window.read_at(100_000 - 20 * place, 1)
    assert window.reads == limit
    with pytest.raises(BoundReached):
        window.read_at(0, 1)


def test_a_reader_may_set_the_bound() -> None:
    window = Window(Reads(100_000), 16, max_reads=3)
    window.read_at(50_000, 1)
    window.read_at(40_000, 1)
    assert window.reads == 3
    with pytest.raises(BoundReached):
        window.read_at(30_000, 1)


def test_buffered_bytes_cost_no_read() -> None:
    source = Reads(10_000)
    window = Window(source, 512, 3000)
    assert window.buffered(3000, 20) == MemorySource.read_at(source, 3000, 20)
    assert window.buffered(3500, 20) == MemorySource.read_at(source, 3500, 12)
    assert window.buffered(2999, 20) == b""
    assert len(source.made) == 1


def seeks(gaps: list[int], *, remote: bool = True, read_ahead: bool = True, long_seeks: int = 0) -> list[int]:
    """The lengths of the reads after forward seeks over these gaps."""
    source = Reads(8 << 20, remote=remote)
    window = Window(source, 512, read_ahead=read_ahead, long_seeks=long_seeks)
    for gap in gaps:
        window.read_at(sum(source.made[-1]) + gap, 10)
    return [length for _, length in source.made[1:]]


def test_over_http_a_long_series_of_short_seeks_is_read_through() -> None:
    grown = [128 * KIB, 256 * KIB, 512 * KIB, 1024 * KIB, 1024 * KIB]
    assert seeks([1000] * 7) == [512, 512, *grown]
    assert seeks([64 * KIB] * 3) == [512, 512, 128 * KIB]
    assert seeks([64 * KIB + 1] * 5) == [512] * 5
    assert seeks([1000] * 5, remote=False) == [512] * 5
    assert seeks([1000] * 5, read_ahead=False) == [512] * 5


def test_long_seeks_may_be_left_out_of_the_series() -> None:
    long, short = 16 * KIB + 1, 16 * KIB
    assert seeks([long] * 5, long_seeks=2) == [512, 512, 512, 512, 128 * KIB]
    assert seeks([short] * 3, long_seeks=2) == [512, 512, 128 * KIB]
