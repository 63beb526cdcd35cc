"""How long one source may take: `Patience`."""

from __future__ import annotations

from preflight.errors import SourceError
from preflight.net.errors import Passing, timed_out
from preflight.net.options import HttpOptions
from preflight.net.transport import Transport

PAUSE = 0.25
"""s before the first further try; twice as long before the next."""


class Patience:
    """The deadline of one source, and the pauses between its tries. The clock starts with the first question."""

    def __init__(self, name: str, transport: Transport, options: HttpOptions) -> None:
        self._name = name
        self._transport = transport
        self._seconds = options.timeout
        self._retries = options.retries
        self._end: float | None = None

    def left(self) -> float:
        """s until the deadline. Raises `timed_out` once it has passed."""
        left = self._remaining()
        if left <= 0:
            raise timed_out(self._name, self._seconds)
        return left

    def extend(self, seconds: float) -> None:
        """Put the deadline off, by a wait that is not the server's fault."""
        self._remaining()
        self._end = (self._end or 0.0) + seconds

    def pause(self, failure: Passing, tries: int) -> None:
        """Wait before the next try, or raise `failure` where it would be one too many or come too late."""
        wait = failure.wait
        if wait is None:
            wait = PAUSE * 2**tries * (0.5 + self._transport.jitter())
        if tries >= self._retries or wait >= self._remaining():
            asks = f"; it asks to wait {failure.wait:.0f} s" if failure.wait else ""
            raise SourceError(failure.code, f"{failure}{asks}") from None
        self._transport.sleep(wait)

    def _remaining(self) -> float:
        now = self._transport.clock()
        if self._end is None:
            self._end = now + self._seconds
        return self._end - now
