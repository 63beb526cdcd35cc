"""One scheduler for all polling: `Scheduler`, and the calls that a stop must not interrupt: `InFlight`."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import Stopped
from preflight.retry import Backoff


class InFlight:
    """Calls that a stop must not interrupt: `close` admits no further call, and waits for those in progress."""

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
"""Threads that poll the assets of one account: enough for 100 calls a second that take 160 ms each."""
_BACKOFF: Final = Backoff()
_MAX_POLLED_ALONE: Final = 8
"""Up to this many pending watches, each is polled alone."""
_LIST_INTERVAL: Final = 2.0
"""Seconds between two readings of the list."""
_LIST_PAUSE: Final = 60.0
"""Seconds until the list is read again after it could not be."""
_ALONE_INTERVAL: Final = 120.0
"""Seconds after which a watch is polled alone although the list shows it as pending."""
_SAMPLE: Final = 256
"""How many of the last results of a kind decide when the next one is expected."""
_EXPLORER_INTERVAL: Final = 8
"""One watch in this many is polled from the beginning, to notice results that come earlier than expected."""


class StillPending(NamedTuple):
    """The keys that a list shows as pending; complete: it would show every other pending key too."""

    pending: Collection[str]
    complete: bool


ListPending = Callable[[Collection[str]], StillPending]
"""Reads the list of what is pending until these keys are found; called by one thread at a time."""


class Scheduler(Generic[T]):
    """Polls many watches with a few threads. Each watch has its own backoff and deadline; all share one heap.

    A thread is started when a watch is due and all other threads are busy.

    If pending watches can be listed and there are many, that list is read: a watch that it has is not polled alone, and
    one that it no longer has is polled at once. So each result still comes from its own poll.

    If there are many and they cannot be listed, a watch is not polled before it is as old as the fastest of the last
    results of its kind was.
    """

    def __init__(
        self,
        clock: Clock = SYSTEM_CLOCK,
        threads: int = POLL_THREADS,
        backoff: Backoff = _BACKOFF,
        list_pending: ListPending | None = None,
    ) -> None:
        self._clock = clock
        self._backoff = backoff
        self._max_threads = threads
        self._list_pending = list_pending
        self._is_listing = self._is_listed = False
        self._due: list[tuple[float, int, _Watch[T] | None]] = []
        self._waiting: dict[object, set[_Watch[T]]] = {}
        self._count = self._watched = 0
        self._times: dict[str, deque[float]] = {}
        self._changed = threading.Condition()
        self._number = 0
        self._closed = False
        self._threads: list[threading.Thread] = []
        self._busy = 0

    def watch(
        self,
        poll: Callable[[], T | None],
        seconds: float,
        done: Callable[[T | None, BaseException | None], None],
        owner: object = None,
        key: str = "",
        kind: str = "",
    ) -> None:
        """Call `poll` until it returns something other than None, raises, or `seconds` have passed.

        done   called once with the result, with the error, or with None and None at the deadline
        owner  for `withdraw`
        key    identifies it in the list of what is pending
        kind   the same for watches that take a similar time
        """
        now = self._clock.monotonic()
        with self._changed:
            self._watched += 1
            explores = self._watched % _EXPLORER_INTERVAL == 0
            self._start_thread()
        self._push(_Watch(poll, now, now + seconds, done, owner, key, kind, explores))

    def withdraw(self, owner: object) -> None:
        """Stop polling for one owner: call `done` with `Stopped` for each watch that is not being polled now."""
        with self._changed:
            withdrawn = self._waiting.pop(owner, set())
            self._count -= len(withdrawn)
        for watch in withdrawn:
            watch.done(None, Stopped())

    def close(self) -> None:
        """Stop polling: call `done` with `Stopped` for all pending watches."""
        with self._changed:
            self._closed = True
            pending = self._all()
            self._waiting.clear()
            self._changed.notify_all()
        for watch in pending:
            watch.done(None, Stopped())

    def _push(self, watch: _Watch[T]) -> None:
        with self._changed:
            closed = self._closed
            if not closed:
                now = watch.since = self._clock.monotonic()
                self._waiting.setdefault(watch.owner, set()).add(watch)
                self._count += 1
                self._schedule(watch, min(self._next_poll(watch, now), max(watch.deadline, now)))
                if self._list_pending is not None and self._count > _MAX_POLLED_ALONE and not self._is_listing:
                    self._is_listing = True
                    self._schedule(None, now + _LIST_INTERVAL)
                self._changed.notify()
        if closed:
            watch.done(None, Stopped())

    def _next_poll(self, watch: _Watch[T], now: float) -> float:
        if self._is_listed:
            return now + (self._backoff.delay(watch.attempts) if watch.attempts else _ALONE_INTERVAL)
        expected = watch.begun + min(self._times.get(watch.kind, (0.0,)))
        at = now + self._backoff.delay(watch.attempts)
        if now >= expected or self._count <= _MAX_POLLED_ALONE or (watch.explores and at < expected):
            return at
        watch.attempts = 0
        return expected

    def _learn(self, kind: str, seconds: float) -> None:
        """Remember after how many seconds a result came; reschedule the others if it changes the expectation."""
        with self._changed:
            times = self._times.setdefault(kind, deque(maxlen=_SAMPLE))
            before = min(times, default=0.0)
            times.append(seconds)
            if min(times) == before or self._is_listed or self._count <= _MAX_POLLED_ALONE:
                return
            for watch in self._all():
                expected = min(watch.begun + min(times), watch.deadline)
                if watch.kind == kind and watch.since < expected and not (watch.explores and watch.at < expected):
                    watch.attempts = 0
                    self._move(watch, expected)

    def _schedule(self, watch: _Watch[T] | None, at: float) -> None:
        """Schedule a watch, replacing its entry in the heap; None: the next reading of the list."""
        self._number += 1
        if watch is not None:
            watch.at, watch.entry = at, self._number
        heapq.heappush(self._due, (at, self._number, watch))

    def _move(self, watch: _Watch[T], at: float) -> None:
        """Poll a watch at another time. If that is later, its entry in the heap is replaced once it comes up."""
        if at < watch.at:
            self._schedule(watch, at)
        else:
            watch.at = at

    def _start_thread(self) -> None:
        """Start a thread if all others are busy."""
        if self._closed or self._busy < len(self._threads) or len(self._threads) == self._max_threads:
            return
        thread = threading.Thread(target=self._work, daemon=True, name="preflight-poll")
        try:
            thread.start()
        except RuntimeError:  # the system allows no further thread
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _work(self) -> None:
        while (task := self._take()) is not None:
            task()
            with self._changed:
                self._busy -= 1

    def _take(self) -> Callable[[], None] | None:
        """Wait for the next watch that is due; leave the one after it to another thread."""
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - self._clock.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    at, entry, watch = heapq.heappop(self._due)
                    if watch is not None and not self._is_due(watch, at, entry):
                        continue
                    self._busy += 1
                    if self._due:
                        self._start_thread()
                    self._changed.notify()
                    return self._read_list if watch is None else partial(self._poll, watch)
                self._clock.wait(self._changed, wait)
            return None

    def _is_due(self, watch: _Watch[T], at: float, entry: int) -> bool:
        """Remove a watch from those that wait, unless it was withdrawn, scheduled again or postponed."""
        watches = self._waiting.get(watch.owner, ())
        if watch not in watches or watch.entry != entry:
            return False
        if watch.at > at:
            self._schedule(watch, watch.at)
            return False
        self._waiting[watch.owner].remove(watch)
        if not self._waiting[watch.owner]:
            del self._waiting[watch.owner]
        self._count -= 1
        return True

    def _poll(self, watch: _Watch[T]) -> None:
        watch.attempts += 1
        try:
            result = watch.poll()
        except BaseException as error:  # noqa: BLE001 - passed to `done`, which handles it
            watch.done(None, error)
            return
        if result is not None:
            self._learn(watch.kind, self._clock.monotonic() - watch.begun)
            watch.done(result, None)
        elif self._clock.monotonic() >= watch.deadline:
            watch.done(None, None)
        else:
            self._push(watch)

    # Lists.

    def _all(self) -> list[_Watch[T]]:
        # Copied at once: garbage collection may end a call, and withdraw its watches, in between.
        return [watch for watches in list(self._waiting.values()) for watch in list(watches)]

    def _read_list(self) -> None:
        """Read the list, and schedule each watch by it. If only a few are pending, poll each alone again."""
        assert self._list_pending is not None
        with self._changed:
            begun, keys = self._clock.monotonic(), {watch.key for watch in self._all()}
        listed = StillPending((), complete=False)
        if len(keys) > _MAX_POLLED_ALONE:
            with suppress(Exception):  # then each is polled alone
                listed = self._list_pending(keys)
        with self._changed:
            now = self._clock.monotonic()
            self._is_listed = bool(listed.pending) or listed.complete
            for watch in self._all():
                self._apply_list(listed, watch, begun, now)
            self._is_listing = self._count > _MAX_POLLED_ALONE
            if self._is_listing:
                self._schedule(None, now + (_LIST_INTERVAL if self._is_listed else _LIST_PAUSE))
            self._changed.notify()

    def _apply_list(self, listed: StillPending, watch: _Watch[T], begun: float, now: float) -> None:
        """Schedule one watch after a reading of the list that began at `begun`."""
        if watch.key in listed.pending:
            watch.is_missed = False
            self._move(watch, min(watch.since + _ALONE_INTERVAL, watch.deadline))
            return
        at = now + self._backoff.delay(watch.attempts)
        if listed.complete:
            if watch.since >= begun or watch.is_missed:
                return  # too new for this list, or polled already since the list first lacked it
            watch.is_missed, at = True, now
        if at < watch.at:
            self._schedule(watch, at)


@dataclass(slots=True, eq=False)
class _Watch(Generic[T]):
    """Something that is polled until it has a result.

    since      when it was last polled, or added
    at, entry  when it is polled next, and its entry in the heap
    is_missed  the list lacks it
    explores   it is polled from the beginning
    """

    poll: Callable[[], T | None]
    begun: float
    deadline: float
    done: Callable[[T | None, BaseException | None], None]
    owner: object
    key: str
    kind: str
    explores: bool
    since: float = 0.0
    attempts: int = 0
    at: float = 0.0
    entry: int = 0
    is_missed: bool = False
