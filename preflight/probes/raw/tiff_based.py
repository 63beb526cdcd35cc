"""Read camera raws built like TIFF: CR2, DNG, NEF, ARW, PEF, SRW, 3FR, IIQ and others; ORF and RW2 by their magic.

The first directory is often a thumbnail. The sensor data is in it, in one of its SubIFDs, or in a directory that
follows, and is recognized by its coding, whatever the file is called (TIFF/EP, ISO 12234-2; DNG 1.7; for makers' own
formats ExifTool and LibRaw). The size is that of the raw picture as the file states it: DNG's ImageWidth and not its
DefaultCropSize, for CR2 and IIQ the size in EXIF, because their directories describe previews only. No other size is
used instead.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.media import Media, Need
from preflight.probes.raw import PictureSize, make_media
from preflight.probes.tiff.directory import (
    BIG_ENDIAN,
    LITTLE_ENDIAN,
    NEEDED,
    RAW_COMPRESSIONS,
    RAW_MARKS,
    SENSOR_PHOTOMETRICS,
    ByteLayout,
    Directory,
    Tag,
    first_offset,
    read_directory,
)
from preflight.sources import EndOfFile, Source

_MAKERS: Final = {
    "ASAHI": "pef",
    "EPSON": "erf",
    "HASSELBLAD": "3fr",
    "KODAK": "kdc",
    "LEAF": "mos",
    "MAMIYA": "mef",
    "NIKON": "nef",
    "PENTAX": "pef",
    "PHASE ONE": "iiq",
    "RICOH": "pef",
    "SAMSUNG": "srw",
    "SEIKO EPSON": "erf",
    "SONY": "arw",
    "EASTMAN KODAK": "kdc",
}
"""Prefix of Make, and the format of that maker's raws; the raws of any other are `camera_raw`."""
_MAX_MAKE_CHARS: Final = 32
_RENDERED: Final = frozenset((2, 3, 5, 6, 8, 9, 10))
"""PhotometricInterpretation of finished color pictures. A CFA pattern in these only describes their origin."""
_REDUCED: Final = 1
"""Bit of NewSubfileType: a smaller copy of another picture."""
_MAX_SUB_IFDS: Final = 32
_MAX_REMOTE_SUB_IFDS: Final = 4
"""SubIFDs read of a local file, and of a URL, where each may be a request; the raw picture is among the first two."""
_MAX_STATED_OFFSETS: Final = 1024
"""Offsets of SubIFDs that are read: the same one may be stated repeatedly."""
_MAX_FOLLOWING: Final = 4
"""Directories after IFD0 that are read; cameras that write the raw picture there write it as the last of four."""
_RW2_BORDERS: Final = (4, 5, 6, 7)
"""SensorTopBorder, SensorLeftBorder, SensorBottomBorder, SensorRightBorder: the picture within the sensor."""
_NEEDED: Final = NEEDED.union(_RW2_BORDERS)


class _Pictures(NamedTuple):
    """The directories that IFD0 leads to.

    missing  one of them is beyond the end of the file
    limited  there are more than are read
    """

    directories: list[Directory]
    missing: bool = False
    limited: bool = False


def read(source: Source, _need: Need, name: str) -> Media:
    """Return the facts of an ORF or RW2 file, TIFF but for its magic number. Read its first directory."""
    head = source.read_at(0, 16)
    layout = LITTLE_ENDIAN if head.startswith(b"II") else BIG_ENDIAN
    try:
        first = read_directory(source, layout, first_offset(head, layout), _NEEDED)
    except EndOfFile:
        return make_media(source, name, (None, None), None, truncated=True)
    size = _inside_borders(first) if name == "rw2" else _size(first)
    orientation, location = first.positive(Tag.ORIENTATION), first.has_location()
    return make_media(source, name, size, orientation, location=location, truncated=first.truncated)


def in_tiff(first: Directory, head: bytes) -> Media | None:
    """Return the facts of a camera raw whose IFD0 is `first`; None if the file is an ordinary TIFF.

    Read up to the directory of the raw picture: at most `_MAX_SUB_IFDS` SubIFDs of IFD0 and `_MAX_FOLLOWING` others.
    """
    name = _format_by_mark(first.layout, head)
    source, orientation, location = first.source, first.positive(Tag.ORIENTATION), first.has_location()
    if name is not None:
        return make_media(source, name, _exif_size(first), orientation, location=location, truncated=first.truncated)
    make = first.text(Tag.MAKE, _MAX_MAKE_CHARS).upper()
    is_dng = Tag.DNG_VERSION in first.entries
    pictures = _sub_ifds(first)
    raws = [directory for directory in (first, *pictures.directories) if _is_sensor_data(directory, make)]
    if not raws:
        raws = [directory for directory in _following(first) if _is_sensor_data(directory, make)]
    picture = max(raws, key=_rank, default=None)
    if is_dng:
        name = "dng"
    elif picture is not None:
        name = _format_by_maker(picture, make)
    elif _is_thumbnail_of_raw(first, make, pictures):
        name = _format_by_maker(first, make)
    else:
        return None
    truncated = first.truncated or (pictures.missing if picture is None else picture.is_picture_truncated())
    described_by = picture
    if picture is None and is_dng:  # a finished picture in full resolution (DNG 1.7, NewSubFileType 0)
        described_by = next((found for found in (first, *pictures.directories) if not _subfile_type(found)), None)
    size = _size(described_by) if described_by is not None else (None, None)
    return make_media(source, name, size, orientation, location=location, truncated=truncated)


def _format_by_mark(layout: ByteLayout, head: bytes) -> str | None:
    """Return the format by a mark between the header and the first directory."""
    mark = head[8:12]
    name = RAW_MARKS.get(mark) if layout.number == LITTLE_ENDIAN.number else None
    word = head[12:16] if mark == b"MMMM" else head[12:16][::-1]
    return name if name != "iiq" or word.startswith(b"Raw") else None


def _sub_ifds(first: Directory) -> _Pictures:
    """Return the SubIFDs, up to the first that is a raw picture in full resolution."""
    limit = _MAX_REMOTE_SUB_IFDS if first.source.remote else _MAX_SUB_IFDS
    starts = list(dict.fromkeys(first.integers(Tag.SUB_IFDS, _MAX_STATED_OFFSETS)))
    found: list[Directory] = []
    missing = False
    for start in starts[:limit]:
        try:
            directory = first.read_another(start)
        except EndOfFile:
            missing = True
            continue
        found.append(directory)
        if directory.first(Tag.PHOTOMETRIC) in SENSOR_PHOTOMETRICS and _subfile_type(directory) == 0:
            return _Pictures(found, missing)
    return _Pictures(found, missing, len(starts) > limit)


def _following(first: Directory) -> list[Directory]:
    """Return the directories after an IFD0 that is a thumbnail; otherwise they are pages of an ordinary TIFF."""
    found: list[Directory] = []
    following = first.next if _is_reduced(first) else 0
    while following and len(found) < _MAX_FOLLOWING:
        try:
            found.append(first.read_another(following))
        except EndOfFile:
            break
        following = found[-1].next
    return found


def _is_sensor_data(directory: Directory, make: str) -> bool:
    """Return whether the directory describes sensor data, not a finished picture."""
    entries = directory.entries
    photometric = directory.first(Tag.PHOTOMETRIC)
    if photometric in SENSOR_PHOTOMETRICS:
        return True
    if make and directory.positive(Tag.COMPRESSION) in RAW_COMPRESSIONS:
        return True
    patterned = Tag.CFA_PATTERN in entries or Tag.CFA_REPEAT in entries
    return patterned and Tag.WIDTH in entries and photometric not in _RENDERED


def _is_thumbnail_of_raw(first: Directory, make: str, pictures: _Pictures) -> bool:
    """Return whether IFD0 is the thumbnail that a maker's raws begin with, and the raw picture cannot be read.

    That is so after the end of a truncated file, after more SubIFDs than are read, or if only Sony's private
    data has its position.
    """
    if not make.startswith(tuple(_MAKERS)):
        return False
    if Tag.WIDTH in first.entries and not _is_reduced(first):
        return False
    if make.startswith("SONY") and Tag.SR2_PRIVATE in first.entries:
        return True
    of_camera = Tag.EP_STANDARD_ID in first.entries or Tag.WIDTH not in first.entries
    return pictures.limited or (pictures.missing and of_camera)


def _format_by_maker(picture: Directory, make: str) -> str:
    coding = picture.positive(Tag.COMPRESSION) or 0
    by_make = next((name for start, name in _MAKERS.items() if make.startswith(start)), "camera_raw")
    return RAW_COMPRESSIONS.get(coding, by_make) if make else by_make


def _rank(directory: Directory) -> tuple[bool, int]:
    """Return a sort key: full resolution above copies, enhanced pictures and masks; the larger above the smaller."""
    width, height = _size(directory)
    return _subfile_type(directory) == 0, (width or 0) * (height or 0)


def _size(directory: Directory) -> PictureSize:
    return directory.positive(Tag.WIDTH), directory.positive(Tag.HEIGHT)


def _exif_size(first: Directory) -> PictureSize:
    start = first.positive(Tag.EXIF_IFD)
    if start is None:
        return None, None
    try:
        exif = first.read_another(start)
    except EndOfFile:
        return None, None
    return exif.positive(Tag.EXIF_WIDTH), exif.positive(Tag.EXIF_HEIGHT)


def _inside_borders(first: Directory) -> PictureSize:
    """Return the size of an RW2, which has its own tags: the sensor without its borders."""
    values = [first.integers(tag, 1) for tag in _RW2_BORDERS]
    if not all(values):
        return None, None
    (top,), (left,), (bottom,), (right,) = values
    return (right - left, bottom - top) if right > left and bottom > top else (None, None)


def _subfile_type(directory: Directory) -> int:
    """Return NewSubfileType; 0, a picture in full resolution, if it is not stated."""
    return directory.first(Tag.SUBFILE_TYPE) or 0


def _is_reduced(directory: Directory) -> bool:
    return bool(_subfile_type(directory) & _REDUCED)
