"""Test what files of audio alone state about its coding: profile, bit rate, bits of a sample and tracks."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from probing import facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mpeg import MPEG1, frame, with_xing, xing
from makers._ogg import adts, flac_frame, loas, metadata, stream_info
from makers._riff import A_LAW, EXTENSIBLE, FLOAT, GSM, IMA_ADPCM, MP3, PCM, chunk, extensible, fmt, riff

from tests.rows import each_row

SECOND = bytes(8000)


@each_row(
    ("header", "bits", "bit_rate"),
    [
        (fmt(PCM, bits=8), 8, 64_000),
        (fmt(PCM, bits=16, channels=2), 16, 256_000),
        (fmt(PCM, bits=12, block=2), 12, 128_000),
        (fmt(FLOAT, bits=32), 32, 256_000),
        (fmt(A_LAW, bits=16, block=1), 8, 64_000),
        (fmt(EXTENSIBLE, bits=24, more=extensible(PCM, 20)), 24, 192_000),
        (fmt(IMA_ADPCM, bits=4, block=256, average=4055, more=pack("<H", 505)), None, 32_440),
        (fmt(GSM, bits=0, block=65, average=1625, more=pack("<H", 320)), None, 13_000),
    ],
)
def test_wav_states_bits_and_bit_rate(header: bytes, bits: int | None, bit_rate: int) -> None:
    media = facts(riff(header, chunk(b"data", SECOND)))
    assert (media.sample_bits, media.audio_bit_rate) == (bits, bit_rate)
    assert (media.video_tracks, media.audio_tracks, media.location) == (0, 1, False)


def test_first_frame_states_bit_rate_of_mpeg_audio_in_wav_that_states_none() -> None:
    sound = frame(64, MPEG1) * 8
    media = facts(riff(fmt(MP3, 44100, bits=0, average=0), chunk(b"fact", pack("<I", 8800)), chunk(b"data", sound)))
    assert media.audio_bit_rate == 64_000


def test_coded_audio_in_pcm_has_no_bits_of_a_sample() -> None:
    media = facts(riff(fmt(PCM, bits=16), chunk(b"data", b"\x7f\xfe\x80\x01" + SECOND)))
    assert (media.audio_codec, media.sample_bits) == ("dts", None)


def test_flac_states_bits_and_its_bit_rate_leaves_metadata_out() -> None:
    sound = b"".join(map(flac_frame, range(8)))
    blocks = stream_info(8192, last=False) + metadata(6, bytes(300_000), last=True)
    media = facts(b"fLaC" + blocks + sound)
    assert (media.sample_bits, media.audio_bit_rate) == (16, round(len(sound) * 8 / 1.024))


SOUND = frame(32, MPEG1) * 9


@each_row(
    ("data", "bit_rate"),
    [
        (with_xing(SOUND, 9, kind=MPEG1), 32_000),
        (with_xing(SOUND, 9, b"Info", kind=MPEG1), 32_000),
        (with_xing(frame(32, MPEG1) + frame(64, MPEG1) * 8, 9, b"Info", kind=MPEG1), 60_309),
        (xing(9000, 9417 + 9000 * 209, kind=MPEG1) + SOUND, 64_000),
        (SOUND, 32_000),
    ],
    ids=["header", "constant", "first frame differs", "truncated file", "no header"],
)
def test_bit_rate_of_mp3_is_that_of_the_frames_with_audio(data: bytes, bit_rate: int) -> None:
    media = facts(data)
    assert media.audio_bit_rate is not None
    assert abs(media.audio_bit_rate - bit_rate) < bit_rate / 50


@each_row(
    ("data", "profile"),
    [
        (adts(20), "lc"),
        (adts(20, rate_index=7), None),
        (loas(20), "lc"),
        (loas(20, rate_index=7), None),
        (loas(20, rate_index=7, extra="0100" + "00010"), "he"),
    ],
    ids=["adts", "adts at 22 kHz", "loas", "loas at 22 kHz", "loas with spectral band replication"],
)
def test_profile_of_aac_is_unknown_where_replication_may_be_implicit(data: bytes, profile: str | None) -> None:
    media = facts(data)
    assert media.audio_profile == profile
    assert media.audio_bit_rate == media.bit_rate


@each_row(
    "data",
    [
        adts(20),
        loas(20),
        frame(128, MPEG1) * 20,
        b"fLaC" + stream_info(8192) + flac_frame(0),
        riff(fmt(PCM), chunk(b"data", bytes(800))),
    ],
    ids=["adts", "loas", "mp3", "flac", "wav"],
)
def test_streams_of_audio_have_one_track_and_no_picture(data: bytes) -> None:
    media = facts(data)
    assert (media.kind, media.video_tracks, media.audio_tracks) == ("audio", 0, 1)
    assert (media.video_codec, media.location) == ("none", False)
