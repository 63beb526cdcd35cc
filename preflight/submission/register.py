"""Register one asset: the ledger's entry decides the next step, and each step is recorded before it is taken."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from preflight.clock import Clock
from preflight.errors import (
    AccountRefused,
    AssetNotFound,
    LedgerError,
    ProviderError,
    RateLimited,
    RequestRefused,
    SourceChanged,
    SourceError,
)
from preflight.ledger import SHA256_PREFIX, ContentId, Entry, Ledger, RegistrationKey, State, asset_name
from preflight.media import Need
from preflight.net.redact import redact
from preflight.providers import Asset, Provider
from preflight.rates import InFlight, Pacer
from preflight.report import Report
from preflight.sources.http import HttpOptions, HttpSource
from preflight.submission.options import SubmissionOptions
from preflight.submission.recover import AssetFinder, account_key, age_of, call_idempotent

MAX_TRIES: Final = 3
"""Registrations of one content before its failure is final; calls of one registration whose responses are lost."""
VISIBLE_AFTER: Final = 30.0
"""Seconds after a registration during which an id that the provider does not know may be too new; then it is gone."""
OPEN_STATES: Final = ("intended", "unknown")
"""States in which the ledger has no id."""
UNKNOWN_OUTCOME: Final = "unknown_outcome"
_CHUNK_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """A registration to be made unless the ledger knows it.

    source        redacted
    stem          the start of the asset's name
    rules_digest  digest of the rule sets that the file passed
    warnings      codes of the findings with which it passed
    reusable      an asset of the same key that the ledger knows is the same file
    make_url      returns the URL once it is certain that a call will be made (it may upload the file)
    require_same  raises `SourceError` unless the file is what was checked; runs right before the call
    get           returns the asset of an id that the ledger knows
    url           the URL if the file has one of its own; None if `make_url` hosts it
    get_warnings  returns the `warnings` of a file that `make_url` makes; None: it makes none
    """

    key: RegistrationKey
    kind: str
    source: str
    stem: str
    rules_digest: str
    warnings: str
    reusable: bool
    settings: SubmissionOptions
    make_url: Callable[[], str]
    require_same: Callable[[], None]
    get: Callable[[str], Asset]
    url: str | None = None
    get_warnings: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class RegistrationResult:
    """The entry as it is now, the asset as it was last seen, and whether it was registered before this run."""

    entry: Entry
    asset: Asset | None
    reused: bool


def record_asset(provider: Provider, ledger: Ledger, entry: Entry, asset: Asset) -> Entry:
    """Record the asset as the provider describes it now."""
    recorded = ledger.write(
        replace(
            entry,
            state=asset.status if asset.status in ("active", "failed") else "processing",
            asset_id=asset.id,
            reference=asset.reference,
            error_code=asset.error_code,
            error_message=asset.error_message,
            provider_code=asset.provider_code,
        )
    )
    if recorded.state == "failed":
        _record_disagreement(provider, ledger, recorded)
    return recorded


def _record_disagreement(provider: Provider, ledger: Ledger, failed: Entry) -> None:
    """Record that a file that passed here failed at the provider, unless the failure says nothing about the file."""
    if failed.error_code is not None and failed.error_code not in provider.spec.retryable_failures:
        message = failed.error_message or failed.provider_code or ""
        ledger.record_disagreement(failed, failed.warnings or "pass", failed.error_code, message)


@dataclass(slots=True)
class Registrar:
    """Registers files that are not registered yet. The caller holds the claim of the key.

    An entry is `intended` only while a call with an unknown outcome may have taken effect. A registration is given up
    if the account accepts no call for as long as an asset may be processing.

    finder     shared by all registrars of an account
    slots      shared as well; one is held for each call
    in_flight  entered from the intent of a call to its outcome
    settings   those of the client
    """

    provider: Provider
    ledger: Ledger
    clock: Clock
    finder: AssetFinder
    slots: AbstractContextManager[object]
    in_flight: InFlight
    settings: SubmissionOptions
    _refused_since: float = math.inf
    _refusals: int = 0
    _given_up_at: float = -math.inf
    _account_refused: Callable[[], AccountRefused] | None = None

    def knows(self, request: RegistrationRequest) -> bool:
        """Return whether the ledger has an asset for a request, which `register` will get."""
        entry = self.ledger.latest(request.key)
        return entry is not None and _is_known(request, entry)

    def register(self, request: RegistrationRequest) -> RegistrationResult:
        """Return the registration of this key, new or resumed. Raise `ProviderError`, `SourceError` if it fails."""
        entry = self.ledger.latest(request.key)
        if entry is None:
            return self._register_new(request)
        if entry.state == "unknown" and self.provider.spec.recover_by is None:
            return RegistrationResult(entry, None, reused=True)
        if entry.state in OPEN_STATES:
            return self._resume(request, entry)
        if _is_known(request, entry):
            return self._refresh(request, entry)
        if entry.state == "failed" and request.reusable and not self._is_worth_another_try(request, entry):
            return RegistrationResult(entry, None, reused=True)
        return self._call(request, _intent(request, entry.attempt + 1))

    def _register_new(self, request: RegistrationRequest) -> RegistrationResult:
        """Register a file that the ledger does not know, unless the provider lists it, as registered elsewhere."""
        intents = [_intent(request, attempt) for attempt in range(1, MAX_TRIES + 1)]
        found = None
        if request.reusable and self.provider.spec.recover_by is not None:
            found = self.finder.find_registered(intents, request.url)
        if found is None:
            return self._call(request, intents[0])
        entry, asset = found
        try:
            asset = self._read_back(asset)
        except AssetNotFound:  # deleted since the list was read
            asset = replace(asset, status="failed")
        if asset.status == "failed":
            return self._call(request, _intent(request, entry.attempt + 1))
        entry = replace(entry, name=asset.name or entry.name)
        return RegistrationResult(record_asset(self.provider, self.ledger, entry, asset), asset, reused=True)

    def _read_back(self, listed: Asset) -> Asset:
        """Return an item of a list with all fields. Raise `AssetNotFound`."""
        try:
            asset = call_idempotent(lambda: self.provider.get(listed.id), self.clock)
        except AssetNotFound:
            raise
        except ProviderError:
            return listed
        return replace(asset, kind=asset.kind or listed.kind, name=asset.name or listed.name)

    def _is_worth_another_try(self, request: RegistrationRequest, failed: Entry) -> bool:
        if request.settings.retry_failed or failed.rules_digest != request.rules_digest:
            return True
        is_temporary = failed.error_code in self.provider.spec.retryable_failures
        return is_temporary and self.ledger.count_failures(failed) < MAX_TRIES

    def _refresh(self, request: RegistrationRequest, entry: Entry) -> RegistrationResult:
        """Get the asset of an entry; register it again if it is gone."""
        try:
            asset = request.get(entry.asset_id or "")
        except AssetNotFound:
            if entry.state == "processing" and age_of(entry, self.clock) < VISIBLE_AFTER:
                return RegistrationResult(entry, None, reused=True)
            self.ledger.settle(entry, "gone")
            return self._call(request, _intent(request, entry.attempt + 1))
        return RegistrationResult(record_asset(self.provider, self.ledger, entry, asset), asset, reused=True)

    def _resume(self, request: RegistrationRequest, entry: Entry) -> RegistrationResult:
        """Continue after a run that ended between intent and response: the call may have been made."""
        found = self._look_up(entry, "A run ended while it was being registered", reused=True)
        if found is not None:
            return found
        return self._call(request, replace(_intent(request, entry.attempt), name=entry.name, created=entry.created))

    def _call(self, request: RegistrationRequest, entry: Entry) -> RegistrationResult:
        """Make the call until its outcome is known, and record it."""
        self.clock.sleep(0)  # nothing is uploaded for a run that was stopped
        url = request.make_url()
        warnings = entry.warnings if request.get_warnings is None else request.get_warnings()
        entry = replace(entry, url=redact(url.partition("?")[0]), warnings=warnings)
        lost, begun = 0, self.clock.monotonic()
        while True:
            try:
                return self._call_once(request, entry, url, begun)
            except RateLimited:
                continue  # the pacer has slowed down: this registration waits for its turn
            except ProviderError as error:
                if not error.ambiguous:
                    return self._record_refusal(entry, error)
                written = self.ledger.latest(request.key) or entry
                found = self._look_up(written, _problem(error), reused=False)
                if found is not None:
                    return found
                lost += 1  # it is certain by now that the call had no effect
                if lost == MAX_TRIES:
                    raise

    def _call_once(self, request: RegistrationRequest, entry: Entry, url: str, begun: float) -> RegistrationResult:
        """Make the call once. If it certainly had no effect, no intent is left behind.

        begun  the registration fails if the account has been given up since
        """
        with self.slots, ExitStack() as stack:
            if self._account_refused is not None and self._given_up_at >= begun:
                raise self._account_refused()

            def before_send() -> None:
                nonlocal entry
                request.require_same()
                stack.enter_context(self.in_flight)
                entry = self.ledger.write(entry)

            try:
                asset = self.provider.register(
                    url,
                    request.kind,
                    name=entry.name,
                    group=entry.group_id or None,
                    description=request.settings.description,
                    asset_type=request.settings.type,
                    before_send=before_send,
                )
            except ProviderError as error:
                if not error.ambiguous:
                    self.ledger.forget(entry)
                if isinstance(error, RateLimited):
                    self._give_up_if_none_is_accepted(error, self.settings.poll_timeout_of(request.kind))
                raise
            self._refused_since, self._refusals = math.inf, 0
            try:
                return RegistrationResult(record_asset(self.provider, self.ledger, entry, asset), asset, reused=False)
            except LedgerError as error:
                text = f"The asset is registered as {asset.id}. {error}"
                raise LedgerError(text, parameters=error.parameters) from error  # other targets report the cause

    def _give_up_if_none_is_accepted(self, error: RateLimited, timeout: float) -> None:
        """Raise `AccountRefused`, here and for all that wait, once the account has accepted no call for the timeout."""
        now = self.clock.monotonic()
        self._refused_since, self._refusals = min(self._refused_since, now), self._refusals + 1
        seconds = now - self._refused_since
        if seconds < timeout:
            return
        rates = self.ledger.rates(account_key(self.provider))
        if rates.recent("register", self.clock.wall() - seconds):  # another process has had its turn
            self._refused_since = now
            return
        calls = "the only call" if self._refusals == 1 else f"any of {self._refusals} calls"
        self._account_refused = partial(
            AccountRefused,
            f"{self.provider.title}: {error.call}: this account did not accept {calls} in {seconds:.0f} s. Check its "
            "quota and its rate at the provider, then run the same command again.",
            provider=error.provider,
            call=error.call,
            reason=error.reason,
            status=error.status,
            code=error.code,
            request_id=error.request_id,
        )
        self._given_up_at, self._refused_since, self._refusals = now, math.inf, 0
        if isinstance(pacer := self.provider.connection.middleware, Pacer):
            pacer.give_up("register", self._account_refused)
        raise self._account_refused() from error

    def _look_up(self, entry: Entry, problem: str, *, reused: bool) -> RegistrationResult | None:
        """Return the asset of a call whose response is lost; None if it is certain by now that there is none.

        If the provider cannot tell, the entry stays as it is: it is looked up again, and never registered again.
        """
        if self.provider.spec.recover_by is None:
            text = f"{problem}. {unrecoverable_message(self.provider, entry)}"
            return RegistrationResult(self._record_unknown(entry, "unknown", text), None, reused)
        try:
            asset = self.finder.find(entry, age=None if reused else 0.0)
        except ProviderError as error:
            why = _problem(error)
            text = f"{problem}, and it could not be looked up ({why}). Run the same command again to settle it."
            return RegistrationResult(self._record_unknown(entry, "intended", text), None, reused)
        if asset is not None:
            return self._record_found(entry, asset, reused=reused)
        if not self.provider.sends_names:
            text = f"{problem}. {unfound_message(self.provider, entry)}"
            return RegistrationResult(self._record_unknown(entry, "unknown", text), None, reused)
        self.ledger.forget(entry)
        return None

    def _record_found(self, entry: Entry, listed: Asset, *, reused: bool) -> RegistrationResult:
        """Record the asset of a registration whose response was lost."""
        try:
            asset = self._read_back(listed)
        except AssetNotFound:  # it is too new: not every server of the provider knows it yet
            asset = listed
        return RegistrationResult(record_asset(self.provider, self.ledger, entry, asset), asset, reused)

    def _record_unknown(self, entry: Entry, state: State, text: str) -> Entry:
        return self.ledger.write(replace(entry, state=state, error_code=UNKNOWN_OUTCOME, error_message=text))

    def _record_refusal(self, entry: Entry, error: ProviderError) -> RegistrationResult:
        """Record a refusal that names a limit as a failure of the file; raise any other refusal."""
        if not isinstance(error, RequestRefused) or error.finding is None:
            raise error
        failed = self.ledger.write(
            replace(
                entry,
                state="failed",
                error_code=error.finding,
                error_message=str(error),
                provider_code=error.code,
            )
        )
        _record_disagreement(self.provider, self.ledger, failed)
        return RegistrationResult(failed, None, reused=False)


def _is_known(request: RegistrationRequest, entry: Entry) -> bool:
    return entry.state == "processing" or (entry.state == "active" and request.reusable)


def unrecoverable_message(provider: Provider, entry: Entry) -> str:
    """Return why the outcome of a registration cannot be found out, and what can be done."""
    return f"{provider.title} has no list to look it up in, so it may be registered. {_forget_remedy(entry)}"


def unfound_message(provider: Provider, entry: Entry) -> str:
    """Return why a registration that was sent no name may exist although it is not found, and what can be done."""
    problem = f"{provider.title} was sent no name, and lists no asset with its URL, so it may be registered."
    return f"{problem} {_forget_remedy(entry)}"


def _problem(error: ProviderError) -> str:
    """Return the problem without the remedy and the last period: the remedy depends on the look-up."""
    return str(error).removesuffix(error.remedy).rstrip(" .")


def _forget_remedy(entry: Entry) -> str:
    return f"Run `assets forget {entry.name}`, and submit again; if the asset exists, there are then two."


def _intent(request: RegistrationRequest, attempt: int) -> Entry:
    """Return the entry of a registration that is about to be made."""
    key = request.key
    return Entry(
        key=key.digest,
        attempt=attempt,
        provider=key.provider,
        origin=key.origin,
        account=key.account,
        project=key.project,
        group_id=key.group_id,
        kind=key.kind,
        content=key.content,
        source=request.source,
        name=asset_name(request.stem, key.digest, attempt),
        rules_digest=request.rules_digest,
        warnings=request.warnings,
    )


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file as 64 hex digits. Raise `SourceError`."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK_SIZE):
                digest.update(chunk)
    except OSError as error:
        raise SourceError("unreadable", f"{path} cannot be read ({error.strerror}). Check the file.") from None
    return digest.hexdigest()


def content_of_file(path: str) -> ContentId:
    """Return the identity of a local file. Raise `SourceError`."""
    return ContentId(SHA256_PREFIX + sha256_of(path))


def content_of_url(url: str, report: Report) -> ContentId:
    """Return the identity of the file behind a URL: URL without signature, strong ETag, size.

    Without a strong ETag (RFC 9110 8.8.3) nothing shows that the file is still the same: it is not reused.
    """
    etag = report.delivery.etag if report.delivery is not None else None
    size = report.media.size if report.media is not None else None
    strong = bool(etag) and etag != '""' and not str(etag).upper().startswith("W/") and size is not None
    return ContentId(f"url:{redact(url)}|{etag if strong else ''}|{'' if size is None else size}", reusable=strong)


def require_same_file(path: str, content: ContentId) -> None:
    """Raise `SourceChanged` unless the file still has the bytes that were checked."""
    if content_of_file(path) != content:
        raise SourceChanged(path)


def require_same_url(url: str, report: Report, http: HttpOptions) -> None:
    """Raise `SourceChanged` unless the server still responds with the ETag and the size that were checked."""
    source = HttpSource(url, need=Need(frozenset(), max_bytes=1), options=http)
    try:
        size = source.size
    finally:
        source.close()
    checked, media = report.delivery, report.media
    before = media.size if media is not None else None
    # Without a stated length, the size is known only after reading to the end.
    if checked is None or source.delivery.etag != checked.etag or (size is not None and size != before):
        raise SourceChanged(source.name)
