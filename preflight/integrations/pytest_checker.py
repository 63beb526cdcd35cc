"""The fixture `preflight_check`, which checks each content once a session."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable
from dataclasses import replace
from typing import Final, Unpack

import pytest

from preflight import catalog
from preflight.checker import CheckKeywords, Rules, check
from preflight.errors import UsageError
from preflight.formats import extension_of
from preflight.integrations.pytest_files import Settings
from preflight.report import Report
from preflight.reporters.text import describe
from preflight.ruleset import RuleSet
from preflight.sources.open import Target, display_name, is_url

_LARGE: Final = 16 << 20
"""Bytes above which a file is identified by its state, not its digest: reading all of it takes longer than checking."""


class Checker:
    """`preflight.check` and `preflight.assert_passes` with a cache.

    The same content with the same extension, rule sets and options is checked once, whatever its path. URLs are fetched
    once a session. A source that could not be read is tried again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[Hashable, tuple[Report, tuple[RuleSet, ...]]] = {}
        self._digests: dict[tuple[int, ...], bytes] = {}

    def __call__(self, target: Target, rules: Rules | None = None, **options: Unpack[CheckKeywords]) -> Report:
        """Return the report of a source; `rules` default to those of `preflight_rules`."""
        chosen = catalog.resolve(rules) if rules is not None else self._settings.rules
        if not chosen:
            raise UsageError('No rule set given. Call preflight_check(target, "RULES"), or set preflight_rules.')
        options.setdefault("strict", self._settings.strict)
        key = self._key(target, chosen, options)
        known = self._known.get(key)
        label = display_name(target)
        if known is not None and (known[0].source == label or not known[0].findings):
            return replace(known[0], source=label)
        report = check(target, chosen, **options)
        if key is not None and report.error is None:
            self._known[key] = (report, chosen)
        return report

    def assert_passes(self, target: Target, rules: Rules | None = None, **options: Unpack[CheckKeywords]) -> Report:
        """Fail with the readable findings unless the source passes.

        Unknown and unreachable sources fail too, unless `preflight_unknown` or `preflight_unreachable` is "skip".
        """
        __tracebackhide__ = True
        report = self(target, rules, **options)
        reason = self._settings.reason_to_skip(report)
        if reason is not None:
            pytest.skip(reason)
        if not report.passed:
            raise AssertionError(describe(report))
        return report

    def _key(self, target: Target, rules: tuple[RuleSet, ...], options: CheckKeywords) -> Hashable:
        """Return a key of everything that the report depends on; None if the target can be read only once."""
        content = self._content(target)
        if content is None:
            return None
        # Compiled rule sets are not hashable; the cache keeps them, so that their ids stay unique.
        return content, tuple(map(id, rules)), tuple(sorted(options.items()))

    def _content(self, target: Target) -> tuple[Hashable, ...] | None:
        if isinstance(target, bytes | bytearray | memoryview):
            return "", hashlib.sha256(bytes(target)).digest()
        if isinstance(target, str) and is_url(target):
            return ("url", target)
        if not isinstance(target, str | os.PathLike):
            return None
        try:
            with open(target, "rb", opener=_open_nonblocking) as file:
                status = os.fstat(file.fileno())
                state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                if status.st_size > _LARGE:
                    return extension_of(os.fspath(target)), state
                if state not in self._digests:
                    self._digests[state] = hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return None
        return extension_of(os.fspath(target)), self._digests[state]


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # opening a FIFO would wait for its writer
