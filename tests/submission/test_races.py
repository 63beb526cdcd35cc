"""Two at the same time: threads, and processes, that submit the same file make one asset."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from preflight.errors import PreflightError
from preflight.providers import Asset
from preflight.sandbox import Sandbox
from preflight.submission import submit
from tests.conftest import ROOT
from tests.submission.sending import Sender, keys_of

SCRIPT = """
import json, sys
from preflight import submit
job = json.load(sys.stdin)
from preflight.submission import RecoveryWindow
class Host:
    def put(self, file): return job["url"]
asset = submit(
    job["file"], job["provider"], host=Host(), allow_private=True, recovery_window=RecoveryWindow(0.5), **job["options"]
)
print(asset.id)
"""


def test_threads_that_submit_the_same_file_make_one_asset(some: Sender, box: Sandbox) -> None:
    box.faults.latency = 0.03
    box.faults.delay = 0.1
    picture = some.picture()
    made: list[Asset] = []
    errors: list[PreflightError] = []
    together = threading.Barrier(8)

    def run() -> None:
        together.wait()
        try:
            made.append(submit(picture, some.name, **some.options()))
        except PreflightError as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(made) == 8
    assert len({asset.id for asset in made}) == 1
    assert some.registered() == 1
    if some.group is not None:
        assert [group.name for group in box.groups(some.name)].count(some.group) == 1


@pytest.mark.parametrize("some", [pytest.param("atlas", marks=pytest.mark.slow), "volcengine"], indirect=True)
def test_processes_that_submit_the_same_file_make_one_asset(some: Sender, box: Sandbox) -> None:
    box.faults.latency = 0.1
    picture = some.picture()
    options = {
        "keys": keys_of(box, some.name),
        "endpoint": box.endpoint(some.name),
        "ledger": str(some.folder / "ledger.sqlite"),
        "group": some.group,
    }
    job = {"file": str(picture), "provider": some.name, "url": box.host(picture), "options": options}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        process.stdin = None
    ids = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert len(ids) == 1
    assert some.registered() == 1
    if some.group is not None:
        assert [group.name for group in box.groups(some.name)].count(some.group) == 1
