"""Read TIFF and BigTIFF in both byte orders (TIFF 6.0; libtiff's BigTIFF). Camera raws go to `raw.tiff_based`.

The picture is the first directory, IFD0, wherever it is: often at the end of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from preflight.formats import CHROMA_BY_SAMPLES, IMAGE
from preflight.media import Media, Need, size_facts
from preflight.probes.color import PROFILE_BYTES, from_profile
from preflight.probes.exif import TRANSPOSED
from preflight.probes.tiff.directory import (
    LAYOUTS,
    RAW_COMPRESSIONS,
    RAW_MARKS,
    SENSOR_PHOTOMETRICS,
    Directory,
    Tag,
    first_offset,
    read_directory,
)
from preflight.sources import EndOfFile, Source

if TYPE_CHECKING:
    from preflight.probes.coded_pictures import PictureFacts

_CAMERA_RAW_TAGS: Final = frozenset((Tag.SUB_IFDS, Tag.CFA_REPEAT, Tag.CFA_PATTERN, Tag.DNG_VERSION, Tag.SR2_PRIVATE))
"""Tags of camera raws in IFD0. Of these, ordinary pictures only sometimes have SubIFDs, for smaller copies."""
_RAW_CODINGS: Final = SENSOR_PHOTOMETRICS.union(RAW_COMPRESSIONS)
_NON_INTEGER_FORMATS: Final = frozenset((3, 5, 6))
"""SampleFormat of floating point, complex integers, complex floating point, which few programs open (TIFF 6.0 19)."""
_ALPHA_SAMPLES: Final = frozenset((1, 2))
"""ExtraSamples: associated and unassociated alpha; 0 is any other data."""
_COLOR_MODELS: Final = {
    0: "gray",
    1: "gray",
    2: "rgb",
    3: "palette",
    5: "cmyk",
    6: "ycbcr",
    8: "lab",
    9: "lab",
    10: "lab",
    32844: "gray",
}
"""PhotometricInterpretation; 9 and 10 are ICC's and ITU's L*a*b*, 32844 is Pixar's LogL (TIFF 6.0 8; TIFF/FX 3)."""
_NOT_CMYK: Final = 2
"""InkSet of other inks than cyan, magenta, yellow and black (TIFF 6.0 16)."""
_JPEG: Final = (6, 7)
"""Compressions of JPEG, which states its subsampling itself."""
_LOSSLESS: Final = frozenset((1, 2, 3, 4, 5, 8, 32771, 32773, 32809, 32908, 32909, 32946, 34676, 34925, 50000))
"""No compression, CCITT, LZW, Deflate, ThunderScan, PackBits, Pixar, SGI, LZMA, ZSTD."""
_MAX_SAMPLES: Final = 16
"""Samples of a pixel that are read."""
_MAX_PAGES: Final = 64
_MAX_REMOTE_PAGES: Final = 8
"""Directories counted in a local file, and where each may be a request; more leave the number of frames unknown."""


def read(source: Source, need: Need, name: str) -> Media:
    """Return the facts of a TIFF file. Read its header, IFD0, and for `frames` the directories that IFD0 leads to."""
    head = source.read_at(0, 16)
    layout = LAYOUTS.get(head[:4])
    if layout is None or len(head) < 16:
        raise EndOfFile("a TIFF file has a header and a directory")
    start = first_offset(head, layout)
    if not start:
        return Media(IMAGE, name, source.size, notes=("bad_header",))
    directory = read_directory(source, layout, start)
    raw = _camera_raw(directory, head)
    if raw is not None:
        return raw
    width = directory.positive(Tag.WIDTH)
    height = directory.positive(Tag.HEIGHT)
    orientation = directory.positive(Tag.ORIENTATION)
    extra = directory.integers(Tag.EXTRA_SAMPLES, _MAX_SAMPLES)
    notes = _notes(directory, is_sized=bool(width and height))
    if "truncated" in notes and directory.positive(Tag.SUBFILE_TYPE) == 1:
        width = height = None  # the values of a thumbnail: the file ends before the picture
    frames = None
    if "frames" in need.facts and not directory.limited:
        frames = _count_pages(directory, start)
        if frames is None and not notes:
            notes = ("read_limit",)
    return Media(
        kind=IMAGE,
        format=name,
        size=source.size,
        **size_facts(width, height, transposed=orientation in TRANSPOSED),
        orientation=orientation if orientation in range(1, 9) else None,
        frames=frames,
        animated=False,
        multi_picture=False,
        **_picture_facts(directory),
        coding="lossless" if directory.near(Tag.COMPRESSION, 1) in _LOSSLESS else None,
        has_alpha=None if directory.truncated or directory.limited else not _ALPHA_SAMPLES.isdisjoint(extra),
        location=directory.has_location(),
        notes=notes,
    )


def _picture_facts(directory: Directory) -> PictureFacts:
    """Return the facts on samples and colors."""
    color_model = _color_model(directory)
    color = from_profile(directory.near_bytes(Tag.ICC_PROFILE, PROFILE_BYTES))
    return {
        "bit_depth": _bit_depth(directory),
        "color_model": color_model,
        "chroma": _chroma(directory) if color_model == "ycbcr" else None,
        "primaries": color.primaries,
        "transfer": color.transfer,
        "hdr": color.hdr or (None if directory.truncated else "none"),
    }


def _bit_depth(directory: Directory) -> int | None:
    """Return BitsPerSample, of the sample with the most; 1 if it is missing (TIFF 6.0 8)."""
    if Tag.BITS not in directory.entries:
        return None if directory.truncated else 1
    return max(directory.near_integers(Tag.BITS, _MAX_SAMPLES), default=None) or None


def _color_model(directory: Directory) -> str | None:
    """Return PhotometricInterpretation in the words of `color_model`; None for separations of other inks."""
    found = _COLOR_MODELS.get(directory.near(Tag.PHOTOMETRIC, -1))
    return None if found == "cmyk" and directory.near(Tag.INK_SET, 1) == _NOT_CMYK else found


def _chroma(directory: Directory) -> str | None:
    """Return YCbCrSubSampling, whose default is 2 and 2 (TIFF 6.0 21)."""
    if Tag.SUBSAMPLING in directory.entries:
        stated = directory.near_integers(Tag.SUBSAMPLING, 2)
        return CHROMA_BY_SAMPLES.get((stated[0], stated[1])) if len(stated) == 2 else None
    return None if directory.truncated or directory.near(Tag.COMPRESSION, 1) in _JPEG else "4:2:0"


def _camera_raw(directory: Directory, head: bytes) -> Media | None:
    """Return the facts of a camera raw; None if the file is an ordinary TIFF."""
    if not _may_be_raw(directory, head):
        return None
    from preflight.probes.raw import tiff_based  # few of the files that are checked are camera raws

    return tiff_based.in_tiff(directory, head)


def _notes(directory: Directory, *, is_sized: bool) -> tuple[str, ...]:
    if directory.truncated or directory.is_picture_truncated():
        return ("truncated",)
    if directory.limited:
        return ("read_limit",)
    if not is_sized:
        return ("bad_header",)
    unusual = not _NON_INTEGER_FORMATS.isdisjoint(directory.integers(Tag.SAMPLE_FORMAT, _MAX_SAMPLES))
    return ("uncommon_coding",) if unusual else ()


def _may_be_raw(directory: Directory, head: bytes) -> bool:
    """Return whether the file may be a camera raw: by a tag, a coding or the bytes between header and IFD0."""
    if not _CAMERA_RAW_TAGS.isdisjoint(directory.entries) or head[8:12] in RAW_MARKS:
        return True
    if directory.next and directory.positive(Tag.SUBFILE_TYPE) == 1:
        return True  # a thumbnail, and the next directory may be the raw picture
    photometric = directory.positive(Tag.PHOTOMETRIC)
    return photometric in _RAW_CODINGS or directory.positive(Tag.COMPRESSION) in _RAW_CODINGS


def _count_pages(first: Directory, start: int) -> int | None:
    """Count the directories, up to one that leads back or beyond the end of the file; None if there are too many."""
    limit = _MAX_REMOTE_PAGES if first.source.remote else _MAX_PAGES
    seen, following = {start}, first.next
    while following and following not in seen:
        if len(seen) == limit:
            return None
        try:
            directory = first.read_another(following)
        except EndOfFile:
            break
        if directory.truncated or not directory.entries:
            break
        seen.add(following)
        following = directory.next
    return len(seen)
