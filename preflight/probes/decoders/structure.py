"""Check the structure of a picture file without a library: whether it ends early or contradicts itself.

This runs in the worker, because reading and unpacking a hostile file may be expensive.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from itertools import pairwise
from struct import Struct
from typing import BinaryIO, Final, Literal, NamedTuple

_MAX_BYTES: Final = 512 << 20
"""Bytes of a file that is read at once; larger ones are not checked."""


class _Fault(NamedTuple):
    """One fault. `code`: `truncated` or `corrupt`."""

    code: str
    detail: str


def find_fault(file: BinaryIO, name: str) -> dict[str, object]:
    """Examine a file in the format `name`. Return `known` (it can be checked), and a fault's `code` and `detail`."""
    if name == "tiff":
        fault = _tiff(file)
    elif name in _CHECKS:
        data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            return {"known": False}
        fault = _CHECKS[name](data)
    else:
        return {"known": False}
    return {"known": True, **(fault._asdict() if fault else {})}


# --- PNG: chunks with checksums around one zlib stream (PNG 5.3, 10.1)

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: where each pass begins, and its steps, across and down (PNG 8.1)."""
_PNG_END: Final = b"IEND\xae\x42\x60\x82"
_UNPACK_BYTES: Final = 1 << 20
_ANCILLARY: Final = 0x20
"""Bit of the first letter: the picture can be displayed without the chunk (PNG 5.4)."""
_LAST_FILTER: Final = 4
"""Paeth (PNG 9.2)."""


def _png(data: bytes) -> _Fault | None:
    if not data.startswith(_PNG):
        return None
    at, pixels = len(_PNG), _Pixels(b"")
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end, name = at + 12 + length, kind.decode("ascii", "replace")
        if end > len(data):
            return _past_end(data, _PNG_END, f"it ends within its {name} chunk")
        body = data[at + 8 : end - 4]
        wrong = zlib.crc32(kind + body) != int.from_bytes(data[end - 4 : end], "big")
        if wrong and not kind[0] & _ANCILLARY:
            return _Fault("corrupt", f"the checksum of its {name} chunk is wrong")
        if kind == b"IHDR":
            pixels = _Pixels(body)
        elif kind == b"IDAT":
            pixels.unpack(body)
        elif kind == b"IEND":
            return pixels.fault()
        at = end
    return _past_end(data, _PNG_END, "it ends before its IEND chunk")


class _Pixels:
    """The compressed picture data of a PNG, unpacked and discarded: only its length and its filters are checked."""

    def __init__(self, header: bytes) -> None:
        self._expected = _unpacked_size(header)
        self._row = self._expected // int.from_bytes(header[4:8], "big") if self._expected and not header[12] else 0
        self._unpacked = 0
        self._stream = zlib.decompressobj()
        self._detail = ""

    def unpack(self, packed: bytes) -> None:
        while packed and not self._detail:
            try:
                raw = self._stream.decompress(packed, _UNPACK_BYTES)
            except zlib.error:
                self._detail = "its compressed picture data cannot be unpacked"
                return
            packed = self._stream.unconsumed_tail
            rows = raw[-self._unpacked % self._row :: self._row] if self._row else b""
            if self._unpacked < self._expected and max(rows, default=0) > _LAST_FILTER:
                self._detail = "a row of its pixels has an unknown filter"
            self._unpacked += len(raw)

    def fault(self) -> _Fault | None:
        if not self._detail and self._unpacked < self._expected:
            self._detail = f"{self._unpacked:,} bytes of pixels instead of {self._expected:,}"
        return _Fault("corrupt", self._detail) if self._detail else None


def _past_end(data: bytes, end: bytes, detail: str) -> _Fault:
    """Return the fault of a file whose structure points past its end: truncated, unless it has its end marker."""
    if data.rstrip(b"\0").endswith(end.rstrip(b"\0")):
        return _Fault("corrupt", "its structure points past its end marker")
    return _Fault("truncated", detail)


def _unpacked_size(header: bytes) -> int:
    """Return the bytes of all rows with their filter types (PNG 7.2)."""
    if len(header) != 13:
        return 0
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _CHANNELS.get(header[9], 0)
    if not header[12]:
        return _rows(width, height, bits)
    return sum(
        _rows(-(-(width - left) // across), -(-(height - top) // down), bits) for left, top, across, down in _PASSES
    )


def _rows(width: int, height: int, bits: int) -> int:
    return height * (1 + (width * bits + 7) // 8) if width > 0 and height > 0 else 0


# --- JPEG: segments, and after SOS coded data up to the next marker (ITU-T T.81 B.1.1)

_SOS, _EOI = 0xDA, 0xD9
_WITHOUT_LENGTH: Final = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers without a length."""


def _jpeg(data: bytes) -> _Fault | None:
    if not data.startswith(b"\xff\xd8"):
        return None
    at, scans = 2, 0
    while at + 2 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker == 0xFF:
            at += 1  # fill bytes, and bytes that no segment accounts for, which decoders skip
        elif marker == _EOI:
            return None if scans else _Fault("corrupt", "it has no picture data")
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == _SOS:
                scans += 1
                at = _end_of_scan(data, at)
    return _past_end(data, b"\xff\xd9", "it ends before its end marker (EOI)")


def _end_of_scan(data: bytes, at: int) -> int:
    """Return the position of the next marker that is neither a stuffed byte nor a restart."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] and not 0xD0 <= data[at + 1] <= 0xD7 and data[at + 1] != 0xFF:
            return at
        at += 1 if data[at + 1] == 0xFF else 2
    return len(data)


# --- GIF: blocks of sub-blocks (GIF89a 15-26)

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def _gif(data: bytes) -> _Fault | None:
    if not data.startswith((b"GIF87a", b"GIF89a")) or len(data) < 13:
        return None
    cut = _past_end(data, b"\0;", "it ends within a block")
    at = 13 + _palette_bytes(data[10])
    images = 0
    while at < len(data) and data[at] != _TRAILER:
        if data[at] == _EXTENSION:
            at += 2
        elif data[at] == _IMAGE:
            if at + 11 > len(data):
                return cut
            at += 11 + _palette_bytes(data[at + 9])
            images += 1
        else:
            return _Fault("corrupt", f"unknown block 0x{data[at]:02x} at byte {at:,}")
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    if at > len(data):
        return cut
    return None if images else _Fault("truncated", "it ends before its first picture")


def _palette_bytes(flags: int) -> int:
    """Return the bytes of a color table."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


_CHECKS: Final[dict[str, Callable[[bytes], _Fault | None]]] = {"gif": _gif, "jpeg": _jpeg, "png": _png}


# --- TIFF: directories with the offsets of strips and tiles (TIFF 6.0; BigTIFF has wider fields)

_TYPE_BYTES: Final = {3: 2, 4: 4, 13: 4, 16: 8, 18: 8}
_DATA_TAGS: Final = ((273, 279), (324, 325))
"""Tags: offsets and byte counts of strips, and of tiles."""
_MAX_PAGES: Final = 4096
_MAX_PARTS: Final = 1 << 20
_MAX_FIELDS: Final = 1 << 12


class _Layout(NamedTuple):
    """Field sizes of one kind of TIFF: an offset, the number of a directory's entries, and an entry."""

    order: Literal["little", "big"]
    number: Struct
    entries: Struct
    entry: Struct


def _tiff(file: BinaryIO) -> _Fault | None:
    head = file.read(16)
    if head[:2] not in (b"II", b"MM") or len(head) < 16:
        return None
    big = head[2:4] in (b"\x2b\0", b"\0\x2b")
    sign = "<" if head[:2] == b"II" else ">"
    number, entries, entry = (Struct(sign + form) for form in (("Q", "Q", "HHQQ") if big else ("I", "H", "HHII")))
    layout = _Layout("little" if sign == "<" else "big", number, entries, entry)
    size = file.seek(0, 2)
    at = number.unpack_from(head, 8 if big else 4)[0]
    seen: set[int] = set()
    while at and at not in seen and len(seen) < _MAX_PAGES:
        seen.add(at)
        fields, at = _directory(file, layout, at)
        if fields is None:  # later pages are ignored: the pointer to one may be wrong in a complete file
            return _Fault("truncated", "it ends before its first directory does") if len(seen) == 1 else None
        for offsets, counts in _DATA_TAGS:
            starts, lengths = _numbers(file, layout, fields.get(offsets)), _numbers(file, layout, fields.get(counts))
            ends = [start + length for start, length in zip(starts, lengths, strict=False)]
            if ends and max(ends) > size:
                return _Fault("truncated", f"picture data of page {len(seen)} would end at byte {max(ends):,}")
    return None


_Field = tuple[int, int, int]
"""Type, count, and where the value is written."""


def _directory(file: BinaryIO, layout: _Layout, at: int) -> tuple[dict[int, _Field] | None, int]:
    """Return the fields of a directory (None if the file ends first), and the offset of the next directory."""
    data = _read_at(file, at, layout.entries.size)
    if len(data) < layout.entries.size:
        return None, 0
    count = min(layout.entries.unpack(data)[0], _MAX_FIELDS)
    entries = file.read(count * layout.entry.size)
    following = file.read(layout.number.size)
    if len(entries) < count * layout.entry.size:
        return None, 0
    fields = {}
    for place in range(count):
        tag, kind, many, _ = layout.entry.unpack_from(entries, place * layout.entry.size)
        inline = at + layout.entries.size + (place + 1) * layout.entry.size - layout.number.size
        fields[tag] = (kind, many, inline)
    return fields, layout.number.unpack(following)[0] if len(following) == layout.number.size else 0


def _numbers(file: BinaryIO, layout: _Layout, field: _Field | None) -> list[int]:
    """Return the values of a field of offsets or counts; empty if it is not one."""
    if field is None or field[0] not in _TYPE_BYTES or field[1] > _MAX_PARTS:
        return []
    kind, many, at = field
    width = _TYPE_BYTES[kind]
    if width * many > layout.number.size:
        at = layout.number.unpack(_read_at(file, at, layout.number.size))[0]
    data = _read_at(file, at, width * many)
    return [int.from_bytes(data[start:end], layout.order) for start, end in pairwise(range(0, len(data) + 1, width))]


def _read_at(file: BinaryIO, at: int, length: int) -> bytes:
    if at >> 62:  # beyond the end of any file, and too large for the system
        return b""
    file.seek(at)
    return file.read(length)
