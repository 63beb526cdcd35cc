"""Test the box walk: every form of a size, and that every walk ends."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.probes.isobmff import MAX_BOXES, Box, box_at, boxes, first_of_each, top_level
from preflight.sources import BoundReached
from preflight.sources.memory import MemorySource


def plain(kind: bytes, body: bytes = b"") -> bytes:
    return pack(">I4s", 8 + len(body), kind) + body


def large(kind: bytes, body: bytes = b"") -> bytes:
    return pack(">I4sQ", 1, kind, 16 + len(body)) + body


def test_boxes_have_the_range_of_their_body() -> None:
    data = plain(b"ftyp", b"isom") + large(b"mdat", b"xyz") + plain(b"uuid", bytes(16))
    assert list(boxes(data)) == [(b"ftyp", 8, 12), (b"mdat", 28, 31), (b"uuid", 39, 55)]
    assert first_of_each(data, 0, len(data)) == {kind: (start, end) for kind, start, end in boxes(data)}
    whole = [Box(b"ftyp", 0, 8, 12), Box(b"mdat", 12, 28, 31), Box(b"uuid", 31, 39, 55)]
    assert list(top_level(MemorySource(data))) == whole
    assert [box_at(data[box.start :], box.start, None) for box in whole] == whole


def test_walk_stays_within_a_range() -> None:
    data = plain(b"moov", plain(b"mvhd") + plain(b"trak")) + plain(b"free")
    assert [kind for kind, _, _ in boxes(data, 8, 24)] == [b"mvhd", b"trak"]


def test_box_of_size_zero_extends_to_the_end() -> None:
    data = plain(b"ftyp") + pack(">I4s", 0, b"mdat") + b"12345"
    assert list(boxes(data))[-1] == (b"mdat", 16, 21)
    assert first_of_each(data, 0, len(data)) == {b"ftyp": (8, 8), b"mdat": (16, 21)}
    assert list(top_level(MemorySource(data)))[-1] == Box(b"mdat", 8, 16, 21)


def test_oversized_box_is_clamped_in_bytes_and_reported_for_a_file() -> None:
    data = pack(">I4s", 100, b"moov") + b"12"
    assert list(boxes(data)) == [(b"moov", 8, 10)]
    assert list(top_level(MemorySource(data))) == [Box(b"moov", 0, 8, 100)]


def test_size_smaller_than_the_header_ends_the_walk() -> None:
    for size in (2, 7):
        data = plain(b"ftyp") + pack(">I4s", size, b"free") + bytes(50)
        assert [kind for kind, _, _ in boxes(data)] == [b"ftyp"]
        assert first_of_each(data, 0, len(data)) == {b"ftyp": (8, 8)}
        assert [box.type for box in top_level(MemorySource(data))] == [b"ftyp"]
    assert list(boxes(pack(">I4sQ", 1, b"free", 15) + bytes(50))) == []
    assert box_at(pack(">I4s", 1, b"free"), 0, None) is None


def test_impossible_size_is_not_followed() -> None:
    source = MemorySource(pack(">I4sQ", 1, b"mdat", (1 << 64) - 1) + bytes(50))
    assert [box.type for box in top_level(source)] == [b"mdat"]


def test_end_of_source_of_unknown_size_is_unknown() -> None:
    assert box_at(pack(">I4s", 0, b"mdat"), 24, None) == Box(b"mdat", 24, 32, None)


@pytest.mark.parametrize(
    ("end", "read"), [((1 << 62) - 1, True), (1 << 62, False), ((1 << 63) - 1, False), ((1 << 64) - 1, False)]
)
def test_places_that_no_file_has_are_not_read(end: int, read: bool) -> None:
    asked = []

    class Asked(MemorySource):
        def read_at(self, offset: int, length: int) -> bytes:
            asked.append(offset)
            return super().read_at(offset, length)

    assert [box.end for box in top_level(Asked(pack(">I4sQ", 1, b"mdat", end)))] == [end]
    assert asked == ([0, end] if read else [0])


def test_top_level_box_costs_16_bytes_on_demand() -> None:
    source = MemorySource(plain(b"ftyp", bytes(100)) + plain(b"moov", bytes(100)) + plain(b"mdat", bytes(100)))
    walk = top_level(source)
    assert next(walk).type == b"ftyp"
    assert next(walk).type == b"moov"
    assert source.bytes_read == 32


def test_number_of_boxes_is_bounded() -> None:
    data = plain(b"free") * (MAX_BOXES + 5)
    for walk, bound in ((boxes(data), MAX_BOXES), (top_level(MemorySource(data), limit=10), 10)):
        met = 0
        with pytest.raises(BoundReached):
            for met, _ in enumerate(walk, 1):  # noqa: B007 - the count is what is asked for
                pass
        assert met == bound


def test_maximum_number_of_boxes_is_accepted() -> None:
    data = plain(b"free") * 10
    assert sum(1 for _ in top_level(MemorySource(data), limit=10)) == 10
    assert sum(1 for _ in boxes(plain(b"free") * MAX_BOXES)) == MAX_BOXES


@given(st.binary(max_size=200))
def test_walk_of_any_bytes_advances_within_its_range(data: bytes) -> None:
    place = 0
    for _, start, end in boxes(data):
        assert place + 8 <= start <= end <= len(data)
        place = end
    place = -1
    for box in top_level(MemorySource(data)):
        assert place < box.start < box.body
        place = box.start
