"""Translate what libmediainfo says about the coding of tracks into our facts, in ffprobe's words.

Its words: the sources of MediaInfoLib (`Mpegv_colour_primaries`, `Mpegv_transfer_characteristics` and the like), which
follow ITU-T H.273; "High 4:2:2@L1.3" is a profile with a level.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from preflight.formats import CHROMAS
from preflight.probes.parameter_sets.record import VideoParameters
from preflight.probes.sample_formats import sample_format

_PRIMARIES: Final = {
    "BT.2020": "bt2020",
    "BT.470 System M": "bt470m",
    "BT.601 NTSC": "smpte170m",
    "BT.601 PAL": "bt470bg",
    "BT.709": "bt709",
    "DCI P3": "smpte431",
    "Display P3": "smpte432",
    "EBU Tech 3213": "ebu3213",
    "Generic film": "film",
    "SMPTE 240M": "smpte240m",
    "XYZ": "smpte428",
}
_TRANSFERS: Final = {
    "BT.1361": "bt1361e",
    "BT.2020 (10-bit)": "bt2020-10",
    "BT.2020 (12-bit)": "bt2020-12",
    "BT.470 System B/G": "bt470bg",
    "BT.470 System M": "bt470m",
    "BT.601": "smpte170m",
    "BT.709": "bt709",
    "HLG": "arib-std-b67",
    "Linear": "linear",
    "Logarithmic (100:1)": "log100",
    "Logarithmic (316.22777:1)": "log316",
    "PQ": "smpte2084",
    "SMPTE 240M": "smpte240m",
    "SMPTE 428M": "smpte428",
    "sRGB/sYCC": "iec61966-2-1",
    "xvYCC": "iec61966-2-4",
}
_COLOR_MODELS: Final = {"RGB": True, "RGBA": True, "YUV": False, "YUVA": False, "Y": False}
"""Whether the components are red, green and blue."""
_SCANS: Final = {"Interlaced": "interlaced", "MBAFF": "interlaced", "PAFF": "interlaced", "Progressive": "progressive"}
_PROGRESSIVE_CODECS: Final = frozenset(("av1", "hevc", "vp8", "vp9", "vvc"))
"""Codecs whose pictures are frames unless libmediainfo says otherwise."""
_PROFILES: Final = {
    "h264": {"constrained high": "high", "progressive high": "high"},
    "hevc": {"format range": "rext", "main still": "main still picture", "screen content": "scc"},
}
"""Names that differ from ffprobe's; its profiles of H.264 do not tell these constraints."""
_LEVEL: Final = re.compile(r"L(\d{1,2}(\.\d)?)", re.ASCII)
_BITS: Final = re.compile(r"(\d{1,2})-bit ", re.ASCII)
"""Start of the CodecID of AU, as in "16-bit signed linear"."""
_AAC_PROFILES: Final = {
    "ELD": "eld",
    "LC": "lc",
    "LC SBR": "he",
    "LC SBR PS": "he_v2",
    "LD": "ld",
    "LTP": "ltp",
    "Main": "main",
    "SSR": "ssr",
}
_LOSSLESS: Final = frozenset(("alac", "ape", "flac", "mlp", "pcm", "truehd", "tta", "wavpack", "wmalossless"))


def video_parameters(codec: str | None, words: Mapping[str, str], bits: int | None) -> VideoParameters:
    """Return what libmediainfo says of the pictures, by its names of the fields; `bits`: of a component."""
    known = sample_format(codec, b"")
    chroma = words["chroma_subsampling"].partition(" ")[0]
    name, _, level = words["format_profile"].partition("@")
    found = _LEVEL.fullmatch(level.partition("@")[0])
    scan = _SCANS.get(words["scan_type"]) or known.scan
    return VideoParameters(
        _profile(codec, name.lower()),
        float(found[1]) if found else None,
        bits or known.bit_depth,
        "4:0:0" if words["color_space"] == "Y" else chroma if chroma in CHROMAS else known.chroma,
        _PRIMARIES.get(words["color_primaries"]),
        _TRANSFERS.get(words["transfer_characteristics"]),
        _COLOR_MODELS.get(words["color_space"], known.is_identity),
        scan or ("progressive" if codec in _PROGRESSIVE_CODECS else None),
        states_color=codec is not None,
    )


def _profile(codec: str | None, name: str) -> str | None:
    if codec == "mpeg4" and name:
        return f"{name} profile"
    if codec == "vp9" and name:
        return f"profile {name}"
    return _PROFILES.get(codec or "", {}).get(name, name) or None


def audio_facts(codec: str | None, words: Mapping[str, str], bits: int | None) -> dict[str, Any]:
    """Return profile and bits of a sample; `bits`: as libmediainfo says, of coded audio those after decoding."""
    profile = _AAC_PROFILES.get(words["format_additionalfeatures"]) if codec in ("aac", "aac_latm") else None
    named = _BITS.match(words["codec_id"])
    bits = bits or (int(named[1]) if named else None)
    return {
        "audio_profile": profile,
        "sample_bits": 8 if codec in ("alaw", "mulaw") else bits if codec in _LOSSLESS else None,
    }
