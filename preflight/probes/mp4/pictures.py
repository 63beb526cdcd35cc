"""Describe the coded pictures of a video track by its sample entry: the boxes in it, or the type of the entry alone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

from preflight.probes.coded_frames import frame_parameters
from preflight.probes.coded_pictures import CONFIGURATIONS, DOLBY_VISION, PictureFacts, picture_facts, with_colr
from preflight.probes.isobmff import EMPTY, boxes
from preflight.probes.mp4.entries import SampleEntry, object_type
from preflight.probes.parameter_sets import fixed, mpeg4
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters

_MAX_COLORS: Final = 8


class VideoCoding(PictureFacts, total=False):
    """The facts of `Media` that the coding of a video track has."""

    scan: str | None
    video_profile: str | None
    video_level: float | None


def video_coding(data: bytes, entry: SampleEntry, first_frame: Callable[[], bytes]) -> VideoCoding:
    """Return what the sample entry of a video track states about its pictures, and the start of its first frame."""
    parameters = _all_parameters(data, entry, first_frame)
    inner = entry.boxes
    scan = parameters.scan
    if scan != "progressive" and b"fiel" in inner:
        at, end = inner[b"fiel"]
        scan = _SCANS.get(data[at], scan) if at < end else scan
    return VideoCoding(
        **_facts(parameters, entry), scan=scan, video_profile=parameters.profile, video_level=parameters.level
    )


def picture_coding(data: bytes, entry: SampleEntry) -> PictureFacts:
    """Return what the sample entry of a sequence of images states about them."""
    return _facts(_all_parameters(data, entry, bytes), entry)


def _facts(parameters: VideoParameters, entry: SampleEntry) -> PictureFacts:
    return picture_facts(parameters, dolby_vision=not DOLBY_VISION.isdisjoint(entry.boxes))


def _all_parameters(data: bytes, entry: SampleEntry, first_frame: Callable[[], bytes]) -> VideoParameters:
    """Return the parameters of the configuration, of the first frame and of `colr`, of which each takes precedence."""
    parameters = frame_parameters(entry.codec, _parameters(data, entry), first_frame)
    return with_colr(parameters, _colr(data, entry))


_SCANS: Final = {1: "progressive", 2: "interlaced"}
"""By the number of fields in `fiel` (QuickTime File Format, "Video sample description extensions")."""


def _parameters(data: bytes, entry: SampleEntry) -> VideoParameters:
    """Return what the codec's configuration states, else what all files with this type of entry or codec have."""
    for kind, read in CONFIGURATIONS.items():
        if kind in entry.boxes:
            at, end = entry.boxes[kind]
            return read(data[at:end])
    if b"esds" in entry.boxes and entry.codec == "mpeg4":
        _, specific = object_type(data, *entry.boxes[b"esds"], max_bytes=_MAX_HEADER_BYTES)
        return mpeg4.read_headers(specific)
    if b"jp2h" in entry.boxes:
        return _jpeg2000(data, *entry.boxes[b"jp2h"])
    known = _BY_TYPE.get(entry.kind) or fixed.BY_CODEC.get(entry.codec or "", NOTHING)
    return _RGB.get(entry.pixel_depth, known) if entry.kind in _RGB_BY_DEPTH else known


def _jpeg2000(data: bytes, start: int, end: int) -> VideoParameters:
    """Read the header of JPEG 2000 (ISO/IEC 15444-1 I.5.3): bits of a component, and the enumerated color space."""
    inner = {kind: (at, stop) for kind, at, stop in islice(boxes(data, start, end), _MAX_HEADER_BOXES)}
    at, stop = inner.get(b"ihdr", EMPTY)
    depth = (data[at + 10] & 127) + 1 if stop - at >= 14 and data[at + 10] != _VARYING else None
    at, stop = inner.get(b"colr", EMPTY)
    space = int.from_bytes(data[at + 3 : at + 7]) if stop - at >= 7 and data[at] == 1 else 0
    return VideoParameters(
        bit_depth=depth,
        chroma="4:0:0" if space == _GRAY else None,
        is_identity={_SRGB: True, _SYCC: False}.get(space),
        states_color=False,
    )


_MAX_HEADER_BOXES: Final = 16
_VARYING: Final = 255
"""Bits of components that are not equal."""
_SRGB, _GRAY, _SYCC = 16, 17, 18
_MAX_HEADER_BYTES: Final = 256
"""Bytes of the configuration of MPEG-4 part 2, which encoders follow by their names."""


def _colr(data: bytes, entry: SampleEntry) -> list[bytes]:
    """Return the bodies of `colr`: an entry may have one with code points and one with an ICC profile."""
    if b"colr" not in entry.boxes:
        return []
    at, end = entry.boxes[b"colr"]
    found = [data[at:end]]
    if found[0][:3] != b"ncl":
        found += [data[body:stop] for kind, body, stop in boxes(data, at - 8, entry.end) if kind == b"colr"][
            1:_MAX_COLORS
        ]
    return found


def _prores(profile: str, chroma: str, depth: int) -> VideoParameters:
    return VideoParameters(profile, None, depth, chroma, states_color=False)


_DV_422: Final = VideoParameters(bit_depth=8, chroma="4:2:2")
_DV_420: Final = _DV_422._replace(chroma="4:2:0")
_DV_411: Final = _DV_422._replace(chroma="4:1:1")
_MPEG2_420: Final = VideoParameters("main", None, 8, "4:2:0")
_MPEG2_422: Final = VideoParameters("4:2:2", None, 8, "4:2:2")
_RGB: Final = {
    24: VideoParameters(bit_depth=8, is_identity=True),
    32: VideoParameters(bit_depth=8, is_identity=True),
    48: VideoParameters(bit_depth=16, is_identity=True),
    64: VideoParameters(bit_depth=16, is_identity=True),
}
"""By bits of a pixel."""
_RGB_BY_DEPTH: Final = frozenset((b"raw ", b"rle ", b"png ", b"tga ", b"tiff"))


def _by_type(*groups: tuple[str, VideoParameters]) -> dict[bytes, VideoParameters]:
    return {kind.ljust(4).encode(): parameters for kinds, parameters in groups for kind in kinds.split()}


_BY_TYPE: Final = _by_type(
    ("apco", _prores("proxy", "4:2:2", 10)),
    ("apcs", _prores("lt", "4:2:2", 10)),
    ("apcn", _prores("standard", "4:2:2", 10)),
    ("apch", _prores("hq", "4:2:2", 10)),
    ("ap4h", _prores("4444", "4:4:4", 12)),
    ("ap4x", _prores("xq", "4:4:4", 12)),
    ("dvc", _DV_411),
    ("dvpp", _DV_411),
    ("dvcp", _DV_420),
    ("dv5n dv5p dvhp dvhq dvh2 dvh3 dvh4 dvh5 dvh6", _DV_422),
    ("hdv1 hdv2 hdv3 hdv4 hdv5 hdv6 hdv7 hdv8 hdv9 hdva", _MPEG2_420),
    ("xdv1 xdv2 xdv3 xdv4 xdv5 xdv6 xdv7 xdv8 xdv9 xdva xdvb xdvc xdvd xdve xdvf", _MPEG2_420),
    ("xd54 xd55 xd59 xd5a xd5b xd5c xd5d xd5e xd5f mx5n mx5p mx4n mx4p mx3n mx3p", _MPEG2_422),
    ("ai5p ai5q ai52 ai53 ai55 ai56", VideoParameters("high 10 intra", None, 10, "4:2:0")),
    ("ai1p ai1q ai12 ai13 ai15 ai16", VideoParameters("high 4:2:2 intra", None, 10, "4:2:2")),
    ("2vuy 2Vuy yuvs yuvu UYVY", VideoParameters(bit_depth=8, chroma="4:2:2")),
    ("v210", VideoParameters(bit_depth=10, chroma="4:2:2")),
    ("v216", VideoParameters(bit_depth=16, chroma="4:2:2")),
    ("v308 v408", VideoParameters(bit_depth=8, chroma="4:4:4")),
    ("v410", VideoParameters(bit_depth=10, chroma="4:4:4")),
    ("r210", VideoParameters(bit_depth=10, is_identity=True)),
    ("b48r b64a", VideoParameters(bit_depth=16, is_identity=True)),
)
"""What the type of the entry alone states: Apple's ProRes, DV, HDV, XDCAM, AVC-Intra, and uncompressed video (QTFF)."""
