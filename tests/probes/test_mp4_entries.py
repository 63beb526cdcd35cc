"""Test sample entries: names of codecs, and rate and channels as played."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from preflight.media import Media
from preflight.probes import probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mp4 import AAC_CONFIG, blank, box, esds, full, movie, picture_entry, protected, sound, sound_entry

from tests.rows import each_row

SIZE = (854, 480)


OWN_LAYOUT = bytes.fromhex("118004c848002000c4")
"""AAC of seven channels, which no standard layout has: a program_config_element lists them."""


def seen(data: bytes) -> Media:
    return probe(MemorySource(data))


@each_row(
    ("kinds", "depth", "chroma", "profile"),
    [
        ("apco", 10, "4:2:2", "proxy"),
        ("apcs", 10, "4:2:2", "lt"),
        ("apcn", 10, "4:2:2", "standard"),
        ("apch", 10, "4:2:2", "hq"),
        ("ap4h", 12, "4:4:4", "4444"),
        ("ap4x", 12, "4:4:4", "xq"),
        ("dvc dvpp", 8, "4:1:1", None),
        ("dvcp", 8, "4:2:0", None),
        ("dv5n dv5p dvhp dvhq dvh2 dvh3 dvh4 dvh5 dvh6", 8, "4:2:2", None),
        ("hdv1 hdv9 hdva xdv1 xdvf", 8, "4:2:0", "main"),
        ("xd54 xd5f mx5n mx3p", 8, "4:2:2", "4:2:2"),
        ("ai5p ai5q ai52 ai53 ai55 ai56", 10, "4:2:0", "high 10 intra"),
        ("ai1p ai1q ai12 ai13 ai15 ai16", 10, "4:2:2", "high 4:2:2 intra"),
        ("2vuy 2Vuy yuvs yuvu UYVY", 8, "4:2:2", None),
        ("v210", 10, "4:2:2", None),
        ("v216", 16, "4:2:2", None),
        ("v308 v408", 8, "4:4:4", None),
        ("v410", 10, "4:4:4", None),
        ("r210", 10, None, None),
        ("b48r b64a", 16, None, None),
    ],
)
def test_type_of_the_entry_states_depth_chroma_and_profile(
    kinds: str, depth: int, chroma: str | None, profile: str | None
) -> None:
    for kind in kinds.split():
        media = seen(movie(blank(entry=picture_entry(kind.ljust(4).encode(), SIZE)), brand=b"qt  "))
        assert (media.bit_depth, media.chroma, media.video_profile) == (depth, chroma, profile), kind
        assert media.color_model == ("ycbcr" if chroma else "rgb"), kind


def heard(entry: bytes) -> tuple[str | None, int | None, int | None]:
    media = seen(movie(sound(entry=entry)))
    return media.audio_codec, media.sample_rate, media.channels


@each_row(
    ("kind", "inner", "codec"),
    [
        (b"hvc1", b"", "hevc"),
        (b"dvh1", b"", "hevc"),
        (b"av01", b"", "av1"),
        (b"apch", b"", "prores"),
        (b"jpeg", b"", "mjpeg"),
        (b"xdvc", b"", "mpeg2video"),
        (b"mp4v", b"", "mpeg4"),
        (b"mp4v", esds(0x20), "mpeg4"),
        (b"mp4v", esds(0x61), "mpeg2video"),
        (b"mp4v", esds(0x6C), "mjpeg"),
        (b"encv", protected(b"hev1"), "hevc"),
        (b"resv", box(b"rinf", box(b"frma", b"hvc1")), "hevc"),
        (b"Zz9 ", b"", "zz9"),
        (b"\0\1\2\3", b"", None),
    ],
)
def test_sample_entry_type_gives_video_codec(kind: bytes, inner: bytes, codec: str | None) -> None:
    media = seen(movie(blank(entry=picture_entry(kind, SIZE, inner))))
    assert (media.video_codec, media.audio_codec) == (codec, "none")
    assert media.encrypted is (kind == b"encv")


@each_row(
    ("entry", "facts"),
    [
        (sound_entry(b"mp4a", 44100, 2), ("aac", 44100, 2)),
        (sound_entry(b"mp4a", 48000, 2, esds(0x40, AAC_CONFIG)), ("aac", 44100, 1)),
        (sound_entry(b"mp4a", 48000, 2, esds(0x40, OWN_LAYOUT)), ("aac", 48000, 7)),
        (sound_entry(b"mp4a", 22050, 2, esds(0x40, b"\x2b\x92\x08\x00")), ("aac", 44100, 2)),  # explicit SBR
        (sound_entry(b"mp4a", 22050, 1, esds(0x40, b"\xeb\x8a\x08\x00")), ("aac", 44100, 2)),  # SBR and PS
        (sound_entry(b"mp4a", 24000, 2, esds(0x40, b"\x13\x10\x56\xe5\x98")), ("aac", 48000, 2)),  # SBR behind the core
        (sound_entry(b"mp4a", 44100, 2, esds(0x40, b"\xf9\x48\x40")), ("xhe_aac", 44100, 2)),
        (sound_entry(b"mp4a", 8000, 2, esds(0x40, b"\xf8\x9e\x00\x3e\x80\x00")), ("mp4als", 8000, 2)),
        (sound_entry(b"mp4a", 44100, 2, esds(0x6B)), ("mp3", 44100, 2)),
        (sound_entry(b"mp4a", 48000, 6, esds(0xA9)), ("dts", 48000, 6)),
        (sound_entry(b"mp4a", 48000, 2, esds(0xDD)), ("vorbis", 48000, 2)),
        (sound_entry(b"mp4a", 48000, 2, esds(0x99)), (None, 48000, 2)),
        (sound_entry(b"ac-3", 48000, 2, box(b"dac3", b"\x0c\x3d\xc0")), ("ac3", 48000, 6)),
        (sound_entry(b"ec-3", 48000, 2, box(b"dec3", b"\x14\x00\x60\x0f\x00")), ("eac3", 44100, 6)),
        (sound_entry(b"Opus", 16000, 1, box(b"dOps", b"\0\2" + bytes(9))), ("opus", 48000, 2)),
        (sound_entry(b"fLaC", 0, 0, full(b"dfLa", 0, 0, bytes(14), b"\x0a\xc4\x42\xf0")), ("flac", 44100, 2)),
        (
            sound_entry(b"alac", 0, 2, full(b"alac", 0, 0, bytes(9), b"\1", bytes(10), pack(">I", 96000))),
            ("alac", 96000, 1),
        ),
        (sound_entry(b"samr", 44100, 2), ("amr", 8000, 1)),
        (sound_entry(b"sawb", 44100, 2), ("amr", 16000, 1)),
        (sound_entry(b"mhm1", 48000, 0, box(b"mhaC", b"\1\x0d\x13\0\0")), ("mpegh_3d_audio", 48000, 12)),
        (sound_entry(b"sowt", 8000, 1), ("pcm", 8000, 1)),
        (sound_entry(b"ulaw", 8000, 1), ("mulaw", 8000, 1)),
        (sound_entry(b"alaw", 8000, 1), ("alaw", 8000, 1)),
        (sound_entry(b"ms\0\7", 8000, 1), ("mulaw", 8000, 1)),
        (sound_entry(b"ima4", 8000, 1), ("adpcm", 8000, 1)),
        (sound_entry(b"in24", 8000, 1), ("pcm", 8000, 1)),
        (sound_entry(b"ms\0\x55", 44100, 2, version=1), ("mp3", 44100, 2)),
        (sound_entry(b"ms\x16\x10", 44100, 2), ("aac", 44100, 2)),
        (sound_entry(b"iamf", 0, 0), ("iamf", None, None)),
        (sound_entry(b"ipcm", 1, 2, full(b"srat", 0, 0, pack(">I", 192000))), ("pcm", 192000, 2)),
        (sound_entry(b"enca", 48000, 2, protected(b"ac-4")), ("ac4", 48000, 2)),
        (sound_entry(b"drms", 44100, 2), (None, 44100, 2)),
    ],
)
def test_sample_entry_gives_audio_codec_rate_and_channels(
    entry: bytes, facts: tuple[str | None, int | None, int | None]
) -> None:
    assert heard(entry) == facts


def test_overlong_channel_layout_is_bounded() -> None:
    codec, rate, channels = heard(sound_entry(b"mp4a", 48000, 2, esds(0x40, b"\x11\x80" + b"\xff" * 60)))
    assert (codec, rate) == ("aac", 48000)
    assert channels is not None
    assert channels <= 93  # 45 elements of two, and three low ones


def test_truehd_has_an_integer_rate_and_a_channel_map() -> None:
    entry = sound_entry(b"mlpa", 0, 2, box(b"dmlp", b"\x00\x17\x80\x4f" + bytes(6)))
    at = entry.index(b"dmlp") - 8
    assert heard(entry[:at] + pack(">I", 96000) + entry[at + 4 :]) == ("truehd", 96000, 8)


def test_track_without_sample_entry_has_unknown_codec() -> None:
    data = movie(blank(), sound())
    media = seen(data[: data.rindex(b"stsd")] + b"xxxx" + data[data.rindex(b"stsd") + 4 :])
    assert (media.video_codec, media.audio_codec) == ("h264", None)


def test_stsd_version_1_has_no_quicktime_fields() -> None:
    entry = sound_entry(b"mp4a", 48000, 2, esds(0x40, AAC_CONFIG), version=1)
    data = movie(sound(entry=entry))
    at = data.index(b"stsd") + 4
    assert seen(data[:at] + b"\1" + data[at + 1 :]).sample_rate == 44100
