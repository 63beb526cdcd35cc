"""Calls that a stop must not interrupt are counted."""

from __future__ import annotations

import pytest

from preflight.errors import Stopped
from preflight.rates.polling import InFlight


def test_calls_are_idle_once_all_of_them_ended() -> None:
    calls = InFlight()
    assert calls.is_idle
    with calls:
        with calls:
            assert not calls.is_idle
        assert not calls.is_idle
    assert calls.is_idle


def test_no_call_begins_after_the_end() -> None:
    calls = InFlight()
    with calls:
        calls.close(wait=False)
        with pytest.raises(Stopped), calls:
            pass
        assert not calls.is_idle
    calls.close()
    assert calls.is_idle
