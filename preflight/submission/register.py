"""One asset, from its key to its id: what the ledger knows decides what is done, and each step is written first."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from preflight.errors import AssetNotFound, LedgerError, ProviderError, RateLimited, RequestRefused
from preflight.ledger import Entry, Ledger, RegistrationKey, State, asset_name
from preflight.net.redact import redact
from preflight.providers import Asset, Provider
from preflight.rates import Clock, InFlight, Pacer
from preflight.submission.patience import call_idempotent
from preflight.submission.recover import RecoveryWindow, find

MOST_TRIES: Final = 3
"""Registrations of one content whose failures are worth another try; calls of one whose answers are lost."""
THROTTLED: Final = 20
"""Refusals for too many calls after which a registration is given up; nothing was registered by any of them."""
APPEARS: Final = 30.0
"""Seconds after which an id that nobody knows is gone, and not merely new."""
UNKNOWN: Final = "unknown_outcome"


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """A registration that is wanted.

    source    redacted; stem: the start of the asset's name; rules: digest of the rule sets that the file passed
    warnings  codes of the findings with which it passed all the same
    reusable  an asset of the same key that is known to the ledger is the same file
    url       makes the URL once it is known that a call will be made (it may upload the file)
    confirm   raises `SourceError` unless the file is what was checked; runs right before the call
    """

    key: RegistrationKey
    kind: str
    source: str
    stem: str
    rules: str
    warnings: str
    reusable: bool
    asset_type: str | None
    url: Callable[[], str]
    confirm: Callable[[], None]


@dataclass(frozen=True, slots=True)
class RegistrationResult:
    """The entry as it is now, the asset as it was last seen, and whether it was there before this run."""

    entry: Entry
    asset: Asset | None
    reused: bool


def age_of(entry: Entry) -> float:
    """Seconds since the entry was written last."""
    return (datetime.now(UTC) - datetime.fromisoformat(entry.updated)).total_seconds()


class Registrar:
    """Registers what is not registered yet. The key must be claimed by the caller.

    An entry is `intended` only while a call may have taken effect whose answer is not known.
    """

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        clock: Clock,
        settling: RecoveryWindow,
        *,
        pacer: Pacer | None = None,
        calls: InFlight | None = None,
        retry_failed: bool = False,
    ) -> None:
        """pacer: the one that the provider's calls go through; calls: entered from an intent to its outcome."""
        self._provider = provider
        self._ledger = ledger
        self._pacer = pacer
        self._clock = clock
        self._settling = settling
        self._calls = calls or InFlight()
        self._retry_failed = retry_failed

    def register(self, wanted: RegistrationRequest) -> RegistrationResult:
        """The registration of this key, new or resumed. Raises `ProviderError`, `SourceError`: none was made."""
        entry = self._ledger.latest(wanted.key)
        if entry is None:
            return self._call(wanted, self._entry(wanted, 1))
        if entry.state == "intended":
            return self._resumed(wanted, entry)
        if entry.state == "unknown":
            return RegistrationResult(entry, None, True)
        if entry.state == "processing" or (entry.state == "active" and wanted.reusable):
            return self._seen(wanted, entry)
        if entry.state == "failed" and wanted.reusable and not self._worth_another_try(wanted, entry):
            return RegistrationResult(entry, None, True)
        return self._call(wanted, self._entry(wanted, entry.serial + 1))

    def record(self, entry: Entry, asset: Asset) -> Entry:
        """Write what the provider says of the asset now."""
        state = asset.status if asset.status in ("active", "failed") else "processing"
        entry = self._ledger.settle(
            entry,
            state,
            asset_id=asset.id,
            reference=asset.reference,
            error_code=asset.error_code,
            error_message=asset.error_message,
            provider_code=asset.provider_code,
        )
        if state == "failed":
            self._disagreed(entry)
        return entry

    def _worth_another_try(self, wanted: RegistrationRequest, failed: Entry) -> bool:
        if self._retry_failed or failed.rules != wanted.rules:
            return True
        passing = failed.error_code in self._provider.retryable_failures
        return passing and self._ledger.failures(failed) < MOST_TRIES

    def _seen(self, wanted: RegistrationRequest, entry: Entry) -> RegistrationResult:
        """An asset that the ledger knows: what the provider says of it now."""
        try:
            asset = call_idempotent(lambda: self._provider.get(entry.asset_id or ""), self._clock)
        except AssetNotFound:
            if entry.state == "processing" and age_of(entry) < APPEARS:
                return RegistrationResult(entry, None, True)
            self._ledger.settle(entry, "gone")
            return self._call(wanted, self._entry(wanted, entry.serial + 1))
        return RegistrationResult(self.record(entry, asset), asset, True)

    def _resumed(self, wanted: RegistrationRequest, entry: Entry) -> RegistrationResult:
        """A run ended between intent and answer: the call may have been made."""
        found = self._looked_up(entry, "a run ended while it was being registered", reused=True)
        if found is not None:
            return found
        return self._call(wanted, replace(entry, source=wanted.source, rules=wanted.rules, warnings=wanted.warnings))

    def _call(self, wanted: RegistrationRequest, entry: Entry) -> RegistrationResult:
        """Make the call, and write what came of it."""
        self._clock.sleep(0)  # nothing is uploaded for a run that was stopped
        url = wanted.url()
        entry = replace(entry, url=redact(url.partition("?")[0]))
        lost = throttled = 0
        while True:
            try:
                return self._called(wanted, entry, url)
            except RateLimited:
                throttled += 1  # whoever paces the calls has slowed down
                if throttled == THROTTLED:
                    raise
            except ProviderError as error:
                if not error.ambiguous:
                    return self._refused(entry, error)
                written = self._ledger.latest(wanted.key) or entry
                found = self._looked_up(written, str(error), reused=False)
                if found is not None:
                    return found
                lost += 1  # it is certain by now that the call had no effect
                if lost == MOST_TRIES:
                    raise

    def _called(self, wanted: RegistrationRequest, entry: Entry, url: str) -> RegistrationResult:
        """One call. Where it surely had no effect, no intent is left behind."""
        with ExitStack() as stack:

            def leaves() -> None:
                nonlocal entry
                wanted.confirm()
                stack.enter_context(self._calls)
                entry = self._ledger.write(entry)

            assert self._pacer is not None, "a registrar without a pacer only records"
            try:
                with self._pacer.just_before(leaves):
                    asset = self._provider.register(
                        url, wanted.kind, name=entry.name, group=entry.group or None, asset_type=wanted.asset_type
                    )
            except ProviderError as error:
                if not error.ambiguous:
                    self._ledger.forget(entry)
                raise
            try:
                return RegistrationResult(self.record(entry, asset), asset, False)
            except LedgerError as error:
                raise LedgerError(f"{error}; it is registered as {asset.id}: keep that id") from None

    def _looked_up(self, entry: Entry, why: str, *, reused: bool) -> RegistrationResult | None:
        """The asset of a call whose answer is lost; None where it is certain by now that there is none.

        Where nobody can say, the entry stays as it is: it is looked up again, and never registered again.
        """
        if self._provider.recover_by is None:
            text = f"{why}; see whether it is there, then settle it with `assets sync` or `assets forget`"
            return RegistrationResult(self._unknown(entry, "unknown", text), None, reused)
        try:
            asset = find(self._provider, entry, self._clock, self._settling)
        except ProviderError as error:
            text = f"{why}; it could not be looked up ({error}): run the same command again to settle it"
            return RegistrationResult(self._unknown(entry, "intended", text), None, reused)
        if asset is not None:
            return RegistrationResult(self.record(entry, asset), asset, reused)
        self._ledger.forget(entry)
        return None

    def _unknown(self, entry: Entry, state: State, text: str) -> Entry:
        return self._ledger.settle(entry, state, error_code=UNKNOWN, error_message=text)

    def _refused(self, entry: Entry, error: ProviderError) -> RegistrationResult:
        """The call had no effect. A limit that it names is a failure of the file; all else is none."""
        if not isinstance(error, RequestRefused) or error.finding is None:
            raise error
        failed = self._ledger.settle(
            entry, "failed", error_code=error.finding, error_message=str(error), provider_code=error.code
        )
        self._disagreed(failed)
        return RegistrationResult(failed, None, False)

    def _disagreed(self, failed: Entry) -> None:
        """Keep that the provider failed what passed here, unless it failed itself and says nothing of the file."""
        if failed.error_code is not None and failed.error_code not in self._provider.retryable_failures:
            self._ledger.disagree(
                failed, failed.warnings or "pass", failed.error_code, failed.error_message or failed.provider_code or ""
            )

    def _entry(self, wanted: RegistrationRequest, serial: int) -> Entry:
        """The intent to register."""
        key = wanted.key
        return Entry(
            key=key.digest,
            serial=serial,
            provider=key.provider,
            origin=key.origin,
            account=key.account,
            project=key.project,
            group=key.group,
            kind=key.kind,
            content=key.content,
            source=wanted.source,
            name=asset_name(wanted.stem, key.digest, serial),
            rules=wanted.rules,
            warnings=wanted.warnings,
        )
