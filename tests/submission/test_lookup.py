"""Lost registrations and lost ledgers: what the provider lists is found, in few calls, and never registered again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import ProviderError
from preflight.ledger import Entry, Ledger, RegistrationKey, asset_name
from preflight.providers import PROVIDERS, Page
from preflight.providers.asset import Asset
from preflight.rates import Pacer
from preflight.sandbox import Sandbox
from preflight.submission import Client, RecoveryWindow, recover
from preflight.submission.manage import LedgerSync
from preflight.submission.recover import AssetFinder, account_key
from tests.submission.clocks import SPEED, quick_clock
from tests.submission.sending import WINDOW, Sender, unique_picture
from tests.submission.test_crash import crashing
from tests.submission.web import Web, serving

LISTING = sorted(name for name, spec in PROVIDERS.items() if spec.recover_by)
OTHERS = sorted(PROVIDERS.keys() - set(LISTING))
LONG_AGO = replace(SYSTEM_CLOCK, wall=lambda: time.time() - 600)


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A sandbox whose accounts are empty."""
    with Sandbox() as box:
        yield box


class Account:
    """An account with many assets, and a ledger with open entries: every other one was registered."""

    def __init__(self, box: Sandbox, name: str, folder: Path, assets: int, entries: int, clock: Clock) -> None:
        self.box, self.name = box, name
        self.sender = Sender(box, name, folder)
        self.provider = self.sender.opened(clock=clock)
        self.group = self.provider.api.create_group("many").id if self.provider.spec.needs_group else None
        self.ledger = Ledger(str(folder / "open.sqlite"), clock=LONG_AGO)
        self.entries = [self._entry(number) for number in range(entries)]
        self.lost = [entry.name for entry in self.entries[::2]]
        names = [*self.lost, *(f"other-{number}" for number in range(assets - len(self.lost)))]
        random.Random(7).shuffle(names)
        for name in names:
            self.add(name)
        self.pages = -(-assets // self.provider.spec.page_size)

    def add(self, name: str, url: str = "https://cdn.example/x.png") -> None:
        protocol = self.box._protocol(self.name)  # thousands of calls would take too long
        protocol.account.add_asset(
            protocol.new_asset_id,
            delay=0,
            kind="image",
            asset_type=next(iter(self.provider.spec.types)),
            url=url,
            name=name,
            ids=protocol.extra_ids(),
            group=self.group,
        )

    def _entry(self, number: int) -> Entry:
        key = RegistrationKey(*account_key(self.provider), self.group or "", "image", f"sha256:{number}")
        values = (*account_key(self.provider), key.group_id, "image", key.content, f"{number}.png")
        name = asset_name(str(number), key.digest, 1)
        return self.ledger.write(Entry(key.digest, 1, *values, name, "rules", url="https://cdn.example/never-sent.png"))

    def lists(self) -> int:
        return self.box.stats.calls[self.name, "list"]

    def close(self) -> None:
        self.provider.close()
        self.ledger.close()


@pytest.fixture
def opened(own: Sandbox, tmp_path: Path) -> Iterator[Callable[..., Account]]:
    """Makes an account, which is closed at the end."""
    made: list[Account] = []

    def make(name: str, assets: int, entries: int, clock: Clock) -> Account:
        made.append(Account(own, name, tmp_path, assets, entries, clock))
        return made[-1]

    yield make
    for account in made:
        account.close()


@pytest.fixture
def account(opened: Callable[..., Account], request: pytest.FixtureRequest) -> Account:
    return opened(request.param, 260, 12, quick_clock())


def settle(account: Account, clock: Clock, window: RecoveryWindow = WINDOW) -> None:
    """Assert that all open entries are settled correctly."""
    sync = LedgerSync(account.provider, account.ledger, clock=clock, window=window)
    found = {result.entry.name: result.found for result in sync.settle(sync.pending())}
    assert {name for name, what in found.items() if what in ("active", "processing")} == set(account.lost)
    assert {name for name, what in found.items() if what == "absent"} == {
        entry.name for entry in account.entries
    } - set(account.lost)


class TestOpenEntries:
    @pytest.mark.parametrize("account", LISTING, indirect=True)
    def test_all_open_entries_are_settled_by_one_reading_of_the_list(self, account: Account) -> None:
        settle(account, quick_clock())
        assert account.lists() <= account.pages + 2
        assert account.box.stats.calls[account.name, "get"] == 0

    def test_list_is_read_no_further_than_to_the_only_open_entry(self, opened: Callable[..., Account]) -> None:
        account = opened("agt", 260, 1, quick_clock())
        (entry,) = account.entries
        finder = AssetFinder(account.provider, account.ledger, clock=quick_clock(), window=WINDOW)
        found = finder.find(entry)
        assert found is not None
        assert found.name == entry.name
        assert 0 < account.lists() < account.pages

    def test_entries_that_another_run_has_settled_meanwhile_are_left_as_they_are(
        self, opened: Callable[..., Account]
    ) -> None:
        account = opened("atlas", 2, 3, quick_clock())
        registered, forgotten, failed = account.entries
        sync = LedgerSync(account.provider, account.ledger, clock=quick_clock(), window=WINDOW)
        pending = sync.pending()
        account.ledger.write(replace(registered, state="active", asset_id="asset-1"))
        account.ledger.forget(forgotten)
        account.ledger.settle(failed, "failed")
        results = {result.entry.name: result for result in sync.settle(pending)}
        found = {name: (result.found, result.entry.asset_id) for name, result in results.items()}
        assert found == {
            registered.name: ("active", "asset-1"),
            forgotten.name: ("absent", None),
            failed.name: ("failed", None),
        }
        assert {result.message for result in results.values()} == {"Another run settled it."}
        assert {entry.name: entry.state for entry in account.ledger.entries()} == {
            registered.name: "active",
            failed.name: "failed",
        }

    @pytest.mark.slow
    @pytest.mark.parametrize("name", LISTING)
    def test_sixty_among_four_thousand_take_less_than_ten_seconds(
        self, opened: Callable[..., Account], name: str, record_property: Any
    ) -> None:
        account = opened(name, 4000, 60, SYSTEM_CLOCK)
        account.provider.connection.middleware = Pacer(account.provider.rate_limits)
        begun = time.monotonic()
        settle(account, SYSTEM_CLOCK, RecoveryWindow())
        took = time.monotonic() - begun
        record_property("seconds", round(took, 2))
        record_property("list_calls", account.lists())
        assert account.lists() <= account.pages + 2
        assert took < 10

    # AGT lists its groups by the same call, without which nothing is submitted.
    @pytest.mark.parametrize(
        "name", ["atlas", *(pytest.param(name, marks=pytest.mark.slow) for name in ("byteplus", "sunra", "volcengine"))]
    )
    def test_next_submit_settles_all_of_them_by_one_reading(
        self, own: Sandbox, opened: Callable[..., Account], name: str
    ) -> None:
        account = opened(name, 130, 0, quick_clock())
        sender = account.sender
        pictures = sender.pictures(5)
        own.faults.on("lose-after", action="register", provider=name)
        own.faults.on("error", action="list", provider=name)
        first = sender.many(pictures)
        assert {submission.outcome for submission in first} == {"unknown"}
        own.faults.clear()
        before = account.lists()
        later = replace(quick_clock(), wall=lambda: time.time() + 200)
        assert {submission.outcome for submission in sender.many(pictures, clock=later)} == {"active"}
        assert sender.registered() == len(sender.assets()) == 5
        assert account.lists() - before <= -(-135 // account.provider.spec.page_size) + 2

    @pytest.mark.parametrize("account", ["atlas"], indirect=True)
    def test_recent_entries_that_are_absent_share_one_more_reading(self, account: Account) -> None:
        """Each is absent only once a reading that began after its window does not show it."""
        finder = AssetFinder(account.provider, account.ledger, clock=quick_clock(), window=RecoveryWindow(20.0))
        found: list[Asset | None] = []
        missing = account.entries[1::2]
        threads = [
            threading.Thread(target=lambda entry=entry: found.append(finder.find(entry, age=0.0))) for entry in missing
        ]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [None] * len(missing)
        assert time.monotonic() - begun >= 20.0 / SPEED
        assert account.lists() <= 3 * account.pages  # two, and one for those that asked during the first one

    @pytest.mark.parametrize("account", ["atlas", "volcengine"], indirect=True)
    def test_asset_that_becomes_visible_late_is_found(self, account: Account) -> None:
        finder = AssetFinder(account.provider, account.ledger, clock=quick_clock(), window=RecoveryWindow(10.0))
        entry = account.entries[1]
        late = threading.Timer(0.25, lambda: account.add(entry.name))
        late.start()
        asset = finder.find(entry, age=0.0)
        late.join()
        assert asset is not None
        assert asset.name == entry.name

    @pytest.mark.parametrize("account", ["atlas"], indirect=True)
    def test_deletions_during_the_reading_hide_nothing(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        """What follows a deleted asset moves one place up: from a page to be read to one that was read."""
        read = account.provider.api.list
        own_names = {entry.name for entry in account.entries}

        def deleting(**options: Any) -> Page[Asset]:
            page = read(**options)
            if account.lists() <= 6:
                for asset in page.items[:3]:
                    if asset.name not in own_names:
                        account.box.forget("atlas", asset.id)
            return page

        monkeypatch.setattr(account.provider.api, "list", deleting)
        settle(account, quick_clock())

    @pytest.mark.parametrize("account", ["atlas"], indirect=True)
    def test_failed_reading_is_shared_and_proves_no_absence(self, account: Account) -> None:
        account.box.faults.latency = 0.05
        account.box.faults.on("error", action="list")
        finder = AssetFinder(account.provider, account.ledger, clock=quick_clock(), window=WINDOW)
        errors: list[ProviderError] = []

        def find(entry: Entry) -> None:
            with pytest.raises(ProviderError) as raised:
                finder.find(entry)
            errors.append(raised.value)

        threads = [threading.Thread(target=find, args=[entry]) for entry in account.entries[:8]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(errors) == 8
        assert account.lists() <= 8  # four tries a reading: one for the first, one for all others
        account.box.faults.clear()
        assert finder.find(account.entries[0]) is not None

    @pytest.mark.parametrize("account", ["sunra"], indirect=True)
    def test_items_without_name_are_fetched_once(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        read = account.provider.api.list

        def bare(**options: Any) -> Page[Asset]:
            page = read(**options)
            return replace(page, items=tuple(replace(item, name=None, source=None, url=None) for item in page.items))

        monkeypatch.setattr(account.provider.api, "list", bare)
        settle(account, quick_clock())
        assert account.box.stats.calls["sunra", "get"] == 260
        assert account.lists() <= account.pages + 2

    @pytest.mark.parametrize("account", ["atlas"], indirect=True)
    def test_partial_readings_keep_the_index_for_new_files(self, account: Account) -> None:
        finder = AssetFinder(account.provider, account.ledger, clock=quick_clock(), window=WINDOW)
        new = replace(account.entries[0], name="new-0123456789ab")
        for _ in range(3):
            assert finder.find_registered([new], None) is None
            assert finder.find(account.entries[0], age=0.0) is not None
        assert account.lists() < account.pages * 4
        before = account.lists()
        assert finder.find_registered([new], None) is None
        assert account.lists() == before

    @pytest.mark.parametrize("account", ["volcengine"], indirect=True)
    def test_few_entries_are_looked_up_by_name_if_that_takes_fewer_calls(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for entry in account.entries[2:]:
            account.ledger.forget(entry)
        finder = AssetFinder(account.provider, account.ledger, clock=quick_clock(), window=WINDOW)
        assert finder.find_many(account.entries[:2]).keys() == {account.entries[0].name}
        assert account.lists() == 3  # the first page, to count the pages, and one for each


class TestLostLedger:
    @pytest.mark.parametrize("name", LISTING)
    def test_file_that_only_the_provider_knows_is_not_registered_again(
        self, own: Sandbox, tmp_path: Path, name: str
    ) -> None:
        sender = Sender(own, name, tmp_path)
        pictures = sender.pictures(3)
        ids = [submission.asset.id for submission in sender.many(pictures) if submission.asset is not None]
        before = own.stats.calls[name, "list"]
        again = sender.many(pictures, ledger=str(tmp_path / "other.sqlite"))
        assert [(one.outcome, one.reused, one.asset and one.asset.id) for one in again] == [
            ("active", True, each) for each in ids
        ]
        assert own.stats.calls[name, "list"] - before <= 2  # the index is made once
        assert sender.registered() == 3
        assert sender.host.puts == 3

    def test_clients_of_one_account_share_the_index(self, opened: Callable[..., Account]) -> None:
        account = opened("atlas", 130, 0, quick_clock())
        clock = quick_clock()
        options = account.sender.options(clock=clock)
        pictures = account.sender.pictures(6)
        with Client("atlas", **options) as client, ThreadPoolExecutor(6) as executor:
            assert list(client.submit_all([])) == []  # opens the account
            made = list(executor.map(lambda picture: account.sender.one(picture, clock=clock), pictures))
        assert {submission.outcome for submission in made} == {"active"}
        assert account.lists() <= account.pages + 1

    def test_failed_asset_is_registered_again_under_another_name(self, some: Sender, box: Sandbox) -> None:
        box.faults.fail("PixelCountTooLarge", match=f"{some.mark}*", times=1)
        picture = some.picture()
        assert some.one(picture).outcome == "failed"
        submission = some.one(picture, ledger=str(some.folder / "other.sqlite"))
        assert (submission.outcome, submission.reused) == ("active", False)
        assert len({asset.name for asset in some.assets()}) == 2
        # A third ledger finds the second attempt.
        assert some.one(picture, ledger=str(some.folder / "third.sqlite")).reused
        assert some.registered() == 2

    def test_asset_that_is_deleted_meanwhile_is_registered_again(
        self, atlas: Sender, box: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        picture = atlas.picture()
        atlas.one(picture)
        find = AssetFinder.find_registered

        def found(self: AssetFinder, *arguments: Any) -> tuple[Entry, Asset] | None:
            known = find(self, *arguments)
            assert known is not None
            box.forget("atlas", known[1].id)
            return known

        monkeypatch.setattr(AssetFinder, "find_registered", found)
        submission = atlas.one(picture, ledger=str(atlas.folder / "other.sqlite"))
        assert (submission.outcome, submission.reused) == ("active", False)
        assert atlas.registered() == 2

    def test_unreadable_list_pauses_look_ups_and_prevents_no_registration(self, some: Sender, box: Sandbox) -> None:
        box.faults.on("error", action="list", provider=some.name)
        before = box.stats.calls[some.name, "list"]
        made = some.many(some.pictures(40))
        assert {submission.outcome for submission in made} == {"active"}
        assert box.stats.calls[some.name, "list"] - before <= 8

    def test_large_account_is_asked_for_each_name(
        self, opened: Callable[..., Account], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = opened("volcengine", 320, 0, quick_clock())
        sender = account.sender
        pictures = sender.pictures(5)
        sender.many(pictures[:2])
        monkeypatch.setattr(recover, "_MAX_PAGES_WALKED", 3)
        before = account.lists()
        made = sender.many(pictures, ledger=str(tmp_path / "other.sqlite"))
        assert [submission.reused for submission in made] == [True, True, False, False, False]
        # Threads that begin together may each count the pages; those that are found are asked for the next attempt too.
        assert 5 <= account.lists() - before <= 5 + 5 + 4
        assert sender.registered() == 5


class TestUrls:
    @pytest.fixture
    def url(self, web: Web, tmp_path: Path) -> str:
        path = f"/{tmp_path.name}.png"
        return web.put(path, unique_picture(tmp_path / "x.png").read_bytes(), f'"{tmp_path.name}"')

    @pytest.fixture
    def trusting(self, web: Web) -> Iterator[Sandbox]:
        with Sandbox(trusted=[web.origin]) as box:
            yield box

    def register(self, sender: Sender, url: str, kind: str = "image") -> str:
        """What a user registers by other means."""
        with sender.opened() as provider:
            return provider.register(url, kind, name="by-hand").id

    @pytest.mark.parametrize("name", ["atlas", "sunra"])
    def test_asset_that_was_registered_without_preflight_is_used(
        self, trusting: Sandbox, tmp_path: Path, url: str, name: str
    ) -> None:
        sender = Sender(trusting, name, tmp_path)
        made = self.register(sender, url)
        submission = sender.one(url)
        assert (submission.outcome, submission.reused) == ("active", True)
        assert submission.asset is not None
        assert submission.asset.id == made
        assert sender.one(url).reused
        assert len(trusting.assets(name)) == 1

    def test_url_with_other_parameters_or_another_kind_is_another_file(
        self, trusting: Sandbox, tmp_path: Path, url: str
    ) -> None:
        sender = Sender(trusting, "atlas", tmp_path)
        self.register(sender, f"{url}?width=320")
        self.register(sender, url, "video")
        assert not sender.one(url).reused
        assert not sender.one(f"{url}?width=640").reused

    def test_url_of_other_registered_content_is_another_file(
        self, trusting: Sandbox, tmp_path: Path, web: Web, url: str
    ) -> None:
        sender = Sender(trusting, "atlas", tmp_path)
        for keeps_names in (True, False):
            trusting.faults.ignore_names = not keeps_names
            for etag in ("one", "two"):
                web.etags[url.removeprefix(web.origin)] = f'"{etag}-{keeps_names}"'
                assert not sender.one(url).reused
        assert len(trusting.assets("atlas")) == 4


class TestWithoutNames:
    """A provider that refuses names: only the URL identifies an asset, and absence proves nothing."""

    @pytest.fixture
    def nameless(self, own: Sandbox, tmp_path: Path) -> Sender:
        return Sender(own, "atlas", tmp_path, {"send_name": False})

    def test_asset_is_found_by_its_url(self, nameless: Sender, own: Sandbox) -> None:
        own.faults.on("lose-after", action="register", call=1)
        assert nameless.one(nameless.picture()).outcome == "active"
        assert len(own.assets("atlas")) == 1

    def test_call_that_is_not_found_stays_unknown(self, nameless: Sender, own: Sandbox) -> None:
        own.faults.on("lose-before", action="register", call=1)
        picture = nameless.picture()
        for _ in range(3):
            submission = nameless.one(picture)
            assert (submission.outcome, submission.code) == ("unknown", "unknown_outcome")
            assert "`assets forget " in (submission.message or "")
        assert own.assets("atlas") == []
        assert own.stats.calls["atlas", "register"] == 1
        with nameless.opened(send_name=False) as provider, Ledger(str(nameless.folder / "ledger.sqlite")) as ledger:
            sync = LedgerSync(provider, ledger, clock=quick_clock(), window=WINDOW)
            assert [result.found for result in sync.settle(sync.pending())] == ["unknown"]


class TestUnrecoverable:
    @pytest.mark.parametrize("name", OTHERS)
    def test_two_calls_are_in_flight_at_most(self, own: Sandbox, tmp_path: Path, name: str) -> None:
        own.faults.latency = 0.02
        sender = Sender(own, name, tmp_path)
        assert {submission.outcome for submission in sender.many(sender.pictures(20))} == {"active"}
        assert own.stats.peak[name, "register"] == 2

    def test_clients_of_one_account_share_the_bound(self, own: Sandbox, tmp_path: Path) -> None:
        own.faults.latency = 0.02
        sender = Sender(own, "crun", tmp_path)
        pictures = sender.pictures(12)
        clock = quick_clock()
        with Client("crun", **sender.options(clock=clock)) as client, ThreadPoolExecutor(6) as executor:
            assert list(client.submit_all([])) == []  # opens the account
            made = list(executor.map(lambda picture: sender.one(picture, clock=clock), pictures))
        assert {submission.outcome for submission in made} == {"active"}
        assert own.stats.peak["crun", "register"] == 2

    @pytest.mark.parametrize("name", ["crun", pytest.param("agentsflare", marks=pytest.mark.slow)])
    def test_crash_leaves_two_unknown_outcomes_at_most(self, own: Sandbox, tmp_path: Path, name: str) -> None:
        own.faults.latency = 0.02
        sender = Sender(own, name, tmp_path)
        (whole,) = crashing(sender, 8, [[]])
        moments = random.Random(name).sample(range(whole["steps"] // 4, whole["steps"]), 4)
        runs = crashing(sender, 8, [[moment] for moment in moments])
        unknown = [sum(outcome == "unknown" for outcome, _ in run["outcomes"]) for run in runs]
        assert max(unknown) <= 2, unknown
        assert sum(unknown) > 0
