"""Read FLAC, whose first metadata block, STREAMINFO, states all facts (RFC 9639 8.2)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import leading_tags
from preflight.sources import Source, read_exactly

STREAMINFO_BYTES: Final = 38
"""4 bytes of header, 34 of body."""

_MAX_METADATA_BYTES: Final = 2048
_MAX_BLOCKS: Final = 64
_PICTURE: Final = 6


class StreamInfo(NamedTuple):
    """The fields of STREAMINFO.

    rate             samples/s
    samples          of one channel; 0: not stated
    block            maximum samples of a frame
    min_frame_bytes  0: not stated
    bits             of a sample
    """

    rate: int
    channels: int
    samples: int
    block: int
    min_frame_bytes: int
    bits: int


def stream_info(block: bytes) -> StreamInfo | None:
    """Parse a STREAMINFO block; None if another block is in its place or its rate is 0."""
    if len(block) < STREAMINFO_BYTES or block[0] & 0x7F or block[1:4] != b"\0\0\x22":
        return None
    packed = int.from_bytes(block[14:22])  # rate 20 bits, channels - 1 3, bits - 1 5, samples 36
    rate = packed >> 44
    if not rate:
        return None
    block_size, smallest = int.from_bytes(block[6:8]), int.from_bytes(block[8:11])
    bits = (packed >> 36 & 31) + 1
    return StreamInfo(rate, (packed >> 41 & 7) + 1, packed & (1 << 36) - 1, block_size, smallest, bits)


def read(source: Source, need: Need, _name: str) -> Media:
    """Return the facts of a FLAC file; one that was streamed states no length and has no duration here."""
    tags = leading_tags(source)
    start = tags.end + 4
    info = stream_info(read_exactly(source, start, STREAMINFO_BYTES))
    if info is None:
        return Media(kind="audio", format="flac", size=source.size, video_codec=NONE, notes=("bad_header",))
    audio, picture = _metadata_end(source, start, _MAX_METADATA_BYTES)
    if audio is None and not source.remote and "audio_bit_rate" in need.facts:
        audio, _ = _metadata_end(source, start, source.size or 0)
    seconds = info.samples / info.rate if info.samples else None
    notes: tuple[str, ...] = ("cover_art",) if picture or tags.picture else ()
    present = source.size - (audio or start) if source.size is not None else None
    if present is not None and info.block and info.samples // info.block * info.min_frame_bytes > present:
        notes += ("truncated",)
    bit_rate = round(present * 8 / seconds) if audio and seconds and present is not None and present > 0 else None
    return Media(
        kind="audio",
        format="flac",
        size=source.size,
        duration=seconds,
        video_codec=NONE,
        audio_codec="flac",
        audio_bit_rate=bit_rate,
        sample_rate=info.rate,
        channels=info.channels,
        sample_bits=info.bits,
        bit_rate=bit_rate,
        video_tracks=0,
        audio_tracks=1,
        location=False,
        notes=notes,
    )


_TAIL_BYTES: Final = 1 << 20
"""Bytes at the end in which a frame must begin: few encoders write frames a tenth as long."""
_MAX_ENDS: Final = 16
_MAX_CANDIDATES: Final = 1 << 16
_BLOCK_SIZES: Final = (0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


def stream_seconds(source: Source) -> float | None:
    """Return when the last frame ends, in s (RFC 9639 9.1): the length of a stream whose header states none."""
    start = leading_tags(source).end + 4
    info = stream_info(source.read_at(start, STREAMINFO_BYTES))
    if info is None or source.size is None:
        return None
    at = max(start + STREAMINFO_BYTES, source.size - _TAIL_BYTES)
    data = source.read_at(at, source.size - at)
    ends = list(islice(_frame_ends(data, info), _MAX_ENDS))
    # Coded audio may look like a header, but real frames are at most a block apart.
    samples = next((end for end in ends if any(0 < end - other <= info.block for other in ends)), None)
    samples = samples or (ends[0] if ends else None)
    return samples / info.rate if samples else None


def _frame_ends(data: bytes, info: StreamInfo) -> Iterator[int]:
    """Yield the end sample of each frame whose header is in `data`, last frame first."""
    at = len(data)
    for _ in range(_MAX_CANDIDATES):
        at = data.rfind(b"\xff", 0, at)
        if at < 0:
            return
        header = data[at : at + 16]
        if len(header) > 6 and header[1] & 0xFE == 0xF8:
            end = _frame_end(header, info)
            if end is not None:
                yield end


def _frame_end(header: bytes, info: StreamInfo) -> int | None:
    ones = 8 - (header[4] ^ 0xFF).bit_length()  # a number as in UTF-8, of up to seven bytes
    length = max(ones, 1)
    if ones == 1 or ones > 7 or any(byte & 0xC0 != 0x80 for byte in header[5 : 4 + length]):
        return None
    number = header[4] & (0x7F >> ones)
    for byte in header[5 : 4 + length]:
        number = number << 6 | byte & 0x3F
    size_code, rate_code = header[2] >> 4, header[2] & 15
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    size_at = 4 + length
    end = size_at + size_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if end >= len(header) or _crc8(header[:end]) != header[end]:
        return None
    block = int.from_bytes(header[size_at : size_at + size_bytes]) + 1 if size_bytes else _BLOCK_SIZES[size_code]
    if not block or block > info.block:
        return None
    return (number if header[1] & 1 else number * info.block) + block


def _crc8(data: bytes) -> int:
    """Return the checksum of a frame header: x^8 + x^2 + x + 1 (RFC 9639 9.1.8)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc << 1 & 0xFF ^ (7 if crc & 0x80 else 0)
    return crc


def _metadata_end(source: Source, at: int, limit: int) -> tuple[int | None, bool]:
    """Return where the audio begins (None: not before `limit`), and whether a picture precedes it."""
    picture = False
    for _ in range(_MAX_BLOCKS):
        if at + 4 > limit:
            break
        head = source.read_at(at, 4)
        if len(head) < 4:
            break
        picture |= head[0] & 0x7F == _PICTURE
        at += 4 + int.from_bytes(head[1:4])
        if head[0] & 0x80:
            return at, picture
    return None, picture
