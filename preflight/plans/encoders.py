"""The options of ffmpeg's encoders: quality, bit rate and passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from preflight.plans.encoding import ENCODERS

_NEARLY_LOSSLESS: Final[Mapping[str, int]] = {"h264": 17, "hevc": 19, "vp8": 8, "vp9": 24, "av1": 24}
"""By codec, the constant rate factor (CRF) of a result that looks like its source."""
_CRF_PER_QUALITY: Final = 0.4
"""Steps of the rate factor for one of quality, of which 90 is nearly lossless."""
_QUALITY: Final = 90
_LARGEST_CRF: Final = {"h264": 51, "hevc": 51}
_LARGEST_OTHER_CRF: Final = 63
_SPEED: Final[Mapping[str, tuple[str, ...]]] = {
    "h264": ("-preset", "medium"),
    "hevc": ("-preset", "medium"),
    "vp8": ("-deadline", "good", "-cpu-used", "3"),
    "vp9": ("-deadline", "good", "-cpu-used", "3", "-row-mt", "1"),
    "av1": ("-preset", "8"),
}
"""By codec, the options for a speed at which smaller files would take much longer."""
_VP8_RATE: Final = 40_000_000
"""bit/s; VP8 has no constant quality without an upper bit rate."""
PASSES: Final[Mapping[str, int]] = {"h264": 2, "hevc": 2, "vp8": 2, "vp9": 2}
"""By video codec, the passes in which its encoder reaches a bit rate; others have one."""


class EncodingRate(NamedTuple):
    """How large an encoded video becomes.

    quality      1 to 100; None: nearly lossless
    highest      bit/s that it never exceeds for long; None: no such bound
    bit_rate     bit/s to reach in place of a quality; None: the quality decides
    pass_number  1 or 2 of two passes; None: the only one
    log_name     name of the file between the passes, without `:` and `=`
    """

    quality: int | None = None
    highest: int | None = None
    bit_rate: int | None = None
    pass_number: int | None = None
    log_name: str = "preflight-pass"


def crf(codec: str, quality: int | None) -> int:
    """Return the constant rate factor for a quality from 1 to 100; None: nearly lossless."""
    factor = _NEARLY_LOSSLESS[codec] + ((_QUALITY - quality) * _CRF_PER_QUALITY if quality is not None else 0)
    return max(0, min(round(factor), _LARGEST_CRF.get(codec, _LARGEST_OTHER_CRF)))


def video_options(codec: str, rate: EncodingRate, level: float | None, interval: float | None) -> list[str]:
    """Return the options of a video encoder, apart from the pixel format and the profile.

    level     the level that is stated and kept to
    interval  seconds between key frames at most
    """
    args = [*_SPEED[codec], *_rate_args(codec, rate)]
    if codec == "hevc":
        parameters = [*_x265_passes(rate), *([f"level-idc={level:g}"] if level is not None else [])]
        args += ["-x265-params", ":".join(parameters)] if parameters else []
    elif level is not None:
        args += ["-level:v", f"{level:g}"]
    if interval is not None:
        args += ["-force_key_frames", f"expr:gte(t,n_forced*{interval:g})"]
    return args


def _rate_args(codec: str, rate: EncodingRate) -> list[str]:
    if rate.bit_rate is not None:
        args = ["-b:v", str(rate.bit_rate)]
        if rate.highest is not None and codec in ("h264", "hevc"):
            args += ["-maxrate", str(rate.highest), "-bufsize", str(rate.highest)]
        if rate.pass_number is not None and codec != "hevc":
            args += ["-pass", str(rate.pass_number), "-passlogfile", rate.log_name]
        return args
    args = ["-crf", str(crf(codec, rate.quality))]
    if codec in ("h264", "hevc"):
        bounded = ["-maxrate", str(rate.highest), "-bufsize", str(rate.highest)] if rate.highest is not None else []
        return [*args, *bounded]
    if codec == "av1":  # its encoder has either a quality or a bit rate
        return ["-b:v", str(rate.highest)] if rate.highest is not None else args
    return [*args, "-b:v", str(rate.highest or (_VP8_RATE if codec == "vp8" else 0))]


def _x265_passes(rate: EncodingRate) -> list[str]:
    if rate.pass_number is None or rate.bit_rate is None:
        return []
    return [f"pass={rate.pass_number}", f"stats={rate.log_name}.log"]


def encoder_of(codec: str) -> str:
    """Return the name of ffmpeg's encoder of a codec."""
    return ENCODERS[codec][0]
