"""FLAC (RFC 9639 8.2: STREAMINFO is the first metadata block and states all there is to know)."""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.tags import tags_before
from preflight.sources import Source, exactly

BLOCK: Final = 38
"""Bytes of the STREAMINFO block: 4 of header, 34 of body."""

_HEAD: Final = 2048
_MOST_BLOCKS: Final = 64
_PICTURE: Final = 6


class StreamInfo(NamedTuple):
    """rate samples/s; samples of one channel, 0: not stated; block: the most samples of a frame."""

    rate: int
    channels: int
    samples: int
    block: int
    smallest_frame: int


def stream_info(block: bytes) -> StreamInfo | None:
    """What a STREAMINFO block says; None where another stands in its place or its rate is 0."""
    if len(block) < BLOCK or block[0] & 0x7F or block[1:4] != b"\0\0\x22":
        return None
    packed = int.from_bytes(block[14:22], "big")  # rate 20 bits, channels - 1 3, bits - 1 5, samples 36
    rate = packed >> 44
    if not rate:
        return None
    block_size, smallest = int.from_bytes(block[6:8], "big"), int.from_bytes(block[8:11], "big")
    return StreamInfo(rate, (packed >> 41 & 7) + 1, packed & (1 << 36) - 1, block_size, smallest)


def read(source: Source, need: Need, name: str) -> Media:
    """Facts of a FLAC file; a stream that was piped states no length, and so has no duration here."""
    tags = tags_before(source)
    start = tags.end + 4
    info = stream_info(exactly(source, start, BLOCK))
    if info is None:
        return Media(kind="audio", format="flac", size=source.size, video_codec=NONE, notes=("bad_header",))
    audio, picture = _metadata_end(source, start)
    seconds = info.samples / info.rate if info.samples else None
    notes: tuple[str, ...] = ("cover_art",) if picture or tags.picture else ()
    there = source.size - (audio or start) if source.size is not None else None
    if there is not None and info.block and info.samples // info.block * info.smallest_frame > there:
        notes += ("truncated",)
    return Media(
        kind="audio",
        format="flac",
        size=source.size,
        duration=seconds,
        video_codec=NONE,
        audio_codec="flac",
        sample_rate=info.rate,
        channels=info.channels,
        bit_rate=round(there * 8 / seconds) if audio and seconds and there is not None and there > 0 else None,
        notes=notes,
    )


def _metadata_end(source: Source, at: int) -> tuple[int | None, bool]:
    """Where the sound begins (None: behind the first 2 KiB), and whether a picture was seen on the way there."""
    picture = False
    for _ in range(_MOST_BLOCKS):
        if at + 4 > _HEAD:
            break
        head = source.read_at(at, 4)
        if len(head) < 4:
            break
        picture |= head[0] & 0x7F == _PICTURE
        at += 4 + int.from_bytes(head[1:4], "big")
        if head[0] & 0x80:
            return at, picture
    return None, picture
