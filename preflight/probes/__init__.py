"""bytes → facts. `probe(source, need)` finds out what a source holds and lets the owner of that format read it.

Every format has one owner: one module of this package with one function, `read(source, need, name) -> Media`, that
takes the byte-source interface and the format's name as sniffed, and reads headers only. Where the file ends too
early a reader gives what it knows and the note `truncated`; with nothing to give it raises `EndOfFile`.
Where it reaches a bound of its own, these are the note `read_limit` and `BoundReached`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Final

from preflight.formats import FORMATS
from preflight.media import EVERYTHING, Media, Need
from preflight.probes.sniff import sniff
from preflight.sources import BoundReached, EndOfFile, Source

Reader = Callable[[Source, Need, str], Media]

READERS: Final[dict[str, str]] = {
    "aac": "mpeg_audio.adts",
    "avi": "avi",
    "bmp": "bmp",
    "camera_raw": "raw.containers",
    "cr3": "raw.cr3",  # and crm
    "crw": "raw.containers",
    "flac": "flac",
    "gif": "gif",
    "heif": "heif",  # and avif: one box structure, told apart by brand
    "jpeg": "jpeg",
    "loas": "mpeg_audio.loas",
    "mkv": "matroska",  # and webm
    "mp3": "mpeg_audio.mp3",  # and mp1, mp2
    "mp4": "mp4",  # and mov, m4a, m4v, 3gp
    "mrw": "raw.containers",
    "ogg": "ogg",
    "orf": "raw.tiff_based",
    "png": "png",
    "raf": "raw.containers",
    "rw2": "raw.tiff_based",
    "tiff": "tiff",  # and the camera raws that begin like it
    "wav": "wav",
    "webp": "webp",
    "x3f": "raw.containers",
}
"""Which module of this package reads what `sniff` found."""


def probe(source: Source, need: Need = EVERYTHING) -> Media:
    """The facts of a source, read as little as `need` allows.

    What is not media (zip, html, text …) has a format and no kind; what nobody recognises has neither.
    Raises `SourceError` where the bytes cannot be had.
    """
    name = sniff(source)
    module = READERS.get(name or "")
    if module is None:
        return _known_by_name(source, need, name)
    try:
        return _reader(module)(source, need, name or "")
    except (EndOfFile, BoundReached) as reason:
        kinds = FORMATS[name].kinds if name in FORMATS else ()
        kind = kinds[0] if len(kinds) == 1 else None
        note = "truncated" if isinstance(reason, EndOfFile) else "read_limit"
        return Media(kind=kind, format=name, size=source.size, notes=(note,))


@cache
def _reader(module: str) -> Reader:
    read: Reader = import_module(f"preflight.probes.{module}").read
    return read


def _known_by_name(source: Source, need: Need, name: str | None) -> Media:
    """Formats without a reader: no media at all, or media of which only the libraries know more."""
    if name is not None and not FORMATS[name].kinds:
        return Media(format=name, size=source.size)
    return _reader("fallback")(source, need, name or "")
