"""Which range is fetched next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from preflight.sources.fetch_state import (
    FIRST_FETCH_BYTES,
    MAX_AHEAD_BYTES,
    MAX_CACHED_BYTES,
    MAX_REST_BYTES,
    MIN_SEEK_BYTES,
    TAIL_BYTES,
    RangeCache,
)

MIB = 1 << 20


def with_head() -> RangeCache:
    blocks = RangeCache()
    blocks.add(0, bytes(FIRST_FETCH_BYTES))
    return blocks


def test_distant_read_fetches_a_minimum_of_bytes() -> None:
    assert with_head().span(MIB, MIB + 8, 8 * MIB) == (MIB, MIB + MIN_SEEK_BYTES)
    assert with_head().span(MIB, 2 * MIB, 8 * MIB) == (MIB, 2 * MIB)


def test_read_near_the_end_fetches_the_whole_tail() -> None:
    assert with_head().span(MIB - 128, MIB, MIB) == (MIB - TAIL_BYTES, MIB)
    assert with_head().span(MIB - 60_000, MIB - 59_000, MIB) == (MIB - 60_000, MIB)
    assert with_head().span(40_000, 40_010, 50_000) == (FIRST_FETCH_BYTES, 50_000)


def test_fetched_bytes_are_not_requested_again() -> None:
    blocks = with_head()
    blocks.add(100_000, bytes(10_000))
    assert blocks.span(FIRST_FETCH_BYTES, 105_000, 8 * MIB) == (FIRST_FETCH_BYTES, 100_000)
    assert blocks.span(99_990, 99_995, 8 * MIB) == (99_990, 100_000)
    assert blocks.span(99_990, 110_000, 8 * MIB) == (99_990, 100_000), "up to the piece that ends where the reader does"
    assert blocks.span(FIRST_FETCH_BYTES, 120_000, 8 * MIB)[1] >= 120_000


def test_sequential_reader_gets_growing_read_ahead() -> None:
    blocks = with_head()
    at, spans = FIRST_FETCH_BYTES, []
    while at < 32 * MIB:
        first, stop = blocks.span(at, at + 100, 1 << 40)
        assert first == at
        blocks.add(first, bytes(stop - first))
        spans.append(stop - first)
        at = stop
    assert max(spans[:7]) <= MAX_REST_BYTES
    assert spans[-1] == MAX_AHEAD_BYTES
    assert len(spans) < 30


def test_memory_is_bounded_and_the_head_stays() -> None:
    blocks = with_head()
    for number in range(1, 20):
        blocks.add(number * MIB, bytes(MIB))
    assert blocks.at(0, FIRST_FETCH_BYTES) == bytes(FIRST_FETCH_BYTES)
    assert blocks.at(MIB, MIB + 1) == b""
    assert len(blocks.at(19 * MIB, 20 * MIB)) == MIB
    assert sum(len(data) for _, data in blocks._pieces) <= MAX_CACHED_BYTES + FIRST_FETCH_BYTES


SIZES = st.one_of(st.none(), st.integers(1, 1 << 22))


@given(SIZES, st.lists(st.tuples(st.integers(0, 1 << 22), st.integers(1, 1 << 17)), min_size=1, max_size=12))
def test_every_read_returns_fetched_bytes(size: int | None, reads: list[tuple[int, int]]) -> None:
    file_size = size or 1 << 22
    blocks = with_head() if file_size > FIRST_FETCH_BYTES else RangeCache()
    blocks.add(0, bytes(min(FIRST_FETCH_BYTES, file_size)))
    for offset, length in reads:
        end = min(offset + length, file_size)
        at = offset
        while at < end:
            piece = blocks.at(at, end)
            if not piece:
                first, stop = blocks.span(at, end, size)
                assert 0 <= first <= at < stop
                assert size is None or stop <= size
                blocks.add(first, bytes(min(stop, file_size) - first))
                piece = blocks.at(at, end)
                assert piece
            at += len(piece)


def test_bytes_are_given_from_the_piece_that_has_them() -> None:
    cache = RangeCache()
    cache.add(100, b"abcde")
    cache.add(105, b"fgh")
    assert [cache.at(offset, offset + 2) for offset in (99, 100, 103, 104, 105, 107, 108)] == [
        b"",
        b"ab",
        b"de",
        b"e",
        b"fg",
        b"h",
        b"",
    ]
    assert cache.at(101, 101) == b""
    assert cache.pieces == ((100, b"abcde"), (105, b"fgh"))
    assert cache.last_end == 108


def test_the_size_of_a_fetch_grows_with_the_length_of_a_series() -> None:
    cache = with_head()
    sizes = []
    at = FIRST_FETCH_BYTES
    for _ in range(18):
        first, stop = cache.span(at, at + 1, 1 << 40)
        sizes.append((stop - first) >> 10)
        cache.add(first, bytes(stop - first))
        at = stop
    assert sizes == [16, 32, 64, 64, 64, 64, 64, 64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096, 4096, 4096]


def test_a_series_ends_with_a_seek() -> None:
    cache = with_head()
    for _ in range(3):
        first, stop = cache.span(cache.last_end, cache.last_end + 1, 1 << 40)
        cache.add(first, bytes(stop - first))
    seek = cache.last_end + 1
    assert cache.span(seek, seek + 1, 1 << 40) == (seek, seek + MIN_SEEK_BYTES)
    cache.add(seek, bytes(MIN_SEEK_BYTES))
    assert cache.span(cache.last_end, cache.last_end + 1, 1 << 40)[1] == cache.last_end + (16 << 10)


def test_short_rest_of_the_file_is_fetched_along() -> None:
    size = 10 * MIB
    assert with_head().span(size - MAX_REST_BYTES, size - MAX_REST_BYTES + 1, size) == (size - MAX_REST_BYTES, size)
    before = size - MAX_REST_BYTES - 1
    assert with_head().span(before, before + 1, size) == (before, before + MIN_SEEK_BYTES)
    long = size - (16 << 10)
    assert with_head().span(MIB, long, size) == (MIB, long)
    assert with_head().span(MIB, long + 1, size) == (MIB, size)
    assert with_head().span(size - 10, size, size) == (size - TAIL_BYTES, size)
    assert with_head().span(size + 5, size + 6, size)[1] == size


def test_oldest_pieces_are_dropped_first() -> None:
    cache = RangeCache()
    cache.add(0, bytes(MAX_CACHED_BYTES))
    cache.add(MAX_CACHED_BYTES, b"x")
    assert len(cache.pieces) == 2
    cache.add(MAX_CACHED_BYTES + 9, b"y")
    assert [start for start, _ in cache.pieces] == [0, MAX_CACHED_BYTES + 9]


def test_pieces_are_kept_up_to_the_bound() -> None:
    cache = RangeCache()
    cache.add(0, b"a")
    cache.add(1, b"b")
    cache.add(2, bytes(MAX_CACHED_BYTES - 2))
    assert len(cache.pieces) == 3
    cache.add(9 * MIB, b"c")
    assert [start for start, _ in cache.pieces] == [0, 2, 9 * MIB]
