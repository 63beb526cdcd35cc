"""Pacers of several processes that share an account through the ledger, in time that a test decides."""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path

import pytest

from preflight.errors import RateLimited
from preflight.ledger import AccountKey, LearnedRate, Ledger
from preflight.providers import Rate, RateLimits
from preflight.rates import SAFETY, Pacer
from tests.clocks import FakeTime

ACCOUNT = AccountKey("atlas", "https://x", "default", "")
LIMITS = RateLimits(Rate(30), learned=True)


def test_processes_take_turns_at_a_remembered_rate(tmp_path: Path) -> None:
    time_ = FakeTime()
    with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
        ledger.rates(ACCOUNT).save("register", LearnedRate(3, 60.0, time_.now))
        pacers = [Pacer(LIMITS, time_.clock, ledger.rates(ACCOUNT)) for _ in range(3)]
        left = []
        for pacer in (*pacers, *pacers):
            with pacer("register"):
                left.append(time_.now)
    gaps = [after - before for before, after in itertools.pairwise(left)]
    assert min(gaps) >= 20 / SAFETY - 0.01
    assert left[-1] - left[0] <= 5 * 22


def test_refused_process_uses_the_rate_that_another_has_learned(tmp_path: Path) -> None:
    time_ = FakeTime()
    with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
        pacer = Pacer(LIMITS, time_.clock, ledger.rates(ACCOUNT))
        with pacer("register"):
            pass
        ledger.rates(ACCOUNT).save("register", LearnedRate(3, 60.0, time_.now))
        refusal = RateLimited("x", provider="x", call="x", reason="rate_limited")
        with suppress(RateLimited), pacer("register"):
            raise refusal
        begun = time_.now
        for _ in range(2):
            with pacer("register"):
                pass
    assert time_.now - begun == pytest.approx(40 / SAFETY, abs=0.01)
