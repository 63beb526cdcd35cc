"""`preflight submit` as a process: the sandbox, what is printed, exit codes, bad input, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from preflight.providers import PROVIDERS
from preflight.sandbox import Sandbox
from tests.conftest import ROOT, Run
from tests.submission.sending import Sender

ONE = "fixtures/accepted/picture.png"
QUICKLY = "tests.submission.quickly"
NARROW = "fixtures/refused/png-too-narrow.png"
SOON = 5.0
"""Seconds in which a process ends on a busy machine. What it must not wait for takes longer."""


def environment(sender: Sender, **more: str) -> dict[str, str]:
    return {**os.environ, "XDG_DATA_HOME": str(sender.folder / "data"), **sender.box.environment(sender.name), **more}


def words(sender: Sender, *targets: object) -> list[str]:
    group = [] if sender.group is None else ["--group", sender.group]
    return ["submit", *map(str, targets), "--to", sender.name, "--endpoint", sender.box.endpoint(sender.name), *group]


@pytest.fixture
def folder(tmp_path: Path, fixtures: Path) -> Path:
    """What passes, what does not, and what is no media: once under a name that promises some."""
    made = tmp_path / "files"
    made.mkdir()
    for name in ("accepted/picture.png", "accepted/clip.mp4", "accepted/sound.wav", "refused/png-too-narrow.png"):
        shutil.copy(fixtures / name, made)
    shutil.copy(fixtures / "accepted/picture.jpg", made / "no-extension")
    (made / "readme.txt").write_text("no media")
    (made / "page.jpg").write_text("<!doctype html><title>no media either</title>")
    return made


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_folder_goes_to_every_provider_without_key_and_network(run: Run, folder: Path, name: str) -> None:
    done = run("submit", folder, "--to", name, "--sandbox", main=QUICKLY)
    assert done.returncode == 1
    assert done.stderr == ""
    words = {Path(line.split()[1]).name: line.split()[0] for line in done.stdout.splitlines() if str(folder) in line}
    other = "ACTIVE" if "video" in PROVIDERS[name].types.values() else "REJECTED"
    assert words == {
        "clip.mp4": other,
        "no-extension": "ACTIVE",
        "page.jpg": "REJECTED",
        "picture.png": "ACTIVE",
        "png-too-narrow.png": "REJECTED",
        "sound.wav": other,
    }
    assert "[width_too_small]" in done.stdout
    assert f"\nimage: {PROVIDERS[name].usage.get('image') or PROVIDERS[name].usage['']}\n" in done.stdout
    assert done.stdout.count("asset://") >= (2 if PROVIDERS[name].reference else 0)
    header, counts = done.stdout.splitlines()[-2:]
    table = dict(zip(header.split(), counts.split(), strict=True))
    assert table == ({"active": "4", "rejected": "2"} if other == "ACTIVE" else {"active": "2", "rejected": "4"}) | {
        "skipped": "1"
    }


def test_all_fixtures_go_to_the_sandbox(run: Run) -> None:
    """The second example of the README."""
    done = run("submit", "fixtures/", "--to", "atlas", "--sandbox", "--format", "jsonl", timeout=120)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert len(rows) > 200
    assert {row["outcome"] for row in rows} == {"active", "rejected"}
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert all(row["asset"]["reference"].startswith("asset://") for row in rows if row["outcome"] == "active")
    assert re.search(r"\d+ active, \d+ rejected, \d+ skipped", done.stderr)


def test_text_and_jsonl_report_the_same(run: Run, some: Sender, tmp_path: Path) -> None:
    good, bad = some.picture(), tmp_path / "bad.png"
    shutil.copy(NARROW, bad)
    some.one(good, ledger=str(some.folder / "l.sqlite"))
    call = [*words(some, some.box.host(good), bad), "--ledger", some.folder / "l.sqlite"]
    # The URL's address is private, so that a service could not fetch it: the check says so.
    done = run(*call, env=environment(some))
    assert done.returncode == 1
    assert "[address_not_public]" in done.stdout
    out = tmp_path / "out.jsonl"
    done = run(*call, "--format", "jsonl", "--output", out, env=environment(some))
    assert done.stdout == ""
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["outcome"], row["code"]) for row in rows] == [
        ("rejected", "address_not_public"),
        ("rejected", "width_too_small"),
    ]


def test_ledger_that_is_given_is_kept_also_with_the_sandbox(run: Run, tmp_path: Path) -> None:
    ledger = tmp_path / "kept.sqlite"
    words = ("submit", ONE, "--to", "sunra", "--sandbox")
    assert run(*words, "--ledger", ledger, main=QUICKLY).returncode == 0
    assert ledger.exists()
    assert run(*words, env={**os.environ, "HOME": str(tmp_path)}, main=QUICKLY).returncode == 0
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["kept.sqlite", "kept.sqlite.lock"]


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ([], 0, "ACTIVE"),
        (["--no-wait"], 0, "PROCESSING"),
        (["--poll-timeout", "0"], 3, "[deadline]"),
        (["--reference-id", "atlas_asset_id"], 0, "asset://atlas-asset-"),
        (["--set", "reference_id=id"], 0, "asset://2"),
        (["--no-name"], 0, "ACTIVE"),
    ],
)
def test_exit_codes(run: Run, more: list[str], code: int, said: str) -> None:
    main = "preflight.__main__" if "--poll-timeout" in more else QUICKLY  # before the asset is active
    done = run("submit", ONE, "--to", "atlas", "--sandbox", *more, main=main)
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout


class TestBadInput:
    """What the message has to name: the provider, the call, the code and the remedy."""

    def test_missing_file_is_unknown_and_not_sent(self, run: Run, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "atlas", tmp_path / "files")
        missing = sender.folder / "missing.png"
        done = run(*words(sender, missing), "--ledger", tmp_path / "l.sqlite", env=environment(sender))
        assert done.returncode == 3
        assert "does not exist" in done.stdout
        assert sender.registered() == 0

    def test_missing_key_is_refused(self, run: Run) -> None:
        done = run("submit", ONE, "--to", "volcengine", "--public-base", "https://cdn.example.com")
        assert done.returncode == 2
        assert "Volcengine Ark needs a key. Set the environment variable VOLC_ACCESSKEY.\n" in done.stderr

    @pytest.mark.parametrize(
        ("fault", "code", "said"),
        [
            ("401", "auth", "the key is not accepted"),
            ("subscription", "subscription_required", "Subscribe or renew"),
            ("html", "response_invalid", "it is a web page"),
            ("empty", "response_invalid", "it is empty"),
            pytest.param("503", "server", "Try again later.", marks=pytest.mark.slow),  # it is tried again for 5 s
        ],
    )
    def test_provider_that_refuses_or_answers_nonsense(
        self, run: Run, box: Sandbox, tmp_path: Path, fault: str, code: str, said: str
    ) -> None:
        sender = Sender(box, "atlas", tmp_path)
        box.faults.on(fault, action="upload")
        done = run(*words(sender, sender.picture()), "--host", "atlas", env=environment(sender))
        assert done.returncode == 3
        assert done.stderr == ""
        assert "ERROR" in done.stdout
        assert "Atlas Cloud: POST /api/v1/model/uploadMedia: " in done.stdout
        assert said in done.stdout
        assert f"[{code}]" in done.stdout

    def test_groups_of_the_same_name_are_listed(self, run: Run, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "volcengine", tmp_path)
        with sender.opened() as provider:
            ids = [provider.api.create_group(str(sender.group)).id for _ in range(2)]
        done = run(
            *words(sender, sender.picture()), "--public-base", "https://cdn.example.com", env=environment(sender)
        )
        assert done.returncode == 2
        assert all(id_ in done.stderr for id_ in ids)
        done = run(*words(sender, ONE)[:-2], "--public-base", "https://cdn.example.com", env=environment(sender))
        assert done.returncode == 2
        assert "Name one with --group. It has" in done.stderr
        assert ids[0] in done.stderr

    def test_deleted_group_is_named_and_nothing_is_sent(self, run: Run, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "volcengine", tmp_path)
        with sender.opened() as provider:
            group = provider.api.create_group(str(sender.group)).id
            provider.api.delete_group(group)
        url = ("--allow-private", "--group", group)
        done = run(*words(sender, box.host(sender.picture()))[:-2], *url, env=environment(sender))
        assert (done.returncode, done.stdout.count("ACTIVE")) == (2, 0)
        assert f"has no group with the id {group}. Give another --group." in done.stderr
        assert sender.registered() == 0

    def test_account_has_to_be_named_if_the_ledger_has_two(self, run: Run, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "atlas", tmp_path)
        for account in ("studio", "agency"):
            sender.one(sender.picture(), account=account)
        call = [*words(sender, sender.picture()), "--host", "atlas", "--ledger", tmp_path / "ledger.sqlite"]
        done = run(*call, env=environment(sender))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "preflight: The ledger has 2 accounts of Atlas Cloud: agency, studio. Name one with --account.\n"
        )
        assert sender.registered() == 2
        done = run(*call, env=environment(sender, PREFLIGHT_ACCOUNT="studio"))
        assert done.returncode == 0, done.stderr

    @pytest.mark.slow
    @pytest.mark.parametrize("size", [100_000, 160_000, 220_000])
    def test_disk_that_is_full_during_a_run_doubles_nothing(
        self, run: Run, box: Sandbox, tmp_path: Path, size: int
    ) -> None:
        """Its short form is the same with the ledger alone (`tests/ledger`)."""
        resource = pytest.importorskip("resource")
        sender = Sender(box, "atlas", tmp_path)
        targets = sender.pictures(12)
        call = [*words(sender, *targets), "--host", "atlas", "--allow-private", "--no-wait"]

        def fill() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        done = run(*call, env=environment(sender), preexec_fn=fill)
        assert done.returncode in (2, 3)
        assert "then repeat the call; nothing is lost." in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert 0 < sender.registered() < 12
        done = run(*call, env=environment(sender))
        assert done.returncode == 0, done.stdout
        assert sender.registered() == 12

    def test_wrong_options_are_refused(self, run: Run, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "atlas", tmp_path)
        for more, said in {
            ("--name", "n" * 60): "the name has 60 characters. Give --name with 1 to 48",
            ("--type", "Picture"): "has no type 'Picture'. Choose from Image, Video, Audio",
            ("--set", "project=x"): "has no option 'project'",
            ("--endpoint", "http://203.0.113.9"): "Give an https URL, or",
        }.items():
            done = run(*words(sender, ONE), "--host", "atlas", *more, env=environment(sender))
            assert (done.returncode, said in done.stderr) == (2, True), done.stderr
        done = run(*words(sender, ONE), env=environment(sender))
        assert (done.returncode, "--host or --public-base" in done.stderr) == (2, True)
        done = run("submit", ONE, "--to", "atals")
        assert (done.returncode, "Did you mean 'atlas'?" in done.stderr) == (2, True)
        assert sender.registered() == 0

    def test_file_without_a_host_is_rejected_beside_others(self, run: Run, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "atlas", tmp_path)
        call = [*words(sender, box.host(str(sender.picture())), ONE), "--ledger", tmp_path / "l.sqlite"]
        done = run(*call, "--allow-private", env=environment(sender))
        assert (done.returncode, sender.registered()) == (1, 1), done.stderr
        assert "Choose where it is hosted with --host or --public-base. [not_hosted]" in done.stdout

    def test_unusable_ledger_is_refused(self, run: Run, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "atlas", tmp_path)
        ledger = tmp_path / "l.sqlite"
        with sqlite3.connect(ledger) as other:
            other.execute("PRAGMA user_version = 7")
        other.close()
        call = [*words(sender, ONE), "--host", "atlas", "--ledger", ledger]
        done = run(*call, env=environment(sender))
        assert (done.returncode, "written by a newer preflight (version 7" in done.stderr) == (2, True)
        ledger.write_bytes(b"\0garbage" * 999)
        done = run(*call, env=environment(sender))
        assert (done.returncode, "is not a ledger" in done.stderr) == (2, True)
        assert "Traceback" not in done.stderr
        pipe = tmp_path / "pipe\x1b[31m"
        os.mkfifo(pipe)
        done = run(*call[:-1], pipe, env=environment(sender))
        assert done.returncode == 2
        assert r"pipe\x1b[31m is not a regular file. Keep this file, and give another --ledger." in done.stderr

    def test_failure_of_an_earlier_run_names_the_option(self, run: Run, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "atlas", tmp_path)
        box.faults.fail("PixelCountTooLarge", match=f"{sender.mark}*")
        picture = sender.picture()
        sender.one(picture)
        call = [*words(sender, picture), "--host", "atlas", "--ledger", tmp_path / "ledger.sqlite"]
        done = run(*call, env=environment(sender))
        assert (done.returncode, "Change the file, or submit it with --retry-failed." in done.stdout) == (1, True)


class TestInterrupt:
    """Ctrl-C leaves everything resumable, says how, and ends with 130 as soon as the call under way has ended."""

    def start(self, sender: Sender, *more: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "preflight", *words(sender, sender.folder), "--host", "atlas", *map(str, more)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(sender), cwd=ROOT
        )

    def interrupt(self, process: subprocess.Popen[str]) -> tuple[float, str, str]:
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        return time.monotonic() - begun, out, err

    @pytest.mark.parametrize("when", ["registering", "polling"])
    def test_interrupt_at_any_time_loses_nothing(self, run: Run, box: Sandbox, tmp_path: Path, when: str) -> None:
        sender = Sender(box, "atlas", tmp_path / "files")
        sender.pictures(12)
        if when == "polling":
            box.faults.delay = 3600
        else:
            box.faults.latency = 0.2
        process = self.start(sender, "--ledger", tmp_path / "l.sqlite")
        end = time.monotonic() + 20
        enough = 12 if when == "polling" else 2
        while sender.registered() < enough and time.monotonic() < end:
            time.sleep(0.02)
        seconds, _, err = self.interrupt(process)
        assert process.returncode == 130
        assert seconds < SOON
        assert "Traceback" not in err
        assert "Run the same command to continue" in err
        assert "was taken" not in err
        there = sender.registered()
        box.faults.clear()
        if when == "polling":
            assert there == 12
            for asset in sender.assets():
                box.forget("atlas", asset.id)  # they would be in processing for an hour
            return
        time.sleep(0.3)
        assert sender.registered() == there < 12
        done = run(*words(sender, sender.folder), "--host", "atlas", "--ledger", tmp_path / "l.sqlite",
                   env=environment(sender))  # fmt: skip
        assert done.returncode == 0, done.stdout
        assert done.stdout.count("(registered before)") == there
        assert sender.registered() == 12

    def test_second_interrupt_ends_the_run_during_a_call(self, run: Run, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "atlas", tmp_path / "files")
        sender.picture()
        box.faults.on("hang-after", action="register", call=1)
        process = self.start(sender, "--ledger", tmp_path / "l.sqlite")
        end = time.monotonic() + 20
        while sender.registered() < 1 and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        seconds, _, err = self.interrupt(process)
        assert (process.returncode, seconds < SOON) == (130, True), err
        assert "Traceback" not in err
        done = run(*words(sender, sender.folder), "--host", "atlas", "--ledger", tmp_path / "l.sqlite",
                   env=environment(sender))  # fmt: skip
        assert done.returncode == 0, done.stdout
        assert sender.registered() == 1

    def test_stop_does_not_wait_for_reading_calls(self, box: Sandbox, tmp_path: Path) -> None:
        sender = Sender(box, "atlas", tmp_path / "files")
        sender.pictures(2)
        box.faults.on("hang", action="get")
        process = self.start(sender, "--ledger", tmp_path / "l.sqlite")
        before = box.stats.faults["atlas", "get"]
        end = time.monotonic() + 20
        while sender.registered() < 2 or box.stats.faults["atlas", "get"] == before:
            assert time.monotonic() < end
            time.sleep(0.02)
        seconds, _, err = self.interrupt(process)
        assert (process.returncode, seconds < SOON) == (130, True), err
