"""An HTML page: one self-contained file with all reports, for up to ten thousand files."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import IO, Final

from preflight.errors import MissingExtra, OutputError
from preflight.report import Report
from preflight.reporters import ReporterOptions
from preflight.reporters.html.previews import PreviewsInterrupted, make_previews
from preflight.reporters.html.rows import Rows
from preflight.summary import Summary

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
        from preflight.reporters.html.page import frame_size, write_page

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
