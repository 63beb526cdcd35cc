"""Where and how commands print: standard output or a file, as lines for people, JSON or CSV."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import click

from preflight.cli.options import add_options, output_option
from preflight.cli.overwrite import NamedPath, OverwriteGuard, output_files
from preflight.cli.params import Decorator
from preflight.cli.terminal import color_option, standard_output, use_color
from preflight.escape import printable
from preflight.output import Outputs
from preflight.run import Progress

if TYPE_CHECKING:
    from rich.console import Console

    from preflight.ledger import Entry, FixRecord
    from preflight.providers import Asset

LABEL_WIDTH: Final = 10
"""Columns of the first word of a line."""
_GREEN: Final = frozenset({"active", "deleted", "renamed", "restored", "forgotten", "created", "verified"})
_YELLOW: Final = frozenset({"processing", "intended", "unknown", "unreachable", "gone", "absent", "group", "passed"})


def console(width: int) -> Console:
    """Return standard output for tables: as wide as its terminal, or `width` if it is not a terminal."""
    from rich.console import Console

    colored = use_color(sys.stdout)
    has_width = sys.stdout.isatty() or os.environ.get("COLUMNS")
    return Console(
        highlight=False,
        markup=False,
        emoji=False,
        width=None if has_width else width,
        color_system="auto" if colored else None,
        force_terminal=colored or None,
    )


@contextmanager
def output_stream(path: str | None) -> Iterator[IO[str]]:
    """Open standard output or a file. Raise `UsageError` before anything is read if the file cannot be written.

    Partial output before an error or Ctrl-C is kept unless it would replace a file.
    """
    if path is None:
        with standard_output() as stream:
            yield stream
        return
    with Outputs() as outputs:
        try:
            yield outputs.open(path)
        except BaseException:
            outputs.publish_new()
            raise
        outputs.publish()


@contextmanager
def progress(*, is_shown: bool) -> Iterator[Callable[[], None]]:
    """Return a function that counts one more file; the count is shown on standard error if that is a terminal."""
    if not is_shown:
        yield lambda: None
        return
    shown = Progress()
    try:
        yield shown.advance
    finally:
        shown.clear()


def print_options(*formats: str, default: str = "text") -> Decorator:
    """Return the options --format, --output and --color of commands that print rows."""
    return add_options(
        click.option(
            "--format", "format_", type=click.Choice(formats), default=default, show_default=True, help="How to print."
        ),
        output_option,
        color_option,
    )


@dataclass(frozen=True)
class PrintOptions:
    """Where and how a command prints its rows."""

    format_: str
    output: str | None

    @contextmanager
    def printer(
        self,
        columns: Sequence[str] = (),
        *,
        is_single: bool = False,
        ledger: str | None = None,
        inputs: Iterable[NamedPath] = (),
    ) -> Iterator[Printer]:
        """Open the output, which must be none of the inputs, and complete it at the end."""
        OverwriteGuard(output_files(output=self.output, ledger=ledger), inputs)
        with output_stream(self.output) as stream:
            printer = Printer(stream, self.format_, columns, is_single=is_single)
            yield printer
            printer.close()

    def remark(self, text: str) -> None:
        """Print a line for people on standard error, if the output is for people too."""
        if self.format_ == "text":
            click.echo(text, err=True)


class Printer:
    """Prints rows as they come; with `is_single` JSON is one object instead of a list."""

    def __init__(self, stream: IO[str], format_: str, columns: Sequence[str] = (), *, is_single: bool = False) -> None:
        self._stream = stream
        self._format = format_
        self._color = use_color(stream)
        self._columns = columns
        self._before, self._between, self._after = ("", "", "") if is_single else ("[\n", ",\n", "\n]")
        self._rows = 0
        self._csv = None
        if format_ == "csv":
            import csv

            self._csv = csv.writer(stream)
            self._csv.writerow(columns)

    def row(
        self,
        data: Mapping[str, object],
        word: str,
        *parts: str | None,
        below: Iterable[str | None] = (),
        unredacted: Iterable[str] = (),
    ) -> None:
        """Print one row: its data, or for people a word, the rest of its line, and the lines below it.

        unredacted  further lines, complete because the user asked for them
        """
        if self._csv is not None:
            from preflight.reporters.csv import cell

            self._csv.writerow([cell(data.get(name)) for name in self._columns])
        elif self._format == "jsonl":
            self._stream.write(json.dumps(data) + "\n")
        elif self._format == "json":
            self._stream.write((self._between if self._rows else self._before) + json.dumps(data, indent=2))
        else:
            self._lines(word, parts, below)
            self._stream.writelines(f"{'':{LABEL_WIDTH}} {printable(text)}\n" for text in unredacted)
        self._rows += 1

    def document(self, data: Mapping[str, object], text: str) -> None:
        """Print a row as JSON, or in any other format `text` as it is."""
        if self._format == "json":
            self.row(data, "")
        else:
            self._stream.write(text)

    def secrets(self, data: Mapping[str, str | None]) -> None:
        """Print a row without redaction: the user asked for what it contains."""
        if self._format == "text":
            for name, value in data.items():
                self._stream.write(f"{name:{LABEL_WIDTH}} {printable(value or '-')}\n")
        else:
            self.row(data, "")

    def close(self) -> None:
        """Complete the document. After an error it stays incomplete."""
        if self._format == "json":
            self._stream.write(("" if self._rows else self._before) + self._after + "\n")

    def _lines(self, word: str, parts: Iterable[str | None], below: Iterable[str | None]) -> None:
        head = f"{word.upper():{LABEL_WIDTH}}"
        if self._color:
            head = click.style(head, fg="green" if word in _GREEN else "yellow" if word in _YELLOW else "red")
        line = "  ".join(text for part in parts if (text := redacted(part)))
        self._stream.write(f"{head} {line}\n")
        for text in filter(None, below):
            self._stream.write(f"{'':{LABEL_WIDTH}} {redacted(text)}\n")


def redacted(text: str | None) -> str:
    """Return text from outside without signatures of URLs and without control characters."""
    if not text:
        return ""
    from preflight.net.redact import redact_text

    return printable(redact_text(text) if "://" in text else text)


def entry_lines(
    entry: Entry, several: Container[str], fix: FixRecord | None = None
) -> tuple[list[str | None], list[str | None]]:
    """Return the parts of a ledger entry's line, and the lines below it.

    several  providers with several accounts
    fix      how its file was made
    """
    fixed = None if fix is None else fix_text(fix.sentence, fix.losses)
    code = f" [{entry.error_code}]" if entry.error_code else ""
    return (
        [account_of(entry, several), entry.asset_id, entry.reference, entry.name, f"from {entry.source}"],
        [fixed, f"{entry.error_message}{code}" if entry.error_message else None],
    )


def entry_json(entry: Entry, fix: FixRecord | None) -> dict[str, object]:
    """Return a ledger entry, and how its file was made."""
    return {**entry.as_json(), "fix": None if fix is None else fix.as_json()}


def fix_text(sentence: str, losses: Sequence[str]) -> str:
    """Return how a file was fixed, and what was lost by it."""
    lost = f" ({'; '.join(losses)})" if losses else ""
    return f"fixed: {sentence}{lost}"


def account_of(entry: Entry, several: Container[str]) -> str:
    """Return the provider of an entry, and its account if the ledger has several there."""
    return f"{entry.provider} ({entry.account})" if entry.provider in several else entry.provider


def asset_json(asset: Asset, entry: Entry | None) -> dict[str, Any]:
    """Return an asset as its provider describes it, with its entry in the ledger."""
    name = redacted(asset.name) if asset.name else None
    return {**asset.as_json(), "name": name, "entry": entry.as_json() if entry is not None else None}
