"""Plans for files that do not state everything: the first result shows what the second plan needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from preflight.fixer import FixResult, fix, plan
from tests.fixer.complaint_files import animation, encode, tone

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")

STATED = (
    'title = "Own: media"\nstage = "post"\nsource = "https://example.org"\nas_of = 2026-01-01\nbasis = "published"\n'
)


def fixed(source: Path, limits: str, *, extends: bool = False) -> FixResult:
    rules = source.with_name("own.toml")
    rules.write_text(STATED + limits)
    return fix(source, str(rules), extend="loop" if extends else None)


class TestAnimations:
    LIMITS = '[video]\nformat = { any_of = ["mp4"] }\nduration = { min = 2 }\n'

    def test_animation_that_is_too_short_as_a_video_needs_an_option(self, tmp_path: Path) -> None:
        result = fixed(animation(tmp_path / "a.gif", (64, 64), 10), self.LIMITS)
        assert result.outcome == "not_fixable"
        assert [obstacle.parameter for obstacle in result.plan.obstacles] == ["extend"]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "own.toml"]

    def test_plan_knows_the_length_of_an_animation(self, tmp_path: Path) -> None:
        rules = tmp_path / "own.toml"
        rules.write_text(STATED + self.LIMITS)
        found = plan(animation(tmp_path / "a.gif", (64, 64), 10), str(rules))
        assert [obstacle.parameter for obstacle in found.obstacles] == ["extend"]

    def test_animation_with_few_enough_frames_passes(self, tmp_path: Path) -> None:
        limits = '[image]\nformat = { any_of = ["gif"] }\nframes = { max = %d }\n'
        source = animation(tmp_path / "a.gif", (64, 64), 10)
        assert fixed(source, limits % 10).outcome == "passed"
        assert "first" in " ".join(fixed(source, limits % 9).plan.losses)

    def test_animation_that_is_too_short_as_a_video_is_repeated_with_that_option(self, tmp_path: Path) -> None:
        result = fixed(animation(tmp_path / "a.gif", (64, 64), 10), self.LIMITS, extends=True)
        assert (result.outcome, result.problem) == ("fixed", None)
        assert result.after is not None
        assert result.after.media is not None
        assert result.after.media.duration == pytest.approx(2.1, abs=0.2)


class TestVideos:
    def test_frame_rate_of_a_transport_stream_is_limited(self, tmp_path: Path) -> None:
        source = encode(
            tmp_path / "a.ts", "-f", "lavfi", "-i", "color=gray:s=64x64:r=30:d=1", "-pix_fmt", "yuv420p",
            "-c:v", "libx264",
        )  # fmt: skip
        limits = '[video]\nformat = { any_of = ["mp4"] }\n[[video.when]]\nduration = "> 0.5 s"\nfps = { max = 15 }\n'
        result = fixed(source, limits)
        assert (result.outcome, result.problem) == ("fixed", None)
        assert result.after is not None
        assert result.after.media is not None
        assert result.after.media.fps == pytest.approx(15)

    def test_transport_stream_that_no_bit_rate_makes_small_enough_is_not_encoded(self, tmp_path: Path) -> None:
        source = encode(
            tmp_path / "a.ts", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=30:d=1", "-pix_fmt", "yuv420p",
            "-c:v", "libx264",
        )  # fmt: skip
        result = fixed(source, '[video]\nformat = { any_of = ["mp4"] }\nsize = { max = 1000 }\n')
        assert result.outcome != "fixed"
        assert "does not fit into 1 kB" in (result.problem or "")


class TestAudio:
    def test_audio_that_another_codec_pads_is_cut(self, tmp_path: Path) -> None:
        limits = '[audio]\nformat = { any_of = ["mp3"] }\nduration = { max = 1 }\n'
        result = fixed(tone(tmp_path / "a.wav", 1), limits)
        assert (result.outcome, result.problem) == ("fixed", None)
        assert "drops" in " ".join(result.plan.losses)

    def test_audio_of_a_low_rate_is_cut_far_enough(self, tmp_path: Path) -> None:
        source = encode(tmp_path / "a.wav", "-f", "lavfi", "-i", "sine=r=8000:d=2")
        limits = '[audio]\nformat = { any_of = ["mp3"] }\nduration = { max = 1 }\n'
        result = fixed(source, limits)
        assert (result.outcome, result.problem) == ("fixed", None)
