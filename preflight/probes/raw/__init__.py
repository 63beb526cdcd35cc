"""Read camera raws in makers' own containers; those built like TIFF are in `raw.tiff_based`.

RAF (Fujifilm), MRW (Minolta), X3F (Sigma), CRW (Canon CIFF), Kyocera's; CR3 and CRM (Canon), which are MP4 with the
brand `crx ` and Canon's own boxes in `moov`. Facts of these formats: ExifTool's and LibRaw's documentation;
https://github.com/lclevy/canon_cr3. Each reader reads the header and the one table that states size and orientation;
Kyocera's file states neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from preflight.formats import CAMERA_RAW, IMAGE, VIDEO
from preflight.media import Media, Need, size_facts
from preflight.probes.exif import GPS_LATITUDE, TRANSPOSED, ByteOrder, Exif, exif_at
from preflight.probes.isobmff import Box, box_at, boxes, top_level
from preflight.probes.tiff.directory import LAYOUTS, Directory, Tag, first_offset, read_directory
from preflight.probes.window import is_cheap
from preflight.sources import EndOfFile, Source, read_exactly
from preflight.sources.memory import MemorySource

_BY_DEGREES: Final = {0: 1, 90: 6, 180: 3, 270: 8}
"""Clockwise degrees to display, and the equivalent EXIF orientation."""

_RAF_TABLE_BYTES: Final = 1024
"""Bytes read of a RAF's table: the sizes are its first entries."""
_RAF_CROPPED: Final = 0x111
_RAF_FULL: Final = 0x100
_MAX_MRW_BLOCKS: Final = 8
_MAX_CIFF_ENTRIES: Final = 256
_CIFF_PROPERTIES: Final = 0x300A
_CIFF_IMAGE: Final = 0x1810
_CANON: Final = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
"""The user type of the `uuid` box that holds Canon's boxes; it is the first in `moov`."""
_MAX_CR3_BOXES: Final = 8
"""Boxes of the file that are read: `moov` is the second."""
_MAX_CANON_BOXES: Final = 16
"""Canon's boxes that are read before the one of GPS, which is the eighth."""
_GPS_BYTES: Final = 256
_IN_BLOCKS: Final = frozenset((Tag.WIDTH, Tag.HEIGHT, Tag.ORIENTATION, GPS_LATITUDE))
_MOVIE_BYTES: Final = 4096
"""Bytes read of `moov`: CNCV and CMT1 are in its first kilobyte."""

PictureSize = tuple[int | None, int | None]
_UNKNOWN: Final[PictureSize] = (None, None)


def make_media(
    source: Source,
    name: str,
    size: PictureSize,
    orientation: int | None,
    *,
    location: bool | None = None,
    truncated: bool = False,
) -> Media:
    """Return the facts of a camera raw: `size` as stored, which `orientation` may transpose for display.

    Facts of colors and coding are not set: they would describe a sensor, not a picture.
    """
    assert name in CAMERA_RAW
    known = orientation if orientation in range(1, 9) else None
    return Media(
        kind=IMAGE,
        format=name,
        size=source.size,
        **size_facts(*size, transposed=known in TRANSPOSED),
        orientation=known,
        location=location,
        notes=("camera_raw", "truncated") if truncated else ("camera_raw",),
    )


class _Picture(NamedTuple):
    """The size as stored, EXIF orientation, and whether it has a position."""

    size: PictureSize = _UNKNOWN
    orientation: int | None = None
    location: bool | None = None


def read(source: Source, need: Need, name: str) -> Media:
    """Return the facts of one of these files, with the note `truncated` if their table is incomplete."""
    reader = _READERS.get(name)
    try:
        found = _cr3(source, need) if name == "cr3" else reader(source) if reader is not None else _Picture()
    except EndOfFile:
        return make_media(source, name, _UNKNOWN, None, truncated=True)
    if isinstance(found, Media):
        return found
    return make_media(source, name, found.size, found.orientation, location=found.location)


def _raf(source: Source) -> _Picture:
    """Read a header, a JPEG with EXIF and a table of sizes. The size is RawImageCroppedSize."""
    header = read_exactly(source, 84, 16)
    jpeg, _, table, length = (int.from_bytes(header[at : at + 4]) for at in range(0, 16, 4))
    data = read_exactly(source, table, 4)
    data += source.read_at(table + 4, max(0, min(length, _RAF_TABLE_BYTES) - 4))
    sizes: dict[int, bytes] = {}
    at = 4
    for _ in range(int.from_bytes(data[:4])):
        tag, size = int.from_bytes(data[at : at + 2]), int.from_bytes(data[at + 2 : at + 4])
        at += 4 + size
        if at > len(data):
            break
        sizes.setdefault(tag, data[at - size : at])
    stated = sizes.get(_RAF_CROPPED) or sizes.get(_RAF_FULL) or b""
    exif = _exif_in_jpeg(source, jpeg)
    return _Picture(_size(stated[2:4], stated[:2], "big"), exif.orientation, exif.location)


def _exif_in_jpeg(source: Source, start: int) -> Exif:
    """Return what EXIF says in a JPEG whose first segment it is, as cameras write it."""
    head = source.read_at(start, 12)
    if head[:4] != b"\xff\xd8\xff\xe1" or head[6:10] != b"Exif":
        return Exif(location=None)
    return exif_at(source, start + 12, max(0, int.from_bytes(head[4:6]) - 8), source)


def _mrw(source: Source) -> _Picture:
    """Read blocks: PRD has the size, TTW a TIFF directory."""
    size, exif = _UNKNOWN, Exif(location=None)
    at = 8
    end = at + int.from_bytes(read_exactly(source, 4, 4))
    for _ in range(_MAX_MRW_BLOCKS):
        if at >= end or (size != _UNKNOWN and exif.orientation):
            break
        header = read_exactly(source, at, 8)
        length = int.from_bytes(header[4:])
        if header[:4] == b"\0PRD":
            block = read_exactly(source, at + 8, 16)
            size = _size(block[14:16], block[12:14], "big")
        elif header[:4] == b"\0TTW":
            exif = exif_at(source, at + 8, length, source)
        at += 8 + length
    return _Picture(size, exif.orientation, exif.location)


def _x3f(source: Source) -> _Picture:
    """Read the header, whose layout changes with version 4."""
    major = int.from_bytes(read_exactly(source, 6, 2), "little")
    header = read_exactly(source, 40 if major >= 4 else 28, 12)
    return _Picture(_size(header[:4], header[4:8], "little"), _orientation(header[8:], "little"))


def _crw(source: Source) -> _Picture:
    """Read a heap, whose directory is at its end, and the heap of the picture's properties in it.

    It has no record for a position (CIFF 1.0 r4).
    """
    order: ByteOrder = "little" if source.read_at(0, 2) == b"II" else "big"
    if source.size is None:
        return _Picture()
    start = int.from_bytes(read_exactly(source, 2, 4), order)
    properties = _ciff_entry(source, order, (start, source.size), _CIFF_PROPERTIES)
    image = properties and _ciff_entry(source, order, properties, _CIFF_IMAGE)
    if not image:
        return _Picture()
    data = read_exactly(source, image[0], 16)
    return _Picture(_size(data[:4], data[4:8], order), _orientation(data[12:], order), location=False)


def _ciff_entry(source: Source, order: ByteOrder, heap: tuple[int, int], wanted: int) -> tuple[int, int] | None:
    """Return where an entry of the heap begins and ends; None if there is none."""
    start, end = heap
    directory = start + int.from_bytes(read_exactly(source, max(0, end - 4), 4), order)
    count = min(int.from_bytes(read_exactly(source, directory, 2), order), _MAX_CIFF_ENTRIES)
    entries = source.read_at(directory + 2, 10 * count)
    for at in range(0, len(entries) - 9, 10):
        tag, length, offset = (
            int.from_bytes(entries[at + begin : at + stop], order) for begin, stop in ((0, 2), (2, 6), (6, 10))
        )
        if tag == wanted:
            return start + offset, start + offset + length
    return None


def _cr3(source: Source, need: Need) -> _Picture | Media:
    """Read the beginning of the moov box; the facts of a video are those of MP4.

    CNCV names the type: a picture (CanonCR3) or a raw video (CanonCRM). CMT1 is a TIFF file without a picture, whose
    IFD0 states the raw picture's size and its orientation, CMT4 one of GPS; the tracks hold previews and the sensor's
    data, each as one sample.
    """
    moov = next((box for box in top_level(source, limit=_MAX_CR3_BOXES) if box.type == b"moov"), None)
    if moov is None:
        raise EndOfFile("a CR3 without its moov box")
    canon = _canon_boxes(source.read_at(moov.body, _MOVIE_BYTES))
    type_name = canon.get(b"CNCV")
    if type_name is None or type_name.startswith(b"CanonCRM"):
        from preflight.probes import mp4  # pictures do not need it

        video = mp4.read(source, need, "mp4")
        if type_name is not None or (video.frames or 0) > 1:
            return video._replace(kind=VIDEO, format="crm", notes=("camera_raw", *video.notes))
    directory = _directory_of(canon.get(b"CMT1", b""))
    if directory is None:
        return _Picture()
    size = directory.positive(Tag.WIDTH), directory.positive(Tag.HEIGHT)
    gps = _directory_of(_gps_block(source, moov))
    return _Picture(size, directory.positive(Tag.ORIENTATION), GPS_LATITUDE in gps.entries if gps else None)


def _directory_of(block: bytes) -> Directory | None:
    """Return the first directory of a TIFF file without a picture, the beginning of which is `block`."""
    head = block[:16]
    layout = LAYOUTS.get(head[:4])
    if layout is None:
        return None
    try:
        return read_directory(MemorySource(block), layout, first_offset(head, layout), _IN_BLOCKS)
    except EndOfFile:
        return None


def _gps_block(source: Source, moov: Box) -> bytes:
    """Return CMT4, among Canon's boxes behind the large one of maker notes; empty if it is not there or not near."""
    start = moov.body + 8 + len(_CANON)
    for _ in range(_MAX_CANON_BOXES):
        if start + 8 > (source.size or start + 8) or not is_cheap(source, start + 8 + _GPS_BYTES):
            break
        box = box_at(source.read_at(start, 16), start, source.size)
        if box is None or box.end is None or box.type == b"CMT4":
            return source.read_at(box.body, _GPS_BYTES) if box else b""
        start = box.end
    return b""


def _canon_boxes(data: bytes) -> dict[bytes, bytes]:
    """Return Canon's boxes by type, from the beginning of a moov box."""
    for kind, start, end in boxes(data):
        if kind == b"uuid" and data[start : start + 16] == _CANON:
            return {inner: data[begin:stop] for inner, begin, stop in boxes(data, start + 16, end)}
    return {}


def _size(width: bytes, height: bytes, order: ByteOrder) -> PictureSize:
    """Return the size; 0 means not known."""
    return int.from_bytes(width, order) or None, int.from_bytes(height, order) or None


def _orientation(degrees: bytes, order: ByteOrder) -> int | None:
    return _BY_DEGREES.get(int.from_bytes(degrees, order, signed=True) % 360)


_READERS: Final[dict[str, Callable[[Source], _Picture]]] = {"crw": _crw, "mrw": _mrw, "raf": _raf, "x3f": _x3f}
