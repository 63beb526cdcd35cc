"""What came, counted: `Tally`. Crash tests and benchmarks read it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from preflight.sources.redact import redact


class Registration(NamedTuple):
    """One registration that took effect, whether or not its answer arrived. `name` as sent; `url` as sent."""

    provider: str
    name: str
    url: str
    id: str

    def __repr__(self) -> str:
        return f"Registration({self.provider}, {self.name!r}, {redact(self.url)!r}, {self.id})"


class Unexpected(NamedTuple):
    """A field of a request that no page names."""

    provider: str
    action: str
    field: str


class Tally:
    """Counts by (provider, action).

    calls       calls with a right key; throttled: those of them refused with 429; faults: those that a fault befell
    peak        most calls at the same time
    denied      calls with a wrong key, by provider
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: Counter[tuple[str, str]] = Counter()
        self._registrations: list[Registration] = []
        self._unexpected: dict[Unexpected, None] = {}
        self.calls: Counter[tuple[str, str]] = Counter()
        self.throttled: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[tuple[str, str]] = Counter()
        self.peak: Counter[tuple[str, str]] = Counter()
        self.denied: Counter[str] = Counter()

    @contextmanager
    def flight(self, provider: str, action: str) -> Iterator[None]:
        """A call, from its coming to its answer."""
        key = (provider, action)
        with self._lock:
            self.calls[key] += 1
            self._busy[key] += 1
            self.peak[key] = max(self.peak[key], self._busy[key])
        try:
            yield
        finally:
            with self._lock:
                self._busy[key] -= 1

    def count(self, counter: Counter[tuple[str, str]], provider: str, action: str) -> None:
        """One more."""
        with self._lock:
            counter[provider, action] += 1

    def deny(self, provider: str) -> None:
        """One more call with a wrong key."""
        with self._lock:
            self.denied[provider] += 1

    def register(self, registration: Registration) -> None:
        """Note a registration that took effect."""
        with self._lock:
            self._registrations.append(registration)

    def registrations(
        self, provider: str | None = None, *, name: str | None = None, url: str | None = None
    ) -> list[Registration]:
        """The registrations that took effect, in order: all, or those of a provider, with a name, of a URL."""
        with self._lock:
            return [
                one
                for one in self._registrations
                if provider in (None, one.provider) and name in (None, one.name) and url in (None, one.url)
            ]

    def note_unexpected(self, provider: str, action: str, fields: set[str]) -> None:
        """Note fields that no page names."""
        with self._lock:
            self._unexpected |= {Unexpected(provider, action, field): None for field in sorted(fields)}

    @property
    def unexpected(self) -> list[Unexpected]:
        """The fields that clients sent and no page names, each once."""
        with self._lock:
            return list(self._unexpected)
