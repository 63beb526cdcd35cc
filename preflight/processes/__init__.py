"""Killable processes with a deadline, a memory limit and no more rights than their tasks need.

A process is a fresh interpreter in a session of its own (`process.py` is the parent's end, `worker.py` the child's). It
performs one task after the other until one hangs, crashes or makes it grow. How it is confined is data: `DECODER` for
libraries that a hostile file may take over, `READER` for our own readers, which open files by name.

`call` performs a task in the pool that all decoders share. They read the source through the socket between the two
programs and get nothing else: every kind of source works, nothing is copied to disk, and no decoder opens a path or a
URL by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from preflight.errors import ReadLimit, WorkerCrashed, WorkerTimeout
from preflight.processes.pool import Pool, Task
from preflight.processes.process import DECODER, READER, CannotStart, Limits, ProcessProfile, TaskCrashed, TaskTimeout

if TYPE_CHECKING:
    from preflight.sources import Source

__all__ = [
    "DECODER",
    "DECODERS",
    "READER",
    "TASKS",
    "CannotStart",
    "Limits",
    "Pool",
    "ProcessProfile",
    "Task",
    "TaskCrashed",
    "TaskTimeout",
    "call",
]

TASKS: Final[dict[str, str]] = {
    "av": "preflight.probes.decoders.av_task:decode_picture",
    "frame": "preflight.probes.decoders.previews:frame",
    "image": "preflight.probes.decoders.pillow_task:header",
    "mediainfo": "preflight.probes.decoders.mediainfo_task:tracks",
    "mutagen": "preflight.probes.decoders.mutagen_task:stream",
    "picture": "preflight.probes.decoders.previews:picture",
    "pixels": "preflight.probes.decoders.pillow_task:decode_pixels",
    "structure": "preflight.probes.decoders.structure:find_fault",
    "waveform": "preflight.probes.decoders.previews:waveform",
}
"""The tasks of decoders: `function(file, **arguments)`, which returns plain JSON."""

DECODERS: Final = Pool(DECODER)
"""The one pool under foreign formats, `--deep` and previews."""


def call(task: str, source: Source, limits: Limits, **arguments: object) -> object:
    """Return the result of `TASKS[task]`: plain JSON that a hostile file may have shaped, so check its types.

    Raise `WorkerTimeout`, `WorkerCrashed`, `ReadLimit`, and what the source raises while the decoder reads it.
    """
    if source.size is None:
        raise ReadLimit(source.name, limits.max_bytes)  # a decoder reads the end first
    try:
        return DECODERS.call(Task(TASKS[task], arguments), limits, source)
    except TaskTimeout as error:
        raise WorkerTimeout(source.name, error.seconds) from None
    except TaskCrashed as error:
        raise WorkerCrashed(source.name, str(error)) from None
    except CannotStart as error:
        raise WorkerCrashed("worker", str(error)) from None
