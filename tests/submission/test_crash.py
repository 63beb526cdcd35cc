"""A process that is killed at any step loses nothing and doubles nothing: the sandbox counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from preflight.ledger import Ledger
from preflight.sandbox import Sandbox
from preflight.submission.fix_folder import FIX_FOLDER_PREFIX
from preflight.submission.register import sha256_of
from tests.conftest import ROOT
from tests.submission.sending import ACCEPTED, NARROW, Sender, keys_of, unique_picture


def crashing(sender: Sender, count: int, chains: Sequence[Sequence[int]], *, fix: bool = False) -> list[dict[str, Any]]:
    """For each chain of steps: submit `count` new files, killed at each of these steps, then to the end."""
    runs: list[dict[str, Any]] = []
    urls, made = {}, {}
    source = NARROW if fix else ACCEPTED / "picture.png"
    for kills in chains:
        mark = uuid.uuid4().hex[:12]
        files = [str(unique_picture(sender.folder / f"{mark}-{each}.png", source)) for each in range(count)]
        if fix:
            made |= {file: file.removesuffix(".png") + ".made" for file in files}
        hosted = [made.get(file, file) for file in files]
        for path in hosted:
            Path(path).touch()
        urls |= {path: sender.box.host(path, f"{mark}.png") for path in hosted}
        ledger = str(sender.folder / f"{mark}.sqlite")
        group = None if sender.group is None else mark
        runs.append({"files": files, "ledger": ledger, "group": group, "kills": list(kills)})
    job = {
        "provider": sender.name,
        "endpoint": sender.box.endpoint(sender.name),
        "keys": keys_of(sender.box, sender.name),
        "urls": urls,
        "made": made,
        "runs": runs,
    }
    temporary = sender.folder / "temporary"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.submission.crashing"],
        env={**os.environ, "TMPDIR": str(temporary)},
        input=json.dumps(job),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    return [run | result for run, result in zip(runs, results, strict=True)]


def left_folders(sender: Sender) -> list[str]:
    """The temporary folders that killed processes left."""
    return [name for name in os.listdir(sender.folder / "temporary") if name.startswith(FIX_FOLDER_PREFIX)]


def held(sender: Sender, runs: list[dict[str, Any]], count: int) -> None:
    """Each file of each run is one active asset, and each run has one group."""
    registrations = Counter(one.url for one in sender.box.stats.registrations(sender.name))
    groups = Counter(group.name for group in sender.box.groups(sender.name))
    assets = {asset.id: asset for asset in sender.box.assets(sender.name)}
    for run in runs:
        said = f"killed at {run['kills']}"
        assert [outcome for outcome, _ in run["outcomes"]] == ["active"] * count, said
        ids = {id_ for _, id_ in run["outcomes"]}
        assert len(ids) == count, said
        if run["group"] is not None:
            assert groups[run["group"]] == 1, said
        with Ledger(run["ledger"]) as ledger:
            entries = list(ledger.entries())
        assert {entry.asset_id for entry in entries} == ids, said
        assert {entry.state for entry in entries} == {"active"}, said
        assert all(registrations[assets[id_].url] == 1 for id_ in ids), said
        mark = Path(run["ledger"]).stem
        assert sum(asset.name.startswith(mark) for asset in assets.values()) == count, said


@pytest.mark.parametrize(
    ("name", "count", "times"),
    [
        ("atlas", 10, 1),
        pytest.param("atlas", 50, 2, marks=pytest.mark.slow),
        pytest.param("volcengine", 50, 1, marks=pytest.mark.slow),
    ],
)
def test_submit_that_is_killed_again_and_again_makes_one_asset_of_each_file(
    box: Sandbox, tmp_path: Path, name: str, count: int, times: int
) -> None:
    sender = Sender(box, name, tmp_path)
    (whole,) = crashing(sender, count, [[]])
    steps = whole["steps"]
    assert steps > 12 * count
    once = [[step] for step in range(1, steps, steps // times)]
    often = [[4 * count // 5 + 9 * kill for kill in range(12)]]
    held(sender, [whole, *crashing(sender, count, [*once, *often])], count)


@pytest.mark.parametrize(
    ("name", "stride"),
    [
        ("volcengine", 13),
        *(
            pytest.param(name, stride, marks=pytest.mark.slow)
            for name, stride in [("agt", 9), ("atlas", 1), ("sunra", 9), ("volcengine", 4)]
        ),
    ],
)
def test_kill_at_any_step_loses_and_duplicates_nothing(box: Sandbox, tmp_path: Path, name: str, stride: int) -> None:
    sender = Sender(box, name, tmp_path)
    (whole,) = crashing(sender, 2, [[]])
    chains = [[step] for step in range(1, whole["steps"] + 1, stride)]
    held(sender, crashing(sender, 2, chains), 2)


@pytest.mark.parametrize(
    ("name", "stride"),
    [("atlas", 31), *(pytest.param(name, stride, marks=pytest.mark.slow) for name, stride in [("volcengine", 3)])],
)
def test_kill_at_any_step_of_a_fix_registers_each_file_once(
    box: Sandbox, tmp_path: Path, name: str, stride: int
) -> None:
    sender = Sender(box, name, tmp_path)
    (whole,) = crashing(sender, 2, [[]], fix=True)
    chains = [[step] for step in range(1, whole["steps"] + 1, stride)]
    runs = [whole, *crashing(sender, 2, chains, fix=True)]
    held(sender, runs, 2)
    for run in runs:
        with Ledger(run["ledger"]) as ledger:
            records = [ledger.fixes.load(entry.key) for entry in ledger.entries()]
        fixed = {sha256_of(f"{file.removesuffix('.png')}.made") for file in run["files"]}
        assert {record.fixed for record in records if record} == {f"sha256:{digest}" for digest in fixed}, run["kills"]
    assert len(left_folders(sender)) <= len(runs)


@pytest.mark.parametrize(
    ("name", "stride", "fix"),
    [
        ("crun", 3, False),
        pytest.param("crun", 4, True, marks=pytest.mark.slow),
        pytest.param("agentsflare", 6, False, marks=pytest.mark.slow),
    ],
)
def test_unknown_outcome_without_a_list_stays_unknown(
    box: Sandbox, tmp_path: Path, name: str, stride: int, *, fix: bool
) -> None:
    sender = Sender(box, name, tmp_path)
    (whole,) = crashing(sender, 2, [[]], fix=fix)
    runs = crashing(sender, 2, [[step] for step in range(1, whole["steps"] + 1, stride)], fix=fix)
    assert len(left_folders(sender)) <= len(runs)
    registrations = Counter(one.url for one in box.stats.registrations(name))
    assert max(registrations.values()) == 1
    unknown = 0
    for run in runs:
        outcomes = [outcome for outcome, _ in run["outcomes"]]
        assert set(outcomes) <= {"active", "unknown"}, run["kills"]
        with Ledger(run["ledger"]) as ledger:
            assert Counter(entry.state for entry in ledger.entries()) == Counter(outcomes), run["kills"]
        unknown += outcomes.count("unknown")
    assert unknown > 0
