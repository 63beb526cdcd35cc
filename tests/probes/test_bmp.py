"""Test BMP headers of all versions. `test_fixtures.py` compares the facts of the fixtures."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack_into

from hypothesis import given
from probing import counted, damaged, ends_in_facts, facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers.bmp import FIXTURES, HEIGHT, WIDTH, array, bmp

from tests.rows import each_row


def patched(offset: int, layout: str, *values: int) -> bytes:
    data = bytearray(bmp())
    pack_into("<" + layout, data, offset, *values)
    return bytes(data)


@each_row("extent", [12, *range(16, 128, 2)])
def test_headers_of_every_length_are_read(extent: int) -> None:
    media, source = counted(bmp(extent, 1) + bytes(50_000))
    assert (media.format, media.width, media.height) == ("bmp", WIDTH, HEIGHT)
    assert source.distant == []


@each_row("extent", [0, 11, 13, 15, 256, 0x20202020])
def test_header_of_impossible_length_is_not_a_bitmap(extent: int) -> None:
    assert facts(patched(14, "I", extent)).format != "bmp"


def test_text_that_begins_with_the_signature_is_text() -> None:
    assert facts(b"BM is what this sentence begins with, and it goes on for a while.").format == "text"


@each_row(
    ("size", "known"),
    [((0, 5), (None, 5)), ((5, 0), (5, None)), ((-5, 5), (None, 5)), ((5, -5), (5, 5)), ((0, 0), (None, None))],
)
def test_invalid_sizes_are_unknown(size: tuple[int, int], known: tuple[int | None, int | None]) -> None:
    media = facts(patched(18, "ii", *size))
    assert (media.width, media.height) == known
    assert media.notes == (() if None not in known else ("bad_header",))


def test_missing_padding_of_the_last_row_is_not_truncation() -> None:
    data = bmp(depth=8)
    odd = bytearray(data)
    pack_into("<i", odd, 18, 45)
    assert facts(bytes(odd[:-3])).notes == ()
    assert facts(bytes(odd[:-4])).notes == ("truncated",)


@each_row("length", [2, 14, 20, 25, 29])
def test_file_that_ends_in_its_header_has_no_size(length: int) -> None:
    assert facts(bmp()[:length]).width is None
    assert facts(array()[: length + 14]).width in (None, WIDTH)


@given(damaged(FIXTURES))
def test_damaged_files_give_facts(data: bytes) -> None:
    ends_in_facts(data, "bmp")
