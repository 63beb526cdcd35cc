"""Deny a decoder process everything it does not need: privileges, resources, the network, other programs.

Each step is tried separately, since not every system supports it: resource limits exist on all POSIX systems, the
others on Linux only. Landlock (kernel 5.13) and seccomp are used through their system calls and need no package.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable
from typing import Final, NamedTuple

MAX_DESCRIPTORS: Final = 64
"""For the channel, three standard streams, and the files that a decoder opens while it is imported."""
MAX_TASKS: Final = 4096
"""Linux counts the threads of all processes of a user, and decoders need some: this bound only ends a fork bomb, and
seccomp forbids further processes altogether. Other systems count processes, of which a decoder needs none."""
MAX_MEMORY: Final = 16 << 30
"""Bytes of address space that no task can exceed, not even if a decoder raises the limit of its task."""


def confine() -> None:
    """Permanently forbid this process to write files, to make connections and to start programs."""
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_FSIZE", 0)
    _limit("RLIMIT_NOFILE", MAX_DESCRIPTORS)
    _limit("RLIMIT_NPROC", _thread_count() + MAX_TASKS if sys.platform == "linux" else 0)
    _limit("RLIMIT_AS", MAX_MEMORY)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        # Only glibc has it; more arenas would use up the limited address space.
        with contextlib.suppress(AttributeError):
            libc.mallopt(_M_ARENA_MAX, 1)
        _forbid_privileges(libc)
        _drop_capabilities(libc)
        _forbid_writing(libc)
        _forbid_system_calls(libc)


def forbid_writing_outside(folders: Iterable[str]) -> None:
    """Permanently forbid this process to write outside of some folders and to make TCP connections, on Linux.

    It may start programs, which inherit this. Call `forbid_privileges` before, without which the kernel refuses it.
    """
    if sys.platform == "linux":
        _forbid_writing(ctypes.CDLL(None), folders, start_programs=True)


def forbid_privileges() -> None:
    """Prevent all programs that this process starts from gaining privileges and from writing core dumps."""
    _limit("RLIMIT_CORE", 0)
    if sys.platform == "linux":
        _forbid_privileges(ctypes.CDLL(None))


_M_ARENA_MAX: Final = -8
_PR_SET_NO_NEW_PRIVS: Final = 38


def _forbid_privileges(libc: ctypes.CDLL) -> None:
    libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))


_CAPABILITY_VERSION_3: Final = 0x20080522
_DAC_READ_SEARCH: Final = 1 << 2


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Drop all capabilities but one: root may still read all files, since decoders may be installed by another user.

    CAP_PERFMON is among those dropped: with it a process can read the environment of others in spite of Landlock.
    """
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: capabilities 0 to 31, then 32 to 63
    if libc.capget(header, held) == 0:
        kept = held[1] & _DAC_READ_SEARCH
        libc.capset(header, (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0))


def _limit(name: str, maximum: int) -> None:
    """Lower the soft and the hard limit called `name`, if the system has it."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        maximum = maximum if hard == resource.RLIM_INFINITY else min(hard, maximum)
        resource.setrlimit(which, (maximum, maximum))


def _thread_count() -> int:
    """Return how many threads run on this system (proc_loadavg(5))."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[3].partition(b"/")[2])
    return 0


# --- Landlock (Documentation/userspace-api/landlock.rst): its system calls have the same numbers on every architecture

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH: Final = 1
_GET_VERSION: Final = 1
_EXECUTE, _WRITE, _REMOVE_AND_MAKE = 1 << 0, 1 << 1, 0b1_1111_1111 << 4
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_TCP: Final = 0b11
"""Binding and connecting TCP sockets."""
_SCOPED: Final = 0b11
"""Abstract Unix sockets and signals reach only the process itself."""


def _forbid_writing(libc: ctypes.CDLL, folders: Iterable[str] = (), *, start_programs: bool = False) -> None:
    """Forbid executing, writing, creating and removing files, and access to processes that are less confined.

    Files may be read, since decoders and their libraries are wherever Python was installed.

    folders         in which files may be written, created and removed
    start_programs  allow executing
    """
    version = libc.syscall(_CREATE_RULESET, None, 0, _GET_VERSION)
    if version < 1:
        return
    written = _WRITE | (_TRUNCATE if version >= 3 else 0)
    below = written | _REMOVE_AND_MAKE | (_REFER if version >= 2 else 0)
    fields = [below | (0 if start_programs else _EXECUTE)] + [_TCP] * (version >= 4) + [_SCOPED] * (version >= 6)
    rules = struct.pack(f"={len(fields)}Q", *fields)
    descriptor = libc.syscall(_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    if descriptor < 0:
        return
    if start_programs:
        for path, allowed in ((os.devnull, written), *((folder, below) for folder in folders)):
            _allow_below(libc, descriptor, path, allowed)
    libc.syscall(_RESTRICT_SELF, descriptor, 0)
    os.close(descriptor)


def _allow_below(libc: ctypes.CDLL, ruleset: int, path: str, allowed: int) -> None:
    """Allow what a set of rules would forbid, to a file or below a folder. One that is missing needs no rule."""
    with contextlib.suppress(OSError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", allowed, place), 0)
        os.close(place)


# --- seccomp (seccomp(2)): a program that the kernel runs before each system call

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ALLOW, _FAIL_WITH = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD: Final = 0x00010000
_SIGNALS_OF_FILES: Final = (8, 10, 15)
"""Commands of fcntl(2) that make a file send signals to a process: F_SETOWN, F_SETSIG, F_SETOWN_EX."""
_NOT_NATIVE: Final = 0x40000000
"""The first number of x32, a second set of system calls of x86-64. No other architecture has such high numbers."""
_CLONE3: Final = 435
_SINCE_2019: Final = (424, 425, 438, 440, 442, 452, 463, 466)
"""pidfd_send_signal io_uring_setup pidfd_getfd process_madvise mount_setattr fchmodat2 setxattrat removexattrat. System
calls of this age have the same numbers on every architecture."""


class _Calls(NamedTuple):
    """The numbers of an architecture and of its system calls.

    forbidden  these always fail; whether the others do depends on their arguments
    """

    architecture: int
    clone: int
    prlimit64: int
    tgkill: int
    fcntl: int
    forbidden: tuple[int, ...]


_CALLS: Final = {
    "x86_64": _Calls(
        0xC000003E,
        56,
        302,
        234,
        72,
        (
            *(41, 53, 57, 58, 59, 322),  # socket socketpair fork vfork execve execveat
            *(62, 200, 129, 297),  # kill tkill rt_sigqueueinfo rt_tgsigqueueinfo
            *(101, 310, 311, 312),  # ptrace process_vm_readv process_vm_writev kcmp
            *(141, 142, 144, 203, 251, 314),  # setpriority sched_set(param|scheduler|affinity) ioprio_set sched_setattr
            *(165, 166, 155, 272, 308),  # mount umount2 pivot_root unshare setns
            *(175, 313, 321, 298, 323),  # init_module finit_module bpf perf_event_open userfaultfd
            *(303, 304),  # name_to_handle_at open_by_handle_at
            *(90, 91, 268, 92, 93, 94, 260),  # (f)chmod(at) (f|l)chown(at)
            *(132, 235, 261, 280),  # utime(s) futimesat utimensat
            *(188, 189, 190, 197, 198, 199),  # (l|f)setxattr (l|f)removexattr
            *(248, 249, 250),  # add_key request_key keyctl
            *(29, 30, 31, 64, 65, 66, 220, 68, 69, 70, 71, 240),  # shmget shmat shmctl sem* msg* mq_open
        ),
    ),
    # The same calls; of fork, chmod, chown and utime it has only the variants with more arguments.
    "aarch64": _Calls(
        0xC00000B7,
        220,
        261,
        131,
        25,
        (
            *(198, 199, 221, 281),
            *(129, 130, 138, 240, 117, 270, 271, 272),
            *(140, 118, 119, 122, 30, 274),
            *(40, 39, 41, 97, 268, 105, 273, 280, 241, 282),
            *(264, 265),
            *(52, 53, 54, 55),
            88,
            *(5, 6, 7, 14, 15, 16),
            *(217, 218, 219),
            *(194, 195, 196, 190, 191, 192, 193, 186, 187, 188, 189, 180),
        ),
    ),
}


def _forbid_system_calls(libc: ctypes.CDLL) -> None:
    """Forbid the system calls that a decoder does not need.

    These are sockets, further processes (threads are allowed), calls that reach into other processes or control them,
    changes to files that Landlock permits, and objects in the kernel that outlive the process.
    """
    known = _CALLS.get(os.uname().machine)
    if known is None or sys.maxsize < 1 << 32:
        return
    code = _program(known, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("=H6xQ", len(code) // 8, ctypes.addressof(buffer))
    libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), program)


_Instruction = tuple[int, int | str, int | str, int]


def _program(calls: _Calls, pid: int) -> bytes:
    """Return the filter for the process `pid`.

    Each instruction is an operation, where to continue if it is true and if it is false (how many instructions to skip,
    or the result), and an operand.
    """
    steps: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, "forbid", calls.architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, "forbid", 0, _NOT_NATIVE),
        *((_EQUAL, "forbid", 0, number) for number in (*calls.forbidden, *_SINCE_2019)),
        (_EQUAL, "missing", 0, _CLONE3),  # a filter cannot read its flags in memory: libc falls back to clone
        *_only(calls.clone, _ANY_BIT, _CLONE_THREAD),
        *_only(calls.prlimit64, _EQUAL, 0),  # it must not lower the limits of other processes
        *_only(calls.tgkill, _EQUAL, pid),  # abort() needs it
        (_EQUAL, 0, 1 + len(_SIGNALS_OF_FILES), calls.fcntl),
        (_LOAD, 0, 0, _ARGUMENTS + 8),
        *((_EQUAL, "forbid", 0, command) for command in _SIGNALS_OF_FILES),
    ]
    results = {"allow": _ALLOW, "forbid": _FAIL_WITH | _EPERM, "missing": _FAIL_WITH | _ENOSYS}
    positions = {name: len(steps) + number for number, name in enumerate(results)}
    program = b""
    for position, (operation, true, false, operand) in enumerate(steps):
        jumps = [positions[target] - position - 1 if isinstance(target, str) else target for target in (true, false)]
        program += struct.pack("=HBBI", operation, *jumps, operand)
    return program + b"".join(struct.pack("=HBBI", _RETURN, 0, 0, result) for result in results.values())


def _only(number: int, operation: int, operand: int) -> list[_Instruction]:
    """Return instructions that allow a system call if its first argument meets a condition, and else forbid it."""
    return [
        (_EQUAL, 0, 2, number),
        (_LOAD, 0, 0, _ARGUMENTS),
        (operation, "allow", "forbid", operand),
    ]
