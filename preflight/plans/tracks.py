"""Choose how a video or an audio track is encoded again, so that each of its facts is inside its limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Final, NamedTuple, TypeVar

from preflight.formats import AUDIO
from preflight.limit import Limit
from preflight.media import NONE
from preflight.plans.encoders import EncodingRate, video_options
from preflight.plans.encoding import ENCODERS, LOSSLESS, Subject
from preflight.plans.geometry import LimitsByFact, Size

FactValue = str | int | float | bool
V = TypeVar("V", str, int)


class PixelFormat(NamedTuple):
    """What an encoder writes: its facts, and ffmpeg's name of the pixel format; `option` is that of the profile."""

    chroma: str
    bit_depth: int
    video_profile: str
    name: str
    option: tuple[str, ...] = ()


_PIXEL_FORMATS: Final[Mapping[str, tuple[PixelFormat, ...]]] = {
    "h264": (
        PixelFormat("4:2:0", 8, "high", "yuv420p"),
        PixelFormat("4:2:0", 8, "main", "yuv420p", ("-profile:v", "main")),
        PixelFormat("4:2:0", 8, "constrained baseline", "yuv420p", ("-profile:v", "baseline")),
        PixelFormat("4:2:0", 10, "high 10", "yuv420p10le"),
        PixelFormat("4:2:2", 8, "high 4:2:2", "yuv422p"),
        PixelFormat("4:2:2", 10, "high 4:2:2", "yuv422p10le"),
        PixelFormat("4:4:4", 8, "high 4:4:4 predictive", "yuv444p"),
        PixelFormat("4:4:4", 10, "high 4:4:4 predictive", "yuv444p10le"),
    ),
    "hevc": (
        PixelFormat("4:2:0", 8, "main", "yuv420p"),
        PixelFormat("4:2:0", 10, "main 10", "yuv420p10le"),
        PixelFormat("4:2:2", 8, "rext", "yuv422p"),
        PixelFormat("4:2:2", 10, "rext", "yuv422p10le"),
        PixelFormat("4:4:4", 8, "rext", "yuv444p"),
        PixelFormat("4:4:4", 10, "rext", "yuv444p10le"),
    ),
    "vp9": (
        PixelFormat("4:2:0", 8, "profile 0", "yuv420p"),
        PixelFormat("4:2:0", 10, "profile 2", "yuv420p10le"),
        PixelFormat("4:2:2", 8, "profile 1", "yuv422p"),
        PixelFormat("4:4:4", 8, "profile 1", "yuv444p"),
    ),
    "vp8": (PixelFormat("4:2:0", 8, "profile 0", "yuv420p"),),
    "av1": (PixelFormat("4:2:0", 8, "main", "yuv420p"), PixelFormat("4:2:0", 10, "main", "yuv420p10le")),
}
"""By codec, what its encoder writes, the most widely supported first."""
_LEVELS: Final[Mapping[str, tuple[tuple[float, int, int], ...]]] = {
    "h264": (
        (1.0, 25_344, 380_160), (1.1, 101_376, 768_000), (1.2, 101_376, 1_536_000), (1.3, 101_376, 3_041_280),
        (2.0, 101_376, 3_041_280), (2.1, 202_752, 5_068_800), (2.2, 414_720, 5_184_000), (3.0, 414_720, 10_368_000),
        (3.1, 921_600, 27_648_000), (3.2, 1_310_720, 55_296_000), (4.0, 2_097_152, 62_914_560),
        (4.1, 2_097_152, 62_914_560), (4.2, 2_228_224, 133_693_440), (5.0, 5_652_480, 150_994_944),
        (5.1, 9_437_184, 251_658_240), (5.2, 9_437_184, 530_841_600), (6.0, 35_651_584, 1_069_547_520),
    ),
    "hevc": (
        (1.0, 36_864, 552_960), (2.0, 122_880, 3_686_400), (2.1, 245_760, 7_372_800), (3.0, 552_960, 16_588_800),
        (3.1, 983_040, 33_177_600), (4.0, 2_228_224, 66_846_720), (4.1, 2_228_224, 133_693_440),
        (5.0, 8_912_896, 267_386_880), (5.1, 8_912_896, 534_773_760), (5.2, 8_912_896, 1_069_547_520),
        (6.0, 35_651_584, 1_069_547_520), (6.1, 35_651_584, 2_139_095_040), (6.2, 35_651_584, 4_278_190_080),
    ),
}  # fmt: skip
"""By codec, each level with its largest picture in luma samples and the most of them in a second.

H.264 table A-1, in macroblocks of 256 samples; H.265 tables A.8 and A.9.
"""
_MACROBLOCK: Final = 16
_MARGIN: Final = 0.9
"""Share of the highest bit rate, and of the longest time between key frames, to aim at: encoders keep them roughly."""
_AUDIO_MARGIN: Final = 0.96
_AUDIO_SHARE: Final = 200_000
"""bit/s of all tracks that are left to the audio."""
_AUDIO_BIT_RATES: Final = (
    320_000, 256_000, 192_000, 160_000, 128_000, 112_000, 96_000, 80_000, 64_000, 48_000, 32_000, 24_000, 16_000,
)  # fmt: skip
_LOSSY: Final = frozenset(("aac", "ac3", "eac3", "mp3", "opus", "vorbis"))
_RATE_OF_CHANNEL: Final = {"aac": 96_000, "ac3": 112_000, "eac3": 112_000, "mp3": 128_000, "opus": 80_000}
"""By lossy codec, the bit/s for each channel at which few hear a difference; for others, that of AAC."""
_HIGHEST_RATE: Final = {"mp3": 320_000, "ac3": 640_000}
_HIGHEST_OTHER_RATE: Final = 512_000
"""The bit/s that the encoder of a codec accepts at most."""
_SOURCE_SHARE: Final = 1.5
"""Bit rate for a track that was lossy already, as a share of its own."""
_CONSTANT_SHARE: Final = 0.96
"""Share of a bit rate from which a constant one of MP3 is used instead: it has few of them, but keeps them exactly."""
_LOWEST_RATE: Final = 64_000
_SAMPLE_RATES: Final = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
_RATES_OF: Final[Mapping[str, tuple[int, ...]]] = {
    "ac3": (48_000, 44_100, 32_000),
    "opus": (48_000,),
    "pcm": (192_000, 96_000, 88_200, *_SAMPLE_RATES),
    "flac": (192_000, 96_000, 88_200, *_SAMPLE_RATES),
    "aac": (96_000, 88_200, *_SAMPLE_RATES),
}
"""By codec, the sample rates that it has; for Opus, the one that its decoders give (RFC 7845, section 5.1)."""
_MAX_CHANNELS: Final = {"mp3": 2, "ac3": 6}
_SAMPLE_BITS: Final[Mapping[str, Mapping[int, tuple[str, ...]]]] = {
    "pcm": {16: ("pcm_s16le",), 24: ("pcm_s24le",), 32: ("pcm_s32le",)},
    "flac": {16: ("flac", "-sample_fmt", "s16"), 24: ("flac", "-sample_fmt", "s32")},
}
"""By codec, the encoder for each number of bits in a sample."""


_QUALITY: Final = EncodingRate()


class VideoTarget(NamedTuple):
    """How a video track is encoded again: the facts of the result; None: a fact that no limit is on."""

    video_codec: str
    pixels: PixelFormat
    video_profile: str | None
    video_level: float | None
    video_bit_rate: int | None
    keyframe_interval: float | None

    def values(self) -> dict[str, FactValue]:
        """Return the facts of the result that a limit is on."""
        return {fact: value for fact, value in self._asdict().items() if value is not None and fact != "pixels"}

    def options(self, rate: EncodingRate = _QUALITY) -> list[str]:
        """Return ffmpeg's options of the encoder."""
        args = ["-c:v", ENCODERS[self.video_codec][0], "-pix_fmt", self.pixels.name]
        if self.video_profile is not None:
            args += self.pixels.option
        if self.video_bit_rate is not None:
            rate = rate._replace(highest=min(self.video_bit_rate, rate.highest or self.video_bit_rate))
        return args + video_options(self.video_codec, rate, self.video_level, self.keyframe_interval)


class AudioTarget(NamedTuple):
    """How an audio track is encoded again: the facts of the result; None: a fact that no limit is on.

    encoded_rate  the bit rate to encode with where no limit is on it; None: that of a lossless codec
    """

    audio_codec: str
    audio_profile: str | None = None
    audio_bit_rate: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    sample_bits: int | None = None
    encoded_rate: int | None = None

    def values(self) -> dict[str, FactValue]:
        """Return the facts of the result that a limit is on."""
        return {fact: value for fact, value in self._asdict().items() if value is not None and fact != "encoded_rate"}

    def options(self, bit_rate: int | None = None) -> list[str]:
        """Return ffmpeg's options of the encoder; `bit_rate`: to encode with in place of its own."""
        if self.audio_codec == NONE:
            return ["-an"]
        bits = _SAMPLE_BITS.get(self.audio_codec, {}).get(self.sample_bits or 0)
        args = ["-c:a", *(bits or ENCODERS[self.audio_codec])]
        if self.audio_codec in LOSSLESS:
            bit_rate = None
        elif bit_rate is not None:
            bit_rate = min(bit_rate, _HIGHEST_RATE.get(self.audio_codec, _HIGHEST_OTHER_RATE))
        if bit_rate is not None and self.audio_codec == "mp3":
            constant = constant_rate(bit_rate)
            if constant >= bit_rate * _CONSTANT_SHARE:
                bit_rate = constant
            else:
                args += ["-abr", "1"]
        rate = bit_rate or self.audio_bit_rate or self.encoded_rate
        values = (("-b:a", rate), ("-ar", self.sample_rate), ("-ac", self.channels))
        for option, value in values:
            args += [option, str(value)] if value is not None else []
        return args


def constant_rate(bit_rate: int) -> int:
    """Return the highest constant bit rate of MP3 that is not above another; 0 if there is none."""
    return max((rate for rate in _AUDIO_BIT_RATES if rate <= bit_rate), default=0)


def is_accepted(limits: LimitsByFact, fact: str, value: FactValue) -> bool:
    """Return whether a value of a fact is inside its limit, if it has one."""
    return fact not in limits or limits[fact].side(value) == 0


def video_target(
    codec: str, media: Subject, size: Size | None, fps: float | None, limits: LimitsByFact
) -> VideoTarget | None:
    """Return how a video of this size and frame rate is encoded; None if that cannot be inside all limits."""
    for fact, value in (("scan", "progressive"), ("color_model", "ycbcr"), ("has_alpha", False)):
        if not is_accepted(limits, fact, value):
            return None
    pixels = _pixel_format(codec, media, limits)
    level = _level(codec, size, fps, limits["video_level"]) if "video_level" in limits else None
    rate, interval = _video_bit_rate(media, limits), _keyframe_interval(limits)
    if pixels is None or not rate or not interval or (level is None and "video_level" in limits):
        return None
    return VideoTarget(
        codec,
        pixels,
        pixels.video_profile if "video_profile" in limits else None,
        level,
        int(rate) if rate < inf else None,
        interval if interval < inf else None,
    )


def _pixel_format(codec: str, media: Subject, limits: LimitsByFact) -> PixelFormat | None:
    """Return the first accepted pixel format; that of more than 8 bits for such a video, except in H.264."""
    choices = list(_PIXEL_FORMATS.get(codec, ()))
    if codec == media.video_codec:  # a service that accepted it before accepts its samples
        choices.sort(key=lambda choice: (choice.chroma, choice.bit_depth) != (media.chroma, media.bit_depth))
    elif codec != "h264" and (media.bit_depth or 8) > 8 and not _is_tone_mapped(media, limits):
        choices.sort(key=lambda choice: choice.bit_depth == 8)
    facts = ("chroma", "bit_depth", "video_profile")
    accepted = (one for one in choices if all(is_accepted(limits, fact, getattr(one, fact)) for fact in facts))
    return next(accepted, None)


def _is_tone_mapped(media: Subject, limits: LimitsByFact) -> bool:
    return media.hdr not in (None, NONE) and not is_accepted(limits, "hdr", media.hdr or NONE)


def _level(codec: str, size: Size | None, fps: float | None, limit: Limit) -> float | None:
    """Return the highest accepted level that such a video fits in."""
    if size is None or fps is None:
        return None
    samples = -(-size[0] // _MACROBLOCK) * -(-size[1] // _MACROBLOCK) * _MACROBLOCK**2
    fitting = [
        level
        for level, largest, most in _LEVELS.get(codec, ())
        if samples <= largest and samples * fps <= most and limit.side(level) == 0
    ]
    return max(fitting, default=None)


def _video_bit_rate(media: Subject, limits: LimitsByFact) -> float:
    """Return the bit rate to aim at: infinite without an upper limit, 0 if it would not be accepted."""
    of_all = limits.get("bit_rate")
    own = limits.get("video_bit_rate")
    highest = own.high if own is not None and own.high is not None else inf
    if of_all is not None and of_all.high is not None:
        highest = min(highest, of_all.high - (_AUDIO_SHARE if media.audio_codec != NONE else 0))
    if highest == inf:
        return inf
    rate = int(highest * _MARGIN)
    return rate if rate > 0 and is_accepted(limits, "video_bit_rate", rate) else 0


def _keyframe_interval(limits: LimitsByFact) -> float:
    """Return the seconds between key frames: infinite without an upper limit, 0 if none is accepted."""
    limit = limits.get("keyframe_interval")
    if limit is None or limit.high is None:
        return inf
    interval = round(limit.high * _MARGIN, 3)
    return interval if limit.side(interval) == 0 else 0


def audio_target(codec: str, media: Subject, limits: LimitsByFact) -> AudioTarget | None:
    """Return how an audio track is encoded; None if that cannot be inside all limits."""
    if codec == NONE:
        return AudioTarget(NONE)
    rates, channels = _RATES_OF.get(codec, _SAMPLE_RATES), range(1, _MAX_CHANNELS.get(codec, 8) + 1)
    coding = AudioTarget(
        codec,
        _first(("lc",) if codec == "aac" else (), "audio_profile", limits),
        None,
        _first(_nearest(rates, media.sample_rate or rates[0]), "sample_rate", limits)
        or _highest(rates, media.sample_rate, "sample_rate", limits),
        _first(_nearest(channels, media.channels or 2), "channels", limits)
        or _highest(channels, media.channels, "channels", limits),
        _sample_bits(codec, media, limits),
    )
    rate = _audio_bit_rate(coding, media, limits)
    chosen = coding._asdict().items()
    if rate == 0 or any(value is None and fact in limits and fact != "audio_bit_rate" for fact, value in chosen):
        return None
    return coding._replace(audio_bit_rate=rate, encoded_rate=_good_rate(coding, media) if rate is None else None)


def _good_rate(coding: AudioTarget, media: Subject) -> int | None:
    """Return the bit rate at which a lossy codec is hardly heard; None for a lossless one."""
    codec = coding.audio_codec
    if codec not in _LOSSY:
        return None
    channels = min(coding.channels or media.channels or 2, _MAX_CHANNELS.get(codec, 8))
    rate = min(
        _RATE_OF_CHANNEL.get(codec, _RATE_OF_CHANNEL["aac"]) * channels, _HIGHEST_RATE.get(codec, _HIGHEST_OTHER_RATE)
    )
    if media.audio_bit_rate and media.audio_codec not in LOSSLESS:
        own = max(int(media.audio_bit_rate * _SOURCE_SHARE), _LOWEST_RATE)
        rate = next((one for one in reversed(_AUDIO_BIT_RATES) if own <= one <= rate), rate)
    return rate


def _sample_bits(codec: str, media: Subject, limits: LimitsByFact) -> int | None:
    """Return the bits of a sample: those of the source where they are accepted and the codec has them."""
    choices = _SAMPLE_BITS.get(codec, {})
    own = media.sample_bits if media.sample_bits in choices and media.sample_bits != min(choices) else None
    if own is not None and is_accepted(limits, "sample_bits", own):
        return own
    return _first(choices, "sample_bits", limits)


def _highest(choices: Iterable[int], value: int | None, fact: str, limits: LimitsByFact) -> int | None:
    """Return the highest value of a codec if that of the source is higher and no limit demands another."""
    highest = max(choices)
    return highest if fact not in limits and value is not None and value > highest else None


def _nearest(choices: Iterable[int], value: int) -> list[int]:
    return sorted(choices, key=lambda choice: abs(choice - value))


def _first(choices: Iterable[V], fact: str, limits: LimitsByFact) -> V | None:
    """Return the first accepted value of a fact; None without a limit on it, or if none is accepted."""
    return next((choice for choice in choices if fact in limits and limits[fact].side(choice) == 0), None)


def _audio_bit_rate(coding: AudioTarget, media: Subject, limits: LimitsByFact) -> int | None:
    """Return the bit rate to encode with: None without an upper limit, 0 if none is accepted."""
    facts = ("audio_bit_rate", "bit_rate") if media.kind == AUDIO else ("audio_bit_rate",)
    highest = min((limits[fact].high or inf for fact in facts if fact in limits), default=inf)
    if highest == inf:
        return None
    if coding.audio_codec in _LOSSY:
        margin = 1 if coding.audio_codec == "mp3" else _AUDIO_MARGIN  # MP3 has a constant bit rate
        rates = (rate for rate in _AUDIO_BIT_RATES if rate <= highest * margin)
    elif coding.audio_codec == "pcm" and (rate := coding.sample_rate or media.sample_rate):
        bits = (coding.channels or media.channels or 2) * (coding.sample_bits or 16)
        rates = (one for one in (rate * bits,) if one <= highest)
    else:
        return 0
    return next((rate for rate in rates if is_accepted(limits, "audio_bit_rate", rate)), 0)
