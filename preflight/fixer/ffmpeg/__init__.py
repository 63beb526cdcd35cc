"""Run ffmpeg on one file: its arguments, its progress and its error messages."""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from preflight.errors import FfmpegError, OutputError
from preflight.escape import printable
from preflight.fixer.ffmpeg.child import ChildLimits, ChildTimeout, run_child
from preflight.fixer.ffmpeg.errors import describe_exit, ffmpeg_error_lines, main_error
from preflight.fixer.ffmpeg.program import Ffmpeg, ffmpeg_remedy, find_ffmpeg
from preflight.fixer.ffmpeg.progress import FileProgress, ProgressReader
from preflight.formats import DEMUXERS

__all__ = [
    "Ffmpeg",
    "FfmpegOutput",
    "FfmpegRun",
    "FileProgress",
    "decode_fully",
    "demuxer_of",
    "execute_ffmpeg",
    "find_ffmpeg",
    "input_args",
    "output_args",
]

STALL_TIMEOUT: Final = 120.0
"""Seconds without progress after which ffmpeg is stopped."""
MAX_ALLOCATION: Final = 1 << 30
"""Maximum bytes of a single allocation by ffmpeg: a header can state any size."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_NOT_WRITTEN: Final = ("Error writing trailer", "Error closing file", "av_interleaved_write_frame()")
"""Errors after which some versions exit with code 0."""
_LACKING: Final = re.compile(
    r"Unknown (encoder|decoder|input format)|Requested output format|Decoder .*not found"
    r"|Decoding requested, but no decoder|No such filter|Unrecognized option"
    r"|.*Function not implemented|.*[Nn]ot yet implemented in FFmpeg"
)
_HARMLESS: Final = re.compile(
    r"Application provided invalid, non monotonically increasing dts|Overread \d+ bits|invalid new backstep"
    r"|(Cannot read|Incorrect) BOM value|Error reading frame \w+, skipped"
)
"""Error lines that do not concern a frame: of the output, which discards all frames anyway; of the padding after the
last Vorbis packet; of the first frame of a trimmed MP3; of tags."""


class FfmpegOutput(NamedTuple):
    """The file that ffmpeg writes.

    path      its absolute path
    max_size  bytes; writing more fails. None: unlimited
    name      the name for messages; empty: the path
    """

    path: str
    max_size: int | None = None
    name: str = ""


class FfmpegRun(NamedTuple):
    """A successful run: its last progress, its duration in seconds, and the last lines that ffmpeg printed."""

    progress: FileProgress | None
    seconds: float
    lines: tuple[str, ...]


def input_args(path: str, demuxer: str) -> list[str]:
    """Return the arguments for one input file with any name.

    The demuxer is given and only files can be opened, so that no content, such as a playlist or a script of `concat`,
    makes ffmpeg open another file or a URL.
    """
    return ["-protocol_whitelist", "file", "-f", demuxer, "-i", f"file:{os.path.abspath(path)}"]


def demuxer_of(format_name: str) -> str:
    """Return ffmpeg's demuxer of a format. Raise `FfmpegError` for a format that it is not asked to read."""
    demuxer = DEMUXERS.get(format_name)
    if demuxer is None:
        raise FfmpegError("ffmpeg_incomplete", f"ffmpeg does not read {printable(format_name)}. Convert it first.")
    return demuxer


def output_args(path: str, muxer: str) -> list[str]:
    """Return the arguments for the output file with any name, which is overwritten."""
    return ["-f", muxer, "-y", f"file:{os.path.abspath(path)}"]


def execute_ffmpeg(
    ffmpeg: Ffmpeg,
    args: Sequence[str],
    *,
    duration: float | None = None,
    on_progress: Callable[[FileProgress], None] | None = None,
    timeout: float,
    stop: threading.Event | None = None,
    output: FfmpegOutput | None = None,
) -> FfmpegRun:
    """Run ffmpeg with these arguments, whose paths are absolute.

    duration     expected seconds of the result, for the progress
    timeout      seconds for everything; ffmpeg also ends after `STALL_TIMEOUT` seconds without progress
    stop         ends it when set by another thread
    output       the file that it writes, which must not be empty afterwards

    Raise `FfmpegError` if it fails or times out, `OutputError` if the disk is full, `Stopped`, KeyboardInterrupt. In
    each case ffmpeg has ended. What it has written is left to the caller.
    """
    folders = (*_folders(args, output), *([ffmpeg.folder] if ffmpeg.folder != os.sep else []))
    run, code = _execute(
        ffmpeg,
        args,
        ProgressReader(duration, on_progress),
        ChildLimits(timeout, STALL_TIMEOUT, None if output is None else output.max_size, folders),
        stop,
    )
    _require_space(run.lines, code, output or FfmpegOutput(ffmpeg.folder))
    if code or any(line.startswith(_NOT_WRITTEN) for line in run.lines):
        raise _failed(code, run.lines)
    if output is not None and not _size(output.path):
        raise FfmpegError("ffmpeg_failed", "ffmpeg wrote an empty file. Check that the source has something to write.")
    return run


def _execute(
    ffmpeg: Ffmpeg,
    args: Sequence[str],
    reader: ProgressReader,
    limits: ChildLimits,
    stop: threading.Event | None,
) -> tuple[FfmpegRun, int]:
    """Run ffmpeg until it ends. Return what it printed, and its exit code."""
    command = [ffmpeg.path, "-hide_banner", "-nostdin", "-v", "error", "-nostats", "-progress", "pipe:1"]
    command += ["-max_alloc", str(MAX_ALLOCATION), *_filter_threads(ffmpeg.threads), *args]
    began = time.monotonic()
    try:
        ended = run_child(command, limits, reader.feed, stop, ffmpeg.folder)
    except ChildTimeout as error:
        raise FfmpegError("ffmpeg_timeout", f"ffmpeg {error}. Try again when the machine is less busy.") from None
    except OSError as error:
        raise FfmpegError("ffmpeg_unusable", f"ffmpeg cannot be started ({error.strerror}). Try again.") from None
    lines = ffmpeg_error_lines(ended.errors, args)
    return FfmpegRun(reader.latest, time.monotonic() - began, lines), ended.code


def _folders(args: Sequence[str], output: FfmpegOutput | None) -> tuple[str, ...]:
    """Return the folders of all output files; files between two passes are in the working directory."""
    pairs = [*pairwise(args)]
    paths = [word.removeprefix("file:") for before, word in pairs if word.startswith("file:") and before != "-i"]
    paths += [] if output is None else [output.path]
    return tuple(dict.fromkeys(os.path.dirname(path) for path in paths))


def _filter_threads(threads: int) -> list[str]:
    return ["-filter_threads", str(threads), "-filter_complex_threads", str(threads)] if threads else []


def _require_space(lines: Sequence[str], code: int, output: FfmpegOutput) -> None:
    """Raise `OutputError` if the disk is full, and `FfmpegError` if the result exceeds its maximum size."""
    said = "\n".join(lines)
    for number in _FULL:
        if os.strerror(number) in said:
            raise OutputError(printable(output.name or output.path), os.strerror(number))
    if output.max_size is not None and (os.strerror(errno.EFBIG) in said or code == -signal.SIGXFSZ):
        problem = f"The result would be larger than {output.max_size:,} bytes."
        raise FfmpegError("ffmpeg_output_too_large", f"{problem} Allow more bytes, or lower the quality.")


def _failed(code: int, lines: Sequence[str]) -> FfmpegError:
    cause = main_error(lines)
    if code < 0 or not cause:
        return FfmpegError("ffmpeg_failed", f"ffmpeg {describe_exit(code)}. Check that the file plays.")
    if _LACKING.match(cause):
        return FfmpegError("ffmpeg_incomplete", f"ffmpeg failed: {cause}. {ffmpeg_remedy()}")
    return FfmpegError("ffmpeg_failed", f"ffmpeg failed: {cause}. Check that the file plays, or try another ffmpeg.")


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def decode_fully(
    ffmpeg: Ffmpeg,
    path: str,
    format_name: str,
    *,
    duration: float | None = None,
    on_progress: Callable[[FileProgress], None] | None = None,
    timeout: float,
    stop: threading.Event | None = None,
) -> str | None:
    """Decode all video and audio of a file once. Return None, or one sentence with the first error.

    Raise `FfmpegError` if ffmpeg lacks a decoder or takes too long, `Stopped`, KeyboardInterrupt.
    """
    demuxer = demuxer_of(format_name)
    threads = ["-threads", str(ffmpeg.threads)] if ffmpeg.threads else []
    args = ["-xerror", *threads, *input_args(path, demuxer), "-map", "0:v?", "-map", "0:a?", "-f", "null", "-"]
    limits = ChildLimits(timeout, STALL_TIMEOUT)
    run, code = _execute(ffmpeg, args, ProgressReader(duration, on_progress), limits, stop)
    if code < 0 or (code and not run.lines):
        return f"ffmpeg {describe_exit(code)} while it decoded the file."
    lacking = [line for line in run.lines if _LACKING.match(line)]
    if lacking:
        raise _failed(code, lacking)
    faults = [line for line in run.lines if code or not _HARMLESS.match(line)]
    if faults:
        return f"ffmpeg cannot decode all of the file: {main_error(faults[:1])}."
    if run.progress is None or not run.progress.position:
        return "ffmpeg finds nothing to decode in the file."
    return None
