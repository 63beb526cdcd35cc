"""Read JPEG, JPEG-LS and multi-picture JPEG (ITU-T T.81 annex B, T.87, CIPA DC-007): segments up to the first scan.

A JPEG is a series of marker segments, `FF marker length(2) …`; the frame header (SOFn) holds the size and may follow
any amount of application data. Thumbnails are inside that data, so skipping segments never reaches them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from preflight.formats import CHROMA_BY_SAMPLES
from preflight.media import Media, Need, size_facts
from preflight.probes.color import PROFILE_BYTES, UNSTATED, Color, from_profile
from preflight.probes.exif import NO_EXIF, TRANSPOSED, exif_at, has_latitude
from preflight.probes.window import FIRST_RESPONSE_BYTES, Window, is_cheap
from preflight.sources import BoundReached, EndOfFile, Source

_MAX_SEGMENTS: Final = 16_384
_MAX_GARBAGE_BYTES: Final = 64 << 10
"""Bytes between two segments that are searched for the next marker."""
_MAX_DAMAGES: Final = 64
_CHUNK_SIZE: Final = 1024
_SCAN_CHUNK_SIZE: Final = 64 << 10
_TAIL_BYTES: Final = 1024
_MAX_HEADER_READS: Final = 2
"""Chunks that the header may have taken for the last bytes to be read too: 4 KiB in all."""
_MIN_DISTINCT_BYTES: Final = 160
"""Different byte values among the last 1024; coded data has 250."""
_HEAD_BYTES: Final = 36
"""Bytes read of each segment: marker, length, and the longest name of an application segment."""
_MAX_LONG_SEEKS: Final = 32
"""Long segments over HTTP that are skipped one by one, before the gaps are read."""
_MAX_CHEAP_READS: Final = 4096
"""Reads of a file that need no request each: a local file, or one response body."""
_MIN_SKIPPED_BYTES: Final = 4 << 10
"""Minimum bytes of a segment that is worth skipping."""

_SOI: Final = 0xD8
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_APP0: Final = 0xE0
_APP1: Final = 0xE1
_APP2: Final = 0xE2
_APP14: Final = 0xEE
_DAMAGE: Final = 0
"""Not a marker: represents bytes between segments."""
_CODINGS: Final = {
    0xC0: "baseline",
    0xC1: "extended",
    0xC2: "progressive",
    0xC3: "lossless",
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical"),
    **dict.fromkeys((0xC9, 0xCA, 0xCB), "arithmetic"),
    0xDE: "hierarchical",  # DHP, which holds the full size
    0xF7: "lossless",  # SOF55 of JPEG-LS
}
"""Frame headers, and the coding that each announces (T.81 table B.1; T.87 C.1)."""
_COMMON_CODINGS: Final = frozenset(("baseline", "extended", "progressive"))
"""With Huffman codes and 8 bits a sample every decoder supports these."""
_CMYK_SAMPLES: Final = 4
"""Components of CMYK and YCCK; no other coding in use has four."""
_RESTARTS: Final = frozenset(range(0xD0, 0xD8))
"""RST0-7, which have no length, and no meaning outside a scan."""

_MARKER: Final = re.compile(rb"\xff[\xc0-\xfe]")
_END_OF_SCAN: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

_APPLICATION_NOTES: Final = ((b"MPF\0", "multi_picture"), (b"urn:iso:std:iso:ts:21496:-1\0", "gain_map"))
"""Start of an APP2 segment, and the note about it."""
_EXIF_BYTES: Final = 512
"""Bytes of an EXIF block that are read at least, for its first directory."""
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_GAIN_MAP: Final = b"http://ns.adobe.com/hdr-gain-map/"

_Segment = tuple[int, int, int, bytes]


class _Frame(NamedTuple):
    """What a frame header states besides the size (T.81 B.2.2).

    coding      one of `preflight.formats.PICTURE_CODINGS`
    samples     number of components
    components  three bytes of each: id, sampling factors, quantization table; fewer if the file ends here
    """

    coding: str
    bit_depth: int
    samples: int
    components: bytes


_Colors = tuple[str | None, str | None]
"""Color model and chroma subsampling."""


@lru_cache(maxsize=64)
def _colors(frame: _Frame, transform: int | None, *, is_jfif: bool) -> _Colors:
    """Return what the components are, as libjpeg decides: by JFIF, Adobe's `transform`, else by their ids.

    Sources: T.871 6.1; T.872 6.5.3; libjpeg, default_decompress_parms. Few frames are in most files.
    """
    if frame.samples == 1:
        return "gray", "4:0:0"
    if frame.samples == _CMYK_SAMPLES:
        return ("ycck", _chroma(frame.components)) if transform else ("cmyk", None)
    if frame.samples != 3:
        return None, None
    by_id = frame.components[::3] == b"RGB" or frame.coding == "lossless"
    is_rgb = not is_jfif and (by_id if transform is None else not transform)
    return ("rgb", None) if is_rgb else ("ycbcr", _chroma(frame.components))


def _chroma(components: bytes) -> str | None:
    """Return the subsampling of Cb and Cr, if they are equal."""
    if len(components) < 9:
        return None
    luma, *chroma = ((byte >> 4, byte & 15) for byte in components[1:9:3])
    across, down = chroma[0]
    if chroma[1] != chroma[0] or not across or not down or luma[0] % across or luma[1] % down:
        return None
    return CHROMA_BY_SAMPLES.get((luma[0] // across, luma[1] // down))


class _Header:
    """The facts in the segments before the first scan. `exif_found`: the first EXIF block, which counts, was read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.width = self.height = 0
        self.frame: _Frame | None = None
        self.ratio: float | None = None
        self.exif = NO_EXIF
        self.exif_found = False
        self.profile: Color | None = None
        self.in_xmp = self.is_jfif = False
        self.transform: int | None = None
        self.notes: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Return whether no later segment can change a fact."""
        return bool(self.width and self.height and self.exif_found)

    @property
    def location(self) -> bool | None:
        """Return whether EXIF or XMP has a position; None also if the file ends before either may come."""
        found = True if self.in_xmp else self.exif.location
        return found if found or self.frame or self.exif_found else None

    @property
    def color(self) -> Color:
        """Return the colors of the profile, which counts before EXIF's ColorSpace; CMYK has neither."""
        if self.frame and self.frame.samples == _CMYK_SAMPLES:
            return UNSTATED
        return self.exif.color if self.profile is None else self.profile

    def add(self, window: Window, segment: _Segment) -> None:
        marker, offset, length, head = segment
        if marker in _CODINGS:
            self._add_frame(marker, length, head)
        elif marker == _APP1:
            self._add_metadata(window, offset, length, head)
        elif marker == _APP0:
            self.is_jfif |= head.startswith(b"JFIF\0")
            self.ratio = self.ratio or _pixel_aspect_ratio(head)
        elif marker == _APP2:
            self.notes += [note for name, note in _APPLICATION_NOTES if head.startswith(name)]
            if head.startswith(_ICC) and head[12:13] == b"\1":
                self._add_profile(window, offset + 14, length - 14)
        elif marker == _APP14 and head.startswith(b"Adobe") and min(length, len(head)) >= 12:
            self.transform = head[11]
        elif marker == _DAMAGE:
            self.notes.append("bad_header")

    def _add_metadata(self, window: Window, offset: int, length: int, head: bytes) -> None:
        """Add EXIF or XMP. XMP, which alone announces Adobe's gain maps, is searched as far as it is buffered."""
        if head.startswith(_XMP):
            xmp = window.buffered(offset, length)
            self.notes += ["gain_map"] if _GAIN_MAP in xmp else []
            self.in_xmp |= has_latitude(xmp)
        elif head.startswith(b"Exif\0") and not self.exif_found:
            self.exif_found = head[6:10] in (b"II*\0", b"MM\0*")
            known = window.buffered(offset + 6, length - 6)
            self.exif = exif_at(window, offset + 6, length - 6, self._source, known)
            if self._source.size is not None and offset + length > self._source.size:
                self.notes.append("truncated")

    def _add_frame(self, marker: int, length: int, head: bytes) -> None:
        """Add a frame header: precision(1) height(2) width(2) components(1) and more (T.81 B.2.2)."""
        if self.width or not head[5:6] or length != 6 + 3 * head[5]:
            return
        self.height, self.width = int.from_bytes(head[1:3]), int.from_bytes(head[3:5])
        self.frame = frame = _Frame(_CODINGS[marker], head[0], head[5], head[6 : 6 + 3 * head[5]])
        if frame.coding not in _COMMON_CODINGS or frame.bit_depth != 8:
            self.notes.append("uncommon_coding")
        if frame.samples == _CMYK_SAMPLES:
            self.notes.append("cmyk")

    def _add_profile(self, window: Window, offset: int, length: int) -> None:
        """Read the beginning of an ICC profile, in its first segment (ICC.1:2022 B.4): more only if it is needed."""
        wanted = min(length, PROFILE_BYTES)
        data = window.buffered(offset, length)
        self.profile = from_profile(data)
        if self.profile == UNSTATED and len(data) < wanted and is_cheap(self._source, offset + wanted):
            self.profile = from_profile(self._source.read_at(offset, wanted))


def read(source: Source, need: Need, _name: str) -> Media:
    """Return the facts of a JPEG, from its segments before the first scan. Raise `SourceError`."""
    # Whether a seek over HTTP costs one request, rather than all bytes before its target.
    ranged = source.remote and (source.delivery is None or bool(source.delivery.ranges))
    max_reads = 0 if ranged else _MAX_CHEAP_READS
    window = Window(source, _CHUNK_SIZE, max_reads=max_reads, read_ahead=ranged, long_seeks=_MAX_LONG_SEEKS)
    start = max(0, window.read_at(0, 512).find(b"\xff\xd8\xff"))
    header = _Header(source)
    notes = header.notes
    if start:
        notes.append("leading_garbage")
    try:
        end = _read_segments(source, window, header, _segments(window, start + 2, ranged=ranged), need.max_bytes)
    except EndOfFile:
        notes.append("truncated")
    except BoundReached:
        notes.append("read_limit")
    else:
        if not (header.width and header.height):
            notes.append("bad_header")
        elif window.reads <= _MAX_HEADER_READS and _ends_in_scan(source, end, need.max_bytes):
            notes.append("truncated")
    return _media(source, header)


def _media(source: Source, header: _Header) -> Media:
    notes, frame, color = header.notes, header.frame, header.color
    color_model, chroma = _colors(frame, header.transform, is_jfif=header.is_jfif) if frame else (None, None)
    return Media(
        kind="image",
        format="jpeg",
        size=source.size,
        **size_facts(header.width, header.height, transposed=header.exif.orientation in TRANSPOSED),
        orientation=header.exif.orientation,
        pixel_aspect_ratio=header.ratio,
        frames=1,
        animated=False,
        multi_picture="multi_picture" in notes or (False if frame else None),
        bit_depth=frame.bit_depth if frame else None,
        color_model=color_model,
        chroma=chroma,
        primaries=color.primaries,
        transfer=color.transfer,
        hdr="gain_map" if "gain_map" in notes else color.hdr or ("none" if frame else None),
        coding=frame.coding if frame else None,
        has_alpha=False,
        location=header.location,
        notes=tuple(dict.fromkeys(notes)),
    )


def _read_segments(
    source: Source, window: Window, header: _Header, segments: Iterable[_Segment], max_bytes: int
) -> int:
    """Read the segments up to the first scan; return where the last one read ends. Raise as `_segments` does."""
    end = 0
    for segment in segments:
        marker, offset, length, _ = segment
        end = offset + length
        header.add(window, segment)
        if marker == _SOS and header.width and not header.height:
            header.height = _number_of_lines(source, end, max_bytes)
        if header.is_complete:
            break
    return end


def _segments(window: Window, position: int, *, ranged: bool) -> Iterator[_Segment]:
    """Yield (marker, offset, length, first bytes) of each segment's data, up to and including the first scan's header.

    ranged  of a run of long segments of one kind, only some are read

    Bytes between segments, which decoders skip with a warning, are reported as one segment `_DAMAGE`.
    Raise `EndOfFile` if the file ends before a scan, or `BoundReached`.
    """
    damages = 0
    before = b""
    head_bytes = _RUN_HEAD_BYTES if ranged else _HEAD_BYTES
    for _ in range(_MAX_SEGMENTS):
        head = window.read_at(position, head_bytes)
        if len(head) < 4:
            raise EndOfFile(f"the JPEG ends at {position}, before its picture")
        marker = head[1]
        if head[0] != 0xFF or marker < 0xC0 or marker == 0xFF:
            following, only_fill = _next_marker(window, position)
            if not only_fill:
                damages += 1
                yield _DAMAGE, position, 0, b""
            if damages > _MAX_DAMAGES:
                raise BoundReached(f"no picture in the JPEG within {_MAX_DAMAGES} damaged places")
            position = following
        elif marker in _RESTARTS:
            position += 2
        elif marker in (_SOI, _EOI):
            return  # no picture; a second SOI after damage is a thumbnail's
        else:
            length = max(0, int.from_bytes(head[2:4]) - 2)
            yield marker, position + 4, length, head[4:]
            if marker == _SOS:
                return
            if ranged and length >= _MIN_SKIPPED_BYTES and _is_same_run(head, before):
                position = _last_of_run(window, position, head)
            else:
                position += 4 + length
            before = head
    raise BoundReached(f"no picture in the JPEG within {_MAX_SEGMENTS} segments")


def _pixel_aspect_ratio(head: bytes) -> float | None:
    """Return the ratio of the two densities of a JFIF segment (ITU-T T.871 10.1); None if one is 0.

    The unit does not matter: ffmpeg writes and reads the ratio of horizontal to vertical density.
    """
    across, down = int.from_bytes(head[8:10]), int.from_bytes(head[10:12])
    return across / down if head.startswith(b"JFIF\0") and across and down else None


def _next_marker(window: Window, position: int) -> tuple[int, bool]:
    """Return where the next marker begins, and whether only fill bytes (FF, T.81 B.1.1.2) precede it."""
    only_fill = True
    for _ in range(_MAX_GARBAGE_BYTES // _CHUNK_SIZE):
        chunk = window.read_at(position, _CHUNK_SIZE)
        found = _MARKER.search(chunk)
        skipped = chunk[: found.start() if found else -1]
        only_fill = only_fill and not skipped.strip(b"\xff")
        position += len(skipped)
        if found:
            return position, only_fill
        if len(chunk) < _CHUNK_SIZE:
            raise EndOfFile(f"the JPEG ends at {position}, before its picture")
    raise BoundReached(f"no segment in the JPEG within {_MAX_GARBAGE_BYTES} bytes")


def _ends_in_scan(source: Source, position: int, max_bytes: int) -> bool:
    """Return whether the file ends within coded image data: there is no EOI after `position`.

    Programs append data after EOI, so it need not be the last marker. The last bytes are read first, and all others
    only if these can be a scan's: nearly all byte values, some FF among them, each followed by 0 or RSTn (T.81
    B.1.1.5). Return False where this would cost a request.
    """
    size = source.size
    if size is None or (source.remote and size > FIRST_RESPONSE_BYTES):
        return False
    start = max(position, size - _TAIL_BYTES)
    tail = source.read_at(start, _TAIL_BYTES)
    if b"\xff\xd9" in tail:
        return False
    if start == position:
        return True  # the tail is all of the data
    if len(set(tail)) < _MIN_DISTINCT_BYTES or b"\xff\0" not in tail or _END_OF_SCAN.search(tail):
        return False
    last = min(size, position + max_bytes)
    while position < last:
        if b"\xff\xd9" in source.read_at(position, _SCAN_CHUNK_SIZE):
            return False
        position += _SCAN_CHUNK_SIZE - 1
    return last == size


def _number_of_lines(source: Source, position: int, max_bytes: int) -> int:
    """Return the height in the DNL segment after the first scan (T.81 B.2.5), if the frame header states 0."""
    last = position + max_bytes
    while position < last:
        chunk = source.read_at(position, _SCAN_CHUNK_SIZE)
        found = _END_OF_SCAN.search(chunk)
        if found:
            segment = source.read_at(position + found.start(), 6)
            return int.from_bytes(segment[4:]) if segment.startswith(b"\xff\xdc\0\4") else 0
        if len(chunk) < _SCAN_CHUNK_SIZE:
            break
        position += _SCAN_CHUNK_SIZE - 1
    else:
        raise BoundReached(f"no end of the JPEG's first scan within {max_bytes} bytes")
    return 0


# --- runs of segments
#
# Data that exceeds one segment (extended XMP, ICC profiles, MPF) fills a run of them, and only the length of each
# segment gives the position of the next: skipping 20 MB takes 300 requests, or a download. All but the last segment
# have the same length, so their positions are known in advance and reading a few of them is enough.

_RUN_HEAD_BYTES: Final = 84
"""Bytes from the marker on that identify the owner of a segment, and its part."""
_MAX_NAME_BYTES: Final = 36
_FULL_LENGTH: Final = b"\xff\xff"
_EXTENDED_XMP: Final = b"http://ns.adobe.com/xmp/extension/\0"
_ICC: Final = b"ICC_PROFILE\0"
_MAX_RUN: Final = 1 << 14


def _is_same_run(head: bytes, other: bytes) -> bool:
    """Return whether two segments have the same marker, length and owner (the text before the first NUL).

    Data that fills a segment continues in the next one, even if that does not name the owner.
    """
    end = 4 if head[2:4] == _FULL_LENGTH else head.find(b"\0", 4, _MAX_NAME_BYTES) + 1 or 8
    return len(head) >= end and head[:end] == other[:end]


def _last_of_run(window: Window, position: int, head: bytes) -> int:
    """Return the position of the last full segment of the run; if there is no other, that of the next segment.

    A run whose segments are numbered (XMP specification part 3, 1.1.3.1; ICC.1:2022 B.4) is skipped in one step. The
    end of other runs is found by exponential, then binary search. Raise `SourceError`.
    """
    step = 2 + int.from_bytes(head[2:4])

    def fits(count: int) -> bool:
        return count <= _MAX_RUN and _is_same_run(head, window.read_at(position + count * step, _RUN_HEAD_BYTES))

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
    """Return how many more full segments follow, as stated in the segment; 0 if it states none."""
    payload = head[4:]
    if payload.startswith(_ICC):
        return max(0, payload[13] - payload[12] - 1) if len(payload) > 13 else 0
    at = len(_EXTENDED_XMP) + 32
    if payload.startswith(_EXTENDED_XMP) and len(payload) >= at + 8:
        part = int.from_bytes(head[2:4]) - 2 - at - 8
        full, offset = int.from_bytes(payload[at : at + 4]), int.from_bytes(payload[at + 4 : at + 8])
        return max(0, (full - offset) // part - 1) if part > 0 else 0
    return 0
