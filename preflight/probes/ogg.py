"""Read Ogg (RFC 3533) with Vorbis, Opus, FLAC, Speex and Theora: codecs from the first pages, duration from the last.

The duration is the container's: from the first granule position to the last, including the pre-skip of Opus of some
milliseconds, as ffprobe and MediaInfo count it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from struct import Struct
from typing import Any, Final, NamedTuple

from preflight.media import NONE, Media, Need, size_facts
from preflight.probes.audio_tags import leading_tags
from preflight.probes.coded_pictures import picture_facts
from preflight.probes.flac import STREAMINFO_BYTES, stream_info
from preflight.probes.parameter_sets.record import VideoParameters
from preflight.sources import EndOfFile, Source

_HEAD_BYTES: Final = 8 << 10
"""Bytes that hold the first pages of all streams, and usually the first page with audio."""
_TAIL_BYTES: Final = 64 << 10
"""Bytes that hold a whole page: the largest has 65,307."""
_CHUNK_SIZE: Final = 4 << 20
_MAX_PAGES: Final = 100_000
_PAGE: Final = Struct("<4sBBqIIIB")
_BEGINS_STREAM: Final = 2
_PICTURE_COMMENT: Final = b"METADATA_BLOCK_PICTURE="
_LOCATION_COMMENT: Final = re.compile(rb"location[^=\0]{0,24}=[+-]\d+(\.\d+)?[+-]\d", re.IGNORECASE)
"""A comment with coordinates (ISO 6709), as converters copy it from a film."""
_MAX_WALKED_BYTES: Final = 8 << 20
"""Bytes of a local file up to which all pages are read for the bit rates of several streams."""
_MAX_PAGE_HEADER_BYTES: Final = 27 + 255 + 1
"""Bytes of a page up to the first of its body."""
_MAX_HEADER_PAGES: Final = 1024
"""Pages of a local file in which the end of the headers is searched: pictures in comments take many."""
_RATE_FACTS: Final = frozenset(("audio_bit_rate", "keyframe_interval", "video_bit_rate"))


class _Page(NamedTuple):
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

    def add(self, page: _Page, codec: _Codec) -> None:
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


class _Streams:
    """The logical streams that play at the same time, as far as their pages were read.

    begun    the pages that begin the streams are over
    chained  pages of another stream followed: several links are chained into one file
    coded    the coded bytes of each stream in the pages that were added
    """

    def __init__(self) -> None:
        self.codecs: dict[int, _Codec] = {}
        self.coded: dict[int, _Coded] = {}
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.begun = False
        self.chained = False

    def add(self, page: _Page) -> None:
        if page.flags & _BEGINS_STREAM and not self.begun:
            self.codecs[page.serial] = _codec(page.body)
            self.coded[page.serial] = _Coded(self.codecs[page.serial].headers - page.packets)
            return
        self.begun = True
        codec = self.codecs.get(page.serial)
        if codec is not None:
            self.coded[page.serial].add(page, codec)
        if codec is None or page.flags & _BEGINS_STREAM:
            self.chained = True
        elif codec.rate and page.granule >= 0:
            units = codec.units(page.granule)
            if units and page.serial not in self.starts:
                # An excerpt of a longer stream keeps its positions: the first exceeds what its page can hold.
                packet = codec.packet or _opus_samples(page.body)
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


def read(source: Source, need: Need, _name: str) -> Media:
    """Return the facts of an Ogg file. Read all of a file of several chained links, up to `need.max_bytes`."""
    start = leading_tags(source).end
    head = source.read_at(start, _HEAD_BYTES)
    streams, resume, complete, headers = _Streams(), 0, True, 0
    for page, end in _pages(head):
        streams.add(page)
        complete = page.complete
        resume = end if complete else resume
        headers = headers or (end - page.length if streams.has_data else 0)
    if not streams.codecs:
        raise EndOfFile("no first page")
    notes: tuple[str, ...] = ("cover_art",) if _PICTURE_COMMENT in head else ()
    seconds = None
    coded = _Shares(streams, 0.0)
    if source.size is not None:
        wants_rates = not need.facts.isdisjoint(_RATE_FACTS)
        data = _data_start(source, streams, start + (headers or resume)) if wants_rates else None
        if start + resume < source.size:
            complete = _read_tail(source, start + resume, streams)
        wanted = not need.facts.isdisjoint(("bit_rate", "duration"))
        seconds = (_chain_seconds(source, need, start) if wanted else None) if streams.chained else streams.seconds
        notes = notes if complete else (*notes, "truncated")
        if wants_rates:
            coded = _coded_shares(source, streams, start + resume, data)
        if streams.chained and wanted and seconds is None:
            notes += ("read_limit",)
    media = _media(source, streams, seconds, notes, coded)
    # The pattern is slow, and hardly any file has the word.
    located = b"location" in head.lower() and _LOCATION_COMMENT.search(head) is not None
    return media._replace(location=located)


def _read_tail(source: Source, at: int, streams: _Streams) -> bool:
    """Add the last pages of the file, from `at` on; return whether the last one is complete."""
    assert source.size is not None
    tail = max(at, source.size - _TAIL_BYTES)
    if tail > at:
        streams.begun = True
        streams.ends.clear()
        for serial in streams.codecs:
            streams.starts.setdefault(serial, 0)  # the first page with audio follows large tags and is not searched
    complete = False
    for page, _ in _pages(source.read_at(tail, source.size - tail)):
        streams.add(page)
        complete = page.complete
    return complete


class _Shares(NamedTuple):
    """Streams whose pages were counted; `share`: all coded bytes for each that was counted, 0 if not known."""

    streams: _Streams
    share: float

    def bit_rate(self, serial: int) -> int | None:
        """Return the average bits/s of a stream."""
        codec, coded = self.streams.codecs[serial], self.streams.coded[serial]
        if self.streams.chained or not self.share or serial not in self.streams.ends:
            return None
        units = self.streams.length(serial)
        return round(coded.bytes * self.share * 8 * codec.rate / units) or None if units else None

    def keyframe_interval(self, serial: int) -> float | None:
        """Return the longest time between two key frames in s."""
        keys = sorted(self.streams.coded[serial].keys)
        if self.share != 1 or len(keys) < 2:
            return None
        return max(later - earlier for earlier, later in pairwise(keys)) / self.streams.codecs[serial].rate


def _coded_shares(source: Source, streams: _Streams, resume: int, start: int | None) -> _Shares:
    """Return the coded bytes: counted in all pages, or of a single stream by the pages at both ends.

    The pages of one stream hardly differ in their share of page headers, which is about 1 %.

    resume  end of the pages at the start of the file that were counted
    start   where the first page behind the headers begins; None: not known
    """
    assert source.size is not None
    if resume >= source.size - _TAIL_BYTES:
        return _Shares(streams, 1.0)
    if len(streams.codecs) == 1:
        coded = next(iter(streams.coded.values()))
        return _Shares(streams, (source.size - start) / coded.page_bytes if start and coded.page_bytes else 0.0)
    if source.remote or source.size > _MAX_WALKED_BYTES:
        return _Shares(streams, 0.0)
    walked = _Streams()
    for page in _all_pages(source, 0):
        walked.add(page)
    return _Shares(walked, 1.0)


def _data_start(source: Source, streams: _Streams, at: int) -> int | None:
    """Return where the first page behind the headers begins; None if only more requests would tell.

    at  where it begins if it was added, else the page after those that were added
    """
    (serial, coded), *_ = streams.coded.items()
    if coded.begun or source.remote or at >= (source.size or 0) - _TAIL_BYTES:
        return at if coded.begun else None
    for _ in range(_MAX_HEADER_PAGES):
        found = next(_pages(source.read_at(at, _MAX_PAGE_HEADER_BYTES)), None)
        if found is None:
            break
        page, length = found
        coded.add(page._replace(complete=coded.headers > 0), streams.codecs[serial])
        if coded.begun:
            coded.bytes = coded.page_bytes = 0  # the rest of this page was not read
            return at
        at += length
    return None


def _chain_seconds(source: Source, need: Need, start: int) -> float | None:
    """Return the total duration of all links of a chain (RFC 3533 4); None if they are too large or too many."""
    assert source.size is not None
    if source.size > need.max_bytes:
        return None
    seconds, link = 0.0, _Streams()
    for count, page in enumerate(_all_pages(source, start)):
        if count >= _MAX_PAGES:
            return None
        if page.flags & _BEGINS_STREAM and link.begun:
            seconds += link.seconds or 0.0
            link = _Streams()
        link.add(page)
    return seconds + (link.seconds or 0.0)


def _all_pages(source: Source, at: int) -> Iterator[_Page]:
    while True:
        data = source.read_at(at, _CHUNK_SIZE)
        used = 0
        for page, end in _pages(data):
            if page.complete or len(data) < _CHUNK_SIZE:
                yield page
                used = end
        if len(data) < _CHUNK_SIZE:
            return
        at += used or _CHUNK_SIZE - _TAIL_BYTES


def _pages(data: bytes) -> Iterator[tuple[_Page, int]]:
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
            yield _Page(flags, granule, serial, packets, start, end <= len(data), end - at, end - body), end
        else:
            end = at + 4
        at = data.find(b"OggS", end)


def _media(source: Source, streams: _Streams, seconds: float | None, notes: tuple[str, ...], coded: _Shares) -> Media:
    codecs = streams.codecs
    videos, audios = ([serial for serial in codecs if codecs[serial].kind == kind] for kind in ("video", "audio"))
    video = codecs[videos[0]] if videos else None
    audio = codecs[audios[0]] if audios else None
    absent = None if any(codec.kind is None for codec in codecs.values()) else NONE
    picture: dict[str, Any] = _picture(coded, videos[0]) if videos else {}
    return Media(
        kind="video" if video else "audio" if audio else None,
        format="ogg",
        size=source.size,
        **size_facts(*(video.size if video else (None, None))),
        rotation=0 if video else None,  # Theora cannot state one
        pixel_aspect_ratio=video.pixel_aspect_ratio if video else None,
        frames=streams.length(videos[0]) if videos and videos[0] in streams.ends and not streams.chained else None,
        duration=seconds,
        fps=video.rate if video else None,
        video_codec=video.name if video else absent,
        audio_codec=audio.name if audio else absent,
        audio_bit_rate=audio.nominal or coded.bit_rate(audios[0]) if audio else None,
        sample_rate=audio.sample_rate if audio else None,
        channels=audio.channels if audio else None,
        sample_bits=audio.bits or None if audio else None,
        bit_rate=round(source.size * 8 / seconds) if source.size and seconds else None,
        video_tracks=len(videos) if absent else None,
        audio_tracks=len(audios) if absent else None,
        notes=notes,
        **picture,
    )


def _picture(coded: _Shares, serial: int) -> dict[str, Any]:
    """Return the facts of Theora, which has no interlaced frames."""
    codec = coded.streams.codecs[serial]
    return {
        **picture_facts(codec.coding),
        "scan": "progressive",
        "video_bit_rate": coded.bit_rate(serial) or codec.nominal or None,
        "keyframe_interval": coded.keyframe_interval(serial),
    }


_OPUS_RATE: Final = 48000
_FLAC_SYNC: Final = b"\xff"
"""Start of a frame, and of no header: files state a wrong number of headers (RFC 9639 9.1.1, 10.1)."""
_SKELETON: Final = (b"fishead\0", b"fisbone\0", b"index\0", b"CMML\0\0\0\0", b"\x80kate\0\0\0")


# --- the first packet: Vorbis I 4.2.2; RFC 7845 5.1 (Opus); RFC 9639 10.1 (FLAC); Speex manual 7.3; Theora 6.2


class _Codec(NamedTuple):
    """The codec of one stream. kind None: not known; "other": neither audio nor video.

    rate    units of a granule position per second
    packet  maximum units of one packet; 0: each packet states them
    shift   Theora: the bits of a granule position that count frames since the last key frame
    first   Theora: number of the first frame
    coding  Theora: the format of its pictures
    headers packets that precede the first with coded data
    bits    of a sample of FLAC
    nominal bit/s as stated; 0: not stated
    """

    kind: str | None
    name: str | None
    rate: float = 0.0
    sample_rate: int | None = None
    channels: int | None = None
    packet: int = 0
    shift: int = 0
    size: tuple[int, int] = (0, 0)
    pixel_aspect_ratio: float | None = None
    first: int = 0
    coding: VideoParameters = VideoParameters()
    headers: int = 3
    bits: int = 0
    nominal: int = 0

    def units(self, granule: int) -> int:
        """Return the samples or frames up to the end of the page with this granule position (Theora A.2.3)."""
        if not self.shift:
            return granule
        return (granule >> self.shift) + (granule & (1 << self.shift) - 1) + self.first


def _codec(packet: bytes) -> _Codec:
    """Return the codec of the stream that begins with `packet`."""
    for magic, min_bytes, reader in _READERS:
        if packet.startswith(magic):
            return (reader(packet) if len(packet) >= min_bytes else None) or _Codec(None, None)
    return _Codec("other", None) if packet.startswith(_SKELETON) else _Codec(None, None)


def _opus_samples(packet: bytes) -> int:
    """Return the samples of an Opus packet, by its first two bytes (RFC 6716 3.1, 3.2)."""
    if len(packet) < 2:
        return 0
    mode, size = packet[0] >> 5, packet[0] >> 3 & 3
    if mode < 3:
        frame = (480, 960, 1920, 2880)[size]  # SILK: 10 to 60 ms
    elif mode == 3:
        frame = (480, 960)[size & 1]  # hybrid
    else:
        frame = 120 << size  # CELT: 2.5 to 20 ms
    return frame * ((1, 2, 2)[packet[0] & 3] if packet[0] & 3 < 3 else packet[1] & 63)


def _little(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")


def _big(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length])


def _audio(name: str, rate: int, channels: int, packet: int) -> _Codec:
    return _Codec("audio", name, rate, rate or None, channels or None, packet)


def _vorbis(data: bytes) -> _Codec:
    # A packet gives a quarter of its own block and a quarter of the previous one (4.3.8).
    codec = _audio("vorbis", _little(data, 12, 4), data[11], (1 << (data[28] >> 4)) // 2)
    nominal = int.from_bytes(data[20:24], "little", signed=True)
    return codec._replace(nominal=max(nominal, 0))


def _opus(data: bytes) -> _Codec:
    return _audio("opus", _OPUS_RATE, data[9], 0)._replace(headers=2)


def _flac(data: bytes) -> _Codec | None:
    info = stream_info(data[13 : 13 + STREAMINFO_BYTES])
    if info is None:
        return None
    return _audio("flac", info.rate, info.channels, info.block)._replace(bits=info.bits, headers=_MAX_PAGES)


def _speex(data: bytes) -> _Codec:
    packet = _little(data, 56, 4) * _little(data, 64, 4)
    codec = _audio("speex", _little(data, 36, 4), _little(data, 48, 4), packet)
    return codec._replace(headers=2 + _little(data, 68, 4))


def _theora(data: bytes) -> _Codec | None:
    frames, seconds = _big(data, 22, 4), _big(data, 26, 4)
    if not frames or not seconds:
        return None
    across, down = _big(data, 30, 3), _big(data, 33, 3)
    return _Codec(
        "video",
        "theora",
        frames / seconds,
        packet=1,
        shift=_big(data, 40, 2) >> 5 & 31,
        size=(_big(data, 14, 3), _big(data, 17, 3)),
        pixel_aspect_ratio=across / down if across and down else None,
        first=0 if _big(data, 7, 3) >= 0x030201 else 1,
        coding=VideoParameters(
            bit_depth=8,
            chroma=_THEORA_CHROMAS.get(_big(data, 40, 2) >> 3 & 3),
            primaries=(primaries := _THEORA_PRIMARIES.get(data[36])),
            transfer="bt709" if primaries else None,
        ),
        nominal=_big(data, 37, 3),
    )


_THEORA_CHROMAS: Final = {0: "4:2:0", 2: "4:2:2", 3: "4:4:4"}
"""Table 6.4."""
_THEORA_PRIMARIES: Final = {1: "bt470m", 2: "bt470bg"}
"""Table 6.3. Both color spaces share one transfer function (4.3.2, 4.3.3)."""


_READERS: Final[tuple[tuple[bytes, int, Callable[[bytes], _Codec | None]], ...]] = (
    (b"\x01vorbis", 30, _vorbis),
    (b"OpusHead", 19, _opus),
    (b"\x7fFLAC", 13 + STREAMINFO_BYTES, _flac),
    (b"Speex   ", 68, _speex),
    (b"\x80theora", 42, _theora),
)
"""The first bytes of a packet, the bytes that are needed of it, and its reader."""
