"""Tell whether the EXIF or XMP item of a HEIF or AVIF file says where it was recorded (ISO/IEC 23008-12 Annex A)."""

from __future__ import annotations

from typing import Final

from preflight.media import EVERYTHING, Need
from preflight.probes.exif import exif_at, has_latitude
from preflight.probes.heif.items import Items
from preflight.probes.window import Window, is_cheap
from preflight.sources import Source

_XMP: Final = b"application/rdf+xml"
_BLOCK_BYTES: Final = 1024
"""Bytes of an EXIF item read first: directories of most cameras are there."""
_MAX_BYTES: Final = 64 << 10
"""Bytes of XMP that are read, and of EXIF in a request of its own."""
_MAX_ITEMS: Final = 4


def states_location(source: Source, items: Items, need: Need) -> bool | None:
    """Return whether an EXIF or XMP item has a latitude; None if one cannot be read, or costs a request.

    A further request for them is made only for a rule set that limits the location.
    """
    metadata = [item for item, info in items.info.items() if info.type == b"Exif" or info.content == _XMP]
    found: list[bool | None] = []
    for item in sorted(metadata, key=lambda item: items.type_of(item) != b"Exif")[:_MAX_ITEMS]:
        position = items.position(item)
        if position is None or (need is EVERYTHING and not is_cheap(source, sum(position))):
            found.append(None)
        elif items.type_of(item) == b"Exif":
            found.append(_exif(source, *position))
        else:
            found.append(has_latitude(source.read_at(position[0], min(position[1], _MAX_BYTES))))
        if found[-1]:
            return True
    return None if None in found else False


def _exif(source: Source, start: int, length: int) -> bool | None:
    """Read an EXIF item, in which the offset of the block precedes it (A.2.1)."""
    size = min(length, _BLOCK_BYTES if is_cheap(source, start + length) else _MAX_BYTES)
    window = Window(source, size, start)
    skipped = 4 + int.from_bytes(window.read_at(start, 4))
    if skipped >= length:
        return None
    block = start + skipped
    return exif_at(window, block, length - skipped, source, window.buffered(block, size)).location
