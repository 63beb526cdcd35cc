"""Describe the coding of a Matroska track by its CodecPrivate, its Colour element and its flags (RFC 9559 5.1.4.1).

CodecPrivate holds what MP4 has in boxes (draft-ietf-cellar-codec); that of VP9 is a list of features
(webmproject.org/docs/container).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from preflight.formats import PRIMARIES_BY_CODE, TRANSFER_BY_CODE
from preflight.probes.aac_config import audio_config
from preflight.probes.coded_frames import frame_parameters
from preflight.probes.coded_pictures import picture_facts
from preflight.probes.flac import STREAMINFO_BYTES, stream_info
from preflight.probes.parameter_sets import av1, h264, hevc, mpeg2, mpeg4, vvc
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters
from preflight.probes.sample_formats import sample_format
from preflight.probes.wav import coding_of

_FLAC_MAGIC: Final = b"fLaC"
_ALAC_BITS_AT: Final = 5
_BITMAP_HEADER_BYTES: Final = 40
_WAVE_HEADER_BYTES: Final = 18
NOT_SPECIFIED: Final = 2
"""Code point of ITU-T H.273 for primaries, transfer and matrix that are not known."""
_IDENTITY: Final = 0
"""Matrix coefficients of RGB (ITU-T H.273 8.3)."""
_SCANS: Final = {1: "interlaced", 2: "progressive"}
"""FlagInterlaced."""
_CHROMAS: Final = {(0, 0): "4:4:4", (1, 0): "4:2:2", (1, 1): "4:2:0", (0, 1): "4:4:0", (2, 0): "4:1:1"}
"""By ChromaSubsamplingHorz and ChromaSubsamplingVert."""


class Color(NamedTuple):
    """The Colour element: bits of a component (0: not stated), chroma, and code points of ITU-T H.273."""

    bits: int
    chroma: tuple[int, int] | None
    matrix: int
    transfer: int
    primaries: int


def video_parameters(codec: str | None, codec_id: str, private: bytes, color_space: bytes) -> VideoParameters:
    """Return what CodecPrivate states, else what all video of this codec and this UncompressedFourCC has."""
    if codec_id == "V_MS/VFW/FOURCC":
        stated = sample_format(codec, private[16:20], int.from_bytes(private[14:16], "little"))
        header = private[_BITMAP_HEADER_BYTES:]
        return frame_parameters(codec, stated, lambda: header) if header else stated
    reader = _READERS.get(codec or "")
    found = reader(private) if reader is not None and private else NOTHING
    return found if found != NOTHING else sample_format(codec, private[:4] if codec == "prores" else color_space)


def with_color(stated: VideoParameters, color: Color | None) -> VideoParameters:
    """Return the parameters with those that the Colour element states; what is coded decides about the samples."""
    if color is None:
        return stated
    matrix = color.matrix if color.matrix != NOT_SPECIFIED else None
    return stated._replace(
        bit_depth=stated.bit_depth or color.bits or None,
        chroma=stated.chroma or (_CHROMAS.get(color.chroma) if color.chroma else None),
        primaries=PRIMARIES_BY_CODE.get(color.primaries) or stated.primaries,
        transfer=TRANSFER_BY_CODE.get(color.transfer) or stated.transfer,
        is_identity=stated.is_identity if matrix is None else matrix == _IDENTITY,
        states_color=True,
    )


def video_facts(parameters: VideoParameters, interlaced: int, *, dolby_vision: bool) -> dict[str, Any]:
    """Return the facts of `Media`; `interlaced`: FlagInterlaced, which decides where the coded data may be either."""
    scan = parameters.scan
    return {
        **picture_facts(parameters, dolby_vision=dolby_vision),
        "scan": scan if scan == "progressive" else _SCANS.get(interlaced, scan),
        "video_profile": parameters.profile,
        "video_level": parameters.level,
    }


def audio_profile(codec: str | None, codec_id: str, private: bytes) -> str | None:
    """Return the profile of AAC, by CodecPrivate or by the CodecID of old files, which have none."""
    if codec != "aac":
        return None
    config = audio_config(private[_WAVE_HEADER_BYTES:] if codec_id == "A_MS/ACM" else private)
    if config is not None:
        return config.profile
    _, _, name = codec_id.partition("/")
    return "he" if name.endswith("/SBR") else _OLD_PROFILES.get(name.rpartition("/")[2])


_OLD_PROFILES: Final = {"LC": "lc", "LTP": "ltp", "MAIN": "main", "SSR": "ssr"}
_LOSSLESS: Final = frozenset(("alac", "flac", "mlp", "pcm", "truehd", "tta", "wavpack"))


def sample_bits(codec: str | None, codec_id: str, private: bytes, stated: int) -> int | None:
    """Return the bits of a sample of PCM or lossless audio; `stated`: BitDepth."""
    if codec in ("alaw", "mulaw"):
        return 8
    if codec not in _LOSSLESS:
        return None
    if codec_id == "A_MS/ACM":
        return coding_of(private, "little").bits or None
    if codec == "alac" and len(private) > _ALAC_BITS_AT:
        return private[_ALAC_BITS_AT]
    info = stream_info(private[4 : 4 + STREAMINFO_BYTES]) if private.startswith(_FLAC_MAGIC) else None
    return info.bits if info is not None else stated or None


def _read_vp9_features(private: bytes) -> VideoParameters:
    """Read features of an identifier, a length and a value; length and value have one byte each."""
    features = {private[at]: private[at + 2] for at in range(0, len(private) - 2, 3) if private[at + 1] == 1}
    if not features:
        return NOTHING
    profile, level = features.get(1), features.get(2)
    return VideoParameters(
        f"profile {profile}" if profile is not None and profile <= 3 else None,
        level / 10 if level else None,
        features.get(3),
        {0: "4:2:0", 1: "4:2:0", 2: "4:2:2", 3: "4:4:4"}.get(features.get(4, -1)),
        scan="progressive",
        states_color=False,
    )


_READERS: Final[dict[str, Callable[[bytes], VideoParameters]]] = {
    "av1": av1.read_av1c,
    "h264": h264.read_avcc,
    "hevc": hevc.read_hvcc,
    "mpeg2video": mpeg2.read_headers,
    "mpeg4": mpeg4.read_headers,
    "vp9": _read_vp9_features,
    "vvc": lambda private: vvc.read_vvcc(bytes(4) + private),  # without version and flags of the box
}
