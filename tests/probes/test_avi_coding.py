"""Test what formats, first frames and indexes of AVI tell about the coding of its streams."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probing import RemoteSource, counted, facts

from preflight.media import Need
from preflight.probes import probe
from preflight.probes.coded_frames import frame_parameters
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers import jpeg
from makers.avi import audio, bitmap, chunk, film, listing, main, stream, video

from tests.rows import each_row

SPS = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0")
VOL = bytes.fromhex("000001b001000001b58913000001000000012000c48d88007d0a041e1463")
MPEG2 = bytes.fromhex("000001b31400f013ffffe018000001b5148a000100000000")


def bitmap_of(code: bytes, bits: int = 24, private: bytes = b"", height: int = 240) -> bytes:
    return pack("<IiiHH4sIiiII", 40 + len(private), 320, height, 1, bits, code, 0, 0, 0, 0, 0) + private


def with_frame(form: bytes, frame: bytes = b"", *, kind: bytes = b"vids") -> bytes:
    header = listing(b"hdrl", main(1), stream(kind, bytes(4), 1, 25, 1, form))
    body = header + listing(b"movi", chunk(b"00pc", b"palette "), chunk(b"00dc", frame))
    return b"RIFF" + pack("<I", 4 + len(body)) + b"AVI " + body


HEVC_SPS = bytes((0x42, 1, 1, 2, 0x20, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xA0))


@each_row(
    ("form", "expected"),
    [
        (bitmap_of(b"YUY2", 16), (8, "4:2:2", "ycbcr")),
        (bitmap_of(b"i420", 12), (8, "4:2:0", "ycbcr")),
        (bitmap_of(b"Y800", 8), (8, "4:0:0", "gray")),
        (bitmap_of(b"v210", 20), (10, "4:2:2", "ycbcr")),
        (bitmap_of(bytes(4), 24), (8, None, "rgb")),
        (bitmap_of(bytes(4), 8), (None, None, None)),
        (bitmap_of(b"HFYU", 16), (8, "4:2:2", "ycbcr")),
        (bitmap_of(b"HFYU", 24), (8, None, "rgb")),
        (bitmap_of(b"dvsd", height=576), (8, "4:2:0", "ycbcr")),
        (bitmap_of(b"dvsd", height=480), (8, "4:1:1", "ycbcr")),
        (bitmap_of(b"VP62"), (8, "4:2:0", "ycbcr")),
        (bitmap_of(b"DIV3"), (8, "4:2:0", "ycbcr")),
        (bitmap_of(b"ULRG"), (8, None, "rgb")),
        (bitmap_of(b"IV50"), (None, None, None)),
    ],
)
def test_code_and_bits_of_a_pixel_give_sample_format(form: bytes, expected: tuple[Any, ...]) -> None:
    media = facts(with_frame(form))
    assert (media.bit_depth, media.chroma, media.color_model) == expected
    assert (media.video_tracks, media.audio_tracks, media.location) == (1, 0, False)


@each_row(
    ("code", "frame", "expected"),
    [
        (b"H264", b"\0\0\0\1\x09\x10\0\0\0\1" + SPS, ("high", 4.0, "4:2:0", "progressive")),
        (b"XVID", VOL, ("simple profile", 1.0, "4:2:0", "progressive")),
        (b"XVID", b"\0\0\1\xb6 no headers", (None, None, "4:2:0", None)),
        (b"MPG2", MPEG2, ("main", None, "4:2:0", "progressive")),
        (b"MJPG", jpeg.picture(), (None, None, "4:2:0", None)),
        (
            b"MJPG",
            b"\xff\xd8\xff\xc2\0\x0b\x08\0\x01\0\x01\1\1\x11\0",
            (None, None, "4:0:0", None),
        ),
        (b"MJPG", b"\xff\xd8\xff\xd9", (None, None, None, None)),
    ],
)
def test_first_frame_states_profile(code: bytes, frame: bytes, expected: tuple[Any, ...]) -> None:
    for data in (with_frame(bitmap_of(code), frame), with_frame(bitmap_of(code, private=frame))):
        media = facts(data)
        assert (media.video_profile, media.video_level, media.chroma, media.scan) == expected


def test_first_frame_of_a_remote_file_is_read_only_with_the_head() -> None:
    data = with_frame(bitmap_of(b"XVID"), VOL + bytes(2000))
    assert probe(RemoteSource(data)).video_profile == "simple profile"
    far = data.replace(b"LIST", chunk(b"JUNK", bytes(40_000)) + b"LIST", 1)
    remote = RemoteSource(far)
    assert (probe(remote).video_profile, remote.requests) == (None, 2)
    assert facts(far).video_profile == "simple profile"


def indexed(*entries: tuple[bytes, int, int]) -> bytes:
    """Return a film of 100 frames of 25 a second and 4 s of audio; entries: name, flags and size."""
    sound = stream(b"auds", bytes(4), 1, 8000, 32_000, pack("<HHIIHHH", 0xFF, 2, 8000, 0, 1, 0, 0))
    body = listing(b"hdrl", main(100), video(100), sound) + listing(b"movi", bytes(20_000))
    body += chunk(b"idx1", b"".join(pack("<4sIII", name, flags, 4, size) for name, flags, size in entries))
    return b"RIFF" + pack("<I", 4 + len(body)) + b"AVI " + body


ENTRIES = [(b"00dc", 0x10 * (at in (0, 25, 75)), 50) for at in range(100)]
SOUND = [(b"01wb", 0x10, 100)] * 20


def test_index_gives_bit_rates_and_key_frames() -> None:
    media = facts(indexed(*ENTRIES, *SOUND, (b"00pc", 0x10, 900)))
    assert (media.video_bit_rate, media.audio_bit_rate, media.keyframe_interval) == (10_000, 4000, 2.0)


def test_index_is_read_only_of_local_files_that_need_it() -> None:
    data = indexed(*ENTRIES, *SOUND)
    remote = RemoteSource(data)
    assert (probe(remote).video_bit_rate, remote.requests) == (None, 1)
    assert probe(MemorySource(data), Need(frozenset(("width",)))).video_bit_rate is None
    _, source = counted(data)
    assert source.bytes_read < 6000
    assert facts(data[:-16]).video_bit_rate is None


@each_row(
    ("form", "profile", "bits", "bit_rate"),
    [
        (pack("<HHIIHHH", 1, 2, 44100, 176400, 4, 16, 0), None, 16, 1_411_200),
        (pack("<HHIIHHH", 0x55, 2, 44100, 16000, 1, 0, 0), None, None, 128_000),
        (pack("<HHIIHHH", 0xFF, 2, 44100, 8000, 1, 16, 2) + b"\x12\x10", "lc", None, 64_000),
    ],
)
def test_format_of_audio_states_coding(form: bytes, profile: str | None, bits: int | None, bit_rate: int) -> None:
    media = facts(film(main(), video(), stream(b"auds", bytes(4), 1, 8000, 16_000, form)))
    assert (media.audio_profile, media.sample_bits, media.audio_bit_rate) == (profile, bits, bit_rate)


def test_audio_in_dv_is_not_counted() -> None:
    media = facts(film(main(), stream(b"iavs", bytes(4), 1, 25, 50, bitmap()), audio()))
    assert (media.video_tracks, media.audio_tracks) == (1, None)


@pytest.mark.parametrize("codec", ["av1", "h264", "hevc", "mjpeg", "mpeg2video", "mpeg4", "vp9"])
@given(data=st.binary(max_size=80), cut=st.integers(0, 40))
def test_damaged_frames_give_parameters(codec: str, data: bytes, cut: int) -> None:
    for each in (SPS, VOL, MPEG2, jpeg.picture(), b"\0\0\1"):
        parameters = frame_parameters(codec, NOTHING, lambda each=each: each[:cut] + data)  # type: ignore[misc]
        assert parameters.bit_depth is None or parameters.bit_depth < 256


@each_row(
    ("data", "profile"),
    [
        (b"\0\0\0\1\x46\1\x10\0\0\1" + HEVC_SPS, "main 10"),
        (b"\0\0\1\x46\1" * 7 + b"\0\0\1" + HEVC_SPS, "main 10"),
        (b"\0\0\1\x46\1" * 8 + b"\0\0\1" + HEVC_SPS, None),
        (b"\0\0\1\x40\1" + HEVC_SPS, None),
        (HEVC_SPS, None),
        (b"\0\0\1", None),
    ],
)
def test_first_eight_units_of_hevc_are_searched(data: bytes, profile: str | None) -> None:
    assert frame_parameters("hevc", VideoParameters(), lambda: data).profile == profile
