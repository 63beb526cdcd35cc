"""Test AAC in LOAS: a stream of ffmpeg's has ffprobe's facts, and the duration of the same stream in ADTS."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from probing import damaged, facts, quick

from preflight.media import EVERYTHING, Need
from preflight.probes import probe
from preflight.probes.mpeg_audio import loas as reader
from preflight.probes.sniff import sniff
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mpeg import id3, id3v1
from makers._ogg import loas
from makers.sound import FIXTURES

from tests.rows import each_row

OURS = [fixture for fixture in FIXTURES if fixture.name.endswith(".loas")]


def test_stream_of_a_real_encoder_is_read(tmp_path: Path) -> None:
    """ffprobe: loas, aac_latm, 44100 Hz, 2 channels."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    path = tmp_path / "sound.loas"
    sound = ["-f", "lavfi", "-i", "sine=duration=2:sample_rate=44100", "-ac", "2", "-c:a", "aac", "-f", "latm"]
    subprocess.run(["ffmpeg", "-v", "error", *sound, str(path)], check=True, timeout=60)
    media = facts(path.read_bytes())
    assert (media.format, media.audio_codec, media.sample_rate, media.channels) == ("loas", "aac_latm", 44100, 2)
    assert media.duration == pytest.approx(2, abs=0.06)


def test_two_frames_are_not_recognised() -> None:
    assert sniff(MemorySource(loas(2))) is None
    assert sniff(MemorySource(loas(3))) == "loas"


def test_tags_and_other_bytes_are_not_counted_as_audio() -> None:
    whole = 40 * 1024 / 44100
    assert facts(id3() + loas(40) + id3v1()).duration == pytest.approx(whole)
    media = facts(id3() + b"?" * 3000 + loas(40))
    assert (media.duration, media.notes) == (pytest.approx(whole), ("leading_garbage",))


def test_periodic_configuration_is_found() -> None:
    whole = loas(40, every=20)
    assert facts(whole).sample_rate == 44100
    cut = loas(1) + whole[len(loas(1)) :]
    at = len(loas(1))
    assert facts(cut[at:]).sample_rate == 44100


def test_facts_that_configuration_does_not_state_are_unknown() -> None:
    low = facts(loas(40, rate_index=7))
    assert (low.sample_rate, low.channels, low.duration) == (None, None, pytest.approx(40 * 1024 / 22050))
    silent = loas(40, every=100)[len(loas(1)) :]
    media = facts(silent)
    assert (media.audio_codec, media.sample_rate, media.channels, media.duration) == ("aac_latm", None, None, None)


def test_several_aac_frames_in_one_loas_frame_are_counted() -> None:
    assert facts(loas(10, parts=4)).duration == pytest.approx(40 * 1024 / 44100)


def test_file_larger_than_allowed_has_no_duration() -> None:
    data = loas(5000)
    media = probe(MemorySource(data), Need(max_bytes=len(data) - 1))
    assert (media.audio_codec, media.duration) == ("aac_latm", None)


@each_row(
    "make",
    [
        lambda: b"\x56\xe0\0" * 3_000_000,
        lambda: loas(9) + b"\x56\xff" * 3_000_000,
        lambda: (loas(9) + b"?") * 20_000,
    ],
    ids=["frames without data", "longest frames", "frames apart"],
)
def test_hostile_files_are_read_quickly(make: Callable[[], bytes]) -> None:
    source = MemorySource(make())
    with quick(1.5):
        reader.read(source, EVERYTHING, "loas")


@given(damaged(OURS))
def test_damaged_files_give_facts(data: bytes) -> None:
    with quick():
        sniff(MemorySource(data))
        media = reader.read(MemorySource(data), EVERYTHING, "loas")
    assert media.kind == "audio"
    assert media.duration is None or media.duration > 0
