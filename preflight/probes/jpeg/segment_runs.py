"""Skip runs of JPEG segments of one kind and length with few requests over HTTP: `last_of_run`.

Data that exceeds one segment (extended XMP, ICC profiles, MPF) fills a run of them, and only the length of each segment
gives the position of the next: skipping 20 MB takes 300 requests, or a download. All but the last segment have the same
length, so their positions are known in advance and reading a few of them is enough.
"""

from __future__ import annotations

from typing import Final

from preflight.probes.window import Window

PEEK: Final = 84
"""Bytes from the marker on that say what a segment belongs to, and which part it is."""

_MARK: Final = 36
_FULL: Final = b"\xff\xff"
_EXTENDED_XMP: Final = b"http://ns.adobe.com/xmp/extension/\0"
_ICC: Final = b"ICC_PROFILE\0"
_MOST: Final = 1 << 14


def is_same_run(head: bytes, other: bytes) -> bool:
    """Return whether two segments have the same marker, length and owner (the text before the first NUL).

    Data that fills a segment continues in the next one, even if that does not name the owner.
    """
    end = 4 if head[2:4] == _FULL else head.find(b"\0", 4, _MARK) + 1 or 8
    return len(head) >= end and head[:end] == other[:end]


def last_of_run(window: Window, position: int, head: bytes) -> int:
    """Return the position of the last full segment of the run; if there is no other, that of the next segment.

    A run whose segments are numbered (XMP specification part 3, 1.1.3.1; ICC.1:2022 B.4) is skipped in one step. The
    end of other runs is found by exponential, then binary search. Raises `SourceError`.
    """
    step = 2 + int.from_bytes(head[2:4])

    def fits(count: int) -> bool:
        return count <= _MOST and is_same_run(head, window.read_at(position + count * step, PEEK))

    known = _full_segments_after(head)
    if known and fits(known):
        return position + known * step
    good, bad = 0, 1
    while fits(bad):
        good, bad = bad, 2 * bad
    while bad - good > 1:
        middle = (good + bad) // 2
        if fits(middle):
            good = middle
        else:
            bad = middle
    return position + max(good, 1) * step


def _full_segments_after(head: bytes) -> int:
    """Return how many more full segments follow, as stated in the segment; 0 if it does not say."""
    payload = head[4:]
    if payload.startswith(_ICC):
        return max(0, payload[13] - payload[12] - 1) if len(payload) > 13 else 0
    at = len(_EXTENDED_XMP) + 32
    if payload.startswith(_EXTENDED_XMP) and len(payload) >= at + 8:
        part = int.from_bytes(head[2:4]) - 2 - at - 8
        full, offset = int.from_bytes(payload[at : at + 4]), int.from_bytes(payload[at + 4 : at + 8])
        return max(0, (full - offset) // part - 1) if part > 0 else 0
    return 0
