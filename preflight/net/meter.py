"""How fast a server sends, measured on what is read anyway: `Meter`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MIN_BYTES: Final = 256 << 10
MIN_SECONDS: Final = 3.0
"""Either is enough for a rate; below both it is only that of buffers and a single packet."""


class Meter:
    """Bytes of bodies and the seconds that reads waited for them, each body from its first byte on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._bytes = 0
        self._seconds = 0.0

    def add(self, taken: int, seconds: float) -> None:
        """Count one read."""
        self._bytes += taken
        self._seconds += seconds

    def seconds_for(self, size: int | None) -> float | None:
        """Return the seconds that `size` bytes would take at this rate; None if too little was read to tell."""
        if size is None or not self._bytes or (self._bytes < MIN_BYTES and self._seconds < MIN_SECONDS):
            return None
        return round(size * self._seconds / self._bytes, 1)
