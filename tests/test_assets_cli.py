"""`preflight assets …` as its users meet it: a process against a sandbox that runs beside it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preflight.ledger import Entry, LearnedRate, Ledger, RegistrationKey, State
from preflight.providers import PROVIDERS, Asset, Provider, find_provider, open_provider
from preflight.sandbox import Sandbox
from preflight.submission.recover import account_key
from tests.conftest import Run

Done = subprocess.CompletedProcess[str]
NAMES = sorted(PROVIDERS)
USUAL = {"agt", "atlas", "sunra", "volcengine"}
EACH = [name if name in USUAL else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
"""Every provider; those without a call of their own are slow tests."""
SIGNATURE = "5f2c9d7a11c04e0b8a4d"


class Desk:
    """One provider at the sandbox, a ledger, and the command."""

    def __init__(self, box: Sandbox, run: Run, ledger: Path, name: str, picture: str) -> None:
        self.box, self.name, self.ledger, self.picture = box, name, ledger, picture
        self.environment = {**os.environ, **box.environment(name)}
        self.provider: Provider = open_provider(find_provider(name), endpoint=box.endpoint(name), env=self.environment)
        self.group = self.provider.api.create_group("heroes").id if self.provider.spec.needs_group else None
        self._run = run

    def call(self, *words: str, alone: bool = False, **options: Any) -> Done:
        """`preflight assets …`; unless `alone` at this provider."""
        where = [] if alone else ["--to", self.name, "--endpoint", self.box.endpoint(self.name)]
        ledger = [] if words[0] == "session" else ["--ledger", str(self.ledger)]
        settings = {"env": self.environment, **options}
        done = self._run("assets", *words, *where, *ledger, **settings)
        assert "Traceback" not in done.stdout + done.stderr
        assert not any(value in done.stdout + done.stderr for value in self.secrets())
        return done

    def json(self, *words: str, **options: Any) -> Any:
        """What it prints as JSON, once it succeeds."""
        done = self.call(*words, "--format", "json", **options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def secrets(self) -> list[str]:
        public = {variable for key in self.provider.spec.credentials if key.public for variable in key.env}
        values = self.box.environment(self.name)
        return [value for name, value in values.items() if name not in public]

    def register(self, name: str) -> Asset:
        """An asset at the provider; nothing of it is in the ledger."""
        asset = self.provider.register(self.picture, "image", name=name, group=self.group)
        while self.provider.get(asset.id).status == "processing":
            pass
        return self.provider.get(asset.id)

    def write(self, stem: str, state: State = "active", asset: Asset | None = None, **facts: Any) -> Entry:
        """An entry of the ledger for a file called so."""
        provider = self.provider
        place = (provider.name, provider.origin, provider.account, provider.project, self.group or "", "image")
        key = RegistrationKey(*place, f"sha256:{stem}")
        entry = Entry(key.digest, 1, *place, key.content, f"media/{stem}.png", stem, "rules", state)
        if asset is not None:
            entry = replace(entry, asset_id=asset.id, reference=asset.reference)
        with Ledger(str(self.ledger)) as ledger:
            return ledger.write(replace(entry, **facts))

    def known(self, name: str, state: State = "active") -> Asset:
        """An asset that the ledger knows too."""
        asset = self.register(name)
        self.write(name, state, asset)
        return asset

    def entry(self, name: str) -> Entry | None:
        with Ledger(str(self.ledger)) as ledger:
            return next((entry for entry in ledger.entries() if entry.source == f"media/{name}.png"), None)

    def state(self, name: str) -> str | None:
        entry = self.entry(name)
        return entry.state if entry is not None else None


At = Callable[[str], Desk]


def open_desks(box: Sandbox, run: Run, ledger: Path, picture: str) -> Iterator[At]:
    """Yield what opens a desk at a provider; all are closed at the end."""
    desks = []

    def at(name: str) -> Desk:
        desks.append(Desk(box, run, ledger, name, picture))
        return desks[-1]

    yield at
    for each in desks:
        each.provider.close()


@pytest.fixture
def desk(box: Sandbox, run: Run, tmp_path: Path, fixtures: Path) -> Iterator[At]:
    yield from open_desks(box, run, tmp_path / "ledger.sqlite", box.host(fixtures / "accepted" / "picture.png"))


def refused(done: Done, *said: str, code: int = 2) -> None:
    """Assert that a command exits with this code, prints one message that contains this, and nothing else.

    Codes: 1 if the provider refuses the call, 2 if the call is wrong, 3 if the provider cannot be reached.
    """
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stdout == ""
    for text in said:
        assert text in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


class TestEveryCommandAtEveryProvider:
    """What a provider has works, and what it lacks is said in a sentence."""

    @pytest.mark.parametrize("name", EACH)
    def test_get(self, desk: At, name: str) -> None:
        at = desk(name)
        asset = at.known("hero", "processing")
        done = at.call("get", asset.id)
        assert done.returncode == 0
        assert done.stdout.startswith(f"ACTIVE     {at.provider.title}  {asset.id}\n")
        assert "media/hero.png" in done.stdout
        if asset.usage and asset.kind:
            assert asset.usage in done.stdout
        assert "Signature=…" in done.stdout or "Signature" not in done.stdout
        assert at.state("hero") == "active"
        refused(at.call("get", "asset-never-there"), at.provider.title, "nothing has this id", "Check the id", code=1)

    @pytest.mark.parametrize("name", EACH)
    def test_list_remote(self, desk: At, name: str) -> None:
        at = desk(name)
        if "list" not in at.provider.spec.can:
            refused(at.call("list", "--remote"), f"{at.provider.title} has no call to list assets")
            return
        known, other = at.known("hero"), at.register("other")
        rows = {row["id"]: row for row in at.json("list", "--remote")}
        assert rows[known.id]["entry"]["source"] == "media/hero.png"
        assert rows[other.id]["entry"] is None
        found = at.json("list", "--remote", "--name", "othe")
        assert other.id in {row["id"] for row in found}
        assert {row["name"] for row in found} == {"other"}

    @pytest.mark.parametrize("name", EACH)
    def test_rename(self, desk: At, name: str) -> None:
        at = desk(name)
        asset = at.known("hero")
        if "rename" not in at.provider.spec.can:
            refused(at.call("rename", asset.id, "villain"), f"{at.provider.title} has no call to rename")
            return
        done = at.call("rename", "hero", "villain")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"RENAMED    {asset.id}  villain  from media/hero.png\n"
        assert at.provider.get(asset.id).name == "villain"
        entry = at.entry("hero")
        assert entry is not None
        assert entry.name == "villain"
        refused(at.call("rename", asset.id, "x" * 65), at.provider.title, "this one has 65. Give a shorter NAME.")

    @pytest.mark.parametrize("name", EACH)
    def test_delete(self, desk: At, name: str) -> None:
        at = desk(name)
        asset = at.known("hero")
        if "delete" not in at.provider.spec.can:
            refused(at.call("delete", asset.id), f"{at.provider.title} has no call to delete")
            return
        sure = [] if "restore" in at.provider.spec.can else ["--yes"]
        if sure:
            refused(at.call("delete", asset.id), f"{at.provider.title} cannot restore a deleted asset", "--yes")
            assert at.provider.get(asset.id).id == asset.id
        done = at.call("delete", asset.id, *sure)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"DELETED    {asset.id}  hero  from media/hero.png\n"
        assert at.state("hero") == "gone"
        refused(at.call("delete", asset.id, *sure), "nothing has this id", code=1)

    @pytest.mark.parametrize("name", EACH)
    def test_restore_and_trash(self, desk: At, name: str) -> None:
        at = desk(name)
        asset = at.known("hero")
        if "restore" not in at.provider.spec.can:
            refused(at.call("restore", asset.id), "has no call to restore")
            refused(at.call("list", "--trash"), f"{at.provider.title} has no trash")
            return
        assert at.call("delete", "hero").returncode == 0
        assert asset.id in {row["id"] for row in at.json("list", "--trash")}
        done = at.call("restore", "hero")
        assert done.returncode == 0, done.stderr
        assert at.state("hero") == "active"
        assert asset.id not in {row["id"] for row in at.json("list", "--trash")}

    @pytest.mark.parametrize("name", EACH)
    def test_groups(self, desk: At, name: str) -> None:
        at = desk(name)
        if not at.provider.spec.needs_group:
            for words in (["list"], ["create", "x"], ["rename", "x", "y"], ["delete", "x", "--yes"]):
                refused(at.call("groups", *words), f"{at.provider.title} has no groups")
            return
        made = at.json("groups", "create", "villains")
        assert (made["name"], made["type"]) == ("villains", "AIGC")
        refused(at.call("groups", "create", "villains"), "has a group 'villains' already", made["id"])
        assert at.call("groups", "rename", "villains", "rascals").returncode == 0
        refused(at.call("groups", "rename", "villains", "x"), "has no group 'villains'", f"rascals ({made['id']})")
        refused(at.call("groups", "rename", made["id"]), "No change is given")
        for word in ("rascals", made["id"]):
            got = at.json("groups", "get", word)
            assert (got["id"], got["name"]) == (made["id"], "rascals")
        assert at.call("groups", "get", "rascals").stdout.startswith(f"GROUP      {made['id']}  rascals")
        refused(at.call("groups", "get", "villains"), "has no group 'villains'", f"rascals ({made['id']})")
        rows = at.json("groups", "list", "--name", "rasc")
        assert [row["id"] for row in rows] == [made["id"]]
        at.group = made["id"]
        asset = at.known("hero")
        assert [row["id"] for row in at.json("list", "--remote", "--group", "rascals")] == [asset.id]
        refused(at.call("groups", "delete", "rascals"), f"({made['id']}) with its asset permanently", "--yes")
        assert at.provider.get(asset.id).id == asset.id
        done = at.call("groups", "delete", "rascals", "--yes")
        assert (done.returncode, done.stdout[:10]) == (0, "DELETED   ")
        assert at.state("hero") == "gone"
        assert made["id"] not in {group.id for group in at.box.groups(name)}
        refused(at.call("groups", "delete", "rascals", "--yes"), "has no group 'rascals'")

    @pytest.mark.parametrize("name", EACH)
    def test_sessions(self, desk: At, name: str) -> None:
        at = desk(name)
        kind = at.provider
        create = ("session", "create", "https://app.example/done")
        if "create_session" not in kind.spec.can:
            refused(at.call(*create), f"{kind.title} does not verify real persons")
            refused(at.call("session", "result", "x"), f"{kind.title} does not verify real persons")
            return
        refused(at.call("session", "create", "app.example/done"), "is not an http(s) URL")
        session = at.json(*create)
        assert session["token"] in at.call("session", "create", "https://app.example/x").stdout + session["token"]
        if "session_result" in kind.spec.can:
            refused(at.call("session", "result", session["token"]), kind.title, "ValidatePending", code=1)
            refused(at.call("session", "result", "https://app.example/done?x=1"), "takes no URL. Give the token")
            self._opened(session["link"])
            done = at.call("session", "result", "-", input=f"{session['token']}\n")
            assert done.returncode == 0, done.stderr
            assert session["token"] not in done.stdout + done.stderr
        else:
            refused(at.call("session", "result", session["token"]), "takes no token. Give the URL")
            done = at.call("session", "result", self._opened(session["link"]))
            assert done.returncode == 0, done.stderr
            failed = at.call("session", "result", "https://app.example/done?status=failed&reason=no%1b[31m+face")
            assert (failed.returncode, failed.stdout) == (1, "FAILED     no\\x1b[31m face\n")
            refused(at.call("session", "result", "https://app.example/done?status=maybe&token=s3cr3t"), "token=…")
        group = at.box.groups(name)[0]
        assert group.type == "LivenessFace"
        assert done.stdout == f"VERIFIED   {group.id}  (register into it with `submit --to {name} --group`)\n"

    @staticmethod
    def _opened(link: str) -> str:
        """Where a person is sent on to who opens the link."""
        import requests

        return requests.get(link, allow_redirects=False, timeout=5).headers["location"]


class TestUrlOfTheFile:
    def test_url_is_complete_only_on_request(self, desk: At) -> None:
        at = desk("volcengine")
        asset = at.known("hero")
        signature = re.compile("X-Tos-Signature=[0-9a-f]{64}")
        assert signature.search(asset.url or "")
        for words in (["get", asset.id], ["get", asset.id, "--format", "json"], ["list", "--remote"], ["list"]):
            assert not signature.search(at.call(*words).stdout)
        assert signature.search(at.call("get", asset.id, "--show-url").stdout)
        assert signature.search(at.json("get", asset.id, "--show-url")[0]["url"])
        assert at.call("list", "--show-url").returncode == 2


class TestListOfTheLedger:
    @pytest.fixture
    def full(self, desk: At) -> Desk:
        at = desk("atlas")
        for number in range(5):
            at.write(f"hero-{number}", created=f"2026-01-0{number + 1}T00:00:00Z", asset_id=str(number))
        url = f"https://cdn.example/a.png?X-Amz-Signature={SIGNATURE}"
        why = f"fetch of {url} \x1b[2J failed"
        at.write("lost", "failed", created="2026-02-01T00:00:00Z", error_code="download_failed", error_message=why)
        at.write("old", "gone", created="2026-02-02T00:00:00Z")
        return at

    def test_list_needs_neither_key_nor_network_and_omits_deleted_assets(self, full: Desk) -> None:
        done = full.call("list", alone=True, env={"PATH": os.environ["PATH"]})
        lines = done.stdout.splitlines()
        assert lines[0] == "ACTIVE     atlas  0  hero-0  from media/hero-0.png"
        assert [line.split()[0] for line in lines[:6]] == ["ACTIVE"] * 5 + ["FAILED"]
        assert lines[6] == (
            "           fetch of https://cdn.example/a.png?X-Amz-Signature=… \\x1b[2J failed [download_failed]"
        )
        assert len(lines) == 7
        assert done.stderr == f"6 assets in the ledger {full.ledger}: 5 active, 1 failed\n"

    @pytest.mark.parametrize(
        ("words", "names"),
        [
            (["--state", "gone"], ["old"]),
            (["--name", "hero", "--limit", "2"], ["hero-0", "hero-1"]),
            (["--page", "2", "--page-size", "2"], ["hero-2", "hero-3"]),
            (["--kind", "video"], []),
            (["--to", "sunra"], []),
            (["--group", "heroes"], []),
        ],
    )
    def test_filters_and_paging(self, full: Desk, words: list[str], names: list[str]) -> None:
        assert [row["name"] for row in full.json("list", *words, alone=True)] == names

    def test_group_is_found_by_its_name(self, desk: At) -> None:
        at = desk("volcengine")
        assert at.call("groups", "create", "villains").returncode == 0
        at.group = next(group.id for group in at.box.groups("volcengine") if group.name == "villains")
        at.write("hero")
        assert [row["name"] for row in at.json("list", "--group", "villains", alone=True)] == ["hero"]

    def test_account_is_shown_if_there_are_several(self, desk: At) -> None:
        at = desk("atlas")
        at.write("hero", asset_id="1")
        assert at.call("list", alone=True).stdout == "ACTIVE     atlas  1  hero  from media/hero.png\n"
        at.write("twin", asset_id="2", account="studio", name="hero")
        lines = at.call("list", alone=True).stdout.splitlines()
        assert [line[11:].split("  ")[0] for line in lines] == ["atlas (default)", "atlas (studio)"]
        assert [row["account"] for row in at.json("list", alone=True)] == ["default", "studio"]
        refused(at.call("forget", "hero", alone=True), "hero (atlas (studio), active), hero (atlas (default), active)")
        done = at.call("list", "--account", "studio", alone=True)
        assert done.stdout == "ACTIVE     atlas (studio)  2  hero  from media/twin.png\n"
        assert done.stderr == f"1 asset in the ledger {at.ledger} (account studio): 1 active\n"
        remote = at.register("other")
        rows = {row["id"]: row["account"] for row in at.json("list", "--remote", "--account", "studio")}
        assert rows[remote.id] == "studio"
        assert " at Atlas Cloud (account studio): " in at.call("list", "--remote", "--account", "studio").stderr
        assert at.call("list", "--format", "csv", alone=True).stdout.splitlines()[0].endswith(",account")

    def test_csv_contains_no_formula(self, desk: At) -> None:
        at = desk("atlas")
        at.write("hero", source="=HYPERLINK(1)")
        rows = list(csv.DictReader(io.StringIO(at.call("list", "--format", "csv", alone=True).stdout)))
        assert rows[0]["source"] == "'=HYPERLINK(1)"

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--remote"], "Choose it with --to"),
            (["--trash"], "Choose it with --to"),
            (["--to", "atlass"], "Did you mean 'atlas'"),
            (["--page", "x"], "is not a page of the ledger. Write a number from 1."),
        ],
    )
    def test_wrong_call_is_refused(self, full: Desk, words: list[str], said: str) -> None:
        refused(full.call("list", *words, alone=True), said)


class TestListOfTheProvider:
    def test_page_names_the_next_one(self, desk: At) -> None:
        at = desk("byteplus")
        ids = [at.register(f"paged-{number}").id for number in range(3)]
        first = at.call("list", "--remote", "--group", "heroes-of-this", "--page", "1")
        refused(first, "has no group 'heroes-of-this'")
        assert at.group is not None
        words = ["list", "--remote", "--group", at.group, "--page-size", "2", "--format", "jsonl"]
        first, second, last = (at.call(*words, "--page", str(number)) for number in (1, 2, 3))
        assert first.stderr == "next: --page 2\n"
        assert (last.stdout, last.stderr) == ("", "")
        rows = [json.loads(line)["id"] for line in (first.stdout + second.stdout).splitlines()]
        assert sorted(rows) == sorted(ids)
        assert sorted(row["id"] for row in at.json(*words[:-2])) == sorted(ids)

    def test_states_are_filtered_if_the_provider_cannot(self, desk: At, fixtures: Path) -> None:
        at = desk("atlas")
        at.box.faults.fail("PixelCountTooLarge", match="broken*")
        at.register("broken")
        rows = at.json("list", "--remote", "--state", "failed")
        assert {row["status"] for row in rows} == {"failed"}
        assert rows[0]["error_code"] == "pixel_count_too_large"
        refused(at.call("list", "--remote", "--state", "gone"), "exists only in the ledger. Leave --remote out.")
        refused(at.call("list", "--remote", "--group", "x"), "Atlas Cloud has no groups")


class TestFindingAssets:
    def test_asset_is_found_by_reference_name_source_or_id(self, desk: At) -> None:
        at = desk("atlas")
        asset = at.known("hero")
        assert asset.reference is not None
        endpoint = ["--endpoint", at.box.endpoint("atlas")]
        for word in (asset.id, asset.reference, asset.reference.replace("asset", "Asset", 1), "hero", "media/hero.png"):
            (row,) = at.json("get", word, *endpoint, alone=True)
            assert row["id"] == asset.id
        refused(at.call("get", "villain", *endpoint, alone=True), "has no asset 'villain'", "--to")

    @pytest.mark.parametrize("word", ["hero-0a1b2c3d4e5f", "media/hero.png", "hero.mp4"])
    def test_name_that_the_ledger_lacks_is_not_sent_as_an_id(self, desk: At, word: str) -> None:
        at = desk("atlas")
        calls = at.box.stats.calls.copy()
        refused(at.call("get", word), f"has no asset {word!r}. Give the asset's id.")
        assert at.box.stats.calls == calls
        id_ = "550e8400-e29b-41d4-a716-446655440000"
        refused(at.call("get", id_), "nothing has this id", code=1)

    def test_id_of_another_provider_is_refused(self, desk: At) -> None:
        sunra, atlas = desk("sunra"), desk("atlas")
        asset = sunra.known("hero")
        refused(atlas.call("get", asset.id), "is an asset of Sunra, not of Atlas Cloud. Give --to sunra")

    def test_asset_of_another_endpoint_is_refused(self, desk: At) -> None:
        at = desk("atlas")
        at.write("hero", asset_id="77", origin="https://console.atlascloud.ai")
        refused(at.call("get", "hero"), "was registered at https://console.atlascloud.ai", "Leave --endpoint out")

    def test_asset_of_another_project_is_refused(self, desk: At) -> None:
        at = desk("volcengine")
        at.known("hero")
        refused(at.call("get", "hero", "--set", "project=other"), "in the project 'default'", "--project default")

    def test_name_of_two_assets_is_refused(self, desk: At) -> None:
        at = desk("atlas")
        at.known("hero")
        twin = at.register("twin")
        at.write("twin", asset=twin, name="hero")
        refused(at.call("delete", "hero"), "'hero' means 2 assets", twin.id)

    def test_asset_without_an_id_is_refused(self, desk: At) -> None:
        at = desk("atlas")
        at.write("hero", "unknown")
        refused(at.call("get", "hero"), "has no id", "Settle it with `assets sync`")

    def test_error_of_one_asset_does_not_stop_the_others(self, desk: At) -> None:
        at = desk("atlas")
        ids = [at.known(name).id for name in ("one", "two")]
        done = at.call("delete", ids[0], "999999", ids[1])
        assert done.returncode == 1
        assert [line.split()[1] for line in done.stdout.splitlines()] == ids
        assert done.stderr.startswith("preflight: 999999: Atlas Cloud: ")

    def test_agt_refuses_to_delete_a_container_as_an_asset(self, desk: At) -> None:
        at = desk("agt")
        assert at.group is not None
        refused(at.call("delete", at.group, "--yes"), "is a container, not an asset")
        assert at.group in {group.id for group in at.box.groups("agt")}
        asset = at.known("hero")
        refused(at.call("groups", "delete", asset.id, "--yes"), "has no group")


class TestSync:
    @pytest.mark.parametrize("name", [name for name in NAMES if PROVIDERS[name].recover_by])
    @pytest.mark.parametrize("state", ["intended", "unknown"])
    def test_lost_registration_is_found_by_its_name(self, desk: At, name: str, state: State) -> None:
        at = desk(name)
        asset = at.register("lost-0a1b2c3d4e5f")
        at.write("hero", state, name="lost-0a1b2c3d4e5f")
        done = at.call("sync")
        assert done.returncode == 0, done.stderr
        entry = at.entry("hero")
        assert entry is not None
        assert (entry.state, entry.asset_id, entry.reference) == ("active", asset.id, asset.reference)
        assert done.stderr == "looking up 1 lost registration, for up to 60 s …\n1 active\n"

    def test_asset_that_was_never_registered_is_dropped(self, desk: At) -> None:
        at = desk("atlas")
        at.write("never", "intended")
        before = at.box.stats.calls["atlas", "list"]
        done = at.call("sync", "--settle", "1")
        assert (done.returncode, done.stdout[:10]) == (0, "ABSENT    ")
        assert "It was never registered" in done.stdout
        assert at.entry("never") is None
        assert at.box.stats.calls["atlas", "list"] - before >= 2
        assert at.box.stats.registrations("atlas", name="never") == []

    @pytest.mark.parametrize("name", [name for name in NAMES if not PROVIDERS[name].recover_by])
    def test_remedy_if_nothing_can_be_looked_up(self, desk: At, name: str) -> None:
        at = desk(name)
        at.write("hero", "intended")
        done = at.call("sync")
        assert done.returncode == 3
        assert at.state("hero") == "unknown"
        assert "has no list to look it up in" in done.stdout
        assert "console" not in done.stdout
        assert "`assets forget hero`" in done.stdout
        other, asset = at.register("villain"), at.register("hero")
        refused(at.call("sync", "--entry", "hero", "--id", other.id), "is called 'villain', not 'hero'")
        refused(at.call("sync", "--entry", "hero", "--id", "asset-nowhere"), "nothing has this id", code=1)
        refused(at.call("sync", "--id", asset.id), "--entry")
        done = at.call("sync", "--entry", "hero", "--id", asset.id)
        assert done.returncode == 0, done.stderr
        assert at.state("hero") == "active"
        refused(at.call("sync", "--entry", "hero", "--id", asset.id), "has no open entry of this name")

    def test_processing_asset_is_queried_once(self, desk: At) -> None:
        at = desk("atlas")
        at.box.faults.fail("FormatUnsupported", match="bad")
        active, failed = at.known("good", "processing"), at.known("bad", "processing")
        gone = at.known("gone", "processing")
        at.box.forget("atlas", gone.id)
        with sqlite3.connect(at.ledger) as db:
            db.execute("UPDATE entries SET updated = '2026-01-01T00:00:00.000Z'")
        at.box.faults.delay = 60
        waiting = at.provider.register(at.picture, "image", name="slow")
        at.write("slow", "processing", waiting)
        done = at.call("sync", "--format", "jsonl")
        assert done.returncode == 1
        found = {row["entry"]["name"]: row["found"] for row in map(json.loads, done.stdout.splitlines())}
        assert found == {"good": "active", "bad": "failed", "gone": "gone", "slow": "processing"}
        assert {name: at.state(name) for name in found} == found
        assert (active.id, failed.id) != (gone.id, waiting.id)
        (disagreement,) = at.json("disagreements", alone=True)
        assert (disagreement["theirs"], disagreement["ours"]) == ("format_unsupported", "pass")
        text = at.call("disagreements", alone=True).stdout
        assert text.startswith("FORMAT_UNSUPPORTED atlas  media/bad.png")

    def test_active_assets_are_queried_on_request(self, desk: At) -> None:
        at = desk("sunra")
        asset = at.known("hero")
        at.box.forget("sunra", asset.id)
        assert at.call("sync").stderr == "nothing is open\n"
        with sqlite3.connect(at.ledger) as db:
            db.execute("UPDATE entries SET updated = '2026-01-01T00:00:00.000Z'")
        assert at.call("sync", "--active").returncode == 0
        assert at.state("hero") == "gone"

    def test_entries_of_another_account_are_left_alone(self, desk: At) -> None:
        at = desk("atlas")
        at.write("hero", "processing", account="other", asset_id="5")
        done = at.call("sync")
        assert done.returncode == 3
        assert "1 open entry belongs to another account. Name it with --account: other." in done.stderr
        assert at.state("hero") == "processing"

    def test_ctrl_c_ends_sync_at_once_and_loses_nothing(self, desk: At) -> None:
        at = desk("atlas")
        asset = at.known("hero", "processing")
        at.box.faults.on("hang", provider="atlas", action="get")
        before = at.box.stats.calls["atlas", "get"]
        words = ["sync", "--to", "atlas", "--endpoint", at.box.endpoint("atlas"), "--ledger", str(at.ledger)]
        command = [sys.executable, "-m", "preflight", "assets", *words]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=at.environment, **pipes) as process:
            while at.box.stats.calls["atlas", "get"] == before:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=10)
        assert (process.returncode, out) == (130, "")
        assert "Traceback" not in errors
        entry = at.entry("hero")
        assert entry is not None
        assert (entry.state, entry.asset_id) == ("processing", asset.id)


class TestForgetAndExport:
    def test_forget_removes_only_the_entry(self, desk: At) -> None:
        at = desk("atlas")
        asset = at.known("hero")
        done = at.call("forget", "media/hero.png", alone=True)
        assert (done.returncode, done.stdout[:10]) == (0, "FORGOTTEN ")
        assert at.entry("hero") is None
        assert at.provider.get(asset.id).id == asset.id
        refused(at.call("forget", "hero", alone=True), "has no entry for 'hero'", "assets list")

    def test_several_entries_need_yes(self, desk: At) -> None:
        at = desk("crun")
        for name in ("one", "two"):
            at.write(name, "unknown")
        at.write("three")
        refused(at.call("forget", alone=True), "No entry is chosen")
        refused(at.call("forget", "--state", "unknown", alone=True), "2 entries are unknown", "--yes")
        done = at.call("forget", "--state", "unknown", "--to", "crun", "--yes", alone=True)
        assert (done.returncode, done.stdout.count("\n")) == (0, 2)
        assert (at.state("one"), at.state("two"), at.state("three")) == (None, None, "active")
        at.write("four", name="three", account="studio")
        refused(at.call("forget", "three", alone=True), "'three' means 2 entries", "(crun (studio), active)")
        assert at.call("forget", "three", "--account", "studio", alone=True).returncode == 0
        assert (at.state("three"), at.state("four")) == ("active", None)
        done = at.call("forget", "--state", "active", "--account", "studio", alone=True)
        assert (done.returncode, done.stderr) == (0, "no entry is active\n")

    @pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
    def test_export_has_every_field_of_every_entry(self, desk: At, form: str, tmp_path: Path) -> None:
        at = desk("atlas")
        at.write("hero", created="2026-01-01T00:00:00.000Z")
        at.write("old", "gone", created="2026-01-02T00:00:00.000Z")
        out = tmp_path / "out"
        done = at.call("export", "--format", form, "--output", str(out), alone=True)
        assert (done.returncode, done.stdout) == (0, "")
        text = out.read_text(encoding="utf-8")
        rows: Any = json.loads(text) if form == "json" else None
        if form == "jsonl":
            rows = [json.loads(line) for line in text.splitlines()]
        elif form == "csv":
            rows = list(csv.DictReader(io.StringIO(text)))
        entries = [at.entry("hero"), at.entry("old")]
        assert [row["name"] for row in rows] == ["hero", "old"]
        for row, entry in zip(rows, entries, strict=True):
            assert entry is not None
            assert set(row) == {*entry.as_json(), "fix"}
        assert at.json("export", "--to", "sunra", alone=True) == []


class TestErrors:
    """Each failure: provider, call, code and remedy in one sentence, and exit code 2."""

    @pytest.mark.parametrize("name", EACH)
    def test_missing_key_is_named(self, desk: At, name: str) -> None:
        at = desk(name)
        variable = at.provider.spec.credentials[0].env[0]
        refused(at.call("get", "x1", env={"PATH": os.environ["PATH"]}), at.provider.title, variable)

    @pytest.mark.parametrize("name", EACH)
    def test_wrong_key_is_refused(self, desk: At, name: str) -> None:
        at = desk(name)
        wrong = dict.fromkeys(at.box.environment(name), "AKLTwrongwrongwrong")
        done = at.call("get", "x1", env={**os.environ, **wrong})
        refused(done, at.provider.title, "the key is not accepted", "Check the key", code=1)
        assert "AKLTwrong" not in done.stderr

    @pytest.mark.parametrize("name", EACH)
    def test_expired_plan_is_not_reported_as_a_wrong_key(self, desk: At, name: str) -> None:
        at = desk(name)
        asset = at.register("hero")
        at.box.faults.on("subscription", provider=name)
        done = at.call("get", asset.id)
        refused(done, at.provider.title, "SubscriptionRequired", "Subscribe or renew", code=1)

    @pytest.mark.parametrize(
        ("fault", "said"),
        [("html", "it is a web page"), ("empty", "it is empty"), ("redirect", "keys are not sent elsewhere")],
    )
    def test_unusable_response_is_reported(self, desk: At, fault: str, said: str) -> None:
        at = desk("atlas")
        asset = at.known("hero")
        at.box.faults.on(fault, provider="atlas")
        refused(at.call("get", asset.id), "Atlas Cloud: GET /api/v1/sd/assets/", said, code=3)
        refused(at.call("list", "--remote"), "Atlas Cloud: GET /api/v1/sd/assets", said, code=3)
        refused(at.call("restore", asset.id), "Atlas Cloud", said, code=3)
        assert at.state("hero") == "active"

    def test_unreachable_provider_is_reported(self, desk: At) -> None:
        at = desk("atlas")
        done = at.call("list", "--remote", "--to", "atlas", "--endpoint", "http://127.0.0.1:9/atlas", alone=True)
        refused(done, "Atlas Cloud", "no connection", "Check the network", code=3)
        refused(at.call("list", "--remote", "--to", "atlas", "--endpoint", "http://h.ex", alone=True), "an https URL")

    def test_transient_error_is_retried(self, desk: At) -> None:
        at = desk("atlas")
        asset = at.known("hero")
        at.box.faults.on("error", provider="atlas", action="get", call=1)
        assert at.call("get", asset.id).returncode == 0

    @pytest.mark.parametrize(("verb", "word"), [("delete", "DELETED"), ("rename", "RENAMED")])
    def test_lost_response_is_settled_by_a_look_up(self, desk: At, verb: str, word: str) -> None:
        at = desk("volcengine")
        asset = at.known("hero")
        at.box.faults.on("lose-after", provider="volcengine", action=verb)
        done = at.call(verb, asset.id, *(["villain"] if verb == "rename" else ["--yes"]))
        assert (done.returncode, done.stdout[:7]) == (0, word)
        entry = at.entry("hero")
        assert entry is not None
        assert (entry.state, entry.name) == (("gone", "hero") if verb == "delete" else ("active", "villain"))

    def test_lost_call_without_effect_is_reported(self, desk: At) -> None:
        at = desk("volcengine")
        asset = at.known("hero")
        at.box.faults.on("lose", provider="volcengine", action="delete")
        refused(at.call("delete", asset.id, "--yes"), "DeleteAsset", "the connection was lost", code=3)
        assert at.state("hero") == "active"

    def test_lost_response_to_a_group_rename_is_settled_by_a_look_up(self, desk: At) -> None:
        at = desk("byteplus")
        made = at.json("groups", "create", "misnamed")
        at.box.faults.on("lose-after", provider="byteplus", action="rename_group")
        changed = at.json("groups", "rename", made["id"], "well-named")
        assert (changed["id"], changed["name"]) == (made["id"], "well-named")

    def test_reason_of_a_failed_asset_is_shown(self, desk: At) -> None:
        at = desk("volcengine")
        at.box.faults.fail("DurationTooLong", match="long", message="31 s\x1b[2J")
        done = at.call("get", at.register("long").id)
        assert (done.returncode, done.stdout[:6]) == (0, "FAILED")
        assert "failed    31 s\\x1b[2J [duration_too_long]" in done.stdout

    def test_group_is_created_once_if_the_response_is_lost(self, desk: At) -> None:
        at = desk("agt")
        at.box.faults.on("lose-after", provider="agt", action="create_group")
        made = at.json("groups", "create", "only-once")
        assert [group.id for group in at.box.groups("agt") if group.name == "only-once"] == [made["id"]]

    def test_options_of_the_provider_are_known(self, desk: At) -> None:
        at = desk("atlas")
        refused(at.call("get", "1", "--set", "project=x"), "Atlas Cloud has no option 'project'", "reference_id")
        refused(at.call("get", "1", "--set", "clock"), "Write NAME=VALUE")
        refused(at.call("get", "1", "--set", "reference_id=x"), "ark_asset_id")
        refused(at.call("get", "1", "--rate", "x"), "Unknown rate 'x'. Give --rate as auto", "3/min")
        refused(at.call("get", "1", "--proxy", "socks5://h"), "--proxy is not the URL of a proxy")
        assert at.json("get", at.register("hero").id, "--set", "reference-id=id")[0]["reference"].startswith(
            "asset://2"
        )


class TestRates:
    def test_remembered_rate_is_kept(self, desk: At) -> None:
        at = desk("atlas")
        asset = at.known("hero")
        with Ledger(str(at.ledger)) as ledger:
            ledger.rates(account_key(at.provider)).save("get", LearnedRate(50, 60.0, time.time()))
        assert at.call("get", asset.id).returncode == 0
        with sqlite3.connect(at.ledger) as db:
            ((free_at,),) = db.execute("SELECT at FROM rates WHERE action = 'get turn'").fetchall()
        assert free_at > time.time() - 60, "the next process waits for its turn"

    def test_account_must_be_named_if_the_ledger_has_several(self, desk: At) -> None:
        at = desk("volcengine")
        for account in ("studio", "agency"):
            key = account_key(at.provider)._replace(account=account)
            with Ledger(str(at.ledger)) as ledger:
                ledger.write_key_id(key, at.provider.key_id)
            at.write(account, account=account, asset_id=account)
        calls = at.box.stats.calls.copy()
        said = "The ledger has 2 accounts of Volcengine"
        for words in (["list", "--remote"], ["get", "studio"], ["groups", "list"], ["sync"], ["delete", "1", "--yes"]):
            refused(at.call(*words), said, "agency, studio. Name one with --account.")
        assert at.box.stats.calls == calls
        assert at.call("list", "--remote", "--account", "studio").returncode == 0


class TestLedgerFile:
    def test_missing_ledger_is_reported(self, desk: At) -> None:
        at = desk("atlas")
        for words in (["list"], ["export"], ["disagreements"], ["forget", "x"]):
            refused(at.call(*words, alone=True), f"--ledger {at.ledger} does not exist. Check the path.")
        refused(at.call("sync"), "does not exist. Check the path.")
        refused(at.call("get", "1", alone=True), "does not exist. Check the path.")
        assert not at.ledger.exists()

    def test_unusable_ledger_is_reported(self, desk: At, tmp_path: Path) -> None:
        at = desk("atlas")
        at.ledger.write_bytes(b"this is no database, whatever it is called" * 100)
        refused(at.call("list", alone=True), str(at.ledger), "is not a ledger", "--ledger")
        refused(at.call("delete", "1"), str(at.ledger), "is not a ledger")
        at.ledger.unlink()
        with sqlite3.connect(at.ledger) as db:
            db.execute("PRAGMA user_version = 99")
        refused(at.call("list", alone=True), "newer preflight", "Upgrade")
        at.ledger = tmp_path
        assert at.call("list", alone=True).returncode == 2

    def test_full_disk_loses_nothing(self, desk: At) -> None:
        resource = pytest.importorskip("resource")
        at = desk("atlas")
        asset = at.known("hero")
        size = 1 << 14  # less than what SQLite writes beside the ledger

        def fill() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        done = at.call("rename", asset.id, "villain", preexec_fn=fill)
        refused(done, str(at.ledger), "nothing is lost")
        entry = at.entry("hero")
        assert entry is not None
        assert entry.asset_id == asset.id

    def test_unwritable_output_is_reported(self, desk: At) -> None:
        at = desk("atlas")
        at.write("hero")
        refused(at.call("export", "--output", "no/such/folder/x", alone=True), "no/such/folder/x")

    def test_name_that_is_not_utf_8(self, desk: At) -> None:
        at = desk("atlas")
        at.write("hero")
        refused(at.call("forget", os.fsdecode(b"\xff\xfe.png"), alone=True), "has no entry for")
