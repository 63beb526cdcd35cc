"""Compare the picture of a result with its source, scaled alike: SSIM, and VMAF where the ffmpeg has it."""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from preflight.fixer.ffmpeg import FileProgress, demuxer_of, execute_ffmpeg, input_args
from preflight.fixer.ffmpeg.program import Ffmpeg

_SSIM: Final = re.compile(r"^SSIM .*\bAll:([0-9.]{1,12})")
_VMAF: Final = re.compile(r"^VMAF score: ([0-9.]{1,12})$")
_SHIFT: Final = 2000
"""Microseconds by which frames of the result come later, since a container may round the times of frames down: ffmpeg
compares each with the last frame of the source that is not later."""


class Quality(NamedTuple):
    """How similar a result is to its source; None: not measured.

    ssim  mean structural similarity of brightness and color, at most 1
    vmaf  from 0 to 100
    """

    ssim: float | None
    vmaf: float | None


class Compared(NamedTuple):
    """A video to compare.

    path         of the file; format: its name in `preflight.formats`
    filters      of ffmpeg, that make the source comparable: the crop, the cut and the frame rate of the plan
    before       arguments before its input, such as those that choose a decoder
    """

    path: str
    format: str
    filters: Sequence[str] = ()
    before: Sequence[str] = ()


def measure(
    ffmpeg: Ffmpeg,
    source: Compared,
    result: Compared,
    size: tuple[int, int],
    *,
    timeout: float,
    on_progress: Callable[[FileProgress], None] | None = None,
    stop: threading.Event | None = None,
) -> Quality:
    """Compare all frames of two videos in a size, that of the result. Times are counted from the first frame of each.

    An ffmpeg without the filter for a value does not measure it. Raise `FfmpegError`, `Stopped`, KeyboardInterrupt.
    """
    metrics = [metric for metric in ("ssim", "libvmaf") if metric in ffmpeg.filters]
    if not metrics:
        return Quality(None, None)
    inputs = [[*video.before, *input_args(video.path, demuxer_of(video.format))] for video in (result, source)]
    args = [*inputs[0], *inputs[1], "-lavfi", _graph(ffmpeg, source, result, size, metrics)]
    for metric in metrics:
        args += ["-map", f"[{metric}]", "-f", "null", "-"]
    run = execute_ffmpeg(ffmpeg, ["-v", "info", *args], on_progress=on_progress, timeout=timeout, stop=stop)
    return Quality(_score(_SSIM, run.lines), _score(_VMAF, run.lines))


def _graph(ffmpeg: Ffmpeg, source: Compared, result: Compared, size: tuple[int, int], metrics: Sequence[str]) -> str:
    """Return the filters that compare input 0, the result, with input 1, the source."""
    width, height = size
    parts = []
    for number, (video, shift) in enumerate(((result, _SHIFT), (source, 0))):
        alike = [f"scale={width}:{height}:flags=bicubic", "format=yuv420p", f"settb=AVTB,setpts=PTS-STARTPTS+{shift}"]
        copies = "".join(f"[{metric}{number}]" for metric in metrics)
        parts.append(f"[{number}:V:0]{','.join([*video.filters, *alike])},split={len(metrics)}{copies}")
    for metric in metrics:
        threads = f":n_threads={ffmpeg.threads or os.cpu_count() or 1}" if metric == "libvmaf" else ""
        parts.append(f"[{metric}0][{metric}1]{metric}=shortest=1{threads}[{metric}]")
    return ";".join(parts)


def _score(pattern: re.Pattern[str], lines: Sequence[str]) -> float | None:
    """Return the last value that ffmpeg printed: it prints the texts of the files before."""
    found = [match[1] for line in lines if (match := pattern.match(line))]
    try:
        value = float(found[-1]) if found else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
