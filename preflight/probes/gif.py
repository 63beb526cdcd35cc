"""GIF (GIF89a specification, CompuServe 1990): the logical screen, and the blocks up to the first picture.

The size is the logical screen's, as decoders draw it; a single picture may be smaller or larger. Frames are not
counted: that takes the whole file, of which each 255 bytes say where the next ones are.
"""

from __future__ import annotations

from typing import Final

from preflight.media import Media, Need
from preflight.probes.window import Window
from preflight.sources import Source, Truncated

_PIECE: Final = 512
_REACH: Final = 2560
"""How far the first picture is looked for: comments and XMP may stand in front of it."""
_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_CONTROL: Final = b"\xf9\x04"
_APPLICATION: Final = b"\xff\x0b"
_LOOPS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def read(source: Source, need: Need, name: str) -> Media:
    """Size, and whether the first picture has a transparent colour and the file loops. Raises `SourceError`."""
    window = Window(source, _PIECE)
    head = window.read_at(0, 13)
    if len(head) < 13:
        raise Truncated("a GIF without its logical screen")
    width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    alpha: bool | None = None
    notes: list[str] = []
    try:
        palette = 3 << (head[10] & 7) + 1 if head[10] & 0x80 else 0
        first, alpha, notes = _first_picture(window, 13 + palette)
        # A screen of no size: viewers take the first picture for it.
        width, height = width or int.from_bytes(first[5:7], "little"), height or int.from_bytes(first[7:9], "little")
    except Truncated:
        notes = ["truncated"]
    return Media(
        kind="image",
        format="gif",
        size=source.size,
        width=width or None,
        height=height or None,
        stored_width=width or None,
        stored_height=height or None,
        has_alpha=alpha,
        notes=tuple(notes),
    )


def _first_picture(window: Window, position: int) -> tuple[bytes, bool | None, list[str]]:
    """(image descriptor, whether it has a transparent colour, notes); (b"", None, notes) where it is out of reach."""
    alpha = False
    notes: list[str] = []
    while position < _REACH:
        head = window.read_at(position, 14)
        if not head:
            raise Truncated(f"the GIF ends at {position}, before its first picture")
        if head[0] == _IMAGE:
            if len(head) < 10:
                raise Truncated("the GIF ends in its first image descriptor")
            return head, alpha, notes
        if head[0] != _EXTENSION:
            return b"", None, [*notes, "bad_header"]
        if head[1:3] == _CONTROL and len(head) > 3:
            alpha = bool(head[3] & 1)
        elif head[1:3] == _APPLICATION and head[3:14] in _LOOPS:
            notes.append("animated")
        position += 2
        length = 1
        while length and position < _REACH:
            length = int.from_bytes(window.read_at(position, 1))
            position += 1 + length
    return b"", None, notes
