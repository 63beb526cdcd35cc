"""Readers for camera raws: those built like TIFF, Canon's CR3, and other containers of makers."""

from __future__ import annotations

from preflight.formats import CAMERA_RAW, IMAGE
from preflight.media import Media, size_facts
from preflight.probes.exif import TRANSPOSED
from preflight.sources import Source

PictureSize = tuple[int | None, int | None]


def make_media(
    source: Source, name: str, size: PictureSize, orientation: int | None, *, truncated: bool = False
) -> Media:
    """Return the facts of a camera raw: `size` as stored, which `orientation` may transpose for display."""
    assert name in CAMERA_RAW
    known = orientation if orientation in range(1, 9) else None
    return Media(
        kind=IMAGE,
        format=name,
        size=source.size,
        **size_facts(*size, transposed=known in TRANSPOSED),
        orientation=known,
        notes=("camera_raw", "truncated") if truncated else ("camera_raw",),
    )
