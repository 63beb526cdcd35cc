"""Read GIF (GIF89a specification, CompuServe 1990): the logical screen, and the blocks up to the first image.

The size is that of the logical screen, as decoders draw it; an image may be smaller or larger. Images are counted in
the bytes that are read anyway: counting all takes the whole file, in which every 255 bytes state where the next are.
"""

from __future__ import annotations

from typing import Final

from preflight.media import Media, Need, size_facts
from preflight.probes.window import Window
from preflight.sources import BoundReached, EndOfFile, Source

_CHUNK_SIZE: Final = 512
_MAX_HEADER_BYTES: Final = 2560
"""Bytes in which the first image must begin: comments and XMP may precede it."""
_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_TRAILER: Final = 0x3B
_CONTROL: Final = b"\xf9\x04"
_APPLICATION: Final = b"\xff\x0b"
_LOOP_EXTENSIONS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


class _Blocks:
    """Facts from the blocks of a GIF.

    first   the first image descriptor
    images  number of images found
    ended   the file has no further images
    alpha   the first image has a transparent color; None: it was not reached
    loops   the file states a number of repetitions
    """

    def __init__(self) -> None:
        self.first = b""
        self.images = 0
        self.alpha: bool | None = None
        self.broken = self.ended = self.limited = self.loops = False

    @property
    def animated(self) -> bool:
        """Return whether there are several images, or a loop is announced and others may follow."""
        return self.images > 1 or (self.loops and not self.ended)

    def find_first_image(self, window: Window, position: int) -> int:
        """Read the blocks up to the first image; return the position of its descriptor. Raise `EndOfFile`."""
        alpha = False
        while position < _MAX_HEADER_BYTES:
            head = window.read_at(position, 14)
            if not head:
                raise EndOfFile(f"the GIF ends at {position}, before its first image")
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
            elif head[1:3] == _APPLICATION and head[3:14] in _LOOP_EXTENSIONS:
                self.loops = True
            position += 2
            length = 1
            while length and position < _MAX_HEADER_BYTES:
                length = int.from_bytes(window.read_at(position, 1))
                position += 1 + length
        self.limited = True
        return position

    def count_images(self, data: bytes) -> None:
        """Count the images in `data`, which begins with the descriptor of the first and may end anywhere."""
        at = 0
        while at < len(data):
            block = data[at]
            if block == _TRAILER:
                self.ended = True
                return
            if block == _IMAGE and at + 10 <= len(data):
                self.images += 1
                at += 10 + palette_bytes(data[at + 9]) + 1
            elif block == _EXTENSION:
                self.loops |= data[at + 1 : at + 3] == _APPLICATION and data[at + 3 : at + 14] in _LOOP_EXTENSIONS
                at += 2
            else:
                return
            while at < len(data) and data[at]:
                at += 1 + data[at]
            at += 1


def read(source: Source, _need: Need, _name: str) -> Media:
    """Return size, transparency of the first image and whether others follow. Raise `SourceError` or `EndOfFile`."""
    window = Window(source, _CHUNK_SIZE)
    head = window.read_at(0, 13)
    if len(head) < 13:
        raise EndOfFile("a GIF without its logical screen")
    width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    blocks = _Blocks()
    truncated = False
    try:
        position = blocks.find_first_image(window, 13 + palette_bytes(head[10]))
        # If the screen has no size, viewers use that of the first image.
        width = width or int.from_bytes(blocks.first[5:7], "little")
        height = height or int.from_bytes(blocks.first[7:9], "little")
        if blocks.first:
            blocks.count_images(window.buffered(position, _MAX_HEADER_BYTES))
    except EndOfFile:
        truncated = True
    except BoundReached:
        blocks.limited = True
    notes = {
        "animated": blocks.animated,
        "bad_header": blocks.broken,
        "read_limit": blocks.limited,
        "truncated": truncated,
    }
    return Media(
        kind="image",
        format="gif",
        size=source.size,
        **size_facts(width, height),
        pixel_aspect_ratio=(head[12] + 15) / 64 if head[12] else None,
        frames=blocks.images if blocks.ended else None,
        has_alpha=blocks.alpha,
        notes=tuple(note for note, applies in notes.items() if applies),
    )


def palette_bytes(flags: int) -> int:
    """Return the bytes of the palette that follows a screen or image descriptor with these flags."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
