"""`preflight assets request` and `submit --request`: what they print, and that it is accepted when it is sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from preflight.ledger import Ledger
from preflight.sandbox import Sandbox
from preflight.submission.register import content_of_file
from tests.conftest import Run
from tests.test_assets_cli import At, Desk, Done, open_desks, refused

PROMPT = 'it\'s "@Image1", `id` $HOME'


@pytest.fixture
def desk(box: Sandbox, run: Run, tmp_path: Path, fixtures: Path) -> Iterator[At]:
    yield from open_desks(box, run, tmp_path / "ledger.sqlite", box.host(fixtures / "accepted" / "picture.png"))


def offline(at: Desk, *words: str) -> Done:
    """The command with the ledger alone: no key, no provider."""
    return at._run("assets", "request", *words, "--ledger", str(at.ledger), env={"PATH": os.environ["PATH"]})


def task_of(at: Desk, words: list[str]) -> str:
    """Send a printed request and return the answer."""
    done = subprocess.run(words, env=at.environment, capture_output=True, text=True, check=True, timeout=60)
    return json.dumps(json.loads(done.stdout))


def test_ledger_is_enough_for_assets_that_it_has_as_active(desk: At, tmp_path: Path) -> None:
    at = desk("atlas")
    hero, villain = at.known("hero"), at.known("villain")
    calls = at.box.stats.calls.copy()
    done = offline(at, "media/hero.png", str(villain.reference), "--prompt", PROMPT, "--parameter", "duration=5")
    assert (done.returncode, done.stderr) == (0, "")
    assert '-H "Authorization: Bearer $ATLASCLOUD_API_KEY"' in done.stdout
    assert at.box.stats.calls == calls
    assert '"status": "queued"' in task_of(at, ["sh", "-c", done.stdout])
    again = offline(at, "hero", villain.id, "--prompt", PROMPT, "--parameter", "duration=5", "--format", "json")
    shown = json.loads(again.stdout)
    assert shown["json"]["input"] == {
        "prompt": PROMPT,
        "reference_images": [hero.reference, villain.reference],
        "duration": 5,
    }
    script = tmp_path / "send.py"
    printed = offline(at, "hero", "--prompt", PROMPT, "--format", "python", "-o", str(script))
    assert (printed.returncode, printed.stdout) == (0, "")
    assert '"status": "queued"' in task_of(at, [sys.executable, str(script)])


def test_asset_that_the_ledger_does_not_know_is_asked_for(desk: At) -> None:
    at = desk("crun")
    asset = at.register("hero")
    shown = at.json("request", asset.id, "--prompt", "p")
    assert shown["json"]["input"]["reference_images"] == [asset.reference]
    assert shown["url"] == at.box.endpoint("crun") + "/api/v1/client/job/CreateTask"
    refused(offline(at, asset.id, "--prompt", "p"), "has no asset", "--to", code=2)


def test_option_of_the_provider_asks_it(desk: At) -> None:
    at = desk("atlas")
    asset = at.known("hero")
    shown = at.json("request", "hero", "--prompt", "p", "--reference-id", "atlas_asset_id")
    assert shown["json"]["input"]["reference_images"] == [f"asset://{asset.ids['atlas_asset_id']}"]


def test_processing_asset_is_asked_for_and_refused_until_it_is_active(desk: At) -> None:
    at = desk("volcengine")
    at.box.faults.delay = 60
    waiting = at.provider.register(at.picture, "image", group=at.group)
    at.write("waiting", "processing", waiting)
    refused(at.call("request", "waiting", "--prompt", "p"), "is processing, not active", "assets get")
    at.box.faults.delay = 0
    active = at.register("hero")
    at.write("hero", "processing", active)
    shown = at.json("request", "hero", "--prompt", "p")
    assert shown["json"]["content"][1]["image_url"] == {"url": active.reference}
    assert at.state("hero") == "active"


def test_asset_that_failed_or_is_not_settled_is_refused(desk: At) -> None:
    at = desk("atlas")
    at.box.faults.fail("PixelCountTooLarge", match="broken*")
    failed = at.register("broken")
    at.write("broken", "failed", failed)
    refused(at.call("request", "broken", "--prompt", "p"), f"{failed.id} is failed, not active. Register its file")
    at.write("lost", "unknown")
    refused(at.call("request", "lost", "--prompt", "p"), "'lost' has no id", "Settle it with `assets sync`.")
    gone = at.known("gone")
    at.box.forget("atlas", gone.id)
    refused(at.call("request", "gone", "--prompt", "p", "--reference-id", "id"), "nothing has this id", code=1)
    assert at.state("gone") == "gone"


def test_roles_are_chosen_by_asset(desk: At) -> None:
    at = desk("sunra")
    first, last = at.known("first"), at.known("last")
    roles = ["--role", "first_frame=first", "--role", f"last_frame={last.id}"]
    shown = json.loads(offline(at, *roles, "--prompt", "p", "--format", "json").stdout)
    assert shown["json"] == {"prompt": "p", "start_image": first.reference, "end_image": last.reference}
    assert shown["url"].endswith("/v1/queue/bytedance/seedance-2.0-relay/image-to-video")


def test_assets_of_two_providers_are_refused(desk: At) -> None:
    desk("atlas").known("hero")
    at = desk("crun")
    at.known("villain")
    said = "These assets are at atlas and crun. Choose one provider with --to."
    refused(offline(at, "hero", "villain", "--prompt", "p"), said)
    refused(offline(at, "--role", "first_frame=hero", "--role", "last_frame=villain", "--prompt", "p"), said)


WRONG = [
    (["--prompt", "p"], "No asset given. Write an ASSET, or --role ROLE=ASSET."),
    (["hero", "--prompt", " "], "The prompt is empty. Give --prompt."),
    (["--role", "frist=hero", "--prompt", "p"], "--role frist=hero is not a role. Write ROLE=ASSET, with one of first"),
    (["--role", "first_frame", "--prompt", "p"], "--role first_frame is not a role. Write ROLE=ASSET"),
    (["--role", "last_frame=hero", "--prompt", "p"], "takes a last_frame only with a first_frame. Give"),
    (["--role", "reference_audio=hero", "--prompt", "p"], "and reference_audio takes the kind audio. Choose"),
    (["hero", "--role", "first_frame=hero", "--prompt", "p"], "does not combine first_frame with references. Give"),
    (
        ["--role", "first_frame=hero", "--role", "first_frame=other", "--prompt", "p"],
        "--role first_frame is given twice. Leave one of them out.",
    ),
    (["hero", "--prompt", "p", "--parameter", "duration"], "--parameter duration has no value. Write NAME=VALUE."),
    (["hero", "--prompt", "p", "--parameter", "=5"], "--parameter =5 has no name. Write NAME=VALUE."),
    (
        ["hero", "--prompt", "p", "--parameter", "duration=5", "--parameter", "duration=10"],
        "--parameter duration is given twice. Leave one of them out.",
    ),
    (
        ["hero", "--prompt", "p", "--parameter", "prompt=x"],
        "prompt is set by the request itself. Leave it out of --p",
    ),
    (["hero", "--prompt", "p", "--model", "a b"], "'a b' is not the name of a model. Give another --model."),
    (["nobody", "--prompt", "p"], "has no asset 'nobody'. Give its provider with --to."),
    (["hero", "--prompt", "p", "--endpoint", "ftp://x"], "cannot be used"),
]


def test_wrong_calls_print_one_sentence_for_problem_and_remedy(desk: At) -> None:
    at = desk("atlas")
    at.known("hero")
    at.known("other")
    for words, message in WRONG:
        refused(offline(at, *words), message)


def test_name_of_several_assets_is_refused_with_their_ids(desk: At) -> None:
    at = desk("atlas")
    first, second = at.known("hero"), at.register("hero")
    at.write("hero", "active", second, content="sha256:other", key="0" * 64)
    refused(offline(at, "hero", "--prompt", "p"), "'hero' means 2 assets. Give the id of one: ", first.id, second.id)


def test_provider_without_documentation_is_refused_without_a_call(desk: At) -> None:
    at = desk("agt")
    at.known("hero")
    refused(offline(at, "hero", "--prompt", "p"), "no page documents how a generation request names an asset. Ask its")


def test_assets_that_do_not_go_together_are_refused_with_the_finding(desk: At) -> None:
    at = desk("crun")
    assets = [at.known(f"hero{number}").id for number in range(10)]
    refused(offline(at, *assets, "--prompt", "p"), "images 10", "[too_many_files]", "Change the assets", code=1)


def test_file_that_was_registered_is_judged_unless_it_changed(desk: At, tmp_path: Path, fixtures: Path) -> None:
    at = desk("atlas")
    at.known("hero")
    narrow = fixtures / "refused/png-too-narrow.png"
    file = tmp_path / "narrow.png"
    file.write_bytes(narrow.read_bytes())
    asset = at.register("narrow")
    at.write("narrow", "active", asset, source=str(file), content=content_of_file(str(file)).identity)
    refused(offline(at, asset.id, "--prompt", "p"), "narrow.png: ", "[file_not_accepted]", code=1)
    file.write_bytes(b"other")
    assert offline(at, asset.id, "--prompt", "p").returncode == 0
    file.unlink()
    assert offline(at, asset.id, "--prompt", "p").returncode == 0


def submit(at: Desk, run: Run, folder: Path, *words: str) -> Done:
    provider = ["--to", at.name, "--endpoint", at.box.endpoint(at.name), "--ledger", str(at.ledger)]
    host = ["--host", "atlas", "--allow-private"] if at.name == "atlas" else []
    return run("submit", *words, *provider, *host, env=at.environment, cwd=folder)


@pytest.fixture
def folder(tmp_path: Path, fixtures: Path) -> Path:
    (tmp_path / "media").mkdir()
    for source, name in (("accepted/picture.png", "a.png"), ("accepted/clip.mp4", "b.mp4")):
        (tmp_path / "media" / name).write_bytes((fixtures / source).read_bytes())
    return tmp_path


def test_submit_prints_the_request_for_what_is_active(desk: At, run: Run, folder: Path, fixtures: Path) -> None:
    at = desk("atlas")
    (folder / "media/narrow.png").write_bytes((fixtures / "refused/png-too-narrow.png").read_bytes())
    done = submit(at, run, folder, "media/", "--request", "--prompt", PROMPT)
    assert done.returncode == 1, done.stderr
    with Ledger(str(at.ledger)) as ledger:
        references = {entry.media_kind: entry.reference for entry in ledger.entries()}
    command = done.stdout[done.stdout.index("\n# The guide") :]
    assert '"status": "queued"' in task_of(at, ["sh", "-c", command])
    assert str(references["image"]) in command
    assert f'"reference_video": "{references["video"]}"' in command
    again = submit(at, run, folder, "media/a.png", "--request", "--prompt", PROMPT, "--format", "jsonl")
    assert again.returncode == 0
    first, last = map(json.loads, again.stdout.splitlines())
    assert first["reused"] is True
    assert last["request"]["json"]["input"]["reference_images"] == [references["image"]]


def test_request_with_a_fixed_file_does_not_judge_its_original(
    desk: At, run: Run, folder: Path, fixtures: Path
) -> None:
    at = desk("atlas")
    (folder / "media/narrow.png").write_bytes((fixtures / "refused/png-too-narrow.png").read_bytes())
    for reused in (False, True):
        done = submit(
            at, run, folder, "media/narrow.png", "--fix", "--request", "--prompt", PROMPT, "--format", "jsonl"
        )
        assert done.returncode == 0, done.stderr
        submission, last = map(json.loads, done.stdout.splitlines())
        assert submission["reused"] is reused
        assert last["request"]["json"]["input"]["reference_images"] == [submission["asset"]["reference"]]


def test_submit_refuses_an_impossible_request_before_it_registers(desk: At, run: Run, folder: Path) -> None:
    at = desk("agt")
    before = len(at.box.stats.registrations())
    refused(submit(at, run, folder, "media/", "--request", "--prompt", "p"), "AGT Cloud: no page documents")
    at = desk("atlas")
    refused(submit(at, run, folder, "media/", "--request"), "--request needs a prompt. Add --prompt TEXT.")
    refused(
        submit(at, run, folder, "media/", "--prompt", "p"), "--prompt is for the generation request. Add --request."
    )
    refused(submit(at, run, folder, "media/", "--request", "--prompt", " "), "The prompt is empty. Give --prompt.")
    assert len(at.box.stats.registrations()) == before


def test_submit_without_active_asset_prints_no_request(desk: At, run: Run, folder: Path, fixtures: Path) -> None:
    at = desk("atlas")
    (folder / "narrow.png").write_bytes((fixtures / "refused/png-too-narrow.png").read_bytes())
    done = submit(at, run, folder, "narrow.png", "--request", "--prompt", "p")
    assert (done.returncode, done.stderr) == (1, "No asset is active, so there is no generation request.\n")
    assert "curl" not in done.stdout
