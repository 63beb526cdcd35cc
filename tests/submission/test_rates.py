"""Accounts with fewer calls than are published: what is learned, what it costs, and that nothing is given up early."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from preflight.clock import Clock
from preflight.errors import AccountRefused
from preflight.ledger import Ledger
from preflight.rates import FoundRate
from preflight.sandbox import Sandbox
from preflight.submission import Client, Submission
from tests.submission.clocks import SPEED
from tests.submission.sending import Sender

MINUTE = 60 / SPEED
FAST = 60.0
"""A real second is a minute."""


def fast_clock(speed: float = FAST) -> Clock:
    """A clock on which a real second is `speed` s, also on the wall: turns of several processes are kept by it."""

    def wait(event: threading.Event | threading.Condition, seconds: float | None) -> bool:
        return event.wait(None if seconds is None else seconds / speed)

    return Clock(
        monotonic=lambda: time.monotonic() * speed,
        wall=lambda: time.time() * speed,
        sleep=lambda seconds: time.sleep(max(0.0, seconds) / speed),
        wait=wait,
    )


def calls_of(box: Sandbox, sender: Sender) -> int:
    return box.stats.calls[sender.name, "register"]


def submitted(sender: Sender, count: int, **options: Any) -> tuple[list[Submission], list[FoundRate]]:
    said: list[FoundRate] = []
    return sender.many(sender.pictures(count), on_rate=said.append, **options), said


@pytest.mark.slow
def test_found_rate_is_announced_once_and_used_by_the_next_run(atlas: Sender, box: Sandbox) -> None:
    box.faults.throttle(3, 60 / FAST, action="register", provider="atlas", window="sliding")
    before = calls_of(box, atlas)
    made, said = submitted(atlas, 4, clock=fast_clock())
    assert [submission.outcome for submission in made] == ["active"] * 4
    assert calls_of(box, atlas) - before <= 4 + 3
    assert [found.action for found in said] == ["register"]
    assert str(said[0]) == "Atlas Cloud accepts 3 registrations a minute from this account. The rate is remembered."
    before, refused = calls_of(box, atlas), box.stats.throttled["atlas", "register"]
    time.sleep(60 / FAST)
    made, said = submitted(atlas, 3, clock=fast_clock())
    assert [submission.outcome for submission in made] == ["active"] * 3
    assert calls_of(box, atlas) - before == 3
    assert box.stats.throttled["atlas", "register"] == refused
    assert said == []


@pytest.mark.slow
@pytest.mark.parametrize("window", ["bucket", "sliding", "calendar"])
def test_nine_files_cost_few_calls_at_three_a_minute(atlas: Sender, box: Sandbox, window: str) -> None:
    box.faults.throttle(3, MINUTE, action="register", provider="atlas", window=window)
    before = calls_of(box, atlas)
    made, _ = submitted(atlas, 9, clock=fast_clock(SPEED))
    assert {submission.outcome for submission in made} == {"active"}
    assert calls_of(box, atlas) - before <= 1.5 * 9  # 1.3 without the quick clock, on which a call takes a second
    assert atlas.registered() == 9


@pytest.mark.slow
def test_many_files_cost_few_calls_at_120_a_minute(atlas: Sender, box: Sandbox) -> None:
    box.faults.throttle(120, MINUTE, action="register", provider="atlas", window="sliding")
    before = calls_of(box, atlas)
    made, _ = submitted(atlas, 300, clock=fast_clock(SPEED))
    assert {submission.outcome for submission in made} == {"active"}
    assert calls_of(box, atlas) - before <= 1.3 * 300
    assert atlas.registered() == 300


@pytest.mark.slow
@pytest.mark.parametrize("window", ["bucket", "sliding", "calendar"])
@pytest.mark.parametrize("later", [0.0, 90.0])
def test_runs_that_share_an_account_take_turns(atlas: Sender, box: Sandbox, window: str, later: float) -> None:
    """Each has a pacer of its own, as processes have; the second may begin when the first has learned the rate."""
    box.faults.throttle(3, MINUTE, action="register", provider="atlas", window=window)
    before = calls_of(box, atlas)

    pictures = atlas.pictures(10)

    def run(begin: float, targets: list[Path]) -> list[Submission]:
        time.sleep(begin / SPEED)
        return atlas.many(targets, clock=fast_clock(SPEED))

    with ThreadPoolExecutor(2) as runs:
        halves = runs.map(run, [0.0, later], [pictures[:5], pictures[5:]])
        made = [submission for half in halves for submission in half]
    assert [(submission.outcome, submission.message) for submission in made] == [("active", None)] * 10
    assert calls_of(box, atlas) - before <= 10 + 8


@pytest.mark.slow
def test_account_that_accepts_nothing_ends_a_registration_at_its_timeout(atlas: Sender, box: Sandbox) -> None:
    box.faults.on("429", action="register", provider="atlas")
    before = calls_of(box, atlas)
    begun = time.monotonic()
    submission = atlas.one(atlas.picture(), poll_timeout=25.0)
    assert (submission.outcome, submission.code) == ("error", "rate_limited")
    assert time.monotonic() - begun >= 25 / SPEED
    assert 3 <= calls_of(box, atlas) - before <= 5
    assert atlas.entries() == []
    box.faults.clear()
    assert submission.source is not None
    assert atlas.one(submission.source).outcome == "active"


@pytest.mark.parametrize("name", ["atlas", pytest.param("crun", marks=pytest.mark.slow)])
def test_account_that_accepts_nothing_ends_all_targets_at_the_first_timeout(
    box: Sandbox, tmp_path: Path, name: str
) -> None:
    sender = Sender(box, name, tmp_path)
    box.faults.on("429", action="register", provider=name)
    pictures = sender.pictures(60)
    before = calls_of(box, sender)
    begun = time.monotonic()
    made = sender.many(pictures, poll_timeout=10.0)
    assert time.monotonic() - begun < 10 / SPEED + 5
    calls = calls_of(box, sender) - before
    assert calls <= 8
    assert {(submission.outcome, submission.code) for submission in made} == {("error", "rate_limited")}
    (message,) = {submission.message for submission in made}
    assert re.search(
        rf"this account did not accept any of {calls} calls in \d+ s\. Check its quota and its", str(message)
    )
    assert sender.entries() == []
    box.faults.clear()
    assert {submission.outcome for submission in sender.many(pictures[:3])} == {"active"}
    assert sender.registered() == 3


@pytest.mark.slow
def test_client_tries_again_after_an_account_accepted_nothing(atlas: Sender, box: Sandbox) -> None:
    with Client("atlas", **atlas.options(poll_timeout=5.0)) as client:
        box.faults.on("429", action="register", provider="atlas")
        with pytest.raises(AccountRefused, match="did not accept"):
            client.submit(atlas.picture())
        begun = time.monotonic()
        with pytest.raises(AccountRefused, match="did not accept"):
            client.submit(atlas.picture())
        assert time.monotonic() - begun >= 5 / SPEED, "each call has its own timeout"
        box.faults.clear()
        assert client.submit(atlas.picture()).status == "active"


@pytest.mark.slow
def test_account_that_accepts_calls_of_another_process_is_not_given_up(atlas: Sender, box: Sandbox) -> None:
    atlas.one(atlas.picture("-other"))  # the wall clock is not quick: it was accepted within every timeout
    box.faults.on("429", action="register", provider="atlas")
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(atlas.one, atlas.picture(), poll_timeout=5.0)
        time.sleep(20 / SPEED)
        assert not running.done()
        box.faults.clear()
        assert running.result().outcome == "active"


@pytest.mark.slow
def test_repeated_refusals_end_no_registration_while_others_are_accepted(atlas: Sender, box: Sandbox) -> None:
    """A registration used to be given up after 20 refusals."""
    for call in range(1, 80):
        if call % 2:
            box.faults.on("429", action="register", provider="atlas", call=call)
    made, _ = submitted(atlas, 12, poll_timeout=100.0, rate="30/s", clock=fast_clock())
    assert {submission.outcome for submission in made} == {"active"}


def test_given_rate_is_used_whatever_is_remembered(atlas: Sender, box: Sandbox) -> None:
    before = calls_of(box, atlas)
    begun = time.monotonic()
    made, said = submitted(atlas, 3, rate="90/min")
    assert {submission.outcome for submission in made} == {"active"}
    assert time.monotonic() - begun >= 2 / 1.5 / SPEED
    assert calls_of(box, atlas) - before == 3
    assert said == []
    with Ledger(str(atlas.folder / "ledger.sqlite")) as ledger:
        (entry, *_) = ledger.entries()
        assert ledger.rates(entry.account_key).load("register") is None
