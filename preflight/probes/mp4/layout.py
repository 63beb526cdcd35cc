"""What stands at the top level of an MP4 file: its brand, its movie box, its media data, its fragments.

Reads the movie box wherever it stands, and jumps over media data; of a fragmented file also fragment headers. A file
that can be walked to its end says exactly what it holds. What `mehd`, `sidx` and `mfra` promise is used only where
that would cost too many reads: files that were cut out of a stream keep the promise of the whole.
"""

from __future__ import annotations

from typing import Final

from preflight.media import Need
from preflight.probes.isobmff import MAX_BOXES, Box, box_at
from preflight.probes.mp4.fragments import Fragments, index_seconds, last_fragment
from preflight.probes.mp4.movie import Movie, Track, read_movie
from preflight.probes.window import Window
from preflight.sources import Source

_PIECE: Final = 1024
_BEHIND_MOVIE: Final = 256
"""Bytes read along with a movie box in front: they show whether the media data behind it is all there."""
_FAR: Final = 32 << 10
"""Bytes of a file that come with the first request."""
_REMOTE: Final = 16
"""Fragments whose headers are read where each costs a request; on a disk they cost microseconds."""
_LOCAL: Final = 4096
_PLACES: Final = 16 * _LOCAL
"""More than the places that the walk can come to: its own bounds end it, and leave what was seen until then."""
_PADDING: Final = 4
"""Places beyond that where media data is looked for: boxes of other kinds (`free`, `uuid`) may stand before it."""
_HEADERS: Final = 16 << 20
"""Bytes of fragment headers: a million samples."""
_INDEXES: Final = 8
_JUMPS: Final = 32
"""Boxes that a walk may fetch over HTTP, however many answers a server makes of each, fragments apart."""


class Layout:
    """What was seen. `movie`: None where there is no movie box.

    brand     major brand of `ftyp`, or of the `styp` of a lone segment; None: neither
    has_media an `mdat` or a `moof` was seen; None: not looked for
    streamable  the movie box stands in front of the media data
    cut       a box goes on behind the end of the file; `broken`: something that is no box stands between boxes
    limited   the walk came to a bound of ours before the movie box, or that box is larger than may be read
    indexes   `sidx` boxes in front of the first fragment; `segment`: a fragment without a movie box before it
    """

    __slots__ = (
        "brand",
        "broken",
        "cut",
        "fragments",
        "has_media",
        "indexes",
        "limited",
        "movie",
        "segment",
        "streamable",
    )

    def __init__(self) -> None:
        self.brand: bytes | None = None
        self.movie: Movie | None = None
        self.has_media: bool | None = None
        self.streamable: bool | None = None
        self.cut = False
        self.broken = False
        self.segment = False
        self.limited = False
        self.indexes: list[Box] = []
        self.fragments: Fragments | None = None

    @property
    def in_fragments(self) -> bool:
        """Samples stand in fragments; said too where the walk ended before it came to the first."""
        found = self.fragments
        return found is not None and (found.count > 0 or not (found.ended or self.broken))


class Survey:
    """The walk over the top level of one source. `run` finds the movie box, `follow` the fragments behind it."""

    __slots__ = ("_at", "_jumps", "_need", "_over", "_source", "_window", "layout")

    def __init__(self, source: Source, need: Need) -> None:
        self.layout = Layout()
        self._source = source
        self._need = need
        self._window = Window(source, _PIECE, pieces=_PLACES)
        self._at = 0
        self._jumps = 0
        self._over = False

    def run(self) -> Layout:
        """Up to and with the movie box. Raises `SourceError`."""
        layout = self.layout
        for _ in range(MAX_BOXES):
            box = self._next()
            if box is None:
                break
            if self._jumps > _JUMPS:
                layout.limited = True
                break
            if box.type in (b"ftyp", b"styp"):
                if layout.brand is None:
                    layout.brand = self._window.read_at(box.body, 4)
            elif box.type == b"moov":
                self._read_movie(box)
                break
            elif box.type == b"moof":
                layout.has_media = layout.segment = True
                break
            self._note(box)
        else:
            layout.limited = True
        return layout

    def follow(self, film: Track | None) -> Fragments:
        """The fragments behind the movie box, as many as may be read. Raises `SourceError`."""
        layout = self.layout
        assert layout.movie is not None
        fragments = layout.fragments = Fragments(layout.movie, film)
        bound: int | None = 0
        spent = 0
        last = b""
        for _ in range(4 * _LOCAL):
            if self._too_far(fragments, bound):
                bound = self._leap(fragments)
            if bound is None or fragments.full or self._jumps > _JUMPS:
                break
            box = self._next()
            if box is None:
                fragments.ended = not layout.broken
                layout.has_media = bool(layout.has_media)
                layout.cut |= last == b"moof"  # its media data was to follow
                break
            last = box.type
            if box.type == b"moof":
                length = _HEADERS if box.end is None else box.end - box.body
                spent += length
                if spent > min(_HEADERS, self._need.max_bytes):
                    break
                body = self._window.read_at(box.body, length)
                if not fragments.add(body, len(body)):
                    break
            if box.type != b"sidx" or not fragments.count:
                self._note(box)
        return fragments

    def _leap(self, fragments: Fragments) -> int | None:
        """The walk goes on with the last fragment, or a little further here: how many fragments it may come to.

        None: it ends, because a header has told what it was for, or because nothing will.
        """
        if fragments.skipped or self.promised_seconds():
            return None
        last = last_fragment(self._source)
        if last is not None and last.offset > self._at:
            fragments.jump(last.times)
            self._at = last.offset
            return fragments.count + _REMOTE
        return _REMOTE if self._source.requests and fragments.count < _REMOTE else None

    def _too_far(self, fragments: Fragments, bound: int | None) -> bool:
        """Whether the next header costs more than it should; `bound`: fragments that were allowed beyond that.

        The first one is read in any case, unless the film begins in the movie box: no index says when it begins.
        """
        size = self._source.size
        if not fragments.begun or (size is not None and self._at >= size):
            return False
        if bound:
            return fragments.count >= bound
        return fragments.count >= _LOCAL or (self._source.requests > 0 and self._at >= _FAR)

    def promised_seconds(self) -> float | None:
        """The length of the whole that a header in front of the fragments states. Raises `SourceError`."""
        movie = self.layout.movie
        if movie is not None and movie.fragment_duration and movie.timescale:
            return movie.fragment_duration / movie.timescale
        spans = [index_seconds(self._source, box) for box in self.layout.indexes]
        return max((span for span in spans if span), default=None)

    def _next(self) -> Box | None:
        """The box at the place the walk has come to; the walk moves behind it."""
        size = self._source.size
        if self._over or (size is not None and self._at >= size):
            return None
        before = self._source.requests
        header = self._window.read_at(self._at, 16)
        self._jumps += self._source.requests > before
        box = box_at(header, self._at, size)
        if box is None:
            self.layout.broken = len(header) >= 8
            return None
        if box.end is None:
            self._over = True
        else:
            self._at = box.end
            self.layout.cut |= size is not None and box.end > size
        return box

    def _note(self, box: Box) -> None:
        layout = self.layout
        if (box.type == b"mdat" and box.end != box.body) or box.type == b"moof":
            layout.has_media = True
        elif box.type == b"sidx" and len(layout.indexes) < _INDEXES:
            layout.indexes.append(box)

    def _read_movie(self, box: Box) -> None:
        layout = self.layout
        layout.streamable = not layout.has_media
        length = self._need.max_bytes if box.end is None else box.end - box.body
        if length > self._need.max_bytes:
            layout.limited = True
            return
        more = 0 if layout.has_media else _BEHIND_MOVIE
        data = self._window.read_at(box.body, length + more)
        movie = layout.movie = read_movie(data, length, complete=box.end is None or len(data) >= length)
        if more and not movie.fragmented:
            self._look_behind(data, length)

    def _look_behind(self, data: bytes, at: int) -> None:
        """Media data behind a movie in front: whether there is any, and all of it, as far as what was read shows."""
        layout, start, size = self.layout, self._at, self._source.size
        layout.has_media = False
        padding = 0
        while not layout.has_media:
            header = data[at : at + 16]
            if not header and padding < _PADDING and (not self._source.requests or start + 16 <= _FAR):
                padding += 1
                header = self._window.read_at(start, 16)
            box = box_at(header, start, size)
            if box is None:
                break
            layout.has_media |= box.type == b"mdat" and box.end != box.body
            if box.end is None:
                return
            layout.cut |= size is not None and box.end > size
            at += box.end - start
            start = box.end
        if not layout.has_media and (size is None or start < size):
            layout.has_media = None
            layout.cut |= size is not None and size - start < 8  # not even a header
