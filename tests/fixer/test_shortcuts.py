"""Plans that lose less than others, but of which only the result shows whether they do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from preflight.fixer import FixResult, apply, fix, proof, settings_for
from preflight.fixer.apply import fix_file
from preflight.fixer.proof import Proof
from preflight.plans.choices import DEFAULT_CHOICES
from tests.fixer.complaint_files import animation, encode, tone

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")

STATED = (
    'title = "Own: media"\nstage = "post"\nsource = "https://example.org"\nas_of = 2026-01-01\nbasis = "published"\n'
)
LOST_FRAMES = "b-adapt=0:b-pyramid=none:keyint=300:scenecut=0"
"""Parameters of x264 for as many frames as possible that are stored after a later one."""


def noise(path: Path, seconds: float) -> Path:
    """Write two channels of noise, which no lossless codec makes smaller."""
    sources = ";".join(f"anoisesrc=r=44100:d={seconds}:a=1:seed={number}[{number}]" for number in (1, 2))
    return encode(path, "-filter_complex", f"{sources};[1][2]amerge")


def fixed(source: Path, limits: str) -> FixResult:
    rules = source.with_name("own.toml")
    rules.write_text(STATED + limits)
    return fix(source, str(rules))


def size_of(result: FixResult) -> int:
    assert (result.outcome, result.problem) == ("fixed", None)
    assert result.output is not None
    return os.path.getsize(result.output)


class TestAudio:
    def test_uncompressed_audio_becomes_flac_if_that_is_small_enough(self, tmp_path: Path) -> None:
        source = tone(tmp_path / "a.wav", 2)
        limits = '[audio]\nformat = { any_of = ["wav", "mp3", "flac"] }\nsize = { max = 120_000 }\n'
        result = fixed(source, limits)
        assert 0 < size_of(result) <= 120_000
        assert Path(result.output or "").suffix == ".flac"
        assert result.plan.losses == ()

    def test_lossy_codec_follows_where_flac_is_too_large(self, tmp_path: Path) -> None:
        source = noise(tmp_path / "a.wav", 2)
        limits = '[audio]\nformat = { any_of = ["wav", "mp3", "flac"] }\nsize = { max = 200_000 }\n'
        result = fixed(source, limits)
        assert 0 < size_of(result) <= 200_000
        assert Path(result.output or "").suffix == ".mp3"
        assert "re-encodes the audio" in result.plan.losses
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fixed.mp3", "a.wav", "own.toml"]

    def test_lossy_audio_ends_near_the_limit(self, tmp_path: Path) -> None:
        source = noise(tmp_path / "a.wav", 3)
        limits = '[audio]\nformat = { any_of = ["mp3"] }\nsize = { max = 75_000 }\n'
        assert 0.92 * 75_000 <= size_of(fixed(source, limits)) <= 75_000


class TestCuts:
    def test_copied_cut_that_stays_too_long_is_encoded(self, tmp_path: Path) -> None:
        source = encode(
            tmp_path / "a.mkv", "-f", "lavfi", "-i", "color=gray:s=160x120:r=10:d=9", "-pix_fmt", "yuv420p",
            "-c:v", "libx264", "-bf", "16", "-x264-params", LOST_FRAMES,
        )  # fmt: skip
        result = fixed(source, '[video]\nformat = { any_of = ["mkv"] }\nduration = { max = 6 }\n')
        assert size_of(result) > 0
        assert result.after is not None
        assert result.after.media is not None
        assert 5 < (result.after.media.duration or 0) <= 6
        assert "re-encodes the video" in result.plan.losses

    @pytest.mark.slow
    def test_copied_cut_that_is_short_enough_stays_one(self, tmp_path: Path) -> None:
        source = encode(
            tmp_path / "a.mp4", "-f", "lavfi", "-i", "color=gray:s=160x120:r=25:d=6", "-pix_fmt", "yuv420p",
            "-c:v", "libx264", "-bf", "0",
        )  # fmt: skip
        result = fixed(source, '[video]\nformat = { any_of = ["mp4"] }\nduration = { max = 4.5 }\n')
        assert size_of(result) > 0
        assert [phrase for phrase in result.plan.losses if phrase.startswith("re-encodes")] == []


class TestAnimations:
    LIMITS = '[image]\nformat = { any_of = ["jpeg"] }\n[video]\nformat = { any_of = ["mp4"] }\n'

    def test_animation_becomes_a_video_where_it_is_long_enough(self, tmp_path: Path) -> None:
        result = fixed(animation(tmp_path / "a.gif", (64, 64), 8), self.LIMITS + "duration = { min = 0.5 }\n")
        assert size_of(result) > 0
        assert Path(result.output or "").suffix == ".mp4"

    def test_first_frame_is_kept_of_one_that_is_too_short_for_a_video(self, tmp_path: Path) -> None:
        result = fixed(animation(tmp_path / "a.gif", (64, 64), 8), self.LIMITS + "duration = { min = 3 }\n")
        assert size_of(result) > 0
        assert Path(result.output or "").suffix == ".jpg"
        assert any(phrase.startswith("keeps only the first") for phrase in result.plan.losses)

    @pytest.mark.parametrize("keeps_kind", [True, False])
    def test_video_that_does_not_pass_becomes_a_picture_unless_the_kind_is_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps_kind: bool
    ) -> None:
        def prove(path: str, name: str, *args: Any, **options: Any) -> Proof:
            found = proof.prove(path, name, *args, **options)
            return found._replace(problem="The result does not pass.") if name.endswith(".mp4") else found

        monkeypatch.setattr(apply, "prove", prove)
        source = animation(tmp_path / "a.gif", (64, 64), 8)
        rules = tmp_path / "own.toml"
        rules.write_text(STATED + self.LIMITS + "duration = { min = 0.5 }\n")
        settings = settings_for(str(rules), DEFAULT_CHOICES)._replace(keeps_kind=keeps_kind)
        result = fix_file(str(source), settings, lambda extension: str(tmp_path / f"b.{extension}"))
        written = None if keeps_kind else str(tmp_path / "b.jpg")
        assert (result.outcome, result.output) == ("failed" if keeps_kind else "fixed", written)
        assert len(list(tmp_path.iterdir())) == (2 if keeps_kind else 3)
