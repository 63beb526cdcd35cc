"""Apply changes to a video or audio file with ffmpeg: in one run, or in several to reach a target size."""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from preflight.errors import FfmpegError
from preflight.fixer.ffmpeg import Ffmpeg, FfmpegOutput, execute_ffmpeg, find_ffmpeg, input_args, output_args
from preflight.fixer.ffmpeg.quality import Compared, Quality, measure
from preflight.fixer.hooks import Hooks
from preflight.formats import AUDIO
from preflight.plans.budgets import MIN_SHARE_OF_LIMIT, TARGET_SHARE, SizeBudget, with_video_rates
from preflight.plans.changes import Changes
from preflight.plans.ffmpeg_args import FfmpegArgs, args_for, keeps_subtitles, needs_of, passes
from preflight.plans.filters import video_filters
from preflight.plans.tracks import constant_rate
from preflight.units import format_value

MIN_TIMEOUT: Final = 600.0
"""Minimum timeout (s) of a run."""
_SECONDS_PER_SECOND: Final = 240.0
"""Timeout (s) of encoding per second of media."""
_OF_TRACKS: Final = ("Could not write header", "not currently supported in container", "Decoder ")
"""What ffmpeg says at once of tracks that it cannot read, or that the container cannot hold: captions of broadcasts in
MP4, or spatial audio beside the usual track.
"""
_MAX_ATTEMPTS: Final = 5
"""Maximum number of corrections of a bit rate."""
_SATURATED: Final = 1.01
"""Share of the bytes of the attempt before up to which a higher bit rate makes nothing better."""


class ResultTooLarge(FfmpegError):
    """A result that does not fit into its bytes."""

    def __init__(self, budget: SizeBudget) -> None:
        most = format_value("size", budget.max_bytes)
        super().__init__("ffmpeg_failed", f"The result does not fit into {most}. Split it into parts.")


class TranscodeJob(NamedTuple):
    """One video or audio file to write: ffmpeg, the source, the changes, the output and hooks."""

    ffmpeg: Ffmpeg
    source: str
    changes: Changes
    output: FfmpegOutput
    hooks: Hooks


def ffmpeg_for(changes: Changes) -> Ffmpeg:
    """Return an ffmpeg that has what the changes need. Raise `MissingExtra` or `FfmpegError`."""
    needs = needs_of(changes)
    return find_ffmpeg(needs.encoders, needs.filters, needs.decoders)


def transcode_file(job: TranscodeJob) -> None:
    """Write the changed video or audio file. Raise `FfmpegError`, `OutputError`, `Stopped`."""
    try:
        _apply(job)
    except FfmpegError as error:
        has_others = keeps_subtitles(job.changes) or (job.changes.media.audio_tracks or 0) > 1
        if not has_others or not any(text in str(error) for text in _OF_TRACKS):
            raise
        _apply(job._replace(changes=job.changes._replace(main_tracks_only=True)))


def _apply(job: TranscodeJob) -> None:
    budget = job.changes.budget
    is_lossless = job.changes.is_lossless_audio
    if budget is None or not budget.is_failing or is_lossless:
        seconds = _run(job, args_for(job.changes))
        if budget is None or os.path.getsize(job.output.path) <= budget.max_bytes:
            return
        if is_lossless:
            raise ResultTooLarge(budget)
        if budget.video_bit_rate is None and job.changes.video is not None and seconds:
            budget = with_video_rates(
                budget, job.changes.media, seconds, job.changes.fps
            )  # of an animation, known only now
    with TemporaryDirectory(prefix="preflight-fix-") as folder:
        _compress(job._replace(ffmpeg=job.ffmpeg._replace(folder=folder)), budget)


def _compress(job: TranscodeJob, budget: SizeBudget) -> None:
    """Encode at a bit rate that is corrected until the size is below the limit, and near it if that is failing."""
    rate = budget.video_bit_rate if job.changes.video is not None else budget.audio_bit_rate
    if not rate:
        raise ResultTooLarge(budget)
    is_two_pass = passes(job.changes) > 1
    if is_two_pass:
        _run(job, args_for(job.changes, rate, 1))
    lowest, highest = 0, 0
    args: FfmpegArgs | None = None
    smaller = 0
    for _ in range(_MAX_ATTEMPTS):
        previous, args = args, args_for(job.changes, rate, 2 if is_two_pass else None)
        if args == previous and lowest:  # the encoder has no higher bit rate
            return
        _run(job, args)
        size = os.path.getsize(job.output.path)
        if size <= budget.max_bytes and (size >= MIN_SHARE_OF_LIMIT * budget.max_bytes or not budget.is_failing):
            return
        if size <= min(smaller * _SATURATED, budget.max_bytes):  # such as silence, or the highest rate of the codec
            _use_constant_rate(job, budget, size)
            return
        smaller = size if size <= budget.max_bytes else smaller
        lowest, highest = (rate, highest) if size <= budget.max_bytes else (lowest, rate)
        rate = _corrected(rate, size, budget, lowest, highest)
        if rate == lowest:
            return
    if os.path.getsize(job.output.path) > budget.max_bytes:
        if not lowest:
            raise ResultTooLarge(budget)
        _run(job, args_for(job.changes, lowest, 2 if is_two_pass else None))


def _use_constant_rate(job: TranscodeJob, budget: SizeBudget, size: int) -> None:
    """Encode MP3 at a constant bit rate if that is more: an average one stays far below what is asked for of noise."""
    changes = job.changes
    duration = changes.timing.duration(changes.media)
    if changes.media.kind != AUDIO or changes.audio is None or changes.audio.audio_codec != "mp3" or not duration:
        return
    rate = constant_rate(budget.audio_bit_rate or 0)
    if rate * duration / 8 > size:
        _run(job, args_for(changes, rate))


def _corrected(rate: int, size: int, budget: SizeBudget, lowest: int, highest: int) -> int:
    """Return the bit rate to try next: in proportion to the size, and between those that are known to be wrong."""
    proportional = max(1, int(rate * budget.max_bytes * TARGET_SHARE / max(size, 1)))
    if lowest < proportional < (highest or proportional + 1):
        return proportional
    return (lowest + highest) // 2 if highest else proportional


def _run(job: TranscodeJob, args: FfmpegArgs | None) -> float | None:
    """Run ffmpeg once, and return the seconds of the result, if it states them. A first pass writes no file."""
    changes = job.changes
    if args is None:
        raise FfmpegError("ffmpeg_incomplete", "ffmpeg cannot make these changes. Use another program.")
    writes = args.muxer != "null"
    target = output_args(job.output.path, args.muxer) if writes else ["-f", "null", "-"]
    duration = changes.timing.duration(changes.media)
    done = execute_ffmpeg(
        job.ffmpeg,
        [
            *args.source,
            *input_args(job.source, args.demuxer),
            *args.inputs,
            *args.output,
            *_threads(job.ffmpeg),
            *target,
        ],
        duration=duration,
        on_progress=job.hooks.on_progress,
        timeout=max(MIN_TIMEOUT, _SECONDS_PER_SECOND * (duration or 0)),
        stop=job.hooks.stop,
        output=job.output if writes else None,
    )
    return done.progress.position if done.progress is not None else None


def measure_video(job: TranscodeJob) -> Quality:
    """Return how similar the written video is to the frames that were encoded. Raise `FfmpegError`, `Stopped`."""
    changes, source = job.changes, args_for(job.changes)
    size = changes.size
    if changes.media.kind == AUDIO or size is None or source is None:
        return Quality(None, None)
    filters = (video_filters(changes) if changes.video is not None else None) or []
    duration = changes.timing.duration(changes.media)
    return measure(
        job.ffmpeg,
        Compared(job.source, changes.media.format or "", filters, source.source),
        Compared(job.output.path, changes.written),
        size,
        timeout=max(MIN_TIMEOUT, _SECONDS_PER_SECOND * (duration or 0)),
        stop=job.hooks.stop,
    )


def _threads(ffmpeg: Ffmpeg) -> list[str]:
    return ["-threads", str(ffmpeg.threads)] if ffmpeg.threads else []
