"""Read EXIF: how a picture is displayed, whether it says where it was taken, its color space (CIPA DC-008; TIFF 6.0).

JPEG, PNG and WebP carry the same block: a TIFF file without a picture, whose first directory (IFD0) holds the
orientation (tag 274) and leads to directories of the camera's settings and of GPS. IFD1 describes the thumbnail inside
the block and is never read.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, Protocol

from preflight.probes.color import SRGB, UNSTATED, Color
from preflight.probes.window import is_cheap
from preflight.sources import Source
from preflight.sources.memory import MemorySource

TRANSPOSED: Final = frozenset((5, 6, 7, 8))
"""Orientations that swap width and height."""

ByteOrder = Literal["little", "big"]
_ORDERS: Final[dict[bytes, ByteOrder]] = {b"II*\0": "little", b"MM\0*": "big"}
_VALUE_BYTES: Final[dict[int, int]] = {1: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4, 13: 4}
"""Type → bytes of one value. The standard requires SHORT (3); cameras write the other integers too."""
_FIRST_READ: Final = 512
"""Bytes of a block read first: its header and 41 entries, if the directory is where nearly all writers put it."""
_MAX_ENTRIES: Final = 256
"""Entries that are read: they are sorted by tag, and 274 is one of the lowest."""
_MAX_GPS_ENTRIES: Final = 8
"""Those are sorted too, and the latitude is the third of 32 (4.6.6)."""
_ORIENTATION: Final = 274
_EXIF_IFD: Final = 34665
_GPS_IFD: Final = 34853
_COLOR_SPACE: Final = 40961
GPS_LATITUDE: Final = 2

_XMP_LATITUDE: Final = b":GPSLatitude"
"""The property of XMP, whatever prefix its writer chose for EXIF's namespace (XMP specification part 2, 2.8)."""


class Exif(NamedTuple):
    """What an EXIF block says.

    orientation  1-8; None if it has no valid one
    location     it has a latitude; None if its GPS directory could not be read
    color        its ColorSpace, if that is sRGB
    """

    orientation: int | None = None
    location: bool | None = False
    color: Color = UNSTATED


NO_EXIF: Final = Exif()


class Readable(Protocol):
    """Anything with bytes at offsets: a source, or a window over one."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        ...


def exif_of(block: bytes) -> Exif:
    """Return what an EXIF block, or the beginning of one, says."""
    source = MemorySource(block)
    return exif_at(source, 0, len(block), source)


def exif_at(readable: Readable, offset: int, length: int, source: Source, known: bytes = b"") -> Exif:
    """Return what the block of `length` bytes at `offset` says, reading only its header and directories.

    A leading `Exif` and two zero bytes, the marker in JPEG that many writers of PNG and WebP copy, is skipped.

    source  where a distant GPS directory is read, unless that would cost a request
    known   the beginning of the block, as far as the caller has it
    """
    block = readable.read_at(offset, min(length, _FIRST_READ))
    if block.startswith(b"Exif\0"):
        block, known, offset, length = block[6:], known[6:], offset + 6, length - 6
    order = _ORDERS.get(block[:4])
    if order is None:
        return NO_EXIF
    start = int.from_bytes(block[4:8], order)
    directory = block[start : start + 2 + 12 * _MAX_ENTRIES]
    if len(block) < length and len(directory) < 2 + 12 * min(int.from_bytes(directory[:2], order), _MAX_ENTRIES):
        directory = readable.read_at(offset + start, max(0, min(length - start, 2 + 12 * _MAX_ENTRIES)))
    known = max(block, known, key=len)
    located: bool | None = False
    gps = _integer(directory, _GPS_IFD, order)
    if gps:
        found = known[gps : gps + 2 + 12 * _MAX_GPS_ENTRIES]
        if len(found) < 2 + 12 * min(int.from_bytes(found[:2], order), _MAX_GPS_ENTRIES):
            wanted = max(0, min(length - gps, 2 + 12 * _MAX_GPS_ENTRIES))
            found = source.read_at(offset + gps, wanted) if is_cheap(source, offset + gps + wanted) else b""
        located = bool(_entry(found, GPS_LATITUDE, order)) if found else None
    camera = _integer(directory, _EXIF_IFD, order)
    settings = known[camera : camera + 2 + 12 * _MAX_ENTRIES] if camera else b""
    is_srgb = _integer(settings, _COLOR_SPACE, order) == 1
    return Exif(_orientation(directory, order), located, SRGB if is_srgb else UNSTATED)


def has_latitude(xmp: bytes) -> bool:
    """Return whether XMP, or a part of it, says where the picture was taken."""
    return _XMP_LATITUDE in xmp


def _entry(directory: bytes, tag: int, order: ByteOrder) -> bytes:
    """Return the first entry of this tag, 12 bytes: tag, type, count, value or its offset. Empty if there is none."""
    end = 2 + 12 * min(int.from_bytes(directory[:2], order), _MAX_ENTRIES, max(0, len(directory) - 2) // 12)
    wanted = tag.to_bytes(2, order)
    at = directory.find(wanted, 2, end)
    while at >= 0 and (at - 2) % 12:
        at = directory.find(wanted, at + 1, end)
    return directory[at : at + 12] if at >= 0 else b""


def _integer(directory: bytes, tag: int, order: ByteOrder) -> int | None:
    """Return the integer of an entry that has one; None if it has another type or number of values."""
    entry = _entry(directory, tag, order)
    width = _VALUE_BYTES.get(int.from_bytes(entry[2:4], order), 0)
    return int.from_bytes(entry[8 : 8 + width], order) if width and int.from_bytes(entry[4:8], order) == 1 else None


def _orientation(directory: bytes, order: ByteOrder) -> int | None:
    number = _integer(directory, _ORIENTATION, order)
    return number if number is not None and 1 <= number <= 8 else None
