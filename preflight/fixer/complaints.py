"""Turn what ffmpeg prints about a failure into lines that can be shown: without paths, addresses and control codes."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from typing import Final

from preflight.escape import printable
from preflight.fixer.child import MAX_ERROR_BYTES

_MAX_LINE_CHARS: Final = 300
_ORIGIN: Final = re.compile(r"^(\[[^\]\n]{0,80} @ 0x[0-9a-f]+\] ?)+")
"""The part of ffmpeg that a line is from, with its address in memory: `[mov,mp4 @ 0x55e92dc0b280] `."""
_PATH: Final = re.compile(r"(?<![^\s'\"(])(file:)?/[^\s'\"]+")
_CONTROL: Final = re.compile(rb"[\x00-\x07\x0e-\x1f]")
"""What ffmpeg prints as `?`."""
_CHATTER: Final = re.compile(r"(x265|Svt) ?\[(info|warn|warning)\]|encoded \d+ frames in ")
"""The beginnings of lines that encoders print whether anybody wants them or not."""
_CONSEQUENCE: Final = re.compile(
    r"Error (opening|initializing|reinitializing|selecting|splitting|parsing|while|closing|sending|muxing|submitting)"
    r"|Error (processing|marking)"
    r"|Failed to (inject|configure)|Task finished|Terminating thread|Conversion failed|Nothing was written"
    r"|Could not open encoder before EOF|Decoding error|The (source|result): |\s*Last message repeated"
)
"""The beginnings of lines that follow from an error that an earlier line states."""


def complaints(errors: bytes, words: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of standard error that complain, escaped. Paths in the words of the run are replaced."""
    text = errors
    if len(errors) >= MAX_ERROR_BYTES:
        text = errors.partition(b"\n")[2]  # the first line is not whole
    for name, replacement in _paths(words):
        text = text.replace(name, replacement)
    lines = (_ORIGIN.sub("", line).strip() for line in text.decode("utf-8", "replace").splitlines())
    said = [line[:_MAX_LINE_CHARS] for line in lines if line and not _CHATTER.match(line)]
    return tuple(_PATH.sub("…", printable(line)) for line in said)


def _paths(words: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """Return the paths of the words, with and without `file:`, the longest first, and what to call each."""
    found = []
    for before, word in zip(("", *words), words, strict=False):
        path = word.removeprefix("file:")
        if os.path.isabs(path):
            for name in (os.fsencode(f"file:{path}"), os.fsencode(path)):
                called = b"The source" if before == "-i" else b"The result"
                found += [(name, called), (_CONTROL.sub(b"?", name), called)]
    return sorted(found, key=lambda each: -len(each[0]))


def main_complaint(lines: Sequence[str]) -> str:
    """Return the last line that states a cause, else the last line, without its full stop; "" without lines."""
    causes = [line for line in lines if not _CONSEQUENCE.match(line)]
    return next(iter([*causes[-1:], *lines[-1:]]), "").rstrip(". ")


def describe_exit(code: int) -> str:
    """Describe as a predicate how ffmpeg ended that printed nothing."""
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL), usually because memory ran out"
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"crashed ({signal.Signals(-code).name})"
    except ValueError:
        return f"crashed (signal {-code})"
