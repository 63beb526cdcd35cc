"""Tags around sound: ID3v2 and APE before it, ID3v1, APE, Lyrics3 and ID3v2 after it.

id3.org: ID3v2.4.0 structure 3.1-3.4, ID3v1; "APEv2 specification" (wiki.hydrogenaud.io); "Lyrics3 v2.00" (id3.org).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.sources import Source

BEHIND: Final = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")
"""Signatures of tags after audio."""
ID3: Final = 10
"""Bytes of ID3v2's header."""

_DEPTH: Final = 32
"""Tags behind one another that are still skipped: broken taggers stack two or three."""
_LOOK: Final = 2048
_TAIL: Final = 256
_PICTURES: Final = {2: b"PIC\0", 3: b"APIC\0", 4: b"APIC\0"}
"""Frame id of an attached picture by minor version, with the first byte of its size (pictures are below 16 MB)."""


class Before(NamedTuple):
    """Where the first byte behind the tags stands (behind the end in a cut file), and whether one holds a picture."""

    end: int
    picture: bool

    def overlong(self, source: Source) -> bool:
        """Return whether the tags end after the end of the file: truncated, or with a wrong size."""
        return source.size is not None and self.end > source.size


def tags_before(source: Source) -> Before:
    """Skip the tags at the start. Only a picture that begins in a tag's first 2 KiB is seen."""
    at, picture = 0, False
    for _ in range(_DEPTH):
        head = source.read_at(at, 32)
        if head.startswith(b"ID3") and len(head) >= 10:
            size = 10 + syncsafe(head, 6) + (10 if head[5] & 0x10 else 0)
            picture |= _PICTURES.get(head[3], b"APIC\0") in source.read_at(at, min(size, max(_LOOK - at, 512)))
        elif head.startswith(b"APETAGEX") and len(head) == 32 and head[23] & 0x20:
            size = 32 + int.from_bytes(head[12:16], "little")
        else:
            break
        at += size
    return Before(at, picture)


def tags_after(source: Source, start: int, end: int) -> int:
    """Where the sound ends that began at `start` in a file of `end` bytes."""
    for _ in range(_DEPTH):
        if end <= start:
            break
        length = _last_tag(source, source.read_at(max(start, end - _TAIL), min(_TAIL, end - start)), end)
        if not 0 < length <= end - start:
            break
        end -= length
    return end


def ends_at(source: Source, start: int, end: int) -> bool:
    """Return whether everything after `end`, where a few frames that begin at `start` end, is tags."""
    return source.size is not None and source.size > end and tags_after(source, start, source.size) == end


def syncsafe(data: bytes, at: int) -> int:
    """Four bytes of seven bits (ID3v2.4 6.2)."""
    return (data[at] & 127) << 21 | (data[at + 1] & 127) << 14 | (data[at + 2] & 127) << 7 | data[at + 3] & 127


def _last_tag(source: Source, tail: bytes, end: int) -> int:
    """Bytes of the tag that ends at `end`, of which `tail` are the last; 0 where there is none."""
    if tail[-128:-125] == b"TAG":
        # TAG+ is an extension of 227 bytes that some players write before ID3v1.
        return 355 if source.read_at(max(end - 355, 0), 4) == b"TAG+" else 128
    if tail[-32:-24] == b"APETAGEX" and tail[-9] & 0x20:
        return 32  # the header of a tag whose footer does not count it
    if tail[-32:-24] == b"APETAGEX":
        return int.from_bytes(tail[-20:-16], "little") + (32 if tail[-9] & 0x80 else 0)
    if tail.endswith(b"LYRICS200") and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    if tail.endswith(b"LYRICSEND"):
        # Lyrics3 v1 states no size: at most 5100 bytes of text between two words.
        start = max(end - 9 - 5100 - 11, 0)
        begin = source.read_at(start, end - start).rfind(b"LYRICSBEGIN")
        return end - start - begin if begin >= 0 else 0
    if tail[-10:-7] == b"3DI":
        return 20 + syncsafe(tail, len(tail) - 4)
    return 0
