"""`Client`: shared by threads, for streams without an end, stopped and closed without loss."""

from __future__ import annotations

import itertools
import json
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from preflight import providers
from preflight.errors import AccountRefused, AssetNotFound, UsageError
from preflight.hosts import Host, LocalFile
from preflight.ledger import Ledger
from preflight.providers import PROVIDERS
from preflight.rates import POLL_THREADS
from preflight.report import Rejected
from preflight.sandbox import Sandbox
from preflight.submission import Client, NotActive, Submission, account, groups, submit
from preflight.submission import run as running
from tests.conftest import ROOT
from tests.submission.clocks import quick_clock
from tests.submission.sending import ACCEPTED, Sender
from tests.submission.waiting import until

NARROW = ACCEPTED.parent / "refused" / "png-too-narrow.png"


def client_of(sender: Sender, **more: Any) -> Client[Any]:
    return Client(sender.name, **sender.options(**more))


def our_threads() -> int:
    return sum(thread.name.startswith("preflight") for thread in threading.enumerate())


@dataclass
class Gate:
    """A host that lets nothing through before it is opened."""

    host: Host
    waiting: int = 0
    opened: threading.Event = field(default_factory=threading.Event)

    def put(self, file: LocalFile) -> str:
        self.waiting += 1
        assert self.opened.wait(20)
        return self.host.put(file)


@dataclass
class Counted:
    """An iterator that counts what was taken from it."""

    targets: Sequence[Path]
    taken: int = 0

    def __iter__(self) -> Iterator[Path]:
        for target in self.targets:
            self.taken += 1
            yield target


class TestSubmit:
    def test_one_client_submits_again_and_again(self, some: Sender) -> None:
        with client_of(some) as client:
            assets = [client.submit(picture) for picture in some.pictures(3)]
            again = client.submit(some.folder / f"{some.mark}-0.png")
        assert {asset.status for asset in assets} == {"active"}
        assert again.id == assets[0].id
        assert some.registered() == 3

    def test_options_of_a_call_replace_those_of_the_client(self, atlas: Sender, box: Sandbox) -> None:
        first, second = atlas.pictures(2)
        with client_of(atlas) as client:
            assert client.submit(first, name=f"{atlas.mark}-hero").name.startswith(f"{atlas.mark}-hero-")  # type: ignore[union-attr]
            box.faults.delay = 60
            assert client.submit(second, wait=False).status == "processing"
            with pytest.raises(NotActive, match="still processing after 1 s"):
                client.submit(second, poll_timeout=1)
            with pytest.raises(Rejected):
                client.submit(NARROW)
            with pytest.raises(UsageError, match="has no type 'Vidoe'"):
                client.submit(first, type="Vidoe")

    def test_refused_account_does_not_end_the_client(self, atlas: Sender, box: Sandbox) -> None:
        picture = atlas.picture()
        with client_of(atlas) as client:
            box.faults.on("402", action="register", provider="atlas")
            assert [made.code for made in client.submit_all([picture])] == ["credits"]
            box.faults.clear()
            assert client.submit(picture).status == "active"

    def test_group_is_looked_up_once_for_all_calls(self, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "volcengine", tmp_path)
        before = box.stats.calls["volcengine", "list_groups"]
        with client_of(sender) as client:
            for picture in sender.pictures(3):
                client.submit(picture)
        assert box.stats.calls["volcengine", "list_groups"] - before <= 2

    def test_group_that_was_deleted_meanwhile_is_created_again(
        self, box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(groups, "MAX_KNOWN_AGE", 1.0)
        sender = Sender(box, "volcengine", tmp_path)
        with client_of(sender) as client:
            first = client.submit(sender.picture("-1"))
            with sender.opened() as elsewhere:
                assert isinstance(elsewhere.api, providers.HasGroups)
                elsewhere.api.delete_group(first.group or "")
            time.sleep(0.06)  # 1.2 s of the quick clock
            second = client.submit(sender.picture("-2"))
        assert second.status == "active"
        assert second.group != first.group


class TestSharing:
    def test_twenty_threads_keep_the_rate_of_the_account(self, atlas: Sender, box: Sandbox) -> None:
        """20 registrations at 120 a minute: the first at once, the last after 9.5 s; the quick clock is 20 times as
        fast."""
        pictures = atlas.pictures(20)
        before, most = our_threads(), 0
        with client_of(atlas, rate="120/min") as client, ThreadPoolExecutor(20) as callers:
            begun = time.monotonic()
            made = [callers.submit(client.submit, picture) for picture in pictures]
            while not all(one.done() for one in made):
                most = max(most, our_threads() - before)
                time.sleep(0.005)
            seconds = time.monotonic() - begun
        assert {one.result().status for one in made} == {"active"}
        assert seconds * 20 >= 19 * 60 / 120
        assert 0 < most <= account.SUBMIT_THREADS + POLL_THREADS
        assert atlas.registered() == 20

    def test_clients_of_one_account_share_it(self, atlas: Sender) -> None:
        options = atlas.options()
        one, other = Client("atlas", **options), Client(providers.ATLAS, **options)
        with one, other:
            first, second = atlas.pictures(2)
            one.submit(first)
            other.submit(second)
            assert one._account is other._account
            assert one._provider is other._provider
            one.close()
            assert other.submit(first).status == "active"
        assert not account._accounts

    def test_calls_at_the_same_time_share_it_too(self, atlas: Sender, box: Sandbox) -> None:
        """20 threads that call `submit`, each with a client of its own, keep the rate."""
        options, pictures = atlas.options(rate="120/min"), atlas.pictures(20)
        before, most = our_threads(), 0
        with Client("atlas", **options) as client, ThreadPoolExecutor(20) as callers:
            client.submit(pictures[0])
            begun = time.monotonic()
            made = [callers.submit(submit, picture, "atlas", **options) for picture in pictures]
            while not all(one.done() for one in made):
                most = max(most, our_threads() - before)
                time.sleep(0.005)
            seconds = time.monotonic() - begun
        assert seconds * 20 >= 18 * 60 / 120
        assert 0 < most <= account.SUBMIT_THREADS + POLL_THREADS
        assert {one.result().status for one in made} == {"active"}

    def test_another_key_of_the_account_has_its_own_connections(self, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "volcengine", tmp_path)
        options = sender.options()
        wrong = {**options, "keys": {**options["keys"], "secret_key": "another"}}
        with Client("volcengine", **options) as client, Client("volcengine", **wrong) as other:
            client.submit(sender.picture("-1"))
            with pytest.raises(AccountRefused):
                other.submit(sender.picture("-2"))
            assert client._account is other._account
            assert client.submit(sender.picture("-3")).status == "active"

    def test_clients_with_ledgers_of_their_own_do_not_share_them(self, atlas: Sender) -> None:
        path = str(atlas.folder / "ledger.sqlite")
        first, second, third = atlas.pictures(3)
        clock = quick_clock()
        with Ledger(path) as other, client_of(atlas, ledger=other, clock=clock) as staying:
            with Ledger(path) as own, client_of(atlas, ledger=own, clock=clock) as leaving:
                assert leaving.submit(first).status == "active"
                assert staying.submit(second).status == "active"
            assert staying.submit(third).status == "active"

    def test_other_rates_for_an_open_account_are_refused(self, atlas: Sender) -> None:
        options = atlas.options()
        with Client("atlas", **options) as client, Client("atlas", **{**options, "rate": "3/min"}) as other:
            client.submit(atlas.picture())
            with pytest.raises(UsageError, match="in use with rate=auto"):
                other.submit(atlas.picture("-2"))

    def test_long_run_does_not_delay_a_single_target(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.latency = 0.02
        with client_of(atlas, wait=False) as client:
            run = client.submit_all(atlas.pictures(200))
            next(run)
            client.submit(atlas.picture())
            assert atlas.registered() < 150
            run.close()


class TestStreams:
    def test_results_come_before_the_next_input_is_there(self, atlas: Sender) -> None:
        inputs: queue.Queue[Path] = queue.Queue()
        with client_of(atlas) as client, closing(client.submit_all(iter(inputs.get, None))) as made:
            for picture in atlas.pictures(3):
                inputs.put(picture)
                assert next(made).outcome == "active"

    def test_endless_input_is_read_only_a_window_ahead(self, atlas: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(running, "WINDOW", 10)
        taken = 0

        def targets() -> Iterator[Path]:
            nonlocal taken
            while True:
                taken += 1
                yield NARROW

        with client_of(atlas) as client, closing(client.submit_all(targets())) as made:
            assert len(list(itertools.islice(made, 30))) == 30
        assert taken <= 30 + 10

    def test_callback_gets_each_result_once_and_its_errors_lose_none(
        self, atlas: Sender, caplog: pytest.LogCaptureFixture
    ) -> None:
        seen: list[Submission] = []

        def on_result(submission: Submission) -> None:
            seen.append(submission)
            raise ValueError("the caller's fault")

        with client_of(atlas) as client, caplog.at_level(logging.ERROR):
            made = list(client.submit_all([*atlas.pictures(2), NARROW], on_result=on_result, ordered=True))
        assert [submission.index for submission in made] == [0, 1, 2]
        assert sorted(submission.index for submission in seen) == [0, 1, 2]
        assert [record.message.startswith("on_result raised") for record in caplog.records] == [True] * 3

    def test_error_of_the_input_follows_the_results_that_were_in_progress(self, atlas: Sender, box: Sandbox) -> None:
        def targets() -> Iterator[Path]:
            yield from pictures
            raise OSError("the queue is gone")

        box.faults.delay = 0.3
        pictures, results = atlas.pictures(2), []
        with client_of(atlas) as client, pytest.raises(OSError, match="the queue is gone"):
            results.extend(one.outcome for one in client.submit_all(targets()))
        assert results == ["active", "active"]

    def test_stream_is_read_only_as_fast_as_targets_are_started(
        self, atlas: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was taken from a queue, but not sent, would be lost with the process."""
        monkeypatch.setattr(running, "SUBMIT_THREADS", 2)
        host, reported = Gate(atlas.host), []
        stream = Counted(atlas.pictures(9))
        with client_of(atlas, host=host) as client:
            made = client.submit_all(stream, on_result=reported.append)
            with ThreadPoolExecutor(1) as caller:
                first = caller.submit(next, made)
                until(lambda: host.waiting == 2)
                time.sleep(0.1)
                assert stream.taken == 2
                host.opened.set()
                assert first.result(10).outcome == "active"
            made.close()
            until(lambda: len(reported) == stream.taken)
        assert sorted(one.index for one in reported) == list(range(stream.taken))

    def test_targets_that_an_early_end_leaves_are_reported(self, atlas: Sender) -> None:
        host, reported = Gate(atlas.host), []
        targets = iter([NARROW, *atlas.pictures(3)])
        with client_of(atlas, host=host) as client:
            made = client.submit_all(targets, on_result=reported.append)
            assert next(made).outcome == "rejected"
            until(lambda: host.waiting == 3)
            made.close()
            assert [one.outcome for one in reported] == ["rejected"]
            host.opened.set()
            until(lambda: len(reported) == 4)
        assert [one.outcome for one in reported[1:]] == ["cancelled"] * 3
        assert atlas.registered() == 0

    def test_lost_targets_of_a_stream_are_logged_without_a_callback(
        self, atlas: Sender, caplog: pytest.LogCaptureFixture
    ) -> None:
        inputs: queue.Queue[Path] = queue.Queue()
        picture = atlas.picture()
        with client_of(atlas) as client, caplog.at_level(logging.WARNING):
            inputs.put(NARROW)
            made = client.submit_all(iter(inputs.get, None))
            next(made)
            client.cancel()
            assert list(made) == []
            inputs.put(picture)
            until(lambda: caplog.records)
        assert f"{picture} was taken from the input" in caplog.text
        assert atlas.registered() == 0


def cancel_once_registered(client: Client, sender: Sender) -> None:
    while not any(entry.state == "processing" for entry in sender.entries()):
        time.sleep(0.01)
    client.cancel()


class TestCancelAndClose:
    def test_cancelled_targets_yield_a_result_and_the_same_call_continues(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.latency = 0.05
        pictures = atlas.pictures(80)
        with client_of(atlas) as client:
            made = client.submit_all(pictures)
            results = [next(made)]
            client.cancel()
            results += made
            assert sorted(one.index for one in results) == list(range(80))
            outcomes = {one.outcome for one in results}
            assert "cancelled" in outcomes
            assert outcomes <= {"active", "processing", "cancelled"}
            assert {entry.state for entry in atlas.entries()} <= {"active", "processing"}
            box.faults.clear()
            assert {one.outcome for one in client.submit_all(pictures)} == {"active"}
        assert atlas.registered() == 80

    def test_cancel_ends_polling_and_says_that_it_is_registered(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.delay = 600
        with client_of(atlas) as client:
            made = client.submit_all([atlas.picture()])
            cancelling = threading.Thread(target=cancel_once_registered, args=(client, atlas))
            cancelling.start()
            (submission,) = made
            cancelling.join()
        assert (submission.outcome, submission.code) == ("processing", "cancelled")
        assert submission.asset is not None

    def test_cancel_does_not_wait_for_the_ledger_and_cancels_the_call_that_opens_it(
        self, atlas: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opening, opened = threading.Event(), threading.Event()

        def wait(self: Ledger, *arguments: Any, **more: Any) -> None:
            opening.set()
            assert opened.wait(20)
            init(self, *arguments, **more)

        init = Ledger.__init__
        monkeypatch.setattr(Ledger, "__init__", wait)
        with client_of(atlas) as client, ThreadPoolExecutor(1) as caller:
            made = caller.submit(lambda: list(client.submit_all(atlas.pictures(2))))
            assert opening.wait(10)
            begun = time.monotonic()
            client.cancel()
            assert time.monotonic() - begun < 5
            opened.set()
            assert [one.outcome for one in made.result(10)] == ["cancelled"] * 2

    def test_target_that_arrives_after_cancel_is_reported(self, atlas: Sender) -> None:
        inputs: queue.Queue[Path] = queue.Queue()
        reported: list[Submission] = []
        with client_of(atlas) as client:
            inputs.put(NARROW)
            made = client.submit_all(iter(inputs.get, None), on_result=reported.append)
            next(made)
            client.cancel()
            assert list(made) == []
            inputs.put(atlas.picture())
            until(lambda: len(reported) == 2)
        assert [(one.index, one.outcome) for one in reported] == [(0, "rejected"), (1, "cancelled")]
        assert atlas.registered() == 0

    def test_cancel_ends_an_input_that_blocks(self, atlas: Sender) -> None:
        inputs: queue.Queue[Path] = queue.Queue()
        with client_of(atlas) as client:
            inputs.put(atlas.picture())
            made = client.submit_all(iter(inputs.get, None))
            next(made)
            threading.Timer(0.1, client.cancel).start()
            assert list(made) == []

    def test_close_ends_calls_in_other_threads_and_waits_for_those_with_an_effect(
        self, fewer: Sender, box: Sandbox
    ) -> None:
        box.faults.latency = 0.2
        pictures = fewer.pictures(10)
        client = client_of(fewer)
        with ThreadPoolExecutor(1) as caller:
            made = caller.submit(lambda: list(client.submit_all(pictures)))
            until(lambda: box.stats.calls[fewer.name, "register"] > 0 and fewer.entries())
            client.close()
            assert "intended" not in {entry.state for entry in fewer.entries()}
            assert len(made.result(5)) == 10
        there = fewer.registered()
        time.sleep(0.5)
        assert fewer.registered() == there
        box.faults.clear()
        assert {one.outcome for one in fewer.many(pictures)} == {"active"}
        assert fewer.registered() == 10

    def test_closed_client_is_a_wrong_call(self, atlas: Sender) -> None:
        client = client_of(atlas)
        client.submit(atlas.picture())
        client.close()
        client.close()
        for call in (lambda: client.submit(NARROW), lambda: client.get("asset-1"), lambda: client.list()):
            with pytest.raises(UsageError, match="is closed"):
                call()

    def test_what_a_client_returned_cannot_be_used_after_its_end(self, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "volcengine", tmp_path)
        with client_of(sender) as client:
            groups, listed = client.groups, client.list()
            group = groups.create(f"{sender.mark}-g")
            all_groups = groups.all()
        calls: list[Callable[[], object]] = [
            lambda: client.groups,
            lambda: groups.find(group.id),
            lambda: groups.create("new"),
            lambda: groups.delete(group),
            lambda: next(all_groups),
            lambda: next(listed),
            lambda: client.session("https://app.example.com"),
        ]
        for call in calls:
            with pytest.raises(UsageError, match="is closed"):
                call()

    def test_threads_end_with_the_last_client(self, atlas: Sender) -> None:
        before = our_threads()
        with client_of(atlas) as client:
            list(client.submit_all(atlas.pictures(5)))
            assert our_threads() > before
        until(lambda: our_threads() <= before)

    def test_close_waits_for_a_call_of_an_ended_run_although_others_began_since(self, atlas: Sender) -> None:
        client = client_of(atlas)
        run = client.begin_run(client.options, lambda *_: None)
        closer = threading.Thread(target=client.close, daemon=True)
        with run.scope.in_flight:
            client.end_run(run, stop=True, wait=False)
            client.end_run(client.begin_run(client.options, lambda *_: None), stop=False)
            closer.start()
            closer.join(0.3)
            assert closer.is_alive()
        closer.join(10)
        assert not closer.is_alive()

    def test_program_that_does_not_close_its_client_ends(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.delay = 0.2  # so that it is polled
        program = "import json, sys; from preflight import Client; client = Client('atlas', **json.loads(sys.argv[1]))"
        program += "; print(client.submit(sys.argv[2]).status)"
        kept = ("endpoint", "keys", "allow_private", "ledger")
        options = {name: value for name, value in atlas.options().items() if name in kept}
        words = [sys.executable, "-c", program, json.dumps({**options, "host": "atlas"}), atlas.picture()]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stdout) == (0, "active\n"), done.stderr


class TestManage:
    def test_assets_are_listed_renamed_deleted_and_restored(self, atlas: Sender) -> None:
        with client_of(atlas) as client:
            asset = client.submit(atlas.picture())
            assert asset.id in {one.id for one in client.list(name=atlas.mark)}
            assert client.get(asset.id).asset.status == "active"
            assert client.rename(asset.id, f"{atlas.mark}-new").asset.name == f"{atlas.mark}-new"
            client.delete(asset.id)
            assert asset.id in {one.id for one in client.list_trash()}
            with pytest.raises(AssetNotFound):
                client.get(asset.id)
            assert client.restore(asset.id).asset.id == asset.id

    def test_only_the_scheme_of_a_reference_is_removed(self, atlas: Sender) -> None:
        with client_of(atlas) as client:
            asset = client.submit(atlas.picture())
        with client_of(atlas, ledger=str(atlas.folder / "other.sqlite")) as client:
            assert client.get(f"Asset://{asset.id}").asset.id == asset.id
            with pytest.raises(UsageError, match="is not an id"):
                client.get(f"asset://asset://{asset.id}")

    def test_groups_and_sessions(self, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "volcengine", tmp_path)
        with client_of(sender) as client:
            group = client.groups.create(f"{sender.mark}-g")
            assert client.groups.find(group.id).name == f"{sender.mark}-g"
            asset = client.submit(sender.picture(), group=group.id)
            assert [one.id for one in client.list(group=group.name)] == [asset.id]
            assert client.session("https://app.example.com/verified").link

    def test_deleted_group_is_not_submitted_to(self, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "volcengine", tmp_path)
        with client_of(sender) as client:
            first = client.submit(sender.picture("-1"))
            assert client.groups.delete(client.groups.find(first.group or "")) == 1
            assert client.submit(sender.picture("-2")).group != first.group

    @pytest.mark.parametrize("name", sorted(PROVIDERS))
    def test_what_a_provider_cannot_do_is_a_wrong_call(self, box: Sandbox, tmp_path: Path, name: str) -> None:
        can = PROVIDERS[name].can
        with client_of(Sender(box, name, tmp_path)) as client:
            calls = {
                "list": client.list,
                "rename": lambda: client.rename("asset-1", "new"),
                "delete": lambda: client.delete("asset-1"),
                "restore": lambda: client.restore("asset-1"),
                "list_trash": client.list_trash,
                "create_group": lambda: client.groups,
                "create_session": lambda: client.session("https://app.example.com"),
                "session_result": lambda: client.session_result("token"),
            }
            for action in calls.keys() - can:
                with pytest.raises(UsageError, match="has no"):
                    calls[action]()
