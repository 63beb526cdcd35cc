"""MPEG audio: mp3, and mp2 and mp1, which differ in the layer alone.

A file states neither length nor duration; the headers that encoders add are believed where they fit the file. A cut
sample's tells the length of the original: there, and without a header, the frames themselves are measured, as whoever
decodes the file will find them.
"""

from __future__ import annotations

from math import isclose
from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import ID3, tags_after, tags_before
from preflight.probes.mpeg_audio.frames import walk
from preflight.probes.mpeg_audio.layers import Kind, Place, locate, search
from preflight.sources import Source

_SAMPLE: Final = 8 << 10
_SMALL: Final = 32 << 10
"""Bytes of sound that are walked at once: sampling would read most of them too."""
_ID3V1: Final = 128
"""Bytes of ID3v1."""


class Length(NamedTuple):
    """s and bit/s of a stream, each None where unknown, and what to note about them."""

    seconds: float | None
    bit_rate: int | None
    notes: tuple[str, ...] = ()


def read(source: Source, need: Need, name: str) -> Media:
    """Facts of a file of MPEG audio; `name` says only what `sniff` took it for, the layer says what it is."""
    tags = tags_before(source)
    notes: tuple[str, ...] = ("cover_art",) if tags.picture else ()
    place = locate(source, tags.end)
    if place is None and tags.overlong(source):
        place = locate(source, ID3)
        notes += ("bad_header",) if place else ()
    if place is None:
        return Media(kind="audio", format=name, size=source.size, video_codec=NONE, notes=(*notes, "truncated"))
    if place.at > tags.end:
        notes += ("leading_garbage",)
    length = measure(source, need, place)
    layer = f"mp{place.kind.layer}"
    return Media(
        kind="audio",
        format=layer,
        size=source.size,
        duration=length.seconds,
        video_codec=NONE,
        audio_codec=layer,
        sample_rate=place.kind.rate,
        channels=place.channels,
        bit_rate=length.bit_rate,
        notes=notes + length.notes,
    )


def measure(source: Source, need: Need, place: Place) -> Length:
    """How long the stream at `place` plays: as its header states where that fits the file, else measured."""
    header = stream_header(place)
    first, stated, misfit = place.at, 0.0, None
    if header is not None:
        first += place.length
        if header.frames:
            stated = header.frames * place.kind.samples / place.kind.rate
            misfit = _misfit(source, place, header, header.frames)
            if misfit is None:
                return Length(stated, _stated_rate(place, header, stated))
    if source.size is None or need.facts.isdisjoint(("duration", "bit_rate")):
        return Length(None, None)
    length = _counted(source, need, place.kind, first, tags_after(source, first, source.size))
    if misfit and (length.seconds is None or not isclose(length.seconds, stated)):
        return length._replace(notes=(misfit, *length.notes))
    return length


def _misfit(source: Source, place: Place, header: StreamHeader, frames: int) -> str | None:
    """None where the header's numbers fit the file, else the note that says how they do not."""
    if source.size is None:
        return None
    there = source.size - place.at
    lengths = [length for length in place.kind.lengths if length]
    # Most encoders count the header's own frame among the bytes and not among the frames.
    if not min(lengths) * frames <= (header.length or there) <= max(lengths) * (frames + 1):
        return "bad_header"
    if not header.length or header.agrees(there) or there - header.length == _ID3V1:
        return None
    if there > header.length:
        there = tags_after(source, place.at, source.size) - place.at
        return None if header.agrees(there) else "bad_header"
    return "truncated"


def _stated_rate(place: Place, header: StreamHeader, seconds: float) -> int | None:
    following = place.data[place.length + 2 : place.length + 3]
    if header.constant and following:  # the header's own frame may have another bit rate
        return place.kind.rates[following[0] >> 4] or None
    return round(header.length * 8 / seconds) if header.length else None


def _counted(source: Source, need: Need, kind: Kind, start: int, end: int) -> Length:
    """The duration by size where all sampled frames have one bit rate, else by counting all frames."""
    if end - start > _SMALL:
        bit_rate = _constant_rate(source, kind, start, end)
        if bit_rate:
            return Length((end - start) * 8 / bit_rate, bit_rate, ("estimated_duration",))
    counted = walk(source, start, end, kind) if end - start <= need.max_bytes else None
    if counted is None:
        return Length(None, None, ("read_limit",) if end > start else ())
    average = counted.coded * 8 / counted.seconds
    nominal = min(kind.rates, key=lambda rate: abs(rate - average))
    # A few frames of a constant bit rate have not their exact share of padding.
    bit_rate = nominal if abs(nominal - average) < average / 100 else round(average)
    return Length(counted.seconds, bit_rate, ("trailing_data",) if counted.end + 4 <= end else ())


def _constant_rate(source: Source, kind: Kind, start: int, end: int) -> int | None:
    """The bit rate of the frames at head, middle and tail, if it is the same in all and nothing stands between them."""
    indexes: set[int] = set()
    for offset in (start, (start + end) // 2, end - _SAMPLE):
        data = source.read_at(offset, min(_SAMPLE, end - offset))
        at = 0
        if offset != start:
            place = search(data, 0, offset + len(data) >= end)
            if place is None or place[1] != kind:
                return None
            at = place[0]
        while at + 4 <= len(data):
            frames, behind = kind.run(data, at, 1)
            if not frames:
                return None
            indexes.add(data[at + 2] >> 4)
            at = behind
    return kind.rates[indexes.pop()] if len(indexes) == 1 else None


_SIDE_INFO: Final = {(True, 1): 17, (True, 2): 32, (False, 1): 9, (False, 2): 17}
"""Bytes between header and tag, by (MPEG-1, channels): the side information of a silent layer III frame."""
_MPEG1: Final = 0x18
"""Both bits of the version in the second header byte."""
_WORDS: Final = (b"Xing", b"Info")
_MAX_SLACK: Final = 1.5


class StreamHeader(NamedTuple):
    """frames, length: of the sound, as stated (None: not stated); constant: the encoder wrote one bit rate."""

    frames: int | None
    length: int | None
    constant: bool

    def agrees(self, length: int) -> bool:
        """Whether `length` bytes of sound can be what was meant: to a frame and a half, as some do not count theirs."""
        if self.length is None or not self.frames:
            return False
        return abs(length - self.length) <= max(_MAX_SLACK * self.length / self.frames, 4)


def stream_header(place: Place) -> StreamHeader | None:
    """The header in the frame at `place`, which then is no sound itself."""
    if place.kind.layer != 3:
        return None
    data = place.data
    if data.startswith(b"VBRI", 36) and len(data) >= 54:
        return StreamHeader(int.from_bytes(data[50:54], "big"), int.from_bytes(data[46:50], "big"), False)
    at = 4 + _SIDE_INFO[place.kind.second & _MPEG1 == _MPEG1, place.channels]
    if data[at : at + 4] not in _WORDS:
        at += 2  # some encoders count the CRC of a protected frame
    if data[at : at + 4] not in _WORDS or len(data) < at + 16:
        return None
    flags, fields = data[at + 7], at + 8
    frames = length = None
    if flags & 1:
        frames = int.from_bytes(data[fields : fields + 4], "big")
        fields += 4
    if flags & 2:
        length = int.from_bytes(data[fields : fields + 4], "big")
    return StreamHeader(frames, length, data.startswith(b"Info", at))
