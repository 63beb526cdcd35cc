"""Files that services refused, as their users reported it: each is fixed, and other tools agree that it passes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from preflight.checker import check
from preflight.fixer import fix
from tests.bench.independent import facts_of
from tests.bench.limits import opinion
from tests.bench.opening import opened
from tests.fixer.complaints_table import COMPLAINTS, Complaint

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("ffmpeg", "ffprobe", "exiftool"))), reason="needs ffmpeg, ffprobe and exiftool"
)

SHORT = {"small.webp", "phone.heic", "wide.jpg", "split.mp4", "word.mp3"}
"""The complaints that are always tested."""


def cases() -> list[object]:
    """Return all complaints; those that are not in the short form are slow."""
    slow = pytest.mark.slow
    return [pytest.param(each, id=each.name, marks=() if each.name in SHORT else slow) for each in COMPLAINTS]


@pytest.mark.parametrize("complaint", cases())
def test_refused_file_becomes_an_accepted_one(tmp_path: Path, complaint: Complaint) -> None:
    source = complaint.make(tmp_path / complaint.name)
    before = {path.name for path in tmp_path.iterdir()}
    assert check(str(source), complaint.rules).verdict == "fail"
    result = fix(source, complaint.rules, **complaint.options)
    assert (result.outcome, result.problem) == ("fixed", None)
    assert result.output is not None
    assert " ".join(step.action for step in result.plan.steps) == complaint.steps
    output = Path(result.output)
    facts = facts_of(output)
    assert opinion(facts, complaint.rules).verdict == "pass"
    assert opened(output, facts, None).problems == {}
    assert {path.name for path in tmp_path.iterdir()} == {*before, output.name}


@pytest.mark.parametrize(
    ("name", "parameter"), [("word.mp3", "extend"), ("moment.mp4", "extend")], ids=["audio", "video"]
)
def test_nothing_is_invented_without_the_choice(tmp_path: Path, name: str, parameter: str) -> None:
    (complaint,) = (each for each in COMPLAINTS if each.name == name)
    result = fix(complaint.make(tmp_path / name), complaint.rules)
    assert (result.outcome, result.output) == ("not_fixable", None)
    assert [obstacle.parameter for obstacle in result.plan.obstacles] == [parameter]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_forty_complaints_name_where_they_were_reported_or_a_published_limit() -> None:
    assert len(COMPLAINTS) >= 40
    assert sum(bool(each.link) for each in COMPLAINTS) >= 30
    assert len({each.name for each in COMPLAINTS}) == len(COMPLAINTS)
    assert {each.name for each in COMPLAINTS} >= SHORT
