"""Make the error output of ffmpeg presentable: without paths, addresses and control characters."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from typing import Final

from preflight.escape import printable
from preflight.fixer.ffmpeg.child import MAX_ERROR_BYTES

_MAX_LINE_CHARS: Final = 300
_ORIGIN: Final = re.compile(r"^(\[[^\]\n]{0,80} @ 0x[0-9a-f]+\] ?)+")
"""The component that printed a line, with its memory address: `[mov,mp4 @ 0x55e92dc0b280] `."""
_PATH: Final = re.compile(r"(?<![^\s'\"(])(file:)?/[^\s'\"]+")
_CONTROL: Final = re.compile(rb"[\x00-\x07\x0e-\x1f]")
"""Characters that ffmpeg prints as `?`."""
_CHATTER: Final = re.compile(r"(x265|Svt) ?\[(info|warn|warning)\]|encoded \d+ frames in ")
"""The beginnings of lines that encoders print regardless of the log level."""
_CONSEQUENCE: Final = re.compile(
    r"Error (opening|initializing|reinitializing|selecting|splitting|parsing|while|closing|sending|muxing|submitting)"
    r"|Error (processing|marking)"
    r"|Failed to (inject|configure)|Task finished|Terminating thread|Conversion failed|Nothing was written"
    r"|Could not open encoder before EOF|Decoding error|The (source|result): |\s*Last message repeated"
)
"""The beginnings of lines that only report the consequence of an earlier error."""


def ffmpeg_error_lines(errors: bytes, args: Sequence[str]) -> tuple[str, ...]:
    """Return the error lines of standard error, escaped and without the paths of the arguments."""
    text = errors
    if len(errors) >= MAX_ERROR_BYTES:
        text = errors.partition(b"\n")[2]  # the first line is not whole
    for name, replacement in _paths(args):
        text = text.replace(name, replacement)
    lines = (_ORIGIN.sub("", line).strip() for line in text.decode("utf-8", "replace").splitlines())
    said = [line[:_MAX_LINE_CHARS] for line in lines if line and not _CHATTER.match(line)]
    return tuple(_PATH.sub("…", printable(line)) for line in said)


def _paths(args: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """Return the paths in the arguments, with and without `file:`, the longest first, each with its replacement."""
    found = []
    for before, word in zip(("", *args), args, strict=False):
        path = word.removeprefix("file:")
        if os.path.isabs(path):
            for name in (os.fsencode(f"file:{path}"), os.fsencode(path)):
                called = b"The source" if before == "-i" else b"The result"
                found += [(name, called), (_CONTROL.sub(b"?", name), called)]
    return sorted(found, key=lambda each: -len(each[0]))


def main_error(lines: Sequence[str]) -> str:
    """Return the last line that states a cause, else the last line, without its period; "" without lines."""
    causes = [line for line in lines if not _CONSEQUENCE.match(line)]
    return next(iter([*causes[-1:], *lines[-1:]]), "").rstrip(". ")


def describe_exit(code: int) -> str:
    """Describe, as a predicate, how ffmpeg ended if it printed nothing."""
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL), usually because memory ran out"
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"crashed ({signal.Signals(-code).name})"
    except ValueError:
        return f"crashed (signal {-code})"
