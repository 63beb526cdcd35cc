"""Decoders as bad as they come, for the tests of the worker. Imported in its process."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from typing import Any, BinaryIO


def head(file: BinaryIO, length: int = 8) -> dict[str, Any]:
    return {"pid": os.getpid(), "head": file.read(length).hex()}


def measure(file: BinaryIO) -> dict[str, Any]:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return {"size": size, "read": len(file.read())}


def hang(file: BinaryIO, **_: object) -> None:
    while True:
        pass


def sleep(file: BinaryIO, **_: object) -> None:
    time.sleep(3600)


def read_forever(file: BinaryIO, **_: object) -> None:
    while True:
        file.seek(0)
        file.read()


def segfault(file: BinaryIO, **_: object) -> None:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # as without pytest's faulthandler
    ctypes.string_at(0)


def leave(file: BinaryIO, **_: object) -> None:
    os._exit(3)


def grow(file: BinaryIO, size: int) -> int:
    return len(bytearray(size))


def devour(file: BinaryIO, **_: object) -> None:
    taken = []
    while True:
        taken.append(bytearray(16 << 20))


def fail(file: BinaryIO, **_: object) -> None:
    raise KeyError("odd")


def chatter(file: BinaryIO) -> str:
    os.write(1, b"noise")
    print("noise", file=sys.stderr, flush=True)
    return "quiet"


def flood(file: BinaryIO, **_: object) -> str:
    return "x" * (5 << 20)


def nest(file: BinaryIO) -> list[Any]:
    found: list[Any] = []
    for _ in range(900):
        found = [found]
    return found


def opaque(file: BinaryIO) -> object:
    return float("nan")


def ask_wildly(file: BinaryIO) -> None:
    channel = file.raw._channel  # type: ignore[attr-defined]
    channel.send(b'{"read": [-1, 99999999]}')
    channel.receive()
