"""Buffered forward reading, for formats whose headers are scattered along the file."""

from __future__ import annotations

from typing import Final

from preflight.sources import BoundReached, Source

_FIRST_CHUNK_SIZE: Final = 2048
"""Bytes of the first chunk when it is the start of the file, which a source keeps in memory anyway."""
_MAX_REMOTE_READS: Final = 256
_MAX_LOCAL_READS: Final = 4096
"""Chunks that a reader may read: over HTTP each may be a request, on a disk they cost microseconds."""
_MAX_CHUNK_SIZE: Final = 16 << 10
_MAX_GAP: Final = 64 << 10
"""A forward seek over at most this many bytes over HTTP may be cheaper to read through."""
_MAX_SEEKS: Final = 2
"""Short forward seeks over HTTP after which the gaps are read through, in growing chunks."""
_LONG_SEEK: Final = 16 << 10
"""Bytes: a seek over more than this is worth a separate request, `long_seeks` times."""
_MAX_READ_AHEAD: Final = 1 << 20
FIRST_RESPONSE_BYTES: Final = 32 << 10
"""Bytes of the first response: reading them costs no further request."""


def is_cheap(source: Source, end: int) -> bool:
    """Return whether the bytes before `end` can be read without a further request."""
    return not source.remote or end <= FIRST_RESPONSE_BYTES


class Window:
    """A buffer over a source that is read forward in chunks; bytes of the last chunk are returned without a read.

    After a seek `chunk_size` bytes are read. Where one chunk nearly continues another, it is twice as large, so that a
    long series of small segments takes a few reads.

    max_reads   maximum number of chunks, for a reader without its own limit
    read_ahead  over HTTP, read through the gaps of a long series of short forward seeks
    long_seeks  number of seeks over more than `_LONG_SEEK` that do not count towards such a series
    """

    def __init__(
        self,
        source: Source,
        chunk_size: int,
        start: int = 0,
        *,
        max_reads: int = 0,
        read_ahead: bool = False,
        long_seeks: int = 0,
    ) -> None:
        self._source = source
        self._chunk_size = chunk_size
        self._next_size = chunk_size // 2
        self._max_reads = self._reads_left = max_reads or (_MAX_REMOTE_READS if source.remote else _MAX_LOCAL_READS)
        self._read_ahead = read_ahead and source.remote
        self._seeks = 0
        self._long_seeks = long_seeks
        self._fill(start, max(_FIRST_CHUNK_SIZE - start, chunk_size))

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raise `SourceError` or `BoundReached`."""
        begin = offset - self._start
        known = len(self._data)
        if begin < 0 or (begin + length > known and not (self._at_end and begin <= known)):
            near = 0 < begin <= known + self._chunk_size
            self._next_size = min(2 * self._next_size, _MAX_CHUNK_SIZE) if near else self._chunk_size
            if self._read_ahead and known < begin <= known + _MAX_GAP:
                self._count_seek(begin - known)
            self._fill(offset, max(length, self._next_size))
            begin = 0
        return self._data[begin : begin + length]

    @property
    def reads(self) -> int:
        """Return how many chunks were read."""
        return self._max_reads - self._reads_left

    @property
    def chunk(self) -> bytes:
        """Return the bytes of the last chunk."""
        return self._data

    def buffered(self, offset: int, length: int) -> bytes:
        """Return as many of these bytes as are buffered."""
        begin = offset - self._start
        return self._data[begin : begin + length] if begin >= 0 else b""

    def _count_seek(self, gap: int) -> None:
        """Count a short forward seek, and enlarge the next chunk once there were many."""
        if self._long_seeks > 0 and gap > _LONG_SEEK:
            self._long_seeks -= 1
        else:
            self._seeks += 1
        if self._seeks > _MAX_SEEKS:
            self._next_size = min(_MAX_GAP << self._seeks - _MAX_SEEKS, _MAX_READ_AHEAD)

    def _fill(self, offset: int, length: int) -> None:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise BoundReached(f"no end of the header within {self._max_reads} reads")
        self._data = self._source.read_at(offset, length)
        self._start = offset
        self._at_end = len(self._data) < length
