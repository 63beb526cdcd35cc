"""Test WAV: sizes, codings, durations, and what they cost."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from probing import counted, damaged, facts

from preflight.checker import check
from preflight.media import EVERYTHING
from preflight.probes import wav
from preflight.probes.sniff import sniff
from preflight.sources import EndOfFile
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mpeg import MPEG1, frame, id3
from makers._riff import (
    A_LAW,
    EXTENSIBLE,
    FLOAT,
    GSM,
    IMA_ADPCM,
    MP3,
    MU_LAW,
    PCM,
    chunk,
    extensible,
    fmt,
    riff,
    silence,
)
from makers.wav import DATA, FIXTURES, fact

from tests.rows import each_row

HEADERS = 4096
PCM_ONLY = """\
title = "Linear sound only"
stage = "generate"
basis = "assumed"
source = "https://example.com"
as_of = 2026-11-28

[audio]
audio_codec = { any_of = ["pcm"] }
"""


@each_row("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_only_headers_are_read(fixture: object) -> None:
    data = fixture.make()  # type: ignore[attr-defined]
    if b"mp3" not in fixture.name.encode():  # type: ignore[attr-defined]
        _, source = counted(data + bytes(100_000))
        assert source.bytes_read < HEADERS


def test_large_leading_chunks_are_skipped() -> None:
    large = chunk(b"bext", bytes(50_001)) + chunk(b"JUNK", bytes(300_000)) + chunk(b"LIST", b"INFO" + bytes(9000))
    media, source = counted(riff(large, fmt(), DATA))
    assert media.duration == 0.1
    assert source.bytes_read < HEADERS


def test_small_file_is_read_in_one_piece() -> None:
    media, source = counted(riff(fmt(), DATA))
    assert (media.duration, source.distant) == (0.1, [])


@each_row("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFF000, 0xFFFFFF00])
def test_placeholder_sizes_mean_up_to_the_end(size: int) -> None:
    media = facts(riff(fmt(), chunk(b"data", silence(), size)))
    assert (media.duration, media.notes) == (0.1, ())


@each_row("size", [801, 80_000, 0x10000000])
def test_size_beyond_the_end_is_clamped(size: int) -> None:
    media = facts(riff(fmt(), chunk(b"data", silence(), size)))
    assert (media.duration, media.notes) == (0.1, ("truncated",))


def test_unknown_sub_format_has_unknown_codec() -> None:
    more = extensible(PCM, 16)[:-1] + b"?"
    media = facts(riff(fmt(EXTENSIBLE, bits=16, more=more), chunk(b"data", silence(400, 2))))
    assert (media.audio_codec, media.duration) == (None, 0.05)


def test_ambisonic_audio_is_pcm() -> None:
    more = pack("<HIH", 16, 0, PCM) + bytes.fromhex("00002107d3118644c8c1ca000000")
    media = facts(riff(fmt(EXTENSIBLE, bits=16, channels=4, more=more), chunk(b"data", silence(400, 8))))
    assert (media.audio_codec, media.channels, media.duration) == ("pcm", 4, 0.05)


@each_row(
    ("begin", "codec"),
    [
        (b"\x7f\xfe\x80\x01", "dts"),
        (b"\xfe\x7f\x01\x80", "dts"),
        (b"\x1f\xff\xe8\x00", "dts"),
        (b"\0" * 20 + b"\xff\x1f\x00\xe8", "dts"),
        (b"\x72\xf8\x1f\x4e\x01\x00", None),
        (b"\x7f\xfe\x80\x02", "pcm"),
        (b"", "pcm"),
        (b"\0" * 48, "pcm"),
    ],
)
def test_coded_audio_labelled_pcm_is_recognised(begin: bytes, codec: str | None) -> None:
    """ffprobe: dts for the DTS words, and whatever IEC 61937 carries for its own; pcm_s16le else."""
    data = riff(fmt(rate=48000, channels=2, bits=16), chunk(b"data", begin + bytes(400)))
    assert facts(data).audio_codec == codec


def test_sub_format_is_recognised_by_its_guid() -> None:
    for guid, codec in (
        ("2c806de046dbcf11b4d100805f6cbbea", "ac3"),
        ("af87fba7022dfb42a4d405cd93843bdd", "eac3"),
        ("2b806de046dbcf11b4d100805f6cbbea", "mp2"),
    ):
        more = pack("<HI", 0, 4) + bytes.fromhex(guid)
        assert facts(riff(fmt(EXTENSIBLE, bits=0, average=8000, more=more), DATA)).audio_codec == codec


def test_g711_does_not_pass_as_pcm(tmp_path: Path) -> None:
    """ffprobe: pcm_mulaw, pcm_alaw; libmediainfo: U-Law, A-Law."""
    (tmp_path / "pcm.toml").write_text(PCM_ONLY)
    verdicts = {
        tag: check(riff(fmt(tag, more=b""), DATA), str(tmp_path / "pcm.toml")).verdict
        for tag in (PCM, FLOAT, MU_LAW, A_LAW, IMA_ADPCM)
    }
    assert verdicts == {PCM: "pass", FLOAT: "pass", MU_LAW: "fail", A_LAW: "fail", IMA_ADPCM: "fail"}


def test_frames_decide_if_fact_and_byte_rate_disagree() -> None:
    """ffprobe, decoding: 38 frames of 1152 samples."""
    coded = fmt(MP3, 44100, bits=0, block=1, average=4000, more=bytes(12))
    data = riff(coded, fact(430_000), chunk(b"data", frame(32, MPEG1) * 38))
    assert facts(data).duration == pytest.approx(38 * 1152 / 44100)


def test_bits_and_channels_override_wrong_block_size() -> None:
    assert facts(riff(fmt(bits=16, block=1), chunk(b"data", silence(400, 2)))).duration == 0.05
    assert facts(riff(fmt(FLOAT, bits=32, average=0, block=0), chunk(b"data", silence(400, 4)))).duration == 0.05
    assert facts(riff(fmt(bits=0, block=2), chunk(b"data", silence(400, 2)))).duration == 0.05


@each_row("samples", [None, 0, 10, 100_000])
def test_fact_counts_only_within_the_last_block(samples: int | None) -> None:
    sound = chunk(b"data", bytes(512))
    chunks = (sound,) if samples is None else (fact(samples), sound)
    coded = fmt(IMA_ADPCM, bits=4, block=256, average=4055, more=pack("<H", 505))
    assert facts(riff(coded, *chunks)).duration == 1010 / 8000


def test_block_coding_without_sample_count_uses_byte_rate() -> None:
    assert facts(riff(fmt(GSM, bits=0, block=65, average=1625), chunk(b"data", bytes(1625)))).duration == 1.0


def test_fact_or_frames_give_duration_of_mp3_in_wav() -> None:
    sound = frame(32, MPEG1) * 38
    coded = fmt(MP3, 44100, bits=0, block=1, average=0, more=bytes(12))
    assert facts(riff(coded, fact(43_000), chunk(b"data", sound))).duration == 43_000 / 44100
    assert facts(riff(coded, fact(9_000_000), chunk(b"data", sound))).duration == pytest.approx(38 * 1152 / 44100)
    assert facts(riff(coded, chunk(b"data", b"no frames"))).duration is None


def test_sample_rate_of_zero_gives_no_duration() -> None:
    media = facts(riff(fmt(rate=0), DATA))
    assert (media.sample_rate, media.duration, media.bit_rate) == (None, None, None)


@each_row("name", [b"data", b"fmt ", b"LIST", b"fact"])
def test_odd_chunk_may_lack_its_pad_byte(name: bytes) -> None:
    last = fmt() if name != b"fmt " else b""
    following = {b"data": DATA, b"fmt ": fmt(), b"LIST": chunk(b"LIST", b"INFO"), b"fact": fact(800)}[name]
    data = riff(last, chunk(b"JUNK", b"odd", pad=False), following, DATA)
    assert facts(data).duration == 0.1


def test_header_without_chunks_is_truncated() -> None:
    media = facts(riff())
    assert (media.kind, media.format, media.duration, media.notes) == ("audio", "wav", None, ("truncated",))


def test_file_that_ends_before_its_audio_is_truncated() -> None:
    media = facts(riff(fmt()))
    assert (media.audio_codec, media.duration, media.notes) == ("pcm", None, ("truncated",))


def test_leading_tag_is_skipped() -> None:
    assert facts(id3(padding=3000) + riff(fmt(), DATA)).duration == 0.1


def test_other_riff_forms_are_not_wav() -> None:
    assert sniff(MemorySource(b"RIFF\0\0\0\0RMID" + bytes(100))) is None


def test_hundreds_of_leading_chunks_are_skipped() -> None:
    media, source = counted(riff(*[chunk(b"LIST", bytes(3000))] * 300, fmt(), DATA))
    assert (media.duration, media.notes) == (0.1, ())
    assert source.bytes_read < 32_000


def test_empty_chunks_are_bounded() -> None:
    source = MemorySource(b"RIFF\0\0\0\0WAVE" + b"JUNK\0\0\0\0" * 1_000_000)
    assert wav.read(source, EVERYTHING, "wav").notes == ("read_limit",)
    assert source.bytes_read < 10_000


@given(damaged(FIXTURES))
def test_damaged_files_give_facts(data: bytes) -> None:
    sniff(MemorySource(data))
    try:
        media = wav.read(MemorySource(data), EVERYTHING, "wav")
    except EndOfFile:
        return
    assert media.kind == "audio"
    assert media.duration is None or media.duration >= 0
