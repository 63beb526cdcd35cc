"""What a provider does with a URL behind its door: fetch, look, decide. `Inspector`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final
from urllib.parse import urlsplit

from preflight.checker import examine, plan_for
from preflight.report import Finding, Report
from preflight.sandbox.hosting import Hosting
from preflight.sandbox.state import Account, Outcome, StoredAsset
from preflight.sources.options import HttpOptions

WORKERS: Final = 8
_OF_TRUST: Final = frozenset(("address_not_public", "host_is_ip"))
"""What is not held against a trusted origin."""
ARK_CODES: Final = frozenset(
    (
        "DownloadFailed",
        "TypeMismatch",
        "FormatUnsupported",
        "FormatUndetectable",
        "DurationTooShort",
        "DurationTooLong",
        "WidthTooSmall",
        "HeightTooSmall",
        "WidthTooLarge",
        "HeightTooLarge",
        "AspectRatioTooSmall",
        "AspectRatioTooLarge",
        "FileSizeTooLarge",
        "PixelCountTooSmall",
        "PixelCountTooLarge",
        "FpsTooLow",
        "FpsTooHigh",
        "AudioTrackRequired",
        "AudioTrackForbidden",
    )
)
"""Ark's words for what is wrong with a file."""
_OTHERWISE: Final = {
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
"""Our words that Ark has none of its own for."""

Origin = tuple[str, str, int | None]


class Inspector:
    """Fetches and judges. Only public addresses are fetched from, the sandbox' own origin, and `trusted` origins.

    A file of our own origin is read where it lies: no request of ours has to come back to us. A trusted origin may
    not redirect, so that it leads nowhere else in a private network.
    """

    def __init__(self, hosting: Hosting, trusted: Iterable[str] = (), timeout: float = 30.0) -> None:
        self._hosting = hosting
        self._trusted = frozenset(filter(None, map(_origin, trusted)))
        self._public = HttpOptions(timeout=timeout)
        self._near = HttpOptions(timeout=timeout, allow_private=True, max_redirects=0)
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(WORKERS)]

    def start(self) -> None:
        """Begin to work; `close` ends it."""
        for worker in self._workers:
            worker.start()

    def begin(self, account: Account, asset: StoredAsset, rules: str | None, decided: Outcome | None) -> None:
        """Have an asset inspected, unless its outcome is decided already; the account hears of it."""
        if decided is not None:
            account.settle(asset.id, decided)
        else:
            self._waiting.put(lambda: account.settle(asset.id, self._surely(asset, rules)))

    def inspect(self, url: str, kind: str | None, rules: str | None) -> Outcome:
        """The outcome for a URL that was registered as this kind; without rules it has to be there, nothing else."""
        own = self._hosting.own(url)
        if own is not None:
            target = self._hosting.behind(own)
            if target is None:
                return Outcome("DownloadFailed", "the URL answers 404")
        else:
            target = url
        plan = plan_for(rules, http=self._public)
        if own is None and _origin(url) in self._trusted:
            plan = plan_for(rules, http=self._near, dropped=_OF_TRUST)
        return outcome_of(examine(target, plan), kind)

    def close(self) -> None:
        """Begin nothing more; what is being fetched may end or not."""
        with suppress(Empty):
            while True:
                self._waiting.get_nowait()
        for _ in self._workers:
            self._waiting.put(None)

    def _surely(self, asset: StoredAsset, rules: str | None) -> Outcome:
        """An outcome, whatever happens: a fault of ours must not leave an asset in processing for ever."""
        try:
            return self.inspect(asset.url, asset.kind, rules)
        except Exception:
            logging.getLogger(__name__).exception("the sandbox could not inspect asset %s", asset.id)
            return Outcome("InternalError", "a fault of the sandbox itself: see its log")

    def _work(self) -> None:
        """In threads that keep no process alive: a fetch may take long."""
        while (inspect := self._waiting.get()) is not None:
            inspect()


def outcome_of(report: Report, kind: str | None) -> Outcome:
    """What a provider would say of a report: the first thing that keeps the file from passing, in Ark's words."""
    if report.error is not None:
        return Outcome(_OTHERWISE.get(report.error.code, "DownloadFailed"), report.error.message)
    found = report.media.kind if report.media is not None else None
    if kind is not None and found is not None and found != kind:
        return Outcome("TypeMismatch", f"the content is of the kind {found}, it was registered as {kind}")
    for result in report.results:
        if result.verdict != "pass":
            return _said(min(result.findings, key=lambda finding: _GRAVITY[finding.severity]))
    return Outcome()


_GRAVITY: Final = {"error": 0, "unknown": 1, "warning": 2, "note": 3}


def _said(finding: Finding) -> Outcome:
    return Outcome(ark_code(finding.code), finding.message)


def ark_code(code: str) -> str:
    """Ark's word for one of our finding codes.

    >>> ark_code("pixel_count_too_large"), ark_code("video_codec_unsupported"), ark_code("url_expired")
    ('PixelCountTooLarge', 'FormatUnsupported', 'DownloadFailed')
    """
    word = "".join(part.capitalize() for part in code.split("_"))
    if word in ARK_CODES:
        return word
    return _OTHERWISE.get(code) or ("FormatUnsupported" if "codec" in code or "value" in code else "DownloadFailed")


def _origin(url: str) -> Origin | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
