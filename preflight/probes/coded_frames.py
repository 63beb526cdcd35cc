"""Describe pictures by the start of a track's first frame, where containers hold no configuration of the codec.

Annex B of H.264 and H.265, MPEG-2 and MPEG-4 part 2 repeat their headers in the coded data; VP9, AV1 and others have
them in each key frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from preflight.probes.parameter_sets import av1, frames, h264, hevc, mpeg4, vp9
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters

FRAME_BYTES: Final = frames.FIRST_BYTES
_START_CODE: Final = b"\0\0\1"
_MAX_UNITS: Final = 8
_H264_SPS, _HEVC_SPS = 7, 33


def frame_parameters(codec: str | None, stated: VideoParameters, frame: Callable[[], bytes]) -> VideoParameters:
    """Return what was `stated`, completed by the first bytes of a frame if the codec has headers there."""
    reader = frames.BY_CODEC.get(codec or "")
    if reader is None and stated.profile is None:
        reader = _READERS.get(codec or "")
    if reader is None:
        return stated
    found = reader(frame())
    if found == NOTHING:
        return stated
    return stated._replace(**{name: value for name, value in found._asdict().items() if value is not None})


def _find_unit(data: bytes, kind: int, shift: int, mask: int) -> bytes:
    """Return the first NAL unit of a type (H.264 B.1, H.265 B.2); empty if there is none."""
    at = data.find(_START_CODE)
    for _ in range(_MAX_UNITS):
        if at < 0 or at + 3 >= len(data):
            break
        end = data.find(_START_CODE, at + 3)
        if data[at + 3] >> shift & mask == kind:
            return data[at + 3 : end] if end >= 0 else data[at + 3 :]
        at = end
    return b""


def _read_h264(data: bytes) -> VideoParameters:
    return h264.read_sps(_find_unit(data, _H264_SPS, 0, 31))


def _read_hevc(data: bytes) -> VideoParameters:
    return hevc.read_sps(_find_unit(data, _HEVC_SPS, 1, 63))


def _read_mpeg4(data: bytes) -> VideoParameters:
    return mpeg4.read_headers(data) if data.startswith(_START_CODE) else NOTHING


_READERS: Final[dict[str, Callable[[bytes], VideoParameters]]] = {
    "av1": av1.read_obus,
    "h264": _read_h264,
    "hevc": _read_hevc,
    "mpeg4": _read_mpeg4,
    "vp9": vp9.read_frame,
}
