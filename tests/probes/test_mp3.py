"""MP3, MP2, MP1: what the frames say, and what is believed of what is said about them."""

from __future__ import annotations

import io
import random
import sys
import time
import zipfile
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probing import CountingSource, counted, damaged, facts

from preflight.media import EVERYTHING, Need
from preflight.probes import probe
from preflight.probes.mpeg_audio import mp3
from preflight.probes.sniff import sniff
from preflight.sources import EndOfFile
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mpeg import (
    LAYER1,
    MPEG1,
    MPEG2,
    ape,
    frame,
    free,
    id3,
    id3v1,
    lyrics3,
    picture,
    seconds,
    syncsafe,
    text,
    vbri,
    with_xing,
    xing,
)
from makers.mp3 import CONSTANT, FIXTURES, LOUD, QUIET, VARIABLE

MEGABYTE = 1 << 20
LONG_CONSTANT = frame(128, MPEG1) * 600
LONG_VARIABLE = (frame(32, MPEG1) * 7 + frame(160, MPEG1)) * 300


def test_a_header_that_fits_costs_no_second_read() -> None:
    media, source = counted(with_xing(LONG_VARIABLE, 2400, kind=MPEG1))
    assert media.duration == seconds(2400, MPEG1)
    assert source.distant == []


def test_a_tag_is_leapt_over() -> None:
    media, source = counted(id3(picture(bytes(500_000))) + with_xing(LONG_VARIABLE, 2400, kind=MPEG1))
    assert (media.duration, media.notes) == (seconds(2400, MPEG1), ("cover_art",))
    assert source.bytes_read < 12_000


def test_a_constant_rate_without_header_is_sampled_in_three_places() -> None:
    media, source = counted(LONG_CONSTANT)
    assert media.duration == pytest.approx(seconds(600, MPEG1), abs=0.05)
    assert (media.bit_rate, media.notes) == (128_000, ("estimated_duration",))
    assert source.bytes_read < 32_000


def test_tags_behind_are_not_counted_as_sound() -> None:
    tags = ape(("Cover Art (Front)", "x" * 50_000)) + lyrics3("la " * 2000) + id3v1()
    assert facts(LONG_CONSTANT + tags).duration == facts(LONG_CONSTANT).duration
    assert facts(LONG_CONSTANT + ape(("Title", "x"), header=False) + id3v1()).duration == facts(LONG_CONSTANT).duration
    old = b"LYRICSBEGIN" + b"la " * 300 + b"LYRICSEND"
    assert facts(LONG_CONSTANT + old + id3v1()).duration == facts(LONG_CONSTANT).duration
    behind = id3(version=4, padding=3000, flags=0x10)
    assert facts(CONSTANT + behind).notes == ()


def test_a_variable_rate_without_header_is_counted_to_the_last_frame() -> None:
    media = facts(LONG_VARIABLE)
    assert media.duration == pytest.approx(seconds(2400, MPEG1))
    assert media.notes == ()


def test_a_variable_rate_without_header_in_a_file_too_large_is_not_guessed() -> None:
    media = probe(MemorySource(LONG_VARIABLE), Need(max_bytes=len(LONG_VARIABLE) - 1))
    assert (media.duration, media.bit_rate, media.audio_codec) == (None, None, "mp3")


def test_what_nobody_needs_is_not_measured() -> None:
    source = CountingSource(LONG_VARIABLE)
    assert probe(source, Need(facts=frozenset({"format", "audio_codec"}))).audio_codec == "mp3"
    assert source.bytes_read <= 2048


@pytest.mark.parametrize(("frames", "length"), [(1, 208), (5000, 30_000), (2**32 - 1, 2**32 - 1), (40, 1), (4, None)])
def test_a_header_that_does_not_fit_the_file_is_not_believed(frames: int, length: int | None) -> None:
    media = facts(xing(frames, length) + VARIABLE)
    assert media.duration == pytest.approx(seconds(40))


@pytest.mark.parametrize("header", [xing(None, 3068), xing(0, 0), xing(None, None), vbri(0, 0)])
def test_a_header_without_frames_says_nothing_and_is_no_sound(header: bytes) -> None:
    sound = frame(32, MPEG1) * 20 if b"VBRI" in header else VARIABLE
    expected = seconds(20, MPEG1) if b"VBRI" in header else seconds(40)
    assert facts(header + sound).duration == pytest.approx(expected)


def test_a_header_that_does_not_count_its_own_frame_is_believed() -> None:
    assert facts(xing(40, len(VARIABLE)) + VARIABLE).duration == seconds(40)


@pytest.mark.parametrize(("kbit", "kind"), [(160, MPEG2), (320, MPEG1)])
def test_the_header_of_a_stream_of_the_highest_bit_rate_is_believed(kbit: int, kind: int) -> None:
    sound = frame(kbit, kind)
    side = bytes(17 if kind == MPEG1 else 9)
    head = frame(kbit, kind, side + b"Info" + pack(">III", 3, 100, 101 * len(sound)))
    media = facts(head + sound * 100)
    assert media.duration == pytest.approx(seconds(100, kind))
    assert media.notes == ()


def test_a_header_without_a_length_is_believed_where_the_mean_frame_is_possible() -> None:
    assert facts(xing(40, None) + VARIABLE).duration == seconds(40)


def test_a_true_header_with_foreign_bytes_behind_the_sound_stays_true() -> None:
    media = facts(with_xing(VARIABLE, 40) + b"something else" * 40)
    assert (media.duration, media.notes) == (pytest.approx(seconds(40)), ("trailing_data",))


def test_a_cut_header_frame_has_no_duration() -> None:
    media = facts(id3() + xing(4000, 300_000)[:100])
    assert (media.format, media.duration, media.notes) == ("mp3", None, ("truncated",))


def test_a_last_frame_that_is_cut_counts_by_its_part() -> None:
    assert facts(VARIABLE[: -len(LOUD) // 2]).duration == pytest.approx(
        seconds(40) - seconds(1) / 2, abs=seconds(1) / 2
    )


def test_damage_between_frames_is_skipped() -> None:
    assert facts(VARIABLE + b"damaged" * 100 + VARIABLE).duration == pytest.approx(seconds(80))


def test_sound_that_changes_its_sample_rate_is_counted_by_both() -> None:
    assert facts(CONSTANT + frame(64, MPEG1) * 20).duration == pytest.approx(seconds(40) + seconds(20, MPEG1))


@pytest.mark.parametrize("lead", [1, 417, 5000, 15_000])
def test_bytes_before_the_first_frame_are_skipped(lead: int) -> None:
    media = facts(random.Random(lead).randbytes(lead).replace(b"\xff", b"\0") + VARIABLE)
    assert (media.format, media.duration) == ("mp3", pytest.approx(seconds(40)))
    assert media.notes == ("leading_garbage",)


def test_a_tag_with_a_wrong_size_may_hide_the_first_frame_for_64_kib() -> None:
    media = facts(id3() + bytes(60_000) + VARIABLE)
    assert (media.duration, media.notes) == (pytest.approx(seconds(40)), ("leading_garbage",))


@pytest.mark.parametrize("tag", [id3v1(), ape(("Title", "x")), ape(("Title", "x"), header=False), lyrics3("la")])
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames_before_a_tag_are_recognised_as_audio(frames: int, tag: bytes) -> None:
    """ffprobe: mp3 from two frames on; libmediainfo: MPEG Audio from one on."""
    for before in (b"", id3(text(b"TIT2", "title"))):
        media = facts(before + QUIET * frames + tag)
        assert (media.format, media.duration, media.notes) == ("mp3", pytest.approx(frames * 576 / 22050), ())


def test_lone_ape_header_is_not_read_as_footer() -> None:
    header = ape(("Title", "x"))[:32]
    assert facts(CONSTANT + header).duration == pytest.approx(40 * 576 / 22050)


@pytest.mark.parametrize("length", [20_000, 65_000, 65_536])
def test_64_kib_of_foreign_bytes_are_skipped_with_and_without_a_tag(length: int) -> None:
    """ffprobe: mp3, of this duration."""
    for junk in (bytes(length), b"\2" * length):
        for before in (b"", id3(text(b"TIT2", "title"))):
            media = facts(before + junk + CONSTANT)
            assert (media.duration, media.notes) == (pytest.approx(40 * 576 / 22050), ("leading_garbage",))


def test_a_file_of_nothing_but_a_tag_is_a_cut_mp3() -> None:
    for data in (id3(padding=100), id3(padding=100)[:50], b"ID3\4\0\0" + syncsafe(100_000)):
        media = facts(data)
        assert (media.kind, media.format, media.duration, media.notes) == ("audio", "mp3", None, ("truncated",))


def test_a_tag_before_something_else_is_no_mp3() -> None:
    assert sniff(MemorySource(id3() + b"TTA1" + bytes(4000))) == "tta"
    assert sniff(MemorySource(id3() + random.Random(1).randbytes(80_000))) is None


def test_free_format_needs_four_frames_of_one_length() -> None:
    assert facts(free(70) * 5).duration == pytest.approx(seconds(5))
    assert sniff(MemorySource(free(70) * 3)) != "mp3"


def test_the_second_channel_is_seen_in_the_mode() -> None:
    assert facts(frame(64, MPEG1, mono=False) * 5).channels == 2
    assert facts(frame(32, LAYER1, mono=False) * 5).channels == 2


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a.mp3", LONG_CONSTANT)
    return out.getvalue()


def tarball() -> bytes:
    head = b"a.mp3".ljust(257, b"\0") + b"ustar\x0000"
    return head.ljust(512, b"\0") + LONG_CONSTANT


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"words and words\n" * 5000, "text"),
        ("UTF-16 of some length\n".encode("utf-16") * 300, "text"),
        (archive(), "zip"),
        (tarball(), "tar"),
        (b"\xff" * 5000, None),
        (b"\xff\xfb\x90" + b"\xff\xfb" * 2000, None),
        (bytes(5000), None),
        (frame(128, MPEG1) + bytes(5000), None),
    ],
)
def test_what_only_looks_like_a_frame_is_no_mp3(data: bytes, name: str | None) -> None:
    assert sniff(MemorySource(data)) in (name, None)


@settings(max_examples=200)
@given(st.binary(max_size=20_000), st.sampled_from([b"", b"\xff\xfb", b"\xff\xf3\x40", b"\xff\xfd\x80"]))
def test_random_bytes_are_no_sound(data: bytes, start: bytes) -> None:
    assert sniff(MemorySource(start + data)) not in ("mp3", "aac")


def endless(name: str) -> bytes:
    if name == "tags before":
        return id3() * 100_000
    if name == "damage":
        return (VARIABLE + b"?") * 20_000
    if name == "tags within":
        return (CONSTANT + id3(padding=10)) * 20_000
    return (
        VARIABLE * 20
        + {"tiny frames": frame(8) + QUIET, "headers": b"\xff\xfb\x91", "ones": b"\xff" * 100}[name] * 600_000
    )


@pytest.mark.parametrize("name", ["tiny frames", "headers", "ones", "damage", "tags within", "tags before"])
def test_no_file_takes_long(name: str) -> None:
    source = MemorySource(endless(name)[: 64 * MEGABYTE])
    began = time.thread_time()
    sniff(source)
    mp3.read(source, EVERYTHING, "mp3")
    assert time.thread_time() - began < 1.5


@settings(max_examples=300)
@given(damaged(FIXTURES))
def test_damaged_files_end_in_facts(data: bytes) -> None:
    sniff(MemorySource(data))
    try:
        media = mp3.read(MemorySource(data), EVERYTHING, "mp3")
    except EndOfFile:
        return
    assert media.kind == "audio"
    assert media.duration is None or media.duration > 0
