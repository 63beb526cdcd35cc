"""An HTML page: one self-contained file with all reports, for up to ten thousand files.

Jinja2 fills a template whose policy allows only this page's script and style, by their hashes.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.util import find_spec
from json import dumps
from typing import IO, Final

from preflight.codes import CODES
from preflight.errors import MissingExtra, OutputError
from preflight.escape import printable
from preflight.report import Report
from preflight.reporters import ReporterOptions
from preflight.reporters.html.previews import Preview, PreviewsInterrupted, can_decode_av, make_previews
from preflight.reporters.html.rows import VERDICTS, Rows, in_script
from preflight.ruleset import MAX_DETAILED_RULES
from preflight.summary import Summary
from preflight.version import VERSION

MAX_PAGE_BYTES: Final = 25_000_000
"""Bytes up to which previews are added to the page."""


class HtmlReporter:
    """Keeps a compact row for each report, since the page begins with a summary of all of them."""

    def __init__(self, stream: IO[str], options: ReporterOptions) -> None:
        if find_spec("jinja2") is None:
            raise MissingExtra("the HTML report", "report")
        self._stream = stream
        self._rows = Rows(options.rules)

    def add(self, report: Report) -> None:
        """Keep the row of one report."""
        try:
            self._rows.add(report)
        except OSError as error:
            what = "the rows of the HTML report, in the temporary folder,"
            raise OutputError(what, error.strerror or str(error)) from None

    def close(self, summary: Summary) -> None:
        """Create the previews, and write the page."""
        max_bytes = MAX_PAGE_BYTES - frame_size() - self._rows.size()
        # After Ctrl-C the page is written at once, without previews.
        interrupted = isinstance(sys.exception(), KeyboardInterrupt)
        interruption = None
        try:
            previews = {} if interrupted else make_previews(self._rows.preview_requests, max_bytes)
        except PreviewsInterrupted as error:
            previews, interruption = error.previews, error
        write_page(self._stream, self._rows, previews, summary.skipped)
        self._rows.close()
        if interruption is not None:
            raise interruption


SCRIPTS: Final = ("dom", "format", "data", "scale", "card", "sheet", "list", "main")
"""The parts of the page's script, in this order."""
MAX_FOLDERS: Final = 100
"""Folders in the summary."""


def write_page(stream: IO[str], rows: Rows, previews: Mapping[int, Preview], skipped: int) -> None:
    """Write the page piece by piece, so that it is never in memory as a whole."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["printable"] = printable
    template = environment.from_string(_asset("page.html"))
    for piece in template.generate(**_context(rows, previews, skipped)):
        stream.write(piece)


def frame_size() -> int:
    """Return about how many bytes the page takes without its rows and previews."""
    return len(_script()) + len(_asset("style.css")) + 100_000


def policy(script: str, style: str) -> str:
    """Return the Content-Security-Policy: no fetches, no foreign scripts, no markup created from text."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _context(rows: Rows, previews: Mapping[int, Preview], skipped: int) -> dict[str, object]:
    from markupsafe import Markup

    script, style = _script(), _asset("style.css")
    folders = sorted(rows.by_folder.items(), key=lambda item: ([-count for count in item[1][:3]], item[0]))
    codes = sorted(rows.by_code.items(), key=lambda item: ([-count for count in item[1]], item[0]))
    return {
        "policy": policy(script, style),
        "script": Markup(script),  # noqa: S704 - files of this package
        "style": Markup(style),  # noqa: S704
        "data": (Markup(piece) for piece in _data(rows, previews)),  # noqa: S704 - escaped by `in_script`
        "version": VERSION,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "files": rows.number,
        "skipped": skipped,
        "headline": _headline(rows.counts, len(rows.rules)),
        "max_detailed": MAX_DETAILED_RULES,
        "verdicts": list(zip(VERDICTS, rows.counts, strict=True)),
        "root": rows.root(),
        "rules": [(ruleset, rows.by_rules[ruleset.name]) for ruleset in rows.rules],
        "codes": [(code, CODES[code].title, counts) for code, counts in codes],
        "folders": folders[:MAX_FOLDERS],
        "folders_left": max(0, len(folders) - MAX_FOLDERS),
        "previews": len(previews),
        "can_decode_av": can_decode_av(),
    }


def _data(rows: Rows, previews: Mapping[int, Preview]) -> Iterator[str]:
    yield "{"
    yield from rows.data()
    titles = {code: (known.title, known.explanation) for code, known in CODES.items()}
    yield f',\n"codes":{in_script(dumps(titles, separators=(",", ":")))}'
    yield ',\n"previews":{'
    for number, (row, preview) in enumerate(previews.items()):
        yield f'{"," if number else ""}\n"{row}":{dumps(preview, separators=(",", ":"))}'
    yield "}}"


def _headline(counts: list[int], rule_sets: int) -> str:
    failed, unknown, *_ = counts
    total = sum(counts)
    files = f"{total:,} file{'' if total == 1 else 's'}"
    if failed:
        by = f" by at least one of {rule_sets} rule sets" if rule_sets > MAX_DETAILED_RULES else ""
        return f"{failed:,} of {files} would be refused{by}"
    if unknown:
        return f"Of {files}, {unknown:,} could not be judged"
    return f"All {files} would be accepted" if total > 1 else f"{files if total else 'No file'} would be accepted"


@cache
def _script() -> str:
    parts = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


@cache
def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
