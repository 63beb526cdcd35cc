"""Test the bit rates, key frames and pictures of Ogg, by its headers and by the bytes of its pages."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

import pytest
from probing import RemoteSource, counted, facts

from preflight.media import Need
from preflight.probes import probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._ogg import metadata, opus, opus_head, speex_head, stream, stream_info, theora_head, vorbis_head

from tests.rows import each_row

PACKET = b"\xf8" + bytes(159)
"""20 ms of Opus at 64 kbit/s."""


def speech(seconds: int, tags: bytes = b"OpusTags", per_page: int = 50) -> bytes:
    pages = [(48_000 * (at + 1), (PACKET,) * per_page) for at in range(seconds)]
    return b"".join(stream(opus_head(), (0, (tags,)), *pages))


def vorbis(nominal: int, packets: int = 2) -> bytes:
    head = vorbis_head()
    head = head[:20] + pack("<i", nominal) + head[24:]
    return b"".join(stream(head, (0, (b"\3vorbis", b"\5vorbis")), (1024 * packets, (bytes(250),) * packets)))


@each_row(
    ("data", "bit_rate"),
    [
        (speech(1), 64_000),
        (vorbis(112_000), 112_000),
        (vorbis(-1), 86_133),
        (b"".join(stream(speex_head(), (0, (b"comments",)), (16_000, (bytes(100),) * 50))), 40_000),
    ],
    ids=["opus", "vorbis states it", "vorbis states none", "speex"],
)
def test_bit_rate_is_stated_or_that_of_all_pages_without_headers(data: bytes, bit_rate: int) -> None:
    media = facts(data)
    assert (media.audio_bit_rate, media.video_tracks, media.audio_tracks) == (bit_rate, 0, 1)


@each_row(
    "tags",
    [b"OpusTags", b"OpusTags" + bytes(3000), b"OpusTags" + bytes(50_000)],
    ids=["small tags", "tags in the head", "tags behind the head"],
)
def test_bit_rate_of_a_large_file_is_computed_from_its_ends(tags: bytes) -> None:
    data = speech(60, tags)
    media, source = counted(data)
    assert media.audio_bit_rate == pytest.approx(64_000, rel=0.003)
    assert source.bytes_read < len(data) / 3
    assert probe(RemoteSource(data)).audio_bit_rate == (media.audio_bit_rate if len(tags) < 8000 else None)


def test_no_page_is_searched_for_a_bit_rate_that_is_not_needed() -> None:
    data = speech(60, b"OpusTags" + bytes(50_000))
    media = probe(MemorySource(data), Need(frozenset(("duration",))))
    assert (media.duration, media.audio_bit_rate) == (60, None)


def test_headers_of_flac_end_with_its_first_frame() -> None:
    head = b"\x7fFLAC\1\0\0\0fLaC" + stream_info(0, last=False)
    pages = stream(head, (0, (metadata(4, b"c"),)), (0, (metadata(1, bytes(9)),)), (1024, (b"\xff\xf8" + bytes(998),)))
    media = facts(b"".join(pages))
    assert (media.sample_bits, media.audio_bit_rate) == (16, 62_500)


def film(head: bytes) -> bytes:
    """Return 100 frames of 100 bytes, with key frames at 0, 25 and 75, and with four seconds of audio."""
    keys = (0, 25, 75)
    frames = []
    for number in range(100):
        key = max(at for at in keys if at <= number)
        frames.append((key + 1 << 6 | number - key, (bytes(100),)))
    pictures = stream(head, (0, (b"\x81theora", b"\x82theora")), *frames)
    sound = opus(200, serial=2)
    return b"".join((pictures[0], sound[0], pictures[1], *sound[1:], *pictures[2:]))


def test_key_frames_and_bit_rates_of_several_streams_are_counted() -> None:
    media = facts(film(theora_head()))
    assert (media.keyframe_interval, media.video_bit_rate, media.audio_bit_rate) == (2.0, 20_000, 1200)
    assert (media.video_tracks, media.audio_tracks) == (1, 1)


@each_row(
    ("space", "layout", "expected"),
    [
        (0, 0, ("4:2:0", None, None)),
        (1, 2, ("4:2:2", "bt470m", "bt709")),
        (2, 3, ("4:4:4", "bt470bg", "bt709")),
        (3, 1, (None, None, None)),
    ],
)
def test_theora_states_chroma_and_color(space: int, layout: int, expected: tuple[str | None, ...]) -> None:
    head = bytearray(theora_head())
    head[36], head[41] = space, head[41] | layout << 3
    media = facts(film(bytes(head)))
    assert (media.chroma, media.primaries, media.transfer) == expected
    assert (media.bit_depth, media.scan, media.hdr) == (8, "progressive", "none")


@each_row(
    ("comment", "located"),
    [
        (b"LOCATION=+48.8577+002.295/", True),
        (b"com.apple.quicktime.location.ISO6709=-33.86+151.2+10/", True),
        (b"LOCATION=Abbey Road, London", False),
    ],
)
def test_only_coordinates_are_a_location(comment: bytes, located: bool) -> None:
    assert facts(speech(1, b"OpusTags" + comment)).location is located


@each_row(
    ("packet", "tracks"),
    [
        (b"a private stream", (1, 0)),
        (b"fishead\0", (1, 0)),
        (b"BBCD\0dirac", (None, None)),
        (b"\x80theora", (None, None)),
    ],
)
def test_tracks_are_not_counted_beside_media_that_is_not_read(packet: bytes, tracks: tuple[int | None, ...]) -> None:
    pages = opus(50)
    media = facts(b"".join((pages[0], *stream(packet, serial=2), *pages[1:])))
    assert (media.audio_codec, (media.audio_tracks, media.video_tracks)) == ("opus", tracks)
