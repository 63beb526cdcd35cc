"""Many assets in processing: polled by the list where its statuses are current, and otherwise one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from preflight.clock import SYSTEM_CLOCK
from preflight.providers import PROVIDERS
from preflight.rates import StillPending
from preflight.sandbox import Sandbox
from preflight.sandbox.state import ProcessingOutcome
from preflight.submission import account
from preflight.submission.recover import list_processing
from tests.submission.sending import Sender


@pytest.fixture
def ark(tmp_path: Path) -> Iterator[Sender]:
    """Volcengine in a sandbox whose accounts are empty."""
    with Sandbox() as box:
        yield Sender(box, "volcengine", tmp_path)


def add(sender: Sender, count: int, delay: float) -> list[str]:
    protocol = sender.box._protocol(sender.name)  # calls would take too long
    facts = {"url": "https://cdn.example/x.png", "name": "x", "group": "group-1", "outcome": ProcessingOutcome()}
    make_id, account = protocol.new_asset_id, protocol.account
    return [account.add_asset(make_id, delay=delay, kind="image", asset_type="Image", **facts).id for _ in range(count)]


def test_list_tells_the_processing_from_the_others(ark: Sender) -> None:
    processing, active = add(ark, 210, delay=600), add(ark, 20, delay=0)
    with ark.opened() as provider:
        found = list_processing(provider, SYSTEM_CLOCK, processing[::10] + active)
    assert set(found.pending) == set(processing[::10])
    assert found.complete
    assert ark.box.stats.calls["volcengine", "list"] == 3


def test_list_is_read_until_all_are_found(ark: Sender) -> None:
    processing = add(ark, 210, delay=600)
    with ark.opened() as provider:
        newest = list_processing(provider, SYSTEM_CLOCK, processing[-50:])
        assert ark.box.stats.calls["volcengine", "list"] == 1
    assert (set(newest.pending), newest.complete) == (set(processing[-50:]), True)


def test_list_reading_ends_where_single_polls_are_cheaper(ark: Sender) -> None:
    processing = add(ark, 410, delay=600)
    wanted = processing[:9] + processing[-1:]
    with ark.opened() as provider:
        found = list_processing(provider, SYSTEM_CLOCK, wanted)
    assert (set(found.pending), found.complete) == ({processing[-1]}, False)
    assert ark.box.stats.calls["volcengine", "list"] == 2


def test_results_of_many_are_those_of_single_polls(ark: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(*arguments: Any) -> StillPending:
        listed.append(list_processing(*arguments))
        return listed[-1]

    listed: list[StillPending] = []
    monkeypatch.setattr(account, "list_processing", counted)
    ark.box.faults.delay = 0.5
    ark.box.faults.fail("PixelCountTooLarge", match=f"{ark.mark}-3-*")
    made = ark.many(ark.pictures(12))
    assert [submission.outcome for submission in made] == ["active"] * 3 + ["failed"] + ["active"] * 8
    assert made[3].code == "pixel_count_too_large"
    assert any(still.pending for still in listed)


def test_only_lists_that_are_current_are_used_for_polling() -> None:
    """The pages of the gateways say that `get` renews the status, and nothing of their lists."""
    assert {name for name, spec in PROVIDERS.items() if spec.lists_status} == {"byteplus", "volcengine"}
    assert all("status" in spec.filters for spec in PROVIDERS.values() if spec.lists_status)
