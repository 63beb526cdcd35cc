"""Test MP3, MP2 and MP1: frames, and which stream headers are used."""

from __future__ import annotations

import io
import random
import sys
import zipfile
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probing import CountingSource, counted, damaged, facts, quick

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

from tests.rows import each_row

MEGABYTE = 1 << 20
LONG_CONSTANT = frame(128, MPEG1) * 600
LONG_VARIABLE = (frame(32, MPEG1) * 7 + frame(160, MPEG1)) * 300


def test_matching_stream_header_costs_no_second_read() -> None:
    media, source = counted(with_xing(LONG_VARIABLE, 2400, kind=MPEG1))
    assert media.duration == seconds(2400, MPEG1)
    assert source.distant == []


def test_leading_tag_is_skipped() -> None:
    media, source = counted(id3(picture(bytes(500_000))) + with_xing(LONG_VARIABLE, 2400, kind=MPEG1))
    assert (media.duration, media.notes) == (seconds(2400, MPEG1), ("cover_art",))
    assert source.bytes_read < 12_000


def test_constant_rate_without_header_is_sampled_in_three_places() -> None:
    media, source = counted(LONG_CONSTANT)
    assert media.duration == pytest.approx(seconds(600, MPEG1), abs=0.05)
    assert (media.bit_rate, media.notes) == (128_000, ("estimated_duration",))
    assert source.bytes_read < 32_000


def test_trailing_tags_are_not_counted_as_audio() -> None:
    tags = ape(("Cover Art (Front)", "x" * 50_000)) + lyrics3("la " * 2000) + id3v1()
    assert facts(LONG_CONSTANT + tags).duration == facts(LONG_CONSTANT).duration
    assert facts(LONG_CONSTANT + ape(("Title", "x"), header=False) + id3v1()).duration == facts(LONG_CONSTANT).duration
    old = b"LYRICSBEGIN" + b"la " * 300 + b"LYRICSEND"
    assert facts(LONG_CONSTANT + old + id3v1()).duration == facts(LONG_CONSTANT).duration
    behind = id3(version=4, padding=3000, flags=0x10)
    assert facts(CONSTANT + behind).notes == ()


def test_variable_rate_without_header_is_counted() -> None:
    media = facts(LONG_VARIABLE)
    assert media.duration == pytest.approx(seconds(2400, MPEG1))
    assert media.notes == ()


def test_variable_rate_in_a_large_file_is_unknown() -> None:
    media = probe(MemorySource(LONG_VARIABLE), Need(max_bytes=len(LONG_VARIABLE) - 1))
    assert (media.duration, media.bit_rate, media.audio_codec) == (None, None, "mp3")


def test_duration_is_measured_only_if_needed() -> None:
    source = CountingSource(LONG_VARIABLE)
    assert probe(source, Need(facts=frozenset({"format", "audio_codec"}))).audio_codec == "mp3"
    assert source.bytes_read <= 2048


@each_row(("frames", "length"), [(1, 208), (5000, 30_000), (2**32 - 1, 2**32 - 1), (40, 1), (4, None)])
def test_contradicting_stream_header_is_ignored(frames: int, length: int | None) -> None:
    media = facts(xing(frames, length) + VARIABLE)
    assert media.duration == pytest.approx(seconds(40))


@each_row("header", [xing(None, 3068), xing(0, 0), xing(None, None), vbri(0, 0)])
def test_stream_header_without_frames_is_not_audio(header: bytes) -> None:
    sound = frame(32, MPEG1) * 20 if b"VBRI" in header else VARIABLE
    expected = seconds(20, MPEG1) if b"VBRI" in header else seconds(40)
    assert facts(header + sound).duration == pytest.approx(expected)


def test_stream_header_may_omit_its_own_frame() -> None:
    assert facts(xing(40, len(VARIABLE)) + VARIABLE).duration == seconds(40)


@each_row(("kbit", "kind"), [(160, MPEG2), (320, MPEG1)])
def test_stream_header_of_maximum_bit_rate_is_used(kbit: int, kind: int) -> None:
    sound = frame(kbit, kind)
    side = bytes(17 if kind == MPEG1 else 9)
    head = frame(kbit, kind, side + b"Info" + pack(">III", 3, 100, 101 * len(sound)))
    media = facts(head + sound * 100)
    assert media.duration == pytest.approx(seconds(100, kind))
    assert media.notes == ()


def test_stream_header_without_length_is_used_if_possible() -> None:
    assert facts(xing(40, None) + VARIABLE).duration == seconds(40)


def test_trailing_bytes_do_not_invalidate_the_stream_header() -> None:
    media = facts(with_xing(VARIABLE, 40) + b"something else" * 40)
    assert (media.duration, media.notes) == (pytest.approx(seconds(40)), ("trailing_data",))


def test_truncated_stream_header_gives_no_duration() -> None:
    media = facts(id3() + xing(4000, 300_000)[:100])
    assert (media.format, media.duration, media.notes) == ("mp3", None, ("truncated",))


def test_truncated_last_frame_counts_in_part() -> None:
    assert facts(VARIABLE[: -len(LOUD) // 2]).duration == pytest.approx(
        seconds(40) - seconds(1) / 2, abs=seconds(1) / 2
    )


def test_damage_between_frames_is_skipped() -> None:
    assert facts(VARIABLE + b"damaged" * 100 + VARIABLE).duration == pytest.approx(seconds(80))


def test_changing_sample_rate_is_counted_by_both_rates() -> None:
    assert facts(CONSTANT + frame(64, MPEG1) * 20).duration == pytest.approx(seconds(40) + seconds(20, MPEG1))


@each_row("lead", [1, 417, 5000, 15_000])
def test_leading_bytes_are_skipped(lead: int) -> None:
    media = facts(random.Random(lead).randbytes(lead).replace(b"\xff", b"\0") + VARIABLE)
    assert (media.format, media.duration) == ("mp3", pytest.approx(seconds(40)))
    assert media.notes == ("leading_garbage",)


def test_tag_of_wrong_size_may_hide_the_first_frame() -> None:
    media = facts(id3() + bytes(60_000) + VARIABLE)
    assert (media.duration, media.notes) == (pytest.approx(seconds(40)), ("leading_garbage",))


@each_row("tag", [id3v1(), ape(("Title", "x")), ape(("Title", "x"), header=False), lyrics3("la")])
@each_row("frames", [1, 2, 3])
def test_few_frames_before_a_tag_are_recognised_as_audio(frames: int, tag: bytes) -> None:
    """ffprobe: mp3 from two frames on; libmediainfo: MPEG Audio from one on."""
    for before in (b"", id3(text(b"TIT2", "title"))):
        media = facts(before + QUIET * frames + tag)
        assert (media.format, media.duration, media.notes) == ("mp3", pytest.approx(frames * 576 / 22050), ())


def test_lone_ape_header_is_not_read_as_footer() -> None:
    header = ape(("Title", "x"))[:32]
    assert facts(CONSTANT + header).duration == pytest.approx(40 * 576 / 22050)


@each_row("length", [20_000, 65_000, 65_536])
def test_64_kib_of_leading_bytes_are_skipped(length: int) -> None:
    """ffprobe: mp3, of this duration."""
    for junk in (bytes(length), b"\2" * length):
        for before in (b"", id3(text(b"TIT2", "title"))):
            media = facts(before + junk + CONSTANT)
            assert (media.duration, media.notes) == (pytest.approx(40 * 576 / 22050), ("leading_garbage",))


def test_file_of_a_tag_only_is_a_truncated_mp3() -> None:
    for data in (id3(padding=100), id3(padding=100)[:50], b"ID3\4\0\0" + syncsafe(100_000)):
        media = facts(data)
        assert (media.kind, media.format, media.duration, media.notes) == ("audio", "mp3", None, ("truncated",))


def test_tag_before_other_content_is_not_mp3() -> None:
    assert sniff(MemorySource(id3() + b"TTA1" + bytes(4000))) == "tta"
    assert sniff(MemorySource(id3() + random.Random(1).randbytes(80_000))) is None


def test_free_format_needs_four_frames_of_one_length() -> None:
    assert facts(free(70) * 5).duration == pytest.approx(seconds(5))
    assert sniff(MemorySource(free(70) * 3)) != "mp3"


def test_channel_mode_gives_channels() -> None:
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


@each_row(
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
def test_accidental_sync_is_not_mp3(data: bytes, name: str | None) -> None:
    assert sniff(MemorySource(data)) in (name, None)


@given(st.binary(max_size=20_000), st.sampled_from([b"", b"\xff\xfb", b"\xff\xf3\x40", b"\xff\xfd\x80"]))
def test_random_bytes_are_not_audio(data: bytes, start: bytes) -> None:
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


@each_row("name", ["tiny frames", "headers", "ones", "damage", "tags within", "tags before"])
def test_hostile_files_are_read_quickly(name: str) -> None:
    source = MemorySource(endless(name)[: 32 * MEGABYTE])
    with quick(1.5):
        sniff(source)
        mp3.read(source, EVERYTHING, "mp3")


@given(damaged(FIXTURES))
def test_damaged_files_give_facts(data: bytes) -> None:
    sniff(MemorySource(data))
    try:
        media = mp3.read(MemorySource(data), EVERYTHING, "mp3")
    except EndOfFile:
        return
    assert media.kind == "audio"
    assert media.duration is None or media.duration > 0
