"""The sample formats of codecs that have only one, or that are known without their parameter sets."""

from __future__ import annotations

from typing import Final

from preflight.probes.parameter_sets.record import VideoParameters

_8_BITS_420: Final = VideoParameters(bit_depth=8, chroma="4:2:0")
_PROGRESSIVE: Final = _8_BITS_420._replace(scan="progressive")

BY_CODEC: Final = {
    "aic": _8_BITS_420,
    "flv1": _PROGRESSIVE,
    "h261": _PROGRESSIVE,
    "h263": _PROGRESSIVE,
    "mpeg1video": _PROGRESSIVE,
    "mpeg2video": VideoParameters(bit_depth=8, is_identity=False),
    "mpeg4": _8_BITS_420,
    "msmpeg4v1": _PROGRESSIVE,
    "msmpeg4v2": _PROGRESSIVE,
    "msmpeg4v3": _PROGRESSIVE,
    "vc1": _8_BITS_420,
    "vp8": _PROGRESSIVE,
    "wmv1": _PROGRESSIVE,
    "wmv2": _PROGRESSIVE,
    "wmv3": _8_BITS_420,
}
"""By codec. MPEG-2 has 8 bits, but more than one chroma format (ISO/IEC 13818-2 6.3.5)."""
