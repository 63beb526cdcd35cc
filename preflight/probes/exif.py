"""Read EXIF orientation: how a picture is rotated and mirrored for display (CIPA DC-008, tag 274; TIFF 6.0, section 8).

JPEG, PNG and WebP carry the same block: a TIFF file without a picture, whose first directory (IFD0) may hold the tag.
IFD1 describes the thumbnail inside the block and is never read.
"""

from __future__ import annotations

from typing import Final, Literal, Protocol

TRANSPOSED: Final = frozenset((5, 6, 7, 8))
"""Orientations that swap width and height."""

ByteOrder = Literal["little", "big"]
_ORDERS: Final[dict[bytes, ByteOrder]] = {b"II*\0": "little", b"MM\0*": "big"}
_TAG: Final[dict[ByteOrder, bytes]] = {"little": b"\x12\x01", "big": b"\x01\x12"}
_VALUE_BYTES: Final[dict[int, int]] = {1: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4}
"""Type → bytes of one value. The standard requires SHORT (3); cameras write the other integers too."""
_FIRST_READ: Final = 512
"""Bytes of a block read first: its header and 41 entries, if the directory is where nearly all writers put it."""
_MAX_ENTRIES: Final = 256
"""Entries that are read: they are sorted by tag, and 274 is one of the lowest."""


class Readable(Protocol):
    """Anything with bytes at offsets: a source, or a window over one."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        ...


def orientation_of(block: bytes) -> int | None:
    """Return the orientation 1-8 that an EXIF block, or the beginning of one, states; None if it has no valid one."""
    if block.startswith(b"Exif\0"):
        block = block[6:]
    order = _ORDERS.get(block[:4])
    return _value(_directory(block, order), order) if order else None


def orientation_at(source: Readable, offset: int, length: int) -> int | None:
    """Return the orientation of the block of `length` bytes at `offset`, reading only its header and first directory.

    A leading `Exif` and two zero bytes, the marker in JPEG that many writers of PNG and WebP copy, is skipped.
    """
    block = source.read_at(offset, min(length, _FIRST_READ))
    if block.startswith(b"Exif\0"):
        block, offset, length = block[6:], offset + 6, length - 6
    order = _ORDERS.get(block[:4])
    if order is None:
        return None
    directory = _directory(block, order)
    if len(block) < length and len(directory) < 2 + 12 * min(int.from_bytes(directory[:2], order), _MAX_ENTRIES):
        start = int.from_bytes(block[4:8], order)
        directory = source.read_at(offset + start, max(0, min(length - start, 2 + 12 * _MAX_ENTRIES)))
    return _value(directory, order)


def _directory(block: bytes, order: ByteOrder) -> bytes:
    start = int.from_bytes(block[4:8], order)
    return block[start : start + 2 + 12 * _MAX_ENTRIES]


def _value(directory: bytes, order: ByteOrder) -> int | None:
    tag = _TAG[order]
    end = 2 + 12 * min(int.from_bytes(directory[:2], order), _MAX_ENTRIES)
    for entry in range(2, min(end, len(directory) - 11), 12):
        if directory[entry : entry + 2] == tag:
            width = _VALUE_BYTES.get(int.from_bytes(directory[entry + 2 : entry + 4], order), 0)
            count = int.from_bytes(directory[entry + 4 : entry + 8], order)
            value = int.from_bytes(directory[entry + 8 : entry + 8 + width], order)
            return value if count == 1 and 1 <= value <= 8 else None
    return None
