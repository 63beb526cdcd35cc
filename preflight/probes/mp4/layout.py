"""Walk the top level of an MP4 file: its brand, its moov box, its media data, its fragments (ISO/IEC 14496-12 6.2.3).

The walk reads the moov box wherever it is and skips media data; in a fragmented file it also reads fragment headers. A
file that can be walked to its end states its content exactly. `mehd`, `sidx` and `mfra` are used only if that
would cost too many reads: files that were cut out of a stream keep the headers of the whole stream.
"""

from __future__ import annotations

from typing import Final

from preflight.media import Need
from preflight.probes.isobmff import MAX_BOXES, Box, box_at
from preflight.probes.mp4.fragments import Fragments, find_last_fragment, index_seconds
from preflight.probes.mp4.movie import Movie, Track, read_movie
from preflight.probes.window import Window, is_cheap
from preflight.sources import Source

_MEASURED_FACTS: Final = frozenset(("audio_bit_rate", "keyframe_interval", "video_bit_rate"))
_CHUNK_SIZE: Final = 1024
_AFTER_MOVIE_BYTES: Final = 256
"""Bytes read along with a leading moov box: they show whether the media data after it is complete."""
_MAX_REMOTE_FRAGMENTS: Final = 16
"""Fragments whose headers are read where each costs a request; on a disk they cost microseconds."""
_MAX_LOCAL_FRAGMENTS: Final = 4096
_MAX_FRAGMENT_BOXES: Final = 4 * _MAX_LOCAL_FRAGMENTS
_MAX_READS: Final = 16 * _MAX_LOCAL_FRAGMENTS
"""More reads than the walk can make: its own bounds end it first and keep what was read until then."""
_MAX_PADDING_BOXES: Final = 4
"""Boxes of other types (`free`, `uuid`) that may precede the media data."""
_MAX_HEADER_BYTES: Final = 16 << 20
"""Bytes of all fragment headers: a million samples."""
_MAX_INDEXES: Final = 8
_MAX_SEEKS: Final = 32
"""Boxes that a walk may fetch over HTTP, fragments apart, however many responses a server makes of each."""


class Layout:
    """The top level of a file, as far as it was read. `movie`: None if there is no moov box.

    brand       major brand of `ftyp`, or of the `styp` of a lone segment; None: neither
    has_media   an `mdat` or a `moof` was found; None: not looked for
    streamable  the moov box precedes the media data
    truncated   a box extends beyond the end of the file
    broken      something between boxes is not a box
    limited     the walk reached a bound before the moov box, or that box is larger than may be read
    indexes     `sidx` boxes before the first fragment
    is_segment  a fragment without a moov box before it
    """

    def __init__(self) -> None:
        self.brand: bytes | None = None
        self.movie: Movie | None = None
        self.has_media: bool | None = None
        self.streamable: bool | None = None
        self.truncated = False
        self.broken = False
        self.is_segment = False
        self.limited = False
        self.indexes: list[Box] = []
        self.fragments: Fragments | None = None

    @property
    def is_fragmented(self) -> bool:
        """Return whether samples are in fragments; also true if the walk ended before the first one."""
        found = self.fragments
        return found is not None and (found.count > 0 or not (found.ended or self.broken))


class LayoutReader:
    """A walk over the top level of one source: `find_movie` first, then `read_fragments` from there on."""

    def __init__(self, source: Source, need: Need) -> None:
        self.layout = Layout()
        self._source = source
        self._need = need
        self._window = Window(source, _CHUNK_SIZE, max_reads=_MAX_READS)
        self._at = 0
        self._seeks = 0
        self._at_end = False

    def find_movie(self) -> Layout:
        """Walk up to and including the moov box. Raise `SourceError`."""
        layout = self.layout
        for _ in range(MAX_BOXES):
            box = self._next_box()
            if box is None:
                break
            if self._seeks > _MAX_SEEKS:
                layout.limited = True
                break
            if box.type in (b"ftyp", b"styp"):
                if layout.brand is None:
                    layout.brand = self._window.read_at(box.body, 4)
            elif box.type == b"moov":
                self._read_movie(box)
                break
            elif box.type == b"moof":
                layout.has_media = layout.is_segment = True
                break
            self._record(box)
        else:
            layout.limited = True
        return layout

    def read_fragments(self, video: Track | None) -> Fragments:
        """Read the fragments after the moov box, as many as may be read. Raise `SourceError`."""
        layout = self.layout
        assert layout.movie is not None
        measured = not self._need.facts.isdisjoint(_MEASURED_FACTS)
        fragments = layout.fragments = Fragments(layout.movie, video, measured=measured)
        max_count: int | None = 0
        header_bytes = 0
        last = b""
        for _ in range(_MAX_FRAGMENT_BOXES):
            if self._is_too_far(fragments, max_count):
                max_count = self._skip_ahead(fragments)
            if max_count is None or fragments.full or self._seeks > _MAX_SEEKS:
                break
            box = self._next_box()
            if box is None:
                fragments.ended = not layout.broken
                layout.has_media = bool(layout.has_media)
                layout.truncated |= last == b"moof"  # its media data is missing
                break
            last = box.type
            if box.type == b"moof":
                length = _MAX_HEADER_BYTES if box.end is None else box.end - box.body
                header_bytes += length
                if header_bytes > min(_MAX_HEADER_BYTES, self._need.max_bytes):
                    break
                body = self._window.read_at(box.body, length)
                if not fragments.add(body, len(body)):
                    break
            if box.type != b"sidx" or not fragments.count:
                self._record(box)
        return fragments

    def stated_seconds(self) -> float | None:
        """Return the total duration that a header before the fragments states. Raise `SourceError`."""
        movie = self.layout.movie
        if movie is not None and movie.fragment_duration and movie.timescale:
            return movie.fragment_duration / movie.timescale
        spans = [index_seconds(self._source, box) for box in self.layout.indexes]
        return max((span for span in spans if span), default=None)

    def _skip_ahead(self, fragments: Fragments) -> int | None:
        """Continue at the last fragment, or read a few more here; return the total number of fragments to read.

        Return None if the walk ends, because a header states the duration or nothing else can.
        """
        if fragments.skipped or self.stated_seconds():
            return None
        last = find_last_fragment(self._source)
        if last is not None and last.offset > self._at:
            fragments.skip_to(last.times)
            self._at = last.offset
            return fragments.count + _MAX_REMOTE_FRAGMENTS
        more = self._source.remote and fragments.count < _MAX_REMOTE_FRAGMENTS
        return _MAX_REMOTE_FRAGMENTS if more else None

    def _is_too_far(self, fragments: Fragments, max_count: int | None) -> bool:
        """Return whether the next header costs too much; `max_count`: fragments that may be read anyway.

        The first fragment is read in any case, unless samples are in the moov box too: no index states when it begins.
        """
        size = self._source.size
        if not fragments.begun or (size is not None and self._at >= size):
            return False
        if max_count:
            return fragments.count >= max_count
        far = not is_cheap(self._source, self._at + 1)
        return far or fragments.count >= _MAX_LOCAL_FRAGMENTS

    def _next_box(self) -> Box | None:
        """Return the box at the current position, and advance beyond it."""
        size = self._source.size
        if self._at_end or (size is not None and self._at >= size):
            return None
        before = self._source.requests
        header = self._window.read_at(self._at, 16)
        self._seeks += self._source.requests > before
        box = box_at(header, self._at, size)
        if box is None:
            self.layout.broken = len(header) >= 8
            return None
        if box.end is None:
            self._at_end = True
        else:
            self._at = box.end
            self.layout.truncated |= size is not None and box.end > size
        return box

    def _record(self, box: Box) -> None:
        layout = self.layout
        if (box.type == b"mdat" and box.end != box.body) or box.type == b"moof":
            layout.has_media = True
        elif box.type == b"sidx" and len(layout.indexes) < _MAX_INDEXES:
            layout.indexes.append(box)

    def _read_movie(self, box: Box) -> None:
        layout = self.layout
        layout.streamable = not layout.has_media
        length = self._need.max_bytes if box.end is None else box.end - box.body
        if length > self._need.max_bytes:
            layout.limited = True
            return
        more = 0 if layout.has_media else _AFTER_MOVIE_BYTES
        data = self._window.read_at(box.body, length + more)
        movie = layout.movie = read_movie(data, length, complete=box.end is None or len(data) >= length)
        if more and not movie.fragmented:
            self._find_media_after(data, length)

    def _find_media_after(self, data: bytes, at: int) -> None:
        """Find the media data after a leading moov box, and whether it is complete, as far as `data` shows."""
        layout, start, size = self.layout, self._at, self._source.size
        layout.has_media = False
        padding = 0
        while not layout.has_media:
            header = data[at : at + 16]
            if not header and padding < _MAX_PADDING_BOXES and is_cheap(self._source, start + 16):
                padding += 1
                header = self._window.read_at(start, 16)
            box = box_at(header, start, size)
            if box is None:
                break
            layout.has_media |= box.type == b"mdat" and box.end != box.body
            if box.end is None:
                return
            layout.truncated |= size is not None and box.end > size
            at += box.end - start
            start = box.end
        if not layout.has_media and (size is None or start < size):
            layout.has_media = None
            layout.truncated |= size is not None and size - start < 8  # not even a header
