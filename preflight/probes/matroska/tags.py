"""Read Matroska tags (RFC 9559 5.1.8): where the film was recorded, and the statistics that mkvmerge writes."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from preflight.probes.matroska import ebml

_TAG, _TARGETS, _TRACK_UID = 0x7373, 0x63C0, 0x63C5
_SIMPLE_TAG, _NAME, _STRING = 0x67C8, 0x45A3, 0x4487
_COORDINATES: Final = re.compile(r"[+-]\d+(\.\d+)?[+-]\d", re.ASCII)
"""Latitude and longitude (ISO 6709)."""
_BIT_RATE: Final = "BPS"
_STATISTICS_WRITER: Final = "_STATISTICS_WRITING_APP"
_MAX_BIT_RATE: Final = 1 << 40


class Tags(NamedTuple):
    """Whether a tag has coordinates, and the bit/s of tracks by their UID."""

    location: bool
    bit_rates: dict[int, int]


def read_tags(data: bytes, writer: str) -> Tags:
    """Return what a Tags element says; `writer`: the application that wrote the file.

    Other applications copy the statistics of mkvmerge from one file to another, where they do not hold.
    """
    location, bit_rates = False, {}
    for tag, start, end in ebml.children(data):
        if tag != _TAG:
            continue
        uid, values = _read_tag(data, start, end)
        location |= any("LOCATION" in name and _COORDINATES.match(value) for name, value in values.items())
        bit_rate = values.get(_BIT_RATE, "")
        if uid and values.get(_STATISTICS_WRITER) == writer and bit_rate.isdecimal():
            bit_rates[uid] = min(int(bit_rate[:16]), _MAX_BIT_RATE)
    return Tags(location, bit_rates)


def _read_tag(data: bytes, start: int, end: int) -> tuple[int, dict[str, str]]:
    """Return the UID of the track that a tag describes (0: none), and its values by name, without the language."""
    uid, values = 0, {}
    for identifier, begin, stop in ebml.children(data, start, end):
        fields = {child: (first, last) for child, first, last in ebml.children(data, begin, stop)}
        if identifier == _TARGETS and _TRACK_UID in fields:
            uid = ebml.read_uint(data, *fields[_TRACK_UID])
        elif identifier == _SIMPLE_TAG and _NAME in fields and _STRING in fields:
            name = ebml.read_text(data, *fields[_NAME]).upper()
            values[name.removesuffix("-ENG")] = ebml.read_text(data, *fields[_STRING])
    return uid, values
