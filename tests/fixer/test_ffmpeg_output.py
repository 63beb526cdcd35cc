"""What ffmpeg prints becomes lines that can be shown, and blocks of progress; whatever it prints."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.fixer.ffmpeg.child import MAX_ERROR_BYTES
from preflight.fixer.ffmpeg.errors import describe_exit, ffmpeg_error_lines, main_error
from preflight.fixer.ffmpeg.progress import ProgressReader

WORDS = ["-f", "mov", "-i", "file:/home/me/a b.mp4", "-y", "file:/tmp/out/x\ny.mp4"]


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"[mov,mp4 @ 0x55e9] moov atom not found\n", "moov atom not found"),
        (b"[vost#0:0/libx264 @ 0x55] [enc:libx264 @ 0x7f] Cannot open\n", "Cannot open"),
        (b"file:/home/me/a b.mp4: Invalid data found\n", "The source: Invalid data found"),
        (b"Error opening input file file:/home/me/a b.mp4.\n", "Error opening input file The source."),
        (b"Error writing trailer of file:/tmp/out/x\ny.mp4: broken\n", "Error writing trailer of The result: broken"),
        (b"cannot load '/usr/share/model.json' (/opt/x)\n", "cannot load '…' (…"),
        (b"a/b is 3/4 of c\n", "a/b is 3/4 of c"),
        (b"\x1b[31mred \xff\n", "\\x1b[31mred \ufffd"),
        (b"x" * 1000, "x" * 300),
    ],
)
def test_line_is_shown_without_paths_addresses_and_codes(printed: bytes, shown: str) -> None:
    assert ffmpeg_error_lines(printed, WORDS) == (shown,)


def test_lines_are_separate_and_none_is_empty() -> None:
    assert ffmpeg_error_lines(b"\n one \r\n\r[x @ 0x1] \ntwo", []) == ("one", "two")


def test_line_that_is_cut_at_its_start_is_left_out() -> None:
    printed = b"home/me/secret: a line without its start\nwhole line\n"
    assert ffmpeg_error_lines(printed.rjust(MAX_ERROR_BYTES, b"."), []) == ("whole line",)


def test_path_with_control_codes_is_known_as_ffmpeg_prints_it() -> None:
    assert ffmpeg_error_lines(b"/a?b c.mp4: wrong\n", ["-i", "file:/a\x1bb c.mp4"]) == ("The source: wrong",)


def test_cause_is_the_last_line_that_follows_from_no_other() -> None:
    lines = ("old", "Cannot open", "Error while opening", "Task finished with error code: -22", "Conversion failed!")
    assert main_error(lines) == "Cannot open"
    assert main_error(lines[2:]) == "Conversion failed!"
    assert main_error(("Error opening output files: full. ",)) == "Error opening output files: full"
    assert main_error(()) == ""


def test_end_is_described() -> None:
    assert describe_exit(-9) == "was killed (SIGKILL), usually because memory ran out"
    assert describe_exit(-11) == "crashed (SIGSEGV)"
    assert describe_exit(-200) == "crashed (signal 200)"
    assert describe_exit(187) == "ended with code 187"


@given(st.lists(st.binary(max_size=200) | st.sampled_from([b"/home/me/a b.mp4", b"[x @ 0x1] ", b"\n", b"file:"])))
def test_any_output_becomes_printable_lines(pieces: list[bytes]) -> None:
    lines = ffmpeg_error_lines(b"".join(pieces)[-MAX_ERROR_BYTES:], WORDS)
    assert all(line.isprintable() for line in (*lines, main_error(lines)))
    assert not any("/home/me" in line for line in lines)


BLOCK = b"frame=%d\nout_time_us=%d\nspeed=1.5x\ntotal_size=%d\nprogress=continue\n"


def test_block_is_read_however_it_is_cut() -> None:
    printed = b"".join(BLOCK % (number, 1000 * number, 5 * number) for number in (1, 1, 2))
    for size in (1, 7, 50, len(printed)):
        reader = ProgressReader(1.0, None)
        pieces = [printed[at : at + size] for at in range(0, len(printed), size)]
        assert sum(reader.feed(piece) for piece in pieces) == (2 if size < len(BLOCK) else 1)
        assert reader.latest is not None
        assert reader.latest[:2] == (0.002, 0.002)
        assert reader.latest[3:5] == (1.5, 10)


def test_only_growing_values_are_progress() -> None:
    reader = ProgressReader(None, None)
    assert reader.feed(BLOCK % (1, 1, 1))
    assert not reader.feed(BLOCK % (1, 1, 1))
    assert not reader.feed(BLOCK.replace(b"1.5x", b"1.2x") % (1, 1, 1))
    assert reader.feed(BLOCK % (1, 1, 2))


def test_endless_line_takes_no_memory() -> None:
    reader = ProgressReader(None, None)
    for _ in range(100):
        assert not reader.feed(b"x" * 65_536)
    assert len(reader._rest) < 100_000


@given(
    st.lists(
        st.binary(max_size=50)
        | st.sampled_from(
            [b"progress=end\n", b"out_time_us=", b"total_size=", b"1e999\n", b"-5\n", b"nan\n", os.linesep.encode()]
        )
    )
)
def test_any_progress_is_a_number_or_unknown(pieces: list[bytes]) -> None:
    reader = ProgressReader(5.0, None)
    for piece in pieces:
        reader.feed(piece)
    if reader.latest is not None:
        values = [value for value in reader.latest if value is not None]
        assert all(0 <= value < float("inf") for value in values)
        assert reader.latest.fraction is None or reader.latest.fraction <= 1
