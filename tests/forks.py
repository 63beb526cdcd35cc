"""The `preflight` command in a process that is forked from one that has already imported it.

Hundreds of tests run the command, and starting an interpreter with its imports takes ten times as long as most of them.
Tests still see a process with its own streams, exit code, environment and folder. Tests of the start itself (signals,
terminals, broken pipes, variables that Python reads) start an interpreter.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from select import select
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent
_MODULES = ("assets", "check", "fix", "probe", "rules", "submit")
_NUMBER = struct.Struct("=i")
_LATER = (
    *("click._textwrap", "encodings.ascii", "encodings.unicode_escape", "encodings.utf_8_sig", "jinja2"),
    *("pydantic._internal._dataclasses", "rich._emoji_codes", "statistics"),
    *("requests.adapters", "rich.ansi", "rich.console", "rich.table", "tomllib", "zoneinfo"),
    *("uvicorn.lifespan.off", "uvicorn.protocols.http.h11_impl"),
    *("preflight.__main__", "preflight.cli.sandbox", "preflight.config", "preflight.gitignore"),
    *("preflight.plans.commands", "preflight.probes.decode", "preflight.probes.gif"),
    *("preflight.probes.heif", "preflight.probes.jpeg", "preflight.probes.matroska", "preflight.probes.mp4"),
    *("preflight.probes.mpeg_audio.adts", "preflight.probes.mpeg_audio.loas", "preflight.probes.mpeg_audio.mp3"),
    *("preflight.probes.png", "preflight.probes.sniff.streams", "preflight.probes.sniff.text"),
    *("preflight.probes.tiff", "preflight.probes.wav", "preflight.probes.webp", "preflight.probes.window"),
    *("preflight.processes", "preflight.reporters.html", "preflight.reporters.json", "preflight.reporters.text"),
    *("preflight.rulecheck", "preflight.rulefile.limits", "preflight.rulefile.model", "preflight.run.cache"),
    *("preflight.sandbox.app", "preflight.scan.executors", "preflight.scan.isolation", "preflight.schemas"),
)
"""What commands import when they need it."""


class Forks:
    """A process that forks for each command. It runs one command at a time."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        command = [sys.executable, "-m", __name__, str(theirs.fileno())]
        # Pipes, as a test's process has: the kind of stream is asked for once, when Python starts.
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], **pipes)  # type: ignore[call-overload]
        theirs.close()
        self._answer()

    def run(
        self,
        words: list[str],
        *,
        cwd: str | Path,
        env: Mapping[str, str],
        data: bytes = b"",
        timeout: float = 60,
        main: str = "preflight.__main__",
        terminals: Mapping[int, int] | None = None,
    ) -> tuple[int, bytes, bytes]:
        """Return exit code, standard output and standard error of a command: `main()` of the module `main`.

        terminals: descriptors of terminals in place of output 1 or 2. Raise subprocess.TimeoutExpired after killing it.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            outputs = {1: out.fileno(), 2: err.fileno(), **(terminals or {})}
            self._ask(words, {"cwd": str(cwd), "env": dict(env), "main": main}, data, [outputs[1], outputs[2]])
            child = self._answer()
            late = not select([self._socket], [], [], timeout)[0]
            if late:
                os.kill(child, signal.SIGKILL)
            code = self._answer()
            if late:
                raise subprocess.TimeoutExpired(words, timeout)
            out.seek(0)
            err.seek(0)
            return code, out.read(), err.read()

    def close(self) -> None:
        self._socket.close()
        self._process.communicate()

    def _ask(self, words: list[str], settings: dict[str, Any], data: bytes, outputs: list[int]) -> None:
        read, write = os.pipe()
        try:
            asked = json.dumps({"words": words, **settings}).encode() + b"\n"
            socket.send_fds(self._socket, [b"."], [read, *outputs])
            self._socket.sendall(asked)
        finally:
            os.close(read)
        with suppress(BrokenPipeError), os.fdopen(write, "wb") as pipe:
            pipe.write(data)

    def _answer(self) -> int:
        data = self._socket.recv(_NUMBER.size, socket.MSG_WAITALL)
        if not data:
            raise RuntimeError(self._process.communicate()[1].decode())
        return int(_NUMBER.unpack(data)[0])


def _serve(asked: socket.socket) -> None:
    """Fork for each request until the socket is closed. Send the child's id, then its exit code."""
    for name in _MODULES:
        import_module(f"preflight.cli.{name}")
    for name in _LATER:
        import_module(name)
    # A collection would write to every object, and so copy all the memory that a fork shares.
    gc.freeze()
    lines = asked.makefile("r")
    asked.sendall(_NUMBER.pack(0))  # ready
    while True:
        data, descriptors, _, _ = socket.recv_fds(asked, 1, 3)
        if not data:
            return
        call = json.loads(lines.readline())
        child = os.fork()
        if child == 0:
            _become(call, descriptors)
        for each in descriptors:
            os.close(each)
        asked.sendall(_NUMBER.pack(child))
        _, status = os.waitpid(child, 0)
        asked.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))


def _become(call: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Turn this process into the command."""
    for number, each in enumerate(descriptors):
        os.dup2(each, number)
    os.closerange(3, max(descriptors) + 1)
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())  # type: ignore[union-attr]
    os.chdir(call["cwd"])
    sys.path[0] = call["cwd"]
    os.environ.clear()
    os.environ.update(call["env"])
    sys.argv = [sys.argv[0], *call["words"]]
    import_module(call["main"]).main()
    raise AssertionError("it ends the process")


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
