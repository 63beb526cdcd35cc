"""Read the facts of a source: `probe(source, need)` recognizes the format and calls the reader of that format.

Each format has one reader: a module of this package with one function, `read(source, need, name) -> Media`. It takes
the source and the format's name as sniffed, and reads headers only. If the file ends too early, a reader returns the
facts so far with the note `truncated`, or raises `EndOfFile` without any. If it reaches one of its limits, the note is
`read_limit` and the exception `BoundReached`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Final

from preflight.formats import FORMATS, only_kind
from preflight.media import EVERYTHING, Media, Need
from preflight.probes.sniff import sniff
from preflight.sources import BoundReached, EndOfFile, Source

Reader = Callable[[Source, Need, str], Media]

READERS: Final[dict[str, str]] = {
    "aac": "mpeg_audio.adts",
    "avi": "avi",
    "bmp": "bmp",
    "camera_raw": "raw",
    "cr3": "raw",  # and crm
    "crw": "raw",
    "flac": "flac",
    "gif": "gif",
    "heif": "heif",  # and avif: one box structure, distinguished by brand
    "jpeg": "jpeg",
    "loas": "mpeg_audio.loas",
    "mkv": "matroska",  # and webm
    "mp3": "mpeg_audio.mp3",  # and mp1, mp2
    "mp4": "mp4",  # and mov, m4a, m4v, 3gp
    "mrw": "raw",
    "ogg": "ogg",
    "orf": "raw.tiff_based",
    "png": "png",
    "raf": "raw",
    "rw2": "raw.tiff_based",
    "tiff": "tiff",  # and the camera raws that begin like it
    "wav": "wav",
    "webp": "webp",
    "x3f": "raw",
}
"""The module of this package that reads a sniffed format; `fallback` reads any other. Imported on first use."""


def probe(source: Source, need: Need = EVERYTHING) -> Media:
    """Return the facts of a source, reading as little as `need` allows.

    A non-media file (zip, html, text …) has a format but no kind; an unrecognised file has neither.
    Raise `SourceError` if the bytes cannot be read.
    """
    name = sniff(source)
    if name is not None and name not in READERS and not FORMATS[name].kinds:
        return Media(format=name, size=source.size)
    try:
        return _reader(READERS.get(name or "", "fallback"))(source, need, name or "")
    except (EndOfFile, BoundReached) as reason:
        note = "truncated" if isinstance(reason, EndOfFile) else "read_limit"
        return Media(kind=only_kind(name), format=name, size=source.size, notes=(note,))


@cache
def _reader(module: str) -> Reader:
    read: Reader = import_module(f"preflight.probes.{module}").read
    return read
