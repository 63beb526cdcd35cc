"""Take from the process of a decoder whatever it does not need: privileges, resources, the network, other programs.

Every step is tried by itself, since not every system has it: rlimits exist on all POSIX systems, the rest on Linux
alone. Landlock (kernel 5.13) and seccomp are asked through their system calls: no package of theirs is needed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
import sys
from typing import Any, Final

MAX_DESCRIPTORS: Final = 64
"""Its channel, three standard streams, and the libraries and modules that a decoder opens while it is loaded."""
MAX_TASKS: Final = 4096
"""Linux counts the threads of all processes of a user, and decoders need some: the bound stops a fork bomb at most.
That none is started at all is up to seccomp. Other systems count processes, of which a decoder needs none."""
MAX_MEMORY: Final = 16 << 30
"""Bytes of address space that no order may exceed, not even if a decoder lifts the limit of one file."""


def confine() -> None:
    """Confine this process for good: no file may be written, no connection made, no program started."""
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_FSIZE", 0)
    _limit("RLIMIT_NOFILE", MAX_DESCRIPTORS)
    _limit("RLIMIT_NPROC", _tasks() + MAX_TASKS if sys.platform == "linux" else 0)
    _limit("RLIMIT_AS", MAX_MEMORY)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        with contextlib.suppress(AttributeError):  # glibc alone; more arenas reserve address space, which is limited
            libc.mallopt(_M_ARENA_MAX, 1)
        _forbid_privileges(libc)
        _drop_capabilities(libc)
        _forbid_writing(libc)
        _forbid_system_calls(libc)


def forbid_privileges() -> None:
    """Let no program that this process starts gain privileges, and let none of them dump its memory to a file."""
    _limit("RLIMIT_CORE", 0)
    if sys.platform == "linux":
        _forbid_privileges(ctypes.CDLL(None, use_errno=True))


_M_ARENA_MAX: Final = -8
_PR_SET_NO_NEW_PRIVS: Final = 38


def _forbid_privileges(libc: Any) -> None:
    libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))


_CAPABILITY_VERSION_3: Final = 0x20080522
_DAC_READ_SEARCH: Final = 1 << 2


def _drop_capabilities(libc: Any) -> None:
    """Make root an ordinary user who may read everything: decoders may lie in the folder of another user.

    Among others CAP_PERFMON goes, with which a process reads the environment of others in spite of Landlock.
    """
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()  # twice 32 of each: effective, permitted, inheritable
    if libc.capget(header, held) == 0:
        kept = held[1] & _DAC_READ_SEARCH
        libc.capset(header, (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0))


def _limit(name: str, most: int) -> None:
    """Lower both limits called `name` to `most`. Systems without it go without."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        most = most if hard == resource.RLIM_INFINITY else min(hard, most)
        resource.setrlimit(which, (most, most))


def _tasks() -> int:
    """How many threads run in this system (proc_loadavg(5))."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[3].partition(b"/")[2])
    return 0


# --- Landlock (Documentation/userspace-api/landlock.rst): system calls with the same numbers on every architecture

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_GET_VERSION: Final = 1
_EXECUTE, _WRITE, _REMOVE_AND_MAKE = 1 << 0, 1 << 1, 0b1_1111_1111 << 4
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_TCP: Final = 0b11
"""To bind a socket, and to connect one."""
_SCOPED: Final = 0b11
"""Abstract Unix sockets and signals: only those of the process itself."""


def _forbid_writing(libc: Any) -> None:
    """Forbid to execute, write, make and remove files, and to look into processes that are not confined likewise.

    Files may be read: decoders and what they load lie wherever Python was installed.
    """
    version = libc.syscall(_CREATE_RULESET, None, 0, _GET_VERSION)
    if version < 1:
        return
    files = _EXECUTE | _WRITE | _REMOVE_AND_MAKE
    files |= (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    fields = [files] + [_TCP] * (version >= 4) + [_SCOPED] * (version >= 6)
    rules = struct.pack(f"={len(fields)}Q", *fields)
    descriptor = libc.syscall(_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    if descriptor < 0:
        return
    libc.syscall(_RESTRICT_SELF, descriptor, 0)
    os.close(descriptor)


# --- seccomp (seccomp(2)): a program that the kernel runs before each system call

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _FAIL_WITH = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD: Final = 0x00010000
_NOT_NATIVE: Final = 0x40000000
"""The first number of x32, another set of calls of x86-64. No other architecture has numbers so high."""
_CLONE3: Final = 435

_CALLS: Final[dict[str, tuple[int, int, tuple[int, ...]]]] = {
    # socket socketpair fork vfork execve execveat; kill tkill pidfd_send_signal pidfd_getfd; ptrace process_vm_readv
    # process_vm_writev; mount umount2 pivot_root unshare setns; init_module finit_module bpf io_uring_setup
    "x86_64": (
        0xC000003E,
        56,
        (
            *(41, 53, 57, 58, 59, 322, 62, 200, 424, 438, 101, 310),
            *(311, 165, 166, 155, 272, 308, 175, 313, 321, 425),
        ),
    ),
    # The same; it has neither fork nor vfork.
    "aarch64": (
        0xC00000B7,
        220,
        (
            *(198, 199, 221, 281, 129, 130, 424, 438, 117, 270),
            *(271, 40, 39, 41, 97, 268, 105, 273, 280, 425),
        ),
    ),
}
"""By machine: its number as an architecture, the number of clone, and those of the calls that are forbidden."""


def _forbid_system_calls(libc: Any) -> None:
    """Forbid sockets, further processes (threads are allowed) and calls that reach into other processes."""
    known = _CALLS.get(os.uname().machine)
    if known is None or sys.maxsize < 1 << 32:
        return
    code = _program(*known)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("=H6xQ", len(code) // 8, ctypes.addressof(buffer))
    libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), program)


def _program(architecture: int, clone: int, forbidden: tuple[int, ...]) -> bytes:
    """Build the filter: instructions of an operation, jumps if true and if false (how many to skip), and an operand."""
    checks = [(_EQUAL, number) for number in forbidden]
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, len(checks) + 7, architecture),  # another one: forbidden
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, len(checks) + 5, 0, _NOT_NATIVE),
        *((operation, len(checks) + 4 - place, 0, number) for place, (operation, number) in enumerate(checks)),
        (_EQUAL, 5, 0, _CLONE3),  # its flags are in memory, where a filter cannot look: the C library falls back
        (_EQUAL, 0, 2, clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _FAIL_WITH | _EPERM),
        (_RETURN, 0, 0, _FAIL_WITH | _ENOSYS),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
