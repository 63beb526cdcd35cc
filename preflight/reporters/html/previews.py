"""Thumbnails, first frames and waveforms, made in the worker: failing files first, as long as room and time last."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from preflight import processes
from preflight.errors import SourceError
from preflight.formats import AUDIO, IMAGE, VIDEO
from preflight.processes import Limits
from preflight.sources.local import LocalSource

Preview = str | list[int]
"""WebP in Base64, or the bars of a waveform."""

LIMITS: Final = Limits(seconds=5, memory=512 << 20, max_bytes=96 << 20, wall=20)
SECONDS: Final = 90.0
"""What all previews of a report may take together."""
MANY: Final = 1000
"""From so many files on previews are smaller."""

_LARGE: Final = {"edge": 320, "quality": 55}
_SMALL: Final = {"edge": 176, "quality": 42}
_MOST_CHARACTERS: Final = 80_000
_WEBP: Final = re.compile(r"UklGR[A-Za-z0-9+/]+={0,2}")
_DEMUXERS: Final = {
    **dict.fromkeys(("3gp", "m4a", "m4v", "mov", "mp4"), "mov"),
    **dict.fromkeys(("mkv", "webm"), "matroska"),
    **dict.fromkeys(("mp1", "mp2", "mp3"), "mp3"),
    **{name: name for name in ("aac", "ac3", "aiff", "amr", "asf", "avi", "flac", "flv", "mpeg", "mpegts", "ogg")},
    "wav": "wav",
}
"""PyAV's demuxer for our formats: it is never left to guess from bytes that an attacker chose."""
_READERS: Final = {
    **{name: (name.upper(),) for name in ("bmp", "dds", "gif", "icns", "ico", "png", "psd", "tiff", "webp")},
    **dict.fromkeys(("avif", "heif"), ("HEIF", "AVIF")),
    "heic": ("HEIF",),
    "jp2": ("JPEG2000",),
    "jpeg": ("JPEG", "MPO"),
}
"""Pillow's readers for our formats, likewise."""


class Wish(NamedTuple):
    """A file that may get a preview. They sort by verdict, then by row; `turn`: clockwise degrees to display."""

    verdict: int
    row: int
    source: str
    kind: str
    format: str
    turn: int


class PreviewsInterrupted(KeyboardInterrupt):
    """Ctrl-C while previews are made: the page is written with those that there are."""

    def __init__(self, made: dict[int, Preview]) -> None:
        self.made = made


def make_previews(wishes: list[Wish], room: int, seconds: float = SECONDS) -> dict[int, Preview]:
    """Previews by row number, at most `room` bytes of them. A file without one costs nothing but its place."""
    size = _SMALL if len(wishes) > MANY else _LARGE
    until = time.monotonic() + seconds
    made: dict[int, Preview] = {}
    threads = min(4, os.cpu_count() or 1)
    with _progress(len(wishes)) as advance, ThreadPoolExecutor(threads, thread_name_prefix="preview") as pool:
        under_way: list[tuple[Wish, Future[Preview | None]]] = []
        rest = iter(sorted(wishes))
        try:
            while room > 0 and time.monotonic() < until:
                for wish in rest:
                    under_way.append((wish, pool.submit(_preview, wish, size)))
                    if len(under_way) >= 2 * threads:
                        break
                if not under_way:
                    break
                wish, future = under_way.pop(0)
                preview = future.result()
                advance()
                if preview is not None:
                    room -= len(str(preview)) + 12
                    made[wish.row] = preview
        except KeyboardInterrupt:
            raise PreviewsInterrupted(made) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return made


def _preview(wish: Wish, size: Mapping[str, int]) -> Preview | None:
    task, arguments = _task(wish, size)
    if task is None:
        return None
    try:
        source = LocalSource(wish.source)
    except SourceError:
        return None
    try:
        return _checked(processes.call(task, source, LIMITS, **arguments))
    except SourceError:
        return None
    finally:
        source.close()


def _task(wish: Wish, size: Mapping[str, int]) -> tuple[str | None, dict[str, Any]]:
    if wish.kind == IMAGE:
        readers = _READERS.get(wish.format)
        return ("picture", {"readers": readers, **size}) if readers else (None, {})
    demuxer = _DEMUXERS.get(wish.format)
    if demuxer is None or not can_play():
        return None, {}
    if wish.kind == VIDEO:
        return "frame", {"demuxer": demuxer, "turn": wish.turn, **size}
    return ("waveform", {"demuxer": demuxer}) if wish.kind == AUDIO else (None, {})


def can_play() -> bool:
    """Whether PyAV is there, for videos and sounds."""
    return find_spec("av") is not None


def _checked(answer: Any) -> Preview | None:
    """The worker's answer if it is a preview: the file may have made its decoder say anything."""
    match answer:
        case str() if len(answer) <= _MOST_CHARACTERS and _WEBP.fullmatch(answer):
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
