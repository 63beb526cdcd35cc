"""The chunk walk of PNG, and what may follow the picture data.

PNG 3rd edition 5.6 wants eXIf in front of the picture. Its first definition (PNG extensions 1.5.0, 3.7) allowed it
anywhere but between the IDATs, and decoders find it behind them still.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from preflight.probes.exif import orientation_at
from preflight.probes.window import Window
from preflight.sources import BoundReached, EndOfFile

SIGNATURE: Final = 8
_FRAME: Final = 12
"""Bytes of a chunk beside its data; IEND has no others."""
_CHUNKS: Final = 16_384
"""Chunks that are skipped, before the picture and after it."""
MAX_NUMBER: Final = 0x7FFF_FFFF
"""The largest number that a PNG may hold (7.1)."""
_TAIL: Final = 1024
_CANDIDATES: Final = 8
_PICTURE: Final = (b"IDAT", b"fcTL", b"fdAT")


def chunks(window: Window, position: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, offset of the data, bytes of data) of each chunk from `position` on, up to and with IEND.

    Ends also at what cannot be a chunk. Raises `EndOfFile` where the file ends first, `BoundReached`.
    """
    for _ in range(_CHUNKS):
        header = window.read_at(position, 8)
        if len(header) < 8:
            raise EndOfFile(f"the PNG ends at {position}, before its last chunk")
        length, kind = int.from_bytes(header[:4]), header[4:]
        if length > MAX_NUMBER or not kind.isalpha():
            return
        yield kind, position + 8, length
        if kind == b"IEND":
            return
        position += length + _FRAME
    raise BoundReached(f"no end of the PNG header within {_CHUNKS} chunks")


class Picture(NamedTuple):
    """Where the picture data begins: the first IDAT, its `length`, and where Apple's iDOT says that it begins anew."""

    start: int
    length: int
    second_half: int | None = None


def behind_picture(window: Window, picture: Picture, size: int) -> tuple[int | None, list[str]]:
    """The orientation that an eXIf behind the picture states, and notes.

    Reading each IDAT's header would be one request in every 8 KiB of file. All but the last are of one length in what
    nearly every encoder writes, so the last one's place can be computed: no read where a single IDAT ends in front of
    IEND, one where many do. Raises `SourceError`, `EndOfFile`, `BoundReached`.
    """
    end = _end_of_picture(window, picture, size)
    if end + _FRAME == size:
        return None, ["truncated"] if any(window.at_hand(end, 4)) else []  # a longer chunk begins where IEND should
    if end + _FRAME > size:
        return None, ["truncated"]
    for kind, offset, extent in chunks(window, end):
        if kind in _PICTURE:
            return in_tail(window, size)
        if kind == b"eXIf":
            return orientation_at(window, offset, extent), ["truncated"] if offset + extent + 4 + _FRAME > size else []
        if kind == b"IEND" and offset + 4 != size:
            return None, ["trailing_data" if offset + 4 < size else "truncated"]
    return None, []


def _end_of_picture(window: Window, picture: Picture, size: int) -> int:
    """Where the last IDAT ends, or where another follows because they do not stand at equal distances."""
    first, length, second_half = picture
    stride = length + _FRAME
    following = window.at_hand(first + stride, 8)
    if len(following) == 8 and following[4:] != b"IDAT":
        return first + stride
    if second_half is not None and first < second_half < size:
        last = second_half + _room(second_half, stride, size) * stride
        header = window.read_at(last, 8)
        if header[4:] == b"IDAT":
            return last + int.from_bytes(header[:4]) + _FRAME
    known, unknown = 0, _room(first, stride, size) + 1
    end = first + stride
    # The last one that the file has room for, the one before it (something follows the picture), the second one (is
    # the distance equal at all?); then there is more behind the picture than one distance, and halving finds its end.
    attempts = [1, unknown - 2, unknown - 1]
    while unknown - known > 1:
        attempt = attempts.pop() if attempts else (known + unknown) // 2
        if not known < attempt < unknown:
            continue
        header = window.read_at(first + attempt * stride, 8)
        if header[4:] == b"IDAT":
            extent = int.from_bytes(header[:4])
            known, end = attempt, first + attempt * stride + extent + _FRAME
            if extent != length:
                break  # the last one, or of irregular length
        else:
            unknown = attempt
    return end


def _room(first: int, stride: int, size: int) -> int:
    """How many strides behind `first` the last chunk that still has IEND behind it can stand."""
    return max(0, size - first - 2 * _FRAME) // stride


def in_tail(window: Window, size: int) -> tuple[int | None, list[str]]:
    """The same for IDATs of irregular length and for films, out of the file's last bytes.

    An `eXIf` there is believed if the chunks from it on lead to IEND. Without IEND there the file is cut.
    """
    start = max(0, size - _TAIL)
    tail = window.read_at(start, _TAIL)
    at = tail.rfind(b"\0\0\0\0IEND")
    if at < 0 or at + _FRAME > len(tail):
        return None, ["truncated"]
    for _ in range(_CANDIDATES):
        at = tail.rfind(b"eXIf", 0, at)
        if at < 4:
            break
        end = at - 4
        while tail[end + 4 : end + 8] != b"IEND" and tail[end + 4 : end + 8].isalpha():
            end += int.from_bytes(tail[end : end + 4]) + _FRAME
        if tail[end + 4 : end + 8] == b"IEND":
            return orientation_at(window, start + at + 4, int.from_bytes(tail[at - 4 : at])), []
    return None, []
