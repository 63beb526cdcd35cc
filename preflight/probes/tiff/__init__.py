"""TIFF and BigTIFF, both byte orders (TIFF 6.0; libtiff's BigTIFF). What cameras build like it goes to `camera_raw`.

The picture is the first directory, IFD0, wherever it stands: often at the end of the file.
"""

from __future__ import annotations

from typing import Final

from preflight.formats import IMAGE
from preflight.media import Media, Need
from preflight.probes.exif import TRANSPOSED
from preflight.probes.tiff import tags as tiff_tags
from preflight.probes.tiff.directory import (
    LAYOUTS,
    ByteLayout,
    Directory,
    first_offset,
    integers,
    is_picture_truncated,
    positive,
    read_directory,
)
from preflight.sources import EndOfFile, Source

_CAMERA_RAW_TAGS: Final = frozenset(
    (tiff_tags.SUB_IFDS, tiff_tags.CFA_REPEAT, tiff_tags.CFA_PATTERN, tiff_tags.DNG_VERSION, tiff_tags.SR2_PRIVATE)
)
"""Tags of camera raws in IFD0. Ordinary pictures seldom have one: SubIFDs, for smaller copies."""
_RAW_CODINGS: Final = tiff_tags.SENSOR.union(tiff_tags.RAW_COMPRESSIONS)
_RAW_MARKS: Final = frozenset((*tiff_tags.CANON_MARKS, tiff_tags.CANON_1D_MARK, *tiff_tags.PHASE_ONE_MARKS))
_REAL: Final = (3, 5, 6)
"""SampleFormat of floating point, complex integers, complex floating point."""
_ALPHA: Final = frozenset((1, 2))
"""ExtraSamples: associated and unassociated alpha; 0 is data of any other sort."""
_EXTRA: Final = 16
"""Extra samples that are looked at."""
_PAGES: Final = 64
_PAGES_REMOTE: Final = 8
"""Directories counted in a local file, and where each may be a request; more leave the number of frames unknown."""


def read(source: Source, need: Need, name: str) -> Media:
    """The facts of a TIFF file. Reads its header, IFD0, and for `frames` the directories that IFD0 leads to."""
    head = source.read_at(0, 16)
    layout = LAYOUTS.get(head[:4])
    if layout is None or len(head) < 16:
        raise EndOfFile("a TIFF file has a header and a directory")
    start = first_offset(head, layout)
    if not start:
        return Media(IMAGE, name, source.size, notes=("bad_header",))
    directory = read_directory(source, layout, start, tiff_tags.WANTED)
    if _may_be_raw(source, layout, directory, head):
        from preflight.probes.raw import tiff_based as camera_raw  # few of the files that are checked are any

        raw = camera_raw.in_tiff(source, layout, directory, head)
        if raw is not None:
            return raw
    entries = directory.entries
    width = positive(source, layout, entries.get(tiff_tags.WIDTH))
    height = positive(source, layout, entries.get(tiff_tags.HEIGHT))
    orientation = positive(source, layout, entries.get(tiff_tags.ORIENTATION))
    turned = orientation in TRANSPOSED
    extra = integers(source, layout, entries.get(tiff_tags.EXTRA_SAMPLES), _EXTRA)
    notes: tuple[str, ...] = ()
    if directory.cut or is_picture_truncated(source, layout, directory):
        notes = ("truncated",)
        if positive(source, layout, entries.get(tiff_tags.SUBFILE_TYPE)) == 1:
            width = height = None  # those of a thumbnail, and the file ends before the picture
    elif directory.limited:
        notes = ("read_limit",)
    elif not width or not height:
        notes = ("bad_header",)
    elif _is_real(source, layout, directory):
        notes = ("uncommon_coding",)
    frames = _pages(source, layout, start, directory.next) if "frames" in need.facts and not directory.limited else None
    if frames is None and "frames" in need.facts and not notes:
        notes = ("read_limit",)
    return Media(
        kind=IMAGE,
        format=name,
        size=source.size,
        width=height if turned else width,
        height=width if turned else height,
        stored_width=width,
        stored_height=height,
        orientation=orientation if orientation in range(1, 9) else None,
        frames=frames,
        has_alpha=None if directory.cut or directory.limited else not _ALPHA.isdisjoint(extra),
        notes=notes,
    )


def _may_be_raw(source: Source, layout: ByteLayout, directory: Directory, head: bytes) -> bool:
    """Return whether the file may be a camera raw: by a tag, a coding or the bytes between header and IFD0."""
    entries = directory.entries
    if not _CAMERA_RAW_TAGS.isdisjoint(entries) or head[8:12] in _RAW_MARKS:
        return True
    if directory.next and positive(source, layout, entries.get(tiff_tags.SUBFILE_TYPE)) == 1:
        return True  # a thumbnail, and what follows may be the picture that a camera took
    photometric = positive(source, layout, entries.get(tiff_tags.PHOTOMETRIC))
    return photometric in _RAW_CODINGS or positive(source, layout, entries.get(tiff_tags.COMPRESSION)) in _RAW_CODINGS


def _is_real(source: Source, layout: ByteLayout, directory: Directory) -> bool:
    """Return whether samples are floating point or complex numbers (TIFF 6.0 section 19), which few programs open."""
    samples = directory.entries.get(tiff_tags.SAMPLE_FORMAT)
    return any(value in _REAL for value in integers(source, layout, samples, _EXTRA))


def _pages(source: Source, layout: ByteLayout, start: int, following: int) -> int | None:
    """How many directories there are; a chain that leads back or behind the end stops. None where they are too many."""
    limit = _PAGES_REMOTE if source.requests else _PAGES
    seen = {start}
    while following and following not in seen:
        if len(seen) == limit:
            return None
        try:
            directory = read_directory(source, layout, following, tiff_tags.WANTED)
        except EndOfFile:
            break
        if directory.cut or not directory.entries:
            break
        seen.add(following)
        following = directory.next
    return len(seen)
