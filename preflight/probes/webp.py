"""Read WebP (RFC 9649): RIFF chunks, of which the first holds the size.

`VP8 ` (lossy) and `VP8L` (lossless) are an image by themselves; `VP8X` is the canvas of an animation, or of an image
with alpha or metadata. EXIF follows the image data, so that its orientation takes one more read.
"""

from __future__ import annotations

from typing import Final

from preflight.media import Media, Need, size_facts
from preflight.probes.exif import TRANSPOSED, orientation_at
from preflight.probes.window import Window
from preflight.sources import BoundReached, EndOfFile, Source

_CHUNK_SIZE: Final = 512
_MAX_CHUNKS: Final = 64
_TAIL_BYTES: Final = 1024
_ANIMATED: Final = 0x02
_EXIF: Final = 0x08
_ALPHA: Final = 0x10
_IMAGE_CHUNKS: Final = (b"VP8 ", b"VP8L", b"VP8X")


def read(source: Source, _need: Need, _name: str) -> Media:
    """Return size, transparency and orientation of a WebP; frames unless animated. Raise `SourceError`, `EndOfFile`."""
    window = Window(source, _CHUNK_SIZE)
    head = _first_chunk(window)
    if len(head) < (25 if head[12:16] == b"VP8L" else 30):
        raise EndOfFile("a WebP without its first chunk")
    width, height, alpha, flags = _header(head)
    notes = [] if width and height else ["bad_header"]
    orientation = None
    end = 8 + int.from_bytes(head[4:8], "little")
    try:
        if flags & _EXIF:
            orientation = _find_exif_in_tail(window, end) if flags & _ANIMATED else _find_exif(window, end)
    except BoundReached:
        notes.append("read_limit")
    if flags & _ANIMATED:
        notes.append("animated")
    if source.size is not None and end != source.size:
        # RIFF pads to even length, and some writers do not count that byte.
        notes += ["truncated"] if end > source.size else ["trailing_data"] if end + 1 < source.size else []
    return Media(
        kind="image",
        format="webp",
        size=source.size,
        **size_facts(width, height, transposed=orientation in TRANSPOSED),
        orientation=orientation,
        frames=None if flags & _ANIMATED else 1,
        has_alpha=alpha,
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


def _find_exif(window: Window, end: int) -> int | None:
    """Return the orientation in the EXIF chunk, read chunk by chunk: a still image has few, one of them large."""
    position = 12
    for _ in range(_MAX_CHUNKS):
        header = window.read_at(position, 8)
        length = int.from_bytes(header[4:], "little")
        if header[:4] == b"EXIF":
            return orientation_at(window, position + 8, length)
        position += 8 + length + (length & 1)
        if len(header) < 8 or position >= end:
            return None
    raise BoundReached(f"no EXIF in the WebP within {_MAX_CHUNKS} chunks")


def _find_exif_in_tail(window: Window, end: int) -> int | None:
    """Return the same where each frame is a chunk: from the last bytes, if the chunks from it on lead to the end."""
    start = max(12, end - _TAIL_BYTES)
    tail = window.read_at(start, _TAIL_BYTES)
    at = tail.rfind(b"EXIF")
    position = at
    while 0 <= position < len(tail) - 8:
        length = int.from_bytes(tail[position + 4 : position + 8], "little")
        position += 8 + length + (length & 1)
    if at < 0 or abs(start + position - end) > 1:
        return None
    return orientation_at(window, start + at + 8, int.from_bytes(tail[at + 4 : at + 8], "little"))
