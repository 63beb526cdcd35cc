"""`preflight submit --fix` as a process: what is printed, wrong calls, Ctrl-C and SIGKILL while a video is encoded."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import preflight
from preflight.ledger import Ledger
from preflight.sandbox import Sandbox
from preflight.submission.fix_folder import FIX_FOLDER_PREFIX
from preflight.submission.register import sha256_of
from tests.conftest import ROOT, Run
from tests.fixer.programs import program
from tests.submission.sending import NARROW, Sender, keys_of, unique_picture
from tests.submission.waiting import until

QUICKLY = "tests.submission.quickly"
REFUSED = NARROW.parent
FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")
SOON = 5.0
"""Seconds in which a process ends on a busy machine. The encoder takes longer."""


class TestOutput:
    def test_text_says_how_each_file_was_fixed(self, run: Run) -> None:
        done = run("submit", NARROW, REFUSED.parent / "accepted/picture.png", REFUSED / "notes.wav", "--to", "atlas",
                   "--sandbox", "--fix", "--fit", "pad", main=QUICKLY)  # fmt: skip
        assert (done.returncode, done.stderr) == (1, "")
        lines = done.stdout.splitlines()
        at = next(number for number, line in enumerate(lines) if "png-too-narrow" in line)
        assert lines[at].startswith("ACTIVE")
        assert lines[at + 1].strip().startswith(f"fixed: {preflight.plan(NARROW, 'atlas', fit='pad').sentence}")
        assert done.stdout.count("fixed:") == 1
        assert "REJECTED" in done.stdout

    def test_jsonl_has_the_plan_of_each_fixed_file(self, run: Run) -> None:
        done = run("submit", NARROW, REFUSED.parent / "accepted/picture.png", "--to", "atlas", "--sandbox", "--fix",
                   "--format", "jsonl", main=QUICKLY)  # fmt: skip
        assert done.returncode == 0
        first, second = (json.loads(line) for line in done.stdout.splitlines())
        assert first["fix"]["sentence"] == preflight.plan(NARROW, "atlas").sentence
        assert (first["outcome"], first["report"]["verdict"], second["fix"]) == ("active", "fail", None)

    def test_ledger_shows_from_what_a_file_was_made(self, run: Run, box: Sandbox, tmp_path: Path) -> None:
        ledger, narrow = tmp_path / "l.sqlite", unique_picture(tmp_path / "narrow.png", NARROW)
        sender = Sender(box, "atlas", tmp_path)
        fixed, plain = sender.many([narrow, sender.picture()], fix=True, ledger=str(ledger))
        assert fixed.fix is not None
        text = run("assets", "list", "--ledger", ledger).stdout
        (below,) = [line.strip() for line in text.splitlines() if "fixed:" in line]
        assert below.startswith(f"fixed: {fixed.fix.sentence}")
        for form in ("jsonl", "json"):
            listed = run("assets", "list", "--ledger", ledger, "--format", form).stdout
            rows = json.loads(listed) if form == "json" else [json.loads(line) for line in listed.splitlines()]
            by_id = {row["asset_id"]: row["fix"] for row in rows}
            assert by_id[plain.asset.id if plain.asset else ""] is None
            shown = by_id[fixed.asset.id if fixed.asset else ""]
            assert (shown["sentence"], shown["losses"]) == (fixed.fix.sentence, list(fixed.fix.losses))
            assert shown["original"] == f"sha256:{sha256_of(str(narrow))}"
            assert shown["fixed"].startswith("sha256:")
        exported = run("assets", "export", "--ledger", ledger, "--format", "csv").stdout
        assert sum(shown["fixed"] in line for line in exported.splitlines()) == 1


class TestWrongCalls:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--fit", "pad"], "--fit applies only to files that are fixed. Add --fix."),
            (["--add-silence"], "--add-silence applies only to files that are fixed. Add --fix."),
            (["--fix", "--max-upscale", "0.5"], "0.5 is not allowed. Write a number from 1 to 64."),
            (["--fix", "--quality", "0"], "Write a whole number from 1 to 100."),
            (["--fix", "--host", "", "--public-base", "https://cdn.example"], "--host"),
            (["--fix", "--public-base", "https://cdn.example"], "--fix makes new ones. Give --host instead."),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_wrong_call_ends_before_anything_is_read(self, run: Run, words: list[str], said: str) -> None:
        done = run("submit", "missing.png", "--to", "atlas", *words, env={**os.environ, "ATLASCLOUD_API_KEY": "k"})
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of 2 s that must be encoded again, and that no other test has."""
    path = tmp_path / "film.mp4"
    make = [FFMPEG or "", "-v", "error", "-f", "lavfi", "-i", "color=gray:s=640x640:r=10:d=2.2", "-pix_fmt", "yuv420p"]
    subprocess.run([*make, "-preset", "ultrafast", "-metadata", f"comment={uuid.uuid4()}", path], check=True)
    return path


@needs_ffmpeg
class TestInterrupt:
    """An encoder that is so slow that it takes 8 s is ended with the command, however that ends."""

    @pytest.fixture
    def atlas(self, box: Sandbox, tmp_path: Path) -> Iterator[Sender]:
        program(
            tmp_path / "bin" / "ffmpeg",
            f'case " $* " in *" -i "*) exec {FFMPEG} -readrate 0.25 "$@";; esac; exec {FFMPEG} "$@"',
        )
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        yield Sender(box, "atlas", tmp_path / "sent")
        assert encoders(temporary) == []

    def start(self, sender: Sender, clip: Path) -> subprocess.Popen[str]:
        folder = clip.parent
        environment = {
            **os.environ,
            **sender.box.environment("atlas"),
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(folder / "temporary"),
        }
        words = ["submit", clip, "--to", "atlas", "--endpoint", sender.box.endpoint("atlas"), "--host", "atlas",
                 "--fix", "--ledger", folder / "ledger.sqlite", "--name", sender.mark]  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", "preflight", *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
        )  # fmt: skip
        until(lambda: encoders(folder / "temporary"), 30)
        return process

    def finish(self, sender: Sender, clip: Path) -> None:
        """The same call again fixes the video and registers it once."""
        submission = sender.one(
            clip, fix=True, host="atlas", ledger=str(clip.parent / "ledger.sqlite"), name=sender.mark
        )
        assert (submission.outcome, submission.reused, sender.registered()) == ("active", False, 1)
        with Ledger(str(clip.parent / "ledger.sqlite")) as ledger:
            (entry,) = ledger.entries()
            assert ledger.fixes.load(entry.key) is not None

    def test_ctrl_c_ends_the_encoder_and_removes_the_folder(self, atlas: Sender, clip: Path) -> None:
        process = self.start(atlas, clip)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, time.monotonic() - begun < SOON) == (130, True), err
        assert "Traceback" not in err
        assert "Run the same command to continue" in err
        assert os.listdir(clip.parent / "temporary") == []
        self.finish(atlas, clip)

    @pytest.mark.slow
    def test_kill_ends_the_encoder_and_leaves_a_folder_that_says_what_it_is(self, atlas: Sender, clip: Path) -> None:
        process = self.start(atlas, clip)
        process.kill()
        process.communicate(timeout=20)
        temporary = clip.parent / "temporary"
        until(lambda: not encoders(temporary))
        (left,) = os.listdir(temporary)
        assert left.startswith(FIX_FOLDER_PREFIX)
        self.finish(atlas, clip)


def encoders(folder: Path) -> list[str]:
    """The processes that write to a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"ffmpeg" in words[0] and any(os.fsencode(folder) in word for word in words):
            found.append(process.parent.name)
    return found


SCRIPT = """
import json, sys
from preflight import submit
job = json.loads(sys.argv[1])
print(submit(job["file"], "atlas", host="atlas", fix=True, allow_private=True, **job["options"]).id)
"""


def test_processes_that_fix_the_same_file_register_it_once(box: Sandbox, tmp_path: Path) -> None:
    sender = Sender(box, "atlas", tmp_path)
    narrow = unique_picture(tmp_path / f"{sender.mark}.png", NARROW)
    options = {"keys": keys_of(box, "atlas"), "endpoint": box.endpoint("atlas"), "ledger": str(tmp_path / "l.sqlite")}
    command = [sys.executable, "-c", SCRIPT, json.dumps({"file": str(narrow), "options": options})]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) for _ in range(2)
    ]
    ids = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(set(ids)) == 1
    assert sender.registered() == 1
    assert os.listdir(temporary) == []
