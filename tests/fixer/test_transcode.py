"""Videos that ffmpeg writes only in a second attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from preflight.errors import FfmpegError
from preflight.fixer import transcode
from preflight.fixer.ffmpeg import FfmpegOutput
from preflight.fixer.ffmpeg.program import Ffmpeg
from preflight.fixer.hooks import NO_HOOKS
from preflight.fixer.transcode import TranscodeJob, transcode_file
from preflight.plans.ffmpeg_args import FfmpegArgs
from tests.plans.planned import AUDIO_FILE, CLIP, SILENT, changes_of, only

NO_DECODER = "ffmpeg lacks what this file needs: Decoder (codec none) not found for input stream #0:2."
HEADER = "ffmpeg failed: Could not write header for output file #0. Check that the file plays, or try another ffmpeg."
ENGINE = Ffmpeg("/usr/bin/ffmpeg", "7.1", frozenset(), frozenset(), frozenset())


class Runs:
    """Runs of ffmpeg that fail with a message as long as subtitles are copied."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.copied: list[bool] = []

    def __call__(self, job: TranscodeJob, words: FfmpegArgs | None) -> None:
        assert words is not None
        self.copied.append("0:s?" in words.output)
        if self.copied[-1]:
            raise FfmpegError("ffmpeg_failed", self.message)


def applied(monkeypatch: pytest.MonkeyPatch, path: Path, message: str) -> Runs:
    runs = Runs(message)
    monkeypatch.setattr(transcode, "_run", runs)
    changes = changes_of(CLIP, format=only("mov"))
    transcode_file(TranscodeJob(ENGINE, "in.mp4", changes, FfmpegOutput(str(path)), NO_HOOKS))
    return runs


def test_tracks_that_cannot_be_read_or_held_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert applied(monkeypatch, tmp_path / "out.mov", HEADER).copied == [True, False]
    assert applied(monkeypatch, tmp_path / "out.mov", NO_DECODER).copied == [True, False]


def test_other_failures_are_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(FfmpegError, match="damaged"):
        applied(monkeypatch, tmp_path / "out.mov", "The file is damaged.")


def test_an_audio_file_that_is_small_at_the_highest_bit_rate_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rates: list[str] = []

    def run(job: TranscodeJob, words: FfmpegArgs | None) -> None:
        assert words is not None
        rates.append(words.output[words.output.index("-b:a") + 1])
        Path(job.output.path).write_bytes(bytes(500_000))

    monkeypatch.setattr(transcode, "_run", run)
    changes = changes_of(AUDIO_FILE, size={"max": "3 MB"}, format=only("wav", "mp3"))
    transcode_file(TranscodeJob(ENGINE, "in.wav", changes, FfmpegOutput(str(tmp_path / "out.mp3")), NO_HOOKS))
    assert rates == ["320000"]


def test_mp3_whose_average_rate_stays_low_gets_a_constant_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[bool, str]] = []

    def run(job: TranscodeJob, words: FfmpegArgs | None) -> None:
        assert words is not None
        calls.append(("-abr" in words.output, words.output[words.output.index("-b:a") + 1]))
        Path(job.output.path).write_bytes(bytes(280_000 if calls[-1][0] else 400_000))

    monkeypatch.setattr(transcode, "_run", run)
    changes = changes_of(AUDIO_FILE, size={"max": "470 kB"}, format=only("mp3"))
    transcode_file(TranscodeJob(ENGINE, "in.wav", changes, FfmpegOutput(str(tmp_path / "out.mp3")), NO_HOOKS))
    assert [is_average for is_average, _ in calls] == [True, True, False]
    assert calls[-1][1] == "160000"


def test_an_animation_whose_length_shows_in_its_video_is_compressed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rates: list[str] = []

    def run(job: TranscodeJob, words: FfmpegArgs | None) -> float:
        assert words is not None
        rates.append(words.output[words.output.index("-b:v") + 1] if "-b:v" in words.output else "")
        Path(job.output.path).write_bytes(bytes(200_000 if rates[-1] == "" else 80_000))
        return 10.0

    monkeypatch.setattr(transcode, "_run", run)
    picture = SILENT._replace(format="gif", video_codec="gif", duration=None, fps=None, frames=None, size=500_000)
    changes = changes_of(picture, format=only("mp4"), size={"max": "100 kB"})
    transcode_file(TranscodeJob(ENGINE, "in.gif", changes, FfmpegOutput(str(tmp_path / "out.mp4")), NO_HOOKS))
    assert rates[0] == ""
    assert len(rates) == 3
    assert 70_000 < int(rates[1]) < 80_000
