"""GIF (GIF89a specification, CompuServe 1990): the logical screen, and the blocks up to the first picture.

The size is the logical screen's, as decoders draw it; a single picture may be smaller or larger. Pictures are counted
in the bytes that are read anyway: more takes the whole file, of which each 255 bytes say where the next ones are.
"""

from __future__ import annotations

from typing import Final

from preflight.media import Media, Need
from preflight.probes.window import Window
from preflight.sources import BoundReached, EndOfFile, Source

_PIECE: Final = 512
_REACH: Final = 2560
"""How far the first picture is looked for: comments and XMP may stand in front of it."""
_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_TRAILER: Final = 0x3B
_CONTROL: Final = b"\xf9\x04"
_APPLICATION: Final = b"\xff\x0b"
_LOOPS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


class _Blocks:
    """Facts from the blocks of a GIF.

    first   the first image descriptor; images: how many were seen; ended: the file has no others
    alpha   the first picture has a transparent colour; None: it was not reached
    loops   the file says how often it is to be repeated
    """

    __slots__ = ("alpha", "broken", "ended", "first", "images", "limited", "loops")

    def __init__(self) -> None:
        self.first = b""
        self.images = 0
        self.alpha: bool | None = None
        self.broken = self.ended = self.limited = self.loops = False

    @property
    def animated(self) -> bool:
        return self.images > 1 or (self.loops and not self.ended)

    def to_first(self, window: Window, position: int) -> int:
        """Read the blocks up to the first picture; return the position of its descriptor. Raises `EndOfFile`."""
        alpha = False
        while position < _REACH:
            head = window.read_at(position, 14)
            if not head:
                raise EndOfFile(f"the GIF ends at {position}, before its first picture")
            if head[0] == _IMAGE:
                if len(head) < 10:
                    raise EndOfFile("the GIF ends in its first image descriptor")
                self.first, self.alpha = head, alpha
                return position
            if head[0] != _EXTENSION:
                self.broken = True
                return position
            if head[1:3] == _CONTROL and len(head) > 3:
                alpha = bool(head[3] & 1)
            elif head[1:3] == _APPLICATION and head[3:14] in _LOOPS:
                self.loops = True
            position += 2
            length = 1
            while length and position < _REACH:
                length = int.from_bytes(window.read_at(position, 1))
                position += 1 + length
        self.limited = True
        return position

    def count(self, data: bytes) -> None:
        """Count the pictures in `data`, which begins with the descriptor of the first and may end anywhere."""
        at = 0
        while at < len(data):
            block = data[at]
            if block == _TRAILER:
                self.ended = True
                return
            if block == _IMAGE and at + 10 <= len(data):
                self.images += 1
                at += 10 + _palette(data[at + 9]) + 1
            elif block == _EXTENSION:
                self.loops |= data[at + 1 : at + 3] == _APPLICATION and data[at + 3 : at + 14] in _LOOPS
                at += 2
            else:
                return
            while at < len(data) and data[at]:
                at += 1 + data[at]
            at += 1


def read(source: Source, need: Need, name: str) -> Media:
    """Return size, transparency of the first picture and whether others follow. Raises `SourceError`."""
    window = Window(source, _PIECE)
    head = window.read_at(0, 13)
    if len(head) < 13:
        raise EndOfFile("a GIF without its logical screen")
    width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    blocks = _Blocks()
    cut = False
    try:
        position = blocks.to_first(window, 13 + _palette(head[10]))
        # A screen of no size: viewers take the first picture for it.
        width = width or int.from_bytes(blocks.first[5:7], "little")
        height = height or int.from_bytes(blocks.first[7:9], "little")
        if blocks.first:
            blocks.count(window.at_hand(position, _REACH))
    except EndOfFile:
        cut = True
    except BoundReached:
        blocks.limited = True
    notes = {
        "animated": blocks.animated,
        "bad_header": blocks.broken,
        "read_limit": blocks.limited,
        "truncated": cut,
    }
    return Media(
        kind="image",
        format="gif",
        size=source.size,
        width=width or None,
        height=height or None,
        stored_width=width or None,
        stored_height=height or None,
        pixel_aspect_ratio=(head[12] + 15) / 64 if head[12] else None,
        frames=blocks.images if blocks.ended else None,
        has_alpha=blocks.alpha,
        notes=tuple(note for note, applies in notes.items() if applies),
    )


def _palette(flags: int) -> int:
    """Return the bytes of the palette that follows a screen or picture with these flags."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
