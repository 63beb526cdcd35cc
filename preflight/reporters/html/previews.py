"""Create thumbnails, first frames and waveforms in a separate process, failing files first, within time and size."""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from typing import Any, Final, NamedTuple

from preflight import processes
from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import SourceError
from preflight.formats import AUDIO, DEMUXERS, IMAGE, VIDEO
from preflight.plans.picture_formats import PICTURE_READERS
from preflight.processes import Limits
from preflight.sources.local import LocalSource

Preview = str | list[int]
"""WebP in Base64, or the bars of a waveform."""

LIMITS: Final = Limits(seconds=5, memory=512 << 20, max_bytes=96 << 20, wall=20)
TIMEOUT: Final = 90.0
"""Seconds for all previews of a page."""
MAX_LARGE_PREVIEWS: Final = 1000
"""Number of files above which previews are smaller."""

_LARGE: Final = {"edge": 320, "quality": 55}
_SMALL: Final = {"edge": 176, "quality": 42}
_MAX_CHARS: Final = 80_000
_WEBP: Final = re.compile(r"UklGR[A-Za-z0-9+/]+={0,2}")


class PreviewRequest(NamedTuple):
    """A file that may get a preview. Requests sort by verdict, then by row; `turn`: clockwise degrees to display."""

    verdict: int
    row: int
    source: str
    kind: str
    format: str
    turn: int


class PreviewsInterrupted(KeyboardInterrupt):
    """Ctrl-C while previews are created; `previews` are those that are finished."""

    def __init__(self, previews: dict[int, Preview]) -> None:
        self.previews = previews


def make_previews(
    requests: list[PreviewRequest], max_bytes: int, seconds: float = TIMEOUT, clock: Clock = SYSTEM_CLOCK
) -> dict[int, Preview]:
    """Return previews by row number, about `max_bytes` at most. Files that cannot be decoded have none."""
    size = _SMALL if len(requests) > MAX_LARGE_PREVIEWS else _LARGE
    deadline = clock.monotonic() + seconds
    previews: dict[int, Preview] = {}
    threads = min(4, os.cpu_count() or 1)
    with _progress(len(requests)) as advance, ThreadPoolExecutor(threads, thread_name_prefix="preview") as pool:
        pending: deque[tuple[PreviewRequest, Future[Preview | None]]] = deque()
        waiting = iter(sorted(requests))
        try:
            while max_bytes > 0 and clock.monotonic() < deadline:
                for request in islice(waiting, 2 * threads - len(pending)):
                    pending.append((request, pool.submit(_preview, request, size)))
                if not pending:
                    break
                request, future = pending.popleft()
                preview = future.result()
                advance()
                if preview is not None:
                    max_bytes -= len(str(preview)) + 12
                    previews[request.row] = preview
        except KeyboardInterrupt:
            raise PreviewsInterrupted(previews) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return previews


def _preview(request: PreviewRequest, size: Mapping[str, int]) -> Preview | None:
    task, arguments = _task(request, size)
    if task is None:
        return None
    try:
        source = LocalSource(request.source)
    except SourceError:
        return None
    try:
        return _checked(processes.call(task, source, LIMITS, **arguments))
    except SourceError:
        return None
    finally:
        source.close()


def _task(request: PreviewRequest, size: Mapping[str, int]) -> tuple[str | None, dict[str, Any]]:
    if request.kind == IMAGE:
        readers = PICTURE_READERS.get(request.format)
        return ("picture", {"readers": readers, **size}) if readers else (None, {})
    demuxer = DEMUXERS.get(request.format)
    if demuxer is None or not can_decode_av():
        return None, {}
    if request.kind == VIDEO:
        return "frame", {"demuxer": demuxer, "turn": request.turn, **size}
    return ("waveform", {"demuxer": demuxer}) if request.kind == AUDIO else (None, {})


def can_decode_av() -> bool:
    """Return whether PyAV is installed, which decodes video and audio files."""
    return find_spec("av") is not None


def _checked(answer: object) -> Preview | None:
    """Return the answer if it is a preview; None: a malicious file may control the answer of its decoder."""
    match answer:
        case str() if len(answer) <= _MAX_CHARS and _WEBP.fullmatch(answer):
            return answer
        case list() if 0 < len(answer) <= 200 and all(type(bar) is int and 0 <= bar <= 100 for bar in answer):
            return answer
    return None


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    if total < 100 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("previews"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
