"""Clients of accounts in memory: what runs, cancelling, closing and managing do, in milliseconds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import UsageError
from preflight.hosts import LocalFile
from preflight.ledger import Ledger
from preflight.net.options import DEFAULT_OPTIONS
from preflight.providers import ATLAS, Asset, Group, ReportsSessions, Session, VerifiesPersons
from preflight.providers.connection import ApiConnection
from preflight.providers.spec import BeforeSend, NewAsset
from preflight.report import Problem
from preflight.submission import Client, NotActive, Submission, submitter
from preflight.submission import client as module
from preflight.submission import run as running
from preflight.submission.account import SUBMIT_THREADS
from preflight.submission.async_client import AsyncClient
from preflight.targets import Item
from tests.rows import each_row
from tests.submission.clocks import quick_clock
from tests.submission.memory import MemoryApi, PlainApi
from tests.submission.sending import ACCEPTED, unique_picture
from tests.submission.web import serving

NARROW = ACCEPTED.parent / "refused" / "png-too-narrow.png"
BAD = Item("", "list:3", problem=Problem("unreadable_line", "list:3 cannot be read."))


class Api(MemoryApi, VerifiesPersons, ReportsSessions):
    """All capabilities. on: called while an action is in progress; status: of new assets."""

    def __init__(self, connection: ApiConnection) -> None:
        super().__init__(connection)
        self.on: dict[str, Callable[[], object]] = {}
        self.status = "active"

    @contextmanager
    def call(self, action: str) -> Iterator[None]:
        with super().call(action):
            self.on.get(action, lambda: None)()
            yield

    def add(self, asset_id: str, **facts: Any) -> Any:
        return super().add(asset_id, **{"status": self.status, **facts})

    def register(self, registration: NewAsset, before_send: BeforeSend | None = None) -> Asset:
        if before_send is not None:
            before_send()
        return super().register(registration)

    def create_session(self, callback: str, *, name: str | None = None, description: str | None = None) -> Session:
        with self.call("create_session"):
            return Session("atlas", "https://verify.example/1")

    def session_result(self, token: str) -> Group:
        with self.call("session_result"):
            return Group("g-1", "atlas")


class Host:
    def put(self, file: LocalFile) -> str:
        return f"https://cdn.example/{file.name}"


def options(folder: Path, **more: Any) -> dict[str, Any]:
    path = str(folder / "ledger.sqlite")
    return {"keys": "key-0123456789", "host": Host(), "ledger": path, "clock": quick_clock(), **more}


SPEC: Any = replace(ATLAS, api=Api, filters=frozenset({"group", "status", "name"}))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client[Any]]:
    with Client(SPEC, **options(tmp_path)) as client:
        yield client


def api_of(client: Client[Any] | AsyncClient[Any]) -> Api:
    api = (client if isinstance(client, Client) else client._client)._provider.api
    assert isinstance(api, Api)
    return api


def pictures(folder: Path, count: int = 2) -> list[Path]:
    return [unique_picture(folder / f"{number}.png") for number in range(count)]


def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds that another thread brings about."""
    for _ in range(5000):
        if condition():
            return
        time.sleep(0.001)
    raise AssertionError("It did not come true.")


class TestSubmit:
    def test_accepted_picture_is_registered(self, client: Client[Any], tmp_path: Path) -> None:
        (picture,) = pictures(tmp_path, 1)
        asset = client.submit(picture)
        assert (asset.id, asset.status) == ("asset-1", "active")
        made = list(client.submit_all([picture, NARROW]))
        assert {(one.index, one.outcome, one.reused) for one in made} == {(0, "active", True), (1, "rejected", False)}

    def test_results_come_as_they_are_ready_unless_ordered(self, client: Client[Any], tmp_path: Path) -> None:
        (picture,) = pictures(tmp_path, 1)
        released = threading.Event()
        api_of(client).on["register"] = lambda: released.wait(5)
        with closing(client.submit_all([picture, BAD])) as results:
            assert next(results).index == 1
            released.set()
            assert next(results).index == 0
        assert [one.index for one in client.submit_all([picture, BAD], ordered=True)] == [0, 1]

    def test_file_that_changes_while_it_is_read_is_judged_again(
        self, client: Client[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (picture,) = pictures(tmp_path, 1)
        read = submitter.content_of_file

        def change(path: str) -> Any:
            picture.write_bytes(NARROW.read_bytes())
            return read(path)

        monkeypatch.setattr(submitter, "content_of_file", change)
        (made,) = client.submit_all([picture])
        assert (made.outcome, made.code) == ("rejected", "width_too_small")
        assert "register" not in api_of(client).calls

    @each_row(
        "target, stated, contradicts",
        [
            (ACCEPTED / "picture.png", "Image", False),
            (ACCEPTED / "clip.mp4", "Image", True),
            (ACCEPTED / "clip.mp4", None, False),
            (NARROW.parent / "notes.wav", "Image", False),
            (ACCEPTED / "missing.png", "Image", False),
        ],
    )
    def test_stated_type_must_match_the_content(
        self, tmp_path: Path, target: Path, stated: str | None, contradicts: bool
    ) -> None:
        with Client(SPEC, **options(tmp_path)) as client:
            (made,) = client.submit_all([target], type=stated)
        assert (made.code == "type_mismatch") is contradicts
        assert not contradicts or made.outcome == "rejected"

    def test_file_with_another_extension_is_judged_too(self, client: Client[Any], tmp_path: Path) -> None:
        notes = tmp_path / "notes.txt"
        notes.write_text("words")
        assert [one.outcome for one in client.submit_all([notes])] == ["rejected"]

    @pytest.mark.parametrize("scheme", ["data", "DATA"])
    def test_data_uri_is_not_registered(self, client: Client[Any], scheme: str) -> None:
        import base64

        data = base64.b64encode((ACCEPTED / "picture.png").read_bytes()).decode()
        (made,) = client.submit_all([f"{scheme}:image/png;base64,{data}"])
        assert made.code == "data_uri_not_accepted"
        assert api_of(client).calls == []

    def test_url_needs_no_host_and_a_file_does(self, tmp_path: Path) -> None:
        with serving() as web, Client(SPEC, **options(tmp_path, host=None, allow_private=True)) as client:
            url = web.put("/picture.png", (ACCEPTED / "picture.png").read_bytes())
            made = list(client.submit_all([url, ACCEPTED / "picture.png"], ordered=True))
            assert [(one.outcome, one.code) for one in made] == [("active", None), ("rejected", "not_hosted")]

    def test_rules_of_a_call_replace_those_of_the_client(self, client: Client[Any]) -> None:
        for rules in (None, "crun", None):
            more = {} if rules is None else {"rules": rules}
            (made,) = client.submit_all([NARROW], **more)
            assert made.report is not None
            assert {result.rules for result in made.report.results} == {"atlas", rules or "atlas"}

    def test_at_most_4096_targets_are_ahead_of_the_results(self, client: Client[Any]) -> None:
        taken = [0]

        def targets() -> Iterator[Item]:
            while True:
                taken[0] += 1
                yield BAD

        with closing(client.submit_all(targets())) as results:
            next(results)
            eventually(lambda: taken[0] >= 4097)
            time.sleep(0.02)
            assert taken[0] == 4097

    def test_error_of_an_input_follows_its_results(self, client: Client[Any]) -> None:
        def targets() -> Iterator[Item]:
            yield BAD
            raise OSError("gone")

        results = client.submit_all(targets())
        assert next(results).outcome == "rejected"
        with pytest.raises(OSError, match="gone"):
            next(results)

    def test_host_is_opened_with_the_options_for_urls(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        given: list[Any] = []
        monkeypatch.setattr(module, "open_host", lambda *words: given.append(words))
        for more in ({}, {"allow_private": True}):
            Client(SPEC, **options(tmp_path, **more)).close()
        assert given[0][3] == DEFAULT_OPTIONS
        assert given[1][3].allow_private

    def test_keys_are_given_by_name_or_alone(self, tmp_path: Path) -> None:
        for keys in ("key-0123456789", {"api_key": "key-0123456789"}):
            Client(SPEC, **options(tmp_path, keys=keys)).close()
        with pytest.raises(UsageError, match="needs a key"):
            Client(SPEC, **options(tmp_path, keys={}))


class TestEnds:
    def test_early_end_stops_and_reports_what_was_taken(self, client: Client[Any], tmp_path: Path) -> None:
        api_of(client).status = "processing"
        reported: list[Submission] = []
        with closing(client.submit_all([BAD, *pictures(tmp_path)], on_result=reported.append)) as results:
            next(results)
            eventually(lambda: len(client._opened()[0].ledger.registered(_account(client), 9)) == 2)
            assert len(client._runs) == 1
        assert client._runs == set()
        eventually(lambda: len(reported) == 3)
        assert [(one.index, one.outcome) for one in sorted(reported, key=lambda one: one.index)] == [
            (0, "rejected"),
            (1, "processing"),
            (2, "processing"),
        ]

    def test_early_end_waits_for_the_call_in_progress(self, client: Client[Any], tmp_path: Path) -> None:
        begun, released = threading.Event(), threading.Event()

        def register() -> None:
            begun.set()
            released.wait(5)

        api_of(client).on["register"] = register
        results = client.submit_all([BAD, *pictures(tmp_path, 1)])
        next(results)
        assert begun.wait(5)
        thread = threading.Thread(target=results.close, daemon=True)
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
        released.set()
        thread.join(5)
        assert not thread.is_alive()
        assert [entry.state for entry in client._opened()[0].ledger.entries()] == ["active"]

    def test_whole_run_is_not_cancelled_at_its_end(self, client: Client[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        cancelled: list[int] = []
        monkeypatch.setattr(running.SubmissionRun, "cancel", lambda self: cancelled.append(1))
        assert len(list(client.submit_all([BAD]))) == 1
        assert cancelled == []

    def test_cancelled_calls_end_and_the_client_stays_open(self, client: Client[Any], tmp_path: Path) -> None:
        api_of(client).status = "processing"
        picture = pictures(tmp_path, 1)[0]
        for _ in range(2):
            results: list[Submission] = []
            thread = threading.Thread(target=lambda: results.extend(client.submit_all([picture])), daemon=True)  # noqa: B023
            thread.start()
            polled = api_of(client).calls.count("get") + 2
            eventually(lambda: api_of(client).calls.count("get") > polled)  # noqa: B023
            client.cancel()
            thread.join(5)
            assert [(one.outcome, one.code) for one in results] == [("processing", "cancelled")]
        api_of(client).status = "active"
        api_of(client).assets.update({"asset-1": replace(api_of(client).assets["asset-1"], status="active")})
        assert client.submit(picture).id == "asset-1"

    def test_run_that_was_cancelled_before_it_began_does_nothing(self, client: Client[Any]) -> None:
        for cancels, is_cancelled in ((None, False), (0, True), (1, True), (2, False)):
            while client._cancels < 2:
                client.cancel()
            run = client.begin_run(client.options, lambda index, result: None, cancels=cancels)
            assert run.scope.stop.is_set() is is_cancelled, cancels
            client.end_run(run, stop=False)

    def test_ended_run_is_kept_while_it_has_a_call_in_progress(self, client: Client[Any]) -> None:
        run = client.begin_run(client.options, lambda index, result: None)
        with run.scope.in_flight:
            client.end_run(run, stop=True, wait=False)
            assert client._scopes == {run.scope}
            other = client.begin_run(client.options, lambda index, result: None)
            assert client._scopes == {run.scope}
        client.end_run(other, stop=False)
        assert not other.scope.stop.is_set()
        client.end_run(client.begin_run(client.options, lambda index, result: None), stop=True)
        assert client._scopes == set()

    @each_row("stop, wait, waits", [(True, True, True), (True, False, False), (False, True, False)])
    def test_end_waits_only_for_a_run_that_is_stopped(
        self, tmp_path: Path, stop: bool, wait: bool, waits: bool
    ) -> None:
        with Client(SPEC, **options(tmp_path)) as client:
            run = client.begin_run(client.options, lambda index, result: None)
            with run.scope.in_flight:
                thread = threading.Thread(
                    target=lambda: client.end_run(run, stop=stop, wait=wait),
                    daemon=True,
                )
                thread.start()
                thread.join(0.05 if waits else 5)
                assert thread.is_alive() is waits
            thread.join(5)
            assert not thread.is_alive()

    def test_closed_client_refuses_calls(self, client: Client[Any]) -> None:
        assert "closed" not in repr(client)
        client.close()
        client.close()
        assert repr(client).endswith(", closed>")
        for call in (lambda: client.get("asset-1"), lambda: client.groups, lambda: list(client.submit_all([BAD]))):
            with pytest.raises(UsageError, match="is closed"):
                call()

    def test_connections_are_closed_by_their_last_user(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        closed: list[str] = []
        monkeypatch.setattr(
            "preflight.providers.provider.Provider.close", lambda provider: closed.append(provider.key_id)
        )
        given = options(tmp_path)
        unused, first, second, other = (
            Client(SPEC, **{**given, "keys": key})
            for key in ("key-unused-0", "key-1234567", "key-1234567", "key-other-00")
        )
        unused.close()
        assert closed == [unused._provider.key_id]
        for client in (first, second, other):
            list(client.submit_all([BAD]))
        assert closed[1:] == [first._provider.key_id]  # the second one's own, which it does not need
        del closed[:]
        first.close()
        assert closed == []
        other.close()
        assert closed == [other._provider.key_id]
        second.close()
        assert closed[1:] == [first._provider.key_id]

    def test_account_is_opened_once(self, client: Client[Any]) -> None:
        assert client._opened()[0] is client._opened()[0]
        assert client._opened()[1] is client._opened()[1]
        assert client._opened()[0].users == 1


def _account(client: Client[Any]) -> Any:
    from preflight.submission.recover import account_key

    return account_key(client._provider)


class TestManage:
    def test_calls_with_an_effect_are_waited_for_and_others_are_not(self, client: Client[Any]) -> None:
        api, seen = api_of(client), {}

        def note(action: str) -> Callable[[], None]:
            return lambda: seen.update({action: [not scope.in_flight.is_idle for scope in client._scopes]})

        actions = ("rename", "delete", "restore", "create_session", "create_group", "update_group", "delete_group")
        reads = ("list", "get", "list_trash", "session_result", "get_group", "list_groups")
        for action in (*actions, *reads):
            api.on[action] = note(action)
        api.add("asset-1", name="a")
        client.rename("asset-1", "b")
        client.delete("asset-1")
        assert [asset.id for asset in client.list_trash()] == ["asset-1"]
        assert list(client.list()) == []
        client.restore("asset-1")
        client.get("asset-1")
        client.session("https://app.example/")
        assert client.session_result("token").id == "g-1"
        group = client.groups.create("g")
        client.groups.rename(client.groups.get(group.id).id, name="h")
        assert [one.name for one in client.groups.all()] == ["h"]
        client.groups.delete(client.groups.find("h"))
        assert {action: seen[action] for action in actions} == {action: [True] for action in actions}
        assert {action: seen[action] for action in reads} == {action: [False] for action in reads}
        assert client._scopes == set()

    def test_list_is_filtered_by_group(self, client: Client[Any]) -> None:
        api = api_of(client)
        group = api.add_group("g")
        api.add("asset-1", group=group.id)
        api.add("asset-2", group="other")
        assert [asset.id for asset in client.list(group="g")] == ["asset-1"]
        assert [asset.id for asset in client.list()] == ["asset-1", "asset-2"]

    def test_capabilities_that_a_provider_lacks_are_named(self, tmp_path: Path) -> None:
        with Client(replace(ATLAS, api=PlainApi), **options(tmp_path)) as client:
            plain: Any = client
            for call, said in (
                (lambda: plain.groups, "has no groups"),
                (lambda: plain.session("https://app.example/"), "has no call for create session"),
                (lambda: plain.session_result("token"), "has no call for session result"),
            ):
                with pytest.raises(UsageError, match=said):
                    call()


def run_async(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main, 20))


class TestAsync:
    def test_results_come_as_they_are_ready_unless_ordered(self, tmp_path: Path) -> None:
        (picture,) = pictures(tmp_path, 1)

        async def targets() -> AsyncIterator[Any]:
            yield picture
            yield BAD

        async def main() -> None:
            released = threading.Event()
            async with AsyncClient(SPEC, **options(tmp_path)) as client:
                api_of(client).on["register"] = lambda: released.wait(5)
                for inputs in ([picture, BAD], targets(), iter([picture, BAD])):
                    released.clear()
                    async with aclosing(client.submit_all(inputs)) as made:
                        assert (await anext(made)).index in (0, 1)
                        released.set()
                        assert len([one async for one in made]) == 1
                assert [one.index async for one in client.submit_all([picture, BAD], ordered=True)] == [0, 1]
                assert (await client.submit(picture)).id == "asset-1"
                with pytest.raises(UsageError, match="contains no targets"):
                    client.submit_all(5)  # type: ignore[arg-type]

        run_async(main())

    def test_unordered_is_the_default(self, tmp_path: Path) -> None:
        (picture,) = pictures(tmp_path, 1)

        async def main() -> None:
            released = threading.Event()
            async with AsyncClient(SPEC, **options(tmp_path)) as client:
                api_of(client).on["register"] = lambda: released.wait(5)
                async with aclosing(client.submit_all([picture, BAD])) as made:
                    assert (await anext(made)).index == 1
                    released.set()
                    assert (await anext(made)).index == 0

        run_async(main())

    def test_early_end_stops_without_waiting_and_reports_later(self, tmp_path: Path) -> None:
        async def main() -> None:
            begun, released = threading.Event(), threading.Event()

            def register() -> None:
                begun.set()
                released.wait(5)

            reported: list[Submission] = []
            async with AsyncClient(SPEC, **options(tmp_path)) as client:
                api_of(client).on["register"] = register
                inputs: Any = [BAD, BAD, *pictures(tmp_path, 1)]
                async with aclosing(client.submit_all(inputs, on_result=reported.append)) as made:
                    await anext(made)
                    assert await asyncio.to_thread(begun.wait, 5)
                assert client._client._scopes  # the call goes on
                assert {one.index for one in reported} == {0, 1}
                released.set()
                while len(reported) < 3:
                    await asyncio.sleep(0.001)
                assert [entry.state for entry in _ledger(client)] == ["active"]
            assert client._client._runs == set()

        run_async(main())

    def test_async_input_is_read_as_fast_as_targets_begin_and_no_further_after_the_end(self, tmp_path: Path) -> None:
        taken = [0]

        async def targets() -> AsyncIterator[Item]:
            while True:
                taken[0] += 1
                yield BAD

        async def main() -> None:
            async with AsyncClient(SPEC, **options(tmp_path)) as client:
                stopped = threading.Event()
                begin = submitter.Submitter.begin

                def wait(*words: Any) -> Any:
                    stopped.wait(5)
                    return begin(*words)

                with pytest.MonkeyPatch.context() as patched:
                    patched.setattr(submitter.Submitter, "begin", wait)
                    made = client.submit_all(targets())
                    first = asyncio.create_task(anext(made))
                    await asyncio.sleep(0.1)
                    assert taken[0] == SUBMIT_THREADS
                    stopped.set()
                    await first
                    client.cancel()
                    await made.aclose()
                there = taken[0]
                await asyncio.sleep(0.02)
                assert taken[0] == there

        run_async(main())

    def test_end_of_an_async_input_ends_the_call(self, tmp_path: Path) -> None:
        async def targets() -> AsyncIterator[Item]:
            for _ in range(3):
                yield BAD

        async def main() -> None:
            async with AsyncClient(SPEC, **options(tmp_path)) as client:
                assert [one.index async for one in client.submit_all(targets())] == [0, 1, 2]

        run_async(main())

    def test_cancelled_stream_takes_no_further_target(self, tmp_path: Path) -> None:
        async def main() -> None:
            inputs: asyncio.Queue[Item] = asyncio.Queue()

            async def targets() -> AsyncIterator[Item]:
                while True:
                    yield await inputs.get()

            async with AsyncClient(SPEC, **options(tmp_path)) as client:
                made = client.submit_all(targets())
                await inputs.put(BAD)
                assert (await anext(made)).outcome == "rejected"
                client.cancel()
                for _ in range(3):
                    await inputs.put(BAD)
                outcomes = [one.outcome async for one in made]
                assert outcomes in ([], ["cancelled"])
                assert inputs.qsize() >= 2

        run_async(main())

    def test_call_that_is_cancelled_while_it_begins_leaves_no_run(self, tmp_path: Path) -> None:
        async def main() -> None:
            begun, released = threading.Event(), threading.Event()
            async with AsyncClient(SPEC, **options(tmp_path)) as client:
                begin = client._client.begin_run
                made: list[Any] = []

                def slow(*words: Any, **more: Any) -> Any:
                    begun.set()
                    released.wait(5)
                    made.append(begin(*words, **more))
                    made[0].scope.in_flight.__enter__()  # an end must not wait for it
                    return made[0]

                client._client.begin_run = slow  # type: ignore[method-assign]
                task = asyncio.create_task(client.submit(NARROW))
                await asyncio.to_thread(begun.wait, 5)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                released.set()
                while not made or client._client._runs:
                    await asyncio.sleep(0.001)
                assert made[0].scope.stop.is_set()
                made[0].scope.in_flight.__exit__()

        run_async(main())

    def test_call_that_fails_to_begin_raises_its_error(self, tmp_path: Path) -> None:
        async def main() -> None:
            async with AsyncClient(SPEC, **options(tmp_path, group="g")) as client:
                begun: Any = asyncio.get_running_loop().create_future()
                begun.cancel()
                client._drop(begun)
                failed: Any = asyncio.get_running_loop().create_future()
                failed.set_exception(ValueError())
                client._drop(failed)

        with suppress(UsageError):
            run_async(main())

    def test_items_are_listed_in_steps_of_fifty(self, tmp_path: Path) -> None:
        async def main() -> None:
            spec = replace(SPEC, page_size=50)
            async with AsyncClient(spec, **options(tmp_path)) as client:
                api = api_of(client)
                for number in range(120):
                    api.add(f"asset-{number}")
                listed = client.list()
                ids = [(await anext(listed)).id for _ in range(50)]
                assert api.calls.count("list") == 1
                ids += [asset.id async for asset in listed]
                assert ids == [f"asset-{number}" for number in range(120)]

        run_async(main())

    def test_four_calls_are_made_at_once(self, tmp_path: Path) -> None:
        async def main() -> None:
            running_now, peak, lock = [0], [0], threading.Lock()

            def get() -> None:
                with lock:
                    running_now[0] += 1
                    peak[0] = max(peak[0], running_now[0])
                time.sleep(0.02)
                with lock:
                    running_now[0] -= 1

            async with AsyncClient(SPEC, **options(tmp_path)) as client:
                api_of(client).add("asset-1")
                api_of(client).on["get"] = get
                await asyncio.gather(*(client.get("asset-1") for _ in range(10)))
            assert peak == [4]

        run_async(main())

    def test_close_does_not_wait_for_reads(self, tmp_path: Path) -> None:
        async def main() -> None:
            begun, released = threading.Event(), threading.Event()

            def get() -> None:
                begun.set()
                released.wait(5)

            client: AsyncClient[Any] = AsyncClient(SPEC, **options(tmp_path))
            api_of(client).add("asset-1")
            api_of(client).on["get"] = get
            task = asyncio.create_task(client.get("asset-1"))
            await asyncio.to_thread(begun.wait, 5)
            started = time.monotonic()
            await client.close()
            assert time.monotonic() - started < 2
            released.set()
            await asyncio.gather(task, return_exceptions=True)
            assert repr(client).startswith("<AsyncClient of Atlas Cloud")

        run_async(main())

    def test_processing_asset_raises_unless_wait_is_false(self, tmp_path: Path) -> None:
        async def main() -> None:
            (picture,) = pictures(tmp_path, 1)
            async with AsyncClient(SPEC, **options(tmp_path)) as client:
                api_of(client).status = "processing"
                assert (await client.submit(picture, wait=False)).status == "processing"
                with pytest.raises(NotActive, match="still processing"):
                    await client.submit(picture, poll_timeout=1)

        run_async(main())


def _ledger(client: AsyncClient[Any]) -> Any:
    ledger: Ledger = client._client._opened()[0].ledger
    return ledger.entries()
