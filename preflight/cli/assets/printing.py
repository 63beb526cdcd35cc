"""How the commands print: lines for people, JSON, JSON lines or CSV; nothing leaves unescaped, no URL signed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final

import click

from preflight.cli.colour import color_option, use_colour
from preflight.cli.options import Decorator, output_stream
from preflight.cli.overwrite import OverwriteGuard
from preflight.escape import printable
from preflight.ledger import Entry
from preflight.net.redact import redact_text
from preflight.providers import Asset
from preflight.reporters.csv import cell

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
    return printable(redact_text(text) if "://" in text else text)


class Out:
    """Prints rows as they come. `one`: there is one, so that JSON needs no list."""

    def __init__(self, stream: IO[str], format_: str, columns: Sequence[str] = (), *, one: bool = False) -> None:
        self._stream = stream
        self._format = format_
        self._colour = use_colour(stream)
        self._columns = columns
        self._before, self._between, self._after = ("", "", "") if one else ("[\n", ",\n", "\n]")
        self._rows = 0
        self._csv = csv.writer(stream) if format_ == "csv" else None
        if self._csv is not None:
            self._csv.writerow(columns)

    def row(self, data: Mapping[str, Any], word: str, *parts: str | None, below: Iterable[str | None] = ()) -> None:
        """One thing: its data, and for text a word, what follows it in the line, and lines below it."""
        if self._csv is not None:
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
def out(options: Mapping[str, Any], columns: Sequence[str] = (), *, one: bool = False) -> Iterator[Out]:
    """Where `--output` says, as `--format` says."""
    OverwriteGuard(click.get_current_context(), (), options)
    with output_stream(options["output"]) as stream:
        printer = Out(stream, options["format_"], columns, one=one)
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
