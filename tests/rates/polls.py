"""An account whose assets are polled at a limited rate, in simulated time: `simulate_polling`."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence

from preflight.clock import Clock
from preflight.rates import Scheduler, StillPending

PAGE = 100


class PolledAccount:
    """Assets are added at a rate and done some seconds later; a call takes as long as the rate demands.

    waited  s from done to result; polls, pages: calls for one asset, and for a page of the list
    """

    def __init__(self, seconds: Sequence[float], *, rate: float, polls_per_second: float, lists: bool) -> None:
        self.now = 0.0
        self.polls = self.pages = 0
        self.waited: list[float] = []
        self._left = [(number / rate, taken) for number, taken in enumerate(seconds)][::-1]
        self._count = len(seconds)
        self._pace = 1 / polls_per_second
        self._pending: dict[str, float] = {}
        self._ended = threading.Event()
        clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now, sleep=self._pass, wait=self._wait)
        self._scheduler: Scheduler[str] = Scheduler(clock, threads=1, list_pending=self._list if lists else None)

    def run(self) -> None:
        with self._scheduler._changed:  # its thread adds the others while it waits
            self._pass(0.0)
        assert self._ended.wait(60)
        self._scheduler.close()
        self.waited.sort()

    @property
    def p95(self) -> float:
        return self.waited[int(0.95 * self._count)]

    def _pass(self, seconds: float) -> None:
        until = self.now + seconds
        while self._left and self._left[-1][0] <= until:
            self.now, taken = max(self.now, self._left[-1][0]), self._left.pop()[1]
            self._add(f"asset-{len(self._left)}", self.now + taken)
        self.now = max(self.now, until)

    def _wait(self, condition: threading.Event | threading.Condition, seconds: float | None) -> bool:
        next_added = self._left[-1][0] - self.now if self._left else seconds
        if next_added is None:
            return condition.wait(0.01)  # for the end
        self._pass(next_added if seconds is None else min(seconds, next_added))
        return False

    def _add(self, key: str, done_at: float) -> None:
        def poll() -> str | None:
            self.polls += 1
            self._pass(self._pace)
            return key if self.now >= done_at else None

        def done(_result: str | None, _error: BaseException | None) -> None:
            self.waited.append(self.now - done_at)
            del self._pending[key]
            if len(self.waited) == self._count:
                self._ended.set()

        self._pending[key] = done_at
        self._scheduler.watch(poll, 3600.0, done, key=key, kind="image")

    def _list(self, keys: Collection[str]) -> StillPending:
        still = {key for key in keys if self._pending[key] > self.now}
        pages = 1 + len(still) // PAGE
        self.pages += pages
        self._pass(pages * self._pace)
        return StillPending(still, complete=True)
