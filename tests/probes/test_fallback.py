"""Test formats that only the libraries read: their results are validated and translated."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import pytest

import preflight
from preflight.errors import WorkerCrashed
from preflight.media import Media, Need
from preflight.probes import libraries, probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers.lookalike import transport_stream

from tests.rows import each_row


def seen(data: bytes, need: Need | None = None) -> Media:
    return probe(MemorySource(data), need or Need())


def aiff(frames: int = 8000, rate: int = 8000, coding: bytes = b"") -> bytes:
    """Return silence: 16 bits, one channel. With a `coding` it is an AIFF-C."""
    extended = struct.pack(">HQ", 16383 + rate.bit_length() - 1, rate << 64 - rate.bit_length())
    more = coding + b"\0\0" if coding else b""
    common = b"COMM" + struct.pack(">IhIh", 18 + len(more), 1, frames, 16) + extended + more
    sound = b"SSND" + struct.pack(">I8x", 8 + 2 * frames) + bytes(2 * frames)
    form = b"AIFC" if coding else b"AIFF"
    return b"FORM" + struct.pack(">I", 4 + len(common) + len(sound)) + form + common + sound


def au(coding: int, frames: int = 8000) -> bytes:
    """Return Sun's AU: 8000 Hz, one channel."""
    return struct.pack(">4s5I4x", b".snd", 28, frames, coding, 8000, 1) + b"\xff" * frames


def flash(flags: int) -> bytes:
    """Return a Flash video of ten audio tags, whose first byte is `flags` (Adobe FLV 10.1, E.4.2)."""
    data = b"FLV\1\4\0\0\0\x09\0\0\0\0"
    for number in range(10):
        body = bytes((flags,)) + b"\xff" * 800
        tag = b"\x08" + len(body).to_bytes(3, "big") + (number * 100).to_bytes(3, "big") + bytes(4) + body
        data += tag + len(tag).to_bytes(4, "big")
    return data


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    monkeypatch.setattr(libraries, "call", lambda *_, **__: answer)


def test_audio_that_only_libmediainfo_reads_has_facts() -> None:
    media = seen(aiff())
    assert (media.kind, media.format, media.duration, media.audio_codec) == ("audio", "aiff", 1.0, "pcm")
    assert (media.sample_rate, media.channels, media.video_codec) == (8000, 1, "none")
    assert seen(aiff(rate=16_000, coding=b"alaw")).sample_rate == 16_000


@each_row(
    ("data", "codec"),
    [
        (aiff(coding=b"NONE"), "pcm"),
        (aiff(coding=b"sowt"), "pcm"),
        (aiff(coding=b"fl32"), "pcm"),
        (aiff(coding=b"ulaw"), "mulaw"),
        (aiff(coding=b"alaw"), "alaw"),
        (aiff(coding=b"ima4"), "adpcm"),
        (au(1), "mulaw"),
        (au(27), "alaw"),
        (au(3), "pcm"),
        (flash(0x82), "mulaw"),
        (flash(0x72), "alaw"),
    ],
)
def test_only_linear_samples_are_pcm(data: bytes, codec: str) -> None:
    """ffprobe: pcm_s16be, pcm_s16le, pcm_f32be, pcm_mulaw, pcm_alaw, adpcm_ima_qt."""
    assert seen(data).audio_codec == codec


def test_duration_of_block_coded_audio_in_aiff_is_unknown() -> None:
    assert seen(aiff(coding=b"ima4")).duration is None


def test_g711_in_flash_video_has_8_khz() -> None:
    """ffprobe: 8000 Hz; libmediainfo: 5500 Hz, by a field that has no other value."""
    assert (seen(flash(0x82)).sample_rate, seen(flash(0x72)).sample_rate) == (8000, 8000)


def test_truncated_audio_is_noted() -> None:
    assert seen(aiff()[:-5000]).notes == ("truncated",)


def test_transport_stream_has_an_estimated_duration() -> None:
    media = seen(transport_stream())
    assert (media.kind, media.format, media.width, media.height) == ("video", "mpegts", 64, 48)
    assert "estimated_duration" in media.notes


def test_format_without_library_facts_keeps_its_name() -> None:
    assert seen(b"FLV\1" + bytes(500)) == Media(format="flv", size=504)
    assert seen(b"wvpk" + bytes(500)) == Media(kind="audio", format="wavpack", size=504)
    assert seen(b"8BPS" + bytes(500)) == Media(kind="image", format="psd", size=504)
    assert seen(b"\xff\x0a" + bytes(500)) == Media(kind="image", format="jxl", size=502)


@each_row("data", [b"", b"\0", bytes(5000), bytes(n * n * 7919 >> 7 & 255 for n in range(3000))])
def test_unrecognised_bytes_have_neither_format_nor_kind(data: bytes) -> None:
    assert seen(data) == Media(size=len(data))


def test_read_limit_leaves_only_the_format() -> None:
    assert seen(aiff(400_000), Need(max_bytes=1000)) == Media(
        kind="audio", format="aiff", size=800_054, notes=("read_limit",)
    )


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        {"general": [], "tracks": {}},
        {"general": {"format": ["AIFF"]}, "tracks": [1, None, {"track_type": {}}]},
        {"general": {"format": "AIFF"}, "tracks": [{"track_type": "Audio", "format": 5, "channel_s": [2]}]},
        {
            "general": {"format": "AIFF", "duration": "1e999"},
            "tracks": [{"track_type": "Audio", "sampling_rate": True}],
        },
        {"general": {"format": "AIFF", "duration": float("inf")}, "tracks": [{"track_type": "Audio", "channel_s": -1}]},
        {
            "general": {"format": "AIFF", "duration": "9" * 5000},
            "tracks": [{"track_type": "Audio", "format": "x" * 9999}],
        },
        {"general": {"format": "AIFF", "duration": 10**400}, "tracks": [{"track_type": "Audio"}]},
    ],
)
def test_decoder_results_are_validated(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    answering(monkeypatch, answer)
    media = seen(aiff())
    assert (media.kind, media.format) == ("audio", "aiff")
    assert (media.duration, media.sample_rate, media.channels) == (None, None, None)


@pytest.mark.parametrize(
    ("said", "rate"), [(44100, 44100), ("44100", 44100), ("44100.000", 44100), ("44100 / 22050", None)]
)
def test_numbers_are_accepted_in_several_notations(
    monkeypatch: pytest.MonkeyPatch, said: object, rate: int | None
) -> None:
    track = {"track_type": "Audio", "format": "PCM", "sampling_rate": said}
    answering(monkeypatch, {"general": {"format": "AIFF"}, "tracks": [track]})
    assert seen(aiff()).sample_rate == rate


def test_contradicting_container_of_library_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, {"general": {"format": "AC-3"}, "tracks": [{"track_type": "Audio", "format": "AC-3"}]})
    assert seen(aiff()).audio_codec is None


def test_no_library_reads_unrecognised_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "call", lambda *_, **__: pytest.fail("a library was asked"))
    for junk in (b"\0\0\1\xba", b"\x0b\x77", b"\0\0\1\xe0", b"\x7f\xfe\x80\x01", b"ID3\4\0\0\0\0\0\0"):
        assert seen(junk * 5000).kind in (None, "audio")
    assert seen(b"FORM\0\0\0\4AIFF" * 500) == Media(kind="audio", format="aiff", size=6000)


@pytest.mark.parametrize(
    ("container", "track", "codec"),
    [
        (("flv", "Flash Video"), {"format": "Sorenson Spark"}, "flv1"),
        (("mpegts", "MPEG-TS"), {"format": "MPEG Video", "format_version": "Version 2"}, "mpeg2video"),
        (("asf", "Windows Media"), {"format": "VC-1", "codec_id": "WMV3"}, "wmv3"),
        (("asf", "Windows Media"), {"format": "Screen Magic"}, None),
    ],
)
def test_library_codecs_are_translated(
    monkeypatch: pytest.MonkeyPatch, container: tuple[str, str], track: dict[str, str], codec: str | None
) -> None:
    ours, general = container
    starts = {"flv": b"FLV\1", "mpegts": (b"\x47" + bytes(187)) * 3, "asf": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"}
    answering(monkeypatch, {"general": {"format": general}, "tracks": [{"track_type": "Video", **track}]})
    assert seen(starts[ours] + bytes(500)).video_codec == codec


def test_crashing_decoder_costs_only_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise WorkerCrashed("x.ico", "crashed (SIGSEGV)")

    monkeypatch.setattr(libraries, "call", crash)
    icon = b"\0\0\1\0\1\0" + bytes((16, 16, 0, 0, 1, 0, 32, 0)) + struct.pack("<II", 500, 22) + bytes(500)
    with pytest.raises(WorkerCrashed):
        probe(MemorySource(icon))
    reports = list(preflight.check_many([icon, b"PK\3\4" + bytes(99), icon], "atlas"))
    assert [report.verdict for report in reports] == ["unknown", "fail", "unknown"]
    assert [finding.code for finding in preflight.check(icon, "atlas").findings] == ["probe_crashed"]


def test_aac_with_one_header_is_read_by_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    track = {"track_type": "Audio", "format": "AAC", "sampling_rate": 44100, "channel_s": 2}
    answering(monkeypatch, {"general": {"format": "ADIF"}, "tracks": [track]})
    media = seen(b"ADIF" + bytes(500))
    assert (media.format, media.audio_codec, media.sample_rate, media.channels) == ("aac", "aac", 44100, 2)


@each_row(("before", "found"), [(63, True), (64, False)])
def test_description_of_aiff_is_among_its_first_64_chunks(before: int, found: bool) -> None:
    plain = aiff()
    chunks = struct.pack(">4sI", b"JUNK", 3) + b"xxx\0"
    data = plain[:12] + chunks * before + plain[12:]
    data = data[:4] + struct.pack(">I", len(data) - 8) + data[8:]
    assert (seen(data).sample_rate == 8000) is found
