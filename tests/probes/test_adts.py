"""Test AAC in ADTS, whose frames no header counts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from probing import damaged, facts, quick

from preflight.media import EVERYTHING, Need
from preflight.probes import probe
from preflight.probes.mpeg_audio import adts as aac
from preflight.probes.sniff import sniff
from preflight.sources import EndOfFile
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mpeg import ape, id3, id3v1, lyrics3, text
from makers._ogg import adts
from makers.sound import FIXTURES

from tests.rows import each_row

OURS = [fixture for fixture in FIXTURES if fixture.name.endswith(".aac")]
BLOCK = 1024 / 44100


def test_frames_of_any_length_are_counted() -> None:
    data = b"".join(adts(1, body=bytes(length % 700)) for length in range(3000))
    assert facts(data).duration == pytest.approx(3000 * BLOCK)


def test_file_larger_than_allowed_has_no_duration() -> None:
    data = adts(5000)
    media = probe(MemorySource(data), Need(max_bytes=len(data) - 1))
    assert (media.kind, media.audio_codec, media.duration) == ("audio", "aac", None)


def test_damage_between_frames_is_skipped() -> None:
    assert facts(adts(20) + b"damaged" * 50 + adts(20)).duration == pytest.approx(40 * BLOCK)


def test_tags_around_frames_are_not_counted_as_audio() -> None:
    media = facts(id3(padding=5000) + adts(20) + id3v1())
    assert (media.duration, media.notes) == (pytest.approx(20 * BLOCK), ())


def test_trailing_bytes_are_noted() -> None:
    assert facts(adts(20) + b"something else").notes == ("trailing_data",)


def test_frames_longer_than_first_read_are_found() -> None:
    assert facts(adts(4, body=bytes(8000))).duration == pytest.approx(4 * BLOCK)


def test_single_frame_header_is_not_recognised() -> None:
    assert sniff(MemorySource(adts(1) + bytes(500))) is None
    assert sniff(MemorySource(adts(1))) == "aac"


@each_row(
    "tag", [id3v1(), ape(("Title", "x")), ape(("Title", "x"), header=False), lyrics3("la"), id3(version=4, flags=0x10)]
)
@each_row("frames", [1, 2, 3, 4])
def test_few_frames_before_a_tag_are_recognised_as_audio(frames: int, tag: bytes) -> None:
    """ffprobe: aac for each of them."""
    for before in (b"", id3(text(b"TIT2", "title"))):
        media = facts(before + adts(frames) + tag)
        assert (media.format, media.audio_codec) == ("aac", "aac")
        if b"ID3" not in tag:
            assert (media.duration, media.notes) == (pytest.approx(frames * BLOCK), ())


@each_row("length", [1, 4, 100, 5000, 60_000, 65_536])
def test_leading_bytes_are_skipped(length: int) -> None:
    """ffprobe: aac, of this duration, after as many zeros."""
    for junk in (b"\2" * length, bytes(length)):
        for before in (b"", id3(text(b"TIT2", "title"))):
            media = facts(before + junk + adts(40))
            assert (media.audio_codec, media.sample_rate, media.notes) == ("aac", 44100, ("leading_garbage",))
            assert media.duration == pytest.approx(40 * BLOCK)


def test_oversized_tag_does_not_hide_audio() -> None:
    tag = id3(text(b"TIT2", "title"))
    media = facts(tag[:6] + b"\x7f" * 4 + tag[10:] + adts(40))
    assert (media.audio_codec, media.duration, media.notes) == ("aac", pytest.approx(40 * BLOCK), ("bad_header",))


@each_row(
    "make",
    [
        lambda: adts(8_000_000, body=b""),
        lambda: adts(9) + b"\xff" * 60_000_000,
        lambda: (adts(9) + b"?") * 200_000,
    ],
    ids=["frames without data", "ones", "frames apart"],
)
def test_hostile_files_are_read_quickly(make: Callable[[], bytes]) -> None:
    source = MemorySource(make())
    with quick(1.5):
        aac.read(source, EVERYTHING, "aac")


@given(damaged(OURS))
def test_damaged_files_give_facts(data: bytes) -> None:
    sniff(MemorySource(data))
    try:
        media = aac.read(MemorySource(data), EVERYTHING, "aac")
    except EndOfFile:
        return
    assert media.kind == "audio"
    assert media.duration is None or media.duration > 0
