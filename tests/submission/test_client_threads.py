"""Callbacks that end a client or its threads, threads that cannot be started, and waits that a stop ends."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from preflight.clock import SYSTEM_CLOCK
from preflight.errors import ProviderUnavailable
from preflight.providers import Asset
from preflight.rates import FoundRate, RateEstimate, Scheduler
from preflight.retry import Backoff
from preflight.sandbox import Sandbox
from preflight.submission import Client, Submission
from preflight.submission.account import WorkerPool
from preflight.submission.async_client import AsyncClient
from tests.rows import each_row
from tests.submission.sending import Sender
from tests.submission.waiting import until

PATIENCE = 10.0


def ends(work: Callable[[], object]) -> bool:
    """Return whether `work` ends in a thread, which is abandoned if it does not."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return not thread.is_alive()


def test_on_rate_may_close_the_client(atlas: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateEstimate, "accept", lambda *_, **__: True)

    def close(found: FoundRate) -> None:
        if found.action == "register":
            client.close()

    client = Client("atlas", **atlas.options(on_rate=close))
    results: list[Submission] = []
    assert ends(lambda: results.extend(client.submit_all([atlas.picture()])))
    client.close()
    assert [one.outcome for one in results] == ["processing"]
    assert [entry.state for entry in atlas.entries()] == ["processing"]


def test_second_close_leaves_the_connections_of_other_clients_open(atlas: Sender) -> None:
    options = atlas.options()
    with Client("atlas", **options) as one, Client("atlas", **options) as other:
        one.submit(atlas.picture())
        other.submit(atlas.picture())
        one.close()
        one.close()
        assert not other._opened()[0].provider.connection._transport._pool._closed


def test_system_exit_in_on_result_ends_no_thread_of_the_account(
    atlas: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    reported: list[str] = []

    def exit_late(submission: Submission) -> None:
        reported.append(submission.source)
        if threading.current_thread() is not threading.main_thread():
            raise SystemExit

    with Client("atlas", **atlas.options()) as client:
        results = client.submit_all(atlas.pictures(6), on_result=exit_late)
        next(results)
        results.close()
        assert len(set(reported)) == len(reported)
        until(lambda: client._opened()[0].pool.scheduler._busy == 0)
        assert client.submit(atlas.picture("after")).status == "active"
    assert len(atlas.entries()) == len({entry.name for entry in atlas.entries()})


class NoThread(threading.Thread):
    """A thread of which the system allows no further one."""

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as patched:
        patched.setattr(threading, "Thread", NoThread)
        yield patched


def test_worker_that_cannot_be_started_is_replaced_by_those_that_run(no_threads: pytest.MonkeyPatch) -> None:
    pool, done = WorkerPool(SYSTEM_CLOCK, None), threading.Semaphore(0)
    scope = pool._current.scope
    for _ in range(40):
        with pytest.raises(RuntimeError, match="new thread"):
            pool.workers.add(scope, done.release)
    no_threads.undo()
    pool.workers.add(scope, done.release)
    no_threads.setattr(threading, "Thread", NoThread)
    for _ in range(3):
        pool.workers.add(scope, done.release)
    assert all(done.acquire(timeout=PATIENCE) for _ in range(4))
    pool.close()


def test_poll_thread_that_cannot_be_started_is_replaced_by_those_that_run(no_threads: pytest.MonkeyPatch) -> None:
    scheduler: Scheduler[int] = Scheduler(SYSTEM_CLOCK, backoff=Backoff(first=0.01))
    done = threading.Semaphore(0)

    def watch() -> None:
        scheduler.watch(lambda: 1, 5.0, lambda *_: done.release())

    for _ in range(20):
        with pytest.raises(RuntimeError, match="new thread"):
            watch()
    no_threads.undo()
    watch()
    no_threads.setattr(threading, "Thread", NoThread)
    watch()
    watch()
    assert all(done.acquire(timeout=PATIENCE) for _ in range(3))
    scheduler.close()


@each_row("held", ["client", "run", "call"])
def test_generator_may_be_collected_by_a_thread_of_the_account(atlas: Sender, held: str) -> None:
    with Client("atlas", **atlas.options()) as client:
        kept: list[Any] = [client.submit_all(atlas.pictures(2))]
        next(kept[0])
        (run,) = client._runs
        of_run: tuple[AbstractContextManager[Any], ...] = (client._opened()[0].pool.working_for(run.scope),)
        locks = {"client": (client._lock,), "run": (run._lock,), "call": (*of_run, run.scope.in_flight)}

        def collect() -> None:
            with ExitStack() as stack:
                for lock in locks[held]:
                    stack.enter_context(lock)
                kept.clear()
                gc.collect()

        assert ends(collect)


def test_cancelled_run_does_not_wait_for_the_slots_of_another(box: Sandbox, tmp_path: Path) -> None:
    sender = Sender(box, "crun", tmp_path)
    with Client("crun", **sender.options()) as client:
        client.submit(sender.picture())
        slots = client._opened()[1].registrar.slots
        with slots, slots:
            begun = threading.Event()
            results: list[Submission] = []

            def report(submission: Submission) -> None:
                results.append(submission)

            targets = sender.pictures(3)
            calls = box.stats.calls["crun", "register"]

            def submit() -> None:
                begun.set()
                list(client.submit_all(targets, on_result=report))

            thread = threading.Thread(target=submit, daemon=True)
            thread.start()
            begun.wait(PATIENCE)
            threading.Event().wait(0.2)  # until they wait for a slot
            client.cancel()
            thread.join(PATIENCE)
            assert [one.outcome for one in results] == ["cancelled"] * 3
            assert box.stats.calls["crun", "register"] == calls


def test_async_list_yields_what_was_read_before_an_error(atlas: Sender) -> None:
    def broken() -> Iterator[Asset]:
        yield Asset(id="1", provider="atlas", status="active", reference="asset://1")
        raise ProviderUnavailable("no", provider="atlas", call="list", reason="unavailable")

    async def read() -> list[str]:
        found: list[str] = []
        async with AsyncClient("atlas", **atlas.options()) as client:
            client._client._iterate = lambda _items: broken()  # type: ignore[method-assign, assignment]
            with suppress(ProviderUnavailable):
                [found.append(asset.id) async for asset in client.list()]
                pytest.fail("no error")
        return found

    assert asyncio.run(read()) == ["1"]
