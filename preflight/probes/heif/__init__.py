"""HEIF and AVIF: pictures in the boxes of an ISO base media file (ISO/IEC 23008-12, AVIF 1.1).

What the file is its major brand says, as for films; where that is the neutral `mif1`, how the picture is coded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from preflight.formats import IMAGE
from preflight.media import Media, Need
from preflight.probes.exif import TRANSPOSED
from preflight.probes.heif import picture
from preflight.probes.heif.items import Items, contents
from preflight.probes.isobmff import Box, box_at, boxes, top_level
from preflight.sources import BoundReached, Source, read_exactly

_AVIF: Final = frozenset(b"avif avis avio".split())
_HEIC: Final = frozenset(b"heic heix heim heis hevc hevx hevm hevs".split())
_SEQUENCES: Final = frozenset(b"msf1 avis avcs hevc hevx hevm hevs vvis evbs evms jpgs j2is".split())
_NEUTRAL: Final = frozenset(b"mif1 mif2 msf1 miaf".split())
_BOXES: Final = 64
"""Boxes of the file that are looked at: what is wanted is among the first, or the last of very few."""
_BRANDS: Final = 512


class _Layout(NamedTuple):
    """The brands, major first; the boxes found by type; whether the file ends inside one, or there are too many."""

    brands: tuple[bytes, ...]
    boxes: dict[bytes, Box]
    cut: bool
    limited: bool = False


def read(source: Source, need: Need, name: str) -> Media:
    """The facts of a HEIF or AVIF file. Reads up to and with its `meta` box, for sequences `moov` too."""
    layout = _layout(source)
    media = Media(IMAGE, _format(None, layout.brands), source.size, notes=("truncated",) if layout.cut else ())
    limited = layout.limited
    try:
        if b"meta" in layout.boxes:
            media = _from_items(media, source, layout)
        elif b"mini" in layout.boxes:
            media = _from_mini(media, source, layout.boxes[b"mini"])
        if b"moov" in layout.boxes:
            media = _from_sequence(media, read_sequence(source, layout.boxes[b"moov"]), layout.brands)
    except BoundReached:
        limited = True
    if limited:
        return replace(media, notes=(*media.notes, "read_limit"))
    if media.stored_width is None and "truncated" not in media.notes:
        return replace(media, notes=(*media.notes, "bad_header"))
    return media


def _layout(source: Source) -> _Layout:
    brands: tuple[bytes, ...] = ()
    found: dict[bytes, Box] = {}
    cut, end = False, 0
    for box in _bounded(source):
        if box is None:
            return _Layout(brands, found, cut, limited=True)
        if box.type == b"ftyp" and not brands:
            body = source.read_at(box.body, min(_BRANDS, (box.end or _BRANDS) - box.body))
            # `mif3` names the coding where other major brands have their version (ISO/IEC 23008-12 Amd 2).
            brands = tuple(body[at : at + 4] for at in range(0, len(body), 4) if at != 4 or body[:4] == b"mif3")
        elif box.type in (b"meta", b"mini", b"moov"):
            found.setdefault(box.type, box)
        if (b"meta" in found or b"mini" in found) and (b"moov" in found or _SEQUENCES.isdisjoint(brands)):
            return _Layout(brands, found, False)
        cut, end = _beyond(box, source), box.end or 0
    # Nothing that describes a picture up to the very end: the box that does was to follow.
    missing = not found and source.size is not None and end + 8 > source.size
    return _Layout(brands, found, cut or missing)


def _bounded(source: Source) -> Iterator[Box | None]:
    """Yield the boxes of the file, and None once the limit is reached."""
    try:
        yield from top_level(source, limit=_BOXES)
    except BoundReached:
        yield None


def _beyond(box: Box, source: Source) -> bool:
    """Whether the file ends inside the box. One of no known type is garbage behind the file, not a part of it."""
    known = box.type in (b"ftyp", b"meta", b"moov", b"mdat")
    return known and box.end is not None and source.size is not None and box.end > source.size


def _format(coding: bytes | None, brands: tuple[bytes, ...]) -> str:
    """By major brand; the neutral ones (ISO/IEC 23008-12 10.2) leave it to the coding, the unknown to the others."""
    major = brands[:1]
    for said in (major, brands[1:] if major and major[0] not in _NEUTRAL else ()):
        if not _AVIF.isdisjoint(said):
            return "avif"
        if not _HEIC.isdisjoint(said):
            return "heic"
    return "heic" if coding in (b"hvc1", b"hev1") else "heif"


def _from_items(media: Media, source: Source, layout: _Layout) -> Media:
    meta = layout.boxes[b"meta"]
    held = contents(source, meta)
    items = Items(held)
    size = picture.geometry(source, items)
    info = items.info.get(items.primary or 0)
    alpha = picture.has_alpha(items)
    notes = list(media.notes)
    after = box_at(held.behind, meta.end or 0, source.size)
    if held.cut or (after and _beyond(after, source)) or _picture_is_missing(items, source.size, held.behind):
        notes = ["truncated"]
    if picture.has_gain_map(items):
        notes.append("gain_map")
    coding = picture.coding(items)
    name = _format(coding, layout.brands)
    if coding == b"av01" and name != "avif":
        notes.append("av1_coded")
    return replace(
        media,
        format=name,
        width=size.displayed[0] if size.displayed else None,
        height=size.displayed[1] if size.displayed else None,
        stored_width=size.stored[0] if size.stored else None,
        stored_height=size.stored[1] if size.stored else None,
        rotation=size.rotation,
        # What a table that is cut off does not name may have stood behind the cut.
        frames=None if held.cut else picture.count(items),
        has_alpha=alpha or (None if held.cut else alpha),
        encrypted=info.protected if info else None,
        notes=tuple(notes),
    )


def _picture_is_missing(items: Items, size: int | None, behind: bytes) -> bool:
    """Whether the file ends before the picture does; needless to ask where an `mdat` of known size is all there."""
    if items.primary is None or size is None or (behind[4:8] == b"mdat" and any(behind[:4])):
        return False
    return items.beyond(items.primary, size)


def _from_mini(media: Media, source: Source, mini: Box) -> Media:
    """The single box of a small picture: flags and size as bits (ISO/IEC 23008-12 Amd 2, MinimizedImageBox)."""
    bits = int.from_bytes(read_exactly(source, mini.body, 8), "big")
    wide = bits >> 47 & 1
    width, height = (bits >> 32 & 0x7FFF, bits >> 17 & 0x7FFF) if wide else (bits >> 40 & 0x7F, bits >> 33 & 0x7F)
    stored = displayed = (width + 1, height + 1)
    if (bits >> 48 & 7) + 1 in TRANSPOSED:
        displayed = stored[::-1]
    return replace(
        media,
        width=displayed[0],
        height=displayed[1],
        stored_width=stored[0],
        stored_height=stored[1],
        has_alpha=bool(bits >> 58 & 1),
        frames=1,
    )


def _from_sequence(media: Media, track: Sequence, brands: tuple[bytes, ...]) -> Media:
    """What the track adds; where no item is the picture, its frames are."""
    if track.frames is None:
        return media
    notes = (*media.notes, "animated") if track.frames > 1 else media.notes
    alpha = True if track.has_alpha else media.has_alpha
    media = replace(media, frames=track.frames, duration=track.duration, has_alpha=alpha, notes=notes)
    if media.stored_width is not None or not track.width or not track.height:
        return media
    turned = track.rotation in (90, 270)
    return replace(
        media,
        format=_format(track.coding, brands),
        width=track.height if turned else track.width,
        height=track.width if turned else track.height,
        stored_width=track.width,
        stored_height=track.height,
        rotation=track.rotation,
        has_alpha=track.has_alpha,
    )


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
