"""`Client`: one account at one provider for a long time, shared by all threads of a program."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import wraps
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, Unpack, cast, overload

from preflight.errors import UsageError
from preflight.hosts import Host, UploadHost, open_host
from preflight.net.options import DEFAULT_OPTIONS
from preflight.providers import (
    Asset,
    DeletesAssets,
    Group,
    HasGroups,
    HasTrash,
    ListsAssets,
    Provider,
    ProviderSpec,
    RenamesAssets,
    ReportsSessions,
    Session,
    VerifiesPersons,
    find_provider,
    open_provider,
)
from preflight.providers.credentials import API_KEY, read_credentials
from preflight.report import Rejected
from preflight.sources.open import require_iterable
from preflight.submission.account import AccountCheck, CallScope, SharedAccount, open_account, release_account
from preflight.submission.fixing import RunFixer
from preflight.submission.groups import GroupManager
from preflight.submission.manage import AssetFilter, AssetListing, AssetManager, ManagedAsset
from preflight.submission.options import (
    POLL_TIMEOUTS,
    CallOptions,
    SubmissionOptions,
    SubmitOptions,
    make_check_plan,
    rules_digest,
)
from preflight.submission.outcome import NotActive, Submission
from preflight.submission.recover import call_idempotent, call_once_unless_throttled
from preflight.submission.register import Registrar
from preflight.submission.run import OnResult, ResultOrder, RunResult, SubmissionRun, SubmitTarget
from preflight.submission.submitter import Submitter
from preflight.targets import Item

ApiT_co = TypeVar("ApiT_co", covariant=True)
P = ParamSpec("P")
T = TypeVar("T")


class Client(Generic[ApiT_co]):
    """Submits files to one account at one provider, and manages its assets. Open one client per account, and keep it.

        with preflight.Client("atlas", host="atlas") as client:
            asset = client.submit("clip.mp4")

    All methods may be called from several threads at once. All clients of one account (provider, origin, account,
    project, ledger) in one process share one rate limiter, one poller, one ledger, one set of connections and at most
    32 + 16 + 16 + 8 threads. A client with another key of the account has its own connections.

    `Client(providers.ATLAS)` lets a type checker reject what the provider cannot do; `Client("atlas")` allows every
    method, which raises `UsageError` if the provider lacks it.
    """

    @overload
    def __init__(self: Client[Any], provider: str, **options: Unpack[SubmitOptions]) -> None: ...
    @overload
    def __init__(self, provider: ProviderSpec[ApiT_co], **options: Unpack[SubmitOptions]) -> None: ...
    def __init__(self, provider: str | ProviderSpec[ApiT_co], **options: Unpack[SubmitOptions]) -> None:
        """Check the options; nothing is sent or opened before the first call. Raise `UsageError`.

        provider  its name, or its spec
        options   those of `SubmitOptions`
        """
        spec = provider if isinstance(provider, ProviderSpec) else find_provider(provider)
        self.spec = cast("ProviderSpec", spec)
        self.options = settings = SubmissionOptions(**options)
        self._plan = make_check_plan(self.spec, settings)
        self._credentials, self._provider = _open_provider(self.spec, settings)
        settings.validate(self.spec)
        self._host = self._open_host()
        self._submitter: Submitter | None = None
        self._account: SharedAccount | None = None
        self._scopes: set[CallScope] = set()
        self._runs: set[SubmissionRun] = set()
        self._cancels = 0
        self._is_closed = False
        self._process = os.getpid()
        self._has_ended = False
        self._lock = threading.RLock()  # a generator may be collected by a thread that has it
        self._opening = threading.Lock()

    # Submit.

    def submit(self, target: SubmitTarget, **options: Unpack[CallOptions]) -> Asset:
        """Check one file or URL, host it if it is local, register it, and wait until it is active.

        options  in place of those of the client

        Raise `Rejected`, with the report, before anything is sent; `NotActive` if it failed there, its outcome
        is unknown, it is still processing or the call was cancelled; `ProviderError` if a call failed.
        """
        (submission,) = self.submit_all([target], **options)
        return active_asset(submission, waits=options.get("wait", self.options.wait))

    def submit_all(
        self,
        targets: Iterable[SubmitTarget | Item],
        *,
        on_result: OnResult | None = None,
        ordered: bool = False,
        **options: Unpack[CallOptions],
    ) -> Generator[Submission, None, None]:
        """Yield one `Submission` for each target, as soon as it is ready. Nothing happens before the first `next`.

        targets    any iterable, also an endless or blocking one: a separate thread reads it, only as fast as targets
                   are started, and at most 4,096 ahead of the results that were taken. If it raises, the error is
                   raised after the results of its targets
        on_result  called once with each submission as soon as it is received, by the thread that iterates; an exception
                   in it is logged (logger `preflight`) and loses no result
        ordered    yield in input order
        options    in place of those of the client

        If the generator is closed early, its targets are stopped: registered assets are in the ledger, and the same
        call continues them. `on_result` is also called for each target that was taken and not yielded, later and by
        another thread if it is not ready yet. If the provider refuses the account, the remaining targets get the
        outcome `error`. Raise `UsageError` if the call is wrong for all targets.
        """
        require_iterable(targets)
        settings = self.options.for_call(self.spec, options)
        return self._submissions(targets, settings, ResultOrder(targets, ordered=ordered, on_result=on_result))

    def _submissions(
        self, targets: Iterable[SubmitTarget | Item], settings: SubmissionOptions, order: ResultOrder
    ) -> Generator[Submission, None, None]:
        results: SimpleQueue[tuple[int, RunResult]] = SimpleQueue()
        has_ended = False

        def deliver(index: int, result: RunResult) -> None:
            results.put((index, result))
            if has_ended:
                report_late()

        def report_late() -> None:
            with suppress(Empty):
                while True:
                    order.add_late(results.get_nowait()[1])

        run = self.begin_run(settings, deliver)
        try:
            run.feed(targets)
            while not order.is_complete:
                for submission in order.add(*results.get()):
                    run.free_slot()
                    yield submission
            order.require_whole_input()
        finally:
            self.end_run(run, stop=not order.is_complete)
            has_ended = True
            report_late()

    def cancel(self) -> None:
        """Stop all submissions in progress, and send nothing further.

        Each target that was taken yields a submission: `cancelled`, or `processing` if it is registered. The client
        stays open, and the same call continues them. An iterable that blocks may return one more target, which is
        reported to `on_result` as `cancelled`.
        """
        with self._lock:
            self._cancels += 1
            runs = list(self._runs)
        for run in runs:
            run.cancel()

    def close(self) -> None:
        """Cancel all calls in progress, wait for those that have an effect, and close the client.

        Everything can be resumed. A second call does nothing, nor does a call in a forked process. When `on_rate` calls
        it, it returns at once, and the client is closed after the call that found the rate.
        """
        if os.getpid() != self._process:
            return
        with self._lock:
            self._is_closed = True
            scopes = [*self._scopes, *(run.scope for run in self._runs)]
        self.cancel()
        if self._account is not None and self._account.pool.is_working:
            threading.Thread(target=self._end, args=(scopes,), name="preflight-close").start()
        else:
            self._end(scopes)

    def _end(self, scopes: Iterable[CallScope]) -> None:
        """Wait for the calls of a closed client that have an effect, and release the account."""
        for scope in scopes:
            scope.close()
        with self._opening:
            if self._has_ended:
                return
            self._has_ended = True
            account, self._account = self._account, None
        if account is None or self._provider is not account.provider:
            self._provider.close()
        if account is not None:
            release_account(account, self.options.on_rate)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self.spec.title} at {self._provider.origin}{', closed' if self._is_closed else ''}>"

    # Manage. `word`: an asset's id or reference, or its name or source in the ledger.

    def list(
        self: Client[ListsAssets],
        *,
        group: str | None = None,
        status: str | None = None,
        kind: str | None = None,
        name: str | None = None,
    ) -> Iterator[Asset]:
        """Yield the assets of the account, page by page. group: its name or id; name: a part of the asset's name."""
        with self._call() as account:
            group_id = None if group is None else self._groups.find(group).id
            selected = AssetFilter(group_id, status, kind, name)
            found = AssetListing(self._provider, selected, clock=account.clock).all()
        return self._iterate(found)

    def list_trash(self: Client[HasTrash]) -> Iterator[Asset]:
        """Yield the deleted assets that can be restored, page by page."""
        with self._call() as account:
            found = AssetListing(self._provider, AssetFilter(), trash=True, clock=account.clock).all()
        return self._iterate(found)

    def get(self, word: str) -> ManagedAsset:
        """Return the asset as it is now. Raise `AssetNotFound` if it is gone, and record that."""
        with self._call() as account:
            return self._manager(account).get(word)

    def rename(self: Client[RenamesAssets], word: str, name: str, *, description: str | None = None) -> ManagedAsset:
        """Change the name of the asset, and its description."""
        with self._call(has_effect=True) as account:
            return self._manager(account).rename(word, name, description=description)

    def delete(self: Client[DeletesAssets], word: str) -> ManagedAsset:
        """Delete the asset; permanently, unless the provider can restore it."""
        with self._call(has_effect=True) as account:
            return self._manager(account).delete(word)

    def restore(self: Client[HasTrash], word: str) -> ManagedAsset:
        """Take the asset out of the trash."""
        with self._call(has_effect=True) as account:
            return self._manager(account).restore(word)

    @property
    def groups(self: Client[HasGroups]) -> ClientGroups:
        """The groups of the account: `all`, `find`, `get`, `create`, `rename`, `delete`."""
        if not isinstance(self._provider.api, HasGroups):
            raise UsageError(f"{self.spec.title} has no groups.")
        self.require_open()
        return ClientGroups(self)

    def session(
        self: Client[VerifiesPersons], callback: str, *, name: str | None = None, description: str | None = None
    ) -> Session:
        """Begin the verification of a person, who opens the link and is redirected to the URL `callback` at the end."""
        api = self._provider.api
        if not isinstance(api, VerifiesPersons):
            raise self._provider.lacks("create_session")
        with self._call(has_effect=True) as account:
            return call_once_unless_throttled(
                lambda: api.create_session(callback, name=name, description=description), account.clock
            )

    def session_result(self: Client[ReportsSessions], token: str) -> Group:
        """Return the group of the person who was verified, by the token of the session."""
        api = self._provider.api
        if not isinstance(api, ReportsSessions):
            raise self._provider.lacks("session_result")
        with self._call() as account:
            return call_idempotent(lambda: api.session_result(token), account.clock)

    def _manager(self, account: SharedAccount) -> AssetManager:
        return AssetManager(self._provider, account.ledger, clock=account.clock)

    @property
    def _groups(self) -> GroupManager:
        return self._opened()[1].groups

    def _iterate(self, items: Iterator[T]) -> Iterator[T]:
        while True:
            with self._call():
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    @contextmanager
    def _call(self, *, has_effect: bool = False) -> Iterator[SharedAccount]:
        """Let this thread make calls that `close` stops, or waits for if they have an effect."""
        account, scope = self._opened()[0], CallScope()
        with self._lock:
            self.require_open()
            self._scopes.add(scope)
        try:
            with account.pool.working_for(scope):
                if not has_effect:
                    yield account
                else:
                    with scope.in_flight:
                        yield account
        finally:
            with self._lock:
                self._scopes.discard(scope)

    # Runs.

    def begin_run(
        self, settings: SubmissionOptions, deliver: Callable[[int, RunResult], object], *, cancels: int | None = None
    ) -> SubmissionRun:
        """Return a run whose results are delivered to a function, for `AsyncClient`. The caller calls `end_run`.

        cancels  how often the client had been cancelled when the call began; None: as often as now
        """
        cancels = self._cancels if cancels is None else cancels
        account, submitter = self._opened()
        changed = (settings.rules, settings.strict) != (self.options.rules, self.options.strict)
        plan = make_check_plan(self.spec, settings) if changed else self._plan
        with self._call():
            submitter.groups.validate(settings.group)
        known, digest = account.known_assets(self._provider), rules_digest(plan.rules)
        fixer = None if settings.choices is None else RunFixer(plan, settings.choices, account.pool)
        submitter = replace(submitter, settings=settings, plan=plan, rules_digest=digest, known=known, fixer=fixer)
        run = SubmissionRun(account.pool, submitter, deliver)
        with self._lock:
            self.require_open()
            self._runs.add(run)
            self._scopes = {scope for scope in self._scopes if not scope.has_ended}
            is_cancelled = self._cancels != cancels
        if is_cancelled:
            run.cancel()
        return run

    def end_run(self, run: SubmissionRun, *, stop: bool, wait: bool = True) -> None:
        """End a run. In a forked process, do nothing: the run's threads are in the process that began it.

        stop  it has targets in progress
        wait  for its calls that have an effect, unless this thread makes one of them
        """
        if os.getpid() != self._process:
            return
        try:
            if stop:
                run.cancel()
            # Garbage collection may end a generator in a worker thread, which must not wait for itself.
            if stop and wait and not (self._account and self._account.pool.is_working):
                run.scope.close()
        finally:  # after an interrupted wait, `close` must not wait again
            run.close()
            with self._lock:
                self._runs.discard(run)
        if not run.scope.in_flight.is_idle:
            with self._lock:
                self._scopes.add(run.scope)

    # Opening.

    def require_open(self) -> None:
        """Raise `UsageError` if the client is closed."""
        if os.getpid() != self._process:
            raise UsageError(
                f"This client of {self.spec.title} was opened by another process, before a fork. Open one in each "
                "process."
            )
        if self._is_closed:
            raise UsageError(
                f"This client of {self.spec.title} is closed. Open a new one, or close it after its last call."
            )

    def _opened(self) -> tuple[SharedAccount, Submitter]:
        """Open the account at the first call."""
        self.require_open()
        with self._opening:
            self.require_open()
            if self._account is None:
                self._account = self._open_account()
            if self._submitter is None:
                self._submitter = self._new_submitter(self._account)
            return self._account, self._submitter

    def _open_account(self) -> SharedAccount:
        settings = self.options
        account = open_account(
            self._provider,
            self._credentials,
            rate=settings.rate,
            ledger=settings.ledger,
            clock=settings.clock,
            on_rate=settings.on_rate,
        )
        self._provider = account.provider_for(self._provider, self._credentials)
        if isinstance(self._host, UploadHost):
            self._host = UploadHost(self._provider)
        return account

    def _new_submitter(self, account: SharedAccount) -> Submitter:
        provider, ledger, in_flight = self._provider, account.ledger, account.pool.in_flight
        settings, clock, window = self.options, account.clock, self.options.recovery_window
        groups = GroupManager(provider, ledger, clock=clock, window=window, in_flight=in_flight)
        finder = account.finder(provider, window)
        registrar = Registrar(provider, ledger, clock, finder, account.slots, in_flight, settings)
        check, digest = AccountCheck(provider, ledger, clock), rules_digest(self._plan.rules)
        known = account.known_assets(provider)
        return Submitter(
            provider, ledger, settings, self._plan, digest, registrar, known, groups, clock, check, self._host
        )

    def _open_host(self) -> Host | None:
        settings, http = self.options, self._plan.http or DEFAULT_OPTIONS
        max_poll_time = max(map(settings.poll_timeout_of, POLL_TIMEOUTS))
        return open_host(settings.host, settings.public_base, self._provider, http, max_poll_time)


def _in_call(
    method: Callable[Concatenate[GroupManager, P], T], *, has_effect: bool = False
) -> Callable[Concatenate[ClientGroups, P], T]:
    """Return a method that makes the same call for a client, which can stop it or wait for it."""

    @wraps(method)
    def call(groups: ClientGroups, /, *args: P.args, **keywords: P.kwargs) -> T:
        client = groups.client
        with client._call(has_effect=has_effect):
            return method(client._groups, *args, **keywords)

    return call


class ClientGroups:
    """The groups of a client's account, by id or by a name that only one of them has."""

    def __init__(self, client: Client[Any]) -> None:
        self.client = client

    def all(self) -> Iterator[Group]:
        """Yield all groups, page by page."""
        return self.client._iterate(self.client._groups.all())

    find = _in_call(GroupManager.find)
    get = _in_call(GroupManager.get)
    create = _in_call(GroupManager.create, has_effect=True)
    rename = _in_call(GroupManager.rename, has_effect=True)
    delete = _in_call(GroupManager.delete, has_effect=True)


def active_asset(submission: Submission, *, waits: bool) -> Asset:
    """Return the asset of a submission. Raise `Rejected`, `NotActive` or its error if there is no usable asset.

    waits  false: an asset that is still processing is returned too
    """
    if submission.error is not None:
        raise submission.error
    if submission.outcome == "rejected" and submission.report is not None:
        raise Rejected(f"{submission.source} does not pass: {submission.message}", submission.report)
    is_processing = submission.outcome == "processing" and not waits
    if submission.asset is not None and (is_processing or submission.outcome == "active"):
        return submission.asset
    raise NotActive(f"{submission.source}: {submission.message}", submission)


def _open_provider(spec: ProviderSpec, settings: SubmissionOptions) -> tuple[object, Provider]:
    """Return an open provider, and what other clients must have in common with it to share its connections."""
    keys = settings.keys
    given = {API_KEY: keys} if isinstance(keys, str) else dict(keys or {})
    credentials = read_credentials(spec.title, spec.credentials, given, os.environ)
    provider = open_provider(
        spec,
        credentials,
        account=settings.account,
        endpoint=settings.endpoint,
        rate=settings.rate,
        proxy=settings.proxy,
        ca_bundle=settings.ca_bundle,
        clock=settings.clock,
        project=settings.project,
        signing=settings.signing,
        reference_id=settings.reference_id,
        send_name=settings.send_name,
    )
    options = (settings.signing, settings.reference_id, settings.send_name, settings.proxy, settings.ca_bundle)
    return (frozenset(credentials.items()), options), provider
