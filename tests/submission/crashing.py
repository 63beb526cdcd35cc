"""Submits, and kills itself (SIGKILL) at a step: a process of its own for the crash tests.

Reads one JSON object from standard input:

provider, endpoint, keys   where to submit
urls                       the sandbox' URL for each file: hosts need no server of their own
made                       for each file the path to which its fixed file is copied when it is hosted; {}: none is fixed
runs                       [{"files": […], "ledger": …, "group": …, "kills": [step, step, …]}]: each is killed at its
                           first step, started again, killed at the next one …, and then brought to its end

Writes for each run a JSON line: how many steps its last process took, and what became of each file. The steps are the
moments before and after everything that is written, called, hosted or fixed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from preflight import check
from preflight.fixer.outputs import OutputFile
from preflight.hosts import LocalFile
from preflight.ledger import Ledger
from preflight.ledger.database import Database
from preflight.providers import Provider, find_provider, open_provider
from preflight.retry import Backoff
from preflight.submission import RecoveryWindow, submit_many
from preflight.submission.fix_folder import FixFolder
from preflight.submission.fixing import RunFixer
from tests.submission.clocks import quick_clock

WINDOW = RecoveryWindow(6.0, Backoff(first=1.0, factor=1.5, maximum=2.0))
"""On the quick clock 0.3 s: what the killed process had sent may still be on its way to the server."""


class Steps:
    """Counts steps, over all threads, and kills the process at one of them."""

    def __init__(self, deadly: int | None) -> None:
        self.count = 0
        self._deadly = deadly
        self._lock = threading.Lock()

    def step(self) -> None:
        with self._lock:
            self.count += 1
            if self.count == self._deadly:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: type, name: str) -> None:
        """A step before and one after each call of a method."""
        method: Callable[..., Any] = getattr(owner, name)

        def stepped(*arguments: Any, **options: Any) -> Any:
            self.step()
            result = method(*arguments, **options)
            self.step()
            return result

        setattr(owner, name, stepped)


class Uploaded:
    """A host whose files are at the sandbox already; fixed ones are copied to where it looks for them."""

    def __init__(self, urls: dict[str, str], made: dict[str, str]) -> None:
        self._urls = urls
        self._made = {os.path.basename(source): path for source, path in made.items()}

    def put(self, file: LocalFile) -> str:
        if not file.temporary:
            return self._urls[file.path]
        path = self._made[file.name]
        shutil.copy(file.path, f"{path}.part")
        os.replace(f"{path}.part", path)
        return self._urls[path]


def submit(job: dict[str, Any], run: dict[str, Any], deadly: int | None, out: int) -> None:
    """What the child does: it ends by its own hand, or writes what became of the files."""
    steps = Steps(deadly)
    kind = find_provider(job["provider"])
    for owner, names in {
        Ledger: ("latest",),
        Database: ("change",),
        Provider: ("register", "get"),
        kind.api: ("create_group", "list_groups") if kind.needs_group else (),
        Uploaded: ("put",),
        FixFolder: ("remove",),
        RunFixer: ("fix",),
        OutputFile: ("publish",),
    }.items():
        for name in names:
            steps.watch(owner, name)
    made = submit_many(
        run["files"],
        job["provider"],
        endpoint=job["endpoint"],
        keys=job["keys"],
        allow_private=True,
        host=Uploaded(job["urls"], job["made"]),
        fix=bool(job["made"]),
        ledger=run["ledger"],
        group=run["group"],
        recovery_window=WINDOW,
        clock=quick_clock(),
    )
    outcomes = [(one.outcome, one.asset.id if one.asset else None) for one in made]
    os.write(out, json.dumps({"steps": steps.count, "outcomes": outcomes}).encode())


def in_child(job: dict[str, Any], run: dict[str, Any], deadly: int | None) -> str | None:
    """What a forked process writes; None where it was killed."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            submit(job, run, deadly, write)
        except BaseException as error:  # noqa: BLE001 - the child must not return into pytest
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert os.WEXITSTATUS(status) == 0
    return text.decode()


def warm(job: dict[str, Any]) -> None:
    """Load once what every child needs. No thread may be started before a fork."""
    kind = find_provider(job["provider"])
    check(job["runs"][0]["files"][0], kind.ruleset)
    open_provider(kind, job["keys"], endpoint=job["endpoint"]).close()


def main() -> None:
    job = json.load(sys.stdin)
    warm(job)
    for run in job["runs"]:
        result = None
        for deadly in [*run["kills"], None]:
            result = in_child(job, run, deadly)
            if result is not None:
                break
        assert result is not None
        print(result, flush=True)


if __name__ == "__main__":
    main()
