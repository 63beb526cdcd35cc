"""Return the sample format of video that a container names by a code, without any configuration.

Microsoft's "Recommended 8-Bit YUV Formats for Video Rendering", fourcc.org; for DV, IEC 61834 and SMPTE 314M.
"""

from __future__ import annotations

from typing import Final

from preflight.probes.parameter_sets import fixed
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters

_RGB: Final = VideoParameters(bit_depth=8, is_identity=True)


def _by_code(*groups: tuple[str, VideoParameters]) -> dict[str, VideoParameters]:
    return {code: parameters for codes, parameters in groups for code in codes.split()}


def _ycbcr(chroma: str, bits: int = 8) -> VideoParameters:
    return VideoParameters(bit_depth=bits, chroma=chroma)


def _prores(profile: str, chroma: str, bits: int) -> VideoParameters:
    return VideoParameters(profile, None, bits, chroma, states_color=False)


_BY_CODE: Final = _by_code(
    ("2VUY HDYC UYVY Y422 YUY2 YUYV YVYU", _ycbcr("4:2:2")),
    ("I420 IYUV NV12 NV21 YV12", _ycbcr("4:2:0")),
    ("YVU9 YUV9", _ycbcr("4:1:0")),
    ("Y41P", _ycbcr("4:1:1")),
    ("Y800 GREY", _ycbcr("4:0:0")),
    ("V308 V408 AYUV", _ycbcr("4:4:4")),
    ("V210", _ycbcr("4:2:2", 10)),
    ("V410", _ycbcr("4:4:4", 10)),
    ("R210", VideoParameters(bit_depth=10, is_identity=True)),
    ("ULY0 ULH0 M8Y0", _ycbcr("4:2:0")),
    ("ULY2 ULH2 M8Y2", _ycbcr("4:2:2")),
    ("UQY2", _ycbcr("4:2:2", 10)),
    ("ULY4 ULH4 M8Y4", _ycbcr("4:4:4")),
    ("ULRG ULRA M8RG M8RA", _RGB),
    ("APCO", _prores("proxy", "4:2:2", 10)),
    ("APCS", _prores("lt", "4:2:2", 10)),
    ("APCN", _prores("standard", "4:2:2", 10)),
    ("APCH", _prores("hq", "4:2:2", 10)),
    ("AP4H", _prores("4444", "4:4:4", 12)),
    ("AP4X", _prores("xq", "4:4:4", 12)),
)
_BY_CODEC: Final = dict.fromkeys(("theora", "vp3", "vp5", "vp6"), _ycbcr("4:2:0")._replace(scan="progressive"))
_UNCOMPRESSED: Final = frozenset((b"\0\0\0\0", b"RGB ", b"DIB ", b"RAW "))
_HUFFMAN: Final = {12: _ycbcr("4:2:0"), 16: _ycbcr("4:2:2"), 24: _RGB, 32: _RGB}
"""HuffYUV and its extension by bits of a pixel."""
_PAL_HEIGHT: Final = 576


def sample_format(codec: str | None, code: bytes, bits: int = 0, height: int = 0) -> VideoParameters:
    """Return what a four-character code and bits of a pixel tell, else what all video of this codec has."""
    if codec in ("ffvhuff", "huffyuv"):
        return _HUFFMAN.get(bits, NOTHING)
    if codec == "dvvideo":
        return _ycbcr("4:2:0" if height == _PAL_HEIGHT else "4:1:1")
    if code in _UNCOMPRESSED:
        return _RGB if bits in (24, 32) else NOTHING
    found = _BY_CODE.get(code.decode("latin-1").upper()) or _BY_CODEC.get(codec or "")
    return found or fixed.BY_CODEC.get(codec or "", NOTHING)
