"""The track of an image sequence: HEIF brands `msf1`, `hevc`, AVIF brand `avis` (ISO/IEC 23008-12 7)."""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.probes.isobmff import Box, boxes
from preflight.sources import Source

_LIMIT: Final = 256 << 10
"""Bytes of `moov` that are read: what is wanted stands in front of the tables of each frame."""


class Sequence(NamedTuple):
    """The first track of pictures. None: not stated.

    coding    sample entry type: `av01`, `hvc1` …
    width, height   px as coded; rotation: clockwise degrees to display
    duration  s of one pass; has_alpha: a second track holds the alpha of the first
    """

    coding: bytes | None = None
    width: int | None = None
    height: int | None = None
    rotation: int | None = None
    frames: int | None = None
    duration: float | None = None
    has_alpha: bool = False


def read_sequence(source: Source, moov: Box) -> Sequence:
    """What a `moov` box says of its first visible track of pictures."""
    data = source.read_at(moov.body, _LIMIT if moov.end is None else min(_LIMIT, moov.end - moov.body))
    found, has_alpha = Sequence(), False
    for kind, at, end in boxes(data):
        if kind == b"trak":
            handler, track = _track(data, at, end)
            if handler in (b"pict", b"vide") and found.coding is None:
                found = track
            has_alpha |= handler == b"auxv" and track.has_alpha
    return found._replace(has_alpha=has_alpha)


def _track(data: bytes, at: int, end: int) -> tuple[bytes, Sequence]:
    track = _within(data, at, end)
    media = _within(data, *track.get(b"mdia", (0, 0)))
    table = _within(data, *_within(data, *media.get(b"minf", (0, 0))).get(b"stbl", (0, 0)))
    handler = _part(data, media, b"hdlr")[8:12]
    entry = _part(data, table, b"stsd")[8:]
    samples = _part(data, table, b"stsz") or _part(data, table, b"stz2")
    coded = len(entry) >= 36
    return handler, Sequence(
        coding=entry[4:8] if coded else None,
        width=int.from_bytes(entry[32:34], "big") or None,
        height=int.from_bytes(entry[34:36], "big") or None if coded else None,
        rotation=_rotation(_part(data, track, b"tkhd")),
        frames=int.from_bytes(samples[8:12], "big") if len(samples) >= 12 else None,
        duration=_duration(_part(data, media, b"mdhd")),
        has_alpha=b"auxiliary:alpha\0" in entry or b"auxid:1\0" in entry,
    )


def _within(data: bytes, at: int, end: int) -> dict[bytes, tuple[int, int]]:
    """The children of one box; the first of each type."""
    found: dict[bytes, tuple[int, int]] = {}
    for kind, start, stop in boxes(data, at, end):
        found.setdefault(kind, (start, stop))
    return found


def _part(data: bytes, of: dict[bytes, tuple[int, int]], kind: bytes) -> bytes:
    at, end = of.get(kind, (0, 0))
    return data[at:end]


def _rotation(tkhd: bytes) -> int | None:
    """Quarter turns only: (a, b, c, d) of the matrix as its 16.16 numbers have them (ISO/IEC 14496-12 8.3.2)."""
    at = 52 if tkhd[:1] == b"\1" else 40
    a, b = (int.from_bytes(tkhd[at + skip : at + skip + 4], "big", signed=True) for skip in (0, 4))
    if len(tkhd) < at + 36 or (a and b):
        return None
    return (90 if b > 0 else 270) if b else (0 if a > 0 else 180)


def _duration(mdhd: bytes) -> float | None:
    at, width = (20, 8) if mdhd[:1] == b"\1" else (12, 4)
    scale = int.from_bytes(mdhd[at : at + 4], "big")
    ticks = mdhd[at + 4 : at + 4 + width]
    if len(ticks) < width or not scale or not ticks.strip(b"\xff"):
        return None
    return int.from_bytes(ticks, "big") / scale
