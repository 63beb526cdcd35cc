"""What `confine` asks of the kernel: limits, capabilities, Landlock, and the seccomp program, which is run here."""

from __future__ import annotations

import ctypes
import io
import os
import resource
import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from preflight.processes import confine
from tests.rows import each_row

ALLOWED, FORBIDDEN, MISSING = 0x7FFF0000, 0x00050001, 0x00050026
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PID = 4711

# Each name with its number on x86-64, and on AArch64 if that has it.
FORBIDDEN_CALLS = """
    socket 41 198, socketpair 53 199, fork 57 -, vfork 58 -, execve 59 221, execveat 322 281, kill 62 129,
    tkill 200 130, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240, ptrace 101 117,
    process_vm_readv 310 270, process_vm_writev 311 271, kcmp 312 272, setpriority 141 140,
    sched_setparam 142 118, sched_setscheduler 144 119, sched_setaffinity 203 122, ioprio_set 251 30,
    sched_setattr 314 274, mount 165 40, umount2 166 39, pivot_root 155 41, unshare 272 97, setns 308 268,
    init_module 175 105, finit_module 313 273, bpf 321 280, perf_event_open 298 241, userfaultfd 323 282,
    name_to_handle_at 303 264, open_by_handle_at 304 265, chmod 90 -, fchmod 91 52, fchmodat 268 53,
    chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54, utime 132 -, utimes 235 -, futimesat 261 -,
    utimensat 280 88, setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, removexattr 197 14,
    lremovexattr 198 15, fremovexattr 199 16, add_key 248 217, request_key 249 218, keyctl 250 219,
    shmget 29 194, shmat 30 196, shmctl 31 195, semget 64 190, semop 65 193, semctl 66 191, semtimedop 220 192,
    msgget 68 186, msgsnd 69 189, msgrcv 70 188, msgctl 71 187, mq_open 240 180, pidfd_send_signal 424 424,
    io_uring_setup 425 425, pidfd_getfd 438 438, process_madvise 440 440, mount_setattr 442 442,
    fchmodat2 452 452, setxattrat 463 463, removexattrat 466 466
"""
CLONE, PRLIMIT, TGKILL, FCNTL, CLONE3 = (56, 220), (302, 261), (234, 131), (72, 25), 435


def decide(program: bytes, number: int, arguments: tuple[int, ...], architecture: int) -> int:
    """Return what the kernel does with a system call: run the program of seccomp (linux/bpf_common.h)."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    steps = list(struct.iter_unpack("=HBBI", program))
    accumulator = position = 0
    while True:
        operation, true, false, operand = steps[position]
        position += 1
        if operation == 0x06:
            return int(operand)
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, operand)
            continue
        holds = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: accumulator & operand}[operation]
        position += true if holds else false


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> SimpleNamespace:
    """Provide an architecture: `column` of the numbers, and `decide`."""
    name = request.param
    program = confine._program(confine._CALLS[name], PID)

    def of(number: int, *arguments: int, architecture: int = ARCHITECTURES[name]) -> int:
        return decide(program, number, arguments, architecture)

    return SimpleNamespace(column=list(ARCHITECTURES).index(name), decide=of)


class TestSystemCalls:
    def test_exactly_the_listed_calls_are_forbidden(self, machine: SimpleNamespace) -> None:
        columns = [entry.split()[1 + machine.column] for entry in FORBIDDEN_CALLS.split(",")]
        forbidden = {int(number) for number in columns if number != "-"}
        special = {CLONE[machine.column], PRLIMIT[machine.column], TGKILL[machine.column], CLONE3}
        found = {number for number in range(600) if machine.decide(number) == FORBIDDEN}
        assert found - special == forbidden
        assert {machine.decide(number) for number in set(range(600)) - found - special} == {ALLOWED}

    def test_calls_of_another_architecture_are_forbidden(self, machine: SimpleNamespace) -> None:
        assert machine.decide(0) == ALLOWED
        for architecture in (0x40000003, *set(ARCHITECTURES.values()) - {list(ARCHITECTURES.values())[machine.column]}):
            assert machine.decide(0, architecture=architecture) == FORBIDDEN

    def test_second_set_of_calls_is_forbidden(self, machine: SimpleNamespace) -> None:
        numbers = (0x3FFFFFFF, 0x40000000, 0x40000001, 0xFFFFFFFF)
        assert [machine.decide(number) for number in numbers] == [ALLOWED] + [FORBIDDEN] * 3

    def test_threads_may_be_started_and_processes_not(self, machine: SimpleNamespace) -> None:
        clone = CLONE[machine.column]
        assert machine.decide(clone, 0x3D0F00) == ALLOWED  # of pthread_create
        assert machine.decide(clone, 0x00010000) == ALLOWED
        assert machine.decide(clone, 0x01200011) == FORBIDDEN  # of fork
        assert machine.decide(clone, 0xFFFEFFFF) == FORBIDDEN
        assert machine.decide(CLONE3) == MISSING

    def test_only_limits_of_the_process_itself_may_be_changed(self, machine: SimpleNamespace) -> None:
        prlimit = PRLIMIT[machine.column]
        assert machine.decide(prlimit, 0, 7) == ALLOWED
        assert machine.decide(prlimit, 1) == machine.decide(prlimit, PID) == FORBIDDEN

    def test_only_the_process_itself_may_be_signalled(self, machine: SimpleNamespace) -> None:
        tgkill = TGKILL[machine.column]
        assert machine.decide(tgkill, PID, PID, 6) == ALLOWED
        assert machine.decide(tgkill, PID + 1, PID, 6) == machine.decide(tgkill, 0, PID) == FORBIDDEN

    def test_files_may_not_send_signals(self, machine: SimpleNamespace) -> None:
        fcntl = FCNTL[machine.column]
        refused = [command for command in range(1100) if machine.decide(fcntl, command, command) == FORBIDDEN]
        assert refused == [8, 10, 15]  # F_SETOWN, F_SETSIG, F_SETOWN_EX


class Kernel:
    """Records system calls in place of libc."""

    def __init__(self, landlock: int = 0, descriptor: int = 7, capabilities: int | None = None) -> None:
        """capabilities: the permitted ones, from 0 to 31; None: they cannot be read."""
        self.calls: list[tuple[Any, ...]] = []
        self._landlock, self._descriptor, self._capabilities = landlock, descriptor, capabilities

    def prctl(self, option: int, *values: Any) -> None:
        plain = [value.value if isinstance(value, ctypes.c_ulong) else value for value in values]
        if option == 22:
            length, address = struct.unpack("=H6xQ", plain[1])
            plain[1] = ctypes.string_at(address, 8 * length)
        self.calls.append(("prctl", option, *plain))

    def mallopt(self, *values: int) -> None:
        self.calls.append(("mallopt", *values))

    def capget(self, header: bytes, held: Any) -> int:
        assert struct.unpack("=Ii", header) == (0x20080522, 0)
        if self._capabilities is None:
            return -1
        held[0], held[1], held[2], held[3:6] = 0, self._capabilities, 0xFF, [0xFF] * 3
        return 0

    def capset(self, header: bytes, kept: Any) -> None:
        assert struct.unpack("=Ii", header) == (0x20080522, 0)
        self.calls.append(("capset", *kept))

    def syscall(self, number: int, *values: Any) -> int:
        if (number, *values) == (444, None, 0, 1):
            return self._landlock
        plain = [value.value if isinstance(value, ctypes.c_size_t) else value for value in values]
        self.calls.append((number, *plain))
        return self._descriptor if number == 444 else 0


@each_row(
    ("held", "kept"),
    [(0xFFFFFFFF, [("capset", 4, 4, 0, 0, 0, 0)]), (0xFFFFFFFB, [("capset", 0, 0, 0, 0, 0, 0)]), (None, [])],
)
def test_only_the_capability_to_read_files_is_kept(held: int | None, kept: list[tuple[Any, ...]]) -> None:
    kernel = Kernel(capabilities=held)
    confine._drop_capabilities(kernel)  # type: ignore[arg-type]
    assert kernel.calls == kept


@pytest.mark.parametrize(
    ("version", "fields"),
    [(1, [0x1FF3]), (2, [0x3FF3]), (3, [0x7FF3]), (4, [0x7FF3, 3]), (5, [0x7FF3, 3]), (6, [0x7FF3, 3, 3])],
)
def test_landlock_is_asked_for_what_its_version_knows(
    version: int, fields: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of linux/landlock.h except reading files and folders, and commands to devices."""
    closed: list[int] = []
    monkeypatch.setattr(os, "close", closed.append)
    kernel = Kernel(landlock=version)
    confine._forbid_writing(kernel)  # type: ignore[arg-type]
    rules = struct.pack(f"={len(fields)}Q", *fields)
    assert kernel.calls == [(444, rules, len(rules), 0), (446, 7, 0)]
    assert closed == [7]
    kernel = Kernel(landlock=version, descriptor=0)
    confine._forbid_writing(kernel)  # type: ignore[arg-type]
    assert kernel.calls[1:] == [(446, 0, 0)]


@pytest.mark.parametrize(("version", "file", "folder"), [(1, 0x2, 0x1FF2), (2, 0x2, 0x3FF2), (3, 0x4002, 0x7FF2)])
def test_landlock_allows_programs_to_write_below_their_folders(
    version: int, file: int, folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is forbidden elsewhere: everything but executing, and of /dev/null only writing and truncating."""
    close = os.close
    monkeypatch.setattr(os, "close", lambda descriptor: None if descriptor == 999 else close(descriptor))
    kernel = Kernel(landlock=version, descriptor=999)
    confine._forbid_writing(kernel, [str(tmp_path), str(tmp_path / "missing")], start_programs=True)  # type: ignore[arg-type]
    assert [number for number, *_ in kernel.calls] == [444, 445, 445, 446]
    assert kernel.calls[0][1] == struct.pack("=Q", folder)
    allowed = [struct.unpack("=Qi", call[3])[0] for call in kernel.calls[1:3]]
    assert allowed == [file, folder]
    assert {(*call[1:3], call[4]) for call in kernel.calls[1:3]} == {(999, 1, 0)}


@each_row(("version", "descriptor", "asked"), [(0, 7, []), (-1, 7, []), (3, -1, [444])])
def test_kernel_without_landlock_restricts_nothing(version: int, descriptor: int, asked: list[int]) -> None:
    kernel = Kernel(landlock=version, descriptor=descriptor)
    confine._forbid_writing(kernel)  # type: ignore[arg-type]
    assert [number for number, *_ in kernel.calls] == asked


@pytest.mark.skipif(os.uname().machine not in ARCHITECTURES, reason="no filter for this machine")
def test_filter_of_this_machine_is_set_for_this_process() -> None:
    kernel = Kernel()
    confine._forbid_system_calls(kernel)  # type: ignore[arg-type]
    assert kernel.calls == [("prctl", 22, 2, confine._program(confine._CALLS[os.uname().machine], os.getpid()))]


@pytest.mark.parametrize(("machine", "max_size"), [("riscv64", sys.maxsize), ("x86_64", (1 << 31) - 1)])
def test_no_filter_is_set_on_another_machine_or_for_32_bits(
    machine: str, max_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    monkeypatch.setattr(sys, "maxsize", max_size)
    kernel = Kernel()
    confine._forbid_system_calls(kernel)  # type: ignore[arg-type]
    assert kernel.calls == []


class Limits:
    """Records resource limits: the present hard limit of each is `hard`."""

    RLIM_INFINITY = resource.RLIM_INFINITY
    RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_AS = "core", "size", "files", "tasks", "memory"

    def __init__(self, hard: int) -> None:
        self.hard = hard
        self.set: dict[str, tuple[int, int]] = {}

    def getrlimit(self, which: str) -> tuple[int, int]:
        return 5, self.hard

    def setrlimit(self, which: str, limits: tuple[int, int]) -> None:
        if which == "memory" and self.hard == 77:
            raise ValueError("not allowed")
        self.set[which] = limits


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Provide the kernel that `confine` talks to, on Linux with 80 threads."""
    kernel = Kernel()
    monkeypatch.setattr(confine.ctypes, "CDLL", lambda _: kernel)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(confine, "open", lambda *_: io.BytesIO(b"0.20 0.18 0.12 1/80 11206\n"), raising=False)
    return kernel


@pytest.mark.parametrize(
    ("hard", "expected"),
    [
        (resource.RLIM_INFINITY, {"core": 0, "size": 0, "files": 64, "tasks": 4176, "memory": 1 << 34}),
        (50, {"core": 0, "size": 0, "files": 50, "tasks": 50, "memory": 50}),
        (77, {"core": 0, "size": 0, "files": 64, "tasks": 77}),  # one that cannot be set
    ],
)
def test_limits_are_lowered_and_never_raised(
    hard: int, expected: dict[str, int], kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(hard)
    monkeypatch.setattr(confine, "resource", limits)
    confine.confine()
    assert limits.set == {name: (maximum, maximum) for name, maximum in expected.items()}


def test_each_step_is_taken_on_linux(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "resource", Limits(0))
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    kernel._landlock, kernel._descriptor, kernel._capabilities = 1, -1, 0
    confine.confine()
    assert kernel.calls[:2] == [("mallopt", -8, 1), ("prctl", 38, 1, 0, 0, 0)]
    assert [call[:2] for call in kernel.calls[2:]] == [("capset", 0), (444, struct.pack("=Q", 0x1FF3)), ("prctl", 22)]


def test_other_systems_have_limits_only(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(resource.RLIM_INFINITY)
    monkeypatch.setattr(confine, "resource", limits)
    monkeypatch.setattr(sys, "platform", "darwin")
    confine.confine()
    confine.forbid_privileges()
    assert limits.set["tasks"] == (0, 0)
    assert kernel.calls == []


def test_reader_may_not_gain_privileges_nor_dump_core(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(resource.RLIM_INFINITY)
    monkeypatch.setattr(confine, "resource", limits)
    confine.forbid_privileges()
    assert limits.set == {"core": (0, 0)}
    assert kernel.calls == [("prctl", 38, 1, 0, 0, 0)]


@pytest.mark.parametrize("text", ["", "0.20 0.18 0.12", "0.20 0.18 0.12 1/x 5"])
def test_unreadable_number_of_threads_counts_as_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "open", lambda *_: io.BytesIO(text.encode()), raising=False)
    assert confine._thread_count() == 0
