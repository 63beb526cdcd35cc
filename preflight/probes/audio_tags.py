"""Skip the tags around audio: ID3v2 and APE before it; ID3v1, APE, Lyrics3 and ID3v2 after it.

id3.org: ID3v2.4.0 structure 3.1-3.4, ID3v1; "APEv2 specification" (wiki.hydrogenaud.io); "Lyrics3 v2.00" (id3.org).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.sources import Source

TRAILING_SIGNATURES: Final = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")
"""Signatures of tags after the audio."""
ID3_HEADER_BYTES: Final = 10

_MAX_TAGS: Final = 32
"""Consecutive tags that are skipped: broken taggers write two or three."""
_PICTURE_SEARCH_BYTES: Final = 2048
_TAIL_BYTES: Final = 256
_PICTURE_FRAMES: Final = {2: b"PIC\0", 3: b"APIC\0", 4: b"APIC\0"}
"""Frame id of an attached picture by minor version, with the first byte of its size (pictures are below 16 MB)."""


class LeadingTags(NamedTuple):
    """The offset after the leading tags (beyond the end in a truncated file), and whether one holds a picture."""

    end: int
    picture: bool


def leading_tags(source: Source) -> LeadingTags:
    """Skip the tags at the start. Only a picture that begins in the first 2 KiB of a tag is found."""
    at, picture = 0, False
    for _ in range(_MAX_TAGS):
        head = source.read_at(at, 32)
        if head.startswith(b"ID3") and len(head) >= ID3_HEADER_BYTES:
            size = ID3_HEADER_BYTES + syncsafe(head, 6) + (10 if head[5] & 0x10 else 0)
            searched = source.read_at(at, min(size, max(_PICTURE_SEARCH_BYTES - at, 512)))
            picture |= _PICTURE_FRAMES.get(head[3], b"APIC\0") in searched
        elif head.startswith(b"APETAGEX") and len(head) == 32 and head[23] & 0x20:
            size = 32 + int.from_bytes(head[12:16], "little")
        else:
            break
        at += size
    return LeadingTags(at, picture)


def audio_end(source: Source, start: int, end: int) -> int:
    """Return the end of the audio that begins at `start`, in a file of `end` bytes, without the tags after it."""
    for _ in range(_MAX_TAGS):
        if end <= start:
            break
        tail = source.read_at(max(start, end - _TAIL_BYTES), min(_TAIL_BYTES, end - start))
        length = _last_tag_bytes(source, tail, end)
        if not 0 < length <= end - start:
            break
        end -= length
    return end


def only_tags_follow(source: Source, start: int, end: int) -> bool:
    """Return whether only tags follow `end`, for audio that begins at `start`."""
    return source.size is not None and source.size > end and audio_end(source, start, source.size) == end


def syncsafe(data: bytes, at: int) -> int:
    """Return a number of four bytes with seven bits each (ID3v2.4 6.2)."""
    return (data[at] & 127) << 21 | (data[at + 1] & 127) << 14 | (data[at + 2] & 127) << 7 | data[at + 3] & 127


def _last_tag_bytes(source: Source, tail: bytes, end: int) -> int:
    """Return the length of the tag that ends at `end`, whose last bytes are `tail`; 0 if there is none."""
    if tail[-128:-125] == b"TAG":
        # TAG+ is an extension of 227 bytes that some players write before ID3v1.
        return 355 if source.read_at(max(end - 355, 0), 4) == b"TAG+" else 128
    if tail[-32:-24] == b"APETAGEX":
        if tail[-9] & 0x20:
            return 32  # the header of a tag whose footer does not count it
        return int.from_bytes(tail[-20:-16], "little") + (32 if tail[-9] & 0x80 else 0)
    if tail.endswith(b"LYRICS200") and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    if tail.endswith(b"LYRICSEND"):
        # Lyrics3 v1 states no size: at most 5100 bytes of text between two markers.
        start = max(end - 9 - 5100 - 11, 0)
        begin = source.read_at(start, end - start).rfind(b"LYRICSBEGIN")
        return end - start - begin if begin >= 0 else 0
    return 20 + syncsafe(tail, len(tail) - 4) if tail[-10:-7] == b"3DI" else 0
