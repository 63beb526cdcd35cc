"""Waits that grow (`Backoff`), and one scheduler for everything that is polled (`Scheduler`)."""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from preflight.rates.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow: `first` s, each `factor` times the one before, at most `most` s, spread by `jitter`."""

    first: float = 1.0
    factor: float = 1.5
    most: float = 15.0
    jitter: float = 0.2

    def wait(self, attempt: int, spread: Callable[[], float] = random.random) -> float:
        """Seconds before attempt number `attempt`, from 0.

        >>> [round(Backoff(jitter=0).wait(n), 2) for n in (0, 1, 2, 20)]
        [1.0, 1.5, 2.25, 15.0]
        """
        grown = min(self.most, self.first * self.factor ** min(attempt, 64))
        return grown * (1 + self.jitter * (2 * spread() - 1))


class Scheduler:
    """Polls many things with a few threads: each has its own backoff and deadline, all share one heap.

    poll  is called until it gives something other than None; what it raises ends that one thing.
    """

    def __init__(self, clock: Clock, threads: int = 16, backoff: Backoff = Backoff()) -> None:
        self._clock = clock
        self._backoff = backoff
        self._due: list[tuple[float, int, _Watch]] = []
        self._changed = threading.Condition()
        self._number = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, daemon=True, name="preflight-poll") for _ in range(threads)
        ]
        self._started = False

    def watch(
        self, poll: Callable[[], T | None], deadline: float, done: Callable[[T | None, BaseException | None], None]
    ) -> None:
        """Poll until there is a result; `done(result, error)`, with None and None once `deadline` s have passed."""
        watch = _Watch(poll, self._clock.now() + deadline, done)
        self._push(watch)

    def close(self) -> None:
        """Stop polling; what is still watched is never done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _push(self, watch: _Watch) -> None:
        with self._changed:
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()
            self._number += 1
            at = min(self._clock.now() + self._backoff.wait(watch.attempts), max(watch.deadline, self._clock.now()))
            heapq.heappush(self._due, (at, self._number, watch))
            self._changed.notify()

    def _work(self) -> None:
        while (watch := self._take()) is not None:
            watch.attempts += 1
            try:
                result = watch.poll()
            except BaseException as error:
                watch.done(None, error)
                continue
            if result is not None:
                watch.done(result, None)
            elif self._clock.now() >= watch.deadline:
                watch.done(None, None)
            else:
                self._push(watch)

    def _take(self) -> _Watch | None:
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - self._clock.now() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._clock.wait(self._changed, wait)
            return None


@dataclass(slots=True)
class _Watch:
    poll: Callable[[], Any]
    deadline: float
    done: Callable[[Any, BaseException | None], None]
    attempts: int = 0
