"""Compare facts of coding, color and tracks with `anatomy.jsonl`: values on which at least two tools agree."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import SourceError
from preflight.probes import probe
from preflight.sources.local import LocalSource

FAMILIES = frozenset(("3gp", "avif", "heic", "heif", "m4a", "m4v", "mov", "mp4"))
"""Formats of ISO base media files."""
FACTS = (
    *("bit_depth", "chroma", "color_model", "transfer", "primaries", "hdr", "animated", "location"),
    *("scan", "video_profile", "video_level", "video_bit_rate", "keyframe_interval", "video_tracks"),
    *("audio_profile", "audio_bit_rate", "sample_bits", "audio_tracks", "fragmented", "edit_list"),
)
LEAST = 0.995
FEW = 200
"""Of fewer known values at most one may differ."""

EXPLAINED = {
    ("hdr", "AOMediaCodec+libavif/b672cfd5-seine_sdr_gainmap_big_srgb.avif"): "the corpus leaves out gain maps",
    ("edit_list", "androidx+media/f8ed82df-sample_vvc.mp4"): "the edit begins where the first picture is shown",
    **{
        (fact, "sindresorhus+file-type/29d69583-fixture-moov.mov"): "the file ends inside its moov box"
        for fact in ("video_tracks", "audio_tracks", "edit_list", "location")
    },
}
"""Differences for which KNOWN_LIMITS.md gives the reason."""


def agrees(fact: str, ours: Any, known: Any) -> bool:
    """Return whether two values agree: bit rates within 3 %, times within 2 % or a frame, profiles by their words."""
    if fact.endswith("bit_rate"):
        return bool(abs(ours - known) <= 0.03 * known)
    if fact == "keyframe_interval":
        return bool(abs(ours - known) <= max(0.06, 0.02 * known))
    if fact == "video_level":
        return bool(abs(ours - known) < 0.01)
    return words(ours) == words(known)


def words(value: Any) -> Any:
    return value.replace("_", " ").removeprefix("constrained ") if isinstance(value, str) else value


@pytest.fixture(scope="module")
def compared(corpus: Path) -> tuple[dict[str, Counter[str]], list[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    differences = []
    for line in (corpus / "anatomy.jsonl").read_text(encoding="utf-8").splitlines():
        known = json.loads(line)
        source = LocalSource(corpus / "files" / known["path"])
        try:
            media = probe(source)
        except SourceError:
            continue
        finally:
            source.close()
        if media.format not in FAMILIES:
            continue
        if known["edit_list"]:
            known["edit_list"] = known["note"]["edit_list_more_than_codec_delay"]
        for fact in FACTS:
            if known[fact] is None or (fact, known["path"]) in EXPLAINED:
                continue
            ours = getattr(media, fact)
            outcome = "silent" if ours is None else "equal" if agrees(fact, ours, known[fact]) else "different"
            counts[fact][outcome] += 1
            if outcome != "equal":
                differences.append(f"{fact} of {known['path']}: ours {ours}, corpus {known[fact]}")
    return counts, differences


@pytest.mark.parametrize("fact", FACTS)
def test_facts_of_iso_base_media_files_agree(fact: str, compared: tuple[dict[str, Counter[str]], list[str]]) -> None:
    counts, differences = compared
    count = counts[fact]
    wrong = count.total() - count["equal"]
    assert count["equal"] > 0
    assert wrong <= 1 if count.total() < FEW else count["equal"] / count.total() >= LEAST, differences
