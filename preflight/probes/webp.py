"""Read WebP (RFC 9649): RIFF chunks, of which the first holds the size.

`VP8 ` (lossy) and `VP8L` (lossless) are an image by themselves; `VP8X` is the canvas of an animation, or of an image
with alpha or metadata. EXIF follows the image data, so that its orientation takes one more read.
"""

from __future__ import annotations

from typing import Final

from preflight.media import Media, Need, size_facts
from preflight.probes.color import PROFILE_BYTES, UNSTATED, from_profile
from preflight.probes.exif import NO_EXIF, TRANSPOSED, Exif, exif_at, has_latitude
from preflight.probes.window import Window, is_cheap
from preflight.sources import BoundReached, EndOfFile, Source

_CHUNK_SIZE: Final = 512
_MAX_CHUNKS: Final = 64
_TAIL_BYTES: Final = 1024
_ANIMATED: Final = 0x02
_XMP: Final = 0x04
_EXIF: Final = 0x08
_ALPHA: Final = 0x10
_IMAGE_CHUNKS: Final = (b"VP8 ", b"VP8L", b"VP8X")
_CODINGS: Final = {b"VP8 ": "lossy", b"ALPH": "lossy", b"VP8L": "lossless"}
"""Chunks of image data, and the coding that they belong to: VP8L has its own alpha (2.7.1.2)."""
_COLOR_MODELS: Final = {"lossy": "ycbcr", "lossless": "rgb"}
_CHROMAS: Final = {"lossy": "4:2:0"}
_FRAME_BYTES: Final = 16
"""Bytes of a frame before its image data (2.7.1.1)."""


class _Chunks:
    """The facts in the chunks of a canvas (VP8X), and how the image data is coded: of an animation, the first frame.

    exif  None: it is announced, but was not found in the bytes that are read
    """

    def __init__(self, source: Source, window: Window, head: bytes, flags: int) -> None:
        self._source = source
        self._window = window
        self._flags = flags
        self._end = 8 + int.from_bytes(head[4:8], "little")
        self._is_canvas = head[12:16] == b"VP8X"
        self.coding = _CODINGS.get(head[12:16])
        self.color = UNSTATED
        self.exif: Exif | None = None if flags & _EXIF else NO_EXIF
        self.in_xmp = self.at_frames = False

    def read(self) -> None:
        """Read the chunks up to the image data, and behind it the EXIF that the flags announce. Raise `BoundReached`.

        Each frame of an animation is a chunk, so its EXIF is searched in the last bytes.
        """
        is_animated = bool(self._flags & _ANIMATED)
        if self._is_canvas:
            self._walk(to_exif=bool(self._flags & _EXIF) and not is_animated)
        self.in_xmp = bool(self._flags & _XMP) and has_latitude(self._window.chunk)
        if self._flags & _EXIF and is_animated:
            self.exif = _find_exif_in_tail(self._source, self._window, self._end)

    def _walk(self, *, to_exif: bool) -> None:
        position = 12
        for _ in range(_MAX_CHUNKS):
            if not to_exif and (self.coding or self.at_frames or not self._is_near(position + 8)):
                return
            header = self._window.read_at(position, 8)
            length = int.from_bytes(header[4:], "little")
            if to_exif and header[:4] == b"EXIF":
                self.exif = exif_at(self._window, position + 8, length, self._source)
                return
            self._add(header[:4], position + 8, length)
            position += 8 + length + (length & 1)
            if len(header) < 8 or position >= self._end:
                return
        if to_exif:
            raise BoundReached(f"no EXIF in the WebP within {_MAX_CHUNKS} chunks")

    def _add(self, kind: bytes, start: int, length: int) -> None:
        wanted = min(length, PROFILE_BYTES)
        if kind == b"ICCP" and self._is_near(start + wanted):
            self.color = from_profile(self._source.read_at(start, wanted))
        elif kind == b"ANMF":
            self.at_frames = True
            if self._is_near(start + _FRAME_BYTES + 4):
                self.coding = _CODINGS.get(self._window.read_at(start + _FRAME_BYTES, 4))
        elif self.coding is None:
            self.coding = _CODINGS.get(kind)

    def _is_near(self, end: int) -> bool:
        """Return whether the file has the bytes before `end`, and they cost no request."""
        size = self._source.size
        return (size is None or end <= size) and is_cheap(self._source, end)

    @property
    def location(self) -> bool | None:
        return True if self.in_xmp else self.exif.location if self.exif else None


def read(source: Source, _need: Need, _name: str) -> Media:
    """Return the facts of a WebP; frames unless animated. Raise `SourceError` or `EndOfFile`."""
    window = Window(source, _CHUNK_SIZE)
    head = _first_chunk(window)
    if len(head) < (25 if head[12:16] == b"VP8L" else 30):
        raise EndOfFile("a WebP without its first chunk")
    width, height, alpha, flags = _header(head)
    notes = [] if width and height else ["bad_header"]
    chunks = _Chunks(source, window, head, flags)
    try:
        chunks.read()
    except BoundReached:
        notes.append("read_limit")
    if flags & _ANIMATED:
        notes.append("animated")
    end = 8 + int.from_bytes(head[4:8], "little")
    if source.size is not None and end != source.size:
        # RIFF pads to even length, and some writers do not count that byte.
        notes += ["truncated"] if end > source.size else ["trailing_data"] if end + 1 < source.size else []
    exif = chunks.exif or NO_EXIF
    color = exif.color if chunks.color == UNSTATED else chunks.color
    return Media(
        kind="image",
        format="webp",
        size=source.size,
        **size_facts(width, height, transposed=exif.orientation in TRANSPOSED),
        orientation=exif.orientation,
        frames=None if flags & _ANIMATED else 1,
        animated="animated" in notes,
        multi_picture=False,
        bit_depth=8,
        color_model=_COLOR_MODELS.get(chunks.coding or ""),
        chroma=_CHROMAS.get(chunks.coding or ""),
        primaries=color.primaries,
        transfer=color.transfer,
        hdr=color.hdr or "none",
        coding=chunks.coding,
        has_alpha=alpha,
        location=chunks.location,
        notes=tuple(notes),
    )


def _first_chunk(window: Window) -> bytes:
    """Return the form header and the first chunk after it, or the first image chunk if others precede it.

    The specification does not allow others there, but decoders skip them.
    """
    head = window.read_at(0, 30)
    position = 12
    for _ in range(_MAX_CHUNKS):
        chunk = window.read_at(position, 18)
        if chunk[:4] in _IMAGE_CHUNKS:
            return head[:12] + chunk
        if len(chunk) < 18:
            break
        length = int.from_bytes(chunk[4:8], "little")
        position += 8 + length + (length & 1)
    else:
        raise BoundReached(f"no image in the WebP within {_MAX_CHUNKS} chunks")
    return head


def _header(head: bytes) -> tuple[int, int, bool | None, int]:
    """Return (width, height, alpha, flags) of the first chunk; width and height 0 if it is none of the three."""
    kind = head[12:16]
    if kind == b"VP8X":  # 2.7: flags, 24 bits reserved, then canvas width and height less 1
        size = 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
        return *size, bool(head[20] & _ALPHA), head[20]
    if kind == b"VP8L" and head[20] == 0x2F:  # 3.4: 14 bits of width less 1, 14 of height less 1, alpha
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1), 0
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a" and not head[20] & 1:  # RFC 6386 9.1: a key frame
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF, False, 0
    return 0, 0, None, 0


def _find_exif_in_tail(source: Source, window: Window, end: int) -> Exif | None:
    """Return EXIF in the last bytes, if the chunks from it on lead to the end; None if there is none."""
    start = max(12, end - _TAIL_BYTES)
    tail = window.read_at(start, _TAIL_BYTES)
    at = tail.rfind(b"EXIF")
    position = at
    while 0 <= position < len(tail) - 8:
        length = int.from_bytes(tail[position + 4 : position + 8], "little")
        position += 8 + length + (length & 1)
    if at < 0 or abs(start + position - end) > 1:
        return None
    return exif_at(window, start + at + 8, int.from_bytes(tail[at + 4 : at + 8], "little"), source)
