"""Plans of video and audio files with limits of one's own."""

from __future__ import annotations

from typing import Any

from preflight.limit import compile_limit
from preflight.media import NONE, Media
from preflight.plans.changes import Changes
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.encoding import Subject
from preflight.plans.ffmpeg_args import FfmpegArgs, args_for
from preflight.plans.least_change import changes_for
from preflight.plans.violations import facts_outside
from preflight.ruleset import Section

CLIP = Media(
    kind="video", format="mp4", size=5_000_000, width=1280, height=720, duration=20.0, fps=30.0, frames=600,
    variable_fps=False, bit_depth=8, chroma="4:2:0", color_model="ycbcr", primaries="bt709", transfer="bt709", hdr=NONE,
    scan="progressive", rotation=0, pixel_aspect_ratio=1.0, video_codec="h264", video_bit_rate=1_800_000,
    audio_codec="aac", audio_bit_rate=128_000, sample_rate=48_000, channels=2, bit_rate=2_000_000, video_tracks=1,
    audio_tracks=1, has_alpha=False, encrypted=False, location=False,
)  # fmt: skip
SILENT = CLIP._replace(audio_codec=NONE, audio_bit_rate=None, sample_rate=None, channels=None, audio_tracks=0)
AUDIO_FILE = Media(
    kind="audio", format="wav", size=3_840_000, duration=20.0, audio_codec="pcm", audio_bit_rate=1_536_000,
    bit_rate=1_536_000, sample_rate=48_000, channels=2, sample_bits=16, audio_tracks=1, encrypted=False,
)  # fmt: skip


def only(*values: Any) -> dict[str, Any]:
    return {"any_of": list(values)}


def changes_of(media: Media, choices: Choices = DEFAULT_CHOICES, /, **lines: dict[str, Any]) -> Changes:
    """Return the changes that bring all facts of a media inside limits, as a rule file writes them."""
    limits = {fact: compile_limit(fact, line) for fact, line in lines.items()}
    subject = Subject.of(media, exact=True)
    wrong = facts_outside(subject, limits)
    others = {fact: limit for fact, limit in limits.items() if fact == "format" or fact not in Subject._fields}
    values = {fact: getattr(media, fact) for fact in others}
    wrong |= {fact for fact, value in values.items() if value is not None and others[fact].side(value, media.height)}
    return changes_for(wrong, subject, Section(tuple(limits.values()), {}), choices)


def words_of(changes: Changes, bit_rate: int | None = None, pass_number: int | None = None) -> FfmpegArgs:
    words = args_for(changes, bit_rate, pass_number)
    assert words is not None
    return words


def output_of(changes: Changes, bit_rate: int | None = None, pass_number: int | None = None) -> str:
    """Return the options of the output in one line."""
    return " ".join(words_of(changes, bit_rate, pass_number).output)
