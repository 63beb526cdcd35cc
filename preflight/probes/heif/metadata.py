"""Tell whether the EXIF or XMP item of a HEIF or AVIF file says where it was recorded (ISO/IEC 23008-12 Annex A)."""

from __future__ import annotations

from typing import Final

from preflight.media import EVERYTHING, Need
from preflight.probes.heif.items import Items
from preflight.probes.isobmff import costs_request
from preflight.probes.location import MAX_XMP_BYTES, exif_states_location, xmp_states_location
from preflight.probes.window import Window
from preflight.sources import Source

_XMP: Final = b"application/rdf+xml"
_BLOCK_BYTES: Final = 1024
"""Bytes of an EXIF item read first: directories of most cameras are there."""
_MAX_ITEMS: Final = 4


def states_location(source: Source, items: Items, need: Need) -> bool | None:
    """Return whether an EXIF or XMP item has coordinates; None if one cannot be read, or costs a request.

    A further request for them is made only for a rule set that limits the location.
    """
    metadata = [item for item, info in items.info.items() if info.type == b"Exif" or info.content == _XMP]
    found: list[bool | None] = []
    for item in sorted(metadata, key=lambda item: items.type_of(item) != b"Exif")[:_MAX_ITEMS]:
        position = items.position(item)
        if position is None or (need is EVERYTHING and costs_request(source, sum(position))):
            found.append(None)
        elif items.type_of(item) == b"Exif":
            found.append(_exif(source, *position))
        else:
            found.append(xmp_states_location(source.read_at(position[0], min(position[1], MAX_XMP_BYTES))))
        if found[-1]:
            return True
    return None if None in found else False


def _exif(source: Source, start: int, length: int) -> bool | None:
    """Read an EXIF item, in which the offset of the block precedes it (A.2.1)."""
    window = Window(source, _BLOCK_BYTES, start)
    skipped = 4 + int.from_bytes(window.read_at(start, 4))
    return exif_states_location(window, start + skipped, length - skipped) if skipped < length else None
