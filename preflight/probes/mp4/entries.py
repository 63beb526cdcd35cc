"""Read sample entries: how `stsd` describes a track's video or audio (ISO/IEC 14496-12 8.5.2, 12.1.3, 12.2.3).

QuickTime's descriptions of version 1 and 2 are in QuickTime File Format, "Sound sample descriptions"; the descriptors
in `esds` in ISO/IEC 14496-1 7.2.6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from types import MappingProxyType
from typing import Final, NamedTuple

from preflight.probes.aac_config import CONFIG_BYTES, PROFILES, audio_config
from preflight.probes.codec_names import (
    AUDIO_ENTRIES,
    AUDIO_OBJECT_TYPES,
    MPEG4_AUDIO_CODECS,
    VIDEO_ENTRIES,
    VIDEO_OBJECT_TYPES,
    sample_entry_codec,
)
from preflight.probes.isobmff import EMPTY, Range, first_of_each

_MAX_CHILDREN: Final = 256
"""Boxes of one parent that are read; real ones hold a dozen."""
_VIDEO_FIELDS: Final = Struct(">24x2H46xH")
_AUDIO_FIELDS: Final = Struct(">8xH6x2H4xI")
_AUDIO_FIELDS_2: Final = Struct(">28x4xdI")
_PROTECTED: Final = frozenset((b"encv", b"enca", b"drms", b"drmi"))
_RESTRICTED: Final = b"resv"
_MPEG2_AAC: Final = 0x65
_NO_BOXES: Final[Mapping[bytes, Range]] = MappingProxyType({})
_OPUS_RATE: Final = 48000
_AMR_RATES: Final = {b"samr": 8000, b"sawb": 16000}
_AC3_RATES: Final = (48000, 44100, 32000)
_AC3_CHANNELS: Final = (2, 1, 2, 3, 3, 4, 4, 5)
_MLP_CHANNELS: Final = (2, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 1, 1)
_CICP_CHANNELS: Final = (0, 1, 2, 3, 4, 5, 6, 8, 2, 3, 4, 7, 8, 24, 8, 12, 10, 12, 14, 12, 14)
"""ISO/IEC 23091-3: loudspeakers of each ChannelConfiguration."""


class SampleEntry(NamedTuple):
    """One sample entry; None = not stated.

    kind                type of the entry before protection
    boxes               body ranges of its first child of each type
    end                 end of its body
    width, height       px as coded
    pixel_depth         bits of a pixel, with alpha
    pixel_aspect_ratio  as `pasp` states it
    rate                Hz
    profile             of AAC
    sample_bits         bits of a sample of PCM or lossless audio
    """

    codec: str | None
    encrypted: bool
    kind: bytes = b""
    boxes: Mapping[bytes, Range] = _NO_BOXES
    end: int = 0
    width: int | None = None
    height: int | None = None
    pixel_depth: int = 0
    pixel_aspect_ratio: float | None = None
    rate: int | None = None
    channels: int | None = None
    profile: str | None = None
    sample_bits: int | None = None


def child_boxes(data: bytes, start: int, end: int) -> dict[bytes, Range]:
    """Return the body range of the first child of each type. Raise `BoundReached` if there are too many."""
    return first_of_each(data, start, end, _MAX_CHILDREN)


def video_entry(fourcc: bytes, data: bytes, start: int, end: int) -> SampleEntry:
    """Return the VisualSampleEntry whose body is `data[start:end]`."""
    if end - start < 78:
        return SampleEntry(None, fourcc in _PROTECTED)
    width, height, depth = _VIDEO_FIELDS.unpack_from(data, start)
    inner = child_boxes(data, start + 78, end)
    fourcc, encrypted = _unprotected(fourcc, data, inner)
    codec = sample_entry_codec(fourcc, VIDEO_ENTRIES) if fourcc not in _PROTECTED else None
    if codec == "mpeg4" and b"esds" in inner:
        kind, _ = object_type(data, *inner[b"esds"])
        codec = VIDEO_OBJECT_TYPES.get(kind, codec) if kind is not None else codec
    ratio = None
    if b"pasp" in inner:
        at, stop = inner[b"pasp"]
        across, down = int.from_bytes(data[at : at + 4]), int.from_bytes(data[at + 4 : at + 8])
        ratio = across / down if across and down and stop - at >= 8 else None
    return SampleEntry(codec, encrypted, fourcc, inner, end, width or None, height or None, depth, ratio)


def audio_entry(fourcc: bytes, data: bytes, start: int, end: int, table_version: int) -> SampleEntry:
    """Return the AudioSampleEntry whose body is `data[start:end]`, in an `stsd` of version `table_version`."""
    if end - start < 28:
        return SampleEntry(None, fourcc in _PROTECTED)
    version, channels, bits, fixed = _AUDIO_FIELDS.unpack_from(data, start)
    rate = fixed >> 16
    first_child = start + 28
    if version == 2 and end - start >= 44:
        precise, channels = _AUDIO_FIELDS_2.unpack_from(data, start)
        bits = int.from_bytes(data[start + 48 : min(end, start + 52)])
        rate = int(precise) if 0 < precise < 1 << 31 else 0
        first_child += 36
    elif version == 1 and table_version == 0:
        first_child += 16
    inner = child_boxes(data, first_child, end)
    if b"wave" in inner:
        inner = {**child_boxes(data, *inner[b"wave"]), **inner}
    fourcc, encrypted = _unprotected(fourcc, data, inner)
    codec = sample_entry_codec(fourcc, AUDIO_ENTRIES) if fourcc not in _PROTECTED else None
    if fourcc == b"mlpa":
        rate = fixed  # the only entry whose rate is an integer of 32 bits (Dolby TrueHD in ISO base media files, 3.2.1)
    if b"srat" in inner:
        at, _ = inner[b"srat"]
        rate = int.from_bytes(data[at + 4 : at + 8]) or rate
    if fourcc == b"mp4a" and b"esds" in inner:
        return _mpeg4_audio(data, inner[b"esds"], rate, channels, encrypted=encrypted)
    if fourcc == b"mp4a":
        codec = "aac"
    elif fourcc in _AMR_RATES:
        rate, channels = _AMR_RATES[fourcc], 1  # the entry holds placeholders (3GPP TS 26.244 6.5)
    else:
        rate, channels = _by_codec_box(codec, data, inner, rate, channels)
    bits = _sample_bits(codec, fourcc, data, inner, bits)
    return SampleEntry(codec, encrypted, rate=rate or None, channels=channels or None, sample_bits=bits or None)


def _unprotected(fourcc: bytes, data: bytes, inner: dict[bytes, Range]) -> tuple[bytes, bool]:
    """Return the type before protection, and whether the samples are encrypted (ISO/IEC 14496-12 8.12)."""
    encrypted = fourcc in _PROTECTED
    scheme = inner.get(b"rinf" if fourcc == _RESTRICTED else b"sinf")
    if scheme and (encrypted or fourcc == _RESTRICTED):
        at, stop = child_boxes(data, *scheme).get(b"frma", EMPTY)
        if stop - at >= 4:
            return data[at : at + 4], encrypted
    return fourcc, encrypted


def _mpeg4_audio(data: bytes, esds: Range, rate: int, channels: int, *, encrypted: bool) -> SampleEntry:
    """Return the entry whose `esds` decides; the object types 0x66 to 0x68 are profiles of MPEG-2 AAC."""
    kind, specific = object_type(data, *esds)
    codec = "aac" if kind is None else AUDIO_OBJECT_TYPES.get(kind)
    config = audio_config(specific) if codec == "aac" else None
    profile = PROFILES.get((kind or 0) - _MPEG2_AAC) if codec == "aac" else None
    if config is not None:
        codec = MPEG4_AUDIO_CODECS.get(config.object_type, codec)
        rate, channels, profile = config.rate or rate, config.channels or channels, config.profile
    return SampleEntry(codec, encrypted, rate=rate or None, channels=channels or None, profile=profile)


def _sample_bits(codec: str | None, kind: bytes, data: bytes, inner: dict[bytes, Range], bits: int) -> int:
    """Return the bits of a sample of PCM or lossless audio, 0 for others; `bits`: as the entry states them."""
    box, at = _SAMPLE_BITS_BOXES.get(codec or "", (b"", 0))
    start, end = inner.get(box, EMPTY)
    if codec == "flac" and end - start >= 22:
        return (int.from_bytes(data[start + 20 : start + 22]) >> 4 & 31) + 1
    if box and end - start > at:
        return data[start + at]
    if codec == "pcm":
        return _PCM_BITS.get(kind, bits if bits <= _MAX_SAMPLE_BITS else 0)
    return 8 if codec in ("alaw", "mulaw") else 0


def _by_codec_box(
    codec: str | None, data: bytes, inner: dict[bytes, Range], rate: int, channels: int
) -> tuple[int, int]:
    """Return the rate and channels that a codec's own box states: the entry's fields are often placeholders."""
    kind, min_bytes, read_box = _CODEC_BOXES.get(codec or "", (b"", 0, None))
    if read_box is None or kind not in inner:
        return (_OPUS_RATE if codec == "opus" else rate), channels
    at, end = inner[kind]
    box = data[at : min(end, at + _CODEC_BOX_BYTES)]
    return read_box(box, rate, channels) if len(box) >= min_bytes else (rate, channels)


def _read_opus(box: bytes, _rate: int, _channels: int) -> tuple[int, int]:
    """Read `dOps`: Opus always plays at 48 kHz; the box states the rate of the source (RFC 7845 5.1)."""
    return _OPUS_RATE, box[1]


def _read_flac(box: bytes, _rate: int, _channels: int) -> tuple[int, int]:
    """Read the STREAMINFO in `dfLa` (RFC 9639 8.2)."""
    return int.from_bytes(box[18:21]) >> 4, (box[20] >> 1 & 7) + 1


def _read_alac(box: bytes, _rate: int, _channels: int) -> tuple[int, int]:
    """Read the ALACSpecificConfig in `alac` (Apple Lossless Format, "Magic Cookie Description")."""
    return int.from_bytes(box[24:28]), box[13]


def _read_ac3(box: bytes, rate: int, _channels: int) -> tuple[int, int]:
    """Read `dac3` (ETSI TS 102 366 F.4)."""
    return _dolby_layout(box[0] >> 6, box[1] >> 3 & 7, box[1] >> 2 & 1, rate)


def _read_eac3(box: bytes, rate: int, _channels: int) -> tuple[int, int]:
    """Read the first independent substream in `dec3` (ETSI TS 102 366 F.6)."""
    return _dolby_layout(box[2] >> 6, box[3] >> 1 & 7, box[3] & 1, rate)


def _dolby_layout(rate_code: int, mode: int, low: int, rate: int) -> tuple[int, int]:
    """Return rate and channels by fscod, acmod and lfeon (ETSI TS 102 366 4.4)."""
    return _AC3_RATES[rate_code] if rate_code < 3 else rate, _AC3_CHANNELS[mode] + low


def _read_truehd(box: bytes, rate: int, channels: int) -> tuple[int, int]:
    """Read the channel assignment in `dmlp`: that of 8 channels, else of 6 (Dolby TrueHD in ISO base media files)."""
    layout = int.from_bytes(box[2:4]) & 0x1FFF or int.from_bytes(box[1:3]) >> 7 & 0x1F
    return rate, sum(count for bit, count in enumerate(_MLP_CHANNELS) if layout >> bit & 1) or channels


def _read_mpegh(box: bytes, rate: int, channels: int) -> tuple[int, int]:
    """Read referenceChannelLayout in `mhaC` (ISO/IEC 23008-3 20)."""
    return rate, (_CICP_CHANNELS[box[2]] if box[2] < len(_CICP_CHANNELS) else 0) or channels


_SAMPLE_BITS_BOXES: Final = {"alac": (b"alac", 9), "flac": (b"dfLa", 20), "pcm": (b"pcmC", 5)}
"""By codec: the box that states the bits of a sample, and where (for FLAC see RFC 9639 8.2)."""
_MAX_SAMPLE_BITS: Final = 64
_PCM_BITS: Final = {
    **dict.fromkeys((b"in24", b"42ni"), 24),
    **dict.fromkeys((b"in32", b"23ni", b"fl32", b"lf32"), 32),
    **dict.fromkeys((b"fl64", b"lf64"), 64),
    b"s16l": 16,
}
"""Types whose entries state 16 bits for compatibility (QuickTime File Format, "Sound sample descriptions")."""
_CODEC_BOX_BYTES: Final = 48
_CODEC_BOXES: Final[dict[str, tuple[bytes, int, Callable[[bytes, int, int], tuple[int, int]]]]] = {
    "ac3": (b"dac3", 3, _read_ac3),
    "alac": (b"alac", 28, _read_alac),
    "eac3": (b"dec3", 5, _read_eac3),
    "flac": (b"dfLa", 22, _read_flac),
    "mpegh_3d_audio": (b"mhaC", 3, _read_mpegh),
    "opus": (b"dOps", 2, _read_opus),
    "truehd": (b"dmlp", 4, _read_truehd),
}
"""By codec: its box, the bytes that this needs, and how rate and channels are read."""


# --- descriptors

_ES, _DECODER_CONFIG, _DECODER_SPECIFIC = 3, 4, 5


def object_type(data: bytes, start: int, end: int, max_bytes: int = CONFIG_BYTES) -> tuple[int | None, bytes]:
    """Return objectTypeIndication and the first bytes of the decoder's configuration in the body of an `esds` box."""
    found = _descriptor(data, start + 4, end, _ES)
    if found is None or found[0] + 3 > found[1]:
        return None, b""
    at, end = found
    flags = data[at + 2]
    at += 3 + (2 if flags & 0x80 else 0)
    if flags & 0x40 and at < end:
        at += 1 + data[at]
    at += 2 if flags & 0x20 else 0
    found = _descriptor(data, at, end, _DECODER_CONFIG)
    if found is None or found[0] + 13 > found[1]:
        return None, b""
    at, end = found
    specific = _descriptor(data, at + 13, end, _DECODER_SPECIFIC)
    return data[at], data[specific[0] : min(specific[1], specific[0] + max_bytes)] if specific else b""


def _descriptor(data: bytes, at: int, end: int, tag: int) -> tuple[int, int] | None:
    """Return the body of the descriptor at `at` if its tag is `tag`; its size has up to four bytes of seven bits."""
    if at + 2 > end or data[at] != tag:
        return None
    size = 0
    body = at + 1
    while body < min(at + 5, end):
        more = data[body]
        size = size << 7 | more & 0x7F
        body += 1
        if more < 0x80:
            break
    return body, min(body + size, end)
