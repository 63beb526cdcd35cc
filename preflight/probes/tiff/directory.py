"""Read image file directories (IFDs), of TIFF and formats built like it: entries and their values (TIFF 6.0 section 2).

Both byte orders, TIFF and BigTIFF. Tags that are not needed are skipped; entries need not be sorted. Tags and codings:
TIFF 6.0; TIFF/EP (ISO 12234-2); DNG 1.7; those of makers as ExifTool and LibRaw list them.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from preflight.probes.exif import GPS_LATITUDE, ByteOrder
from preflight.probes.window import is_cheap
from preflight.sources import EndOfFile, Source

_INTEGER_BYTES: Final = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8, 6: 1, 8: 2, 9: 4, 17: 8}
"""Field type → bytes of one value: BYTE SHORT LONG IFD LONG8 IFD8, then the signed ones (TIFF 6.0 section 2)."""
_SIGNED: Final = (6, 8, 9, 17)
_ASCII: Final = 2
_BYTES: Final = (1, 7)
"""BYTE, UNDEFINED."""

_FIRST_READ: Final = 1024
"""Bytes read of a directory at first: 85 entries of TIFF, 50 of BigTIFF, and the values after them."""
_GPS_BYTES: Final = 512
"""Bytes read of a directory of GPS, which has at most 32 entries (CIPA DC-008 4.6.6)."""
_MAX_ENTRIES: Final = 4096
"""Entries of one directory that are read; cameras write fewer than 100."""
_MAX_OFFSET: Final = 1 << 62
"""No file is as large: a greater offset is corrupt, and no system can seek to it."""


class ByteLayout(NamedTuple):
    """The layout of directories: byte order, bytes of the number of entries, bytes of a value or offset, an entry."""

    order: ByteOrder
    number: int
    value: int
    entry: Struct


LITTLE_ENDIAN: Final = ByteLayout("little", 2, 4, Struct("<HHI4s"))
BIG_ENDIAN: Final = ByteLayout("big", 2, 4, Struct(">HHI4s"))
LAYOUTS: Final[dict[bytes, ByteLayout]] = {
    b"II*\0": LITTLE_ENDIAN,
    b"MM\0*": BIG_ENDIAN,
    b"II+\0": ByteLayout("little", 8, 8, Struct("<HHQ8s")),
    b"MM\0+": ByteLayout("big", 8, 8, Struct(">HHQ8s")),
}
"""By the first four bytes of a TIFF or BigTIFF file."""


class Tag:
    """The tags that readers need."""

    SUBFILE_TYPE: Final = 254
    WIDTH: Final = 256
    HEIGHT: Final = 257
    BITS: Final = 258
    COMPRESSION: Final = 259
    PHOTOMETRIC: Final = 262
    MAKE: Final = 271
    STRIP_OFFSETS: Final = 273
    ORIENTATION: Final = 274
    STRIP_LENGTHS: Final = 279
    TILE_OFFSETS: Final = 324
    TILE_LENGTHS: Final = 325
    SUB_IFDS: Final = 330
    EXTRA_SAMPLES: Final = 338
    SAMPLE_FORMAT: Final = 339
    INK_SET: Final = 332
    SUBSAMPLING: Final = 530
    CFA_REPEAT: Final = 33421
    CFA_PATTERN: Final = 33422
    EXIF_IFD: Final = 34665
    ICC_PROFILE: Final = 34675
    GPS_IFD: Final = 34853
    EP_STANDARD_ID: Final = 37398
    EXIF_WIDTH: Final = 40962
    EXIF_HEIGHT: Final = 40963
    DNG_VERSION: Final = 50706
    SR2_PRIVATE: Final = 50740
    """Sony's, in IFD0; the number is also DNGPrivateData."""


NEEDED: Final = frozenset(value for name, value in vars(Tag).items() if name.isupper())

SENSOR_PHOTOMETRICS: Final = frozenset((32803, 34892))
"""PhotometricInterpretation of sensor data: CFA, LinearRaw (TIFF/EP; DNG 1.7)."""
RAW_COMPRESSIONS: Final = {
    32767: "arw",
    32770: "srw",
    32772: "srw",
    32867: "kdc",
    34713: "nef",
    65000: "dcr",
    65535: "pef",
}
"""Raw compressions that only one maker uses, and its format."""
RAW_MARKS: Final = {
    b"CR\2\0": "cr2",
    b"CR\3\0": "cr2",
    b"\xba\xb0\xac\xbb": "camera_raw",  # Canon's EOS-1D, whose raw files are named .tif
    b"IIII": "iiq",  # `Raw` and a letter follow, as a number in that byte order
    b"MMMM": "iiq",
}
"""Marks after the header, and their formats."""


IfdEntry = tuple[int, int, bytes]
"""Field type, count, and the value itself if it fits, else its offset."""
NO_ENTRY: Final[IfdEntry] = (0, 0, b"")


class Directory:
    """One image file directory: its needed entries by tag, whose values are read on demand.

    start      its offset
    next       the offset of the next directory (0: none)
    truncated  the file ends inside the directory
    limited    it states more entries than are read
    """

    __slots__ = ("entries", "layout", "limited", "next", "source", "start", "truncated")

    def __init__(self, source: Source, layout: ByteLayout, start: int) -> None:
        self.source = source
        self.start = start
        self.layout = layout
        self.entries: dict[int, IfdEntry] = {}
        self.next = 0
        self.truncated = False
        self.limited = False

    def integers(self, tag: int, limit: int) -> list[int]:
        """Return the first values of an entry, at most `limit`; none if it has another type or is beyond the end."""
        kind, count, value = self.entries.get(tag, NO_ENTRY)
        width = _INTEGER_BYTES.get(kind, 0)
        if not width:
            return []
        if width * count > self.layout.value:
            value = self._read(value, width * min(count, limit))
        count = min(count, limit, len(value) // width)
        return [
            int.from_bytes(value[at : at + width], self.layout.order, signed=kind in _SIGNED)
            for at in range(0, count * width, width)
        ]

    def near_integers(self, tag: int, limit: int) -> list[int]:
        """Return the same as `integers`; none if reading the values may cost a request."""
        kind, count, value = self.entries.get(tag, NO_ENTRY)
        width = _INTEGER_BYTES.get(kind, 0)
        is_inline = width * count <= self.layout.value
        is_near = is_inline or self.is_near(self.offset_of(value), width * min(count, limit))
        return self.integers(tag, limit) if is_near else []

    def near(self, tag: int, default: int) -> int:
        """Return the only value of an unsigned entry, `default` if it has another type or number of values."""
        kind, count, value = self.entries.get(tag, NO_ENTRY)
        width = _INTEGER_BYTES.get(kind, 0)
        if count != 1 or not width or width > self.layout.value or kind in _SIGNED:
            return default
        return int.from_bytes(value[:width], self.layout.order)

    def near_bytes(self, tag: int, limit: int) -> bytes:
        """Return the first bytes of an entry of BYTE or UNDEFINED, at most `limit`; none in the same case."""
        kind, count, value = self.entries.get(tag, NO_ENTRY)
        start, length = self.offset_of(value), min(count, limit)
        if kind not in _BYTES or count <= self.layout.value or not self.is_near(start, length):
            return b""
        return self._read(value, length)

    def is_near(self, start: int, length: int) -> bool:
        """Return whether the file has these bytes, and they cost no request or were fetched with the directory."""
        end, size = start + length, self.source.size
        if size is not None and end > size:
            return False
        return is_cheap(self.source, end) or (self.start <= start and end <= self.start + _FIRST_READ)

    def offset_of(self, value: bytes) -> int:
        """Return the offset that an entry holds instead of its value."""
        return int.from_bytes(value, self.layout.order)

    def first(self, tag: int) -> int | None:
        """Return the first value of an entry, None if there is none."""
        return next(iter(self.integers(tag, 1)), None)

    def positive(self, tag: int) -> int | None:
        """Return the first value of an entry if it is greater than 0, else None."""
        kind, count, value = self.entries.get(tag, NO_ENTRY)
        width = _INTEGER_BYTES.get(kind, 0)
        if count == 1 and width <= self.layout.value and kind not in _SIGNED:  # most are, and there are many
            return int.from_bytes(value[:width], self.layout.order) or None
        return next((value for value in self.integers(tag, 1) if value > 0), None)

    def last(self, tag: int) -> int | None:
        """Return the last value of an entry; None if it is beyond the end of the file."""
        kind, count, value = self.entries.get(tag, NO_ENTRY)
        width = _INTEGER_BYTES.get(kind, 0)
        at = width * (count - 1)
        if width * count <= self.layout.value:
            found = value[at : at + width] if count else b""
        else:
            found = self._read(value, width, at)
        return int.from_bytes(found, self.layout.order) if width and len(found) == width else None

    def text(self, tag: int, limit: int) -> str:
        """Return the first `limit` bytes of a text entry; empty if it has another type or is beyond the end."""
        kind, count, value = self.entries.get(tag, NO_ENTRY)
        if kind != _ASCII:
            return ""
        if count > self.layout.value:
            value = self._read(value, min(count, limit))
        return value[: min(count, limit)].partition(b"\0")[0].decode("latin-1").strip()

    def has_location(self) -> bool | None:
        """Return whether the directory of GPS that it leads to has a latitude; None if that cannot be read."""
        if Tag.GPS_IFD not in self.entries:
            return False
        start = self.positive(Tag.GPS_IFD)
        if start is None or not self.is_near(start, min(_GPS_BYTES, (self.source.size or start) - start)):
            return None
        try:
            gps = read_directory(self.source, self.layout, start, frozenset((GPS_LATITUDE,)), _GPS_BYTES)
        except EndOfFile:
            return None
        return GPS_LATITUDE in gps.entries or (None if gps.truncated else False)

    def read_another(self, start: int) -> Directory:
        """Return the directory at `start` of the same file. Raise `EndOfFile` if it is beyond the end."""
        return read_directory(self.source, self.layout, start)

    def is_picture_truncated(self) -> bool:
        """Return whether the last strip or tile is incomplete.

        Its stated length counts only if it is compressed: otherwise the picture size gives it, and old writers err.
        Needs two reads if there are many strips, whose table is elsewhere.
        """
        size = self.source.size
        packed = self.positive(Tag.COMPRESSION) not in (None, 1)
        for offsets, lengths in ((Tag.STRIP_OFFSETS, Tag.STRIP_LENGTHS), (Tag.TILE_OFFSETS, Tag.TILE_LENGTHS)):
            kind, count, _ = self.entries.get(offsets, NO_ENTRY)
            if kind not in _INTEGER_BYTES or not count or size is None:
                continue
            offset = self.last(offsets)
            length = self.last(lengths) if packed and not self.source.remote else 0
            if offset is None or offset >= size or offset + (length or 0) > size:
                return True
        return False

    def _read(self, value: bytes, length: int, skipped: int = 0) -> bytes:
        """Return bytes of a value that does not fit into its entry, which holds its offset instead."""
        return _read_at(self.source, self.offset_of(value) + skipped, length)


def first_offset(head: bytes, layout: ByteLayout) -> int:
    """Return the offset of IFD0 by the header `head`."""
    return int.from_bytes(head[8:16] if layout.number == 8 else head[4:8], layout.order)


def read_directory(
    source: Source, layout: ByteLayout, start: int, needed: frozenset[int] = NEEDED, first_read: int = _FIRST_READ
) -> Directory:
    """Return the directory at `start`. Raise `EndOfFile` if even its number of entries is missing."""
    data = _read_at(source, start, first_read)
    if len(data) < layout.number:
        raise EndOfFile(f"the directory at {start} is beyond the end of the file")
    stated = int.from_bytes(data[: layout.number], layout.order)
    end = layout.number + min(stated, _MAX_ENTRIES) * layout.entry.size
    whole = end + layout.value
    if whole > len(data) == first_read:
        data += source.read_at(start + first_read, whole - first_read)
    present = data[layout.number : end]
    present = present[: len(present) // layout.entry.size * layout.entry.size]
    directory = Directory(source, layout, start)
    for tag, kind, count, value in layout.entry.iter_unpack(present):
        if tag in needed:
            directory.entries.setdefault(tag, (kind, count, value))
    directory.truncated = len(data) < end
    directory.limited = stated > _MAX_ENTRIES
    if len(data) >= whole and not directory.limited:
        directory.next = int.from_bytes(data[end:whole], layout.order)
    return directory


def _read_at(source: Source, offset: int, length: int) -> bytes:
    return source.read_at(offset, length) if offset < _MAX_OFFSET else b""
