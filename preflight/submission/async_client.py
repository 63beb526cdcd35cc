"""`AsyncClient`: a `Client` whose methods are awaited. Nothing blocks the event loop; no asset has its own thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import wraps
from itertools import islice
from typing import Any, Concatenate, Final, Generic, ParamSpec, Self, TypeVar, Unpack, overload

from preflight.providers import Asset, Group, HasGroups, ProviderSpec
from preflight.sources.open import require_iterable
from preflight.submission.account import SUBMIT_THREADS
from preflight.submission.client import ApiT_co, Client, ClientGroups, active_asset
from preflight.submission.options import CallOptions, SubmissionOptions, SubmitOptions
from preflight.submission.outcome import Submission
from preflight.submission.run import WINDOW, OnResult, ResultOrder, RunResult, SubmissionRun, SubmitTarget
from preflight.targets import Item

A = TypeVar("A")
P = ParamSpec("P")
T = TypeVar("T")

AnyTarget = SubmitTarget | Item
CALL_THREADS: Final = 4
"""Threads for calls that are not submissions: opening, listing, renaming …"""
_LIST_CHUNK: Final = 50
"""Items of a list that a thread reads at once."""


def _method(
    method: Callable[Concatenate[Client[A], P], T],
) -> Callable[Concatenate[AsyncClient[A], P], Coroutine[Any, Any, T]]:
    """Return the method of `AsyncClient` that calls this method of its `Client` in a thread."""

    @wraps(method)
    async def call(self: AsyncClient[A], /, *arguments: P.args, **keywords: P.kwargs) -> T:
        return await self._call(method, self._client, *arguments, **keywords)

    return call


def _iterator_method(
    method: Callable[Concatenate[Client[A], P], Iterator[T]],
) -> Callable[Concatenate[AsyncClient[A], P], AsyncIterator[T]]:
    """Return the method of `AsyncClient` that yields the items of this method of `Client`, which a thread reads."""

    @wraps(method)
    async def call(self: AsyncClient[A], /, *arguments: P.args, **keywords: P.kwargs) -> AsyncIterator[T]:
        found = await self._call(method, self._client, *arguments, **keywords)
        while True:
            chunk, error = await self._call(_read_chunk, found)
            for item in chunk:
                yield item
            if error is not None:
                raise error
            if not chunk:
                return

    return call


def _read_chunk(items: Iterator[T]) -> tuple[list[T], Exception | None]:
    """Return the next items, and the error that ended them."""
    chunk: list[T] = []
    try:
        chunk.extend(islice(items, _LIST_CHUNK))
    except Exception as error:  # noqa: BLE001 - raised after these items
        return chunk, error
    return chunk, None


def _groups_method(
    method: Callable[Concatenate[ClientGroups, P], T],
) -> Callable[Concatenate[AsyncGroups, P], Coroutine[Any, Any, T]]:
    """Return the method of `AsyncGroups` that calls this method of `ClientGroups` in a thread."""

    @wraps(method)
    async def call(self: AsyncGroups, /, *arguments: P.args, **keywords: P.kwargs) -> T:
        return await self.client._call(lambda: method(self.client._client.groups, *arguments, **keywords))

    return call


class AsyncClient(Generic[ApiT_co]):
    """A `Client` for asyncio, with the same options, methods and errors. Open one per account, and keep it.

        async with preflight.AsyncClient("atlas", host="atlas") as client:
            asset = await client.submit("clip.mp4")

    Files are checked and registered by the account's worker threads, and all assets are polled by its one scheduler. If
    a task is cancelled, nothing further is sent; what was sent is in the ledger, and the same call continues it.
    """

    @overload
    def __init__(self: AsyncClient[Any], provider: str, **options: Unpack[SubmitOptions]) -> None: ...
    @overload
    def __init__(self, provider: ProviderSpec[ApiT_co], **options: Unpack[SubmitOptions]) -> None: ...
    def __init__(self, provider: Any, **options: Unpack[SubmitOptions]) -> None:
        """Check the options; nothing is sent or opened before the first call. Raise `UsageError`."""
        self._client: Client[ApiT_co] = Client(provider, **options)
        self._threads = ThreadPoolExecutor(CALL_THREADS, thread_name_prefix="preflight-async")

    async def submit(self, target: SubmitTarget, **options: Unpack[CallOptions]) -> Asset:
        """Check one file or URL, host it if it is local, register it, and wait: see `Client.submit`."""
        async with aclosing(self.submit_all([target], **options)) as submissions:
            submission = await anext(submissions)
        return active_asset(submission, waits=options.get("wait", self._client.options.wait))

    def submit_all(
        self,
        targets: Iterable[AnyTarget] | AsyncIterable[AnyTarget],
        *,
        on_result: OnResult | None = None,
        ordered: bool = False,
        **options: Unpack[CallOptions],
    ) -> AsyncGenerator[Submission, None]:
        """Yield one `Submission` for each target, as soon as it is ready, as `Client.submit_all` does.

        targets    an iterable, which a separate thread reads, or an async iterable, also an endless queue
        on_result  called in the event loop's thread; a function, not a coroutine function
        """
        if not isinstance(targets, AsyncIterable):
            require_iterable(targets)
        settings = self._client.options.for_call(self._client.spec, options)
        return self._submissions(targets, settings, ResultOrder(targets, ordered=ordered, on_result=on_result))

    async def _submissions(
        self,
        targets: Iterable[AnyTarget] | AsyncIterable[AnyTarget],
        settings: SubmissionOptions,
        order: ResultOrder,
    ) -> AsyncGenerator[Submission, None]:
        loop = asyncio.get_running_loop()
        results: asyncio.Queue[tuple[int, RunResult]] = asyncio.Queue()
        has_ended = False

        def deliver(index: int, result: RunResult) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(receive, index, result)

        def receive(index: int, result: RunResult) -> None:
            if has_ended:
                order.add_late(result)
            else:
                results.put_nowait((index, result))

        run = await self._begin(settings, deliver)
        slots, feeding = asyncio.Semaphore(WINDOW), None
        try:
            if isinstance(targets, AsyncIterable):
                feeding = asyncio.create_task(_feed(run, targets, slots))
            else:
                run.feed(targets)
            while not order.is_complete:
                for submission in order.add(*await results.get()):
                    run.free_slot()
                    slots.release()
                    yield submission
            order.require_whole_input()
        finally:
            if feeding is not None:
                feeding.cancel()
            self._client.end_run(run, stop=not order.is_complete, wait=False)
            has_ended = True
            while not results.empty():
                order.add_late(results.get_nowait()[1])

    async def _begin(self, settings: SubmissionOptions, deliver: Callable[[int, RunResult], None]) -> SubmissionRun:
        self._client.require_open()
        begun = self._threads.submit(self._client.begin_run, settings, deliver, cancels=self._client._cancels)
        try:
            return await asyncio.shield(asyncio.wrap_future(begun))
        except asyncio.CancelledError:
            begun.add_done_callback(self._drop)
            raise

    def _drop(self, begun: Future[SubmissionRun]) -> None:
        """End a run whose caller was cancelled while it began."""
        if not begun.cancelled() and begun.exception() is None:
            self._client.end_run(begun.result(), stop=True, wait=False)

    def cancel(self) -> None:
        """Stop all calls in progress, as `Client.cancel` does."""
        self._client.cancel()

    async def close(self) -> None:
        """Cancel all calls in progress, wait for those that have an effect, and close the client."""
        closed = asyncio.get_running_loop().run_in_executor(None, self._client.close)
        await asyncio.shield(closed)
        self._threads.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self._client).replace("<Client", "<AsyncClient", 1)

    # Manage.

    list = _iterator_method(Client.list)
    list_trash = _iterator_method(Client.list_trash)
    get = _method(Client.get)
    rename = _method(Client.rename)
    delete = _method(Client.delete)
    restore = _method(Client.restore)
    session = _method(Client.session)
    session_result = _method(Client.session_result)

    @property
    def groups(self: AsyncClient[HasGroups]) -> AsyncGroups:
        """The groups of the account."""
        return AsyncGroups(self)

    async def _call(self, function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
        """Call a method of the client in a thread. If the task is cancelled, the call still runs to its end."""
        self._client.require_open()
        return await asyncio.wrap_future(self._threads.submit(function, *arguments, **keywords))


class AsyncGroups:
    """The groups of the account of an `AsyncClient`, by id or by a name that only one of them has."""

    def __init__(self, client: AsyncClient[HasGroups]) -> None:
        self.client = client

    async def all(self) -> tuple[Group, ...]:
        """Return all groups."""
        return await self.client._call(lambda: tuple(self.client._client.groups.all()))

    find = _groups_method(ClientGroups.find)
    get = _groups_method(ClientGroups.get)
    create = _groups_method(ClientGroups.create)
    rename = _groups_method(ClientGroups.rename)
    delete = _groups_method(ClientGroups.delete)


async def _feed(run: SubmissionRun, targets: AsyncIterable[AnyTarget], slots: asyncio.Semaphore) -> None:
    """Start each target of an async iterable while there are free slots and free workers."""
    loop, workers = asyncio.get_running_loop(), asyncio.Semaphore(SUBMIT_THREADS)

    def on_begun() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(workers.release)

    run.on_begun = on_begun
    try:
        iterator = aiter(targets)
        while await slots.acquire() and await workers.acquire() and not run.scope.stop.is_set():
            try:
                target = await anext(iterator)
            except StopAsyncIteration:
                break
            run.start(target)
    except BaseException as error:  # noqa: BLE001 - raised again in the task that iterates
        run.end_input(error)
    else:
        run.end_input()
