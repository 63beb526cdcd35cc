"""Slots at a host."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from preflight.net.connections import HostLimiter, Slot


def in_thread(limiter: HostLimiter, host: str, timeout: float) -> Slot | None:
    """Enter from a thread of its own, which stays: a later one could get its number."""
    entered: Future[Slot | None] = Future()

    def run() -> None:
        entered.set_result(limiter.acquire(host, timeout))
        threading.Event().wait(10)

    threading.Thread(target=run, daemon=True).start()
    return entered.result(10)


def test_slots_of_a_host_are_limited() -> None:
    limiter = HostLimiter(2)
    first, second = in_thread(limiter, "a", 0), limiter.acquire("a", 0)
    assert first is not None
    assert second is not None
    assert in_thread(limiter, "a", 0.01) is None
    assert in_thread(limiter, "b", 0.01) is not None
    first.release()
    first.release()
    assert in_thread(limiter, "a", 0.01) is not None


def test_thread_that_holds_a_slot_never_waits() -> None:
    limiter = HostLimiter(1)
    slots = [slot for _ in range(5) if (slot := limiter.acquire("a", 0)) is not None]
    assert len(slots) == 5
    for slot in slots:
        assert in_thread(limiter, "a", 0) is None
        slot.release()
    assert in_thread(limiter, "a", 0) is not None


def test_released_slot_goes_to_a_waiting_thread() -> None:
    limiter = HostLimiter(1)
    slot = limiter.acquire("a", 0)
    assert slot is not None
    threading.Timer(0.05, slot.release).start()
    assert in_thread(limiter, "a", 5) is not None


def test_state_of_an_idle_host_is_dropped() -> None:
    limiter = HostLimiter(1)
    for number in range(100):
        slot = limiter.acquire(f"host-{number}", 0)
        assert slot is not None
        slot.release()
    assert not limiter._hosts
