"""One registration at an account in memory: what each state of the ledger's entry, and each answer, leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import (
    AccountRefused,
    AssetNotFound,
    LedgerError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRefused,
    SourceChanged,
    SourceError,
    Stopped,
)
from preflight.ledger import ContentId, Entry, Ledger
from preflight.media import Delivery, Media
from preflight.providers import ATLAS, CRUN, Provider
from preflight.rates import InFlight, Pacer
from preflight.report import Report
from preflight.sources.http import HttpOptions
from preflight.submission.options import SubmissionOptions
from preflight.submission.recover import AssetFinder, RecoveryWindow, call_idempotent
from preflight.submission.register import (
    Registrar,
    RegistrationRequest,
    RegistrationResult,
    content_of_url,
    record_asset,
    require_same_file,
    require_same_url,
    sha256_of,
)
from tests.clocks import FakeTime
from tests.rows import each_row
from tests.submission.fakes import URL, FakeApi, entry_of, failure, provider_with
from tests.submission.web import serving

TEMPORARY = next(iter(sorted(ATLAS.retryable_failures)))


class Slots:
    """Counts the calls that are under way."""

    def __init__(self) -> None:
        self.held = self.entered = 0

    def __enter__(self) -> None:
        self.held += 1
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        self.held -= 1


@dataclass
class Account:
    """A registrar of an account in memory, and one file for it."""

    folder: Path
    spec: Any = ATLAS
    send_name: bool | None = None

    def __post_init__(self) -> None:
        self.fake, self.api, self.slots = FakeTime(), FakeApi(), Slots()
        self.provider: Provider = provider_with(
            self.api, self.spec, clock=self.fake.clock, send_name=self.send_name, needs_group=False
        )
        self.ledger = Ledger(str(self.folder / "ledger.sqlite"), clock=self.fake.clock)
        self.hosted = 0
        self.changed: SourceError | None = None
        self.registrar = self.new_registrar()

    def new_registrar(self, **options: Any) -> Registrar:
        clock, window = self.fake.clock, RecoveryWindow(60.0)
        finder = AssetFinder(self.provider, self.ledger, clock=clock, window=window)
        settings = SubmissionOptions(**options)
        return Registrar(self.provider, self.ledger, clock, finder, self.slots, InFlight(), settings)

    def _make_url(self) -> str:
        self.hosted += 1
        return f"{URL}?signature=secret"

    def _require_same(self) -> None:
        if self.changed is not None:
            raise self.changed

    def request(self, **facts: Any) -> RegistrationRequest:
        settings = SubmissionOptions(**facts.pop("options", {}))
        given = {
            "key": entry_of(self.provider).registration,
            "kind": "image",
            "source": "picture.png",
            "stem": "picture",
            "rules_digest": "rules",
            "warnings": "",
            "reusable": True,
            "settings": settings,
            "make_url": self._make_url,
            "require_same": self._require_same,
            "get": lambda asset_id: call_idempotent(lambda: self.provider.get(asset_id), self.fake.clock),
        }
        return RegistrationRequest(**{**given, **facts})

    def register(self, **facts: Any) -> RegistrationResult:
        return self.registrar.register(self.request(**facts))

    def entry(self, age: float = 0.0, **facts: Any) -> Entry:
        """Write an entry of the file that is `age` seconds old."""
        self.fake.now -= age
        entry = self.ledger.write(entry_of(self.provider, **facts))
        self.fake.now += age
        return entry

    def fails(self, error: ProviderError, calls: int = 1, *, takes_effect: bool = False) -> None:
        """Let the next calls fail, before or after they have taken effect."""

        def fail(number: int) -> None:
            if number <= calls:
                self.fake.now += 1
                if takes_effect:
                    created = datetime.fromtimestamp(self.fake.now, UTC)
                    self.api.add(self.api.sent[-1].name, source=self.api.sent[-1].url, created=created)
                raise error

        self.api.on["register"] = fail


@contextmanager
def account_in(folder: Path, spec: Any = ATLAS, send_name: bool | None = None) -> Iterator[Account]:
    """Open an account whose ledger is empty at the end."""
    account = Account(folder, spec, send_name)
    try:
        yield account
    finally:
        for entry in list(account.ledger.entries()):
            account.ledger.forget(entry)
        account.ledger.close()


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with account_in(tmp_path) as account:
        yield account


LOST = failure(reason="server", ambiguous=True)


class TestStates:
    def test_new_file_is_registered_and_recorded(self, account: Account) -> None:
        result = account.register(options={"type": "Image"}, warnings="animated")
        assert not result.reused
        (entry,) = account.ledger.entries()
        assert entry == result.entry
        assert (entry.state, entry.asset_id, entry.attempt, entry.warnings) == ("active", "asset-0", 1, "animated")
        assert entry.url == URL  # without its query
        (sent,) = account.api.sent
        assert (sent.url, sent.kind, sent.name, sent.group) == (f"{URL}?signature=secret", "image", entry.name, None)
        assert account.slots.entered == 1

    def test_url_without_a_query_is_recorded_as_it_is(self, account: Account) -> None:
        assert account.register(make_url=lambda: URL).entry.url == URL

    def test_entry_is_intended_and_in_flight_during_the_call_only(self, account: Account) -> None:
        seen: list[object] = []

        def look(_: int) -> None:
            seen.append([entry.state for entry in account.ledger.entries()])
            seen.append((account.slots.held, account.registrar.in_flight.is_idle))

        account.api.on["register"] = look
        account.register()
        assert seen == [["intended"], (1, False)]
        assert (account.slots.held, account.registrar.in_flight.is_idle) == (0, True)

    def test_stopped_run_hosts_nothing(self, account: Account) -> None:
        def stop(seconds: float) -> None:
            raise Stopped

        account.registrar.clock = replace(account.fake.clock, sleep=stop)
        with pytest.raises(Stopped):
            account.register()
        assert account.hosted == 0

    def test_changed_file_is_not_sent(self, account: Account) -> None:
        account.changed = SourceChanged("picture.png")
        with pytest.raises(SourceChanged):
            account.register()
        assert (account.api.sent, list(account.ledger.entries())) == ([], [])

    @each_row(
        "state, facts, request, registered, reused",
        [
            ("active", {}, {}, 0, True),
            ("active", {}, {"reusable": False}, 1, False),
            ("processing", {}, {}, 0, True),
            ("processing", {}, {"reusable": False}, 0, True),
            ("gone", {}, {}, 1, False),
            ("refused", {}, {}, 1, False),
            ("failed", {"error_code": "face_mismatch"}, {}, 0, True),
            ("failed", {"error_code": "face_mismatch"}, {"reusable": False}, 1, False),
            ("failed", {"error_code": "face_mismatch"}, {"options": {"retry_failed": True}}, 1, False),
            ("failed", {"error_code": "face_mismatch"}, {"rules_digest": "others"}, 1, False),
            ("failed", {"error_code": TEMPORARY}, {}, 1, False),
            ("failed", {"error_code": None}, {}, 0, True),
        ],
    )
    def test_state_decides_whether_a_file_is_registered_again(
        self, tmp_path: Path, state: Any, facts: dict[str, Any], request: dict[str, Any], registered: int, reused: bool
    ) -> None:
        with account_in(tmp_path) as account:
            account.api.add("picture", kind="image")
            account.entry(state=state, asset_id="asset-0", **facts)
            result = account.register(**request)
            assert (len(account.api.sent), result.reused) == (registered, reused)
            assert result.entry.attempt == 1 + registered
            assert account.ledger.latest(result.entry.registration) == result.entry

    @each_row(
        "state, reusable, known",
        [
            (None, True, False),
            ("active", True, True),
            ("active", False, False),
            ("processing", False, True),
            ("failed", True, False),
            ("intended", True, False),
            ("gone", True, False),
        ],
    )
    def test_only_an_asset_that_is_reused_is_known(
        self, tmp_path: Path, state: Any, reusable: bool, known: bool
    ) -> None:
        with account_in(tmp_path) as account:
            if state is not None:
                account.entry(state=state, asset_id="asset-0")
            assert account.registrar.knows(account.request(reusable=reusable)) is known

    @each_row("failures, registered", [(1, 1), (2, 1), (3, 0), (4, 0)])
    def test_temporary_failure_counts_as_final_after_three(
        self, tmp_path: Path, failures: int, registered: int
    ) -> None:
        with account_in(tmp_path) as account:
            for attempt in range(1, failures + 1):
                account.entry(attempt=attempt, state="failed", error_code=TEMPORARY)
            account.register()
            assert len(account.api.sent) == registered

    @each_row(
        "state, age, registered",
        [("processing", 29.9, 0), ("processing", 30.0, 1), ("active", 0.0, 1), ("active", 100.0, 1)],
    )
    def test_asset_that_is_gone_is_registered_again_unless_it_is_too_new(
        self, tmp_path: Path, state: Any, age: float, registered: int
    ) -> None:
        with account_in(tmp_path) as account:
            account.entry(age=age, state=state, asset_id="asset-9")
            result = account.register()
            assert len(account.api.sent) == registered
            assert result.reused is not bool(registered)
            states = [entry.state for entry in account.ledger.entries()]
            assert states == (["gone", "active"] if registered else ["processing"])
            assert result.entry.attempt == 1 + registered

    @each_row(
        "status, state",
        [("active", "active"), ("failed", "failed"), ("processing", "processing"), ("unknown", "processing")],
    )
    def test_reused_asset_is_recorded_as_it_is_now(self, tmp_path: Path, status: Any, state: str) -> None:
        with account_in(tmp_path) as account:
            account.api.add(status=status, kind="image")
            account.entry(state="processing", asset_id="asset-0")
            result = account.register()
            assert (result.entry.state, result.asset, result.reused) == (state, account.api.assets[0], True)


class TestFailures:
    @each_row(
        "code, warnings, expected",
        [
            ("face_mismatch", "", [("pass", "face_mismatch", "no face")]),
            ("face_mismatch", "animated", [("animated", "face_mismatch", "no face")]),
            (TEMPORARY, "", []),
            (None, "", []),
        ],
    )
    def test_failure_of_the_file_is_a_disagreement(
        self, tmp_path: Path, code: str | None, warnings: str, expected: list[Any]
    ) -> None:
        with account_in(tmp_path) as account:
            asset = account.api.add(status="failed", error_code=code, error_message="no face")
            entry = account.entry(content=f"sha256:{code}{warnings}", warnings=warnings)
            record_asset(account.provider, account.ledger, entry, asset)
            found = [one for one in account.ledger.disagreements() if one.key == entry.key]
            assert [(one.ours, one.theirs, one.message) for one in found] == expected

    @each_row(
        "message, provider_code, said",
        [("no face", "F1", "no face"), (None, "F1", "F1"), ("", "F1", "F1"), (None, None, "")],
    )
    def test_disagreement_quotes_the_provider(
        self, tmp_path: Path, message: str | None, provider_code: str | None, said: str
    ) -> None:
        with account_in(tmp_path) as account:
            facts = {"error_code": "face_mismatch", "error_message": message, "provider_code": provider_code}
            entry = account.entry(content=f"sha256:{message}{provider_code}")
            record_asset(account.provider, account.ledger, entry, account.api.add(status="failed", **facts))
            assert [one.message for one in account.ledger.disagreements() if one.key == entry.key] == [said]

    def test_refusal_that_names_a_limit_is_a_failure_of_the_file(self, account: Account) -> None:
        account.fails(failure(RequestRefused, "invalid_request", finding="width_too_small", code="W1"))
        result = account.register()
        assert (result.entry.state, result.asset, result.reused) == ("failed", None, False)
        assert (result.entry.error_code, result.entry.provider_code) == ("width_too_small", "W1")
        assert [one.theirs for one in account.ledger.disagreements()] == ["width_too_small"]

    @each_row(
        "error",
        [
            failure(RequestRefused, "invalid_request"),
            failure(ProviderUnavailable, "maintenance", finding="width_too_small"),
            failure(AccountRefused, "credits"),
        ],
    )
    def test_any_other_refusal_is_raised_and_leaves_nothing_in_the_ledger(
        self, tmp_path: Path, error: ProviderError
    ) -> None:
        with account_in(tmp_path) as account:
            account.fails(error)
            with pytest.raises(type(error)):
                account.register()
            assert list(account.ledger.entries()) == []

    def test_ledger_that_fails_after_the_call_names_the_asset(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = Ledger.write

        def failing(self: Ledger, entry: Entry) -> Entry:
            if entry.state == "active":
                raise LedgerError("The disk is full.", parameters=("ledger",))
            return write(self, entry)

        monkeypatch.setattr(Ledger, "write", failing)
        with pytest.raises(LedgerError, match=r"The asset is registered as asset-0\. The disk is full\.") as raised:
            account.register()
        assert raised.value.parameters == ("ledger",)
        assert str(raised.value.__cause__) == "The disk is full."


class TestLostAnswers:
    def test_call_that_took_effect_is_not_repeated(self, account: Account) -> None:
        account.fails(LOST, takes_effect=True)
        result = account.register()
        assert (result.entry.state, result.reused, len(account.api.sent)) == ("active", False, 1)
        assert account.fake.slept == [0]

    def test_call_without_effect_is_repeated_after_the_window(self, account: Account) -> None:
        account.fails(LOST)
        begun = account.fake.now
        result = account.register()
        assert (result.entry.state, result.reused, len(account.api.sent), account.hosted) == ("active", False, 2, 1)
        assert account.fake.now - begun == 61

    def test_third_lost_call_is_the_last(self, account: Account) -> None:
        account.fails(LOST, calls=9)
        with pytest.raises(ProviderUnavailable):
            account.register()
        assert len(account.api.sent) == 3
        assert list(account.ledger.entries()) == []

    def test_call_that_cannot_be_looked_up_stays_open(self, account: Account) -> None:
        account.fails(LOST)
        account.api.on["list"] = lambda number: account.api.calls["register"] and _raise(failure())
        result = account.register()
        assert (result.entry.state, result.entry.error_code, result.reused) == ("intended", "unknown_outcome", False)
        text = "It fails, and it could not be looked up (It fails). Run the same command again to settle it."
        assert result.entry.error_message == text
        account.api.on.clear()
        account.fake.now += 60
        assert account.register().entry.state == "active"
        assert len(account.api.sent) == 2

    def test_open_entry_of_an_earlier_run_is_looked_up_and_continued(self, account: Account) -> None:
        entry = account.entry(age=100.0)
        result = account.register()
        assert (result.entry.attempt, result.entry.name, result.entry.created) == (1, entry.name, entry.created)
        assert account.api.calls["list"] == 1
        assert account.fake.slept == [0]

    @each_row("state", ["intended", "unknown"])
    def test_open_entry_whose_asset_is_listed_is_settled(self, tmp_path: Path, state: Any) -> None:
        with account_in(tmp_path) as account:
            entry = account.entry(state=state)
            account.api.add(entry.name)
            result = account.register()
            assert (result.entry.state, result.reused, account.api.sent) == ("active", True, [])

    def test_asset_that_is_too_new_to_be_read_is_recorded_as_listed(self, account: Account) -> None:
        entry = account.entry()
        listed = account.api.add(entry.name)
        account.api.on["get"] = lambda number: _raise(failure(AssetNotFound, "not_found"))
        result = account.register()
        assert (result.entry.state, result.asset) == ("active", replace(listed, raw={}))

    def test_outcome_is_unknown_at_a_provider_without_a_list(self, tmp_path: Path) -> None:
        with account_in(tmp_path, CRUN) as account:
            account.fails(LOST)
            result = account.register()
            assert (result.entry.state, result.asset, result.reused) == ("unknown", None, False)
            assert "has no list to look it up in, so it may be registered. Run `assets forget picture-" in (
                result.entry.error_message or ""
            )
            again = account.register()
            assert (again.entry, again.reused, len(account.api.sent)) == (result.entry, True, 1)

    def test_crash_without_a_list_leaves_the_outcome_unknown(self, tmp_path: Path) -> None:
        with account_in(tmp_path, CRUN) as account:
            account.entry(age=100.0)
            result = account.register()
            assert (result.entry.state, result.reused, account.api.sent) == ("unknown", True, [])

    def test_without_names_an_asset_is_found_by_its_url(self, tmp_path: Path) -> None:
        with account_in(tmp_path, send_name=False) as account:
            account.fails(LOST, takes_effect=True)
            account.api.listed = lambda asset: replace(asset, name=None)
            assert account.register().entry.state == "active"
            assert len(account.api.sent) == 1

    def test_without_names_absence_proves_nothing(self, tmp_path: Path) -> None:
        with account_in(tmp_path, send_name=False) as account:
            account.fails(LOST)
            result = account.register()
            assert (result.entry.state, result.asset, len(account.api.sent)) == ("unknown", None, 1)
            assert "was sent no name, and lists no asset with its URL" in (result.entry.error_message or "")


class TestRegisteredElsewhere:
    def attempt(self, account: Account, number: int = 1) -> str:
        return entry_of(account.provider, attempt=number).name

    def test_listed_asset_is_reused_with_its_own_name(self, account: Account) -> None:
        name = "renamed" + self.attempt(account, 2)[-13:]
        account.api.add(name, kind="image")
        result = account.register()
        assert (result.entry.name, result.entry.attempt, result.reused) == (name, 2, True)
        assert account.api.sent == []

    @each_row(
        "status, gone, attempt, sent",
        [("active", False, 1, 0), ("processing", False, 1, 0), ("failed", False, 2, 1), ("active", True, 2, 1)],
    )
    def test_failed_or_deleted_asset_is_registered_again(
        self, tmp_path: Path, status: Any, gone: bool, attempt: int, sent: int
    ) -> None:
        with account_in(tmp_path) as account:
            account.api.add(self.attempt(account), status=status)
            if gone:
                account.api.on["get"] = lambda number: _raise(failure(AssetNotFound, "not_found"))
            result = account.register()
            assert (result.entry.attempt, len(account.api.sent)) == (attempt, sent)

    def test_third_attempt_is_looked_for_and_no_fourth(self, tmp_path: Path) -> None:
        for number, sent in ((3, 0), (4, 1)):
            with account_in(tmp_path) as account:
                account.api.add(self.attempt(account, number))
                assert account.register().reused is not bool(sent)
                assert len(account.api.sent) == sent

    @each_row("spec, reusable, lists", [(ATLAS, True, 1), (ATLAS, False, 0), (CRUN, True, 0)])
    def test_file_is_looked_up_only_if_that_can_help(
        self, tmp_path: Path, spec: Any, reusable: bool, lists: int
    ) -> None:
        with account_in(tmp_path, spec) as account:
            account.register(reusable=reusable)
            assert account.api.calls["list"] == lists

    def test_fields_that_one_call_leaves_out_come_from_the_other(self, account: Account) -> None:
        name = self.attempt(account)
        account.api.add(None, kind=None, reference="asset://full")
        account.api.listed = lambda asset: replace(asset, name=name, kind="image", reference=None)
        asset = account.register().asset
        assert asset is not None
        assert (asset.name, asset.kind, asset.reference) == (name, "image", "asset://full")

    def test_fields_of_the_asset_itself_come_first(self, account: Account) -> None:
        name = self.attempt(account)
        account.api.add("its name", kind="video")
        account.api.listed = lambda asset: replace(asset, name=name, kind="image")
        asset = account.register().asset
        assert asset is not None
        assert (asset.name, asset.kind) == ("its name", "video")

    def test_asset_that_cannot_be_read_is_reused_as_listed(self, account: Account) -> None:
        listed = account.api.add(self.attempt(account))
        account.api.on["get"] = lambda number: _raise(failure())
        result = account.register()
        assert (result.asset, result.reused) == (replace(listed, raw={}), True)


class TestThrottling:
    """A registration waits for its turn until the account has accepted nothing for as long as an asset may process."""

    def throttled(self, account: Account, seconds: float, calls: int | None = None) -> None:
        def refuse(number: int) -> None:
            if calls is None or number <= calls:
                account.fake.now += seconds
                raise failure(RateLimited, "rate_limited", status=429, code="Q", request_id="r")

        account.api.on["register"] = refuse

    def test_throttled_call_is_made_again_and_leaves_no_intent(self, account: Account) -> None:
        self.throttled(account, 10.0, calls=5)
        seen: list[int] = []
        refuse = account.api.on["register"]
        account.api.on["register"] = lambda number: (refuse(number), seen.append(number))
        assert account.register().entry.state == "active"
        assert (len(account.api.sent), account.hosted, seen) == (6, 1, [6])

    @each_row(
        "seconds, calls, said",
        [
            (10.0, 7, "any of 7 calls in 60 s"),
            (60.0, 2, "any of 2 calls in 60 s"),
            (59.0, 3, "any of 3 calls in 118 s"),
        ],
    )
    def test_account_that_accepts_nothing_is_given_up_at_the_timeout(
        self, tmp_path: Path, seconds: float, calls: int, said: str
    ) -> None:
        with account_in(tmp_path) as account:
            account.registrar = account.new_registrar(poll_timeout=60.0)
            self.throttled(account, seconds)
            with pytest.raises(
                AccountRefused, match=f"Atlas Cloud: x: this account did not accept {said}. Check"
            ) as raised:
                account.register()
            assert len(account.api.sent) == calls
            error = raised.value
            assert (error.reason, error.status, error.code, error.request_id) == ("rate_limited", 429, "Q", "r")
            assert list(account.ledger.entries()) == []

    def test_timeout_of_zero_allows_one_call(self, account: Account) -> None:
        account.registrar = account.new_registrar(poll_timeout=0.0)
        self.throttled(account, 1.0)
        with pytest.raises(AccountRefused, match="did not accept the only call in 0 s"):
            account.register()

    def test_accepted_call_restarts_the_timeout(self, account: Account) -> None:
        account.registrar = account.new_registrar(poll_timeout=60.0)
        self.throttled(account, 10.0, calls=6)
        account.register()
        account.api.calls.clear()
        account.fake.now += 100
        self.throttled(account, 10.0)
        with pytest.raises(AccountRefused, match="any of 7 calls in 60 s"):
            account.register(key=entry_of(account.provider, "sha256:01").registration)

    def test_turn_of_another_process_restarts_the_timeout(self, account: Account) -> None:
        account.registrar = account.new_registrar(poll_timeout=60.0)

        def refuse(number: int) -> None:
            if number == 3:
                account.ledger.write(entry_of(account.provider, "sha256:01", state="active", asset_id="asset-1"))
            account.fake.now += 30.0
            raise failure(RateLimited, "rate_limited")

        account.api.on["register"] = refuse
        with pytest.raises(AccountRefused, match="in 60 s"):
            account.register()
        assert len(account.api.sent) == 5

    def test_waiting_targets_fail_with_the_account_and_later_ones_try_again(self, account: Account) -> None:
        account.registrar = account.new_registrar(poll_timeout=60.0)
        begun = account.fake.now
        self.throttled(account, 60.0)
        with pytest.raises(AccountRefused):
            account.register()
        given_up = account.fake.now
        request, entry = account.request(), entry_of(account.provider)
        for moment in (begun, given_up):
            with pytest.raises(AccountRefused):
                account.registrar._call_once(request, entry, URL, moment)
        account.fake.now += 1
        with pytest.raises(AccountRefused, match="any of 2 calls in 60 s"):
            account.register()
        account.api.on.clear()
        assert account.registrar._call_once(request, entry, URL, account.fake.now + 1).entry.state == "active"

    def test_waits_for_a_turn_end_when_the_account_is_given_up(self, account: Account) -> None:
        account.registrar = account.new_registrar(poll_timeout=60.0)
        given_up: list[str] = []

        class Noted(Pacer):
            def give_up(self, action: str, error: Callable[[], Exception]) -> None:
                given_up.append(action)

        account.provider.connection.middleware = Noted(account.provider.rate_limits, account.fake.clock)
        self.throttled(account, 60.0)
        with pytest.raises(AccountRefused):
            account.register()
        assert given_up == ["register"]


class TestContent:
    @each_row(
        "etag, size, identity, reusable",
        [
            ('"one"', 5, f'url:{URL}|"one"|5', True),
            ("one", 5, f"url:{URL}|one|5", True),
            ('W/"one"', 5, f"url:{URL}||5", False),
            ('w/"one"', 5, f"url:{URL}||5", False),
            ('""', 5, f"url:{URL}||5", False),
            ("", 5, f"url:{URL}||5", False),
            (None, 5, f"url:{URL}||5", False),
            ('"one"', None, f"url:{URL}||", False),
            ('"one"', 0, f'url:{URL}|"one"|0', True),
        ],
    )
    def test_url_is_reusable_with_a_strong_etag_and_a_size(
        self, etag: str | None, size: int | None, identity: str, reusable: bool
    ) -> None:
        report = _report(etag, size)
        assert content_of_url(URL, report) == ContentId(identity, reusable)

    def test_url_without_facts_is_not_reusable(self) -> None:
        assert content_of_url(URL, Report(URL, None)) == ContentId(f"url:{URL}||", reusable=False)

    def test_file_is_compared_by_its_bytes(self, tmp_path: Path) -> None:
        file = tmp_path / "a.bin"
        file.write_bytes(b"x" * ((1 << 20) + 1))
        content = ContentId(f"sha256:{sha256_of(str(file))}")
        require_same_file(str(file), content)
        file.write_bytes(b"x" * (1 << 20) + b"y")
        with pytest.raises(SourceChanged):
            require_same_file(str(file), content)
        with pytest.raises(SourceError, match="missing cannot be read"):
            sha256_of(str(tmp_path / "missing"))

    @each_row(
        "etag, size, changed",
        [('"one"', 5, False), ('"two"', 5, True), ('"one"', 6, True), (None, 5, True)],
    )
    def test_url_is_compared_by_etag_and_size(self, etag: str | None, size: int, changed: bool) -> None:
        with serving() as web:
            url = web.put("/a.bin", b"12345")
            with pytest.raises(SourceChanged) if changed else nullcontext():
                require_same_url(url, _report(etag, size), HttpOptions(allow_private=True))
            with pytest.raises(SourceChanged):
                require_same_url(url, Report(url, None), HttpOptions(allow_private=True))


def _raise(error: Exception) -> None:
    raise error


def _report(etag: str | None, size: int | None) -> Report:
    return Report(URL, media=Media(size=size), delivery=Delivery("https", "cdn.example", len(URL), etag=etag))
