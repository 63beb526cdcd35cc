"""Answers that are lost: the asset is looked up, and never registered twice."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import ProviderError
from preflight.providers import Page
from preflight.providers import provider as opening
from preflight.providers.asset import Asset
from preflight.providers.connection import ApiConnection
from preflight.sandbox import Sandbox
from preflight.submission import submit
from preflight.submission.outcome import NotActive
from preflight.submission.recover import iter_items, matches_entry
from tests.ledger.test_ledger import entry
from tests.submission.sending import Sender

AFTER = ["lose-after", "error-after", "gateway-after", "html-after"]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits a minute for an answer that does not come."""

    def connection(*arguments: Any, **options: Any) -> ApiConnection:
        return ApiConnection(*arguments, **{**options, "timeout": (5.0, 0.4)})

    monkeypatch.setattr(opening, "ApiConnection", connection)


@pytest.mark.parametrize("fault", AFTER)
def test_asset_whose_answer_was_lost_is_found_by_its_name(sender: Sender, box: Sandbox, fault: str) -> None:
    found_after(sender, box, fault)


@pytest.mark.parametrize("name", ["atlas", "crun"])
def test_asset_whose_answer_did_not_come_is_found_by_its_name(box: Sandbox, tmp_path: Path, name: str) -> None:
    found_after(Sender(box, name, tmp_path), box, "hang-after")


def found_after(sender: Sender, box: Sandbox, fault: str) -> None:
    """Assert that an asset is found again, where it can be, after a fault behind its registration."""
    box.faults.on(fault, action="register", provider=sender.name, call=1)
    picture = sender.picture()
    submission = sender.one(picture)
    assert sender.registered() == 1
    if sender.recovers:
        assert (submission.outcome, submission.reused) == ("active", False)
        assert submission.asset is not None
        assert submission.asset.id == sender.assets()[0].id
    else:
        assert (submission.outcome, submission.code) == ("unknown", "unknown_outcome")
        assert "no list to look it up in" in (submission.message or "")
        assert "Look it up before" not in (submission.message or "")
        assert f"`assets forget {sender.entries()[0].name}`" in (submission.message or "")


def test_call_that_had_no_effect_is_made_again_once_that_is_certain(sender: Sender, box: Sandbox) -> None:
    repeated_after(sender, box, "lose-before")


@pytest.mark.parametrize("fault", ["error-before", "gateway-before"])
def test_call_that_was_refused_ambiguously_is_made_again(some: Sender, box: Sandbox, fault: str) -> None:
    repeated_after(some, box, fault)


@pytest.mark.parametrize("name", ["atlas", "crun"])
def test_call_that_is_not_answered_is_made_again(box: Sandbox, tmp_path: Path, name: str) -> None:
    repeated_after(Sender(box, name, tmp_path), box, "hang-before")


def repeated_after(sender: Sender, box: Sandbox, fault: str) -> None:
    """Assert that a file is registered once, where that is certain, after a fault before its registration."""
    box.faults.on(fault, action="register", provider=sender.name, call=1)
    submission = sender.one(sender.picture())
    if sender.recovers:
        assert submission.outcome == "active"
        assert sender.registered() == 1
    else:
        assert (submission.outcome, sender.registered()) == ("unknown", 0)


def test_unknown_outcome_is_never_registered_again(sender: Sender, box: Sandbox) -> None:
    if sender.recovers:
        pytest.skip("here it can be looked up")
    box.faults.on("lose-after", action="register", provider=sender.name, call=1)
    picture = sender.picture()
    sender.one(picture)
    calls_before = box.stats.calls[sender.name, "register"]
    for options in ({}, {"retry_failed": True}, {"wait": False}):
        again = sender.one(picture, **options)
        assert (again.outcome, again.code) == ("unknown", "unknown_outcome")
    assert box.stats.calls[sender.name, "register"] == calls_before
    assert sender.registered() == 1
    with pytest.raises(NotActive, match="assets forget") as raised:
        submit(picture, sender.name, **sender.options())
    assert raised.value.submission.outcome == "unknown"


def test_calls_that_are_always_lost_without_effect_are_given_up(some: Sender, box: Sandbox) -> None:
    box.faults.on("lose-before", action="register", provider=some.name)
    before = box.stats.calls[some.name, "register"]
    submission = some.one(some.picture())
    assert (submission.outcome, submission.code) == ("error", "connection_lost")
    assert isinstance(submission.error, ProviderError)
    assert box.stats.calls[some.name, "register"] == before + 3
    assert some.entries() == []


def test_failed_look_up_is_repeated_by_the_next_run(some: Sender, box: Sandbox) -> None:
    box.faults.on("lose-after", action="register", provider=some.name, call=1)
    box.faults.on("error", action="list", provider=some.name)
    picture = some.picture()
    submission = some.one(picture)
    assert (submission.outcome, submission.code) == ("unknown", "unknown_outcome")
    assert "Run the same command again" in (submission.message or "")
    assert some.entries()[0].state == "intended"
    box.faults.clear()
    assert some.one(picture).outcome == "active"
    assert some.registered() == 1


def test_lost_asset_is_found_behind_many_others(some: Sender, box: Sandbox) -> None:
    """Its name is compared on every page: a list is sorted as its provider likes."""
    box.faults.on("lose-after", action="register", provider=some.name, call=1)
    picture = some.picture()
    box.faults.on("error", action="list", provider=some.name)
    some.one(picture)
    box.faults.clear()
    with some.opened() as provider:
        group = box.groups(some.name)[0].id if some.provider.needs_group else None
        for number in range(30):
            provider.register(box.host(picture), "image", name=f"other-{number}", group=group)
    assert some.one(picture).outcome == "active"
    assert some.registered() == 1


@pytest.mark.parametrize(("fault", "outcome"), [("lose-after", "active"), ("lose-before", "active"), ("500", "active")])
def test_run_of_many_survives_a_fault_now_and_then(some: Sender, box: Sandbox, fault: str, outcome: str) -> None:
    for call in (2, 5, 6):
        box.faults.on(fault, action="register", provider=some.name, call=call)
    made = some.many(some.pictures(8))
    assert {submission.outcome for submission in made} == {outcome}
    assert some.registered() == len(some.assets()) == 8


def test_refusals_for_too_many_calls_are_waited_out(fewer: Sender, box: Sandbox) -> None:
    box.faults.throttle(5, 0.3, action="register", provider=fewer.name, retry_after=0.1)
    made = fewer.many(fewer.pictures(12))
    assert {submission.outcome for submission in made} == {"active"}
    assert box.stats.throttled[fewer.name, "register"] > 0
    assert fewer.registered() == 12


@pytest.mark.parametrize(
    ("fault", "codes", "said"),
    [
        ("subscription", {"subscription_required", "credits"}, "in the service's console"),
        ("quota", {"quota"}, "the quota of this account is used up"),
        ("redirect", {"redirected"}, "keys are not sent elsewhere"),
        ("422", {"invalid"}, "Correct what the service names."),
    ],
)
def test_refusal_leaves_nothing_behind(mostly: Sender, box: Sandbox, fault: str, codes: set[str], said: str) -> None:
    box.faults.on(fault, action="register", provider=mostly.name)
    picture = mostly.picture()
    submission = mostly.one(picture)
    assert submission.outcome == "error"
    assert submission.code in codes
    assert said in (submission.message or "")
    assert mostly.provider.title in (submission.message or "")
    assert mostly.entries() == []
    box.faults.clear()
    assert mostly.one(picture).outcome == "active"


def test_polling_survives_temporary_failures(fewer: Sender, box: Sandbox) -> None:
    for call, fault in enumerate(["lose", "error", "503", "html", "gateway", "empty", "429"], 1):
        box.faults.on(fault, action="get", provider=fewer.name, call=call)
    assert fewer.one(fewer.picture()).outcome == "active"


def test_throttled_polling_ends_at_the_timeout(atlas: Sender, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preflight.submission.run.LAST_POLL", 2.0)
    box.faults.on("429", action="get", provider="atlas")
    before = box.stats.calls["atlas", "get"]
    submissions = atlas.many(atlas.pictures(10), poll_timeout=4)
    assert {(one.outcome, one.code) for one in submissions} == {("processing", "deadline")}
    assert box.stats.calls["atlas", "get"] - before < 10


def test_polling_that_is_refused_says_that_the_asset_is_there(some: Sender, box: Sandbox) -> None:
    box.faults.on("html", action="get", provider=some.name)
    picture = some.picture()
    submission = some.one(picture, poll_timeout=10)
    assert (submission.outcome, submission.code) == ("processing", "response_invalid")
    assert "continue polling" in (submission.message or "")
    box.faults.clear()
    assert some.one(picture).outcome == "active"
    assert some.registered() == 1


@pytest.mark.parametrize("name", ["atlas", "sunra"])
def test_lost_asset_is_found_by_url_where_names_are_not_kept(box: Sandbox, tmp_path: Path, name: str) -> None:
    sender = Sender(box, name, tmp_path)
    box.faults.ignore_names = True
    older = sender.picture("-older")
    with sender.opened() as provider:
        provider.register(box.host(older), "image", name="older")
    box.faults.on("lose-after", action="register", provider=name, call=1)
    submission = sender.one(sender.picture())
    assert submission.outcome == "active"
    assert submission.asset is not None
    assert sender.registered() == 1
    assert sender.assets()[0].id == submission.asset.id


def test_lost_asset_that_was_sent_without_a_name_is_found_by_its_url(box: Sandbox, tmp_path: Path) -> None:
    sender = Sender(box, "atlas", tmp_path)
    before = {asset.id for asset in box.assets("atlas", trashed=None)}
    box.faults.on("lose-after", action="register", provider="atlas", call=1)
    submission = sender.one(sender.picture(), send_name=False)
    assert (submission.outcome, submission.reused) == ("active", False)
    (made,) = [asset for asset in box.assets("atlas", trashed=None) if asset.id not in before]
    assert submission.asset is not None
    assert made.id == submission.asset.id


def test_lost_call_without_a_name_that_is_not_found_stays_unknown(box: Sandbox, tmp_path: Path) -> None:
    sender = Sender(box, "atlas", tmp_path)
    box.faults.on("lose-before", action="register", provider="atlas", call=1)
    picture = sender.picture()
    before = box.stats.calls["atlas", "register"]
    for _ in range(2):
        submission = sender.one(picture, send_name=False)
        assert (submission.outcome, submission.code) == ("unknown", "unknown_outcome")
        assert "assets forget" in (submission.message or "")
    assert box.stats.calls["atlas", "register"] == before + 1


def test_asset_matches_its_entry_by_name_suffix_or_by_url_and_time() -> None:
    ours = entry(name="clip-0123456789ab", url="https://cdn.example/clip.mp4", created="2026-11-20T10:00:00.000Z")
    late, early = datetime(2026, 11, 20, 10, 1, tzinfo=UTC), datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    signed = "https://cdn.example/clip.mp4?X-Tos-Signature=5f2c"
    assert matches_entry(Asset("1", "atlas", name="clip-0123456789ab"), ours)
    assert matches_entry(Asset("1", "atlas", name="CLIP_renamed-0123456789ab"), ours)
    assert matches_entry(Asset("1", "atlas", name="clip.mp4", url=signed, created=late), ours)
    assert not matches_entry(Asset("1", "atlas", name="clip.mp4", url=signed, created=early), ours)
    assert not matches_entry(Asset("1", "atlas", name="clip.mp4", url=signed), ours)
    assert not matches_entry(Asset("1", "atlas", name="clip-ba9876543210", url=signed, created=late), ours)
    assert not matches_entry(Asset("1", "atlas", name="superhero"), entry(name="hero"))


def test_repeated_page_ends_a_list() -> None:
    turns = 0

    def turn(page: str | None) -> Page[Asset]:
        nonlocal turns
        turns += 1
        return Page((Asset("1", "atlas"), Asset("2", "atlas")), str(turns + 1))

    assert [asset.id for asset in iter_items(turn)] == ["1", "2"]
    assert turns == 4


def test_items_that_move_to_the_next_page_meanwhile_are_not_taken_for_the_end() -> None:
    pages = [["5", "4"], ["5", "4"], ["3", "2"], []]
    each = iter(pages)

    def turn(page: str | None) -> Page[Asset]:
        return Page(tuple(map(partial(Asset, provider="atlas"), next(each))), "next")

    assert [asset.id for asset in iter_items(turn)] == ["5", "4", "3", "2"]
