"""What clients do after a fork and after their end, and what they show of keys."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import LedgerError, UsageError
from preflight.ledger import Ledger, RegistrationKey
from preflight.providers import CRUN
from preflight.sandbox import Sandbox
from preflight.submission import Client, RecoveryWindow, submit, submit_many
from preflight.submission.account import AccountCheck
from preflight.submission.async_client import AsyncClient
from preflight.submission.recover import account_key
from tests.rows import each_row
from tests.submission.sending import ACCEPTED, Sender

NARROW = ACCEPTED.parent / "refused" / "png-too-narrow.png"
KEY = RegistrationKey("atlas", "https://a.example", "default", "", "", "image", "sha256:00")


def in_a_fork(work: Callable[[], object]) -> int:
    """Return 0 if `work` ends without an exception in a forked process within 20 s, else another status."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            work()
        except BaseException:  # noqa: BLE001 - the process must not return into pytest
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
class TestFork:
    def test_forked_process_opens_clients_of_its_own(self, atlas: Sender) -> None:
        first, second = atlas.pictures(2)
        options = atlas.options(host="atlas")
        with Client("atlas", **options) as client:
            client.submit(first)
            assert in_a_fork(lambda: submit(second, "atlas", **options)) == 0
            assert client.submit(second).status == "active"
        assert len(atlas.entries()) == 2

    def test_client_from_before_the_fork_is_a_wrong_call(self, atlas: Sender) -> None:
        with Client("atlas", **atlas.options()) as client:
            client.submit(atlas.picture())

            def work() -> None:
                with pytest.raises(UsageError, match="before a fork"):
                    client.submit(atlas.picture())
                client.close()

            assert in_a_fork(work) == 0
            assert client.get(atlas.entries()[0].name).asset.status == "active"

    def test_stream_closed_in_a_fork_continues_in_the_process_that_began_it(self, atlas: Sender) -> None:
        with Client("atlas", **atlas.options()) as client:
            results = client.submit_all(atlas.pictures(2))
            begun = [next(results)]
            (run,) = client._runs
            with run.scope.in_flight:  # a call of a thread that the fork does not have
                assert in_a_fork(results.close) == 0
            assert {one.outcome for one in [*begun, *results]} == {"active"}
        assert atlas.registered() == 2


def test_keys_and_proxies_are_not_in_the_repr_of_options(atlas: Sender) -> None:
    options: dict[str, Any] = {**atlas.options(), "keys": "sk-secret-0123456789", "proxy": "http://u:word@127.0.0.1:1"}
    with Client("atlas", **options) as client:
        assert "sk-secret" not in repr(client.options)
        assert "u:word" not in repr(client.options)


@each_row(
    "name, value, remedy",
    [
        ("rate", 5, "Give auto, published, or registrations such as 3/min."),
        ("keys", 5, "Give a key, or the credentials by name."),
        ("ledger", 5, "Give a path, or an open ledger."),
        ("host", 5, "Give the name of the provider, s3://bucket/prefix, or an object with put()."),
        ("account", 5, "Give a string."),
        ("proxy", 5, "Give a string."),
        ("public_base", 5, "Give a string."),
        ("endpoint", 5, "Give a string."),
        ("name", 5, "Give a string."),
        ("wait", "no", "Give True or False."),
        ("on_rate", 5, "Give a function."),
        ("clock", 5, "Give a Clock."),
        ("recovery_window", 5, "Give a RecoveryWindow."),
        ("poll_timeout", "60", "Give seconds, 0 or more."),
        ("poll_timeout", -1, "Give seconds, 0 or more."),
        ("poll_timeout", float("nan"), "Give seconds, 0 or more."),
    ],
)
def test_option_of_a_wrong_type_is_refused_by_every_way_to_submit(
    atlas: Sender, name: str, value: Any, remedy: str
) -> None:
    options = {**atlas.options(), name: value}
    for call in (
        lambda: Client("atlas", **options),
        lambda: AsyncClient("atlas", **options),
        lambda: submit(NARROW, "atlas", **options),
        lambda: submit_many([NARROW], "atlas", **options),
    ):
        with pytest.raises(UsageError, match=f"{name}=.*{re.escape(remedy)}") as raised:
            call()
        assert raised.value.parameters == (name,)


@each_row("name, value", [("poll_timeout", -1), ("wait", "no"), ("group", 5), ("name", 5)])
def test_option_of_a_wrong_type_is_refused_by_the_calls_of_a_client(atlas: Sender, name: str, value: Any) -> None:
    for client in (Client("atlas", **atlas.options()), AsyncClient("atlas", **atlas.options())):
        with pytest.raises(UsageError, match=f"{name}="):
            client.submit_all([NARROW], **{name: value})


@each_row("name, value", [("ledger", "other.sqlite"), ("rate", "3/min"), ("keys", "k"), ("host", "atlas")])
def test_option_of_a_client_is_refused_by_its_calls(atlas: Sender, name: str, value: str) -> None:
    for client in (Client("atlas", **atlas.options()), AsyncClient("atlas", **atlas.options())):
        with pytest.raises(UsageError, match=f"{name}= is an option of the client"):
            client.submit_all([NARROW], **{name: value})


async def _on_result(submission: object) -> None:
    raise AssertionError


@each_row("function", [5, "print", _on_result])
def test_callback_that_cannot_be_called_is_refused(atlas: Sender, function: Any) -> None:
    for client in (Client("atlas", **atlas.options()), AsyncClient("atlas", **atlas.options())):
        with pytest.raises(UsageError, match="on_result= is not a function"):
            client.submit_all([NARROW], on_result=function)


def test_asset_or_group_that_is_not_text_is_refused(box: Sandbox, tmp_path: Path) -> None:
    with Client("volcengine", **Sender(box, "volcengine", tmp_path).options()) as client:
        for call in (
            lambda: client.get(5),
            lambda: client.delete(None),
            lambda: client.rename(b"asset-1", "name"),
            lambda: list(client.list(group=5)),
            lambda: client.groups.find(5),
        ):
            with pytest.raises(UsageError, match=r"is of the type \w+\. Give a string"):
                call()


def test_claim_of_a_closed_ledger_is_an_error(atlas: Sender) -> None:
    ledger = Ledger(str(atlas.folder / "ledger.sqlite"))
    ledger.close()
    with pytest.raises(LedgerError, match="it is closed"), ledger.claim(KEY):
        pass


def test_clients_of_one_account_share_the_few_slots_whatever_their_window(box: Sandbox, atlas: Sender) -> None:
    sender = Sender(box, CRUN.name, atlas.folder / "crun")
    options, found = sender.options(), []
    with Client(CRUN, **options) as one:
        one.submit(sender.picture())
        with Client(CRUN, **{**options, "recovery_window": RecoveryWindow(1.0)}) as other:
            other.submit(sender.picture())
            for client in (one, other):
                _, submitter = client._opened()
                found.append(submitter.registrar.slots)
    assert found[0] is found[1]


def test_key_that_another_process_used_meanwhile_is_checked_again(atlas: Sender) -> None:
    atlas.one(atlas.picture())
    with atlas.opened() as provider, closing(Ledger(str(atlas.folder / "ledger.sqlite"))) as ledger:
        check = AccountCheck(provider, ledger, provider.clock)
        check.require()
        ledger.write_key_id(account_key(provider), "key-of-another")
        with closing(sqlite3.connect(ledger.path)) as database, database:
            database.execute("UPDATE entries SET asset_id = '999999', updated = '2026-01-01T00:00:00.000Z'")
        with pytest.raises(UsageError, match="does not know the newest asset"):
            check.require()
