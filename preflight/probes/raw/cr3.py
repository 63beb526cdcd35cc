"""Read Canon's CR3 and CRM: the box structure of MP4 with the brand `crx ` and Canon's own boxes in `moov`.

CNCV names the type: a picture (CanonCR3) or a raw video (CanonCRM). CMT1 is a TIFF file without a picture, whose IFD0
states the raw picture's size and its orientation; the tracks hold previews and the sensor's data, each as one sample.
Facts of the format: ExifTool's documentation; https://github.com/lclevy/canon_cr3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from preflight.formats import VIDEO
from preflight.media import Media, Need
from preflight.probes.isobmff import boxes, top_level
from preflight.probes.raw import make_media
from preflight.probes.tiff.directory import LAYOUTS, Tag, first_offset, read_directory
from preflight.sources import EndOfFile, Source
from preflight.sources.memory import MemorySource

_CANON: Final = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
"""The user type of the `uuid` box that holds Canon's boxes; it is the first in `moov`."""
_MAX_BOXES: Final = 8
"""Boxes of the file that are read: `moov` is the second."""
_MOVIE_BYTES: Final = 4096
"""Bytes read of `moov`: CNCV and CMT1 are in its first kilobyte."""


def read(source: Source, need: Need, name: str) -> Media:
    """Return the facts of a CR3 or CRM file from the beginning of its moov box; those of videos as of MP4."""
    moov = next((box for box in top_level(source, limit=_MAX_BOXES) if box.type == b"moov"), None)
    if moov is None:
        return make_media(source, name, (None, None), None, truncated=True)
    canon = _canon_boxes(source.read_at(moov.body, _MOVIE_BYTES))
    type_name = canon.get(b"CNCV")
    if type_name is None or type_name.startswith(b"CanonCRM"):
        from preflight.probes import mp4  # pictures do not need it

        video = mp4.read(source, need, "mp4")
        if type_name is not None or (video.frames or 0) > 1:
            return replace(video, kind=VIDEO, format="crm", notes=("camera_raw", *video.notes))
    return _from_settings(source, name, canon.get(b"CMT1", b""))


def _canon_boxes(data: bytes) -> dict[bytes, bytes]:
    """Return Canon's boxes by type, from the beginning of a moov box."""
    for kind, start, end in boxes(data):
        if kind == b"uuid" and data[start : start + 16] == _CANON:
            return {inner: data[begin:stop] for inner, begin, stop in boxes(data, start + 16, end)}
    return {}


def _from_settings(source: Source, name: str, settings: bytes) -> Media:
    block = MemorySource(settings)
    head = block.read_at(0, 16)
    layout = LAYOUTS.get(head[:4])
    if layout is None:
        return make_media(source, name, (None, None), None)
    try:
        directory = read_directory(block, layout, first_offset(head, layout))
    except EndOfFile:
        return make_media(source, name, (None, None), None)
    size = directory.positive(Tag.WIDTH), directory.positive(Tag.HEIGHT)
    return make_media(source, name, size, directory.positive(Tag.ORIENTATION))
