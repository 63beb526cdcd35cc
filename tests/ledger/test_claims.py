"""A key is held by one thread of one process at a time, and given back by a process that dies."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from preflight.clock import SYSTEM_CLOCK
from preflight.ledger import Ledger, RegistrationKey
from preflight.ledger.database import KeyLocks
from tests.conftest import ROOT

ONE = RegistrationKey("atlas", "https://a.example", "key-1", "", "", "image", "sha256:1")
TWO = RegistrationKey("atlas", "https://a.example", "key-1", "", "", "image", "sha256:2")
HOLD = """
import sys
from preflight.clock import Clock
from preflight.ledger import RegistrationKey, Ledger
one = RegistrationKey("atlas", "https://a.example", "key-1", "", "", "image", "sha256:1")
with Ledger(sys.argv[1]) as ledger, ledger.claim(one):
    print("held", flush=True)
    sys.stdin.read()
"""


class Busy(Exception):
    """The key is held by another."""


def _raise_busy(seconds: float) -> None:
    raise Busy


busy = replace(SYSTEM_CLOCK, sleep=_raise_busy)
"""A clock on which nobody waits for a key."""


def test_threads_take_turns(tmp_path: Path) -> None:
    inside = most = 0
    with Ledger(str(tmp_path / "l.sqlite")) as ledger, Ledger(str(tmp_path / "l.sqlite")) as same:

        def work(through: Ledger) -> None:
            nonlocal inside, most
            with through.claim(ONE):
                inside += 1
                most = max(most, inside)
                time.sleep(0.01)
                inside -= 1

        threads = [threading.Thread(target=work, args=(each,)) for each in [ledger, same] * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 1


def test_claim_leaves_other_keys_free(tmp_path: Path) -> None:
    with (
        Ledger(str(tmp_path / "l.sqlite")) as ledger,
        ledger.claim(ONE),
        ledger.claim(TWO, busy),
        pytest.raises(Busy),
        ledger.claim(ONE, busy),
    ):
        pytest.fail("it is held")


def test_closing_a_second_ledger_keeps_claims(tmp_path: Path) -> None:
    """Closing any descriptor of a file gives back all locks that the process has on it (POSIX)."""
    path = str(tmp_path / "l.sqlite")
    with Ledger(path) as ledger, ledger.claim(ONE):
        Ledger(path).close()
        script = HOLD.replace("claim(one)", "claim(one, Clock(sleep=lambda seconds: sys.exit(7)))")
        done = subprocess.run([sys.executable, "-c", script, path], cwd=ROOT, check=False, input=b"", timeout=20)
        assert done.returncode == 7


def test_last_user_of_the_locks_closes_their_file(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    one, other = KeyLocks.open(path), KeyLocks.open(path)
    assert one is other
    one.close()
    other.acquire(7)
    other.close()
    with pytest.raises(OSError, match="closed"):
        other.acquire(8)
    again = KeyLocks.open(path)
    assert again is not one
    again.acquire(7, busy)
    again.close()


def test_claim_of_a_killed_process_is_released(tmp_path: Path) -> None:
    path = str(tmp_path / "l.sqlite")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with Ledger(path) as ledger:
        with pytest.raises(Busy), ledger.claim(ONE, busy):
            pass
        other.kill()
        with ledger.claim(ONE):
            pass
    other.communicate()
