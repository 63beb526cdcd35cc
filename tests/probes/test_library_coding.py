"""Test what libmediainfo's words for coding are translated to, and what the tags of a Flash video add."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probing import RemoteSource, facts
from test_fallback import aiff, answering, au, flash

from preflight.media import Media
from preflight.probes import probe
from preflight.probes.flv import measure_rates
from preflight.probes.libraries import run_mediainfo
from preflight.processes import Limits
from preflight.sources.memory import MemorySource
from tests.rows import each_row


def said(monkeypatch: pytest.MonkeyPatch, general: dict[str, Any], *tracks: dict[str, Any]) -> Media:
    answering(monkeypatch, {"general": general, "tracks": list(tracks)})
    return run_mediainfo(MemorySource(b""), Limits(3, 1 << 27, 1 << 20, 30)).media


@each_row(
    ("track", "expected"),
    [
        ({"format": "AVC", "format_profile": "High 4:2:2@L4.1"}, {"video_profile": "high 4:2:2", "video_level": 4.1}),
        ({"format": "AVC", "format_profile": "Progressive High@L3"}, {"video_profile": "high", "video_level": 3.0}),
        ({"format": "HEVC", "format_profile": "Main 10@L5.1@High"}, {"video_profile": "main 10", "video_level": 5.1}),
        ({"format": "HEVC", "format_profile": "Format Range@L4@Main"}, {"video_profile": "rext", "video_level": 4.0}),
        ({"format": "MPEG-4 Visual", "format_profile": "Simple@L1"}, {"video_profile": "simple profile"}),
        ({"format": "VP9", "format_profile": "2"}, {"video_profile": "profile 2", "scan": "progressive"}),
        (
            {"format": "MPEG Video", "format_version": "Version 2", "format_profile": "Main@Main"},
            {"video_profile": "main", "video_level": None},
        ),
        ({"format": "AVC", "scan_type": "MBAFF"}, {"scan": "interlaced"}),
        ({"format": "VP8"}, {"bit_depth": 8, "chroma": "4:2:0", "color_model": "ycbcr"}),
        ({"format": "DV", "chroma_subsampling": "4:1:1", "bit_depth": 8}, {"chroma": "4:1:1", "bit_depth": 8}),
        ({"format": "AVC", "chroma_subsampling": "4:2:0 (Type 0)"}, {"chroma": "4:2:0", "color_model": "ycbcr"}),
        ({"format": "FFV1", "color_space": "Y"}, {"chroma": "4:0:0", "color_model": "gray"}),
        ({"format": "FFV1", "color_space": "RGB"}, {"chroma": None, "color_model": "rgb"}),
        (
            {"format": "HEVC", "transfer_characteristics": "PQ", "color_primaries": "BT.2020"},
            {"transfer": "smpte2084", "primaries": "bt2020", "hdr": "pq"},
        ),
        ({"format": "HEVC", "hdr_format": "Dolby Vision, Version 1.0"}, {"hdr": "dolby_vision"}),
        ({"format": "another"}, {"hdr": None, "scan": None, "bit_depth": None}),
        ({"format": "AVC", "bit_rate": "1234.5600000000"}, {"video_bit_rate": 1235}),
        ({"format": "AVC", "bit_depth": ["8"], "bit_rate": "8 / 9"}, {"bit_depth": None, "video_bit_rate": None}),
    ],
)
def test_words_for_video_are_translated(track: dict[str, Any], expected: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        media = said(patch, {}, {"track_type": "Video", **track}, {"track_type": "Video"})
    assert {name: getattr(media, name) for name in expected} == expected
    assert (media.video_tracks, media.audio_tracks, media.location) == (2, 0, False)


@each_row(
    ("track", "profile", "bits"),
    [
        ({"format": "AAC", "format_additionalfeatures": "LC"}, "lc", None),
        ({"format": "AAC", "format_additionalfeatures": "LC SBR PS", "bit_depth": 16}, "he_v2", None),
        ({"format": "PCM", "bit_depth": 24}, None, 24),
        ({"format": "PCM", "codec_id": "alaw", "bit_depth": 16}, None, 8),
        ({"format": "WMA", "bit_depth": 16}, None, None),
    ],
)
def test_words_for_audio_are_translated(track: dict[str, Any], profile: str | None, bits: int | None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        media = said(patch, {}, {"track_type": "Audio", **track})
    assert (media.audio_profile, media.sample_bits, media.audio_tracks) == (profile, bits, 1)


def test_coordinates_are_a_location(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, {"location": "+48.8577+002.295/"}, {"track_type": "Video"}).location is True
    assert said(monkeypatch, {"location": "Paris"}, {"track_type": "Video"}).location is False


def test_bit_rate_of_pcm_in_au_is_computed() -> None:
    media = facts(au(3))
    assert (media.sample_bits, media.audio_bit_rate) == (16, 128_000)
    assert (facts(aiff()).sample_bits, facts(aiff()).audio_bit_rate) == (16, 128_000)


def tag(kind: int, time: int, body: bytes) -> bytes:
    head = bytes((kind,)) + len(body).to_bytes(3, "big") + (time & 0xFFFFFF).to_bytes(3, "big") + bytes((time >> 24,))
    return head + bytes(3) + body + struct.pack(">I", 11 + len(body))


def film(tags: Iterable[bytes]) -> bytes:
    return b"FLV\1\5\0\0\0\x09\0\0\0\0" + b"".join(tags)


TAGS = [
    tag(9, 0, b"\x17\0" + bytes(500)),
    tag(8, 0, b"\xaf\0\x12\x10"),
    *(tag(9, 40 * at, (b"\x17\1" if at in (0, 25, 75) else b"\x27\1") + bytes(103)) for at in range(100)),
    *(tag(8, 20 * at, b"\xaf\1" + bytes(50)) for at in range(200)),
]


def test_tags_of_flash_video_give_rates_without_configurations() -> None:
    assert measure_rates(MemorySource(film(TAGS))) == {
        "audio_bit_rate": 20_000,
        "keyframe_interval": 2.0,
        "video_bit_rate": 20_000,
    }


def test_flash_video_is_measured_up_to_8_mib() -> None:
    whole = film(TAGS)
    rest = (8 << 20) - len(whole) - 15
    assert measure_rates(MemorySource(whole + tag(18, 0, bytes(rest))))["audio_bit_rate"] == 20_000
    assert measure_rates(MemorySource(whole + tag(18, 0, bytes(rest + 1))))["audio_bit_rate"] is None


@each_row(
    ("first", "rate"),
    [
        (tag(8, 0, b"\xaf\1" + bytes(50)), 20_000),
        (tag(8, 0, b"\xaf\0" + bytes(50)), None),
        (tag(8, 0, b"\xaf\1"), None),
        (tag(8, 0, b"\x2f\0" + bytes(49)), 20_000),
        (tag(8, (1 << 31) - 1, b"\xaf\1" + bytes(50)), 0),
        (tag(8, 1 << 31, b"\xaf\1" + bytes(50)), None),
        (tag(9, 0, b"\xaf\1" + bytes(50)), None),
        (tag(10, 0, b"\xaf\1" + bytes(50)), None),
        (tag(0x28, 0, b"\xaf\1" + bytes(50)), 20_000),
    ],
)
def test_tags_with_coded_audio_are_counted(first: bytes, rate: int | None) -> None:
    second = tag(8, 20, b"\xaf\1" + bytes(50))
    assert measure_rates(MemorySource(film([first, second])))["audio_bit_rate"] == rate
    assert measure_rates(MemorySource(film([first, second])[:-5]))["audio_bit_rate"] is None


def test_rates_of_remote_flash_video_are_not_measured() -> None:
    assert facts(flash(0x82)).audio_bit_rate == 64_000
    assert probe(RemoteSource(flash(0x82))).audio_bit_rate is None


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 255))
def test_damaged_tags_give_rates_of_the_others(cut: int, at: int, value: int) -> None:
    data = bytearray(film(TAGS[:20]))
    data[at % len(data)] = value
    rates = measure_rates(MemorySource(bytes(data[:cut])))
    assert all(rate is None or rate > 0 for rate in rates.values())  # type: ignore[operator]
