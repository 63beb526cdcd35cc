"""The clock: system time, fake time, and sleeps that a stop interrupts."""

from __future__ import annotations

import pickle
import threading
import time
from dataclasses import FrozenInstanceError

import pytest

from preflight.clock import SYSTEM_CLOCK, Clock, InterruptibleLock
from preflight.errors import Stopped
from tests.clocks import FakeTime


def test_system_clock_tells_the_time_of_the_system() -> None:
    assert abs(SYSTEM_CLOCK.monotonic() - time.monotonic()) < 60
    assert abs(SYSTEM_CLOCK.wall() - time.time()) < 60
    began = time.monotonic()
    SYSTEM_CLOCK.sleep(0.01)
    assert time.monotonic() - began >= 0.009


def test_clock_is_immutable_and_picklable() -> None:
    with pytest.raises(FrozenInstanceError):
        SYSTEM_CLOCK.sleep = lambda seconds: None  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(SYSTEM_CLOCK)) == SYSTEM_CLOCK


def test_wait_returns_whether_the_event_was_set() -> None:
    event = threading.Event()
    assert SYSTEM_CLOCK.wait(event, 0.001) is False
    event.set()
    assert SYSTEM_CLOCK.wait(event, None) is True
    changed = threading.Condition()
    with changed:
        assert SYSTEM_CLOCK.wait(changed, 0.001) is False


def test_sleep_ends_with_stopped_when_the_event_is_set_meanwhile() -> None:
    stop = threading.Event()
    clock = SYSTEM_CLOCK.stopped_by(stop)
    timer = threading.Timer(0.02, stop.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        clock.sleep(3600)
    assert time.monotonic() - began < 60
    timer.join()


def test_sleep_raises_stopped_at_once_after_the_stop() -> None:
    stop = threading.Event()
    fake = FakeTime()
    clock = fake.clock.stopped_by(stop)
    clock.sleep(2.0)
    stop.set()
    for seconds in (0.0, -1.0, 5.0):
        with pytest.raises(Stopped):
            clock.sleep(seconds)
    assert fake.slept == [2.0]


def test_negative_sleep_returns_at_once() -> None:
    fake = FakeTime()
    fake.clock.stopped_by(threading.Event()).sleep(-1.0)
    assert fake.slept == [0.0]


def test_stopped_clock_keeps_the_other_functions() -> None:
    fake = FakeTime(now=5.0)
    clock = fake.clock.stopped_by(threading.Event())
    assert isinstance(clock, Clock)
    assert (clock.monotonic(), clock.wall()) == (5.0, 5.0)
    clock.sleep(1.5)
    assert clock.monotonic() == 6.5


class Busy:
    """A lock that is free when it is asked for the third time."""

    def __init__(self) -> None:
        self.timeouts: list[float] = []
        self.released = 0

    def acquire(self, timeout: float) -> bool:
        self.timeouts.append(timeout)
        return len(self.timeouts) == 3

    def release(self) -> None:
        self.released += 1


def test_wait_for_a_lock_checks_every_quarter_of_a_second_whether_it_was_stopped() -> None:
    fake, busy = FakeTime(), Busy()
    with InterruptibleLock(fake.clock, busy):  # type: ignore[arg-type]
        assert (busy.timeouts, fake.slept, busy.released) == ([0.25] * 3, [0.0, 0.0], 0)
    assert busy.released == 1


def test_stop_ends_the_wait_for_a_lock() -> None:
    stop, busy = threading.Event(), Busy()
    stop.set()
    with pytest.raises(Stopped), InterruptibleLock(FakeTime().clock.stopped_by(stop), busy):  # type: ignore[arg-type]
        pass
    assert (busy.timeouts, busy.released) == ([0.25], 0)
