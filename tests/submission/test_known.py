"""Many assets that the ledger knows: read back from one reading of the list, while new files are registered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import AssetNotFound
from preflight.ledger import Entry, Ledger
from preflight.providers import Asset, Provider
from preflight.sandbox import Sandbox
from preflight.sandbox.state import ProcessingOutcome
from preflight.submission import account
from preflight.submission.account import READ_THREADS, SUBMIT_THREADS
from preflight.submission.known import KnownAssets, _is_complete
from preflight.submission.recover import account_key
from tests.rows import each_row
from tests.submission.sending import Sender

FAILED = ProcessingOutcome("PixelCountTooLarge", "too many pixels")


@pytest.fixture
def ark(tmp_path: Path) -> Iterator[Sender]:
    """Volcengine in a sandbox whose accounts are empty."""
    with Sandbox() as box:
        yield Sender(box, "volcengine", tmp_path)


def add(sender: Sender, count: int, outcome: ProcessingOutcome | None = None, *, delay: float = 0.0) -> list[str]:
    """Add assets to the account, as calls would."""
    protocol = sender.box._protocol(sender.name)
    facts = {"url": "https://cdn.example/x.png", "name": "x", "group": "group-1", "kind": "image"}
    facts |= {"asset_type": "Image", "outcome": outcome or ProcessingOutcome()}
    return [protocol.account.add_asset(protocol.new_asset_id, delay=delay, **facts).id for _ in range(count)]


@contextmanager
def reading(
    sender: Sender, ids: Sequence[str], waiting: Callable[[], int] = lambda: 100, clock: Clock = SYSTEM_CLOCK
) -> Iterator[tuple[KnownAssets, Provider]]:
    """The reading of the assets that the ledger knows, and their provider."""
    with sender.opened() as provider, Ledger(str(sender.folder / "ledger.sqlite")) as ledger:
        for number, asset_id in enumerate(ids):
            key: dict[str, Any] = {**account_key(provider)._asdict(), "group_id": "group-1", "kind": "image"}
            texts = {"content": "", "source": "", "name": f"x-{number}", "rules_digest": ""}
            ledger.write(Entry(f"key-{number}", 1, **key, **texts, state="active", asset_id=asset_id))
        yield KnownAssets(provider, ledger, clock, waiting), provider


def calls(sender: Sender) -> tuple[int, int]:
    """How often the list and single assets were read."""
    made = sender.box.stats.calls
    return made[sender.name, "list"], made[sender.name, "get"]


def test_many_assets_are_read_from_the_list_with_the_fields_of_single_calls(ark: Sender) -> None:
    ids = [*add(ark, 203), *add(ark, 1, FAILED), *add(ark, 1, delay=600)]
    with reading(ark, ids) as (known, provider):
        found = [known.get(asset_id) for asset_id in ids]
        assert calls(ark) == (3, 0)
        for listed in found[200:]:
            alone = provider.get(listed.id)
            assert {**listed.as_json(), "url_expires": None} == {**alone.as_json(), "url_expires": None}
            assert listed.raw.keys() == alone.raw.keys()
    assert [one.status for one in found[202:]] == ["active", "failed", "processing"]


def test_few_assets_are_read_with_a_call_each(ark: Sender) -> None:
    ids = add(ark, 3)
    with reading(ark, ids, lambda: 99) as (known, _):
        assert [known.get(asset_id).id for asset_id in ids] == ids
    assert calls(ark) == (0, 3)


def test_asset_that_the_list_lacks_is_read_alone(ark: Sender) -> None:
    ids = add(ark, 3)
    with reading(ark, ids) as (known, provider):
        provider.api.delete(ids[1])
        known.get(ids[0])
        with pytest.raises(AssetNotFound):
            known.get(ids[1])
        known.get(ids[2])
    assert calls(ark) == (1, 1)


@each_row(
    ("status", "fields", "complete"),
    [
        ("failed", {"error_message": "too large"}, True),
        ("failed", {"provider_code": "TooLarge"}, True),
        ("failed", {}, False),
        ("active", {"url": "https://cdn.example/x.png"}, True),
        ("active", {}, False),
        ("processing", {}, True),
        ("unknown", {}, False),
        ("processing", {"name": None}, False),
        ("processing", {"kind": None}, False),
    ],
)
def test_listed_asset_is_read_alone_only_if_the_list_lacks_something(
    status: Any, fields: dict[str, Any], complete: bool
) -> None:
    assert _is_complete(Asset("asset-1", "atlas", status, **{"kind": "image", "name": "x", **fields})) is complete


def test_asset_is_not_read_twice_from_one_reading(ark: Sender) -> None:
    (asset_id,) = add(ark, 1)
    with reading(ark, [asset_id]) as (known, provider):
        known.get(asset_id)
        provider.api.delete(asset_id)
        with pytest.raises(AssetNotFound):
            known.get(asset_id)


def test_list_is_read_again_after_half_a_minute(ark: Sender) -> None:
    now = 0.0
    ids = add(ark, 2)
    with reading(ark, ids, clock=Clock(monotonic=lambda: now)) as (known, provider):
        known.get(ids[0])
        provider.api.delete(ids[1])
        now = 30.0
        with pytest.raises(AssetNotFound):
            known.get(ids[1])
    assert calls(ark) == (2, 1)


def test_list_of_others_is_read_only_while_it_saves_calls(ark: Sender) -> None:
    ids = add(ark, 3)
    add(ark, 1100)
    with reading(ark, ids) as (known, _):
        assert {known.get(asset_id).id for asset_id in ids} == set(ids)
    assert calls(ark) == (11, 3)


def test_without_a_list_each_asset_is_read_with_a_call(ark: Sender) -> None:
    ids = add(ark, 3)
    ark.box.faults.on(400, action="list")
    with reading(ark, ids) as (known, _):
        assert {known.get(asset_id).id for asset_id in ids} == set(ids)
    assert calls(ark) == (1, 3)


def test_list_whose_statuses_may_be_old_is_not_read(box: Sandbox, tmp_path: Path) -> None:
    sender = Sender(box, "atlas", tmp_path)
    made = sender.one(sender.picture())
    assert made.asset is not None
    before = calls(sender)
    with reading(sender, []) as (known, _):
        assert known.get(made.asset.id).status == "active"
    assert calls(sender) == (before[0], before[1] + 1)


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


@pytest.mark.slow
def test_resumed_run_reads_known_files_in_few_calls(ark: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    known, get, ends = ark.pictures(160), Provider.get, time.monotonic() + 30
    first = ark.many(known)
    before = calls(ark)

    def get_once_many_wait(provider: Provider, asset: str) -> Asset:
        while calls(ark)[0] == before[0] and time.monotonic() < ends:
            (shared,) = account._accounts.values()
            if shared.pool.readers.queued >= 130:
                break
            time.sleep(0.01)
        return get(provider, asset)

    monkeypatch.setattr(Provider, "get", get_once_many_wait)
    again = ark.many(known)
    assert [(one.outcome, one.reused) for one in again] == [("active", True)] * len(known)
    assert {one.asset and one.asset.id for one in again} == {one.asset and one.asset.id for one in first}
    lists, gets = calls(ark)
    assert lists - before[0] == 2
    assert gets - before[1] <= 2 * READ_THREADS
