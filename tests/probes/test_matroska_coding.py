"""Test what a Matroska file states about the coding of its tracks, and what its blocks and tags add."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack
from typing import Any

from probing import RemoteSource, counted, facts, quick

from preflight.media import Media
from preflight.probes import probe
from preflight.probes.matroska.tags import read_tags

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._ebml import cluster, element, entry, film, index, info, number, real, text, tracks
from makers._ogg import stream_info
from makers._riff import fmt

from tests.rows import each_row

PRIVATE = 0x63A2
AVCC = bytes.fromhex("01640028ffe1001b67640028acd940780227e5c05a808080a0000003002000000781e30632c001000468ebe3cb")
SEQUENCE = bytes.fromhex("000001b3140 0f013ffffe018".replace(" ", ""))
EXTENSION = bytes.fromhex("000001b5148a000100000000")
DISPLAY = bytes.fromhex("000001b52b0102050000000000")


def track(codec: str, private: bytes = b"", *shape: bytes, more: bytes = b"", frame_ns: int = 40_000_000) -> bytes:
    picture = element(0xE0, number(0xB0, 320), number(0xBA, 240), *shape)
    parts = (element(PRIVATE, private),) if private else ()
    return entry(1, codec, number(0x23E383, frame_ns), *parts, picture, more)


def shown(*parts: bytes, frame: bytes = bytes(40)) -> Media:
    return facts(
        film(info(), tracks(*parts), element(0x1F43B675, number(0xE7, 0), element(0xA3, b"\x81\0\0\x80", frame)))
    )


def color(**points: int) -> bytes:
    names = {
        "matrix": 0x55B1,
        "bits": 0x55B2,
        "across": 0x55B3,
        "down": 0x55B4,
        "transfer": 0x55BA,
        "primaries": 0x55BB,
    }
    return element(0x55B0, *(number(names[name], value) for name, value in points.items()))


VP9_KEY_FRAME = bytes.fromhex("824983420013f00ef600")
VP9_PROFILE_1 = bytes.fromhex("a24983420000")


@each_row(
    ("part", "frame", "expected"),
    [
        (track("V_VP8"), b"", {"bit_depth": 8, "chroma": "4:2:0", "color_model": "ycbcr", "scan": "progressive"}),
        (track("V_VP9"), VP9_KEY_FRAME, {"bit_depth": 8, "chroma": "4:2:0", "video_profile": "profile 0"}),
        (track("V_VP9"), b"encrypted", {"bit_depth": None, "chroma": None, "video_profile": None}),
        (
            track("V_VP9", bytes((1, 1, 2, 2, 1, 31, 3, 1, 10, 4, 1, 1))),
            b"",
            {"bit_depth": 10, "chroma": "4:2:0", "video_profile": "profile 2", "video_level": 3.1},
        ),
        (track("V_MPEG4/ISO/AVC", AVCC), b"", {"bit_depth": 8, "video_profile": "high", "video_level": 4.0}),
        (track("V_MPEGI/ISO/VVC", bytes.fromhex("ff00651f5a0001020000")), b"", {"video_codec": "vvc"}),
        (
            track("V_MPEG2", SEQUENCE + EXTENSION + DISPLAY),
            b"",
            {"chroma": "4:2:0", "video_profile": "main", "scan": "progressive", "primaries": "bt709"},
        ),
        (track("V_MPEG2"), SEQUENCE + EXTENSION, {"chroma": "4:2:0", "bit_depth": 8}),
        (track("V_MPEG1", SEQUENCE), b"", {"chroma": "4:2:0", "bit_depth": 8, "video_profile": None}),
        (track("V_PRORES", b"apch"), b"", {"chroma": "4:2:2", "bit_depth": 10, "video_profile": "hq"}),
        (track("V_UNCOMPRESSED", b"", element(0x2EB524, b"YUY2")), b"", {"chroma": "4:2:2", "color_model": "ycbcr"}),
        (track("V_THEORA"), b"", {"chroma": "4:2:0", "bit_depth": 8}),
    ],
)
def test_picture_is_described_by_configuration_or_first_frame(
    part: bytes, frame: bytes, expected: dict[str, Any]
) -> None:
    media = shown(part, frame=frame.ljust(40, b"\0"))
    assert {name: getattr(media, name) for name in expected} == expected
    assert (media.video_tracks, media.audio_tracks) == (1, 0)


@each_row(
    ("stated", "expected"),
    [
        ({"transfer": 16, "primaries": 9, "matrix": 9}, ("bt2020", "smpte2084", "pq", "ycbcr")),
        ({"transfer": 18, "primaries": 9}, ("bt2020", "arib-std-b67", "hlg", "ycbcr")),
        ({"transfer": 2, "primaries": 2}, (None, None, "none", "ycbcr")),
        ({"matrix": 0}, (None, None, "none", "rgb")),
    ],
)
def test_color_element_states_color(stated: dict[str, int], expected: tuple[str | None, ...]) -> None:
    media = shown(track("V_VP8", b"", color(**stated)))
    assert (media.primaries, media.transfer, media.hdr, media.color_model) == expected


def test_color_element_states_samples_that_the_configuration_does_not() -> None:
    media = shown(track("V_FFV1", b"", color(bits=10, across=1, down=0)))
    assert (media.bit_depth, media.chroma) == (10, "4:2:2")
    media = shown(track("V_VP8", b"", color(bits=10, across=1, down=0)))
    assert (media.bit_depth, media.chroma) == (8, "4:2:0")


def test_dolby_vision_is_a_block_addition() -> None:
    mapping = element(0x41E4, number(0x41E7, 0x64767643))
    assert shown(track("V_MPEG4/ISO/AVC", AVCC, more=mapping)).hdr == "dolby_vision"


@each_row(("flag", "scan"), [(0, None), (1, "interlaced"), (2, "progressive")])
def test_flag_states_scan_where_the_codec_has_both(flag: int, scan: str | None) -> None:
    assert shown(track("V_MPEG4/ISO/ASP", b"", number(0x9A, flag))).scan == scan


def sound(codec: str, private: bytes = b"", *shape: bytes) -> bytes:
    parts = (element(PRIVATE, private),) if private else ()
    return entry(2, codec, *parts, element(0xE1, real(0xB5, 48000.0), number(0x9F, 2), *shape))


@each_row(
    ("part", "profile", "bits"),
    [
        (sound("A_AAC", b"\x11\x90"), "lc", None),
        (sound("A_AAC", b"\x2b\x09\x88"), "he", None),
        (sound("A_AAC/MPEG4/LC"), "lc", None),
        (sound("A_AAC/MPEG2/LC/SBR"), "he", None),
        (sound("A_AAC/MPEG4/MAIN"), "main", None),
        (sound("A_PCM/INT/LIT", b"", number(0x6264, 24)), None, 24),
        (sound("A_MS/ACM", fmt(1, bits=16)[8:] + b"\0\0"), None, 16),
        (sound("A_MS/ACM", fmt(6, bits=16)[8:] + b"\0\0"), None, 8),
        (sound("A_FLAC", b"fLaC" + stream_info(0)), None, 16),
        (sound("A_ALAC", pack(">IBB", 4096, 0, 24) + bytes(18)), None, 24),
        (sound("A_OPUS", b"", number(0x6264, 32)), None, None),
    ],
)
def test_sound_is_described_by_configuration_or_name(part: bytes, profile: str | None, bits: int | None) -> None:
    media = shown(part)
    assert (media.audio_profile, media.sample_bits, media.audio_tracks) == (profile, bits, 1)


def simple(time: int, size: int, number: int = 1, flags: int = 0) -> bytes:
    return element(0xA3, bytes((0x80 | number,)), time.to_bytes(2, "big"), bytes((flags,)), bytes(size))


def group(time: int, size: int, *, reference_first: bool | None) -> bytes:
    parts = [element(0xA1, b"\x81", time.to_bytes(2, "big"), b"\0", bytes(size))]
    if reference_first is not None:
        parts.insert(0 if reference_first else 1, number(0xFB, 40))
    return element(0xA0, *parts)


def blocks(*parts: bytes, before: bytes = b"", duration: float | None = 2000.0) -> bytes:
    entries = tracks(track("V_VP8"), sound("A_OPUS"))
    return film(info(duration), entries, before, element(0x1F43B675, number(0xE7, 0), *parts))


def test_bit_rates_and_key_frames_of_a_small_file_are_measured() -> None:
    pictures = [simple(40 * at, 100, flags=0x80 * (at in (0, 10, 40))) for at in range(50)]
    heard = [simple(20 * at, 50, 2, 0x80) for at in range(100)]
    media = facts(blocks(*pictures, *heard))
    assert (media.video_bit_rate, media.audio_bit_rate, media.keyframe_interval) == (20_000, 20_000, 1.2)


def test_group_without_reference_is_a_key_frame() -> None:
    kinds: tuple[bool | None, ...] = (None, True, False, None, False)
    media = facts(blocks(*(group(40 * at, 10, reference_first=kind) for at, kind in enumerate(kinds))))
    assert media.keyframe_interval == 0.12


def test_laced_frames_count_in_the_duration_of_the_last_block() -> None:
    laced = [simple(80 * at, 401, 2, 0x06) for at in range(3)]
    laced = [block.replace(b"\6" + bytes(401), b"\6\3" + bytes(400)) for block in laced]
    assert facts(blocks(*laced)).audio_bit_rate == round(3 * 401 * 8 / 0.24)


def test_last_block_ends_with_the_file() -> None:
    heard = [simple(1000 * at, 125, 2, 0x80) for at in range(3)]
    assert facts(blocks(*heard, duration=2500.0)).audio_bit_rate == 1200


def test_rates_of_large_and_of_remote_files_are_not_measured() -> None:
    data = blocks(*(simple(40 * at, 1000, flags=0x80) for at in range(50)))
    assert facts(data).video_bit_rate == 200_000
    assert probe(RemoteSource(data)).video_bit_rate is None
    media, source = counted(data + bytes(8 << 20))
    assert media.video_bit_rate is None
    assert source.bytes_read < 10_000


@each_row(("count", "measured"), [((1 << 17) - 60, True), ((1 << 17) + 10, False)])
def test_elements_that_are_read_for_bit_rates_are_bounded(count: int, measured: bool) -> None:
    data = blocks(*(simple(40 * at, 100) for at in range(50)), b"\xec\x80" * count)
    with quick(3):
        assert (facts(data).video_bit_rate == 20_000) is measured


def tag(uid: int, *values: tuple[str, str]) -> bytes:
    targets = element(0x63C0, number(0x63C5, uid)) if uid else element(0x63C0)
    pairs = (element(0x67C8, text(0x45A3, name), text(0x4487, value)) for name, value in values)
    return element(0x7373, targets, *pairs)


def statistics(writer: str, bit_rate: str) -> bytes:
    return tag(1, ("BPS-eng", bit_rate), ("_STATISTICS_WRITING_APP-eng", writer))


@each_row(
    ("tags", "location", "bit_rates"),
    [
        (statistics("mkvmerge", "1000"), False, {1: 1000}),
        (statistics("another", "1000"), False, {}),
        (statistics("mkvmerge", "fast"), False, {}),
        (tag(0, ("LOCATION", "+48.8577+002.295/")), True, {}),
        (tag(0, ("COM.APPLE.QUICKTIME.LOCATION.ISO6709", "-33.8+151.2/")), True, {}),
        (tag(0, ("RECORDING_LOCATION", "Paris")), False, {}),
        (b"", False, {}),
    ],
)
def test_tags_state_location_and_statistics_of_this_writer(
    tags: bytes, location: bool, bit_rates: dict[int, int]
) -> None:
    assert read_tags(tags, "mkvmerge") == (location, bit_rates)


def test_tags_are_found_before_and_by_the_index_behind_the_clusters() -> None:
    tags = element(0x1254C367, tag(0, ("LOCATION", "+48.8577+002.295/")))
    assert facts(blocks(simple(0, 9), before=tags)).location is True
    head = info() + tracks(track("V_VP8"))
    clusters = cluster() + bytes(0) + element(0xEC, bytes(40_000))
    start = len(index((0x1254C367, 0)) + head + clusters)
    data = film(index((0x1254C367, start)), head, clusters, tags)
    assert facts(data).location is True
    remote = RemoteSource(data)
    assert probe(remote).location is None
    assert remote.requests == 1
    assert facts(film(head, clusters)).location is False
