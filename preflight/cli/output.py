"""What commands print to: standard output or a file, coloured or not, as lines, JSON or CSV."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final

import click

from preflight.cli.overwrite import OverwriteGuard
from preflight.cli.params import Decorator
from preflight.cli.terminal import color_option, use_colour
from preflight.escape import printable
from preflight.output import Outputs
from preflight.run.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

    from preflight.ledger import Entry
    from preflight.providers import Asset


def console(width: int) -> Console:
    """Standard output, for tables: as wide as its terminal, or `width` where it is none."""
    from rich.console import Console

    coloured = use_colour(sys.stdout)
    narrow = sys.stdout.isatty() or os.environ.get("COLUMNS")
    return Console(
        highlight=False,
        markup=False,
        emoji=False,
        width=None if narrow else width,
        color_system="auto" if coloured else None,
        force_terminal=coloured or None,
    )


@contextmanager
def output_stream(path: str | None) -> Iterator[IO[str]]:
    """Open standard output, or a file of lines at `path`, which is known to be writable before anything is read.

    Partial output before an error or Ctrl-C is kept if it replaces no file.
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
def standard_output() -> Iterator[IO[str]]:
    """Prepare standard output for results, and flush it."""
    if hasattr(sys.stdout, "reconfigure"):
        # Whoever writes flushes too: a line that is not complete shall not push away the progress on a terminal.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=False)
    yield sys.stdout
    sys.stdout.flush()


@contextmanager
def progress(wanted: bool) -> Iterator[Callable[[], None]]:
    """A call that counts one more file, shown on standard error where that is a terminal."""
    if not wanted:
        yield lambda: None
        return
    shown = Progress()
    try:
        yield shown.advance
    finally:
        shown.clear()


WIDTH: Final = 10
"""Characters of the word at the beginning of a line."""
_GREEN: Final = frozenset({"active", "deleted", "renamed", "restored", "forgotten", "created", "verified"})
_YELLOW: Final = frozenset({"processing", "intended", "unknown", "unreachable", "gone", "absent", "group", "passed"})


def output_options(*formats: str, default: str = "text") -> Decorator:
    """--format and --output."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        command = color_option(command)
        command = click.option(
            "--output", "-o", type=click.Path(dir_okay=False), help="Write there, not to standard output."
        )(command)
        return click.option(
            "--format", "format_", type=click.Choice(formats), default=default, show_default=True, help="How to print."
        )(command)

    return decorate


def shown(text: str | None) -> str:
    """Text from outside as it may be shown: URLs without signatures, no control characters."""
    if not text:
        return ""
    from preflight.net.redact import redact_text

    return printable(redact_text(text) if "://" in text else text)


class Printer:
    """Prints rows as they come. `one`: there is one, so that JSON needs no list."""

    def __init__(self, stream: IO[str], format_: str, columns: Sequence[str] = (), *, one: bool = False) -> None:
        self._stream = stream
        self._format = format_
        self._colour = use_colour(stream)
        self._columns = columns
        self._before, self._between, self._after = ("", "", "") if one else ("[\n", ",\n", "\n]")
        self._rows = 0
        self._csv = None
        if format_ == "csv":
            import csv

            self._csv = csv.writer(stream)
            self._csv.writerow(columns)

    def row(self, data: Mapping[str, Any], word: str, *parts: str | None, below: Iterable[str | None] = ()) -> None:
        """One thing: its data, and for text a word, what follows it in the line, and lines below it."""
        if self._csv is not None:
            from preflight.reporters.csv import cell

            self._csv.writerow([cell(data.get(name)) for name in self._columns])
        elif self._format == "jsonl":
            self._stream.write(json.dumps(data) + "\n")
        elif self._format == "json":
            self._stream.write((self._between if self._rows else self._before) + json.dumps(data, indent=2))
        else:
            self._lines(word, parts, below)
        self._rows += 1

    def secrets(self, data: Mapping[str, str | None]) -> None:
        """A row that is shown as it is, but for control characters: its reader asked for what it holds."""
        if self._format == "text":
            for name, value in data.items():
                self._stream.write(f"{name:{WIDTH}} {printable(value or '-')}\n")
        else:
            self.row(data, "")

    def close(self) -> None:
        """End the document; one that an error cuts short is left without its end."""
        if self._format == "json":
            self._stream.write(("" if self._rows else self._before) + self._after + "\n")

    def _lines(self, word: str, parts: Iterable[str | None], below: Iterable[str | None]) -> None:
        head = f"{word.upper():{WIDTH}}"
        if self._colour:
            head = click.style(head, fg="green" if word in _GREEN else "yellow" if word in _YELLOW else "red")
        line = "  ".join(text for part in parts if (text := shown(part)))
        self._stream.write(f"{head} {line}\n")
        for text in filter(None, below):
            self._stream.write(f"{'':{WIDTH}} {shown(text)}\n")


@contextmanager
def printer_for(options: Mapping[str, Any], columns: Sequence[str] = (), *, one: bool = False) -> Iterator[Printer]:
    """Where `--output` says, as `--format` says."""
    OverwriteGuard(click.get_current_context(), (), options)
    with output_stream(options["output"]) as stream:
        printer = Printer(stream, options["format_"], columns, one=one)
        yield printer
        printer.close()


def entry_lines(entry: Entry) -> tuple[list[str | None], list[str | None]]:
    """An entry of the ledger: what stands in its line, and below."""
    code = f" [{entry.error_code}]" if entry.error_code else ""
    return (
        [entry.provider, entry.asset_id, entry.reference, entry.name, f"from {entry.source}"],
        [f"{entry.error_message}{code}" if entry.error_message else None],
    )


def asset_json(asset: Asset, entry: Entry | None) -> dict[str, Any]:
    """An asset as its provider says, with its entry in the ledger."""
    named = shown(asset.name) if asset.name else None
    return {**asset.as_json(), "name": named, "entry": entry.as_json() if entry is not None else None}
