"""A page to look at: one HTML file with everything in it, for ten thousand files as for ten."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import IO, Final

from preflight.errors import MissingExtra, OutputError
from preflight.report import Report
from preflight.reporters import Options
from preflight.reporters.html.previews import PreviewsInterrupted, make_previews
from preflight.reporters.html.rows import Rows
from preflight.summary import Summary

MOST_BYTES: Final = 25_000_000
"""How large the page may become by its previews."""


class HtmlReporter:
    """Keeps a compact row of each report, since the page begins with what they amount to. Filters are in the page."""

    def __init__(self, stream: IO[str], options: Options) -> None:
        if find_spec("jinja2") is None:
            raise MissingExtra("the HTML report", "report")
        self._stream = stream
        self._rows = Rows(options.rules)

    def add(self, report: Report) -> None:
        try:
            self._rows.add(report)
        except OSError as error:
            what = "the rows of the HTML report, in the temporary folder,"
            raise OutputError(what, error.strerror or str(error)) from None

    def close(self, summary: Summary) -> None:
        from preflight.reporters.html.page import frame_size, write_page

        room = MOST_BYTES - frame_size() - self._rows.size()
        # After Ctrl-C the page shows what was done, at once.
        interrupted = isinstance(sys.exception(), KeyboardInterrupt)
        later = None
        try:
            made = {} if interrupted else make_previews(self._rows.wishes, room)
        except PreviewsInterrupted as error:
            made, later = error.made, error
        write_page(self._stream, self._rows, made, summary.skipped)
        self._rows.close()
        if later is not None:
            raise later
