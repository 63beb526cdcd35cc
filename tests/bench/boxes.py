"""What the boxes of an MP4 or QuickTime file say that ffprobe does not print: order, fragments and edit lists.

Written from ISO/IEC 14496-12 for the comparison in `tests.bench.fixes`, without code of the package.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"udta"}
SHIFT = 0.1
"""s by which an edit may differ from the media before it counts as an edit."""
ENCODER_DELAY = 4096
"""Samples that an audio encoder adds at the start or the end at most."""


class Track(NamedTuple):
    """A track: handler, timescale and duration in ticks, edits as (length, start, rate), first composition offset."""

    handler: bytes
    timescale: int
    duration: int
    edits: list[tuple[int, int, float]]
    first_shown: int


def walk(file: BinaryIO, start: int, end: int, path: tuple[bytes, ...] = ()) -> Iterator[tuple[tuple[bytes, ...], int]]:
    """Yield the path of each box and where its content starts, in the order of the file."""
    at = start
    while at + 8 <= end:
        file.seek(at)
        size, name = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", file.read(8))[0], 16
        size = size or end - at
        if size < head:
            return
        yield (*path, name), at + head
        if name in CONTAINERS:
            yield from walk(file, at + head, min(at + size, end), (*path, name))
        at += size


def box_facts(path: Path) -> dict[str, object]:
    """Return `streamable`, `fragmented`, `edit_list` and `brand`."""
    with path.open("rb") as file:
        found = list(walk(file, 0, path.stat().st_size))
        top = [names[0] for names, _ in found if len(names) == 1]
        facts: dict[str, object] = {"fragmented": b"moof" in top or (b"moov", b"mvex") in [names for names, _ in found]}
        if b"moov" in top:
            media = min((top.index(name) for name in (b"mdat", b"moof") if name in top), default=len(top))
            facts["streamable"] = top.index(b"moov") < media
        scale = next((_times(file, at)[0] for names, at in found if names == (b"moov", b"mvhd")), 0)
        facts["edit_list"] = any(_is_edited(track, scale) for track in _tracks(file, found))
        brands = [at for names, at in found if names == (b"ftyp",)]
        facts["brand"] = _read(file, brands[0], 4).decode("latin-1").strip() if brands else None
    return facts


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _times(file: BinaryIO, at: int) -> tuple[int, int]:
    """Return timescale and duration of an mvhd or mdhd box."""
    data = _read(file, at, 32)
    return struct.unpack(">IQ", data[20:32]) if data[0] else struct.unpack(">II", data[12:20])


def _tracks(file: BinaryIO, found: list[tuple[tuple[bytes, ...], int]]) -> Iterator[Track]:
    track: dict[bytes, int] = {}
    for names, at in [*found, ((b"moov", b"trak"), 0)]:
        if names == (b"moov", b"trak"):
            if b"hdlr" in track and b"mdhd" in track:
                yield _track(file, track)
            track = {}
        else:
            track.setdefault(names[-1], at)


def _track(file: BinaryIO, boxes: dict[bytes, int]) -> Track:
    timescale, duration = _times(file, boxes[b"mdhd"])
    edits, first = [], 0
    if b"elst" in boxes:
        version, count = struct.unpack(">B3xI", _read(file, boxes[b"elst"], 8))
        form = ">Qqhh" if version else ">Iihh"
        data = _read(file, boxes[b"elst"] + 8, count * struct.calcsize(form))
        edits = [(length, start, rate + part / 65536) for length, start, rate, part in struct.iter_unpack(form, data)]
    if b"ctts" in boxes:
        first = struct.unpack(">i", _read(file, boxes[b"ctts"] + 12, 4))[0]
    return Track(_read(file, boxes[b"hdlr"] + 8, 4), timescale, duration, edits, first)


def _is_edited(track: Track, movie_scale: int) -> bool:
    """Return whether the edit list leaves out media, or plays it at another speed or order."""
    shown = [edit for edit in track.edits if edit[1] >= 0]
    if track.handler not in (b"vide", b"soun") or not shown or not track.timescale or not movie_scale:
        return False
    length, start, rate = shown[0]
    if len(shown) > 1 or rate != 1:
        return True
    delay = ENCODER_DELAY if track.handler == b"soun" else max(track.first_shown, 0)
    if start > delay + SHIFT * track.timescale / 100:
        return True
    left_out = (track.duration - start) / track.timescale - length / movie_scale
    return bool(length and track.duration) and left_out > SHIFT
