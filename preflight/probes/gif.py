"""Read GIF (GIF89a specification, CompuServe 1990): the logical screen, and the blocks up to the first image.

The size is that of the logical screen, as decoders draw it; an image may be smaller or larger. Images are counted in
the bytes that are read anyway: counting all takes the whole file, in which every 255 bytes state where the next are.
"""

from __future__ import annotations

from typing import Final

from preflight.media import Media, Need, size_facts
from preflight.probes.exif import has_latitude
from preflight.probes.window import Window
from preflight.sources import BoundReached, EndOfFile, Source

_CHUNK_SIZE: Final = 512
_MAX_HEADER_BYTES: Final = 2560
"""Bytes in which the first image must begin: comments and XMP may precede it."""
_HAS_PALETTE: Final = 0x80
_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_TRAILER: Final = 0x3B
_CONTROL: Final = b"\xf9\x04"
_DISPOSAL: Final = 0x1C
_APPLICATION: Final = b"\xff\x0b"
_LOOP_EXTENSIONS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


class _Blocks:
    """Facts from the blocks of a GIF.

    first      the first image descriptor
    images     number of images found
    ended      the file has no further images
    truncated  the file ends before the first image does
    broken     bytes that are not a block precede the first image
    limited    the first image was not reached within the bytes that are read
    alpha      the first image has a transparent color; None: it was not reached
    loops      the file states a number of repetitions
    timed      the first image has a delay or is disposed of, which only others after it give a meaning (23)
    continues  there is more after the bytes that were read
    """

    def __init__(self) -> None:
        self.first = b""
        self.images = 0
        self.alpha: bool | None = None
        self.broken = self.truncated = self.limited = False
        self.ended = self.loops = self.timed = self.continues = False

    @property
    def animated(self) -> bool:
        """Return whether there are several images, or an animation is announced and others may follow."""
        return self.images > 1 or (not self.ended and (self.loops or (self.timed and self.continues)))

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the notes on the file."""
        notes = {
            "animated": self.animated,
            "bad_header": self.broken,
            "read_limit": self.limited,
            "truncated": self.truncated,
        }
        return tuple(note for note, applies in notes.items() if applies)

    def read(self, source: Source, window: Window, position: int) -> None:
        """Read the blocks up to the first image, and count the images in what was read."""
        try:
            position = self.find_first_image(window, position)
        except EndOfFile:
            self.truncated = True
        except BoundReached:
            self.limited = True
        if self.first:
            data = window.buffered(position, _MAX_HEADER_BYTES)
            self.continues = source.size is None or position + len(data) < source.size
            self.count_images(data)

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
                self.timed = bool(head[3] & _DISPOSAL or any(head[4:6]))
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
    """Return the facts of a GIF: its screen, its first image and whether others follow. Raise as `probe` does."""
    window = Window(source, _CHUNK_SIZE)
    head = window.read_at(0, 13)
    if len(head) < 13:
        raise EndOfFile("a GIF without its logical screen")
    width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    blocks = _Blocks()
    in_xmp = has_latitude(window.buffered(0, _MAX_HEADER_BYTES))
    blocks.read(source, window, 13 + palette_bytes(head[10]))
    # If the screen has no size, viewers use that of the first image.
    width = width or int.from_bytes(blocks.first[5:7], "little")
    height = height or int.from_bytes(blocks.first[7:9], "little")
    return Media(
        kind="image",
        format="gif",
        size=source.size,
        **size_facts(width, height),
        pixel_aspect_ratio=(head[12] + 15) / 64 if head[12] else None,
        frames=blocks.images if blocks.ended else None,
        animated=blocks.animated or (None if blocks.limited or blocks.truncated else False),
        multi_picture=False,
        bit_depth=_palette_depth(head[10], blocks.first),
        color_model="palette",
        hdr="none",
        coding="lossless",
        has_alpha=blocks.alpha,
        location=in_xmp,
        notes=blocks.notes,
    )


def _palette_depth(screen: int, image: bytes) -> int | None:
    """Return the bits of an index into the palette of the first image, by its flags and those of the screen."""
    for flags in (image[9] if image else 0, screen):
        if flags & _HAS_PALETTE:
            return (flags & 7) + 1
    return None


def palette_bytes(flags: int) -> int:
    """Return the bytes of the palette that follows a screen or image descriptor with these flags."""
    return 3 << (flags & 7) + 1 if flags & _HAS_PALETTE else 0
