"""Test the duration of MP4 if movie header, track header, edit list and samples contradict each other.

The values are those of a full decode (`ffmpeg -f null`) and of ffprobe's streams; where ffmpeg does not follow an edit
(rate 0, length 0) they follow ISO/IEC 14496-12 8.6.6.
"""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probing import quick

from preflight.checker import check
from preflight.media import Media
from preflight.probes import probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mp4 import Track, blank, box, full, moov, movie, mvex, sound

from tests.rows import each_row

BEHIND = 49664
"""Ticks of the video's clock after its 48,000."""


def seen(data: bytes) -> Media:
    return probe(MemorySource(data))


def cut(*edits: tuple[int, int], ticks: int | None = None) -> Media:
    return seen(movie(blank()._replace(edits=edits), ticks=ticks))


def patched(data: bytes, kind: bytes, skip: int, value: int) -> bytes:
    """Replace the 32-bit number `skip` bytes after the type of the first `kind` box by `value`."""
    at = data.index(kind) + 4 + skip
    return data[:at] + pack(">I", value) + data[at + 4 :]


@each_row("ticks", [500, 1000, 3000, 100_000_000, 0xFFFFFFFE])
def test_samples_override_contradicting_movie_header(ticks: int) -> None:
    media = seen(movie(blank(), sound(80), ticks=ticks))
    assert (media.duration, media.notes) == (2.0, ("bad_header",))


@each_row("ticks", [0, 0xFFFFFFFF])
def test_movie_header_without_duration_is_not_a_contradiction(ticks: int) -> None:
    media = seen(movie(blank(), ticks=ticks))
    assert (media.duration, media.notes) == (2.0, ())


@each_row("value", [0, 7_000_000, 0xFFFFFFFF])
def test_contradicting_track_header_is_ignored(value: int) -> None:
    media = seen(patched(movie(blank(), ticks=0), b"tkhd", 20, value))
    assert (media.duration, media.notes) == (2.0, ())


@each_row(("value", "notes"), [(0, ()), (0xFFFFFFFF, ()), (24_000, ("bad_header",)), (9**9, ("bad_header",))])
def test_contradicting_media_header_is_noted(value: int, notes: tuple[str, ...]) -> None:
    media = seen(patched(movie(blank()), b"mdhd", 16, value))
    assert (media.duration, media.fps, media.notes) == (2.0, 24.0, notes)


def test_wrong_movie_timescale_is_corrected_or_noted() -> None:
    assert seen(patched(movie(blank()), b"mvhd", 12, 100)).duration == 2.0
    assert seen(patched(movie(blank()), b"mvhd", 12, 0)).notes == ("bad_header",)


@each_row("length", [1000, 2000, 0xFFFF3CB0, 0xFFFFFFFF, 0])
@each_row("start", [48_000, BEHIND, 0x7FFFFFFF, -0x80000000])
def test_edit_that_begins_after_the_media_shows_nothing(length: int, start: int) -> None:
    media = cut((length, start), ticks=0)
    if start < 0 and length in (0, 0xFFFF3CB0, 0xFFFFFFFF):
        return  # an edit that begins so early reaches the media if it is long enough
    assert (media.kind, media.duration, media.bit_rate) == ("video", 0.0, None)
    assert set(media.notes) == {"edit_list", "nothing_shown"}


def test_movie_of_empty_edits_shows_nothing() -> None:
    assert (cut((2000, -1)).duration, cut((2000, -1)).notes) == (0.0, ("edit_list", "nothing_shown"))


def test_file_that_shows_nothing_fails_every_rule_set() -> None:
    report = check(movie(blank()._replace(edits=((0xFFFF3CB0, BEHIND),)), ticks=0), "atlas,ltx")
    for result in report.results:
        assert (result.verdict, "nothing_shown" in {finding.code for finding in result.findings}) == ("fail", True)


@each_row(
    ("edits", "seconds"),
    [
        (((0xFFFFFFFF, 0),), 2.0),
        (((1 << 30, 24_000),), 1.0),
        (((2000, -240),), 1.99),
        (((0, 0),), 2.0),
        (((1000, 0), (90_000, 24_000)), 2.0),
        (((2000, 0), (2000, 0)), 4.0),
        (((500, -1), (2000, 0)), 2.5),
        (((0xFFFFFC00, -1), (2000, 0)), 2.0),
    ],
)
def test_edits_do_not_extend_the_media(edits: tuple[tuple[int, int], ...], seconds: float) -> None:
    assert cut(*edits, ticks=0).duration == pytest.approx(seconds)
    assert cut(*edits, ticks=0xFFFF0000).duration == pytest.approx(seconds)


@each_row(("rate", "seconds"), [(0, 9.0), (1 << 17, 1.0), (1 << 15, 4.0), (0xFFFF0000, 2.0)])
def test_edit_rate_scales_duration_and_0_holds_one_picture(rate: int, seconds: float) -> None:
    data = movie(blank()._replace(edits=((9000, 0),)), ticks=0)
    assert seen(patched(data, b"elst", 16, rate)).duration == seconds


def test_number_of_64_bit_edits_is_bounded() -> None:
    for length, start, seconds in ((1 << 62, 0, 2.0), (2000, 1 << 40, 0.0), (2000, -5, 2.0)):
        edit = box(b"edts", full(b"elst", 1, 0, pack(">IQqI", 1, length, start, 1 << 16)))
        media = seen(movie(blank()._replace(references=edit), ticks=0))
        assert media.duration == pytest.approx(seconds, abs=0.001)


def test_pictures_that_edits_hold_play_one_after_another() -> None:
    edit = box(b"edts", full(b"elst", 0, 0, pack(">I", 2), pack(">IiI", 1000, 0, 0), pack(">IiI", 2000, 0, 0)))
    assert seen(movie(blank()._replace(references=edit), ticks=0)).duration == 3.0


@each_row("stated", [2, 0x01000000, 0xFFFFFFFF])
def test_edits_are_counted_by_32_bits(stated: int) -> None:
    edit = box(b"edts", full(b"elst", 0, 0, pack(">I", stated), pack(">IiI", 1000, 0, 1 << 16)))
    assert seen(movie(blank()._replace(references=edit), ticks=0)).duration == 1.0


def test_edits_that_are_missing_in_their_box_do_not_count() -> None:
    edit = box(b"edts", full(b"elst", 0, 0, pack(">I", 2), pack(">IiI", 1000, 0, 1 << 16)))
    assert seen(movie(blank()._replace(references=edit), ticks=0)).duration == 1.0


def test_composition_offset_shifts_the_end_of_the_media() -> None:
    """The first frame is shown 0.5 s after it is decoded, and the edit list skips these 0.5 s."""
    data = movie(blank()._replace(edits=((2000, 12_000),)))
    plain = seen(data)
    assert (plain.duration, plain.notes) == (1.5, ("bad_header", "edit_list"))
    composition = full(b"ctts", 0, 0, pack(">III", 1, 48, 12_000))
    at = data.index(b"stts") - 4
    whole = data[:at] + composition + data[at:]
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        start = whole.index(kind) - 4
        size = int.from_bytes(whole[start : start + 4], "big") + len(composition)
        whole = whole[:start] + pack(">I", size) + whole[start + 4 :]
    assert (seen(whole).duration, seen(whole).notes) == (2.0, ())


def test_overflowed_audio_edit_list_keeps_video_duration() -> None:
    media = seen(movie(blank(), sound()._replace(edits=((0xFFFF3CB0, 500_000),)), ticks=0xFFFF3CB0))
    assert (media.duration, media.audio_codec, media.notes) == (2.0, "aac", ("bad_header", "edit_list"))


def test_text_track_may_be_longer_than_video_and_audio() -> None:
    text = Track(b"text", box(b"text", bytes(50)), 1000, ((1, 5000),), (b"x",))
    assert (seen(movie(blank(), text)).duration, seen(movie(blank(), text)).notes) == (5.0, ())
    assert seen(movie(blank(), text, ticks=50_000)).duration == 2.0


def test_an_empty_track_does_not_vouch_for_one_of_unknown_duration() -> None:
    unknown = Track(b"text", box(b"text", bytes(50)), 7777, ((1, 5000),), (b"x",))
    empty = unknown._replace(runs=(), samples=())
    for tracks, seconds in (
        ((), 2.0),
        ((empty,), 2.0),
        ((unknown,), 9.0),
        ((unknown, empty), 9.0),
        ((empty, unknown), 9.0),
    ):
        data = movie(blank(), *tracks, ticks=9000)
        assert seen(data.replace(pack(">I", 7777), bytes(4))).duration == seconds


def test_fragments_are_counted_regardless_of_moov() -> None:
    """ffprobe: 1.0 s; in fragments an edit of length 0 begins at its start and ends with the video."""
    from makers._mp4 import fragment, ftyp

    for edits in ((), ((0, 0),), ((0, 500_000),), ((0xFFFF3CB0, BEHIND),)):
        track = blank(((24, 1000),))._replace(edits=edits)
        head = ftyp(b"iso5") + moov((track,), ticks=10**8, extra=mvex((track,), 10**8), fragmented=True)
        media = seen(head + fragment((track,), 0, 1))
        assert (media.duration, "nothing_shown" in media.notes) == (1.0, False)


def test_negative_sample_lengths_are_ignored() -> None:
    media = seen(patched(movie(blank(((47, 1000), (1, 999)))), b"stts", 20, 0xFFFFFE00))
    assert (media.duration, media.variable_fps) == (2.0, None)
    assert media.fps == pytest.approx(24, abs=0.01)


def test_truncated_movie_box_is_not_a_contradiction() -> None:
    media = seen(movie(blank(), ticks=9000)[:500])
    assert (media.duration, media.notes) == (9.0, ("truncated",))


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(-(1 << 31), (1 << 31) - 1)), max_size=4),
    st.integers(0, 0xFFFFFFFF),
)
def test_edit_list_never_extends_edits_or_media(edits: list[tuple[int, int]], ticks: int) -> None:
    with quick():
        media = cut(*edits, ticks=ticks)
    waiting = sum(length for length, start in edits if start == -1 and length < 1 << 31) / 1000
    assert media.duration is not None
    assert 0 <= media.duration <= 2.0 * max(1, len(edits)) + waiting + max(0.31, 0.011 * media.duration)
