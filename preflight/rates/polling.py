"""One scheduler for all polling: `Scheduler`, and the calls that a stop must not interrupt: `InFlight`."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import Stopped
from preflight.retry import Backoff


class InFlight:
    """Calls that a stop must not interrupt: `close` admits no further ones and waits for those in progress."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._changed:
            if self._closed:
                raise Stopped
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    @property
    def is_idle(self) -> bool:
        """Return whether no call is in progress."""
        return not self._count

    def close(self, *, wait: bool = True) -> None:
        """Raise `Stopped` for every later call; return once all calls have ended, or with `wait` false at once."""
        with self._changed:
            self._closed = True
            while wait and self._count:
                self._changed.wait()


T = TypeVar("T")

POLL_THREADS: Final = 16
"""Threads that poll the assets of one account: 100 calls a second that take 160 ms each."""
_BACKOFF: Final = Backoff()


class Scheduler(Generic[T]):
    """Polls many things with a few threads: each has its own backoff and deadline, all share one heap.

    A thread is started when something is due and all others are busy.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK, threads: int = POLL_THREADS, backoff: Backoff = _BACKOFF) -> None:
        self._clock = clock
        self._backoff = backoff
        self._max_threads = threads
        self._due: list[tuple[float, int, _Watch[T]]] = []
        self._waiting: dict[object, dict[int, _Watch[T]]] = {}
        self._changed = threading.Condition()
        self._number = 0
        self._closed = False
        self._threads: list[threading.Thread] = []
        self._idle = 0

    def watch(
        self,
        poll: Callable[[], T | None],
        seconds: float,
        done: Callable[[T | None, BaseException | None], None],
        owner: object = None,
    ) -> None:
        """Call `poll` until it returns something other than None, raises, or `seconds` have passed.

        done   called once with the result, with the error, or with None and None at the deadline
        owner  for `withdraw`
        """
        self._push(_Watch(poll, self._clock.monotonic() + seconds, done, owner))

    def withdraw(self, owner: object) -> None:
        """Stop polling for one owner: `done` is called with `Stopped` for each watch that is not being polled now."""
        with self._changed:
            withdrawn = self._waiting.pop(owner, {})
        for watch in withdrawn.values():
            watch.done(None, Stopped())

    def close(self) -> None:
        """Stop polling; `done` is called with `Stopped` for all pending watches."""
        with self._changed:
            self._closed = True
            pending = [watch for watches in self._waiting.values() for watch in watches.values()]
            self._waiting.clear()
            self._changed.notify_all()
        for watch in pending:
            watch.done(None, Stopped())

    def _push(self, watch: _Watch[T]) -> None:
        with self._changed:
            closed = self._closed
            if not closed:
                self._number += 1
                now = self._clock.monotonic()
                at = min(now + self._backoff.delay(watch.attempts), max(watch.deadline, now))
                heapq.heappush(self._due, (at, self._number, watch))
                self._waiting.setdefault(watch.owner, {})[self._number] = watch
                if not self._threads:
                    self._start_thread()
                self._changed.notify()
        if closed:
            watch.done(None, Stopped())

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, daemon=True, name="preflight-poll")
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (watch := self._take()) is not None:
            watch.attempts += 1
            try:
                result = watch.poll()
            except BaseException as error:  # noqa: BLE001 - passed to `done`, which handles it
                watch.done(None, error)
                continue
            if result is not None:
                watch.done(result, None)
            elif self._clock.monotonic() >= watch.deadline:
                watch.done(None, None)
            else:
                self._push(watch)

    def _take(self) -> _Watch[T] | None:
        """Wait for the next watch that is due; leave the one after it to another thread."""
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - self._clock.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    _, number, watch = heapq.heappop(self._due)
                    if not self._remove(number, watch):
                        continue  # withdrawn
                    if self._due and not self._idle and len(self._threads) < self._max_threads:
                        self._start_thread()
                    else:
                        self._changed.notify()
                    return watch
                self._idle += 1
                self._clock.wait(self._changed, wait)
                self._idle -= 1
            return None

    def _remove(self, number: int, watch: _Watch[T]) -> bool:
        """Remove a watch from those that wait; return whether it was one of them."""
        watches = self._waiting.get(watch.owner, {})
        found = watches.pop(number, None)
        if not watches:
            self._waiting.pop(watch.owner, None)
        return found is not None


@dataclass(slots=True)
class _Watch(Generic[T]):
    poll: Callable[[], T | None]
    deadline: float
    done: Callable[[T | None, BaseException | None], None]
    owner: object
    attempts: int = 0
