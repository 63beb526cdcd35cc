"""Calls that are repeated, lists that are read, and registrations that are looked up, on a clock that needs no time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import ProviderError, ProviderUnavailable, ProviderUnreachable, RateLimited, UsageError
from preflight.ledger import Entry, Ledger
from preflight.providers import ATLAS, SUNRA, VOLCENGINE, Asset, Page, Provider
from preflight.rates import StillPending
from preflight.retry import Backoff
from preflight.submission.recover import (
    DEFAULT_RECOVERY_WINDOW,
    AssetFinder,
    RecoveryWindow,
    age_of,
    call_idempotent,
    call_once_unless_throttled,
    is_named_like,
    iter_items,
    iter_pages,
    list_processing,
    matches_entry,
    poll_until,
    read_page,
    sent_url,
    unique_end,
    with_details,
)
from tests.clocks import FakeTime
from tests.rows import each_row
from tests.submission.fakes import URL, FakeApi, entry_of, failure, provider_with


def raising(*errors: ProviderError | None) -> Callable[[], str]:
    """Return a call that raises these errors, one a call, and then returns."""
    left = list(errors)

    def call() -> str:
        if left and (error := left.pop(0)) is not None:
            raise error
        return "done"

    return call


class TestRepeatedCalls:
    @pytest.mark.parametrize("repeat", [call_idempotent, call_once_unless_throttled])
    @pytest.mark.parametrize(("seconds", "slept"), [(60.0, [60.0]), (60.5, [])])
    def test_throttled_call_waits_for_a_minute_at_most(
        self, repeat: Callable[..., str], seconds: float, slept: list[float]
    ) -> None:
        fake = FakeTime()
        call = raising(failure(RateLimited, "rate_limited", retryable=True, retry_after=seconds))
        if slept:
            assert repeat(call, fake.clock) == "done"
        else:
            with pytest.raises(RateLimited):
                repeat(call, fake.clock)
        assert fake.slept == slept

    def test_failing_call_is_made_four_times_with_growing_waits(self) -> None:
        fake = FakeTime()
        errors = [failure(retryable=True) for _ in range(4)]
        assert call_idempotent(raising(*errors[:3]), fake.clock) == "done"
        assert [round(slept / usual) for slept, usual in zip(fake.slept, (1, 2, 4), strict=True)] == [1, 1, 1]
        with pytest.raises(ProviderUnavailable):
            call_idempotent(raising(*errors), fake.clock)

    @each_row(
        "error, is_repeated",
        [
            (failure(retryable=True), True),
            (failure(retryable=False), False),
            (failure(ProviderUnreachable, "timed_out", retryable=True), True),
            (failure(ProviderUnreachable, "connection_failed", retryable=True), False),
            (failure(ProviderUnavailable, "response_invalid", retryable=True), False),
        ],
    )
    def test_only_calls_with_temporary_failures_are_repeated(self, error: ProviderError, is_repeated: bool) -> None:
        fake = FakeTime()
        if is_repeated:
            assert call_idempotent(raising(error), fake.clock) == "done"
        else:
            with pytest.raises(ProviderError):
                call_idempotent(raising(error), fake.clock)
        assert len(fake.slept) == is_repeated

    def test_call_with_an_effect_is_repeated_only_when_it_was_throttled(self) -> None:
        fake = FakeTime()
        with pytest.raises(ProviderUnavailable):
            call_once_unless_throttled(raising(failure(retryable=True)), fake.clock)
        assert call_once_unless_throttled(raising(failure(RateLimited, "rate_limited")), fake.clock) == "done"


class TestPollUntil:
    def test_waits_grow_until_the_end_of_the_window(self) -> None:
        fake, looks = FakeTime(), []
        assert poll_until(lambda: looks.append(fake.now), fake.clock, DEFAULT_RECOVERY_WINDOW) is None
        assert looks[0] == 1_000_000
        assert looks[-1] - looks[0] == pytest.approx(60)
        usual = (1, 1.7, 2.89, 4.9, 8.35)
        assert [slept / seconds for slept, seconds in zip(fake.slept, usual, strict=False)] == pytest.approx(
            [1] * 5, 0.21
        )

    def test_last_look_is_at_the_end_of_the_window(self) -> None:
        fake, looks = FakeTime(), []
        window = RecoveryWindow(2.5, Backoff(first=1.0, factor=1.0, jitter=0.0))
        assert poll_until(lambda: looks.append(fake.now - 1_000_000), fake.clock, window) is None
        assert looks == [0, 1, 2, 2.5]

    def test_waits_grow_to_ten_seconds(self) -> None:
        fake = FakeTime()
        window = replace(DEFAULT_RECOVERY_WINDOW, seconds=3000.0)
        assert poll_until(lambda: None, fake.clock, window) is None
        assert 11 < max(fake.slept) <= 12

    def test_first_result_ends_the_wait(self) -> None:
        fake = FakeTime()
        answers = iter([None, None, 0])
        assert poll_until(lambda: next(answers), fake.clock, DEFAULT_RECOVERY_WINDOW) == 0
        assert len(fake.slept) == 2

    def test_empty_window_allows_one_look(self) -> None:
        fake, looks = FakeTime(), []
        assert poll_until(lambda: looks.append(1), fake.clock, RecoveryWindow(0.0)) is None
        assert (looks, fake.slept) == ([1], [])


def page(*ids: str, following: str | None = "more") -> Page[Asset]:
    return Page(tuple(Asset(id_, "x") for id_ in ids), following)


class TestPages:
    @each_row(
        "pages, expected, reads",
        [
            pytest.param([page("a", following="2"), page("b", following=None)], "ab", 2, id="no next page"),
            pytest.param([page("a"), page(), page("b")], "a", 2, id="an empty page ends the list"),
            pytest.param([page("a"), page("a", "b"), page(following=None)], "ab", 3, id="each item once"),
            pytest.param([page("a")] * 9, "a", 4, id="three pages without anything new end it"),
            pytest.param([*[page("a")] * 3, page("b"), *[page("a")] * 9], "ab", 7, id="three in a row"),
        ],
    )
    def test_each_item_is_read_once(self, pages: list[Page[Asset]], expected: str, reads: int) -> None:
        asked: list[str | None] = []

        def read(token: str | None) -> Page[Asset]:
            asked.append(token)
            return pages[len(asked) - 1]

        assert "".join(asset.id for asset in iter_items(read)) == expected
        assert len(asked) == reads
        assert asked == [None, *(one.next for one in pages[: reads - 1])]

    def test_endless_list_ends_after_ten_thousand_pages(self) -> None:
        numbers = iter(range(20_000))
        assert sum(1 for _ in iter_pages(lambda _: page(str(next(numbers))))) == 10_000

    def test_filters_that_the_provider_lacks_are_left_out(self) -> None:
        fake = FakeTime()
        for spec, sent in ((ATLAS, {}), (VOLCENGINE, {"name": "n", "group": "g", "status": "active"})):
            api = FakeApi()
            read_page(provider_with(api, spec, clock=fake.clock), fake.clock, name="n", group="g", status="active")
            assert api.queries == [sent]

    def test_provider_without_a_list_is_a_wrong_call(self) -> None:
        fake = FakeTime()
        provider = provider_with(FakeApi(), clock=fake.clock)
        provider.api = object()  # type: ignore[assignment]
        with pytest.raises(UsageError, match="no call for list"):
            read_page(provider, fake.clock)


class TestListProcessing:
    def listed(self, api: FakeApi, ids: list[str]) -> StillPending:
        fake = FakeTime()
        return list_processing(provider_with(api, VOLCENGINE, clock=fake.clock), fake.clock, ids)

    @each_row(
        "size, wanted, total, reads, found, complete",
        [
            pytest.param(2, [0, 1], -1, 1, 2, True, id="all on the first page"),
            pytest.param(5, [7], -1, 1, 0, False, id="one page for few assets"),
            pytest.param(5, [*range(9), 19], -1, 2, 9, False, id="a page for each ten, and one"),
            pytest.param(5, [*range(19), 99], -1, 2, 10, False, id="two pages for twenty are three"),
            pytest.param(10, [99], 10, 1, 0, True, id="the total says that there are no more"),
            pytest.param(10, [99], 11, 1, 0, False, id="the total says that there is one more"),
            pytest.param(10, [99], None, 1, 0, False, id="no total"),
            pytest.param(20, [99], None, 1, 0, True, id="no total and no further page"),
        ],
    )
    def test_reading_ends_where_single_polls_are_cheaper(
        self, size: int, wanted: list[int], total: int | None, reads: int, found: int, complete: bool
    ) -> None:
        api = FakeApi(size=size, total=total)
        for _ in range(20):
            api.add(status="processing")
        if len(wanted) == 20:
            reads, found = 3, 15
        still = self.listed(api, [f"asset-{number}" for number in wanted])
        assert (api.calls["list"], len(still.pending), still.complete) == (reads, found, complete)

    def test_what_another_status_has_is_not_pending(self) -> None:
        api = FakeApi()
        api.add(status="processing")
        api.add(status="processing")
        api.listed = lambda asset: replace(asset, status="active") if asset.id == "asset-1" else asset
        still = self.listed(api, ["asset-0", "asset-1"])
        assert (set(still.pending), still.complete) == ({"asset-0"}, True)


NAME = "clip-0123456789ab"


class TestMatching:
    @each_row(
        "name, end",
        [
            (NAME, "-0123456789ab"),
            ("-0123456789ab", "-0123456789ab"),
            ("clip-0123456789a", None),
            ("clip-0123456789abc", None),
            ("clip-0123456789aG", None),
            ("clip-0123456789ab-", None),
            ("clip", None),
        ],
    )
    def test_unique_end_is_twelve_hex_digits(self, name: str, end: str | None) -> None:
        assert unique_end(name) == end

    @each_row(
        "listed, own, alike",
        [
            (NAME, NAME, True),
            ("other-0123456789ab", NAME, True),
            ("clip-0123456789ac", NAME, False),
            (None, NAME, False),
            ("clip", "clip", True),
            ("my-clip", "clip", False),
            (None, "clip", False),
        ],
    )
    def test_name_or_its_end_identifies_an_asset(self, listed: str | None, own: str, alike: bool) -> None:
        entry = replace(entry_of(provider_with(FakeApi(), clock=FakeTime().clock)), name=own)
        assert is_named_like(Asset("a", "x", name=listed), entry) is alike

    @each_row(
        "facts, alike",
        [
            ({}, True),
            ({"name": "the provider's own"}, True),
            ({"name": NAME}, False),
            ({"source": URL + "?signature=1"}, True),
            ({"source": None, "url": URL}, True),
            ({"source": None}, False),
            ({"source": URL + "2"}, False),
            ({"created": None}, False),
            ({"created": datetime(2026, 1, 1, 11, 55, tzinfo=UTC)}, True),
            ({"created": datetime(2026, 1, 1, 11, 54, 59, tzinfo=UTC)}, False),
        ],
    )
    def test_url_identifies_an_asset_that_is_not_older(self, facts: dict[str, Any], alike: bool) -> None:
        entry = entry_of(provider_with(FakeApi(), clock=FakeTime().clock), created="2026-01-01T12:00:00.000Z")
        listed = {"source": URL, "created": datetime(2026, 1, 1, 12, tzinfo=UTC), **facts}
        assert matches_entry(Asset("a", "x", **listed), entry) is alike

    def test_entry_without_a_url_is_only_found_by_its_name(self) -> None:
        entry = entry_of(provider_with(FakeApi(), clock=FakeTime().clock), created="2026-01-01T12:00:00.000Z", url="")
        assert not matches_entry(Asset("a", "x", created=datetime(2026, 1, 2, tzinfo=UTC)), entry)
        assert matches_entry(Asset("a", "x", name=entry.name), entry)

    def test_url_is_compared_without_its_query(self) -> None:
        assert sent_url(Asset("a", "x", source=URL + "?key=1", url="https://other.example/")) == URL
        assert sent_url(Asset("a", "x", url=URL)) == URL
        assert sent_url(Asset("a", "x")) == ""

    def test_age_is_that_of_the_last_write(self) -> None:
        fake = FakeTime()
        written = datetime.fromtimestamp(fake.now, UTC) - timedelta(seconds=90)
        entry = entry_of(provider_with(FakeApi(), clock=fake.clock), updated=written.isoformat())
        assert age_of(entry, fake.clock) == 90

    @each_row(
        "spec, name, gets",
        [(SUNRA, None, 1), (SUNRA, "named", 0), (ATLAS, None, 0)],
    )
    def test_item_without_a_name_is_fetched_where_the_list_leaves_fields_out(
        self, spec: Any, name: str | None, gets: int
    ) -> None:
        api, fake = FakeApi(), FakeTime()
        api.add("full name")
        asset = with_details(provider_with(api, spec, clock=fake.clock), Asset("asset-0", "x", name=name), fake.clock)
        assert api.calls["get"] == gets
        assert asset.name == ("full name" if gets else name)

    def test_item_that_is_gone_is_returned_as_listed(self) -> None:
        fake, listed = FakeTime(), Asset("asset-9", "x")
        assert with_details(provider_with(FakeApi(), SUNRA, clock=fake.clock), listed, fake.clock) is listed


@dataclass
class Account:
    """An account at a fake API, with an empty ledger."""

    folder: Path
    spec: Any = ATLAS
    window: float = 60.0
    facts: Any = None

    def __post_init__(self) -> None:
        self.fake, self.api = FakeTime(), FakeApi()
        self.provider: Provider = provider_with(self.api, self.spec, clock=self.fake.clock, **(self.facts or {}))
        self.ledger = Ledger(str(self.folder / "ledger.sqlite"), clock=self.fake.clock)
        self.finder = AssetFinder(self.provider, self.ledger, clock=self.fake.clock, window=RecoveryWindow(self.window))

    def entry(self, number: int = 0, age: float = 0.0, **facts: Any) -> Entry:
        """Write an entry that is `age` seconds old."""
        self.fake.now -= age
        entry = self.ledger.write(entry_of(self.provider, f"sha256:{number}", **facts))
        self.fake.now += age
        return entry


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Callable[..., Account]]:
    made: list[Account] = []

    def make(spec: Any = ATLAS, **more: Any) -> Account:
        made.append(Account(tmp_path, spec, **more))
        return made[-1]

    yield make
    for account in made:
        account.ledger.close()


class TestFind:
    def test_absence_is_certain_at_the_end_of_the_window(self, accounts: Callable[..., Account]) -> None:
        for age, waits, reads in ((0.0, 60.0, 2), (45.0, 15.0, 2), (60.0, 0.0, 1), (90.0, 0.0, 1)):
            account = accounts()
            begun = account.fake.now
            assert account.finder.find(account.entry(age=age)) is None
            assert account.fake.now - begun == pytest.approx(waits, abs=0.01), age
            assert account.api.calls["list"] == reads, age
            account.ledger.close()

    def test_short_window_is_waited_for_too(self, accounts: Callable[..., Account]) -> None:
        account = accounts(window=0.5)
        begun = account.fake.now
        assert account.finder.find(account.entry()) is None
        assert account.fake.now - begun == 0.5

    def test_reading_in_progress_is_shared(self, accounts: Callable[..., Account]) -> None:
        for spec in (ATLAS, VOLCENGINE):
            account = accounts(spec)
            entries = [account.entry(number, age=60.0) for number in range(3)]
            assert account.finder.find_many(entries[:2]) == {}
            reads = account.api.calls["list"]
            assert account.finder.find(entries[2]) is None
            assert account.api.calls["list"] == reads
            for entry in entries:
                account.ledger.forget(entry)
            account.ledger.close()

    def test_renamed_asset_is_found_by_the_end_of_its_name(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        entry = account.entry()
        account.api.add("renamed" + entry.name[-13:])
        assert account.finder.find(entry) is not None

    def test_given_age_replaces_that_of_the_entry(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        begun = account.fake.now
        assert account.finder.find(account.entry(age=90.0), age=0.0) is None
        assert account.fake.now - begun == 60

    def test_entry_from_the_future_waits_no_longer_than_the_window(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        entry, begun = account.entry(age=-500.0), account.fake.now
        assert account.finder.find(entry) is None
        assert account.fake.now - begun == 60

    def test_listed_asset_is_found_without_waiting(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        first, second = account.entry(1), account.entry(2)
        account.api.add(second.name)
        account.api.add(first.name)
        assert account.finder.find_many([first, second], age=0.0).keys() == {first.name, second.name}
        assert account.finder.find_many([]) == {}
        assert (account.fake.slept, account.api.calls["list"]) == ([], 1)

    def test_asset_that_becomes_visible_in_the_window_is_found_beside_others(
        self, accounts: Callable[..., Account]
    ) -> None:
        account = accounts()
        known, late = account.entry(1), account.entry(2)
        account.api.add(known.name)
        account.api.on["list"] = lambda number: account.api.add(late.name) if number == 2 else None
        assert account.finder.find_many([known, late], age=0.0).keys() == {known.name, late.name}

    def test_reading_that_began_before_the_end_of_the_window_proves_no_absence(
        self, accounts: Callable[..., Account]
    ) -> None:
        account = accounts()
        assert account.finder.find(account.entry(1, age=60.0)) is None
        account.fake.now += 10
        second = account.entry(2, age=60.0)
        account.api.add(second.name)
        assert account.finder.find(second) is not None  # its window ends now
        assert account.api.calls["list"] == 2
        assert account.finder.find(account.entry(4, age=65.0)) is None  # the window ended 5 s ago
        assert account.api.calls["list"] == 2
        assert account.finder.find(account.entry(3, age=70.0)) is None
        assert account.api.calls["list"] == 2

    def test_list_is_read_to_its_end_only_while_others_are_open(self, accounts: Callable[..., Account]) -> None:
        for states, pages in (([], 1), (["intended"], 3), (["unknown", "active"], 1)):
            account = accounts()
            entries = [account.entry(number, state=state) for number, state in enumerate(states, 1)]
            account.api.size = 1
            wanted = account.entry()
            account.api.add(wanted.name)
            account.api.add()
            account.api.add()
            assert account.finder.find(wanted) is not None
            assert account.api.calls["list"] == pages, states
            for entry in (wanted, *entries):
                account.ledger.forget(entry)
            account.ledger.close()

    def test_open_entries_of_other_accounts_do_not_count(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        account.ledger.write(replace(account.entry(7), key="other", account="another"))
        account.ledger.forget(account.entry(7))
        account.api.size = 1
        wanted = account.entry()
        account.api.add(wanted.name)
        account.api.add()
        assert account.finder.find(wanted) is not None
        assert account.api.calls["list"] == 1

    def test_asset_that_only_has_the_url_of_another_entry_is_not_taken(self, accounts: Callable[..., Account]) -> None:
        now = datetime.fromtimestamp(1_000_000, UTC)
        account = accounts()
        account.api.add(source=URL, created=now)
        other = account.entry(1, state="active", asset_id="asset-0", age=100.0)
        assert account.finder.find(account.entry(2, age=100.0)) is None
        account.ledger.forget(other)
        wanted = account.entry(3, age=60.0, asset_id="asset-0")
        assert account.finder.find(wanted) is not None
        account.ledger.write(replace(wanted, attempt=2))
        account.ledger.forget(wanted)
        assert account.finder.find(wanted) is None

    def test_failed_look_up_proves_no_absence(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        entry = account.entry(age=90.0)

        def fail(_: int) -> None:
            raise failure()

        account.api.on["list"] = fail
        with pytest.raises(ProviderError):
            account.finder.find(entry)
        account.api.on.clear()
        account.api.add(entry.name)
        assert account.finder.find(entry) is not None

    def test_list_that_became_shorter_is_read_again_three_times_at_most(self, accounts: Callable[..., Account]) -> None:
        for shrinks, reads in ((0, 2), (1, 4), (2, 6), (9, 6)):
            account = accounts()
            account.api.size = 1
            account.api.add()
            account.api.add()
            account.api.on["list"] = lambda number, api=account.api, most=shrinks: setattr(
                api, "total", 1 if number % 2 == 0 and number <= 2 * most else 2
            )
            assert account.finder.find(account.entry(age=90.0)) is None
            assert account.api.calls["list"] == reads, shrinks
            account.ledger.close()

    def test_list_that_became_shorter_before_its_last_page_is_read_again(
        self, accounts: Callable[..., Account]
    ) -> None:
        account = accounts()
        account.api.size = 1
        for _ in range(3):
            account.api.add()
        account.api.on["list"] = lambda number: setattr(account.api, "total", 4 if number == 1 else 3)
        assert account.finder.find(account.entry(age=90.0)) is None
        assert account.api.calls["list"] == 6


class TestFilteredLists:
    """Where a list filters by name, few entries are looked up by name if that takes fewer calls than reading it."""

    @each_row(
        "count, pages, calls",
        [
            pytest.param(1, 1, 1, id="one needs no count"),
            pytest.param(2, 3, 3, id="the first page, to count, and one for each"),
            pytest.param(3, 3, 4, id="as many as pages: all pages are read"),
            pytest.param(4, 3, 4, id="more than pages"),
        ],
    )
    def test_fewer_calls_are_chosen(self, tmp_path: Path, count: int, pages: int, calls: int) -> None:
        account = Account(tmp_path, VOLCENGINE, facts={"page_size": 2})
        account.api.size = 2
        for _ in range(2 * pages - 1):
            account.api.add("other", group="g")
        entries = [account.entry(number, age=90.0, group="g") for number in range(count)]
        assert account.finder.find_many(entries) == {}
        assert account.api.calls["list"] == calls
        assert sum("name" in query and query["name"] is not None for query in account.api.queries) == (
            count if count < pages or count == 1 else 0
        )
        for entry in entries:
            account.ledger.forget(entry)
        account.ledger.close()

    def test_other_open_entries_count(self, accounts: Callable[..., Account]) -> None:
        account = accounts(VOLCENGINE, facts={"page_size": 2})
        account.api.size = 2
        for _ in range(5):
            account.api.add("other", group="g")
        entries = [account.entry(number, age=90.0, group="g") for number in range(5)]
        assert account.finder.find(entries[0]) is None
        assert not any(query.get("name") for query in account.api.queries)
        assert account.api.calls["list"] == 4  # the first page to count, and the list
        before = account.api.calls["list"]
        assert account.finder.find(entries[1]) is None  # shares the reading
        for entry in entries[2:]:
            account.ledger.forget(entry)
        assert account.finder.find(entries[1]) is None  # although the name would take one call
        assert account.api.calls["list"] == before

    def test_unknown_total_is_many(self, accounts: Callable[..., Account]) -> None:
        account = accounts(VOLCENGINE)
        account.api.total = None
        entries = [account.entry(number, age=90.0) for number in range(2)]
        account.api.add(entries[1].name)
        assert account.finder.find_many(entries).keys() == {entries[1].name}
        assert account.api.calls["list"] == 3

    @each_row("assets, singly", [(5, True), (4, False)])
    def test_complete_reading_counts_the_pages(self, tmp_path: Path, assets: int, singly: bool) -> None:
        account = Account(tmp_path, VOLCENGINE, facts={"page_size": 2})
        account.api.size = 2
        for _ in range(assets):
            account.api.add("other")
        assert account.finder.find_many([account.entry(number, age=60.0) for number in range(4)]) == {}
        account.fake.now += 100
        account.api.queries.clear()
        for entry in account.ledger.entries():
            account.ledger.forget(entry)
        assert account.finder.find_many([account.entry(number, age=60.0) for number in (7, 8)]) == {}
        assert [bool(query.get("name")) for query in account.api.queries] == [singly] * 2  # no page to count them
        for entry in account.ledger.entries():
            account.ledger.forget(entry)
        account.ledger.close()

    def test_reading_that_failed_is_not_shared(self, accounts: Callable[..., Account]) -> None:
        account = accounts(VOLCENGINE, facts={"page_size": 1})
        account.api.size = 1
        for _ in range(2):
            account.api.add("other")
        entries = [account.entry(number, age=60.0) for number in range(4)]

        def fail(number: int) -> None:
            if number > 1:
                raise failure()

        account.api.on["list"] = fail
        with pytest.raises(ProviderError):
            account.finder.find_many(entries)
        account.api.on.clear()
        for entry in entries[1:]:
            account.ledger.forget(entry)
        assert account.finder.find(entries[0]) is None
        assert account.api.queries[-1]["name"] == entries[0].name


class TestFindRegistered:
    def test_last_attempt_that_is_listed_counts(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        attempts = [entry_of(account.provider, attempt=number) for number in (1, 2, 3)]
        second = account.api.add(attempts[1].name, status="failed")
        account.api.add(attempts[0].name)
        found = account.finder.find_registered(attempts, None)
        assert found == (attempts[1], replace(second, raw={}))
        assert account.finder.find_registered(attempts[2:], None) is None
        assert account.api.calls["list"] == 1

    @each_row(
        "facts, found",
        [
            ({}, True),
            ({"status": "processing"}, True),
            ({"status": "failed"}, False),
            ({"status": "unknown"}, False),
            ({"kind": "image"}, True),
            ({"kind": "video"}, False),
            ({"group": "g"}, True),
            ({"group": "other"}, False),
            ({"name": "somebody's"}, True),
            ({"name": NAME}, False),
            ({"source": URL + "?version=2"}, False),
            ({"source": None, "url": URL}, True),
            ({"source": None}, False),
        ],
    )
    def test_asset_of_the_same_url_is_reused_if_nothing_contradicts(
        self, tmp_path: Path, facts: dict[str, Any], found: bool
    ) -> None:
        account = Account(tmp_path)
        entry = entry_of(account.provider, group="g")
        account.api.add(**{"source": URL, **facts})
        given = account.finder.find_registered([entry], URL)
        assert (given is not None) is found
        assert given is None or given[0] == entry
        account.ledger.close()

    def test_group_counts_only_if_the_entry_has_one(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        account.api.add(source=URL, group="g")
        assert account.finder.find_registered([entry_of(account.provider)], URL) is None
        account.api.assets[0] = replace(account.api.assets[0], group=None)
        other = AssetFinder(account.provider, account.ledger, clock=account.fake.clock)
        assert other.find_registered([entry_of(account.provider)], URL) is not None

    def test_asset_that_the_ledger_has_is_not_that_of_another_file(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        account.api.add(source=URL)
        account.entry(1, state="active", asset_id="asset-0")
        assert account.finder.find_registered([entry_of(account.provider)], URL) is None

    def test_list_that_cannot_be_read_is_left_alone_for_a_minute(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        entry = entry_of(account.provider)

        def fail(_: int) -> None:
            raise failure()

        account.api.on["list"] = fail
        for wait, calls in ((0.0, 1), (59.0, 1), (1.0, 2), (59.5, 2)):
            account.fake.now += wait
            assert account.finder.find_registered([entry], None) is None
            assert account.api.calls["list"] == calls
        account.fake.now += 1
        account.api.on.clear()
        account.api.add(entry.name)
        assert account.finder.find_registered([entry], None) is not None

    @each_row("total, singly", [(1000, False), (1001, True), (None, True)])
    def test_long_lists_are_not_read_where_names_can_be_looked_up(
        self, tmp_path: Path, total: int | None, singly: bool
    ) -> None:
        account = Account(tmp_path, VOLCENGINE, facts={"page_size": 20})
        attempts = [entry_of(account.provider, attempt=number) for number in (1, 2, 3)]
        account.api.total = total
        account.api.add("a new name" + attempts[0].name[-13:])
        third = account.api.add(attempts[2].name)
        found = account.finder.find_registered(attempts, None)
        assert found is not None
        if singly:  # the second one is absent, so nobody asks for the third
            assert found[0] == attempts[0]
            assert [query["name"] for query in account.api.queries[1:]] == [one.name[-12:] for one in attempts[:2]]
        else:
            assert found == (attempts[2], third)
        account.ledger.close()

    @each_row("count, gets", [(200, 200), (201, 0)])
    def test_few_items_without_a_name_are_fetched(self, tmp_path: Path, count: int, gets: int) -> None:
        account = Account(tmp_path, SUNRA)
        entry = entry_of(account.provider)
        account.api.size = 500
        for number in range(count):
            account.api.add(entry.name if number == 150 else f"other-{number}")
        account.api.listed = lambda asset: replace(asset, name=None)
        assert (account.finder.find_registered([entry], None) is not None) is bool(gets)
        assert account.api.calls["get"] == gets
        assert (account.finder.find_registered([entry], None) is not None) is bool(gets)
        assert account.api.calls["get"] == gets
        account.ledger.close()

    @each_row(
        "spec, facts, gets",
        [
            (SUNRA, {"name": None}, 1),
            (SUNRA, {"name": None, "source": URL}, 0),
            (SUNRA, {}, 0),
            (ATLAS, {"name": None}, 0),
        ],
    )
    def test_only_items_that_lack_name_and_source_are_fetched(
        self, tmp_path: Path, spec: Any, facts: dict[str, Any], gets: int
    ) -> None:
        account = Account(tmp_path, spec)
        account.api.add("some name")
        account.api.listed = lambda asset: replace(asset, **facts)
        assert account.finder.find_registered([entry_of(account.provider)], None) is None
        assert account.api.calls["get"] == gets
        account.ledger.close()

    def test_fetched_items_are_not_fetched_by_the_next_reading(self, accounts: Callable[..., Account]) -> None:
        account = accounts(SUNRA)
        account.api.listed = lambda asset: replace(asset, name=None)
        first, second = account.entry(1, age=60.0), account.entry(2)
        account.api.add("other")
        account.api.add(second.name)
        assert account.finder.find(first) is None
        account.fake.now += 100
        assert account.finder.find(second) is not None
        assert account.api.calls == {"list": 2, "get": 2}

    def test_fetching_ends_at_the_item_that_is_wanted(self, accounts: Callable[..., Account]) -> None:
        account = accounts(SUNRA)
        account.api.listed = lambda asset: replace(asset, name=None)
        wanted = account.entry()
        for name in ("other", wanted.name, "another"):
            account.api.add(name)
        assert account.finder.find(wanted) is not None
        assert account.api.calls["get"] == 2


class TestSharedReading:
    """Threads that look at the same time: the second one asks while the first one reads."""

    def both(
        self, account: Account, first: Entry, second: Callable[[], object], *, until: Callable[[], bool], page: int = 1
    ) -> list[object]:
        """Return what both find; the second one starts during the reading of a page, which ends after `until`."""
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(second()), daemon=True)

        def start(number: int) -> None:
            if number == page:
                thread.start()
                for _ in range(2000):
                    if until():
                        return
                    threading.Event().wait(0.001)
                raise AssertionError("The second thread does not wait.")

        account.api.on["list"] = start
        found.insert(0, account.finder.find(first))
        thread.join(10)
        assert not thread.is_alive()
        return found

    def test_list_is_read_on_for_waiting_callers_and_no_further(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        account.api.size = 1
        old = "1970-01-01T00:00:00Z"
        wanted = [entry_of(account.provider, content, updated=old) for content in "123"]
        for number in range(30):
            account.api.add(dict(zip((0, 1, 4), [entry.name for entry in wanted], strict=True)).get(number))
        found: dict[int, Asset | None] = {}

        def find(number: int) -> None:
            found[number] = account.finder.find(wanted[number], age=0.0 if number == 2 else None)

        threads = [threading.Thread(target=find, args=[number], daemon=True) for number in (1, 2)]

        def listed(number: int) -> None:
            walk = account.finder._walk
            assert walk is not None
            if number == 1:
                for thread in threads:
                    thread.start()
            waiting = {1: 2, 2: 2}.get(number, 1 if number < 6 else 0)
            for _ in range(500):
                if walk.waiting == waiting:
                    break
                threading.Event().wait(0.001)

        account.api.on["list"] = listed
        find(0)
        for thread in threads:
            thread.join(10)
        assert {number: asset and asset.name for number, asset in found.items()} == {
            number: entry.name for number, entry in enumerate(wanted)
        }
        assert account.api.pages[:5] == [None, "2", "3", "4", "5"]
        assert len(account.api.pages) <= 6

    def test_error_while_reading_the_list_is_raised_in_all_waiting_callers(
        self, accounts: Callable[..., Account]
    ) -> None:
        account = accounts()
        account.api.size = 1
        old = "1970-01-01T00:00:00Z"
        first, second = (entry_of(account.provider, content, updated=old) for content in "12")
        account.api.add(first.name)
        account.api.add("other")
        account.api.add(second.name)

        def look() -> object:
            with pytest.raises(ProviderError) as raised:
                account.finder.find(second)
            return raised.value

        def fail(number: int) -> None:
            start(number)
            if number == 2:
                raise failure()

        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(look()), daemon=True)

        def start(number: int) -> None:
            if number == 1:
                thread.start()
                while account.finder._walk is None or not account.finder._walk.waiting:
                    threading.Event().wait(0.001)

        account.api.on["list"] = fail
        assert account.finder.find(first) is not None  # it is on the page before
        thread.join(10)
        assert [type(error) for error in found] == [ProviderUnavailable]
        assert account.api.calls["list"] == 2

    def test_reading_that_began_too_early_is_followed_by_another(self, accounts: Callable[..., Account]) -> None:
        account = accounts()
        old = "1970-01-01T00:00:00Z"
        first, second = (entry_of(account.provider, content, updated=old) for content in "12")
        account.api.add(first.name)
        waits = threading.Event()
        wait = account.fake.clock.wait

        def noticed(event: Any, seconds: float | None) -> bool:
            waits.set()
            return wait(event, seconds)

        account.finder._clock = replace(account.fake.clock, wait=noticed)

        def later() -> object:
            account.fake.now += 10
            return account.finder.find(second, age=0.0)

        account.api.listed = lambda asset: asset
        found = self.both(account, first, later, until=lambda: waits.is_set() and bool(account.api.add(second.name)))
        assert [asset and asset.name for asset in found] == [first.name, second.name]  # type: ignore[attr-defined]
        assert account.api.calls["list"] == 2
