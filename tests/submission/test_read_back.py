"""Many assets that the ledger knows: they are read back while new files are registered."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from preflight.providers import Asset, Provider
from preflight.sandbox import Sandbox
from preflight.submission.account import SUBMIT_THREADS
from tests.submission.sending import Sender


@pytest.mark.parametrize("name", ["atlas", "crun"])
def test_new_file_is_registered_while_known_ones_are_read_back(
    name: str, box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Sender(box, name, tmp_path)
    known = sender.pictures(SUBMIT_THREADS + 1)
    assert {one.outcome for one in sender.many(known)} == {"active"}
    get, ends = Provider.get, time.monotonic() + 30

    def get_once_all_are_registered(provider: Provider, asset: str) -> Asset:
        while sender.registered() == len(known):
            assert time.monotonic() < ends, "the new file waits for those that are read back"
            time.sleep(0.01)
        return get(provider, asset)

    monkeypatch.setattr(Provider, "get", get_once_all_are_registered)
    again = sender.many([*known, sender.picture("-new")])
    assert [(one.outcome, one.reused) for one in again] == [("active", True)] * len(known) + [("active", False)]
