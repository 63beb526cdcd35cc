"""Commands of plans as text for a shell, and a shell script with the commands of a whole run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from typing import IO, Final

from preflight.escape import printable
from preflight.plans.fix_command import for_rules
from preflight.report import Report, Result
from preflight.reporters import LineReporter, ReporterOptions, is_path
from preflight.summary import Summary

_HEAD: Final = """\
#!/usr/bin/env bash
# Each command writes a new file into the folder of the file that it fixes, and overwrites nothing.
# All are run; the exit status is 1 if one of them failed.
status=0
"""


class CommandsReporter(LineReporter):
    """Writes a shell script that fixes all files for which there is a command."""

    def __init__(self, stream: IO[str], options: ReporterOptions) -> None:
        super().__init__(stream, partial(script_lines))
        self.write(_HEAD)

    def close(self, summary: Summary) -> None:
        """Write the exit status."""
        self.write("exit $status\n")


def shell_command(argv: Iterable[str]) -> str:
    """Return a command as printable text for bash, ksh or zsh, even if its words have control or undecodable bytes.

    >>> shell_command(["ffmpeg", "-i", "my clip.mov"])
    "ffmpeg -i 'my clip.mov'"
    """
    import shlex  # only needed for files that can be fixed

    return " ".join(shlex.quote(word) if word.isprintable() else _ansi_quoted(word) for word in argv)


def _ansi_quoted(word: str) -> str:
    """Return a quoted word in which control codes and undecodable bytes are escaped."""
    parts = (char if char.isprintable() and char not in "'\\" else _escaped(char) for char in word)
    return f"$'{''.join(parts)}'"


def _escaped(char: str) -> str:
    byte_like = "\udc80" <= char <= "\udcff"
    encoded = os.fsencode(char) if byte_like else char.encode("utf-8", "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in encoded)


def script_lines(report: Report) -> str:
    """Return the lines of one file in the script; empty if there is no command and the file could be read.

    Where rule sets require different changes, the commands would write the same file: all except the first are
    comments, as are commands for sources that are not files.
    """
    source = printable(report.source)
    lines = [] if report.error is None else [f"# {source}: {printable(report.error.message)}"]
    for number, (command, names) in enumerate(commands_of(report.results).items()):
        lines.append(f"# {source}, for {printable(', '.join(names))}")
        prefix = "" if number == 0 and is_path(report.source) else "# "
        lines.append(f"{prefix}{shell_command(command)} </dev/null || status=1")
    return "".join(f"{line}\n" for line in lines)


def commands_of(results: Iterable[Result]) -> dict[tuple[str, ...], list[str]]:
    """Return each command of the plans, once, with the rule sets that it is for."""
    names: dict[tuple[str, ...], list[str]] = {}
    for result in results:
        if result.plan is not None and result.plan.command is not None:
            names.setdefault(for_rules(result.plan.command, ()), []).append(result.rules)
    return {for_rules(command, rules): rules for command, rules in names.items()}
