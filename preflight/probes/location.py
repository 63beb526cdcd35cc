"""Tell whether a file says where it was recorded, in EXIF (CIPA DC-008 4.6.6) or in XMP (part 2, namespace exif).

Only the presence of coordinates counts, whatever they are.
"""

from __future__ import annotations

from typing import Final

from preflight.probes.exif import ByteOrder, Readable

MAX_XMP_BYTES: Final = 64 << 10
_XMP_NAMES: Final = (b"GPSLatitude", b"GPSLongitude")
_GPS_DIRECTORY: Final = 0x8825
_COORDINATES: Final = frozenset((2, 4))
"""GPSLatitude and GPSLongitude."""
_ORDERS: Final[dict[bytes, ByteOrder]] = {b"II*\0": "little", b"MM\0*": "big"}
_FIRST_READ: Final = 512
"""Bytes of a block read first: its header and first directory, and often the GPS directory too."""
_MAX_ENTRIES: Final = 256
_MARKER: Final = b"Exif\0\0"


def xmp_states_location(packet: bytes) -> bool:
    """Return whether an XMP packet, or a part of it, has both coordinates."""
    return all(name in packet for name in _XMP_NAMES)


def exif_states_location(source: Readable, offset: int, length: int) -> bool | None:
    """Return whether the EXIF block of `length` bytes at `offset` has coordinates; None if it cannot be read.

    A leading `Exif` and two zero bytes is skipped. Only the first directory and the GPS directory are read.
    """
    head = source.read_at(offset, min(length, _FIRST_READ))
    if head.startswith(_MARKER):
        skipped = len(_MARKER)
        head, offset, length = head[skipped:], offset + skipped, length - skipped
    order = _ORDERS.get(head[:4])
    if order is None:
        return None
    block = _Block(source, offset, length, head, order)
    first = block.directory(int.from_bytes(head[4:8], order))
    if first is None:
        return None
    start = first.get(_GPS_DIRECTORY)
    return start is not None and (block.directory(start) or {}).keys() >= _COORDINATES


class _Block:
    """An EXIF block, of which the first bytes are known."""

    def __init__(self, source: Readable, offset: int, length: int, head: bytes, order: ByteOrder) -> None:
        self._source = source
        self._offset = offset
        self._length = length
        self._head = head
        self._order = order

    def directory(self, start: int) -> dict[int, int] | None:
        """Return the values of the directory at `start` by tag, those of 32 bits; None if it is outside the block."""
        order = self._order
        if not 8 <= start <= self._length - 2:
            return None
        count = min(int.from_bytes(self._head[start : start + 2], order), _MAX_ENTRIES)
        size = 2 + 12 * count
        data = self._head[start : start + size]
        if len(self._head) < self._length and (len(data) < 2 or len(data) < size):
            data = self._source.read_at(self._offset + start, min(self._length - start, 2 + 12 * _MAX_ENTRIES))
            size = 2 + 12 * min(int.from_bytes(data[:2], order), _MAX_ENTRIES)
        entries = range(2, min(size, len(data)) - 11, 12)
        return {
            int.from_bytes(data[at : at + 2], order): int.from_bytes(data[at + 8 : at + 12], order) for at in entries
        }
