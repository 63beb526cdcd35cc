"""Remove metadata from the bytes of a picture without encoding it again.

A location is overwritten in place: no byte moves, so that everything that points into the file stays right. All other
metadata is removed by copying the parts of the file that its display depends on.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from preflight.fixer.picture.metadata import EXIF_MARK, minimal_exif, strip_exif_location, strip_xmp_location

_PNG_MARK: Final = b"\x89PNG\r\n\x1a\n"
_EXIF_BLOCK: Final = re.compile(rb"Exif\0\0(?=II\*\0|MM\0\*)")
_XMP_SEGMENT: Final = re.compile(rb"\xff\xe1(..)http://ns\.adobe\.com/xap/1\.0/\0", re.DOTALL)
_XMP_PACKET: Final = re.compile(rb"<(x:xmpmeta|rdf:RDF)\b.*?</\1\s*>", re.DOTALL)
_NEXT_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_KEPT_SEGMENTS: Final = {0xE0: (b"JFIF\0",), 0xE2: (b"ICC_PROFILE\0",), 0xEE: (b"Adobe",)}
"""Application segments that the display depends on, by marker."""
_WITHOUT_LENGTH: Final = frozenset((0x01, 0xD9, 0xFF, *range(0xD0, 0xD8)))
_COMMENT: Final = 0xFE
_TEXT_CHUNKS: Final = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_METADATA_CHUNKS: Final = _TEXT_CHUNKS | {b"eXIf", b"tIME"}
_FLAGS_OF_METADATA: Final = 0x08 | 0x04
_MAX_TEXT: Final = 16 << 20


def strip_location(data: bytes, written: str) -> bytes | None:
    """Return a file without its recording location; None if none was found in a place that is known."""
    blocks = {"png": _strip_png_location, "webp": _strip_webp_location, "tiff": _strip_tiff_location}
    changed = blocks.get(written, _strip_block_locations)(data)
    return changed if changed is not None and changed != data else None


def strip_metadata(data: bytes, written: str, orientation: int) -> bytes | None:
    """Return a file without all metadata that its display does not depend on; None if it cannot be read so far.

    orientation  of the picture, which stays
    """
    rewriters: dict[str, Callable[[bytes, int], bytes]] = {"jpeg": _bare_jpeg, "png": _bare_png, "webp": _bare_webp}
    try:
        return rewriters[written](data, orientation) if written in rewriters else None
    except (struct.error, ValueError):
        return None


def _strip_block_locations(data: bytes) -> bytes:
    """Overwrite the position in every EXIF block and XMP packet, also of the pictures behind the first."""
    changed = bytearray(data)
    for found in _EXIF_BLOCK.finditer(data):
        start, end = found.end(), len(data)
        if data[found.start() - 4 : found.start() - 2] == b"\xff\xe1":
            end = min(end, found.start() - 2 + int.from_bytes(data[found.start() - 2 : found.start()]))
        changed[start:end] = strip_exif_location(bytes(changed[start:end])) or bytes(end - start)
    for found in _XMP_SEGMENT.finditer(changed):
        start, end = found.end(), found.start() + 2 + int.from_bytes(found[1])
        changed[start:end] = strip_xmp_location(bytes(changed[start:end]))
    return _strip_packet_locations(bytes(changed))


def _strip_packet_locations(data: bytes) -> bytes:
    return _XMP_PACKET.sub(lambda packet: strip_xmp_location(packet[0]), data)


def _strip_tiff_location(data: bytes) -> bytes | None:
    changed = strip_exif_location(data)
    return _strip_packet_locations(changed) if changed else None


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield type, data and all bytes of the chunks of a PNG. Raise ValueError at the first damaged one."""
    if not data.startswith(_PNG_MARK):
        raise ValueError("not a PNG")
    at = len(_PNG_MARK)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if at + 12 + length > len(data):
            raise ValueError("the file ends before a chunk does")
        yield kind, body, data[at : at + 12 + length]
        if kind == b"IEND":
            return
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _strip_png_location(data: bytes) -> bytes | None:
    parts = [_PNG_MARK]
    try:
        for kind, body, whole in _chunks(data):
            if kind == b"eXIf":
                parts.append(_chunk(kind, strip_exif_location(body)))
            elif kind == b"iTXt" and _XMP_PACKET.search(body):
                parts.append(_chunk(kind, _strip_packet_locations(body)))
            elif not (kind in _TEXT_CHUNKS and _states_position(kind, body)):
                parts.append(whole)
    except (struct.error, ValueError):
        return None
    return b"".join(parts)


def _states_position(kind: bytes, body: bytes) -> bool:
    """Return whether a text is a copy of EXIF, or compressed XMP with a position."""
    if body.startswith((b"Raw profile type exif\0", b"Raw profile type APP1\0", b"Raw profile type xmp\0")):
        return True
    start = body.find(b"\0") + 1
    if kind == b"iTXt" and body[start : start + 1] == b"\1":
        try:
            text = zlib.decompressobj().decompress(
                body[body.index(b"\0", body.index(b"\0", start + 2) + 1) + 1 :], _MAX_TEXT
            )
        except (zlib.error, ValueError):
            return True
        return b"GPS" in text
    return False


def _bare_png(data: bytes, orientation: int) -> bytes:
    parts = [_PNG_MARK]
    for kind, _, whole in _chunks(data):
        if kind == b"IDAT" and orientation != 1:
            parts.append(_chunk(b"eXIf", minimal_exif(orientation)))
            orientation = 1
        if kind not in _METADATA_CHUNKS:
            parts.append(whole)
    return b"".join(parts)


def _bare_jpeg(data: bytes, orientation: int) -> bytes:
    """Return the first picture of a JPEG with the segments that its display depends on."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("not a JPEG")
    parts, at = [data[:2]], 2
    block = EXIF_MARK + minimal_exif(orientation)
    exif = b"\xff\xe1" + struct.pack(">H", 2 + len(block)) + block if orientation != 1 else b""
    while True:
        marker, length = _segment(data, at)
        while marker == 0xFF:  # fill bytes
            at += 1
            marker, length = _segment(data, at)
        if marker == 0xD9:
            return b"".join([*parts, data[at : at + 2]])
        if exif and marker != 0xE0:  # JFIF comes first
            parts.append(exif)
            exif = b""
        end = at + 2 + length
        if marker == 0xDA:
            found = _NEXT_MARKER.search(data, end)
            if found is None:
                raise ValueError("the picture has no end")
            end = found.start()
        is_application = 0xE0 <= marker <= 0xEF or marker == _COMMENT
        if not is_application or data[at + 4 : end].startswith(_KEPT_SEGMENTS.get(marker, ())):
            parts.append(data[at:end])
        at = end


def _segment(data: bytes, at: int) -> tuple[int, int]:
    """Return marker and length of the segment at a position; 0 for one without a length."""
    mark, marker = struct.unpack_from("BB", data, at)
    if mark != 0xFF or marker in (0, 0xD8):
        raise ValueError("no marker where a segment should begin")
    if marker in _WITHOUT_LENGTH:
        return marker, 0
    (length,) = struct.unpack_from(">H", data, at + 2)
    if length < 2 or at + 2 + length > len(data):
        raise ValueError("a segment is longer than the file")
    return marker, length


def _riff(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start of the data and end of the chunks of a WebP. Raise ValueError at the first damaged one."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("not a WebP")
    at = 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        end = at + 8 + length
        if end > len(data):
            raise ValueError("the file ends before a chunk does")
        yield data[at : at + 4], at + 8, end
        at = end + length % 2


def _strip_webp_location(data: bytes) -> bytes | None:
    changed = bytearray(data)
    try:
        for kind, start, end in _riff(data):
            if kind == b"EXIF":
                start += len(EXIF_MARK) if data[start:end].startswith(EXIF_MARK) else 0
                changed[start:end] = strip_exif_location(data[start:end]) or bytes(end - start)
            elif kind == b"XMP ":
                changed[start:end] = _strip_packet_locations(data[start:end])
    except (struct.error, ValueError):
        return None
    return bytes(changed)


def _bare_webp(data: bytes, orientation: int) -> bytes:
    parts = []
    for kind, start, end in _riff(data):
        body = data[start:end]
        if kind == b"VP8X":
            body = bytes([body[0] & ~_FLAGS_OF_METADATA | (0x08 if orientation != 1 else 0)]) + body[1:]
        if kind not in (b"EXIF", b"XMP "):
            parts.append(kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2))
    if orientation != 1:
        exif = minimal_exif(orientation)
        parts.append(b"EXIF" + struct.pack("<I", len(exif)) + exif)
    content = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(content)) + content
