"""Test WebP: one chunk for the size, one read for the orientation. `test_fixtures.py` compares facts of fixtures."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import given
from probing import counted, damaged, ends_in_facts, facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._exif import exif
from makers.webp import ALPHA, ANIMATED, EXIF, FIXTURES, HEIGHT, WIDTH, chunk, extended, picture, riff

from tests.rows import each_row

PIXELS = chunk(b"VP8 ", picture()[8:] + bytes(100_000))
BLOCK = chunk(b"EXIF", exif(6))


def test_image_without_exif_costs_one_read() -> None:
    for data in (riff(PIXELS), extended(ALPHA, PIXELS)):
        media, source = counted(data)
        assert (media.width, media.height, media.notes) == (WIDTH, HEIGHT, ())
        assert source.distant == []


def test_exif_after_image_data_costs_one_read() -> None:
    media, source = counted(extended(EXIF, PIXELS, BLOCK, chunk(b"XMP ", bytes(9000))))
    assert (media.width, media.height, media.orientation) == (HEIGHT, WIDTH, 6)
    assert len(source.distant) == 1
    assert source.bytes_read < 4096


def test_exif_after_an_animation_costs_one_read() -> None:
    frames = [chunk(b"ANMF", bytes(5001)) for _ in range(50)]
    media, source = counted(extended(EXIF | ANIMATED, *frames, BLOCK, chunk(b"XMP ", bytes(301))))
    assert (media.orientation, media.frames, len(source.distant)) == (6, None, 1)
    assert source.bytes_read < 4096


def test_chunk_name_in_an_animation_is_not_a_chunk() -> None:
    lie = chunk(b"ANMF", b"EXIF" + (40).to_bytes(4, "little") + exif(6) + bytes(60))
    assert facts(extended(EXIF | ANIMATED, lie)).orientation is None


def test_missing_exif_gives_no_orientation() -> None:
    media = facts(extended(EXIF, PIXELS))
    assert (media.width, media.orientation, media.notes) == (WIDTH, None, ())


@each_row("size", range(21, 30))
def test_incomplete_number_is_unknown(size: int) -> None:
    for data in (riff(PIXELS), extended(ALPHA, PIXELS)):
        media = facts(data[:size])
        assert (media.kind, media.width, media.notes) == ("image", None, ("truncated",))


def test_uncounted_padding_is_not_trailing_data() -> None:
    assert facts(riff(chunk(b"VP8 ", picture()[8:])) + b"\0").notes == ()


def test_endless_chunks_reach_the_read_limit() -> None:
    media, source = counted(extended(EXIF, *[chunk(b"junk", bytes(3000))] * 1000))
    assert (media.width, media.orientation, media.notes) == (WIDTH, None, ("read_limit",))
    assert len(source.distant) < 100


def test_leading_chunks_are_skipped() -> None:
    media = facts(riff(chunk(b"junk", bytes(31)), picture()))
    assert (media.width, media.height, media.notes) == (WIDTH, HEIGHT, ())


@each_row("first", [chunk(b"junk", bytes(30)), chunk(b"VP8L", bytes(30)), chunk(b"VP8 ", bytes(30))])
def test_first_chunk_that_is_not_an_image_gives_no_size(first: bytes) -> None:
    media = facts(riff(first))
    assert (media.kind, media.width, media.notes) == ("image", None, ("bad_header",))


@given(damaged(FIXTURES))
def test_damaged_files_give_facts(data: bytes) -> None:
    ends_in_facts(data, "webp")
