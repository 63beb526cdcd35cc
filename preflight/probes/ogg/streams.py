"""Read pages of Ogg (RFC 3533 6), and count what the streams that play at the same time have in them."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from preflight.probes.ogg.codecs import Codec, codec_of, may_be_media, opus_samples
from preflight.sources import Source

WHOLE_PAGE_BYTES: Final = 64 << 10
"""Bytes that hold a whole page: the largest has 65,307."""
_CHUNK_SIZE: Final = 4 << 20
_PAGE: Final = Struct("<4sBBqIIIB")
BEGINS_STREAM: Final = 2
_FLAC_SYNC: Final = b"\xff"
"""Start of a frame, and of no header: files state a wrong number of headers (RFC 9639 9.1.1, 10.1)."""


class OggPage(NamedTuple):
    """One page, with the beginning of its body; `complete`: it ends within the data that was read.

    length, body_length  bytes of the page and of its body
    """

    flags: int
    granule: int
    serial: int
    packets: int
    body: bytes
    complete: bool
    length: int
    body_length: int


class _Coded:
    """The coded bytes of one stream, and those of its pages, without its headers; numbers of its key frames.

    headers  header packets that are still to come; the last one ends its page
    begun    a page behind them was seen
    """

    def __init__(self, headers: int) -> None:
        self.headers = headers
        self.begun = False
        self.bytes = self.page_bytes = 0
        self.keys: set[int] = set()

    def add(self, page: OggPage, codec: Codec) -> None:
        if self.headers > 0 and not (codec.name == "flac" and page.body.startswith(_FLAC_SYNC)):
            self.headers -= page.packets if page.complete else 0
            return
        self.headers = 0
        self.begun = True
        if not page.complete:
            return
        self.bytes += page.body_length
        self.page_bytes += page.length
        if codec.shift and page.granule > 0:
            self.keys.add(page.granule >> codec.shift)


class Streams:
    """The logical streams that play at the same time, as far as their pages were read.

    begun    the pages that begin the streams are over
    chained  pages of another stream followed: several links are chained into one file
    uncounted  one is of audio or video that is not read: the number of tracks is unknown
    coded    the coded bytes of each stream in the pages that were added
    """

    def __init__(self) -> None:
        self.codecs: dict[int, Codec] = {}
        self.coded: dict[int, _Coded] = {}
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.begun = False
        self.chained = False
        self.uncounted = False

    def add(self, page: OggPage) -> None:
        """Add the next page that was read."""
        if page.flags & BEGINS_STREAM and not self.begun:
            codec = self.codecs[page.serial] = codec_of(page.body)
            self.uncounted |= codec.kind is None and may_be_media(page.body)
            self.coded[page.serial] = _Coded(codec.headers - page.packets)
            return
        self.begun = True
        known = self.codecs.get(page.serial)
        if known is not None:
            self.coded[page.serial].add(page, known)
        if known is None or page.flags & BEGINS_STREAM:
            self.chained = True
        elif known.rate and page.granule >= 0:
            units = known.units(page.granule)
            if units and page.serial not in self.starts:
                # An excerpt of a longer stream keeps its positions: the first exceeds what its page can hold.
                packet = known.packet or opus_samples(page.body)
                self.starts[page.serial] = max(units - page.packets * packet, 0)
            if page.complete:
                self.ends[page.serial] = units

    @property
    def has_data(self) -> bool:
        """Return whether a page behind the headers of a stream was added."""
        return any(coded.begun for coded in self.coded.values())

    def length(self, serial: int) -> int:
        """Return the samples or frames of a stream; a damaged first position, which is after the last, is ignored."""
        start, end = self.starts.get(serial, 0), self.ends[serial]
        return end - start if start <= end else end

    @property
    def seconds(self) -> float | None:
        """Return the duration of the longest stream in s; None if no stream has one."""
        return max((self.length(serial) / self.codecs[serial].rate for serial in self.ends), default=None)


def all_pages(source: Source, at: int) -> Iterator[OggPage]:
    """Yield the pages from `at` to the end of the file. Raise `SourceError`."""
    while True:
        data = source.read_at(at, _CHUNK_SIZE)
        used = 0
        for page, end in pages(data):
            if page.complete or len(data) < _CHUNK_SIZE:
                yield page
                used = end
        if len(data) < _CHUNK_SIZE:
            return
        at += used or _CHUNK_SIZE - WHOLE_PAGE_BYTES


def pages(data: bytes) -> Iterator[tuple[OggPage, int]]:
    """Yield the pages in `data`, each with its end; the last one may be incomplete."""
    at = data.find(b"OggS")
    while at >= 0 and at + 27 <= len(data):
        _, version, flags, granule, serial, _, _, segments = _PAGE.unpack_from(data, at)
        body = at + 27 + segments
        lacing = data[at + 27 : body]
        end = body + sum(lacing)
        if version == 0:
            packets = segments - lacing.count(255)
            start = data[body : min(end, body + 128)]
            yield OggPage(flags, granule, serial, packets, start, end <= len(data), end - at, end - body), end
        else:
            end = at + 4
        at = data.find(b"OggS", end)
