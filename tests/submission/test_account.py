"""A changed key of an account reuses its assets; the key of another account does not."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import ProviderUnavailable, UsageError
from preflight.ledger import Ledger
from preflight.providers import PROVIDERS, open_provider
from preflight.sandbox import Sandbox
from preflight.sandbox.state import Account
from preflight.submission.account import AccountCheck
from preflight.submission.manage import AssetManager, LedgerSync
from preflight.submission.recover import account_key
from tests.conftest import ROOT
from tests.ledger.version_1 import write_old_ledger
from tests.submission.clocks import quick_clock
from tests.submission.sending import WINDOW, Sender, keys_of


def rotate(box: Sandbox, provider: str) -> dict[str, str]:
    """Give the account of a sandbox a new key in place of its key; return it."""
    protocol = box._protocol(provider)
    protocol.credentials = protocol.new_credentials()
    return keys_of(box, provider)


@pytest.fixture(autouse=True)
def _same_keys_afterwards(box: Sandbox) -> Iterator[None]:
    before = {name: (box._protocol(name).credentials, box._protocol(name).account) for name in PROVIDERS}
    yield
    for name, (credentials, account) in before.items():
        box._protocol(name).credentials, box._protocol(name).account = credentials, account


def enter_another_account(sender: Sender) -> None:
    """Give the sandbox another account with another key; what the sender registered was registered minutes ago."""
    rotate(sender.box, sender.name)
    sender.box._protocol(sender.name).account = Account()
    make_old(sender)


def make_old(sender: Sender) -> None:
    """Make all entries old enough to be visible at the provider."""
    with closing(sqlite3.connect(sender.folder / "ledger.sqlite")) as database, database:
        database.execute("UPDATE entries SET updated = '2026-01-01T00:00:00.000Z'")


def session_of(box: Sandbox, provider: str) -> dict[str, str]:
    """Return a new temporary key, as each STS session has one."""
    protocol: Any = box._protocol(provider)
    protocol.temporary = replace(protocol.temporary, access_key=f"AKTP-{len(box.stats.calls)}-{id(object()):x}")
    pair = box.credentials(provider, temporary=True)
    return {"access_key": pair.access_key or "", "secret_key": pair.secret_key or "", "session_token": pair.token or ""}


class TestRotation:
    def test_new_api_key_reuses_what_the_older_one_registered(self, some: Sender, box: Sandbox) -> None:
        picture = some.picture()
        first = some.one(picture)
        rotate(box, some.name)
        again = some.one(picture)
        assert (again.outcome, again.reused) == ("active", True)
        assert first.asset is not None
        assert again.asset is not None
        assert again.asset.id == first.asset.id
        assert some.registered() == 1
        assert {entry.account for entry in some.entries()} == {"default"}

    def test_each_session_of_a_temporary_key_reuses_the_assets(self, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "volcengine", tmp_path)
        picture = sender.picture()
        results = [sender.one(picture, keys=session_of(box, "volcengine")) for _ in range(3)]
        assert [one.reused for one in results] == [False, True, True]
        assert sender.registered() == 1

    def test_new_key_is_read_back_with_one_call_and_then_known(self, atlas: Sender, box: Sandbox) -> None:
        atlas.many(atlas.pictures(5))
        calls = box.stats.calls["atlas", "get"]
        provider = PROVIDERS["atlas"]
        with Ledger(str(atlas.folder / "ledger.sqlite")) as ledger:
            with atlas.opened() as opened:
                opened.key_id = "key-of-today"
                check = AccountCheck(opened, ledger, quick_clock())
                check.require()
                check.require()
                assert box.stats.calls["atlas", "get"] == calls + 1
                assert ledger.last_key_id(account_key(opened)) == "key-of-today"
            assert ledger.accounts(provider.name, opened.origin, "") == ["default"]

    def test_migrated_ledger_reuses_what_its_keys_registered(self, some: Sender, box: Sandbox) -> None:
        """The key under which version 1 registered a file was part of the entry's identity."""
        picture = some.picture()
        some.one(picture)
        path = some.folder / "ledger.sqlite"
        old = []
        for entry in some.entries():
            former = replace(entry.registration, account="key-0123456789ab")
            old.append(replace(entry, account=former.account, key=former.digest))
        for file in some.folder.glob("ledger.sqlite*"):
            file.unlink()
        write_old_ledger(path, old)
        assert some.one(picture).reused
        assert some.registered() == 1

    def test_open_entries_of_all_keys_are_settled_after_the_migration(self, some: Sender) -> None:
        some.one(some.picture())
        (entry,) = some.entries()
        old = []
        for day, name in ((1, "lost-0123456789ab"), (2, "absent-0123456789ac"), (3, entry.name)):
            former = replace(entry.registration, account=f"key-{day}")
            facts = {"account": former.account, "key": former.digest, "state": "intended", "asset_id": None}
            old.append(replace(entry, name=name, created=f"2026-01-0{day}T00:00:00.000Z", **facts))
        for file in some.folder.glob("ledger.sqlite*"):
            file.unlink()
        write_old_ledger(some.folder / "ledger.sqlite", old)
        with Ledger(str(some.folder / "ledger.sqlite")) as ledger, some.opened(clock=quick_clock()) as provider:
            sync = LedgerSync(provider, ledger, clock=quick_clock(), window=WINDOW)
            results = list(sync.settle(sync.pending()))
            assert sorted(result.found for result in results) == ["absent", "absent", "active"]
            assert [(one.name, one.state) for one in ledger.entries()] == [(entry.name, "active")]


class TestForeignKey:
    def test_key_of_another_account_stops_the_run_before_anything_is_sent(self, some: Sender) -> None:
        first = some.one(some.picture())
        assert first.asset is not None
        enter_another_account(some)
        with pytest.raises(
            UsageError, match=rf"does not know the newest asset.*account=.*forget {first.asset.id}`"
        ) as caught:
            some.many(some.pictures(3))
        assert caught.value.parameters == ("account",)
        assert some.registered() == 1
        assert {entry.state for entry in some.entries()} == {"active"}

    def test_threads_share_one_check(self, atlas: Sender, box: Sandbox) -> None:
        atlas.many(atlas.pictures(5))
        enter_another_account(atlas)
        calls = box.stats.calls["atlas", "get"]
        with Ledger(str(atlas.folder / "ledger.sqlite")) as ledger, atlas.opened() as provider:
            check = AccountCheck(provider, ledger, quick_clock())
            with ThreadPoolExecutor(8) as executor:
                errors = [future.exception() for future in [executor.submit(check.require) for _ in range(16)]]
            assert all(isinstance(error, UsageError) for error in errors)
            assert len({id(error) for error in errors}) == 16, "each thread raises an error of its own"
        assert box.stats.calls["atlas", "get"] == calls + 3

    def test_named_account_registers_apart(self, some: Sender) -> None:
        picture = some.picture()
        some.one(picture)
        enter_another_account(some)
        second = some.one(picture, account="second")
        assert (second.outcome, second.reused) == ("active", False)
        assert some.one(picture, account="second").reused
        assert sorted(entry.account for entry in some.entries()) == ["default", "second"]

    def test_single_deleted_asset_does_not_count(self, atlas: Sender, box: Sandbox) -> None:
        pictures = atlas.pictures(3)
        for picture in pictures:
            atlas.one(picture)
        newest = max(atlas.entries(), key=lambda entry: entry.created)
        box.forget("atlas", newest.asset_id or "")
        rotate(box, "atlas")
        make_old(atlas)
        assert [one.outcome for one in atlas.many(pictures)] == ["active"] * 3
        assert atlas.registered() == 4

    def test_deleted_assets_stop_no_run_while_the_key_lists_another_one(self, some: Sender, box: Sandbox) -> None:
        pictures = some.pictures(4)
        for picture in pictures:
            some.one(picture)
        for entry in sorted(some.entries(), key=lambda entry: entry.created)[1:]:
            box.forget(some.name, entry.asset_id or "")
        rotate(box, some.name)
        make_old(some)
        assert [one.outcome for one in some.many(pictures)] == ["active"] * 4
        assert some.registered() == 7

    @pytest.mark.parametrize("name", ["atlas", "crun"])
    def test_printed_command_settles_that_all_assets_were_deleted(
        self, box: Sandbox, tmp_path: Path, name: str
    ) -> None:
        sender = Sender(box, name, tmp_path)
        pictures = sender.pictures(3)
        sender.many(pictures)
        for entry in sender.entries():
            box.forget(name, entry.asset_id or "")
        rotate(box, name)
        make_old(sender)
        with pytest.raises(UsageError, match="if the assets were deleted, run `preflight assets forget ") as caught:
            sender.many(pictures)
        command = [*str(caught.value).split("`")[1].split(), "--ledger", str(tmp_path / "ledger.sqlite")]
        done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.count("FORGOTTEN") == 3
        assert [one.outcome for one in sender.many(pictures)] == ["active"] * 3
        assert sender.registered() == 6

    def test_asset_that_may_not_be_visible_yet_proves_nothing(self, atlas: Sender, box: Sandbox) -> None:
        asset = atlas.one(atlas.picture()).asset
        assert asset is not None
        box.forget("atlas", asset.id)
        with Ledger(str(atlas.folder / "ledger.sqlite")) as ledger, atlas.opened() as provider:
            (entry,) = ledger.entries()
            account, clock = account_key(provider), quick_clock()
            ledger.write_key_id(account, "key-of-yesterday")
            with pytest.raises(UsageError, match="does not know"):
                AccountCheck(provider, ledger, clock).require()
            ledger.settle(entry, "processing")
            AccountCheck(provider, ledger, clock).require()
            assert ledger.last_key_id(account) == "key-of-yesterday"

    def test_provider_that_does_not_answer_is_asked_again(self, atlas: Sender, box: Sandbox) -> None:
        atlas.one(atlas.picture())
        rotate(box, "atlas")
        with Ledger(str(atlas.folder / "ledger.sqlite")) as ledger, atlas.opened(clock=quick_clock()) as provider:
            check = AccountCheck(provider, ledger, quick_clock())
            get = provider.get
            answers = [ProviderUnavailable("down", provider="atlas", call="get", reason="unavailable")]

            def failing(asset: str) -> Any:
                if answers:
                    raise answers.pop()
                return get(asset)

            provider.get = failing  # type: ignore[method-assign]
            with pytest.raises(ProviderUnavailable):
                check.require()
            check.require()

    def test_sync_and_management_with_another_accounts_key_change_no_entry(self, atlas: Sender) -> None:
        asset = atlas.one(atlas.picture()).asset
        assert asset is not None
        enter_another_account(atlas)
        with Ledger(str(atlas.folder / "ledger.sqlite")) as ledger, atlas.opened() as provider:
            manager = AssetManager(provider, ledger, clock=quick_clock())
            for call in (manager.get, manager.delete):
                with pytest.raises(UsageError, match="account="):
                    call(asset.id)
            sync = LedgerSync(provider, ledger, clock=quick_clock())
            with pytest.raises(UsageError, match="account="):
                list(sync.settle(sync.pending(active=True)))
        assert [entry.state for entry in atlas.entries()] == ["active"]


class TestNames:
    def test_only_account_of_the_ledger_is_used(self, atlas: Sender) -> None:
        picture = atlas.picture()
        atlas.one(picture, account="studio")
        assert atlas.one(picture).reused
        assert {entry.account for entry in atlas.entries()} == {"studio"}

    def test_one_of_several_accounts_must_be_named(self, atlas: Sender) -> None:
        picture = atlas.picture()
        atlas.one(picture, account="studio")
        atlas.one(picture, account="agency")
        with pytest.raises(UsageError, match=r"2 accounts of Atlas.*: agency, studio\. Name one with account="):
            atlas.one(picture)
        assert atlas.one(picture, account="agency").reused

    def test_environment_names_the_account(self, monkeypatch: pytest.MonkeyPatch) -> None:
        keys = {"ATLASCLOUD_API_KEY": "sk-1"}
        for given, variable, name in (
            (None, "", "default"),
            (None, "studio", "studio"),
            ("agency", "studio", "agency"),
        ):
            provider = open_provider(PROVIDERS["atlas"], account=given, env={**keys, "PREFLIGHT_ACCOUNT": variable})
            with provider:
                assert (provider.account, provider.is_account_named) == (name, name != "default")

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[31m", "x" * 65, " a", "a\x00", "a\udce9"])
    def test_unusable_name_is_refused(self, name: str) -> None:
        with pytest.raises(UsageError, match="1 to 64 printable characters") as caught:
            open_provider(PROVIDERS["atlas"], "sk-1", account=name)
        assert str(caught.value).isprintable()

    def test_command_line_names_the_option(self, atlas: Sender, box: Sandbox) -> None:
        atlas.one(atlas.picture(), account="studio")
        atlas.one(atlas.picture(), account="agency")
        words = ["--to", "atlas", "--endpoint", box.endpoint("atlas"), "--ledger", str(atlas.folder / "ledger.sqlite")]

        def call(*more: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "preflight", "assets", "sync", *words, *more]
            environment = box.environment("atlas")
            return subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
            )

        refused = call()
        assert refused.returncode == 2
        assert "Name one with --account." in refused.stderr
        assert call("--account", "studio").returncode == 0

    def test_export_names_the_account_and_no_key(self, atlas: Sender, box: Sandbox) -> None:
        atlas.one(atlas.picture(), account="studio")
        command = [sys.executable, "-m", "preflight", "assets", "export", "--ledger", f"{atlas.folder}/ledger.sqlite"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        assert json.loads(done.stdout)["account"] == "studio"
        assert "key-" not in done.stdout
