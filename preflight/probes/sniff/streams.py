"""Recognize raw streams, which have no signature, by two consecutive units.

Libraries are not tried on bytes that nothing here recognizes: random data that looks like the start of many streams
takes it seconds. A unit (frame, packet, parameter set) counts if a second one, or the end of the source, follows it.
The search is limited to `STREAM_BYTES`, and to `MAX_CANDIDATES` positions of each kind in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from preflight.sources import Source

STREAM_BYTES: Final = 8192
"""Bytes in which a stream must begin. A second frame of DTS may be 16 KiB after them."""
MAX_CANDIDATES: Final = 64

_AC3_KBPS: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_AC3_RATES: Final = (48_000, 44_100, 32_000)
_AC3_MAX_BSID: Final = 10
_EAC3_MAX_BSID: Final = 16
_DTS_SYNC: Final = {
    b"\x7f\xfe\x80\x01": "big-endian",
    b"\xfe\x7f\x01\x80": "little-endian",
    b"\x1f\xff\xe8\x00\x07": "14 bits, big-endian",
    b"\xff\x1f\x00\xe8": "14 bits, little-endian",
}
"""ETSI TS 102 114 6.1: the sync word in the four ways of packing."""
_TS_PACKET_BYTES: Final = (188, 192, 204)
"""Bytes of a packet: plain, with the time code of a camera, with error correction."""
_MIN_TS_PACKETS: Final = 8
"""Consecutive packets that no other content has by chance."""
_DV_STARTS: Final = (b"\x1f\x07\x00\x3f", b"\x1f\x07\x00\xbf")
_DV_BLOCK_BYTES: Final = 80


def sniff_stream(source: Source) -> str | None:
    """Return ac3, eac3, dts, h264, hevc, mpeg, mpegts, dv or aac (ADIF); None for any other content.

    Specifications: ATSC A/52 5.3 and E.1.2, ETSI TS 102 114, ITU-T H.264 and H.265 Annex B, ISO/IEC 13818-1 2.4.3,
    IEC 61834-2 (DV), ISO/IEC 14496-3 1.A.2 (ADIF).
    """
    head = source.read_at(0, STREAM_BYTES)
    if head.startswith(b"ADIF"):
        return "aac"
    if head.startswith(_DV_STARTS) and head[_DV_BLOCK_BYTES : _DV_BLOCK_BYTES + 1] == b"\x3f":
        return "dv"
    return _transport(head) or _start_codes(source, head) or _dolby(source, head) or _dts(source, head)


def _follows(source: Source, offset: int, sync: bytes) -> bool:
    """Return whether a second unit begins at `offset`, or the source ends there."""
    return source.read_at(offset, len(sync)) == sync or offset == source.size


def _offsets_of(head: bytes, pattern: bytes) -> Iterator[int]:
    found = re.finditer(re.escape(pattern), head)
    return (match.start() for match, _ in zip(found, range(MAX_CANDIDATES), strict=False))


def _transport(head: bytes) -> str | None:
    """Recognize sync bytes one packet apart; the first packet need not begin at the first byte."""
    for packet in _TS_PACKET_BYTES:
        for start in range(packet):
            syncs = head[start : start + packet * _MIN_TS_PACKETS : packet]
            if syncs == b"\x47" * _MIN_TS_PACKETS and head[start : start + 2] != b"\x47\x47":
                return "mpegts"
    return None


def _dolby(source: Source, head: bytes) -> str | None:
    """Recognize AC-3 and E-AC-3, also with swapped bytes, as some discs store them."""
    for sync, swapped in ((b"\x0b\x77", False), (b"\x77\x0b", True)):
        for start in _offsets_of(head, sync):
            header = head[start : start + 6]
            if len(header) < 6:
                break
            found = _dolby_frame(_swap_bytes(header) if swapped else header)
            if found is not None and _follows(source, start + found[1], sync):
                return found[0]
    return None


def _dolby_frame(header: bytes) -> tuple[str, int] | None:
    """Return the codec and the bytes of a frame by its first six bytes."""
    version = header[5] >> 3
    if version <= _AC3_MAX_BSID:
        rate, code = header[4] >> 6, header[4] & 0x3F
        if rate >= len(_AC3_RATES) or code >> 1 >= len(_AC3_KBPS):
            return None
        words = _AC3_KBPS[code >> 1] * 1000 * 1536 // 16 // _AC3_RATES[rate]
        return "ac3", 2 * (words + (code & 1 if rate == 1 else 0))
    if version <= _EAC3_MAX_BSID and header[2] >> 3 == 0:  # the first independent substream comes first
        return "eac3", 2 * (((header[2] & 7) << 8 | header[3]) + 1)
    return None


def _dts(source: Source, head: bytes) -> str | None:
    for sync, packing in _DTS_SYNC.items():
        for start in _offsets_of(head, sync):
            header = head[start : start + 10]
            if len(header) < 10:
                break
            if packing.startswith("14"):
                return "dts"  # 38 bits of sync, and no frame size on a byte's boundary
            header = _swap_bytes(header) if packing == "little-endian" else header
            size = ((header[5] & 3) << 12 | header[6] << 4 | header[7] >> 4) + 1
            if size >= 96 and _follows(source, start + size, sync):
                return "dts"
    return None


def _swap_bytes(data: bytes) -> bytes:
    swapped = bytearray(data)
    swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
    return bytes(swapped)


def _start_codes(source: Source, head: bytes) -> str | None:
    """Recognize streams divided by 00 00 01: MPEG video and program streams, H.264, HEVC."""
    starts = list(_offsets_of(head, b"\x00\x00\x01"))
    units = [head[start + 3 : start + 9] for start in starts]
    for start, unit in zip(starts, units, strict=True):
        if len(unit) == 6 and _is_mpeg(source, start, unit):
            return "mpeg"
    for name, read in (("h264", _h264_unit), ("hevc", _hevc_unit)):
        kinds = [read(unit) for unit in units if len(unit) >= 4]
        if "sequence" in kinds and "picture" in kinds[kinds.index("sequence") :]:
            return name  # a parameter set of each kind, in their order
    return None


def _is_mpeg(source: Source, start: int, unit: bytes) -> bool:
    """Return whether a sequence header, a pack header or a packet of a program stream begins at `start`."""
    code = unit[0]
    if code == 0xB3:  # sequence header: 12 bits of width and of height, an aspect ratio, a frame rate
        width, height = unit[1] << 4 | unit[2] >> 4, (unit[2] & 15) << 8 | unit[3]
        return width > 0 and height > 0 and 0 < unit[4] >> 4 < 15 and 0 < unit[4] & 15 < 9
    if code == 0xBA:
        return unit[1] & 0xC4 == 0x44 or unit[1] & 0xF1 == 0x21
    if code == 0xBD or 0xC0 <= code <= 0xEF:
        length = unit[1] << 8 | unit[2]
        return length > 3 and unit[3] & 0xC0 == 0x80 and source.read_at(start + 6 + length, 3) == b"\x00\x00\x01"
    return False


_Kind = str | None
_H264_PROFILES: Final = frozenset((44, 66, 77, 83, 86, 88, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244))


def _h264_unit(unit: bytes) -> _Kind:
    kind = unit[0] & 0x1F
    if unit[0] & 0x80:
        return None
    if kind == 7:
        return "sequence" if unit[0] & 0x60 and unit[1] in _H264_PROFILES and unit[2] & 3 == 0 else None
    return "picture" if kind == 8 and unit[0] & 0x60 else "other"


def _hevc_unit(unit: bytes) -> _Kind:
    kind = unit[0] >> 1 & 0x3F
    if unit[0] & 0x81 or unit[1] & 0xF8 or not unit[1] & 7:
        return None
    return {33: "sequence", 34: "picture"}.get(kind, "other")
