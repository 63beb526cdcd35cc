"""Test that every fixture has its declared facts, as a stored file and regenerated."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from preflight import catalog
from preflight.checker import examine, plan_for
from preflight.media import Media
from preflight.probes import probe
from preflight.sources.local import LocalSource
from preflight.sources.memory import MemorySource
from tests.conftest import ROOT

sys.path.append(str(ROOT / "fixtures"))

from make import every_fixture
from makers import Fixture

ALL = every_fixture()
LARGEST = 64_000


def differing(media: Media, facts: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the facts that are not as declared: ours and the declared one."""
    ours = media.facts()
    return {name: (ours[name], value) for name, value in facts.items() if not _same(ours[name], value)}


def _same(ours: Any, declared: Any) -> bool:
    if isinstance(declared, float) and isinstance(ours, int | float):
        return abs(ours - declared) <= max(0.03, 0.002 * declared)  # an encoder may pad by one audio frame
    return bool(list(ours) == list(declared) if isinstance(declared, list | tuple) else ours == declared)


def test_fixtures_have_the_declared_facts(fixtures: Path) -> None:
    wrong = {}
    for fixture in ALL:
        source = LocalSource(fixtures / fixture.name)
        media = probe(source)
        source.close()
        if (different := differing(media, fixture.facts)) or source.size > LARGEST:
            wrong[fixture.name] = (different, f"{source.size} bytes", fixture.why)
    assert wrong == {}


def wrong_when_made(made: Iterable[Fixture]) -> dict[str, tuple[object, str]]:
    """Return the fixtures that have other facts than declared when they are made anew."""
    pytest.importorskip("av", reason="making fixtures needs PyAV: pip install 'preflight-media[fixtures]'")
    different = ((fixture, differing(probe(MemorySource(fixture.make())), fixture.facts)) for fixture in made)
    return {fixture.name: (facts, fixture.why) for fixture, facts in different if facts}


def test_regenerated_fixture_of_each_format_has_the_same_facts() -> None:
    plain_last = sorted(ALL, key=lambda fixture: -len(fixture.name))
    assert wrong_when_made({Path(fixture.name).suffix: fixture for fixture in plain_last}.values()) == {}


@pytest.mark.slow
def test_regenerated_fixtures_have_the_same_facts() -> None:
    assert wrong_when_made(ALL) == {}


def test_every_fixture_has_a_maker(fixtures: Path) -> None:
    made = {fixture.name for fixture in ALL}
    found = {str(path.relative_to(fixtures)) for path in fixtures.rglob("*") if path.is_file()}
    stray = {name for name in found - made if not name.endswith((".py", ".md", ".pyc"))}
    assert not stray


def test_accepted_fixtures_pass_and_refused_fixtures_fail(fixtures: Path) -> None:
    plan = plan_for("atlas")
    for fixture in ALL:
        folder = fixture.name.split("/")[0]
        if folder == "accepted" or (folder == "refused" and "codec" not in fixture.name):
            report = examine(str(fixtures / fixture.name), plan)
            assert report.verdict == ("pass" if folder == "accepted" else "fail"), (fixture.name, report.findings)


def test_each_way_to_fail_has_its_own_code(fixtures: Path) -> None:
    codes = {
        "too-narrow": "width_too_small",
        "too-low": "height_too_small",
        "too-wide": "width_too_large",
        "too-high": "height_too_large",
        "ratio-too-small": "aspect_ratio_too_small",
        "ratio-too-large": "aspect_ratio_too_large",
        "too-short": "duration_too_short",
        "too-long": "duration_too_long",
        "too-few-pixels": "pixel_count_too_small",
        "too-many-pixels": "pixel_count_too_large",
        "fps-too-low": "fps_too_low",
        "fps-too-high": "fps_too_high",
        "codec-mpeg4": "video_codec_unsupported",
    }
    plan = plan_for("atlas,seedance-2.0")
    seen = set()
    for fixture in ALL:
        way = next(
            (way for way in sorted(codes, key=len, reverse=True) if fixture.name.rsplit(".", 1)[0].endswith(f"-{way}")),
            None,
        )
        if fixture.name.startswith("refused/") and way is not None:
            report = examine(str(fixtures / fixture.name), plan)
            assert codes[way] in {finding.code for finding in report.findings}, fixture.name
            seen.add(way)
    assert seen == set(codes)


def test_fixtures_readme_lists_every_file(fixtures: Path) -> None:
    text = (fixtures / "README.md").read_text(encoding="utf-8")
    missing = [fixture.name for fixture in ALL if f"`{fixture.name}`" not in text]
    assert not missing, "python fixtures/make.py writes it"


def check_plain_json(path: str, rules: str) -> None:
    report = examine(path, plan_for(rules)).as_json()
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_reports_of_all_fixtures_are_plain_json(fixtures: Path) -> None:
    """Each fixture is judged by some of the rule sets, and each rule set judges some of the fixtures."""
    for number, fixture in enumerate(ALL):
        check_plain_json(str(fixtures / fixture.name), ",".join(catalog.names()[number % 10 :: 10]))


@pytest.mark.slow
def test_reports_of_all_fixtures_by_all_rule_sets_are_plain_json(fixtures: Path) -> None:
    for fixture in ALL:
        check_plain_json(str(fixtures / fixture.name), "all")
