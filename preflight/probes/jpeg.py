"""JPEG, JPEG-LS and multi-picture JPEG (ITU-T T.81 annex B, T.87, CIPA DC-007): segments up to the first scan.

A JPEG is a row of marker segments, `FF marker length(2) …`; the frame header (SOFn) holds the size and may stand
behind any amount of application data. Thumbnails are inside that data, so stepping over segments never meets them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from preflight.media import Media, Need
from preflight.probes.exif import displayed, orientation_at
from preflight.probes.window import Window
from preflight.sources import BoundReached, EndOfFile, Source

_SEGMENTS: Final = 16_384
_GARBAGE: Final = 64 << 10
"""Bytes between two segments that are searched for the next marker."""
_DAMAGES: Final = 64
_PIECE: Final = 1024
_STRETCH: Final = 64 << 10
_TAIL: Final = 1024
_FRUGAL: Final = 2
"""Pieces that the header may have taken for the last bytes to be looked at too: 4 KiB in all."""
_AT_HAND: Final = 32 << 10
"""Bytes of a file that come with its first request."""
_VALUES: Final = 160
"""Different bytes among the last 1024; coded data have 250."""
_PEEK: Final = 36
"""Bytes looked at of each segment: marker, length, and the longest mark of an application segment."""
_MAX_LONG_SEEKS: Final = 32
"""Long segments over HTTP that are skipped one by one, before the gaps are read."""

_LOOKS: Final = 4096
"""Reads of a file that need no request each: a local file, or one response body."""
_LONG: Final = 4 << 10
"""Bytes of a segment that are worth skipping."""

_SOI: Final = 0xD8
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_APP0: Final = 0xE0
_APP1: Final = 0xE1
_APP2: Final = 0xE2
_DAMAGE: Final = 0
_FRAMES: Final = frozenset({*range(0xC0, 0xD0), 0xDE, 0xF7} - {0xC4, 0xC8, 0xCC})
"""SOF0-15 without DHT, JPG and DAC; DHP, which holds the full size of a hierarchical picture; SOF55 of JPEG-LS."""
_COMMON: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended, progressive with Huffman codes: at 8 bits a sample the part that every decoder has."""
_CMYK: Final = 4
"""Components of CMYK and YCCK: nothing else that is written has so many."""
_RESTARTS: Final = frozenset(range(0xD0, 0xD8))
"""RST0-7, which have no length and no meaning outside a scan."""

_MARKER: Final = re.compile(rb"\xff[\xc0-\xfe]")
_END_OF_SCAN: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

_NOTES: Final = (
    (_APP2, b"MPF\0", "multi_picture"),
    (_APP2, b"urn:iso:std:iso:ts:21496:-1\0", "gain_map"),
)
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_GAIN_MAP: Final = b"http://ns.adobe.com/hdr-gain-map/"

Segment = tuple[int, int, int, bytes]


def read(source: Source, need: Need, name: str) -> Media:
    """Size and orientation of a JPEG, from its segments before the first scan.

    Of several EXIF blocks the first counts. Raises `SourceError`.
    """
    ranged = _ranged(source)
    window = Window(source, _PIECE, pieces=0 if ranged else _LOOKS, rows=ranged, long_seeks=_MAX_LONG_SEEKS)
    start = max(0, window.read_at(0, 512).find(b"\xff\xd8\xff"))
    width = height = 0
    orientation = ratio = None
    described = False
    notes = ["leading_garbage"] if start else []
    try:
        for marker, offset, length, head in _segments(window, start + 2, ranged):
            if marker in _FRAMES:
                if not width and head[5:6] and length == 6 + 3 * head[5]:
                    height, width = int.from_bytes(head[1:3]), int.from_bytes(head[3:5])
                    if marker not in _COMMON or head[0] != 8:
                        notes.append("uncommon_coding")
                    if head[5] == _CMYK:
                        notes.append("cmyk")
            elif marker == _APP1 and head.startswith(b"Exif\0"):
                if not described:
                    described = head[6:10] in (b"II*\0", b"MM\0*")
                    orientation = orientation_at(window, offset + 6, length - 6)
                    if source.size is not None and offset + length > source.size:
                        notes.append("truncated")
            elif marker == _APP0 and ratio is None:
                ratio = _pixel_aspect(head)
            elif marker in (_APP1, _APP2):
                notes += _pictures(marker, head, window, offset, length)
            elif marker == _DAMAGE:
                notes.append("bad_header")
            elif marker == _SOS and width and not height:
                height = _number_of_lines(source, offset + length, need.max_bytes)
            if width and height and described:
                break
    except EndOfFile:
        notes.append("truncated")
    except BoundReached:
        notes.append("read_limit")
    else:
        if not (width and height):
            notes.append("bad_header")
        elif window.pieces <= _FRUGAL and _ends_in_scan(source, offset + length, need.max_bytes):
            notes.append("truncated")
    shown = displayed(width or None, height or None, orientation)
    return Media(
        kind="image",
        format="jpeg",
        size=source.size,
        width=shown[0],
        height=shown[1],
        stored_width=width or None,
        stored_height=height or None,
        orientation=orientation,
        pixel_aspect_ratio=ratio,
        frames=1,
        has_alpha=False,
        notes=tuple(dict.fromkeys(notes)),
    )


def _ranged(source: Source) -> bool:
    """Return whether reading a distant piece costs one request, not all bytes before it."""
    delivery = getattr(source, "delivery", None)
    return source.requests > 0 and (delivery is None or bool(delivery.ranges))


def _segments(window: Window, position: int, ranged: bool) -> Iterator[Segment]:
    """(marker, offset, length, first bytes) of what each segment carries, up to and with the first scan's header.

    ranged  of a row of long segments of one kind, only some are looked at

    Bytes between segments, over which decoders step with a warning, are reported as one segment `_DAMAGE`.
    Raises `EndOfFile` where the file ends before a scan, `BoundReached`.
    """
    damages = 0
    before = b""
    peek = PEEK if ranged else _PEEK
    for _ in range(_SEGMENTS):
        head = window.read_at(position, peek)
        if len(head) < 4:
            raise EndOfFile(f"the JPEG ends at {position}, before its picture")
        marker = head[1]
        if head[0] != 0xFF or marker < 0xC0 or marker == 0xFF:
            following, fill = _next_marker(window, position)
            if not fill:
                damages += 1
                yield _DAMAGE, position, 0, b""
            if damages > _DAMAGES:
                raise BoundReached(f"no picture in the JPEG within {_DAMAGES} damaged places")
            position = following
        elif marker in _RESTARTS:
            position += 2
        elif marker in (_SOI, _EOI):
            return  # no picture; a second SOI behind damage is a thumbnail's
        else:
            length = max(0, int.from_bytes(head[2:4]) - 2)
            yield marker, position + 4, length, head[4:]
            if marker == _SOS:
                return
            if ranged and length >= _LONG and is_same_run(head, before):
                position = last_of_run(window, position, head)
            else:
                position += 4 + length
            before = head
    raise BoundReached(f"no picture in the JPEG within {_SEGMENTS} segments")


def _pixel_aspect(head: bytes) -> float | None:
    """Return the ratio of the two densities of a JFIF segment (ITU-T T.871 10.1); None if one is 0.

    ffmpeg takes horizontal by vertical density whatever their unit, and writes them so.
    """
    across, down = int.from_bytes(head[8:10]), int.from_bytes(head[10:12])
    return across / down if head.startswith(b"JFIF\0") and across and down else None


def _next_marker(window: Window, position: int) -> tuple[int, bool]:
    """Where the next marker begins, and whether only fill bytes (FF, T.81 B.1.1.2) stand before it."""
    fill = True
    for _ in range(_GARBAGE // _PIECE):
        piece = window.read_at(position, _PIECE)
        found = _MARKER.search(piece)
        skipped = piece[: found.start() if found else -1]
        fill = fill and not skipped.strip(b"\xff")
        position += len(skipped)
        if found:
            return position, fill
        if len(piece) < _PIECE:
            raise EndOfFile(f"the JPEG ends at {position}, before its picture")
    raise BoundReached(f"no segment in the JPEG within {_GARBAGE} bytes")


def _pictures(marker: int, head: bytes, window: Window, offset: int, length: int) -> list[str]:
    """What an application segment says of further pictures behind this one.

    A gain map in Adobe's form is only announced in XMP, which is looked into as far as it is at hand: a note is not
    worth a request.
    """
    if marker == _APP1 and head.startswith(_XMP):
        return ["gain_map"] if _GAIN_MAP in window.at_hand(offset, length) else []
    return [note for owner, mark, note in _NOTES if marker == owner and head.startswith(mark)]


def _ends_in_scan(source: Source, position: int, max_bytes: int) -> bool:
    """Whether the file ends within coded picture data: no EOI stands anywhere behind `position`, where it may begin.

    EOI need not be the last, as programs append what they like. So the last bytes are looked at first, and all others
    only where these could be a scan's: of nearly every value, some FF among them, and behind each a 0 or RSTn (T.81
    B.1.1.5). Not asked where it would cost a request.
    """
    size = source.size
    if size is None or (source.requests and size > _AT_HAND):
        return False
    start = max(position, size - _TAIL)
    tail = source.read_at(start, _TAIL)
    if b"\xff\xd9" in tail:
        return False
    if start == position:
        return True  # that was all of it
    if len(set(tail)) < _VALUES or b"\xff\0" not in tail or _END_OF_SCAN.search(tail):
        return False
    last = min(size, position + max_bytes)
    while position < last:
        if b"\xff\xd9" in source.read_at(position, _STRETCH):
            return False
        position += _STRETCH - 1
    return last == size


def _number_of_lines(source: Source, position: int, max_bytes: int) -> int:
    """The height out of the DNL segment right behind the first scan (T.81 B.2.5), where the frame header says 0."""
    last = position + max_bytes
    while position < last:
        piece = source.read_at(position, _STRETCH)
        found = _END_OF_SCAN.search(piece)
        if found:
            segment = source.read_at(position + found.start(), 6)
            return int.from_bytes(segment[4:]) if segment.startswith(b"\xff\xdc\0\4") else 0
        if len(piece) < _STRETCH:
            break
        position += _STRETCH - 1
    else:
        raise BoundReached(f"no end of the JPEG's first scan within {max_bytes} bytes")
    return 0


PEEK: Final = 84
"""Bytes from the marker on that say what a segment belongs to, and which part it is."""

_MARK: Final = 36
_FULL: Final = b"\xff\xff"
_EXTENDED_XMP: Final = b"http://ns.adobe.com/xmp/extension/\0"
_ICC: Final = b"ICC_PROFILE\0"
_MOST: Final = 1 << 14


def is_same_run(head: bytes, other: bytes) -> bool:
    """Return whether two segments have the same marker, length and owner (the text before the first NUL).

    Data that fills a segment continues in the next one, even if that does not name the owner.
    """
    end = 4 if head[2:4] == _FULL else head.find(b"\0", 4, _MARK) + 1 or 8
    return len(head) >= end and head[:end] == other[:end]


def last_of_run(window: Window, position: int, head: bytes) -> int:
    """Return the position of the last full segment of the run; if there is no other, that of the next segment.

    A run whose segments are numbered (XMP specification part 3, 1.1.3.1; ICC.1:2022 B.4) is skipped in one step. The
    end of other runs is found by exponential, then binary search. Raises `SourceError`.
    """
    step = 2 + int.from_bytes(head[2:4])

    def fits(count: int) -> bool:
        return count <= _MOST and is_same_run(head, window.read_at(position + count * step, PEEK))

    known = _full_segments_after(head)
    if known and fits(known):
        return position + known * step
    good, bad = 0, 1
    while fits(bad):
        good, bad = bad, 2 * bad
    while bad - good > 1:
        middle = (good + bad) // 2
        if fits(middle):
            good = middle
        else:
            bad = middle
    return position + max(good, 1) * step


def _full_segments_after(head: bytes) -> int:
    """Return how many more full segments follow, as stated in the segment; 0 if it does not say."""
    payload = head[4:]
    if payload.startswith(_ICC):
        return max(0, payload[13] - payload[12] - 1) if len(payload) > 13 else 0
    at = len(_EXTENDED_XMP) + 32
    if payload.startswith(_EXTENDED_XMP) and len(payload) >= at + 8:
        part = int.from_bytes(head[2:4]) - 2 - at - 8
        full, offset = int.from_bytes(payload[at : at + 4]), int.from_bytes(payload[at + 4 : at + 8])
        return max(0, (full - offset) // part - 1) if part > 0 else 0
    return 0
