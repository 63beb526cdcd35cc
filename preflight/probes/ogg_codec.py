"""What the first packet of a logical Ogg stream says of it.

Vorbis I 4.2.2; RFC 7845 5.1 (Opus); RFC 9639 10.1 (FLAC in Ogg); the Speex manual 7.3; Theora 6.2.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.probes.flac import BLOCK, stream_info

_OPUS_RATE: Final = 48000
_SKELETON: Final = (b"fishead\0", b"fisbone\0", b"index\0", b"CMML\0\0\0\0", b"\x80kate\0\0\0")


class Codec(NamedTuple):
    """One stream. kind None: not known; "other": neither sound nor video.

    rate     units of a granule position in a second
    packet   the most units that one packet can have; 0: each packet says
    shift    Theora: the bits of a granule position that count frames since the last key frame
    """

    kind: str | None
    name: str | None
    rate: float = 0.0
    sample_rate: int | None = None
    channels: int | None = None
    packet: int = 0
    shift: int = 0
    width: int | None = None
    height: int | None = None
    pixel_aspect_ratio: float | None = None
    first: int = 0

    def units(self, granule: int) -> int:
        """Samples or frames up to the end of the page with this granule position (Theora A.2.3)."""
        if not self.shift:
            return granule
        return (granule >> self.shift) + (granule & (1 << self.shift) - 1) + self.first


def codec_of(packet: bytes) -> Codec:
    """The stream that begins with `packet`."""
    for magic, reader in _READERS:
        if packet.startswith(magic):
            return reader(packet) or Codec(None, None)
    return Codec("other", None) if packet.startswith(_SKELETON) else Codec(None, None)


def opus_packet(packet: bytes) -> int:
    """Samples of an Opus packet, by its first two bytes (RFC 6716 3.1, 3.2)."""
    if len(packet) < 2:
        return 0
    mode, size = packet[0] >> 5, packet[0] >> 3 & 3
    if mode < 3:
        frame = (480, 960, 1920, 2880)[size]  # SILK: 10 to 60 ms
    elif mode == 3:
        frame = (480, 960)[size & 1]  # hybrid
    else:
        frame = 120 << size  # CELT: 2.5 to 20 ms
    return frame * ((1, 2, 2)[packet[0] & 3] if packet[0] & 3 < 3 else packet[1] & 63)


def _little(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")


def _big(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")


def _sound(name: str, rate: int, channels: int, packet: int) -> Codec:
    return Codec("audio", name, rate, rate or None, channels or None, packet)


def _vorbis(data: bytes) -> Codec | None:
    if len(data) < 30:
        return None
    # A packet gives a quarter of its own block and a quarter of the one before (4.3.8).
    return _sound("vorbis", _little(data, 12, 4), data[11], (1 << (data[28] >> 4)) // 2)


def _opus(data: bytes) -> Codec | None:
    if len(data) < 19:
        return None
    return _sound("opus", _OPUS_RATE, data[9], 0)


def _flac(data: bytes) -> Codec | None:
    info = stream_info(data[13 : 13 + BLOCK])
    return _sound("flac", info.rate, info.channels, info.block) if info else None


def _speex(data: bytes) -> Codec | None:
    if len(data) < 68:
        return None
    return _sound("speex", _little(data, 36, 4), _little(data, 48, 4), _little(data, 56, 4) * _little(data, 64, 4))


def _theora(data: bytes) -> Codec | None:
    if len(data) < 42 or not _big(data, 22, 4) or not _big(data, 26, 4):
        return None
    fps = _big(data, 22, 4) / _big(data, 26, 4)
    wide, high = _big(data, 30, 3), _big(data, 33, 3)
    return Codec(
        "video",
        "theora",
        fps,
        packet=1,
        shift=_big(data, 40, 2) >> 5 & 31,
        width=_big(data, 14, 3) or None,
        height=_big(data, 17, 3) or None,
        pixel_aspect_ratio=wide / high if wide and high else None,
        first=0 if _big(data, 7, 3) >= 0x030201 else 1,
    )


_READERS: Final = (
    (b"\x01vorbis", _vorbis),
    (b"OpusHead", _opus),
    (b"\x7fFLAC", _flac),
    (b"Speex   ", _speex),
    (b"\x80theora", _theora),
)
