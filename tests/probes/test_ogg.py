"""Test the first pages of Ogg and the last one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from probing import counted, damaged, facts, quick

from preflight.media import EVERYTHING, NONE, Need
from preflight.probes import ogg, probe
from preflight.probes.ogg import streams
from preflight.sources import EndOfFile
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mpeg import id3
from makers._ogg import FIRST, OPUS_SILENCE, opus, opus_head, page, stream, theora_head, vorbis_head
from makers.sound import FIXTURES, film

from tests.rows import each_row

OURS = [fixture for fixture in FIXTURES if "ogg" in fixture.name]
MEGABYTE = 1 << 20


def vorbis(*positions: int, packets: int = 50, size: int = 100, serial: int = 1) -> list[bytes]:
    pages = [(position, (bytes(size),) * packets) for position in positions]
    return stream(vorbis_head(), (0, (b"\3vorbis",)), *pages, serial=serial)


def test_long_file_costs_two_reads() -> None:
    media, source = counted(b"".join(vorbis(*range(40_000, 8_000_000, 40_000))))
    assert media.duration == pytest.approx(7_960_000 / 44100)
    assert source.bytes_read <= (8 + 64) * 1024
    assert len(source.distant) == 2


def test_large_cover_does_not_hide_the_last_page() -> None:
    comment = b"\3vorbis METADATA_BLOCK_PICTURE=" + bytes(50_000)
    media = facts(
        b"".join(stream(vorbis_head(), (0, (comment,)), *((n * 40_000, (bytes(4000),) * 10) for n in range(9))))
    )
    assert (media.duration, media.notes) == (pytest.approx(320_000 / 44100), ("cover_art",))


@each_row("first", [48_000, 48_000 * 3600])
def test_late_first_position_is_subtracted(first: int) -> None:
    assert facts(b"".join(opus(500, first=first))).duration == 10.0
    late = facts(b"".join(vorbis(*range(44_100 * 100, 44_100 * 110, 40_000))))
    assert late.duration == pytest.approx(10, abs=1.2)


def test_links_of_a_chain_add_up() -> None:
    links = opus(50) + vorbis(44100, 88200, serial=2) + opus(25, serial=3)
    assert facts(b"".join(links)).duration == pytest.approx(3.5)
    assert facts(b"".join(opus(50) + opus(50))).duration == 2.0, "the same number twice"
    long = b"".join(vorbis(*range(40_000, 4_000_000, 40_000)) + opus(5000, serial=2))
    assert facts(long).duration == pytest.approx(3_960_000 / 44100 + 100)


def test_links_of_a_chain_add_up_wherever_the_file_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(opus(50) + vorbis(44100, 88200, serial=2, size=4) + opus(25, serial=3))
    for length in range(400, len(data) + 2):
        monkeypatch.setattr(streams, "_CHUNK_SIZE", length)
        assert facts(data).duration == pytest.approx(3.5), length


def test_bit_rate_of_a_stream_is_that_of_its_packets() -> None:
    media = facts(b"".join(opus(50)))
    assert media.audio_bit_rate == len(OPUS_SILENCE) * 50 * 8


def test_last_link_of_a_chain_may_begin_in_the_tail() -> None:
    first = vorbis(*range(44_100, 441_001, 44_100), packets=250, size=250)
    assert len(first[-1]) > 62_000
    assert facts(b"".join(first + opus(50, serial=2))).duration == pytest.approx(11.0, abs=0.1)


def test_foreign_bytes_in_a_chain_are_skipped() -> None:
    links = [*opus(50), b"OggS", bytes(5 * MEGABYTE), *opus(50, serial=2)]
    assert facts(b"".join(links)).duration == 2.0
    links = [*opus(50), *opus(50, serial=2)]
    assert facts(b"".join([*links[:-1], b"OggS", links[-1]])).duration == 2.0


def test_bit_rate_of_a_chain_is_read_only_if_needed() -> None:
    data = b"".join(opus(50) + opus(50, serial=2))
    assert probe(MemorySource(data), Need(frozenset(("bit_rate",)))).bit_rate == round(len(data) * 8 / 2.0)


def test_chain_larger_than_allowed_has_no_duration() -> None:
    data = b"".join(opus(50) + opus(50, serial=2))
    assert probe(MemorySource(data), Need(max_bytes=len(data) - 1)).duration is None


def test_cover_of_a_chain_larger_than_allowed_is_noted() -> None:
    cover = stream(opus_head(), (0, (b"OpusTags METADATA_BLOCK_PICTURE=",)), (48_000, (b"\xf8",) * 50))
    data = b"".join(cover + opus(50, serial=2))
    assert probe(MemorySource(data), Need(max_bytes=len(data) - 1)).notes == ("cover_art", "read_limit")


def test_longer_of_two_streams_gives_duration() -> None:
    sound, more = opus(100), vorbis(44100, serial=2)
    media = facts(b"".join((sound[0], more[0], *more[1:], *sound[1:])))
    assert (media.audio_codec, media.duration) == ("opus", 2.0)


def test_video_without_audio_stream_is_silent() -> None:
    pictures = stream(theora_head(), (0, (b"\x81theora",)), (1 << 6, (b"p",)), (1 << 6 | 24, (b"",) * 24))
    media = facts(b"".join(pictures))
    assert (media.kind, media.audio_codec, media.frames, media.duration) == ("video", NONE, 25, 1.0)
    assert media.rotation == 0


def test_stream_of_unknown_codec_leaves_codecs_unknown() -> None:
    known, other = opus(50), stream(b"\x01video\0\0\0", (50, (b"x",)), serial=2)
    media = facts(b"".join((known[0], other[0], *known[1:], *other[1:])))
    assert (media.kind, media.audio_codec, media.video_codec, media.duration) == ("audio", "opus", None, 1.0)


def test_theora_pixel_aspect_ratio_is_read() -> None:
    data = b"".join(stream(theora_head(par=(4, 3)), (1 << 6, (b"p",))))
    assert facts(data).pixel_aspect_ratio == pytest.approx(4 / 3)


def test_pages_without_end_of_packet_have_no_position() -> None:
    pages = stream(vorbis_head(), (0, (b"\3vorbis",)), (44100, (b"x",) * 50), (-1, (bytes(254),)))
    assert facts(b"".join(pages)).duration == 1.0


def test_long_trailing_garbage_leaves_no_duration() -> None:
    media = facts(b"".join(vorbis(*range(40_000, 800_000, 40_000))) + bytes(100_000))
    assert (media.duration, media.notes) == (None, ("truncated",))


def test_leading_tag_is_skipped() -> None:
    assert facts(id3(padding=3000) + b"".join(opus(50))).duration == 1.0


def test_truncated_header_is_a_truncated_file() -> None:
    media = facts(film()[:20])
    assert (media.format, media.notes) == ("ogg", ("truncated",))
    assert facts(page(opus_head()[:10], serial=1, number=0, granule=0, flags=FIRST)).audio_codec is None


@each_row("name", ["empty pages", "first pages", "chain", "marks"])
def test_hostile_files_are_read_quickly(name: str) -> None:
    first, empty = opus(1)[0], page(serial=1, number=1, granule=5)
    piece = {"empty pages": empty, "first pages": first, "chain": first + empty, "marks": b"OggS\1"}[name]
    source = MemorySource(first + piece * (8 * MEGABYTE // len(piece)))
    with quick():
        ogg.read(source, EVERYTHING, "ogg")


@given(damaged(OURS))
def test_damaged_files_give_facts(data: bytes) -> None:
    try:
        media = ogg.read(MemorySource(data), EVERYTHING, "ogg")
    except EndOfFile:
        return
    assert media.duration is None or media.duration >= 0
