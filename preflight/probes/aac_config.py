"""Read the configuration of an AAC decoder: AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1), in MP4 and in LOAS."""

from __future__ import annotations

from typing import Final, NamedTuple

SAMPLE_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
"""Hz by samplingFrequencyIndex (1.6.3.4)."""
_CHANNELS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 13: 24, 14: 8}
GENERAL_AUDIO: Final = frozenset((1, 2, 3, 4, 6, 7))
"""Audio object types with a GASpecificConfig: their frames have 1024 samples, or 960."""
_SBR, _PS = 5, 29
PROFILES: Final = {1: "main", 2: "lc", 3: "ssr", 4: "ltp", 17: "er_lc", 23: "ld", 39: "eld", 42: "xhe"}
"""Names of audio object types; the others are rare or not AAC."""
_SBR_SYNC, _PS_SYNC = 0x2B7, 0x548
CONFIG_BYTES: Final = 32
"""Bytes of a configuration that are read: the needed fields are in the first ten."""


class AudioConfig(NamedTuple):
    """A decoder configuration; None = not stated.

    object_type  audioObjectType of the core codec
    rate         Hz as played
    channels     as played
    core_rate    Hz of the core codec, which spectral band replication doubles
    short        frames have 960 samples instead of 1024
    profile      as played: `lc`, `he` with spectral band replication, `he_v2` with parametric stereo too …
    """

    object_type: int
    rate: int | None
    channels: int | None
    core_rate: int | None
    short: bool
    profile: str | None = None


class BitReader:
    """Reads bits from the most significant on; zeros after the end."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._left = 8 * CONFIG_BYTES
        self._value = int.from_bytes(data.ljust(CONFIG_BYTES, b"\0"), "big")

    def take(self, count: int) -> int:
        """Return the next `count` bits as a number."""
        self._left -= count
        return self._value >> self._left & (1 << count) - 1 if self._left >= 0 else 0


def audio_config(data: bytes) -> AudioConfig | None:
    """Parse an AudioSpecificConfig, including spectral band replication (SBR) and parametric stereo (PS)."""
    return read_config(BitReader(data), extended=True) if len(data) >= 2 else None


def read_config(bits: BitReader, *, extended: bool) -> AudioConfig:
    """Parse an AudioSpecificConfig; `extended`: a backward-compatible SBR extension may follow."""
    object_type = _object_type(bits)
    core_rate = rate = _rate(bits)
    layout = bits.take(4)
    channels = _CHANNELS.get(layout)
    if object_type in (_SBR, _PS):
        if object_type == _PS and channels == 1:
            channels = 2
        rate = _rate(bits) or rate
        short = _object_type(bits) in GENERAL_AUDIO and bits.take(1) == 1
        return AudioConfig(2, rate, channels, core_rate, short, "he_v2" if object_type == _PS else "he")
    profile = PROFILES.get(object_type)
    short = object_type in GENERAL_AUDIO and bits.take(1) == 1
    if object_type in GENERAL_AUDIO and layout and extended:
        rate, channels, profile = _read_extension(bits, rate, channels, profile)
    elif object_type in GENERAL_AUDIO and not layout:
        channels = _count_elements(bits)
    return AudioConfig(object_type, rate, channels, core_rate, short, profile)


def _count_elements(bits: BitReader) -> int | None:
    """Count the channels of a program_config_element, which is present if no standard layout is named (4.4.1.1)."""
    bits.take(14 if bits.take(1) else 0)
    bits.take(1 + 4 + 2 + 4)  # extensionFlag; element_instance_tag, object_type, sampling_frequency_index
    groups = [bits.take(4) for _ in range(3)]  # front, side, back
    low = bits.take(2)
    bits.take(3 + 4)  # associated data, coupling
    for mixdown in (4, 4, 3):
        bits.take(mixdown if bits.take(1) else 0)
    channels = low
    for _ in range(sum(groups)):
        channels += 1 + bits.take(1)
        bits.take(4)
    return channels or None


def _read_extension(
    bits: BitReader, rate: int | None, channels: int | None, profile: str | None
) -> tuple[int | None, int | None, str | None]:
    """Read the extension after GASpecificConfig, which old decoders ignore (1.6.5.2)."""
    if bits.take(1):
        bits.take(14)
    if bits.take(1) or bits.take(11) != _SBR_SYNC or _object_type(bits) != _SBR or not bits.take(1):
        return rate, channels, profile
    rate = _rate(bits) or rate
    if bits.take(11) == _PS_SYNC and bits.take(1) and channels == 1:
        return rate, 2, "he_v2"
    return rate, channels, "he"


def _object_type(bits: BitReader) -> int:
    object_type = bits.take(5)
    return 32 + bits.take(6) if object_type == 31 else object_type


def _rate(bits: BitReader) -> int | None:
    index = bits.take(4)
    if index == 15:
        return bits.take(24) or None
    return SAMPLE_RATES[index] if index < len(SAMPLE_RATES) else None
