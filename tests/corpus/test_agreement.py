"""Compare probed facts with values on which at least two independent tools agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from tests.corpus.conftest import Row

Equal = Callable[[Any, Any], bool]


def same(ours: Any, known: Any) -> bool:
    return ours == known


def same_name(ours: str, known: str) -> bool:
    """Return the format as the corpus names it, for which heic and heif are one."""
    return {"heic": "heif"}.get(ours, ours) == {"heic": "heif"}.get(known, known)


def same_sound(ours: str, known: str) -> bool:
    """Return the codec as the corpus names it, which counts A-law and µ-law as pcm."""
    return ({"alaw": "pcm", "mulaw": "pcm"}.get(ours, ours) if known == "pcm" else ours) == known


def near(relative: float, absolute: float) -> Equal:
    return lambda ours, known: abs(ours - known) <= max(absolute, relative * abs(known))


FACTS: dict[str, tuple[str, Equal]] = {
    "kind": ("kind", same),
    "format": ("format", same_name),
    "size": ("bytes", same),
    "stored_width": ("width", same),
    "stored_height": ("height", same),
    "width": ("display_width", same),
    "height": ("display_height", same),
    "duration": ("duration_s", near(0.005, 0.06)),
    "fps": ("fps", near(0.003, 0.02)),
    "video_codec": ("codec_video", same_name),
    "audio_codec": ("codec_audio", same_sound),
}

EXPLAINED: frozenset[tuple[str, str]] = frozenset()
"""(fact, path) where our value is right; KNOWN_LIMITS.md gives the reason for each."""


def compared(rows: list[Row]) -> tuple[dict[str, Counter[str]], list[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    differences = []
    for row in rows:
        media = row.report.media
        for fact, (name, equal) in FACTS.items():
            known = row.known[name]
            if known is None or not concerns(fact, row.known["kind"]):
                continue
            ours = getattr(media, fact) if media is not None else None
            outcome = "silent" if ours is None else "equal" if equal(ours, known) else "different"
            counts[fact][outcome] += 1
            if outcome != "equal" and (fact, row.path) not in EXPLAINED:
                differences.append(f"{fact} of {row.path}: ours {ours}, corpus {known}")
    return counts, differences


def concerns(fact: str, kind: str) -> bool:
    if fact in ("width", "height", "stored_width", "stored_height"):
        return kind != "audio"
    if fact in ("duration", "audio_codec"):
        return kind in ("video", "audio")
    return kind == "video" if fact in ("fps", "video_codec") else True


def table(title: str, counts: dict[str, Counter[str]]) -> str:
    lines = [f"\n{title}", f"{'fact':14}{'known':>7}{'equal':>7}{'different':>11}{'silent':>8}{'share':>11}"]
    for fact, count in counts.items():
        total = count.total()
        share = count["equal"] / total
        lines.append(f"{fact:14}{total:7}{count['equal']:7}{count['different']:11}{count['silent']:8}{share:11.4%}")
    return "\n".join(lines)


def test_all_known_values_of_core_files_agree(core: list[Row], capsys: pytest.CaptureFixture[str]) -> None:
    counts, differences = compared(core)
    with capsys.disabled():
        print(table(f"{len(core)} core files", counts))
    assert not differences
    for fact, count in counts.items():
        assert count["equal"] / count.total() >= 0.997, fact


def test_95_percent_of_known_values_of_other_files_agree(rows: list[Row], capsys: pytest.CaptureFixture[str]) -> None:
    other = [row for row in rows if row.known["class"] == "other"]
    counts, differences = compared(other)
    with capsys.disabled():
        print(table(f"{len(other)} files of other formats", counts))
    for fact, count in counts.items():
        assert count["equal"] / count.total() >= 0.95, (fact, differences)


def test_files_that_are_media_only_by_name_fail(rows: list[Row]) -> None:
    lookalikes = [row for row in rows if row.known["class"] == "lookalike"]
    assert len(lookalikes) > 30
    for row in lookalikes:
        assert row.report.verdict == "fail", row.path
        assert row.report.media is not None
        assert row.report.media.kind is None or row.known["format"] not in ("pdf", "svg", "zip", "gzip"), row.path


def test_every_file_is_reported_within_a_second(rows: list[Row]) -> None:
    slow = {row.path: round(row.seconds, 2) for row in rows if row.seconds > 1}
    assert not slow
    for row in rows:
        assert row.report.error is None or row.report.error.code in ("probe_timeout", "probe_crashed"), row
