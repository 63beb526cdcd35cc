"""The configuration of an AAC decoder: AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1), in MP4 and in LOAS."""

from __future__ import annotations

from typing import Final, NamedTuple

_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CHANNELS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 13: 24, 14: 8}
_GENERAL_AUDIO: Final = frozenset((1, 2, 3, 4, 6, 7))
_SBR, _PS = 5, 29
_SBR_SYNC, _PS_SYNC = 0x2B7, 0x548
CONFIG_BYTES: Final = 32
"""Bytes of a configuration that are looked at: what is wanted stands in its first ten."""


class AudioConfig(NamedTuple):
    """`profile` audioObjectType of the core codec; `rate` Hz and `channels` as they are played; None = not stated.

    core   Hz of the core codec, which spectral band replication doubles
    short  frames have 960 samples in place of 1024
    """

    profile: int
    rate: int | None
    channels: int | None
    core: int | None = None
    short: bool = False


class Bits:
    """Bits from the highest on; zeros behind the end."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._left = 8 * CONFIG_BYTES
        self._value = int.from_bytes(data.ljust(CONFIG_BYTES, b"\0"), "big")

    def take(self, count: int) -> int:
        """Return the next `count` bits as a number."""
        self._left -= count
        return self._value >> self._left & (1 << count) - 1 if self._left >= 0 else 0


def audio_config(data: bytes) -> AudioConfig | None:
    """What an AudioSpecificConfig states, spectral band replication and parametric stereo included."""
    return config_of(Bits(data)) if len(data) >= 2 else None


def config_of(bits: Bits, extended: bool = True) -> AudioConfig:
    """Parse an AudioSpecificConfig; `extended`: a backward-compatible SBR extension may follow."""
    profile = _profile(bits)
    core = rate = _rate(bits)
    layout = bits.take(4)
    channels = _CHANNELS.get(layout)
    if profile in (_SBR, _PS):
        if profile == _PS and channels == 1:
            channels = 2
        rate = _rate(bits) or rate
        return AudioConfig(2, rate, channels, core, _profile(bits) in _GENERAL_AUDIO and bits.take(1) == 1)
    short = profile in _GENERAL_AUDIO and bits.take(1) == 1
    if profile in _GENERAL_AUDIO and layout and extended:
        rate, channels = _behind_core(bits, rate, channels)
    elif profile in _GENERAL_AUDIO and not layout:
        channels = _own_layout(bits)
    return AudioConfig(profile, rate, channels, core, short)


def _own_layout(bits: Bits) -> int | None:
    """The channels of a program_config_element, which stands where no usual layout is named (4.4.1.1)."""
    bits.take(14 if bits.take(1) else 0)
    bits.take(1 + 4 + 2 + 4)  # extensionFlag; element_instance_tag, object_type, sampling_frequency_index
    groups = [bits.take(4) for _ in range(3)]  # in front, at the sides, behind
    low = bits.take(2)
    bits.take(3 + 4)  # associated data, coupling
    for mixdown in (4, 4, 3):
        bits.take(mixdown if bits.take(1) else 0)
    channels = low
    for _ in range(sum(groups)):
        channels += 1 + bits.take(1)
        bits.take(4)
    return channels or None


def _behind_core(bits: Bits, rate: int | None, channels: int | None) -> tuple[int | None, int | None]:
    """The extension that old decoders do not see, behind GASpecificConfig (1.6.5.2)."""
    if bits.take(1):
        bits.take(14)
    if bits.take(1) or bits.take(11) != _SBR_SYNC or _profile(bits) != _SBR or not bits.take(1):
        return rate, channels
    rate = _rate(bits) or rate
    if bits.take(11) == _PS_SYNC and bits.take(1) and channels == 1:
        channels = 2
    return rate, channels


def _profile(bits: Bits) -> int:
    profile = bits.take(5)
    return 32 + bits.take(6) if profile == 31 else profile


def _rate(bits: Bits) -> int | None:
    index = bits.take(4)
    if index == 15:
        return bits.take(24) or None
    return _RATES[index] if index < len(_RATES) else None
