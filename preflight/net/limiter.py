"""How many requests one host gets at the same time: `Gate`."""

from __future__ import annotations

from threading import Condition, Lock, get_ident


class Gate:
    """A number of places for each host. Whoever talks to the host holds one, for as long as its answer is open.

    A thread needs one place however many answers it holds open, so that it never waits for itself.
    """

    def __init__(self, places: int) -> None:
        self._places = max(1, places)
        self._hosts: dict[str, _Host] = {}
        self._lock = Lock()

    def enter(self, host: str, patience: float) -> Place | None:
        """A place at `host`; None where nobody gave one back for `patience` s.

        Every answer ends by its own deadline, so a longer standstill means that somebody forgot an open one.
        """
        thread = get_ident()
        with self._lock:
            at = self._hosts.get(host)
            if at is None:
                at = self._hosts[host] = _Host(self._lock)
            while thread not in at.holders and len(at.holders) >= self._places:
                given_back = at.given_back
                at.waiting += 1
                moved = at.condition.wait(patience)
                at.waiting -= 1
                if not moved and at.given_back == given_back:
                    return None
            at.holders[thread] = at.holders.get(thread, 0) + 1
            return Place(self, host, thread)

    def leave(self, host: str, thread: int) -> None:
        """Called by `Place.leave` alone."""
        with self._lock:
            at = self._hosts[host]
            at.holders[thread] -= 1
            if not at.holders[thread]:
                del at.holders[thread]
                at.given_back += 1
                at.condition.notify()
            if not at.holders and not at.waiting:
                del self._hosts[host]


class Place:
    """One place at one host; given back once, however often `leave` is called."""

    def __init__(self, gate: Gate, host: str, thread: int) -> None:
        self._gate: Gate | None = gate
        self._host = host
        self._thread = thread

    def leave(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.leave(self._host, self._thread)


class _Host:
    """holders: open answers by thread; given_back: how often a place became free; waiting: threads without one."""

    __slots__ = ("condition", "given_back", "holders", "waiting")

    def __init__(self, lock: Lock) -> None:
        self.condition = Condition(lock)
        self.holders: dict[int, int] = {}
        self.given_back = 0
        self.waiting = 0
