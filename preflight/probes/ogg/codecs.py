"""Read the first packet of a stream in Ogg, which describes its codec.

Vorbis I 4.2.2; RFC 7845 5.1 (Opus); RFC 9639 10.1 (FLAC); Speex manual 7.3; Theora 6.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from preflight.probes.flac import STREAMINFO_BYTES, stream_info
from preflight.probes.parameter_sets.record import VideoParameters

_MANY_HEADERS: Final = 1 << 16
"""More header packets than a stream of FLAC has: their stated number may be wrong, and a frame ends them."""
_OPUS_RATE: Final = 48000
_SKELETON: Final = (b"fishead\0", b"fisbone\0", b"index\0", b"CMML\0\0\0\0", b"\x80kate\0\0\0")


class Codec(NamedTuple):
    """The codec of one stream. kind None: not known; "other": neither audio nor video.

    rate    units of a granule position per second
    packet  maximum units of one packet; 0: each packet states them
    shift   Theora: the bits of a granule position that count frames since the last key frame
    first   Theora: number of the first frame
    coding  Theora: the format of its pictures
    headers packets that precede the first with coded data
    bits    of a sample of FLAC
    nominal bit/s as stated; 0: not stated
    """

    kind: str | None
    name: str | None
    rate: float = 0.0
    sample_rate: int | None = None
    channels: int | None = None
    packet: int = 0
    shift: int = 0
    size: tuple[int, int] = (0, 0)
    pixel_aspect_ratio: float | None = None
    first: int = 0
    coding: VideoParameters = VideoParameters()
    headers: int = 3
    bits: int = 0
    nominal: int = 0

    def units(self, granule: int) -> int:
        """Return the samples or frames up to the end of the page with this granule position (Theora A.2.3)."""
        if not self.shift:
            return granule
        return (granule >> self.shift) + (granule & (1 << self.shift) - 1) + self.first


def codec_of(packet: bytes) -> Codec:
    """Return the codec of the stream that begins with `packet`."""
    for magic, min_bytes, reader in _READERS:
        if packet.startswith(magic):
            return (reader(packet) if len(packet) >= min_bytes else None) or Codec(None, None)
    return Codec("other", None) if packet.startswith(_SKELETON) else Codec(None, None)


def may_be_media(packet: bytes) -> bool:
    """Return whether the first packet is that of a registered codec of audio or video, whether it is read or not."""
    return packet.startswith(_UNREAD) or any(packet.startswith(magic) for magic, _, _ in _READERS)


_UNREAD: Final = (
    *(b"BBCD\0", b"CELT    ", b"OVP80\1", b"PCM     ", b"UVS     ", b"YUV4M", b"fLaC"),
    *(b"\x80daala", b"\x8aJNG", b"\x8bMNG", b"\x8bPNG", b"\1audio\0", b"\1video\0", b"Direct Show Samples"),
)
"""First bytes of codecs that are not read (wiki.xiph.org/MIMETypesCodecs), and those of OGM."""


def opus_samples(packet: bytes) -> int:
    """Return the samples of an Opus packet, by its first two bytes (RFC 6716 3.1, 3.2)."""
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
    return int.from_bytes(data[at : at + length])


def _audio(name: str, rate: int, channels: int, packet: int) -> Codec:
    return Codec("audio", name, rate, rate or None, channels or None, packet)


def _vorbis(data: bytes) -> Codec:
    # A packet gives a quarter of its own block and a quarter of the previous one (4.3.8).
    codec = _audio("vorbis", _little(data, 12, 4), data[11], (1 << (data[28] >> 4)) // 2)
    nominal = int.from_bytes(data[20:24], "little", signed=True)
    return codec._replace(nominal=max(nominal, 0))


def _opus(data: bytes) -> Codec:
    return _audio("opus", _OPUS_RATE, data[9], 0)._replace(headers=2)


def _flac(data: bytes) -> Codec | None:
    info = stream_info(data[13 : 13 + STREAMINFO_BYTES])
    if info is None:
        return None
    return _audio("flac", info.rate, info.channels, info.block)._replace(bits=info.bits, headers=_MANY_HEADERS)


def _speex(data: bytes) -> Codec:
    packet = _little(data, 56, 4) * _little(data, 64, 4)
    codec = _audio("speex", _little(data, 36, 4), _little(data, 48, 4), packet)
    return codec._replace(headers=2 + _little(data, 68, 4))


def _theora(data: bytes) -> Codec | None:
    frames, seconds = _big(data, 22, 4), _big(data, 26, 4)
    if not frames or not seconds:
        return None
    across, down = _big(data, 30, 3), _big(data, 33, 3)
    return Codec(
        "video",
        "theora",
        frames / seconds,
        packet=1,
        shift=_big(data, 40, 2) >> 5 & 31,
        size=(_big(data, 14, 3), _big(data, 17, 3)),
        pixel_aspect_ratio=across / down if across and down else None,
        first=0 if _big(data, 7, 3) >= 0x030201 else 1,
        coding=VideoParameters(
            bit_depth=8,
            chroma=_THEORA_CHROMAS.get(_big(data, 40, 2) >> 3 & 3),
            primaries=(primaries := _THEORA_PRIMARIES.get(data[36])),
            transfer="bt709" if primaries else None,
        ),
        nominal=_big(data, 37, 3),
    )


_THEORA_CHROMAS: Final = {0: "4:2:0", 2: "4:2:2", 3: "4:4:4"}
"""Table 6.4."""
_THEORA_PRIMARIES: Final = {1: "bt470m", 2: "bt470bg"}
"""Table 6.3. Both color spaces share one transfer function (4.3.2, 4.3.3)."""


_READERS: Final[tuple[tuple[bytes, int, Callable[[bytes], Codec | None]], ...]] = (
    (b"\x01vorbis", 30, _vorbis),
    (b"OpusHead", 19, _opus),
    (b"\x7fFLAC", 13 + STREAMINFO_BYTES, _flac),
    (b"Speex   ", 68, _speex),
    (b"\x80theora", 42, _theora),
)
"""The first bytes of a packet, the bytes that are needed of it, and its reader."""
