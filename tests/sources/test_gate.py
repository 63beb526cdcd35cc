"""Places at a host."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from preflight.net.limiter import Gate, Place


def in_thread(gate: Gate, host: str, patience: float) -> Place | None:
    """Enter from a thread of its own, which stays: a later one could get its number."""
    entered: Future[Place | None] = Future()

    def run() -> None:
        entered.set_result(gate.enter(host, patience))
        threading.Event().wait(10)

    threading.Thread(target=run, daemon=True).start()
    return entered.result(10)


def test_no_more_than_so_many_at_one_host() -> None:
    gate = Gate(2)
    first, second = in_thread(gate, "a", 0), gate.enter("a", 0)
    assert first is not None
    assert second is not None
    assert in_thread(gate, "a", 0.01) is None
    assert in_thread(gate, "b", 0.01) is not None
    first.leave()
    first.leave()
    assert in_thread(gate, "a", 0.01) is not None


def test_a_thread_never_waits_for_itself() -> None:
    gate = Gate(1)
    places = [place for _ in range(5) if (place := gate.enter("a", 0)) is not None]
    assert len(places) == 5
    for place in places:
        assert in_thread(gate, "a", 0) is None
        place.leave()
    assert in_thread(gate, "a", 0) is not None


def test_whoever_waits_comes_in_when_a_place_is_given_back() -> None:
    gate = Gate(1)
    place = gate.enter("a", 0)
    assert place is not None
    threading.Timer(0.05, place.leave).start()
    assert in_thread(gate, "a", 5) is not None


def test_nothing_is_left_of_a_host_that_nobody_talks_to() -> None:
    gate = Gate(1)
    for number in range(100):
        place = gate.enter(f"host-{number}", 0)
        assert place is not None
        place.leave()
    assert not gate._hosts
