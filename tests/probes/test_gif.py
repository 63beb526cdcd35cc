"""GIF: the screen, and the blocks before the first picture. The fixtures' facts are compared by `test_fixtures.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from probing import counted, damaged, ends_in_facts, facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers.gif import FIXTURES, HEIGHT, LOOP, WIDTH, comment, control, frame, gif


def test_the_head_is_enough() -> None:
    media, source = counted(gif(LOOP, control(True), frame()) + bytes(100_000))
    assert (media.width, media.has_alpha, media.notes) == (WIDTH, True, ("animated",))
    assert source.distant == []


@pytest.mark.parametrize("length", [0, 1800, 2400, 4000, 60_000])
def test_comments_cost_less_than_4_kib(length: int) -> None:
    media, source = counted(gif(comment(length), frame()) + bytes(100_000))
    assert (media.width, media.height) == (WIDTH, HEIGHT)
    assert source.bytes_read < 4096
    assert media.has_alpha is (False if length <= 2400 else None)


def test_a_picture_out_of_reach_leaves_a_screen_of_no_size_unknown() -> None:
    media = facts(gif(comment(9000), frame(), width=0, height=0))
    assert (media.kind, media.width, media.height, media.notes) == ("image", None, None, ())


def test_a_screen_without_height_takes_the_pictures() -> None:
    media = facts(gif(frame(20, 10), width=30, height=0))
    assert (media.width, media.height) == (30, 10)


def test_what_is_no_block_is_a_bad_header() -> None:
    assert facts(gif(b"\x99quirk")).notes == ("bad_header",)
    assert facts(gif()).notes == ("bad_header",)


@settings(deadline=1000, max_examples=300)
@given(damaged(FIXTURES))
def test_damaged_files_end_in_facts(data: bytes) -> None:
    ends_in_facts(data, "gif")
