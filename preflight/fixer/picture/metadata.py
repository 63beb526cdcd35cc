"""Change EXIF and XMP of a picture in place: what is not changed keeps its place, so that maker notes stay readable."""

from __future__ import annotations

import re
import struct
from typing import Final

from PIL import Image

EXIF_MARK: Final = b"Exif\0\0"
DESCRIPTIVE_TAGS: Final = (
    0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298,
)  # fmt: skip
"""Tags of a TIFF file that are about the picture, not about how it is stored."""
_XMP: Final = 0x02BC
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_LONG: Final = 4
_EXIF_DIRECTORY: Final = 0x8769
_GPS_DIRECTORY: Final = 0x8825
_PIXEL_SIZES: Final = {0xA002: 0, 0xA003: 1}
_SIZES: Final = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)
"""Bytes of a value by its type (TIFF 6.0 2; EXIF 2.32 4.6.2)."""
_MAX_ENTRIES: Final = 512
_GPS_IN_XMP: Final = (
    re.compile(rb"\s[\w-]+:GPS\w*\s*=\s*(\"[^\"]*\"|'[^']*')"),
    re.compile(rb"<([\w-]+:GPS\w*)(\s[^>]*)?(/>|>.*?</\1\s*>)", re.DOTALL),
)
_ORIENTATION_IN_XMP: Final = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>))\s*[2-8]")
_OTHER_PICTURES: Final = re.compile(rb"hdrgm:|HDRGainMap|Container:Directory|MicroVideo|MotionPhoto|GCamera:")
"""XMP about what is beside the picture in the file, which is not written."""


class _Directory:
    """One directory of tags in an EXIF block. Raise `struct.error` where it is outside of the block."""

    def __init__(self, data: bytearray, order: str, offset: int) -> None:
        self.data = data
        self.order = order
        self.offset = offset
        (self.count,) = struct.unpack_from(f"{order}H", data, offset)
        if self.count > _MAX_ENTRIES:
            raise struct.error("too many entries")
        self.end = offset + 2 + 12 * self.count
        struct.unpack_from("4x", data, self.end)

    def find(self, wanted: int) -> int | None:
        """Return the position of the entry of a tag."""
        for at in range(self.offset + 2, self.end, 12):
            if struct.unpack_from(f"{self.order}H", self.data, at)[0] == wanted:
                return at
        return None

    def below(self, tag: int) -> _Directory | None:
        """Return the directory to which a tag leads."""
        at = self.find(tag)
        if at is None:
            return None
        return _Directory(self.data, self.order, struct.unpack_from(f"{self.order}I", self.data, at + 8)[0])

    def set_number(self, at: int, value: int) -> None:
        """Replace the value of the entry at a position by one number of 16 or 32 bits."""
        (kind,) = struct.unpack_from(f"{self.order}H", self.data, at + 2)
        kind = kind if kind in (_SHORT, _LONG) and (kind == _LONG or value < 1 << 16) else _LONG
        form = "IHH" if kind == _SHORT else "II"
        struct.pack_into(f"{self.order}H{form}", self.data, at + 2, kind, 1, value, *([0] if kind == _SHORT else []))

    def remove(self, at: int) -> None:
        """Remove an entry: those behind it, and the link to the next directory, move up."""
        struct.pack_into(f"{self.order}H", self.data, self.offset, self.count - 1)
        self.data[at : self.end - 8] = self.data[at + 12 : self.end + 4]
        self.data[self.end - 8 : self.end + 4] = bytes(12)
        self.count -= 1
        self.end -= 12

    def erase(self) -> None:
        """Overwrite all entries and their values with zeros."""
        for at in range(self.offset + 2, self.end, 12):
            kind, count, where = struct.unpack_from(f"{self.order}HII", self.data, at + 2)
            length = _SIZES[kind] * count if kind < len(_SIZES) else 0
            if length > 4 and where + length <= len(self.data):
                self.data[where : where + length] = bytes(length)
        self.data[self.offset : self.end] = bytes(self.end - self.offset)

    def end_chain(self) -> None:
        """Remove the link to the next directory: that of the thumbnail."""
        self.data[self.end : self.end + 4] = bytes(4)


def update_exif(exif: bytes, *, size: tuple[int, int] | None, is_cropped: bool, strip_location: bool) -> bytes:
    """Return an EXIF block for an upright picture; empty if there is none, or if it cannot be changed.

    size        width and height of the picture, where the block states them; None: left as it is
    is_cropped  the thumbnail shows another picture
    """
    data = bytearray(exif.removeprefix(EXIF_MARK))
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None:
        return b""
    try:
        first = _first_directory(data, order)
        if (at := first.find(_ORIENTATION)) is not None:
            first.set_number(at, 1)
        settings = first.below(_EXIF_DIRECTORY)
        for tag, side in _PIXEL_SIZES.items() if settings is not None and size is not None else ():
            if settings is not None and size is not None and (at := settings.find(tag)) is not None:
                settings.set_number(at, size[side])
        if is_cropped or strip_location:  # the thumbnail may have a position of its own
            first.end_chain()
        if strip_location:
            _remove_position(first)
    except struct.error:
        return b""
    return bytes(data)


def strip_exif_location(exif: bytes) -> bytes:
    """Return an EXIF block, or a TIFF file, of the same length without its position; empty if it cannot be changed."""
    data = bytearray(exif)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]))
    if order is None:
        return b""
    try:
        _remove_position(_first_directory(data, order))
    except struct.error:
        return b""
    return bytes(data)


def _first_directory(data: bytearray, order: str) -> _Directory:
    return _Directory(data, order, struct.unpack_from(f"{order}I", data, 4)[0])


def _remove_position(first: _Directory) -> None:
    at = first.find(_GPS_DIRECTORY)
    if at is not None:
        try:
            position = first.below(_GPS_DIRECTORY)
        except struct.error:
            position = None  # it is outside of the block
        if position is not None:
            position.erase()
        first.remove(at)


def is_readable(exif: bytes) -> bool:
    """Return whether writers that take an EXIF block apart can read it."""
    block = Image.Exif()
    try:
        block.load(exif)
        return all(block[tag] is not None for tag in block)
    except Exception:  # noqa: BLE001 - Pillow raises many types for damaged EXIF
        return False


def tiff_tags(exif: bytes, xmp: bytes) -> Image.Exif:
    """Return what is written into a TIFF file: libtiff, as Pillow calls it, writes no further directories."""
    own, kept = Image.Exif(), Image.Exif()
    if exif:
        own.load(exif)
        for tag in (*DESCRIPTIVE_TAGS, _ORIENTATION):
            if tag in own:
                kept[tag] = own[tag]
    if xmp:
        kept[_XMP] = xmp
    return kept


def minimal_exif(orientation: int) -> bytes:
    """Return an EXIF block that only states the orientation."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)


def update_xmp(xmp: bytes, *, strip_location: bool) -> bytes:
    """Return an XMP packet for an upright picture; empty if it is about what is not written."""
    if _OTHER_PICTURES.search(xmp):
        return b""
    xmp = _ORIENTATION_IN_XMP.sub(rb"\g<1>1", xmp)
    return strip_xmp_location(xmp).strip() if strip_location else xmp


def strip_xmp_location(xmp: bytes) -> bytes:
    """Return an XMP packet of the same length with spaces in place of its position."""
    for pattern in _GPS_IN_XMP:
        xmp = pattern.sub(lambda found: b" " * len(found[0]), xmp)
    return xmp if b"GPS" not in xmp else b" " * len(xmp)
