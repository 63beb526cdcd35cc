"""Read what ffmpeg prints with `-progress`: blocks of `name=value` lines, each ended by a line `progress=…`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final, NamedTuple

_MAX_LINE_BYTES: Final = 8 << 10
_ADVANCING: Final = ("out_time_us", "frame", "total_size")
"""Values that grow as ffmpeg works."""


class FileProgress(NamedTuple):
    """How far ffmpeg, or a download, is with one file. Values that are not known are None.

    position   seconds of the result that are finished
    fraction   of the whole, from 0 to 1; remaining: estimated seconds until the end
    speed      seconds of media per second
    size       bytes that are written
    elapsed    seconds since the start
    """

    position: float | None
    fraction: float | None
    remaining: float | None
    speed: float | None
    size: int | None
    elapsed: float


class ProgressReader:
    """Collects the blocks of one run. `latest` is the last one.

    duration  expected seconds of the result
    """

    def __init__(self, duration: float | None, on_progress: Callable[[FileProgress], None] | None) -> None:
        self.latest: FileProgress | None = None
        self._duration = duration
        self._on_progress = on_progress
        self._began = time.monotonic()
        self._rest = b""
        self._values: dict[bytes, bytes] = {}
        self._before: list[bytes | None] = []

    def feed(self, piece: bytes) -> bool:
        """Take a piece of the output. Return whether a block in it shows progress."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        self._rest = self._rest[:_MAX_LINE_BYTES]
        advanced = False
        for line in lines:
            name, _, value = line.partition(b"=")
            if name == b"progress":
                advanced |= self._end_block()
            elif len(self._values) < 100:
                self._values[name] = value.strip()
        return advanced

    def _end_block(self) -> bool:
        now = [self._values.get(name.encode()) for name in _ADVANCING]
        advanced, self._before = now != self._before, now
        self.latest = self._progress()
        self._values.clear()
        if self._on_progress is not None:
            self._on_progress(self.latest)
        return advanced

    def _progress(self) -> FileProgress:
        elapsed = time.monotonic() - self._began
        microseconds = self._number(b"out_time_us")
        position = None if microseconds is None else microseconds / 1e6
        fraction = None if position is None or not self._duration else min(1.0, position / self._duration)
        size = self._number(b"total_size")
        return FileProgress(
            position=position,
            fraction=fraction,
            remaining=elapsed * (1 - fraction) / fraction if fraction else None,
            speed=self._number(b"speed"),
            size=None if size is None else int(size),
            elapsed=elapsed,
        )

    def _number(self, name: bytes) -> float | None:
        """Return a value that is not negative, else None: a time may be N/A or the lowest number before it starts."""
        try:
            number = float(self._values.get(name, b"").removesuffix(b"x"))
        except ValueError:
            return None
        return number if math.isfinite(number) and number >= 0 else None
