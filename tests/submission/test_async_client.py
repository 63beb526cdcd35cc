"""`AsyncClient`: the same as `Client` without blocking the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import UsageError
from preflight.ledger import Ledger
from preflight.rates import POLL_THREADS
from preflight.report import Rejected
from preflight.sandbox import Sandbox
from preflight.submission import NotActive, Submission
from preflight.submission.account import SUBMIT_THREADS
from preflight.submission.async_client import CALL_THREADS, AsyncClient
from tests.submission.sending import ACCEPTED, Sender

NARROW = ACCEPTED.parent / "refused" / "png-too-narrow.png"


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 30))


def client_of(sender: Sender, **more: Any) -> AsyncClient[Any]:
    return AsyncClient(sender.name, **sender.options(**more))


def our_threads() -> int:
    return sum(thread.name.startswith("preflight") for thread in threading.enumerate())


async def longest_pause(until: asyncio.Event) -> float:
    """The longest time for which the event loop was blocked."""
    longest = 0.0
    while not until.is_set():
        begun = time.monotonic()
        await asyncio.sleep(0.005)
        longest = max(longest, time.monotonic() - begun)
    return longest


def test_submits_many_at_once_without_blocking_the_loop(fewer: Sender, box: Sandbox) -> None:
    async def main() -> None:
        box.faults.latency = 0.3
        ended = asyncio.Event()
        pause = asyncio.create_task(longest_pause(ended))
        async with client_of(fewer) as client:
            assets = await asyncio.gather(*(client.submit(picture) for picture in pictures))
        ended.set()
        assert {asset.status for asset in assets} == {"active"}
        assert await pause < 0.25

    pictures = fewer.pictures(4)
    run(main())
    assert fewer.registered() == 4


def test_errors_are_those_of_the_client(atlas: Sender, box: Sandbox) -> None:
    async def main() -> None:
        async with client_of(atlas) as client:
            with pytest.raises(Rejected):
                await client.submit(NARROW)
            with pytest.raises(UsageError, match="has no type"):
                await client.submit(NARROW, type="Vidoe")
            box.faults.delay = 600
            with pytest.raises(NotActive, match="still processing after 1 s"):
                await client.submit(atlas.picture(), poll_timeout=1)
        with pytest.raises(UsageError, match="is closed"):
            await client.submit(NARROW)
        with pytest.raises(UsageError, match="is closed"):
            await client.get("asset-1")

    run(main())


def test_results_of_an_async_queue_come_before_the_next_input(atlas: Sender) -> None:
    async def main() -> None:
        inputs: asyncio.Queue[Path] = asyncio.Queue()

        async def targets() -> AsyncIterator[Path]:
            while True:
                yield await inputs.get()

        async with client_of(atlas) as client, aclosing(client.submit_all(targets())) as made:
            for picture in pictures:
                await inputs.put(picture)
                assert (await anext(made)).outcome == "active"

    pictures = atlas.pictures(3)
    run(main())


def test_sync_iterables_come_in_order_with_a_callback(atlas: Sender) -> None:
    async def main() -> None:
        seen: list[Submission] = []
        threads: set[str] = set()

        def on_result(submission: Submission) -> None:
            seen.append(submission)
            threads.add(threading.current_thread().name)

        targets = iter([*pictures, NARROW])
        async with client_of(atlas) as client:
            made = [one async for one in client.submit_all(targets, ordered=True, on_result=on_result)]
        assert [one.outcome for one in made] == ["active"] * 3 + ["rejected"]
        assert len(seen) == 4
        assert threads == {threading.current_thread().name}

    pictures = atlas.pictures(3)
    run(main())


def test_error_of_an_async_iterable_follows_the_results_that_were_in_progress(atlas: Sender, box: Sandbox) -> None:
    async def targets() -> AsyncIterator[Path]:
        yield picture
        raise OSError("the queue is gone")

    async def main() -> None:
        async with client_of(atlas) as client:
            with pytest.raises(OSError, match="the queue is gone"):
                _ = [one async for one in collected(client.submit_all(targets()))]
        assert outcomes == ["active"]

    async def collected(made: AsyncIterator[Submission]) -> AsyncIterator[Submission]:
        async for one in made:
            outcomes.append(one.outcome)
            yield one

    box.faults.delay = 0.3
    picture, outcomes = atlas.picture(), []
    run(main())


def test_targets_of_an_async_queue_that_an_early_end_leaves_are_reported(atlas: Sender, box: Sandbox) -> None:
    async def main() -> None:
        inputs: asyncio.Queue[Path] = asyncio.Queue()
        reported: list[Submission] = []

        async def targets() -> AsyncIterator[Path]:
            while True:
                yield await inputs.get()

        async with client_of(atlas) as client:
            async with aclosing(client.submit_all(targets(), on_result=reported.append)) as made:
                for target in (NARROW, *pictures):
                    inputs.put_nowait(target)
                assert (await anext(made)).outcome == "rejected"
                while atlas.registered() < 2:
                    await asyncio.sleep(0.02)
            while len(reported) < 3:
                await asyncio.sleep(0.02)
        assert sorted(one.index for one in reported) == [0, 1, 2]
        assert {one.outcome for one in reported} == {"rejected", "processing"}

    box.faults.delay = 600
    pictures = atlas.pictures(2)
    run(main())


def test_cancelled_task_sends_nothing_further_and_keeps_what_was_sent(fewer: Sender, box: Sandbox) -> None:
    async def main() -> None:
        box.faults.latency = 0.2
        async with client_of(fewer) as client:
            tasks = [asyncio.create_task(client.submit(picture)) for picture in pictures]
            while not fewer.registered():
                await asyncio.sleep(0.02)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert any(isinstance(one, asyncio.CancelledError) for one in ended)
        assert "intended" not in {entry.state for entry in fewer.entries()}
        there = fewer.registered()
        await asyncio.sleep(0.5)
        assert fewer.registered() == there
        box.faults.clear()
        async with client_of(fewer) as client:
            assets = await asyncio.gather(*(client.submit(picture) for picture in pictures))
        assert len({asset.id for asset in assets}) == len(pictures)

    pictures = fewer.pictures(40)
    run(main())
    assert fewer.registered() == 40


def test_cancel_reaches_a_call_that_waits_for_the_ledger(atlas: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with client_of(atlas) as client:
            task = asyncio.create_task(client.submit(picture))
            await asyncio.to_thread(opening.wait, 10)
            client.cancel()
            opened.set()
            with pytest.raises(NotActive, match="cancelled before it was registered"):
                await task

    def wait(self: Ledger, *arguments: Any, **more: Any) -> None:
        opening.set()
        assert opened.wait(20)
        init(self, *arguments, **more)

    picture, init = atlas.picture(), Ledger.__init__
    opening, opened = threading.Event(), threading.Event()
    monkeypatch.setattr(Ledger, "__init__", wait)
    run(main())
    assert atlas.registered() == 0


def test_cancel_ends_all_calls(atlas: Sender, box: Sandbox) -> None:
    async def main() -> None:
        box.faults.delay = 600
        async with client_of(atlas) as client:
            task = asyncio.create_task(client.submit(picture))
            while not atlas.registered():
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.1)
            client.cancel()
            with pytest.raises(NotActive, match="It is registered"):
                await task

    picture = atlas.picture()
    run(main())


def test_manages_assets_and_groups(box: Sandbox, tmp_path: Path) -> None:
    async def main() -> None:
        async with client_of(atlas) as client:
            asset = await client.submit(atlas.picture())
            assert asset.id in {one.id async for one in client.list(name=atlas.mark)}
            assert (await client.rename(asset.id, f"{atlas.mark}-new")).asset.name == f"{atlas.mark}-new"
            await client.delete(asset.id)
            assert asset.id in {one.id async for one in client.list_trash()}
            await client.restore(asset.id)
            assert (await client.get(asset.id)).asset.status == "active"
        async with client_of(ark) as client:
            group = await client.groups.create(f"{ark.mark}-g")
            assert (await client.groups.find(group.id)).name == group.name
            assert group.id in {one.id for one in await client.groups.all()}
            assert await client.groups.delete(group) == 0
            assert (await client.session("https://app.example.com/verified")).link

    atlas, ark = Sender(box, "atlas", tmp_path), Sender(box, "volcengine", tmp_path)
    run(main())


@pytest.mark.parametrize("count", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_processing_assets_need_no_thread_of_their_own(atlas: Sender, box: Sandbox, count: int) -> None:
    async def main() -> int:
        box.faults.delay = 3600
        before, most = our_threads(), 0
        async with client_of(atlas, poll_timeout=36_000) as client:
            tasks = [asyncio.create_task(client.submit(picture)) for picture in pictures]
            while atlas.registered() < count or not box.stats.calls["atlas", "get"]:
                most = max(most, our_threads() - before)
                await asyncio.sleep(0.02)
            client.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in ended} == {NotActive}
        return most

    pictures = atlas.pictures(count)
    most = asyncio.run(asyncio.wait_for(main(), 120))
    assert 0 < most <= SUBMIT_THREADS + POLL_THREADS + CALL_THREADS
    assert {entry.state for entry in atlas.entries()} == {"processing"}


def test_input_that_raises_its_own_cancellation_ends_the_call(atlas: Sender) -> None:
    async def main() -> None:
        async def targets() -> AsyncIterator[Path]:
            yield atlas.picture()
            task = asyncio.create_task(asyncio.sleep(10))
            task.cancel()
            await task

        async with client_of(atlas) as client:
            submissions = client.submit_all(targets())
            assert (await anext(submissions)).outcome == "active"
            with pytest.raises(asyncio.CancelledError):
                await anext(submissions)

    run(main())
