"""Test the GIF screen and the blocks before the first image. `test_fixtures.py` compares the facts of the fixtures."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from hypothesis import given
from probing import counted, damaged, ends_in_facts, facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers.gif import FIXTURES, HEIGHT, LOOP, WIDTH, comment, control, frame, gif

from tests.rows import each_row


def test_header_is_read_in_one_piece() -> None:
    media, source = counted(gif(LOOP, control(True), frame(), frame(200, 200)) + bytes(100_000))
    assert (media.width, media.has_alpha, media.notes) == (WIDTH, True, ("animated",))
    assert source.distant == []


@cache
def large_frame() -> bytes:
    """Return an image that fills the first read."""
    return frame(300, 300)


@each_row("length", [0, 1800, 2400, 4000, 60_000])
def test_comments_cost_less_than_4_kib(length: int) -> None:
    media, source = counted(gif(comment(length), frame()) + bytes(100_000))
    assert (media.width, media.height) == (WIDTH, HEIGHT)
    assert source.bytes_read < 4096
    assert media.has_alpha is (False if length <= 2400 else None)


def test_distant_image_leaves_size_of_empty_screen_unknown() -> None:
    media = facts(gif(comment(9000), frame(), width=0, height=0))
    assert (media.kind, media.width, media.height, media.notes) == ("image", None, None, ("read_limit",))


@each_row(("place", "width", "notes"), [(2559, 20, ()), (2560, None, ("read_limit",)), (2561, None, ("read_limit",))])
def test_first_image_is_sought_in_2560_bytes(place: int, width: int | None, notes: tuple[str, ...]) -> None:
    text = comment(9 * 255)[:-1] + bytes((place - 2327,)) + b"q" * (place - 2327) + b"\0"
    data = gif(text, frame(20, 10), width=0, height=0)
    assert data.index(b"\x2c") == place
    assert (facts(data).width, facts(data).notes) == (width, notes)


def test_screen_without_height_takes_that_of_the_image() -> None:
    media = facts(gif(frame(20, 10), width=30, height=0))
    assert (media.width, media.height) == (30, 10)


@each_row("loop", [b"", LOOP, LOOP.replace(b"NETSCAPE2.0", b"ANIMEXTS1.0")])
@each_row("count", [1, 2, 7])
def test_images_are_counted_if_all_are_in_the_first_read(loop: bytes, count: int) -> None:
    """exiftool's FrameCount and ImageMagick's %n are the same; a loop of one image is not animated."""
    media = facts(gif(loop, *(control(), frame(8, 8)) * count))
    assert (media.frames, media.notes) == (count, ("animated",) if count > 1 else ())


def test_second_image_makes_an_animation_without_loop() -> None:
    media, source = counted(gif(frame(8, 8), comment(300), large_frame(), large_frame()))
    assert (media.frames, media.notes, source.distant) == (None, ("animated",), [])


def test_large_first_image_leaves_frame_count_unknown() -> None:
    for rest in (b"", frame()):
        media = facts(gif(large_frame(), rest))
        assert (media.frames, media.notes) == (None, ())


def test_image_separator_within_a_block_is_ignored() -> None:
    hidden = b"\x21\xfe\xff" + (frame(8, 8) * 9)[:255].ljust(255, b"\x2c") + b"\0"
    assert facts(gif(frame(8, 8), hidden)).frames == 1


def test_gif_pixel_aspect_ratio_is_read() -> None:
    """ffprobe: 1:4, 1:2, 1:1, 135:32; exiftool has the same PixelAspectRatio."""
    for value, ratio in ((0, None), (1, 0.25), (17, 0.5), (49, 1.0), (255, 4.21875)):
        data = gif(frame())
        assert facts(data[:12] + bytes((value,)) + data[13:]).pixel_aspect_ratio == ratio


def test_unknown_block_is_a_bad_header() -> None:
    assert facts(gif(b"\x99quirk")).notes == ("bad_header",)
    assert facts(gif()).notes == ("bad_header",)


@given(damaged(FIXTURES))
def test_damaged_files_give_facts(data: bytes) -> None:
    ends_in_facts(data, "gif")
