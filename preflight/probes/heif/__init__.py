"""Read HEIF and AVIF: images in the boxes of an ISO base media file (ISO/IEC 23008-12, AVIF 1.1).

The major brand gives the format, as in MP4; for a neutral brand such as `mif1`, the coding of the image does. A
sequence of images is a track in a moov box (ISO/IEC 23008-12 7).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.formats import IMAGE
from preflight.media import NONE, Media, Need, size_facts
from preflight.probes.coded_pictures import PictureFacts
from preflight.probes.exif import TRANSPOSED
from preflight.probes.heif import picture
from preflight.probes.heif.items import Items, MetaBox, read_meta
from preflight.probes.heif.metadata import states_location
from preflight.probes.isobmff import EMPTY, Box, Range, box_at, boxes, brand_name, first_of_each, top_level
from preflight.probes.parameter_sets.record import CHROMA_BY_IDC
from preflight.sources import BoundReached, Source, read_exactly

_AVIF: Final = frozenset(b"avif avis avio".split())
_HEIC: Final = frozenset(b"heic heix heim heis hevc hevx hevm hevs".split())
_SEQUENCES: Final = frozenset(b"msf1 avis avcs hevc hevx hevm hevs vvis evbs evms jpgs j2is".split())
_NEUTRAL: Final = frozenset(b"mif1 mif2 msf1 miaf".split())
_MAX_BOXES: Final = 64
"""Boxes of the file that are read: those that are needed are among the first, or the last of very few."""
_MAX_BRAND_BYTES: Final = 512
_PICTURE_FACTS: Final = frozenset(PictureFacts.__annotations__)


class _TopLevel(NamedTuple):
    """The brands, major brand first, and the boxes that describe images, by type.

    truncated  the file ends inside a box
    limited    there are more boxes than are read
    """

    brands: tuple[bytes, ...]
    boxes: dict[bytes, Box]
    truncated: bool
    limited: bool = False


def read(source: Source, need: Need, _name: str) -> Media:
    """Return the facts of a HEIF or AVIF file. Read up to and including its `meta` box, and `moov` of sequences."""
    layout = _top_level(source)
    limited = layout.limited
    media = None
    try:
        if b"meta" in layout.boxes:
            media = _from_items(source, layout, need)
        media = media or _without_items(source, layout)
        if b"moov" in layout.boxes:
            media = _from_sequence(media, read_sequence(source, layout.boxes[b"moov"]), layout.brands, need)
    except BoundReached:
        limited = True
        media = media or _without_items(source, layout)
    if limited:
        return media._replace(notes=(*media.notes, "read_limit"))
    if media.stored_width is None and "truncated" not in media.notes:
        return media._replace(notes=(*media.notes, "bad_header"))
    return media


def _top_level(source: Source) -> _TopLevel:
    brands: tuple[bytes, ...] = ()
    found: dict[bytes, Box] = {}
    truncated, end = False, 0
    try:
        for box in top_level(source, limit=_MAX_BOXES):
            if box.type == b"ftyp" and not brands:
                body = source.read_at(box.body, min(_MAX_BRAND_BYTES, (box.end or _MAX_BRAND_BYTES) - box.body))
                # `mif3` names the coding where other major brands have their version (ISO/IEC 23008-12 Amd 2).
                brands = tuple(body[at : at + 4] for at in range(0, len(body), 4) if at != 4 or body[:4] == b"mif3")
            elif box.type in (b"meta", b"mini", b"moov"):
                found.setdefault(box.type, box)
            if (b"meta" in found or b"mini" in found) and (b"moov" in found or _SEQUENCES.isdisjoint(brands)):
                return _TopLevel(brands, found, truncated=False)
            truncated, end = _ends_inside(box, source), box.end or 0
    except BoundReached:
        return _TopLevel(brands, found, truncated, limited=True)
    # If nothing describes an image up to the very end, the box that does is missing.
    missing = not found and source.size is not None and end + 8 > source.size
    return _TopLevel(brands, found, truncated or missing)


def _ends_inside(box: Box, source: Source) -> bool:
    """Return whether the file ends inside the box; one of unknown type is garbage after the file, not a part of it."""
    known = box.type in (b"ftyp", b"meta", b"moov", b"mdat")
    return known and box.end is not None and source.size is not None and box.end > source.size


def _format(coding: bytes | None, brands: tuple[bytes, ...]) -> str:
    """Return the format by major brand, else by compatible brands, or by coding after a neutral major brand (10.2)."""
    major = brands[:1]
    for group in (major, brands[1:] if major and major[0] not in _NEUTRAL else ()):
        if not _AVIF.isdisjoint(group):
            return "avif"
        if not _HEIC.isdisjoint(group):
            return "heic"
    return "heic" if coding in (b"hvc1", b"hev1") else "heif"


def _brand(layout: _TopLevel) -> str | None:
    return brand_name(layout.brands[0]) if layout.brands else NONE


def _without_items(source: Source, layout: _TopLevel) -> Media:
    """Return the facts of a file without a `meta` box, or with one that cannot be read."""
    media = Media(
        kind=IMAGE,
        format=_format(None, layout.brands),
        size=source.size,
        brand=_brand(layout),
        location=None if layout.truncated or layout.limited or b"meta" in layout.boxes else False,
        notes=("truncated",) if layout.truncated else (),
    )
    if b"mini" in layout.boxes and b"meta" not in layout.boxes:
        return _from_mini(media, source, layout.boxes[b"mini"])
    return media


def _from_items(source: Source, layout: _TopLevel, need: Need) -> Media:
    """Return the facts of the primary item and of the other images in a `meta` box."""
    meta = read_meta(source, layout.boxes[b"meta"])
    items = Items(meta)
    size = picture.geometry(source, items)
    info = items.info.get(items.primary or 0)
    alpha = picture.has_alpha(items)
    notes = _notes(source, layout, meta, items)
    media = Media(
        kind=IMAGE,
        format=_format(picture.coding(items), layout.brands),
        size=source.size,
        brand=_brand(layout),
        width=size.displayed[0] if size.displayed else None,
        height=size.displayed[1] if size.displayed else None,
        stored_width=size.stored[0] if size.stored else None,
        stored_height=size.stored[1] if size.stored else None,
        rotation=size.rotation,
        # A truncated table may have named more.
        frames=None if meta.truncated else picture.count_pictures(items),
        has_alpha=alpha or (None if meta.truncated else alpha),
        encrypted=info.protected if info else None,
        animated=None if meta.truncated else False,
        location=states_location(source, items, need) if "location" in need.facts and not meta.truncated else None,
        notes=notes,
    )
    if need.facts.isdisjoint(_PICTURE_FACTS):
        return media
    return media._replace(**picture.coded_pictures(source, items, has_gain_map="gain_map" in notes))


def _notes(source: Source, layout: _TopLevel, meta: MetaBox, items: Items) -> tuple[str, ...]:
    """Return the notes on a file with a `meta` box."""
    after = box_at(meta.following, layout.boxes[b"meta"].end or 0, source.size)
    data_is_missing = (after and _ends_inside(after, source)) or _lacks_image_data(items, source.size, meta.following)
    coding = picture.coding(items)
    notes = {
        "truncated": layout.truncated or meta.truncated or data_is_missing,
        "gain_map": picture.has_gain_map(items),
        "av1_coded": coding == b"av01" and _format(coding, layout.brands) != "avif",
    }
    return tuple(note for note, applies in notes.items() if applies)


def _lacks_image_data(items: Items, size: int | None, following: bytes) -> bool:
    """Return whether the file ends before the image data does; a complete `mdat` of known size needs no check."""
    if items.primary is None or size is None or (following[4:8] == b"mdat" and any(following[:4])):
        return False
    return items.end_beyond(items.primary, size)


def _from_mini(media: Media, source: Source, mini: Box) -> Media:
    """Add the facts of a MinimizedImageBox, the only box of a small image: flags and size (ISO/IEC 23008-12 Amd 2)."""
    bits = int.from_bytes(read_exactly(source, mini.body, 8))
    wide = bits >> 47 & 1
    width, height = (bits >> 32 & 0x7FFF, bits >> 17 & 0x7FFF) if wide else (bits >> 40 & 0x7F, bits >> 33 & 0x7F)
    return media._replace(
        **size_facts(width + 1, height + 1, transposed=(bits >> 48 & 7) + 1 in TRANSPOSED),
        has_alpha=bool(bits >> 58 & 1),
        chroma=CHROMA_BY_IDC[bits >> 51 & 3],
        frames=1,
        animated=False,
        location=None if bits >> 53 & 3 else False,  # there is EXIF or XMP
    )


def _from_sequence(media: Media, track: ImageSequence, brands: tuple[bytes, ...], need: Need) -> Media:
    """Add the facts of a sequence; if no item is the image, its frames are."""
    if track.frames is None:
        return media
    notes = (*media.notes, "animated") if track.frames > 1 else media.notes
    alpha = True if track.has_alpha else media.has_alpha
    media = media._replace(
        frames=track.frames,
        animated=track.frames > 1,
        duration=track.duration,
        has_alpha=alpha,
        notes=notes,
    )
    if media.stored_width is not None or not track.width or not track.height:
        return media
    return media._replace(
        format=_format(track.coding, brands),
        **size_facts(track.width, track.height, transposed=track.rotation in (90, 270)),
        rotation=track.rotation,
        has_alpha=track.has_alpha,
        **(PictureFacts() if need.facts.isdisjoint(_PICTURE_FACTS) else _described(track.entry)),
    )


def _described(entry: bytes) -> PictureFacts:
    """Return what a sample entry states about its pictures."""
    from preflight.probes.mp4.entries import video_entry  # most files have no sequence
    from preflight.probes.mp4.pictures import picture_coding

    return picture_coding(entry, video_entry(entry[4:8], entry, 8, min(len(entry), int.from_bytes(entry[:4]))))


_MAX_MOOV_BYTES: Final = 256 << 10
"""Bytes of `moov` that are read: the needed boxes precede the tables of all frames."""


class ImageSequence(NamedTuple):
    """The first track of images. None: not stated.

    coding         sample entry type: `av01`, `hvc1` …
    entry          that sample entry, and what follows it
    width, height  px as coded
    rotation       clockwise degrees to display
    duration       s of one pass
    has_alpha      a second track holds the alpha of the first
    """

    coding: bytes | None = None
    entry: bytes = b""
    width: int | None = None
    height: int | None = None
    rotation: int | None = None
    frames: int | None = None
    duration: float | None = None
    has_alpha: bool = False


def read_sequence(source: Source, moov: Box) -> ImageSequence:
    """Return the first visible track of images in a `moov` box."""
    data = source.read_at(
        moov.body, _MAX_MOOV_BYTES if moov.end is None else min(_MAX_MOOV_BYTES, moov.end - moov.body)
    )
    found, has_alpha = ImageSequence(), False
    for kind, at, end in boxes(data):
        if kind == b"trak":
            handler, track = _read_trak(data, at, end)
            if handler in (b"pict", b"vide") and found.coding is None:
                found = track
            has_alpha |= handler == b"auxv" and track.has_alpha
    return found._replace(has_alpha=has_alpha)


def _read_trak(data: bytes, at: int, end: int) -> tuple[bytes, ImageSequence]:
    track = first_of_each(data, at, end)
    media = first_of_each(data, *track.get(b"mdia", EMPTY))
    information = first_of_each(data, *media.get(b"minf", EMPTY))
    table = first_of_each(data, *information.get(b"stbl", EMPTY))
    handler = _body(data, media, b"hdlr")[8:12]
    entry = _body(data, table, b"stsd")[8:]
    samples = _body(data, table, b"stsz") or _body(data, table, b"stz2")
    coded = len(entry) >= 36
    return handler, ImageSequence(
        coding=entry[4:8] if coded else None,
        entry=entry,
        width=int.from_bytes(entry[32:34]) or None,
        height=int.from_bytes(entry[34:36]) or None if coded else None,
        rotation=_rotation(_body(data, track, b"tkhd")),
        frames=int.from_bytes(samples[8:12]) if len(samples) >= 12 else None,
        duration=_duration(_body(data, media, b"mdhd")),
        has_alpha=b"auxiliary:alpha\0" in entry or b"auxid:1\0" in entry,
    )


def _body(data: bytes, ranges: dict[bytes, Range], kind: bytes) -> bytes:
    at, end = ranges.get(kind, EMPTY)
    return data[at:end]


def _rotation(tkhd: bytes) -> int | None:
    """Return the clockwise degrees of the matrix in `tkhd`; None unless they are quarter turns (14496-12 8.3.2)."""
    at = 52 if tkhd[:1] == b"\1" else 40
    a, b = (int.from_bytes(tkhd[at + skip : at + skip + 4], signed=True) for skip in (0, 4))
    if len(tkhd) < at + 36 or (a and b):
        return None
    return (90 if b > 0 else 270) if b else (0 if a > 0 else 180)


def _duration(mdhd: bytes) -> float | None:
    at, width = (20, 8) if mdhd[:1] == b"\1" else (12, 4)
    scale = int.from_bytes(mdhd[at : at + 4])
    ticks = mdhd[at + 4 : at + 4 + width]
    if len(ticks) < width or not scale or not ticks.strip(b"\xff"):
        return None
    return int.from_bytes(ticks) / scale
