"""Process a registered URL as a provider does: fetch the file, check it and decide. `Inspector`."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final
from urllib.parse import urlsplit

from preflight.checker import examine, plan_for
from preflight.codes import SEVERITIES
from preflight.errors import UsageError
from preflight.net.options import HttpOptions
from preflight.net.redact import redact
from preflight.report import Report
from preflight.sandbox.hosting import Hosting
from preflight.sandbox.state import Account, ProcessingOutcome, StoredAsset

WORKERS: Final = 8
_ALLOWED_FOR_TRUSTED: Final = frozenset(("address_not_public", "host_is_ip"))
"""Findings that are ignored for trusted origins."""
ARK_CODES: Final = frozenset((
    "DownloadFailed", "TypeMismatch", "FormatUnsupported", "FormatUndetectable", "DurationTooShort", "DurationTooLong",
    "WidthTooSmall", "HeightTooSmall", "WidthTooLarge", "HeightTooLarge", "AspectRatioTooSmall", "AspectRatioTooLarge",
    "FileSizeTooLarge", "PixelCountTooSmall", "PixelCountTooLarge", "FpsTooLow", "FpsTooHigh", "AudioTrackRequired",
    "AudioTrackForbidden",
))  # fmt: skip
"""Ark's codes for a rejected file."""
_OTHER_CODES: Final = {
    "corrupt": "TranscodingFailed",
    "fact_unknown": "FormatUndetectable",
    "file_size_too_small": "FormatUndetectable",
    "internal_error": "InternalError",
    "kind_not_accepted": "TypeMismatch",
    "probe_crashed": "FormatUndetectable",
    "probe_timeout": "FormatUndetectable",
    "read_limit": "FormatUndetectable",
    "truncated": "TranscodingFailed",
    "web_page": "FormatUnsupported",
}
"""Ark's codes for the finding codes that have no counterpart of the same name."""

Origin = tuple[str, str, int | None]
_ORIGIN: Final = re.compile(r"https?://[^/?#@\s]+/?", re.IGNORECASE)


class Inspector:
    """Fetches and judges registered URLs at public addresses, at the sandbox's own origin and at `trusted` origins.

    Files at the own origin are read from disk, without a request. Trusted origins may not redirect, so that they
    cannot lead elsewhere in a private network.
    """

    def __init__(self, hosting: Hosting, trusted: Iterable[str] = (), timeout: float = 30.0) -> None:
        """Raise `UsageError` for a trusted origin that is not one."""
        self._hosting = hosting
        self._trusted = frozenset(map(_checked_origin, trusted))
        self._public_http = HttpOptions(timeout=timeout)
        self._trusted_http = HttpOptions(timeout=timeout, allow_private=True, max_redirects=0)
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._workers = [threading.Thread(target=self._run_worker, daemon=True) for _ in range(WORKERS)]

    def start(self) -> None:
        """Start the worker threads; `close` stops them."""
        for worker in self._workers:
            worker.start()

    def start_inspection(
        self, account: Account, asset: StoredAsset, rules: str | None, known_outcome: ProcessingOutcome | None
    ) -> None:
        """Inspect an asset in a worker thread unless its outcome is known, and set its outcome in the account."""
        if known_outcome is not None:
            account.set_outcome(asset.id, known_outcome)
        else:
            self._queue.put(lambda: account.set_outcome(asset.id, self._inspect_safely(asset, rules)))

    def inspect(self, url: str, kind: str | None, rules: str | None) -> ProcessingOutcome:
        """Return the outcome for a URL that was registered as `kind`. Without `rules` it only has to be reachable."""
        path = self._hosting.path_behind(url)
        if path == "":
            return ProcessingOutcome("DownloadFailed", "the URL responds with 404")
        plan = plan_for(rules, http=self._public_http)
        if path is None and _origin(url) in self._trusted:
            plan = plan_for(rules, http=self._trusted_http, dropped=_ALLOWED_FOR_TRUSTED)
        return outcome_of(examine(path or url, plan), kind)

    def close(self) -> None:
        """Start no further inspection. Running ones may finish or not."""
        with suppress(Empty):
            while True:
                self._queue.get_nowait()
        for _ in self._workers:
            self._queue.put(None)

    def _inspect_safely(self, asset: StoredAsset, rules: str | None) -> ProcessingOutcome:
        """Return an outcome in any case: a fault of ours must not leave an asset in processing forever."""
        try:
            return self.inspect(asset.url, asset.kind, rules)
        except Exception:
            logging.getLogger(__name__).exception("The sandbox could not inspect asset %s", asset.id)
            return ProcessingOutcome("InternalError", "a fault of the sandbox itself; see its log")

    def _run_worker(self) -> None:
        """Run inspections. The threads are daemons, because a fetch may outlive the sandbox."""
        while (inspect := self._queue.get()) is not None:
            inspect()


def outcome_of(report: Report, kind: str | None) -> ProcessingOutcome:
    """Return the outcome that a provider would report: the worst finding, as Ark's code."""
    if report.error is not None:
        return ProcessingOutcome(_OTHER_CODES.get(report.error.code, "DownloadFailed"), report.error.message)
    found = report.media.kind if report.media is not None else None
    if kind is not None and found is not None and found != kind:
        return ProcessingOutcome("TypeMismatch", f"the content is {found}, but it was registered as {kind}")
    for result in report.results:
        if result.verdict != "pass":
            worst = min(result.findings, key=lambda finding: SEVERITIES.index(finding.severity))
            return ProcessingOutcome(ark_code(worst.code), worst.message)
    return ProcessingOutcome()


def ark_code(code: str) -> str:
    """Return Ark's code for one of our finding codes.

    >>> ark_code("pixel_count_too_large"), ark_code("video_codec_unsupported"), ark_code("url_expired")
    ('PixelCountTooLarge', 'FormatUnsupported', 'DownloadFailed')
    """
    name = "".join(part.capitalize() for part in code.split("_"))
    if name in ARK_CODES:
        return name
    return _OTHER_CODES.get(code) or ("FormatUnsupported" if "codec" in code or "value" in code else "DownloadFailed")


def _checked_origin(text: str) -> Origin:
    """Return the origin of http(s)://host:port; it may end in a slash. Raise `UsageError` for anything else."""
    origin = _origin(text)
    if origin is None or not _ORIGIN.fullmatch(text) or not origin[1]:
        raise UsageError(
            f"trusted={redact(text)} is not an origin. Give http://host:port or https://host:port, without a path.",
            parameters=("trusted",),
        )
    return origin


def _origin(url: str) -> Origin | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
