"""Check the structure of a picture file without a library: whether it ends early or contradicts itself.

This runs in the worker, because reading and unpacking a hostile file may be expensive.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import BinaryIO, Final, NamedTuple

from preflight.probes.gif import palette_bytes
from preflight.probes.tiff.directory import LAYOUTS, NO_ENTRY, Directory, Tag, first_offset, read_directory
from preflight.sources import EndOfFile
from preflight.sources.stream import StreamSource

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
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end, name = at + 12 + length, kind.decode("ascii", "replace")
        if end > len(data):
            return _past_end(data, _PNG_END, f"it ends within its {name} chunk")
        body = data[at + 8 : end - 4]
        wrong = zlib.crc32(kind + body) != int.from_bytes(data[end - 4 : end])
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
        self._row = self._expected // int.from_bytes(header[4:8]) if self._expected and not header[12] else 0
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
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
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
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
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
    at = 13 + palette_bytes(data[10])
    images = 0
    while at < len(data) and data[at] != _TRAILER:
        if data[at] == _EXTENSION:
            at += 2
        elif data[at] == _IMAGE:
            if at + 11 > len(data):
                return cut
            at += 11 + palette_bytes(data[at + 9])
            images += 1
        else:
            return _Fault("corrupt", f"unknown block 0x{data[at]:02x} at byte {at:,}")
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    if at > len(data):
        return cut
    return None if images else _Fault("truncated", "it ends before its first picture")


_CHECKS: Final[dict[str, Callable[[bytes], _Fault | None]]] = {"gif": _gif, "jpeg": _jpeg, "png": _png}


# --- TIFF: directories with the offsets of strips and tiles

_DATA_TAGS: Final = ((Tag.STRIP_OFFSETS, Tag.STRIP_LENGTHS), (Tag.TILE_OFFSETS, Tag.TILE_LENGTHS))
_MAX_PAGES: Final = 4096
_MAX_PARTS: Final = 1 << 20
_OFFSET_TYPES: Final = (3, 4, 13, 16, 18)
"""SHORT, LONG, IFD, LONG8, IFD8."""


def _tiff(file: BinaryIO) -> _Fault | None:
    source = StreamSource(file)
    head = source.read_at(0, 16)
    layout = LAYOUTS.get(head[:4])
    if layout is None or len(head) < 16:
        return None
    at = first_offset(head, layout)
    seen: set[int] = set()
    while at and at not in seen and len(seen) < _MAX_PAGES:
        seen.add(at)
        try:
            page = read_directory(source, layout, at)
        except EndOfFile:
            page = None
        if (
            page is None or page.truncated
        ):  # later pages are ignored: the pointer to one may be wrong in a complete file
            return _Fault("truncated", "it ends before its first directory does") if len(seen) == 1 else None
        for offsets, counts in _DATA_TAGS:
            parts = zip(_unsigned(page, offsets), _unsigned(page, counts), strict=False)
            end = max((start + length for start, length in parts), default=0)
            if end > source.size:
                return _Fault("truncated", f"picture data of page {len(seen)} would end at byte {end:,}")
        at = page.next
    return None


def _unsigned(page: Directory, tag: int) -> list[int]:
    """Return the values of an entry of offsets or counts; empty if it has another type or far too many."""
    kind, count, _ = page.entries.get(tag, NO_ENTRY)
    return page.integers(tag, count) if kind in _OFFSET_TYPES and count <= _MAX_PARTS else []
