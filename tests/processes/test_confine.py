"""What processes inherit and may do: environment, descriptors, limits, privileges and system calls."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from preflight import processes
from preflight.checker import plan_for
from preflight.errors import WorkerCrashed, WorkerTimeout
from preflight.processes import DECODERS, Limits, call
from preflight.processes.process import LOADER_VARIABLES, loader_environment, reader_environment
from preflight.scan.isolation import IsolatedExaminer
from preflight.scan.items import as_outcomes
from preflight.sources.memory import MemorySource
from preflight.targets import Item

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

LIMITS = Limits(seconds=20, memory=256 << 20, max_bytes=1 << 20)
SECRETS = {
    "ARK_API_KEY": "sk-secret",
    "AWS_SECRET_ACCESS_KEY": "aws-secret",
    "HTTPS_PROXY": "http://user:password@proxy:3128",
    "GITHUB_TOKEN": "token",
    "DATABASE_URL": "postgres://user:password@db/x",
}
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start the next process from an environment that holds secrets."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(HERE)
    for name in ("surroundings", "attempt", "burn", "abort"):
        monkeypatch.setitem(processes.TASKS, name, f"bad_tasks:{name}")
    DECODERS.stop()
    yield
    DECODERS.stop()


def ask(task: str, **arguments: Any) -> Any:
    return call(task, MemorySource(b"12345678", "clip.bin"), LIMITS, **arguments)


def environment_of(pid: int) -> dict[str, str]:
    """Return the variables that a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(pair.decode().split("=", 1) for pair in pairs if pair)


def limits_of(pid: int) -> dict[str, tuple[str, str]]:
    """Return the soft and hard limits of a process."""
    found = re.findall(r"^(Max [a-z ]+?)\s{2,}(\S+)\s+(\S+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
    return {name: (soft, hard) for name, soft, hard in found}


def status_of(pid: int, name: str) -> str:
    (value,) = re.findall(rf"^{name}:\s*(\S+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return str(value)


class TestDecoderProcess:
    def test_decoder_environment_is_empty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in LOADER_VARIABLES:
            monkeypatch.delenv(name, raising=False)
        seen = ask("surroundings")
        assert seen["environment"] == {}
        assert environment_of(seen["pid"]) == {}

    def test_loader_variables_are_passed_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere/lib")
        assert loader_environment()["LD_LIBRARY_PATH"] == "/nowhere/lib"
        assert environment_of(ask("surroundings")["pid"]) == {"LD_LIBRARY_PATH": "/nowhere/lib"}

    def test_decoder_inherits_only_the_channel(self, tmp_path: Path) -> None:
        descriptor = os.open(tmp_path, os.O_RDONLY)
        os.set_inheritable(descriptor, True)
        try:
            pid = ask("surroundings")["pid"]
        finally:
            os.close(descriptor)
        held = {int(name): os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
        channel = held.pop(3)
        assert channel.startswith("socket:")
        assert held == dict.fromkeys((0, 1, 2), os.devnull)

    def test_decoder_runs_in_root_folder(self) -> None:
        seen = ask("surroundings")
        assert seen["folder"] == os.readlink(f"/proc/{seen['pid']}/cwd") == "/"

    def test_decoder_has_a_session_of_its_own(self) -> None:
        pid = ask("surroundings")["pid"]
        assert os.getsid(pid) == pid

    def test_relative_import_paths_work_in_the_root_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / "own_decoder.py").write_text("def task(file): return 'found'")
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend("lib")
        monkeypatch.setitem(processes.TASKS, "own", "own_decoder:task")
        assert ask("own") == "found"

    def test_decoder_resources_are_limited(self) -> None:
        limits = limits_of(ask("surroundings")["pid"])
        assert limits["Max file size"] == ("0", "0")
        assert limits["Max core file size"] == ("0", "0")
        assert limits["Max open files"] == ("64", "64")
        assert int(limits["Max processes"][1]) <= 1 << 16
        assert int(limits["Max address space"][0]) <= 6 << 30
        assert int(limits["Max address space"][1]) <= 16 << 30

    def test_decoder_cannot_gain_privileges(self) -> None:
        assert status_of(ask("surroundings")["pid"], "NoNewPrivs") == "1"

    def test_decoder_run_by_root_may_only_read(self) -> None:
        assert int(status_of(ask("surroundings")["pid"], "CapEff"), 16) in (0, 1 << 2)

    def test_decoder_may_start_threads(self) -> None:
        assert ask("attempt", what="thread") == "succeeded"

    def test_deadline_counts_processor_time_only(self) -> None:
        """On a machine that other processes slow down, the same work has the same result."""
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
        try:
            source = MemorySource(b"12345678", "clip.bin")
            assert call("burn", source, LIMITS._replace(seconds=0.3), seconds=0.15) == "done"
            with pytest.raises(WorkerTimeout, match=r"stopped after 0\.1 s"):
                call("burn", source, LIMITS._replace(seconds=0.1), seconds=5)
        finally:
            for process in busy:
                process.kill()
                process.wait()


filtered = pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="no filter for this machine")


@filtered
class TestSystemCalls:
    @pytest.fixture(autouse=True)
    def _filter(self) -> None:
        if status_of(ask("surroundings")["pid"], "Seccomp") == "0":
            pytest.skip("this kernel has no seccomp")

    @pytest.mark.parametrize("what", ["socket", "unix_socket", "socket_pair", "run", "fork", "signal"])
    def test_decoder_cannot_connect_or_start_processes(self, what: str) -> None:
        assert ask("attempt", what=what) == "PermissionError"

    @pytest.mark.parametrize("what", ["signal_by_thread", "signal_by_file", "limits_of_host", "priority_of_host"])
    def test_decoder_cannot_control_the_host_process(self, what: str) -> None:
        assert ask("attempt", what=what) == "PermissionError"
        assert resource.getrlimit(resource.RLIMIT_CPU)[0] != 1

    @pytest.mark.parametrize("what", ["key", "shared_memory"])
    def test_decoder_leaves_nothing_in_the_kernel(self, what: str) -> None:
        assert ask("attempt", what=what) == "PermissionError"

    @pytest.mark.parametrize("what", ["change_mode", "change_owner", "change_times", "change_attributes"])
    def test_decoder_cannot_change_file_metadata(self, what: str, tmp_path: Path) -> None:
        path = tmp_path / "there"
        path.write_bytes(b"kept")
        before = os.stat(path)
        assert ask("attempt", what=what, path=str(path)) == "PermissionError"
        assert os.stat(path) == before

    def test_system_calls_about_the_process_itself_are_allowed(self) -> None:
        assert ask("attempt", what="own_limits") == "succeeded"
        with pytest.raises(WorkerCrashed, match="SIGABRT"):
            ask("abort")


def landlock() -> bool:
    import ctypes

    return bool(ctypes.CDLL(None).syscall(444, None, 0, 1) >= 3)


@pytest.mark.skipif(sys.platform != "linux" or not landlock(), reason="this kernel has no Landlock")
class TestFiles:
    @pytest.mark.parametrize("what", ["create", "write", "make_folder"])
    def test_decoder_cannot_create_files(self, what: str, tmp_path: Path) -> None:
        path = tmp_path / "new"
        assert ask("attempt", what=what, path=str(path)) == "PermissionError"
        assert not path.exists()

    @pytest.mark.parametrize("what", ["write", "truncate", "remove", "rename"])
    def test_decoder_cannot_change_files(self, what: str, tmp_path: Path) -> None:
        path = tmp_path / "there"
        path.write_bytes(b"kept")
        assert ask("attempt", what=what, path=str(path)) == "PermissionError"
        assert path.read_bytes() == b"kept"

    @pytest.mark.parametrize("what", ["environment_of_host", "memory_of_host"])
    def test_decoder_cannot_read_secrets_from_the_host_process(self, what: str) -> None:
        assert ask("attempt", what=what) == "PermissionError"


class TestReaderProcess:
    def test_reader_environment_has_no_secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LC_TIME", "C")
        with closing(IsolatedExaminer(plan_for("atlas"), as_outcomes)) as examiner:
            results = examiner.examine([(0, Item("fixtures/accepted/picture.png"))])
            (process,) = examiner.pool.processes()
            variables = environment_of(process.pid)
            assert status_of(process.pid, "NoNewPrivs") == "1"
            assert limits_of(process.pid)["Max core file size"] == ("0", "0")
        assert not SECRETS.keys() & variables.keys()
        assert variables["PATH"] == os.environ["PATH"]
        assert variables["LC_TIME"] == "C"
        assert results[0].verdict == "pass"

    def test_reader_environment_is_an_allowlist(self) -> None:
        given = {
            "PATH": "/bin",
            "LC_ALL": "C",
            "TZ": "UTC",
            "LD_LIBRARY_PATH": "/lib",
            "MY_SERVICE_PASS": "x",
            **SECRETS,
        }
        kept = {"PATH": "/bin", "LC_ALL": "C", "TZ": "UTC", "LD_LIBRARY_PATH": "/lib"}
        assert reader_environment(given) == kept
        assert reader_environment(given, trust_env=True) == {**kept, "HTTPS_PROXY": SECRETS["HTTPS_PROXY"]}
