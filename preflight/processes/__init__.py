"""One killable process for everything that a foreign decoder touches, with a deadline and a memory limit a file.

The process is a fresh interpreter in a session of its own (`process.py` is our end of it, `child.py` the other one),
started when the first file needs it and used again until a decoder hangs or crashes. It reads the source through the
socket that joins us and has nothing else of ours: so every kind of source works, nothing is copied to disk, and no
decoder opens a path or a URL by itself. As many processes run as threads decode at the same time.
"""

from __future__ import annotations

import atexit
import os
from typing import Any, Final

from preflight.errors import ReadLimit
from preflight.processes.process import Limits, Process
from preflight.sources import Source

__all__ = ["TASKS", "Limits", "run"]

TASKS: Final[dict[str, str]] = {
    "av": "preflight.probes.decoders.av_task:picture",
    "frame": "preflight.probes.decoders.previews:frame",
    "image": "preflight.probes.decoders.pillow_task:header",
    "mediainfo": "preflight.probes.decoders.mediainfo_task:tracks",
    "mutagen": "preflight.probes.decoders.mutagen_task:stream",
    "picture": "preflight.probes.decoders.previews:picture",
    "pixels": "preflight.probes.decoders.pillow_task:decode",
    "structure": "preflight.probes.decoders.structure:examine",
    "waveform": "preflight.probes.decoders.previews:waveform",
}
"""What the process can be asked to do: `function(file, **arguments)`, giving plain JSON. Imported there, never here."""

_running: Final[set[Process]] = set()
_idle: Final[list[Process]] = []  # taken and given back by atomic calls alone, so threads need no lock


def run(task: str, source: Source, limits: Limits, **arguments: Any) -> Any:
    """What `TASKS[task]` says of a source: plain JSON, which a hostile file may have shaped: check its types.

    Raises `WorkerTimeout`, `WorkerCrashed`, `ReadLimit`, and what the source raises while the decoder reads it.
    """
    size = source.size
    if size is None:
        raise ReadLimit(source.name, limits.max_bytes)  # a decoder asks for the end first
    order = {"task": TASKS[task], "arguments": arguments, "size": size, **limits._asdict()}
    process = _take()
    try:
        answer, reusable = process.run(order, source, limits)
    except BaseException:
        _stop(process)
        raise
    if reusable:
        _idle.append(process)
    else:
        _stop(process)
    return answer


def _take() -> Process:
    while _idle:
        try:
            process = _idle.pop()
        except IndexError:
            break
        if process.alive():
            return process
        _stop(process)
    process = Process()
    _running.add(process)
    return process


def _stop(process: Process) -> None:
    _running.discard(process)
    process.stop()


def _stop_all() -> None:
    _idle.clear()
    for process in list(_running):
        _stop(process)


def _forget_all() -> None:
    """A forked copy of the host must not talk to the original's processes, nor hold their sockets open."""
    _idle.clear()
    for process in _running:
        process.forget()
    _running.clear()


atexit.register(_stop_all)
os.register_at_fork(after_in_child=_forget_all)
