"""Read Ogg (RFC 3533) with Vorbis, Opus, FLAC, Speex and Theora: codecs from the first pages, duration from the last.

The duration is the container's: from the first granule position to the last, including the pre-skip of Opus of some
milliseconds, as ffprobe and MediaInfo count it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final, NamedTuple

from preflight.media import NONE, Media, Need, size_facts
from preflight.probes.audio_tags import leading_tags
from preflight.probes.coded_pictures import picture_facts
from preflight.probes.ogg.streams import BEGINS_STREAM, WHOLE_PAGE_BYTES, Streams, all_pages, pages
from preflight.sources import EndOfFile, Source

_HEAD_BYTES: Final = 8 << 10
"""Bytes that hold the first pages of all streams, and usually the first page with audio."""
_MAX_PAGES: Final = 100_000
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


def read(source: Source, need: Need, _name: str) -> Media:
    """Return the facts of an Ogg file. Read all of a file of several chained links, up to `need.max_bytes`."""
    start = leading_tags(source).end
    head = source.read_at(start, _HEAD_BYTES)
    streams, resume, complete, headers = Streams(), 0, True, 0
    for page, end in pages(head):
        streams.add(page)
        complete = page.complete
        resume = end if complete else resume
        headers = headers or (end - page.length if streams.has_data else 0)
    if not streams.codecs:
        raise EndOfFile("no first page")
    notes: tuple[str, ...] = ("cover_art",) if _PICTURE_COMMENT in head else ()
    seconds = None
    coded = _CodedBytes(streams, 0.0)
    if source.size is not None:
        wants_rates = not need.facts.isdisjoint(_RATE_FACTS)
        data = _data_start(source, streams, start + (headers or resume)) if wants_rates else None
        if start + resume < source.size:
            complete = _read_tail(source, start + resume, streams)
        wanted = not need.facts.isdisjoint(("bit_rate", "duration"))
        seconds = (_chain_seconds(source, need, start) if wanted else None) if streams.chained else streams.seconds
        notes = notes if complete else (*notes, "truncated")
        if wants_rates:
            coded = _coded_bytes(source, streams, start + resume, data)
        if streams.chained and wanted and seconds is None:
            notes += ("read_limit",)
    media = _media(source, streams, seconds, notes, coded)
    # The pattern is slow, and hardly any file has the word.
    located = b"location" in head.lower() and _LOCATION_COMMENT.search(head) is not None
    return media._replace(location=located)


def _read_tail(source: Source, at: int, streams: Streams) -> bool:
    """Add the last pages of the file, from `at` on; return whether the last one is complete."""
    assert source.size is not None
    tail = max(at, source.size - WHOLE_PAGE_BYTES)
    if tail > at:
        streams.begun = True
        streams.ends.clear()
        for serial in streams.codecs:
            streams.starts.setdefault(serial, 0)  # the first page with audio follows large tags and is not searched
    complete = False
    for page, _ in pages(source.read_at(tail, source.size - tail)):
        streams.add(page)
        complete = page.complete
    return complete


class _CodedBytes(NamedTuple):
    """The coded bytes of streams: those in the pages that were added, times `factor`; 0: not known."""

    streams: Streams
    factor: float

    def bit_rate(self, serial: int) -> int | None:
        """Return the average bits/s of a stream."""
        codec, coded = self.streams.codecs[serial], self.streams.coded[serial]
        if self.streams.chained or not self.factor or serial not in self.streams.ends:
            return None
        units = self.streams.length(serial)
        return round(coded.bytes * self.factor * 8 * codec.rate / units) or None if units else None

    def keyframe_interval(self, serial: int) -> float | None:
        """Return the longest time between two key frames in s."""
        keys = sorted(self.streams.coded[serial].keys)
        if self.factor != 1 or len(keys) < 2:
            return None
        return max(later - earlier for earlier, later in pairwise(keys)) / self.streams.codecs[serial].rate


def _coded_bytes(source: Source, streams: Streams, resume: int, start: int | None) -> _CodedBytes:
    """Return the coded bytes: counted in all pages, or of a single stream by the pages at both ends.

    The pages of one stream hardly differ in their share of page headers, which is about 1 %.

    resume  end of the pages at the start of the file that were counted
    start   where the first page behind the headers begins; None: not known
    """
    assert source.size is not None
    if resume >= source.size - WHOLE_PAGE_BYTES:
        return _CodedBytes(streams, 1.0)
    if len(streams.codecs) == 1:
        coded = next(iter(streams.coded.values()))
        return _CodedBytes(streams, (source.size - start) / coded.page_bytes if start and coded.page_bytes else 0.0)
    if source.remote or source.size > _MAX_WALKED_BYTES:
        return _CodedBytes(streams, 0.0)
    walked = Streams()
    for count, page in enumerate(all_pages(source, 0)):
        if count >= _MAX_PAGES:
            return _CodedBytes(streams, 0.0)
        walked.add(page)
    return _CodedBytes(walked, 1.0)


def _data_start(source: Source, streams: Streams, at: int) -> int | None:
    """Return where the first page behind the headers begins; None if only more requests would tell.

    at  where it begins if it was added, else the page after those that were added
    """
    (serial, coded), *_ = streams.coded.items()
    if coded.begun or source.remote or at >= (source.size or 0) - WHOLE_PAGE_BYTES:
        return at if coded.begun else None
    for _ in range(_MAX_HEADER_PAGES):
        found = next(pages(source.read_at(at, _MAX_PAGE_HEADER_BYTES)), None)
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
    seconds, link = 0.0, Streams()
    for count, page in enumerate(all_pages(source, start)):
        if count >= _MAX_PAGES:
            return None
        if page.flags & BEGINS_STREAM and link.begun:
            seconds += link.seconds or 0.0
            link = Streams()
        link.add(page)
    return seconds + (link.seconds or 0.0)


def _media(
    source: Source, streams: Streams, seconds: float | None, notes: tuple[str, ...], coded: _CodedBytes
) -> Media:
    codecs = streams.codecs
    videos, audios = ([serial for serial in codecs if codecs[serial].kind == kind] for kind in ("video", "audio"))
    video = codecs[videos[0]] if videos else None
    audio = codecs[audios[0]] if audios else None
    absent = None if any(codec.kind is None for codec in codecs.values()) else NONE
    is_counted = bool(videos or audios) and not streams.uncounted
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
        video_tracks=len(videos) if is_counted else None,
        audio_tracks=len(audios) if is_counted else None,
        notes=notes,
        **picture,
    )


def _picture(coded: _CodedBytes, serial: int) -> dict[str, Any]:
    """Return the facts of Theora, which has no interlaced frames."""
    codec = coded.streams.codecs[serial]
    return {
        **picture_facts(codec.coding),
        "scan": "progressive",
        "video_bit_rate": coded.bit_rate(serial) or codec.nominal or None,
        "keyframe_interval": coded.keyframe_interval(serial),
    }
