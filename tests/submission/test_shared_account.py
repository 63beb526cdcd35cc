"""An account that is open: which one it is, the check of its key, its threads, and what its clients share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import ProviderError, Stopped, UsageError
from preflight.ledger import Ledger
from preflight.providers import Rate
from preflight.rates import FoundRate, StillPending
from preflight.submission import account as accounts
from preflight.submission.account import (
    AccountCheck,
    CallScope,
    SharedAccount,
    WorkerPool,
    choose_account,
    open_account,
    release_account,
)
from preflight.submission.recover import RecoveryWindow
from tests.rows import each_row
from tests.submission.memory import Memory, MemoryApi, PlainApi, lost
from tests.submission.waiting import until

PATIENCE = 10.0
"""Seconds that a test waits for another thread before it fails."""


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path) as memory:
        yield memory


class TestChoice:
    @each_row("names, chosen", [([], "default"), (["studio"], "studio")])
    def test_only_account_is_used(self, tmp_path: Path, names: list[str], chosen: str) -> None:
        with Memory(tmp_path / chosen) as memory:
            for name in names:
                account = memory.account._replace(account=name)
                memory.ledger.write_key_id(account, "sk")
                memory.enter("asset-1", account=account)
            choose_account(memory.provider, memory.ledger)
            assert (memory.provider.account, memory.provider.is_account_named) == (chosen, True)

    @each_row("count", [2, 3])
    def test_one_of_several_must_be_named(self, tmp_path: Path, count: int) -> None:
        with Memory(tmp_path / str(count)) as memory:
            names = [f"a{number}" for number in range(count)]
            for name in names:
                account = memory.account._replace(account=name)
                memory.ledger.write_key_id(account, "sk")
                memory.enter(f"asset-{name}", account=account)
            message = rf"The ledger has {count} accounts of Atlas.*: {', '.join(names)}\. Name one with account=\."
            with pytest.raises(UsageError, match=message) as caught:
                choose_account(memory.provider, memory.ledger)
            assert caught.value.parameters == ("account",)
            named = memory.open(account="a1")
            choose_account(named, memory.ledger)
            assert named.account == "a1"


class TestCheck:
    OLD = "key-of-yesterday"

    def check(self, memory: Memory) -> AccountCheck:
        return AccountCheck(memory.provider, memory.ledger, memory.clock)

    def key(self, memory: Memory) -> str | None:
        return memory.ledger.last_key_id(memory.account)

    def test_key_of_a_new_account_is_written_without_a_call(self, memory: Memory) -> None:
        check = self.check(memory)
        memory.enter("asset-1")
        check.require()
        assert self.key(memory) == memory.provider.key_id
        assert memory.api.calls == []

    def test_same_key_is_accepted_without_a_call(self, memory: Memory) -> None:
        memory.enter("asset-1")
        memory.ledger.write_key_id(memory.account, memory.provider.key_id)
        self.check(memory).require()
        assert memory.api.calls == []

    def test_changed_key_is_accepted_without_assets(self, memory: Memory) -> None:
        memory.ledger.write_key_id(memory.account, self.OLD)
        self.check(memory).require()
        assert (self.key(memory), memory.api.calls) == (memory.provider.key_id, [])

    @each_row("position, calls", [(1, 1), (2, 2), (3, 3)])
    def test_changed_key_is_accepted_that_knows_one_of_the_newest_assets(
        self, tmp_path: Path, position: int, calls: int
    ) -> None:
        with Memory(tmp_path / str(position), PlainApi) as memory:
            check = self.check(memory)
            for number in (4, 3, 2, 1):
                memory.enter(f"asset-{number}")
            memory.api.add(f"asset-{position}")
            memory.ledger.write_key_id(memory.account, self.OLD)
            check.require()
            check.require()
            assert memory.api.calls == ["get"] * calls
            assert self.key(memory) == memory.provider.key_id

    @each_row(
        "newest, api, message",
        [
            (4, PlainApi, "does not know the newest 3 assets of the account 'default'; nothing was sent"),
            (4, MemoryApi, "does not know the newest 3 assets of the account 'default' or any other that it lists;"),
            (2, MemoryApi, "does not know the newest 2 assets of the account 'default' or any other that it lists;"),
            (1, PlainApi, "does not know the newest asset of the account 'default'; nothing was sent"),
        ],
    )
    def test_changed_key_that_knows_none_is_refused(
        self, tmp_path: Path, newest: int, api: type[PlainApi], message: str
    ) -> None:
        with Memory(tmp_path / f"{newest}{api.__name__}", api) as memory:
            check = self.check(memory)
            for number in range(newest, 0, -1):
                memory.enter(f"asset-{number}")
            if api is PlainApi and newest == 4:
                memory.api.add("asset-4")  # older than the newest three, and there is no list
            memory.ledger.write_key_id(memory.account, self.OLD)
            ids = " ".join(f"asset-{number}" for number in range(1, min(newest, 3) + 1))
            for _ in range(2):
                with pytest.raises(UsageError, match=message) as caught:
                    check.require()
                assert f"run `preflight assets forget {ids}`." in str(caught.value)
                assert caught.value.parameters == ("account",)
            assert memory.api.calls == ["get"] * min(newest, 3) + ["list"] * (api is MemoryApi)
            assert self.key(memory) == self.OLD

    @pytest.mark.parametrize("state", ["gone", "failed"])
    def test_refused_key_is_checked_again_once_the_assets_are_settled(self, memory: Memory, state: Any) -> None:
        """As the message says, with `assets forget`, while a service runs on."""
        check = self.check(memory)
        entries = [memory.enter(f"asset-{number}") for number in range(2)]
        memory.ledger.write_key_id(memory.account, self.OLD)
        for entry, newest in zip(entries, ("the newest 2 assets", "the newest asset"), strict=True):
            for _ in range(2):
                with pytest.raises(UsageError, match=f"does not know {newest}"):
                    check.require()
            memory.ledger.settle(entry, state)
        assert memory.api.calls == ["get", "get", "list", "get", "list"]
        memory.enter("asset-2")
        memory.api.add("asset-2")
        memory.api.failures["get"] = [lost()]
        with pytest.raises(ProviderError):
            check.require()
        check.require()
        assert self.key(memory) == memory.provider.key_id

    def test_changed_key_is_accepted_that_lists_an_older_asset(self, memory: Memory) -> None:
        check = self.check(memory)
        for number in (4, 3, 2, 1):
            memory.enter(f"asset-{number}")
        memory.api.add("foreign")
        memory.api.add("asset-4")
        memory.ledger.write_key_id(memory.account, self.OLD)
        check.require()
        assert self.key(memory) == memory.provider.key_id

    def test_listed_assets_of_another_account_prove_nothing(self, memory: Memory) -> None:
        memory.enter("asset-1")
        check = self.check(memory)
        memory.enter("asset-2", account=memory.account._replace(account="second"))
        memory.api.add("foreign")
        memory.api.add("asset-2")
        memory.ledger.write_key_id(memory.account, self.OLD)
        with pytest.raises(UsageError, match="does not know the newest asset"):
            check.require()

    @each_row("page, accepted", [(99, True), (100, True), (101, False)])
    def test_list_is_read_up_to_a_hundred_pages(self, tmp_path: Path, page: int, accepted: bool) -> None:
        with Memory(tmp_path / str(page), page_size=1) as memory:
            check = self.check(memory)
            for number in (4, 3, 2, 1):
                memory.enter(f"asset-{number}")
            for number in range(1, page):
                memory.api.add(f"foreign-{number}")
            memory.api.add("asset-4")
            memory.ledger.write_key_id(memory.account, self.OLD)
            if accepted:
                check.require()
            else:
                with pytest.raises(UsageError, match="does not know"):
                    check.require()
            assert memory.api.calls.count("list") == min(page, 100)

    @each_row(
        "state, age, proves",
        [
            ("active", 0.0, True),
            ("active", 60.0, True),
            ("processing", 29.9, False),
            ("processing", 30.0, True),
            ("processing", 60.0, True),
        ],
    )
    def test_asset_that_may_not_be_visible_yet_proves_nothing(
        self, tmp_path: Path, state: str, age: float, proves: bool
    ) -> None:
        with Memory(tmp_path / f"{state}{age}") as memory:
            check = self.check(memory)
            memory.enter("asset-1", state=state)
            memory.ledger.write_key_id(memory.account, self.OLD)
            memory.time.now += age
            if proves:
                with pytest.raises(UsageError, match="the newest asset"):
                    check.require()
            else:
                check.require()
            assert self.key(memory) == self.OLD

    def test_provider_that_cannot_be_asked_is_asked_again(self, memory: Memory) -> None:
        check = self.check(memory)
        memory.enter("asset-1")
        memory.api.add("asset-1")
        memory.ledger.write_key_id(memory.account, self.OLD)
        memory.api.failures["get"] = [lost()]
        with pytest.raises(ProviderError):
            check.require()
        check.require()
        assert self.key(memory) == memory.provider.key_id

    def test_key_that_another_process_used_meanwhile_is_checked_once(self, memory: Memory) -> None:
        check = self.check(memory)
        memory.enter("asset-1")
        memory.api.add("asset-1")
        check.require()
        for key in (self.OLD, "key-of-today", self.OLD):
            memory.ledger.write_key_id(memory.account, key)
            check.require()
            check.require()
        assert memory.api.calls == ["get", "get"]


class TestScope:
    @each_row(
        "stopped, busy, ended", [(False, False, False), (True, True, False), (False, True, False), (True, False, True)]
    )
    def test_call_has_ended_once_stopped_and_idle(self, stopped: bool, busy: bool, ended: bool) -> None:
        scope = CallScope()
        with ExitStack() as stack:
            if busy:
                stack.enter_context(scope.in_flight)
            if stopped:
                scope.stop.set()
            assert scope.has_ended == ended

    def test_closed_scope_admits_no_call(self) -> None:
        scope = CallScope()
        scope.close()
        assert scope.has_ended
        with pytest.raises(Stopped), scope.in_flight:
            pytest.fail("it is entered")


class Works:
    """Work that begins when a thread takes it, and ends when the test lets it."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.names: list[str] = []

    def __call__(self) -> None:
        self.names.append(threading.current_thread().name)
        self.begun.release()
        self.go.wait(PATIENCE)

    def wait(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.begun.acquire(timeout=PATIENCE), "no thread took the work"


class TestPool:
    @pytest.fixture
    def pool(self, memory: Memory) -> Iterator[WorkerPool]:
        self.before = set(threading.enumerate())
        pool = WorkerPool(memory.clock, None)
        yield pool
        pool.close()
        for thread in (*self.threads(), *self.threads("preflight-read")):
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def threads(self, name: str = "preflight-submit") -> list[threading.Thread]:
        return [each for each in threading.enumerate() if each not in self.before and each.name == name]

    def rest(self, pool: WorkerPool, count: int) -> None:
        """Start threads, and wait until all of them have no work."""
        works = Works()
        for _ in range(count):
            pool.workers.add(CallScope(), works)
        works.wait(count)
        works.go.set()
        until(lambda: pool.workers._idle == count)
        assert len(self.threads()) == count

    @pytest.mark.parametrize("count", [1, 5, 32, 40])
    def test_each_piece_of_work_gets_a_thread_up_to_thirty_two(self, pool: WorkerPool, count: int) -> None:
        works = Works()
        for _ in range(count):
            pool.workers.add(CallScope(), works)
        assert len(self.threads()) == min(count, 32)
        assert all(thread.daemon for thread in self.threads())
        works.wait(min(count, 32))
        works.go.set()
        works.wait(count - min(count, 32))

    def test_sixteen_threads_read_back_and_count_what_is_queued(self, pool: WorkerPool) -> None:
        works, scope = Works(), CallScope()
        for _ in range(20):
            pool.readers.add(scope, works)
        works.wait(16)
        assert (len(self.threads("preflight-read")), len(self.threads())) == (16, 0)
        assert (pool.readers.queued, pool.workers.queued) == (4, 0)
        pool.withdraw(scope)
        assert pool.readers.queued == 0
        works.go.set()
        pool.close()
        until(lambda: self.threads("preflight-read") == [])
        assert len(works.names) == 16

    @pytest.mark.parametrize("resting", [1, 2, 3])
    def test_threads_without_work_are_used_before_new_ones(self, pool: WorkerPool, resting: int) -> None:
        self.rest(pool, resting)
        for _ in range(3):
            works = Works()
            with pool.workers._changed:  # no thread wakes before all is added
                for _ in range(resting):
                    pool.workers.add(CallScope(), works)
            works.wait(resting)
            assert len(self.threads()) == resting
            works.go.set()
            until(lambda: pool.workers._idle == resting)

    @pytest.mark.parametrize("resting", [1, 2, 3])
    def test_work_beyond_the_threads_without_work_gets_new_ones(self, pool: WorkerPool, resting: int) -> None:
        self.rest(pool, resting)
        works = Works()
        with pool.workers._changed:
            for _ in range(resting + 2):
                pool.workers.add(CallScope(), works)
        works.wait(resting + 2)
        assert len(self.threads()) == resting + 2
        works.go.set()

    def test_work_waits_for_a_thread_where_no_further_one_can_be_started(
        self, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        works = Works()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", self.no_thread)
            with pytest.raises(RuntimeError, match="can't start"):
                pool.workers.add(CallScope(), pytest.fail)
        pool.workers.add(CallScope(), works)
        works.wait()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", self.no_thread)
            pool.workers.add(CallScope(), works)
        assert len(self.threads()) == 1
        pool.workers.add(CallScope(), works)
        works.wait()
        assert len(self.threads()) == 2
        works.go.set()
        works.wait()

    def no_thread(self) -> None:
        raise RuntimeError("can't start new thread")

    def test_thread_knows_whether_it_works_for_a_call(self, pool: WorkerPool) -> None:
        assert not pool.is_working
        with pool.working_for(CallScope()):
            assert pool.is_working
        assert not pool.is_working

    def test_thread_that_works_again_counts_as_busy(self, pool: WorkerPool) -> None:
        self.rest(pool, 1)
        works = Works()
        for _ in range(2):
            pool.workers.add(CallScope(), works)
            works.wait()
        assert len(self.threads()) == 2
        works.go.set()

    def test_withdrawn_work_is_not_done_and_needs_no_thread(self, pool: WorkerPool) -> None:
        self.rest(pool, 2)
        for _ in range(2):
            withdrawn, works, scope = Works(), Works(), CallScope()
            with pool.workers._changed:
                for _ in range(2):
                    pool.workers.add(scope, withdrawn)
                pool.withdraw(CallScope())
                pool.withdraw(scope)
                for _ in range(2):
                    pool.workers.add(CallScope(), works)
            works.wait(2)
            assert len(self.threads()) == 2
            works.go.set()
            until(lambda: pool.workers._idle == 2)
            assert withdrawn.names == []

    def test_calls_take_turns(self, pool: WorkerPool) -> None:
        self.rest(pool, 1)
        done: list[str] = []
        first, second = CallScope(), CallScope()
        finished = threading.Event()
        with pool.workers._changed:
            pool.workers._threads = accounts.SUBMIT_THREADS  # the one that rests does all the work
            for number in range(3):
                pool.workers.add(first, lambda number=number: done.append(f"first {number}"))  # type: ignore[misc]
            for number in range(2):
                pool.workers.add(second, lambda number=number: done.append(f"second {number}"))  # type: ignore[misc]
            pool.workers.add(CallScope(), lambda: done.append("third"))
            pool.workers.add(first, finished.set)
        assert finished.wait(PATIENCE)
        assert done == ["first 0", "second 0", "third", "first 1", "second 1", "first 2"]

    def test_sleep_ends_for_the_scope_that_is_stopped(self, pool: WorkerPool, memory: Memory) -> None:
        scope, other = CallScope(), CallScope()
        scope.stop.set()
        with pool.working_for(scope):
            with pytest.raises(Stopped):
                pool.clock.sleep(5)
            with pool.working_for(other):
                pool.clock.sleep(7)
            with pytest.raises(Stopped):
                pool.clock.sleep(5)
        pool.clock.sleep(9)
        assert memory.time.slept == [7, 9]

    def test_calls_in_flight_are_those_of_the_scope(self, pool: WorkerPool) -> None:
        scope = CallScope()
        with pool.working_for(scope), pool.in_flight:
            assert not scope.in_flight.is_idle
        assert scope.in_flight.is_idle
        scope.close()
        with pool.working_for(scope), pytest.raises(Stopped), pool.in_flight:
            pytest.fail("it is entered")

    def test_work_is_done_for_its_scope(self, pool: WorkerPool) -> None:
        scope, stopped, done = CallScope(), [], threading.Event()
        scope.stop.set()

        def work() -> None:
            try:
                pool.clock.sleep(1)
            except Stopped:
                stopped.append(True)
            done.set()

        pool.workers.add(scope, work)
        assert done.wait(PATIENCE)
        assert stopped == [True]

    def test_closed_pool_ends_threads_after_their_work(self, pool: WorkerPool) -> None:
        self.rest(pool, 2)
        works = Works()
        pool.workers.add(CallScope(), works)
        works.wait()
        pool.close()
        until(lambda: len(self.threads()) == 1)
        works.go.set()
        until(lambda: self.threads() == [])


class TestSharing:
    @pytest.fixture(autouse=True)
    def _nothing_stays_open(self) -> Iterator[None]:
        before = dict(accounts._accounts)
        yield
        assert accounts._accounts == before

    def open(self, memory: Memory, ledger: Any = None, **options: Any) -> SharedAccount:
        given = {"credentials": "sk-1", "rate": "auto", "clock": memory.clock, "on_rate": None, **options}
        provider = given.pop("provider", None) or memory.open()
        return open_account(provider, given.pop("credentials"), ledger=ledger or memory.ledger, **given)

    def is_closed(self, ledger: Ledger) -> bool:
        try:
            list(ledger.entries())
        except Exception:  # noqa: BLE001 - whatever a closed database says
            return True
        return False

    def test_account_is_open_until_its_last_user_has_released_it(self, memory: Memory) -> None:
        first = self.open(memory)
        assert first.users == 1
        assert self.open(memory) is first
        assert self.open(memory) is first
        assert first.users == 3
        for left in (2, 1):
            release_account(first, None)
            assert first.users == left
            assert first in accounts._accounts.values()
            assert not first._scope.stop.is_set()
        release_account(first, None)
        assert first._scope.stop.is_set()
        second = self.open(memory)
        assert second is not first
        release_account(second, None)

    def test_release_leaves_other_accounts_open(self, memory: Memory) -> None:
        first = self.open(memory)
        second = self.open(memory, provider=memory.open(account="second"))
        assert second is not first
        release_account(first, None)
        assert list(accounts._accounts.values()) == [second]
        release_account(second, None)

    def test_ledger_that_was_given_stays_open(self, memory: Memory) -> None:
        account = self.open(memory)
        assert account.ledger is memory.ledger
        release_account(account, None)
        assert not self.is_closed(memory.ledger)

    @pytest.mark.parametrize("kind", [str, Path])
    def test_ledger_of_a_path_is_shared_and_closed_with_the_account(
        self, memory: Memory, tmp_path: Path, kind: type
    ) -> None:
        path = kind(tmp_path / "other.sqlite")
        account = self.open(memory, path)
        assert self.open(memory, path) is account
        ledger = account.ledger
        assert ledger.path == str(path)
        release_account(account, None)
        assert not self.is_closed(ledger)
        release_account(account, None)
        assert self.is_closed(ledger)

    def test_default_ledger_is_used_without_a_path(
        self, memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("preflight.ledger.default_path", lambda: str(tmp_path / "default.sqlite"))
        account = open_account(memory.open(), "sk-1", rate="auto", ledger=None, clock=memory.clock, on_rate=None)
        assert account.ledger.path == str(tmp_path / "default.sqlite")
        release_account(account, None)

    def opened_ledgers(self, monkeypatch: pytest.MonkeyPatch) -> list[Ledger]:
        made: list[Ledger] = []

        class Watched(Ledger):
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **options)
                made.append(self)

        monkeypatch.setattr(accounts, "Ledger", Watched)
        return made

    def test_further_users_of_a_path_leave_no_ledger_open(
        self, memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = self.opened_ledgers(monkeypatch)
        account = self.open(memory, str(tmp_path / "other.sqlite"))
        self.open(memory, str(tmp_path / "other.sqlite"))
        assert [self.is_closed(ledger) for ledger in made] == [False, True]
        with pytest.raises(UsageError):
            self.open(memory, str(tmp_path / "other.sqlite"), rate="3/min")
        assert [self.is_closed(ledger) for ledger in made] == [False, True, True]
        for _ in range(2):
            release_account(account, None)

    @pytest.mark.parametrize("given", [True, False])
    def test_account_that_cannot_be_opened_closes_only_a_ledger_of_its_own(
        self, memory: Memory, monkeypatch: pytest.MonkeyPatch, given: bool
    ) -> None:
        for name in ("a", "b"):
            account = memory.account._replace(account=name)
            memory.ledger.write_key_id(account, "sk")
            memory.enter(f"asset-{name}", account=account)
        made = [memory.ledger] if given else self.opened_ledgers(monkeypatch)
        with pytest.raises(UsageError, match="2 accounts"):
            self.open(memory, memory.ledger if given else memory.ledger.path)
        assert [self.is_closed(ledger) for ledger in made] == [not given]

    def test_other_rate_is_refused_while_the_account_is_open(self, memory: Memory) -> None:
        account = self.open(memory, rate="3/min")
        message = r"this account is in use with rate=3/min, not auto\. Give the same rate=, or close the other"
        with pytest.raises(UsageError, match=message) as caught:
            self.open(memory, rate="auto")
        assert caught.value.parameters == ("rate",)
        assert account.users == 1
        release_account(account, None)
        release_account(self.open(memory, rate="auto"), None)

    def test_given_ledgers_are_distinguished(self, memory: Memory) -> None:
        with Ledger(memory.ledger.path, clock=memory.clock) as other:
            first, second = self.open(memory), self.open(memory, other)
            assert first is not second
            release_account(first, None)
            release_account(second, None)

    def test_all_listeners_are_called_with_a_rate(self, memory: Memory) -> None:
        heard: list[tuple[str, FoundRate]] = []
        listeners = [lambda rate, name=name: heard.append((name, rate)) for name in "ab"]  # type: ignore[misc]
        account = self.open(memory, on_rate=listeners[0])
        self.open(memory, on_rate=listeners[1])
        self.open(memory)
        account._on_rate("register", Rate(3, 60.0))
        rate = FoundRate(memory.provider.title, "register", 3, 60.0)
        assert heard == [("a", rate), ("b", rate)]
        release_account(account, listeners[0])
        release_account(account, None)
        account._on_rate("register", Rate(3, 60.0))
        assert heard[2:] == [("b", rate)]
        release_account(account, listeners[1])
        assert account.listeners == []

    def test_two_registrations_are_made_at_once_where_none_can_be_looked_up(self, tmp_path: Path) -> None:
        with Memory(tmp_path / "other", recover_by=None) as memory:
            account, stopped = self.open(memory), CallScope()
            stopped.stop.set()
            with ExitStack() as stack:
                for _ in range(2):
                    stack.enter_context(account.slots)
                with account.pool.working_for(stopped), pytest.raises(Stopped), account.slots:
                    pytest.fail("a third is made")
            with account.slots:
                release_account(account, None)

    def test_any_number_of_registrations_is_made_where_each_can_be_looked_up(self, memory: Memory) -> None:
        account = self.open(memory)
        with ExitStack() as stack:
            for _ in range(40):
                stack.enter_context(account.slots)
        release_account(account, None)

    def test_provider_with_the_same_key_is_the_shared_one(self, memory: Memory) -> None:
        provider = memory.open()
        account = self.open(memory, provider=provider)
        closed: list[str] = []
        provider.close = lambda: closed.append("shared")  # type: ignore[method-assign]
        again, other = memory.open(), memory.open("sk-2")
        again.close = lambda: closed.append("again")  # type: ignore[method-assign]
        other.close = lambda: closed.append("other")  # type: ignore[method-assign]
        assert account.provider is provider
        assert account.provider_for(provider, "sk-1") is provider
        assert closed == []
        assert account.provider_for(again, "sk-1") is provider
        assert closed == ["again"]
        assert account.provider_for(other, "sk-2") is other
        assert closed == ["again"]
        for each in (provider, other):
            assert each.connection.middleware is account._pacer
            assert each.clock is account.clock
        release_account(account, None)
        assert closed == ["again", "shared"]

    def test_look_ups_are_shared_by_key_and_window(self, memory: Memory) -> None:
        account = self.open(memory)
        short, long = RecoveryWindow(1.0), RecoveryWindow(2.0)
        shared = account.finder(account.provider, short)
        assert account.finder(account.provider, short) is shared
        assert account.finder(account.provider, long) is not shared
        other = memory.open("sk-2")
        assert account.finder(other, short) is not account.finder(other, short)
        assert account.finder(other, short) is not shared
        release_account(account, None)

    @each_row("lists_status", [True, False])
    def test_list_of_what_is_processing_is_read_for_the_account(self, tmp_path: Path, lists_status: bool) -> None:
        with Memory(tmp_path / str(lists_status), lists_status=lists_status) as memory:
            account = self.open(memory)
            api: Any = account.provider.api
            api.add("asset-1", status="processing")
            assert (account.pool.scheduler._list_pending is not None) == lists_status
            listed = account._list_processing({"asset-1", "asset-2"})
            assert (set(listed.pending), listed.complete) == ({"asset-1"}, True)
            assert isinstance(listed, StillPending)
            release_account(account, None)
