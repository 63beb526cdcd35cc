"""Find the chunks behind the header list of an AVI: the list `movi`, and the index `idx1` of its chunks (AVIOLDINDEX).

The index has 16 bytes for each chunk: its name, flags, offset and size.
"""

from __future__ import annotations

from array import array
from itertools import compress, pairwise
from sys import byteorder
from typing import Final, NamedTuple

from preflight.probes.coded_frames import FRAME_BYTES
from preflight.probes.window import FIRST_RESPONSE_BYTES, is_cheap
from preflight.sources import Source

_MAX_CHUNKS: Final = 16
"""Chunks between header list and index: the list `movi`, and padding."""
_INDEX_ENTRY_BYTES: Final = 16
_MAX_INDEX_BYTES: Final = 4 << 20
"""An hour of 25 frames/s with its audio has a third of this."""
_NON_FRAME_SUFFIXES: Final = (b"ix", b"pc", b"tx", b"wb")
"""Ends of the names of chunks that are not frames: indexes, palette changes, text, audio."""
_KEY_FRAME: Final = 0x10
_MAX_FIRST_CHUNKS: Final = 32
_LISTS: Final = frozenset((b"LIST", b"RIFF"))


class Chunks(NamedTuple):
    """Where the chunks of `movi` begin; where the entries of `idx1` do and how many there are; None: not found.

    There is no index if it describes only a part, as in a file of several RIFFs.
    """

    movi: int | None
    entries: tuple[int, int] | None


def find_chunks(source: Source, at: int, *, anywhere: bool) -> Chunks:
    """Find the chunks behind `at`, the end of the header list: `anywhere`, or in the first response only."""
    several, movi, index = False, None, None
    for _ in range(_MAX_CHUNKS):
        if not anywhere and at + 12 > FIRST_RESPONSE_BYTES:
            break
        head = source.read_at(at, 12)
        if len(head) < 8:
            break
        size = int.from_bytes(head[4:8], "little")
        several |= head[:4] == b"RIFF"
        if head[:4] == b"idx1":
            index = at + 8, size // _INDEX_ENTRY_BYTES
        elif head[:4] == b"LIST" and head[8:] == b"movi":
            movi = movi or at + 12
        at += 8 + size + (size & 1)
    return Chunks(movi, None if several else index)


def first_frame(source: Source, at: int, stream: int) -> bytes:
    """Return the first bytes of the first chunk of a video stream; `at`: where the chunks begin."""
    number = b"%02d" % stream
    for _ in range(_MAX_FIRST_CHUNKS):
        if not is_cheap(source, at + 8 + FRAME_BYTES):
            break
        head = source.read_at(at, 12)
        if len(head) < 12:
            break
        size = int.from_bytes(head[4:8], "little")
        if head[:4] in _LISTS:
            at += 12
            continue
        if head[:2] == number and head[2:4] not in _NON_FRAME_SUFFIXES and size:
            return source.read_at(at + 8, min(size, FRAME_BYTES))
        at += 8 + size + (size & 1)
    return b""


class StreamIndex(NamedTuple):
    """The chunks of one stream by the index: their number and bytes, and the largest distance of two key frames."""

    chunks: int
    bytes: int
    keyframe_distance: int | None


def read_index(source: Source, place: tuple[int, int]) -> Index | None:
    """Return the entries of `idx1`; None if they are too many or truncated."""
    at, count = place
    length = count * _INDEX_ENTRY_BYTES
    data = source.read_at(at, length) if length <= _MAX_INDEX_BYTES else b""
    return Index(data) if count and len(data) == length else None


class Index:
    """The entries of `idx1`."""

    def __init__(self, data: bytes) -> None:
        words = array("I", data)
        if byteorder == "big":
            words.byteswap()
        self._names, self._flags, self._sizes = words[::4], words[1::4], words[3::4]

    def audio(self, stream: int) -> StreamIndex:
        """Return what the index tells of the audio stream of this number."""
        return self._stream({b"%02dwb" % stream})

    def video(self, stream: int) -> StreamIndex:
        """Return what the index tells of the frames of the video stream of this number."""
        number = b"%02d" % stream
        codes = {name.to_bytes(4, "little") for name in set(self._names)}
        return self._stream({code for code in codes if code[:2] == number and code[2:] not in _NON_FRAME_SUFFIXES})

    def _stream(self, codes: set[bytes]) -> StreamIndex:
        names = {int.from_bytes(code, "little") for code in codes}
        chosen = [name in names for name in self._names]
        flags = compress(self._flags, chosen)
        keys = [position for position, flag in enumerate(flags) if flag & _KEY_FRAME]
        longest = max((later - earlier for earlier, later in pairwise(keys)), default=None)
        return StreamIndex(sum(chosen), sum(compress(self._sizes, chosen)), longest)
