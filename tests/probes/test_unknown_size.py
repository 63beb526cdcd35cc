"""Sources whose size nobody states: what is read of them is right, or unknown."""

from __future__ import annotations

from recording import edited, fixtures

from preflight.errors import SourceError
from preflight.media import Media
from preflight.probes import probe
from preflight.sources.memory import MemorySource

DOUBTFUL = {"bad_header", "estimated_duration", "no_moov", "trailing_data", "truncated"}
"""Notes on files whose headers differ from what is there, which only the size shows."""


class Unsized(MemorySource):
    size = None  # type: ignore[assignment]

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        del self.size


def read(source: MemorySource) -> Media | None:
    try:
        return probe(source)
    except SourceError:
        return None


def test_facts_without_the_size_are_the_same_or_unknown() -> None:
    compared = 0
    for name in fixtures():
        data = edited(name, 0)
        media = read(MemorySource(data))
        # The orientation after the image data of a PNG is only looked for where the end is known.
        if media is None or DOUBTFUL & set(media.notes) or ("png-orientation" in name and "behind" in name):
            continue
        unsized = read(Unsized(data))
        assert unsized is not None, name
        assert unsized.size is None
        known, found = media.facts(), unsized.facts()
        wrong = {fact for fact, value in found.items() if value is not None and value != known[fact]} - {"notes"}
        assert not wrong, (name, wrong)
        compared += 1
    assert compared > 300
