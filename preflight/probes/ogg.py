"""Ogg (RFC 3533): Vorbis, Opus, FLAC, Speex and Theora. The first pages say what it is, the last one how long it plays.

The duration is the container's: from the first granule position to the last, Opus' pre-skip of some milliseconds
included, as ffprobe and MediaInfo count it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import tags_before
from preflight.probes.flac import BLOCK, stream_info
from preflight.sources import EndOfFile, Source

_HEAD: Final = 8 << 10
"""The first pages of all streams, and mostly the first page with sound."""
_TAIL: Final = 64 << 10
"""The largest page is 65,307 bytes."""
_CHUNK: Final = 4 << 20
_MOST_PAGES: Final = 100_000
_PAGE: Final = Struct("<4sBBqIIIB")
_FIRST: Final = 2
_PICTURE: Final = b"METADATA_BLOCK_PICTURE="


class _Page(NamedTuple):
    flags: int
    granule: int
    serial: int
    packets: int
    body: bytes
    whole: bool


class _Streams:
    """The logical streams that play at once, as far as their pages were seen.

    begun    the pages that open the streams are over
    foreign  pages of another stream followed: several links are chained into one file
    """

    def __init__(self) -> None:
        self.codecs: dict[int, Codec] = {}
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.begun = False
        self.foreign = False

    def add(self, page: _Page) -> None:
        if page.flags & _FIRST and not self.begun:
            self.codecs[page.serial] = codec_of(page.body)
            return
        self.begun = True
        codec = self.codecs.get(page.serial)
        if codec is None or page.flags & _FIRST:
            self.foreign = True
        elif codec.rate and page.granule >= 0:
            units = codec.units(page.granule)
            if units and page.serial not in self.starts:
                # What was cut out of a longer stream keeps its positions: the first is more than its page can hold.
                packet = codec.packet or opus_packet(page.body)
                self.starts[page.serial] = max(units - page.packets * packet, 0)
            if page.whole:
                self.ends[page.serial] = units

    def length(self, serial: int) -> int:
        """Samples or frames of a stream; a damaged first position, which lies behind the last, does not count."""
        start, end = self.starts.get(serial, 0), self.ends[serial]
        return end - start if start <= end else end

    @property
    def seconds(self) -> float | None:
        return max((self.length(serial) / self.codecs[serial].rate for serial in self.ends), default=None)


def read(source: Source, need: Need, name: str) -> Media:
    """Facts of an Ogg file. Several chained into one are walked, up to `need.max_bytes`."""
    start = tags_before(source).end
    head = source.read_at(start, _HEAD)
    streams, resume, whole = _Streams(), 0, True
    for page, end in _parse(head):
        streams.add(page)
        whole = page.whole
        resume = end if whole else resume
    if not streams.codecs:
        raise EndOfFile("no first page")
    notes: tuple[str, ...] = ("cover_art",) if _PICTURE in head else ()
    seconds = None
    if source.size is not None:
        if start + resume < source.size:
            whole = _finish(source, start + resume, streams)
        wanted = not need.facts.isdisjoint(("bit_rate", "duration"))
        seconds = (_chained(source, need, start) if wanted else None) if streams.foreign else streams.seconds
        notes = notes if whole else (*notes, "truncated")
        if streams.foreign and wanted and seconds is None:
            notes += ("read_limit",)
    return _media(source, streams, seconds, notes)


def _finish(source: Source, at: int, streams: _Streams) -> bool:
    """Add the pages at the end of what follows from `at` on; False where the last one is cut off."""
    assert source.size is not None
    tail = max(at, source.size - _TAIL)
    if tail > at:
        streams.begun = True
        streams.ends.clear()
        for serial in streams.codecs:
            streams.starts.setdefault(serial, 0)  # the first page with sound stands behind large tags: not looked for
    whole = False
    for page, _ in _parse(source.read_at(tail, source.size - tail)):
        streams.add(page)
        whole = page.whole
    return whole


def _chained(source: Source, need: Need, start: int) -> float | None:
    """Return the s of all links of a chain (RFC 3533 4); None if they are too large or too many."""
    assert source.size is not None
    if source.size > need.max_bytes:
        return None
    seconds, link = 0.0, _Streams()
    for count, page in enumerate(_all_pages(source, start)):
        if count >= _MOST_PAGES:
            return None
        if page.flags & _FIRST and link.begun:
            seconds += link.seconds or 0.0
            link = _Streams()
        link.add(page)
    return seconds + (link.seconds or 0.0)


def _all_pages(source: Source, at: int) -> Iterator[_Page]:
    while True:
        data = source.read_at(at, _CHUNK)
        used = 0
        for page, end in _parse(data):
            if page.whole or len(data) < _CHUNK:
                yield page
                used = end
        if len(data) < _CHUNK:
            return
        at += used or _CHUNK - _TAIL


def _parse(data: bytes) -> Iterator[tuple[_Page, int]]:
    """The pages in `data`, in order, each with its end; the last may be cut."""
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
    film_at = next((serial for serial in codecs if codecs[serial].kind == "video"), None)
    film = codecs[film_at] if film_at is not None else None
    sound = next((codec for codec in codecs.values() if codec.kind == "audio"), None)
    absent = None if any(codec.kind is None for codec in codecs.values()) else NONE
    length = streams.length(film_at) if film_at in streams.ends and not streams.foreign else None
    return Media(
        kind="video" if film else "audio" if sound else None,
        format="ogg",
        size=source.size,
        width=film.width if film else None,
        height=film.height if film else None,
        stored_width=film.width if film else None,
        stored_height=film.height if film else None,
        rotation=0 if film else None,  # Theora has no word for it
        pixel_aspect_ratio=film.pixel_aspect_ratio if film else None,
        frames=length,
        duration=seconds,
        fps=film.rate if film else None,
        video_codec=film.name if film else absent,
        audio_codec=sound.name if sound else absent,
        sample_rate=sound.sample_rate if sound else None,
        channels=sound.channels if sound else None,
        bit_rate=round(source.size * 8 / seconds) if source.size and seconds else None,
        notes=notes,
    )


_OPUS_RATE: Final = 48000
_SKELETON: Final = (b"fishead\0", b"fisbone\0", b"index\0", b"CMML\0\0\0\0", b"\x80kate\0\0\0")


class Codec(NamedTuple):
    """One stream. kind None: not known; "other": neither sound nor video.

    rate     units of a granule position in a second
    packet   the most units that one packet can have; 0: each packet says
    shift    Theora: the bits of a granule position that count frames since the last key frame
    """

    kind: str | None
    name: str | None
    rate: float = 0.0
    sample_rate: int | None = None
    channels: int | None = None
    packet: int = 0
    shift: int = 0
    width: int | None = None
    height: int | None = None
    pixel_aspect_ratio: float | None = None
    first: int = 0

    def units(self, granule: int) -> int:
        """Samples or frames up to the end of the page with this granule position (Theora A.2.3)."""
        if not self.shift:
            return granule
        return (granule >> self.shift) + (granule & (1 << self.shift) - 1) + self.first


def codec_of(packet: bytes) -> Codec:
    """The stream that begins with `packet`."""
    for magic, reader in _READERS:
        if packet.startswith(magic):
            return reader(packet) or Codec(None, None)
    return Codec("other", None) if packet.startswith(_SKELETON) else Codec(None, None)


def opus_packet(packet: bytes) -> int:
    """Samples of an Opus packet, by its first two bytes (RFC 6716 3.1, 3.2)."""
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
    return int.from_bytes(data[at : at + length], "big")


def _sound(name: str, rate: int, channels: int, packet: int) -> Codec:
    return Codec("audio", name, rate, rate or None, channels or None, packet)


def _vorbis(data: bytes) -> Codec | None:
    if len(data) < 30:
        return None
    # A packet gives a quarter of its own block and a quarter of the one before (4.3.8).
    return _sound("vorbis", _little(data, 12, 4), data[11], (1 << (data[28] >> 4)) // 2)


def _opus(data: bytes) -> Codec | None:
    if len(data) < 19:
        return None
    return _sound("opus", _OPUS_RATE, data[9], 0)


def _flac(data: bytes) -> Codec | None:
    info = stream_info(data[13 : 13 + BLOCK])
    return _sound("flac", info.rate, info.channels, info.block) if info else None


def _speex(data: bytes) -> Codec | None:
    if len(data) < 68:
        return None
    return _sound("speex", _little(data, 36, 4), _little(data, 48, 4), _little(data, 56, 4) * _little(data, 64, 4))


def _theora(data: bytes) -> Codec | None:
    if len(data) < 42 or not _big(data, 22, 4) or not _big(data, 26, 4):
        return None
    fps = _big(data, 22, 4) / _big(data, 26, 4)
    wide, high = _big(data, 30, 3), _big(data, 33, 3)
    return Codec(
        "video",
        "theora",
        fps,
        packet=1,
        shift=_big(data, 40, 2) >> 5 & 31,
        width=_big(data, 14, 3) or None,
        height=_big(data, 17, 3) or None,
        pixel_aspect_ratio=wide / high if wide and high else None,
        first=0 if _big(data, 7, 3) >= 0x030201 else 1,
    )


_READERS: Final = (
    (b"\x01vorbis", _vorbis),
    (b"OpusHead", _opus),
    (b"\x7fFLAC", _flac),
    (b"Speex   ", _speex),
    (b"\x80theora", _theora),
)
