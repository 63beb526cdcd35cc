"""How `preflight submit` prints what became of each target: `Lines` for people, `Jsonl` for programs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import IO, Final, Protocol, get_args

import click

from preflight.escape import printable
from preflight.reporters.tables import table_text
from preflight.submission import Outcome, Submission

_STYLES: Final = {"active": "green", "processing": "yellow", "unknown": "yellow"}
_INDENT: Final = 11


class Show(Protocol):
    """Prints submissions as they come, and at the end how many of each there were."""

    def add(self, submission: Submission) -> None: ...
    def close(self, counts: Counter[str]) -> None: ...


class Lines:
    """A line for each submission, with its reference or the reason; then the usage, and a table of counts."""

    def __init__(self, stream: IO[str], colour: bool) -> None:
        self._stream = stream
        self._colour = colour
        self._usage: dict[str, str] = {}

    def add(self, submission: Submission) -> None:
        """Print one."""
        asset = submission.asset
        word = f"{submission.outcome.upper():{_INDENT - 1}}"
        if self._colour:
            word = click.style(word, fg=_STYLES.get(submission.outcome, "red"))
        there = asset is not None and submission.outcome in ("active", "processing")
        said = printable(asset.reference or asset.id) if asset is not None and there else ""
        again = "(registered before)" if there and submission.reused else ""
        line = "  ".join(filter(None, (f"{word} {printable(submission.source)}", said, again)))
        self._stream.write(f"{line}\n")
        if submission.message:
            code = f" [{submission.code}]" if submission.code else ""
            self._stream.write(f"{' ' * _INDENT}{printable(submission.message)}{code}\n")
        self._stream.flush()
        if asset is not None and there and asset.usage and asset.kind:
            self._usage[asset.kind] = asset.usage

    def close(self, counts: Counter[str]) -> None:
        """Print how to use what is registered, and the table."""
        from rich.console import Console
        from rich.table import Table

        self._stream.write("\n")
        for kind, usage in sorted(self._usage.items()):
            self._stream.write(f"{kind}: {usage}\n")
        counts = in_order(counts)
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for outcome in counts:
            table.add_column(outcome, justify="right")
        table.add_row(*map(str, counts.values()))
        width = None if self._stream.isatty() else 100
        console = Console(file=self._stream, width=width, no_color=not self._colour, force_terminal=self._colour)
        text = table_text(console, table)
        self._stream.write(text or "".join(f"{count} {outcome}\n" for outcome, count in counts.items()))


class Jsonl:
    """One JSON object a line."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def add(self, submission: Submission) -> None:
        """Print one."""
        self._stream.write(json.dumps(submission.as_json()) + "\n")
        self._stream.flush()

    def close(self, counts: Counter[str]) -> None:
        """Print the counts where they do not disturb."""
        print(", ".join(f"{count} {outcome}" for outcome, count in in_order(counts).items()), file=sys.stderr)


def in_order(counts: Counter[str]) -> Counter[str]:
    """The counts of all outcomes that there were, the good ones first."""
    return Counter(
        {outcome: counts[outcome] for outcome in (*get_args(Outcome), "skipped", "ignored") if counts[outcome]}
    )
