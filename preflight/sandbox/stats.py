"""Counts of the calls that the sandbox received: `Stats`. Crash tests and benchmarks read them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from preflight.net.redact import redact


class Registration(NamedTuple):
    """One registration that took effect, whether or not its response arrived. `name` and `url` are as sent."""

    provider: str
    name: str
    url: str
    id: str

    def __repr__(self) -> str:
        return f"Registration({self.provider}, {self.name!r}, {redact(self.url)!r}, {self.id})"


class Unexpected(NamedTuple):
    """A field of a request that no published page documents."""

    provider: str
    action: str
    field: str


class Stats:
    """Counts by (provider, action).

    calls      calls with a valid key
    throttled  calls refused with 429
    faults     calls to which a fault was applied
    peak       maximum number of calls at the same time
    denied     calls with an invalid key, by provider
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
    def in_flight(self, provider: str, action: str) -> Iterator[None]:
        """Count a call from its arrival to its response."""
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
        """Increment a counter."""
        with self._lock:
            counter[provider, action] += 1

    def count_denied(self, provider: str) -> None:
        """Count a call with an invalid key."""
        with self._lock:
            self.denied[provider] += 1

    def register(self, registration: Registration) -> None:
        """Record a registration that took effect."""
        with self._lock:
            self._registrations.append(registration)

    def registrations(
        self, provider: str | None = None, *, name: str | None = None, url: str | None = None
    ) -> list[Registration]:
        """Return the registrations that took effect, in order, filtered by provider, name and URL."""
        with self._lock:
            return [
                found
                for found in self._registrations
                if provider in (None, found.provider) and name in (None, found.name) and url in (None, found.url)
            ]

    def note_unexpected(self, provider: str, action: str, fields: set[str]) -> None:
        """Record request fields that no published page documents."""
        with self._lock:
            self._unexpected |= {Unexpected(provider, action, field): None for field in sorted(fields)}

    @property
    def unexpected(self) -> list[Unexpected]:
        """The undocumented fields that clients sent, each once."""
        with self._lock:
            return list(self._unexpected)
