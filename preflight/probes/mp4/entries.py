"""Sample entries: what `stsd` says of a track's pictures or sound (ISO/IEC 14496-12 8.5.2, 12.1.3, 12.2.3).

QuickTime's sound descriptions of version 1 and 2 are in QuickTime File Format, "Sound sample descriptions".
"""

from __future__ import annotations

from itertools import islice
from struct import Struct
from typing import Final, NamedTuple

from preflight.probes.codec_names import (
    AUDIO_ENTRIES,
    AUDIO_OBJECT_TYPES,
    AUDIO_PROFILES,
    VIDEO_ENTRIES,
    VIDEO_OBJECT_TYPES,
    sample_entry_codec,
)
from preflight.probes.isobmff import boxes
from preflight.probes.mpeg_audio.aac_config import CONFIG_BYTES, audio_config
from preflight.sources import BoundReached

_CHILDREN: Final = 256
"""Boxes of one parent that are looked at; real ones hold a dozen."""
_PICTURE: Final = Struct(">24x2H")
_SOUND: Final = Struct(">8xH6xH2x4xI")
_SOUND_2: Final = Struct(">28x4xdI")
_PROTECTED: Final = frozenset((b"encv", b"enca", b"drms", b"drmi"))
_RESTRICTED: Final = b"resv"
_OPUS_RATE: Final = 48000
_AMR_RATES: Final = {b"samr": 8000, b"sawb": 16000}
_AC3_RATES: Final = (48000, 44100, 32000)
_AC3_CHANNELS: Final = (2, 1, 2, 3, 3, 4, 4, 5)
_MLP_CHANNELS: Final = (2, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 1, 1)
_CICP_CHANNELS: Final = (0, 1, 2, 3, 4, 5, 6, 8, 2, 3, 4, 7, 8, 24, 8, 12, 10, 12, 14, 12, 14)
"""ISO/IEC 23091-3: loudspeakers of each ChannelConfiguration."""

Range = tuple[int, int]


class Entry(NamedTuple):
    """One sample entry; None = not stated. `width`, `height` px as coded; `rate` Hz; `pixel_aspect_ratio` of `pasp`."""

    codec: str | None
    encrypted: bool
    width: int | None = None
    height: int | None = None
    pixel_aspect_ratio: float | None = None
    rate: int | None = None
    channels: int | None = None


def children(data: bytes, start: int, end: int) -> dict[bytes, Range]:
    """Return body ranges of the boxes between `start` and `end`, the first of each type. Raises `BoundReached`."""
    found: dict[bytes, Range] = {}
    walk = boxes(data, start, end)
    for kind, at, stop in islice(walk, _CHILDREN):
        if kind not in found:
            found[kind] = at, stop
    if next(walk, None) is not None:
        raise BoundReached(f"no end of the parent box within {_CHILDREN} boxes")
    return found


def picture_entry(fourcc: bytes, data: bytes, start: int, end: int) -> Entry:
    """A VisualSampleEntry whose body is `data[start:end]`."""
    if end - start < 78:
        return Entry(None, fourcc in _PROTECTED)
    width, height = _PICTURE.unpack_from(data, start)
    inner = children(data, start + 78, end)
    fourcc, encrypted = _original(fourcc, data, inner)
    codec = sample_entry_codec(fourcc, VIDEO_ENTRIES) if fourcc not in _PROTECTED else None
    if codec == "mpeg4" and b"esds" in inner:
        kind, _ = object_type(data, *inner[b"esds"])
        codec = VIDEO_OBJECT_TYPES.get(kind, codec) if kind is not None else codec
    ratio = None
    if b"pasp" in inner:
        at, stop = inner[b"pasp"]
        across, down = int.from_bytes(data[at : at + 4], "big"), int.from_bytes(data[at + 4 : at + 8], "big")
        ratio = across / down if across and down and stop - at >= 8 else None
    return Entry(codec, encrypted, width or None, height or None, ratio)


def sound_entry(fourcc: bytes, data: bytes, start: int, end: int, table_version: int) -> Entry:
    """An AudioSampleEntry whose body is `data[start:end]`, in an `stsd` of version `table_version`."""
    if end - start < 28:
        return Entry(None, fourcc in _PROTECTED)
    version, channels, fixed = _SOUND.unpack_from(data, start)
    rate = fixed >> 16
    behind = start + 28
    if version == 2 and end - start >= 44:
        precise, channels = _SOUND_2.unpack_from(data, start)
        rate = int(precise) if 0 < precise < 1 << 31 else 0
        behind += 36
    elif version == 1 and table_version == 0:
        behind += 16
    inner = children(data, behind, end)
    if b"wave" in inner:
        inner = {**children(data, *inner[b"wave"]), **inner}
    fourcc, encrypted = _original(fourcc, data, inner)
    codec = sample_entry_codec(fourcc, AUDIO_ENTRIES) if fourcc not in _PROTECTED else None
    if fourcc == b"mlpa":
        rate = fixed  # the only entry whose rate is an integer of 32 bits (Dolby TrueHD in ISO base media files, 3.2.1)
    if b"srat" in inner:
        at, _ = inner[b"srat"]
        rate = int.from_bytes(data[at + 4 : at + 8], "big") or rate
    if fourcc == b"mp4a" and b"esds" in inner:
        codec, rate, channels = _mpeg4_sound(data, inner[b"esds"], rate, channels)
    elif fourcc == b"mp4a":
        codec = "aac"
    elif fourcc in _AMR_RATES:
        rate, channels = _AMR_RATES[fourcc], 1  # the entry holds placeholders (3GPP TS 26.244 6.5)
    else:
        rate, channels = _by_own_box(codec, data, inner, rate, channels)
    return Entry(codec, encrypted, rate=rate or None, channels=channels or None)


def _original(fourcc: bytes, data: bytes, inner: dict[bytes, Range]) -> tuple[bytes, bool]:
    """The type before protection, and whether the samples are encrypted (ISO/IEC 14496-12 8.12)."""
    encrypted = fourcc in _PROTECTED
    scheme = inner.get(b"rinf" if fourcc == _RESTRICTED else b"sinf")
    if scheme and (encrypted or fourcc == _RESTRICTED):
        at, stop = children(data, *scheme).get(b"frma", (0, 0))
        if stop - at >= 4:
            return data[at : at + 4], encrypted
    return fourcc, encrypted


def _mpeg4_sound(data: bytes, esds: Range, rate: int, channels: int) -> tuple[str | None, int, int]:
    kind, specific = object_type(data, *esds)
    codec = "aac" if kind is None else AUDIO_OBJECT_TYPES.get(kind)
    config = audio_config(specific) if codec == "aac" else None
    if config is None:
        return codec, rate, channels
    return AUDIO_PROFILES.get(config.profile, codec), config.rate or rate, config.channels or channels


def _by_own_box(codec: str | None, data: bytes, inner: dict[bytes, Range], rate: int, channels: int) -> tuple[int, int]:
    """Rate and channels where a codec's own box states them: the entry's own fields are often placeholders."""
    kind = _OWN.get(codec or "")
    if kind is None or kind not in inner:
        return (_OPUS_RATE if codec == "opus" else rate), channels
    at, end = inner[kind]
    box = data[at : min(end, at + 48)]
    if kind == b"dOps" and len(box) >= 2:
        return _OPUS_RATE, box[1]  # Opus always plays at 48 kHz; the box' rate is that of the source (RFC 7845 5.1)
    if kind == b"dfLa" and len(box) >= 22:
        return int.from_bytes(box[18:21], "big") >> 4, (box[20] >> 1 & 7) + 1
    if kind == b"alac" and len(box) >= 28:
        return int.from_bytes(box[24:28], "big"), box[13]
    if kind == b"dac3" and len(box) >= 3:
        return _dolby(box[0] >> 6, box[1] >> 3 & 7, box[1] >> 2 & 1, rate)
    if kind == b"dec3" and len(box) >= 5:
        return _dolby(box[2] >> 6, box[3] >> 1 & 7, box[3] & 1, rate)
    if kind == b"dmlp" and len(box) >= 4:
        layout = int.from_bytes(box[2:4], "big") & 0x1FFF or int.from_bytes(box[1:3], "big") >> 7 & 0x1F
        return rate, sum(count for bit, count in enumerate(_MLP_CHANNELS) if layout >> bit & 1) or channels
    if kind == b"mhaC" and len(box) >= 3 and box[2] < len(_CICP_CHANNELS):
        return rate, _CICP_CHANNELS[box[2]] or channels
    return rate, channels


_OWN: Final = {
    "ac3": b"dac3",
    "alac": b"alac",
    "eac3": b"dec3",
    "flac": b"dfLa",
    "mpegh_3d_audio": b"mhaC",
    "opus": b"dOps",
    "truehd": b"dmlp",
}


def _dolby(rate_code: int, mode: int, low: int, rate: int) -> tuple[int, int]:
    """ETSI TS 102 366 F.4, F.6: fscod, acmod, lfeon."""
    return _AC3_RATES[rate_code] if rate_code < 3 else rate, _AC3_CHANNELS[mode] + low


_ES, _DECODER, _SPECIFIC = 3, 4, 5


def object_type(data: bytes, start: int, end: int) -> tuple[int | None, bytes]:
    """objectTypeIndication and the decoder's own configuration in the body of an `esds` box."""
    found = _descriptor(data, start + 4, end, _ES)
    if found is None or found[0] + 3 > found[1]:
        return None, b""
    at, end = found
    flags = data[at + 2]
    at += 3 + (2 if flags & 0x80 else 0)
    if flags & 0x40 and at < end:
        at += 1 + data[at]
    at += 2 if flags & 0x20 else 0
    found = _descriptor(data, at, end, _DECODER)
    if found is None or found[0] + 13 > found[1]:
        return None, b""
    at, end = found
    specific = _descriptor(data, at + 13, end, _SPECIFIC)
    return data[at], data[specific[0] : min(specific[1], specific[0] + CONFIG_BYTES)] if specific else b""


def _descriptor(data: bytes, at: int, end: int, tag: int) -> tuple[int, int] | None:
    """Body of the descriptor at `at` if it is a `tag`; its size has up to four bytes of seven bits."""
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
