"""Read Ogg (RFC 3533) with Vorbis, Opus, FLAC, Speex and Theora: codecs from the first pages, duration from the last.

The duration is the container's: from the first granule position to the last, including the pre-skip of Opus of some
milliseconds, as ffprobe and MediaInfo count it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need, size_facts
from preflight.probes.audio_tags import leading_tags
from preflight.probes.flac import STREAMINFO_BYTES, stream_info
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


class _Page(NamedTuple):
    """One page, with the beginning of its body; `complete`: it ends within the data that was read."""

    flags: int
    granule: int
    serial: int
    packets: int
    body: bytes
    complete: bool


class _Streams:
    """The logical streams that play at the same time, as far as their pages were read.

    begun    the pages that begin the streams are over
    chained  pages of another stream followed: several links are chained into one file
    """

    def __init__(self) -> None:
        self.codecs: dict[int, _Codec] = {}
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.begun = False
        self.chained = False

    def add(self, page: _Page) -> None:
        if page.flags & _BEGINS_STREAM and not self.begun:
            self.codecs[page.serial] = _codec(page.body)
            return
        self.begun = True
        codec = self.codecs.get(page.serial)
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
    streams, resume, complete = _Streams(), 0, True
    for page, end in _pages(head):
        streams.add(page)
        complete = page.complete
        resume = end if complete else resume
    if not streams.codecs:
        raise EndOfFile("no first page")
    notes: tuple[str, ...] = ("cover_art",) if _PICTURE_COMMENT in head else ()
    seconds = None
    if source.size is not None:
        if start + resume < source.size:
            complete = _read_tail(source, start + resume, streams)
        wanted = not need.facts.isdisjoint(("bit_rate", "duration"))
        seconds = (_chain_seconds(source, need, start) if wanted else None) if streams.chained else streams.seconds
        notes = notes if complete else (*notes, "truncated")
        if streams.chained and wanted and seconds is None:
            notes += ("read_limit",)
    return _media(source, streams, seconds, notes)


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
            yield _Page(flags, granule, serial, packets, data[body : min(end, body + 128)], end <= len(data)), end
        else:
            end = at + 4
        at = data.find(b"OggS", end)


def _media(source: Source, streams: _Streams, seconds: float | None, notes: tuple[str, ...]) -> Media:
    codecs = streams.codecs
    video_serial = next((serial for serial in codecs if codecs[serial].kind == "video"), None)
    video = codecs[video_serial] if video_serial is not None else None
    audio = next((codec for codec in codecs.values() if codec.kind == "audio"), None)
    absent = None if any(codec.kind is None for codec in codecs.values()) else NONE
    frames = streams.length(video_serial) if video_serial in streams.ends and not streams.chained else None
    return Media(
        kind="video" if video else "audio" if audio else None,
        format="ogg",
        size=source.size,
        **size_facts(*(video.size if video else (None, None))),
        rotation=0 if video else None,  # Theora cannot state one
        pixel_aspect_ratio=video.pixel_aspect_ratio if video else None,
        frames=frames,
        duration=seconds,
        fps=video.rate if video else None,
        video_codec=video.name if video else absent,
        audio_codec=audio.name if audio else absent,
        sample_rate=audio.sample_rate if audio else None,
        channels=audio.channels if audio else None,
        bit_rate=round(source.size * 8 / seconds) if source.size and seconds else None,
        notes=notes,
    )


_OPUS_RATE: Final = 48000
_SKELETON: Final = (b"fishead\0", b"fisbone\0", b"index\0", b"CMML\0\0\0\0", b"\x80kate\0\0\0")


# --- the first packet: Vorbis I 4.2.2; RFC 7845 5.1 (Opus); RFC 9639 10.1 (FLAC); Speex manual 7.3; Theora 6.2


class _Codec(NamedTuple):
    """The codec of one stream. kind None: not known; "other": neither audio nor video.

    rate    units of a granule position per second
    packet  maximum units of one packet; 0: each packet states them
    shift   Theora: the bits of a granule position that count frames since the last key frame
    first   Theora: number of the first frame
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
    return _audio("vorbis", _little(data, 12, 4), data[11], (1 << (data[28] >> 4)) // 2)


def _opus(data: bytes) -> _Codec:
    return _audio("opus", _OPUS_RATE, data[9], 0)


def _flac(data: bytes) -> _Codec | None:
    info = stream_info(data[13 : 13 + STREAMINFO_BYTES])
    return _audio("flac", info.rate, info.channels, info.block) if info else None


def _speex(data: bytes) -> _Codec:
    return _audio("speex", _little(data, 36, 4), _little(data, 48, 4), _little(data, 56, 4) * _little(data, 64, 4))


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
    )


_READERS: Final[tuple[tuple[bytes, int, Callable[[bytes], _Codec | None]], ...]] = (
    (b"\x01vorbis", 30, _vorbis),
    (b"OpusHead", 19, _opus),
    (b"\x7fFLAC", 13 + STREAMINFO_BYTES, _flac),
    (b"Speex   ", 68, _speex),
    (b"\x80theora", 42, _theora),
)
"""The first bytes of a packet, the bytes that are needed of it, and its reader."""
