"""Compare our verdicts with those that follow from the corpus' values: no false pass, no false fail."""

from __future__ import annotations

from typing import Any

import pytest

from preflight.checker import CheckPlan
from preflight.judge import judge
from preflight.limit import Limit
from preflight.ruleset import compile_ruleset
from tests.corpus.conftest import Row

IMAGES = {"jpeg", "png", "webp", "bmp", "tiff", "gif", "heif"}
MB, MIB = 10**6, 2**20

Check = tuple[str, Any, Any]
"""Field of the corpus, whether a value is within the published limit, and within the tolerated one."""


def closed(low: float, high: float) -> Any:
    return lambda value: low <= value <= high


def opened(low: float, high: float) -> Any:
    return lambda value: low < value < high


def below(high: float) -> Any:
    return lambda value: value < high


def at_most(high: float) -> Any:
    return lambda value: value <= high


def one_of(*names: str) -> Any:
    return lambda value: value in names


# Typed from the published pages, not from rules/: what the rule files say is under test here.
SIDES_CLOSED: list[Check] = [
    ("display_width", closed(300, 6000), closed(300, 6000)),
    ("display_height", closed(300, 6000), closed(300, 6000)),
    ("ratio", closed(0.4, 2.5), closed(0.4, 2.5)),
]
SIDES_OPEN: list[Check] = [
    ("display_width", opened(300, 6000), closed(300, 6000)),
    ("display_height", opened(300, 6000), closed(300, 6000)),
    ("ratio", opened(0.4, 2.5), closed(0.4, 2.5)),
]
PICTURE: list[Check] = [("format", one_of(*IMAGES), one_of(*IMAGES)), ("bytes", below(30 * MB), below(30 * MIB))]
FPS: Check = ("fps", closed(24, 60), closed(23.97, 60.5))
FILM: Check = ("format", one_of("mp4", "mov"), one_of("mp4", "mov"))
SOUND: Check = ("format", one_of("wav", "mp3"), one_of("wav", "mp3"))
SOUND_SIZE: Check = ("bytes", at_most(15 * MB), at_most(15 * MIB))

DEMANDS: dict[str, dict[str, list[Check]]] = {
    "atlas": {
        "image": [*PICTURE, *SIDES_CLOSED],
        "video": [
            FILM,
            *SIDES_CLOSED,
            FPS,
            ("pixels", closed(409_600, 927_408), closed(409_600, 927_408)),
            ("duration_s", closed(2, 15), closed(2, 15.2)),
            ("bytes", at_most(50 * MB), at_most(50 * MIB)),
        ],
        "audio": [SOUND, SOUND_SIZE, ("duration_s", closed(2, 15), closed(2, 15.2))],
    },
    "volcengine": {
        "image": [*PICTURE, *SIDES_OPEN],
        "video": [
            FILM,
            *SIDES_CLOSED,
            FPS,
            ("pixels", closed(407_696, 8_295_044), closed(407_696, 8_295_044)),
            ("duration_s", closed(2, 30), closed(2, 30.2)),
            ("bytes", at_most(200 * MB), at_most(200 * MIB)),
        ],
        "audio": [SOUND, SOUND_SIZE, ("duration_s", closed(2, 30), closed(2, 30.2))],
    },
    "agentsflare": {"image": [*PICTURE, *SIDES_OPEN]},
}


def value_of(known: dict[str, Any], field: str) -> Any:
    width, height = known["display_width"], known["display_height"]
    if field == "ratio":
        return width / height if width and height else None
    if field == "pixels":
        return width * height if width and height else None
    return known[field]


def demanded(known: dict[str, Any], rules: str, *, strict: bool) -> str | None:
    """Return the verdict that follows from the corpus' values; None if they are not sufficient."""
    checks = DEMANDS[rules].get(known["kind"])
    if checks is None:
        return "fail"
    outcomes = [
        None if value is None else published(value) if strict else tolerated(value)
        for field, published, tolerated in checks
        for value in [value_of(known, field)]
    ]
    if False in outcomes:
        return "fail"
    return None if None in outcomes else "pass"


@pytest.mark.parametrize("strict", [False, True], ids=["plain", "strict"])
@pytest.mark.parametrize("rules", list(DEMANDS))
def test_verdict_follows_from_known_values(
    core: list[Row], plan: CheckPlan, rules: str, strict: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    (ruleset,) = (one for one in plan.rules if one.name == rules)
    agreed, wrong, open_ = 0, [], 0
    for row in core:
        expected = demanded(row.known, rules, strict=strict)
        result = judge(row.report.media, ruleset, strict=strict)
        if expected is None:
            open_ += 1
            if result.verdict == "unknown":
                assert any(finding.code == "fact_unknown" for finding in result.findings), row.path
        elif result.verdict == expected:
            agreed += 1
        else:
            wrong.append(f"{row.path}: {result.verdict}, the values demand {expected}: {result.findings}")
    with capsys.disabled():
        print(f"\n{rules}{' --strict' if strict else ''}: {agreed} verdicts agree, {len(wrong)} do not, {open_} open")
    assert not wrong
    assert agreed > 800


EXACT = {"width": "display_width", "height": "display_height", "size": "bytes"}
MEASURED = {"duration": ("duration_s", 0.005, 0.06), "fps": ("fps", 0.003, 0.02)}


def verdict_under(row: Row, **limit: float) -> str:
    fact = limit.pop("fact")
    head = {"title": "T: t", "stage": "register", "source": "s", "as_of": "2026-01-01", "basis": "published"}
    rules = compile_ruleset("generated", {**head, row.known["kind"]: {fact: limit}})
    assert isinstance(next(iter(rules.sections.values())).limits[0], Limit)
    return judge(row.report.media, rules).verdict


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_bounds_at_above_and_below_every_known_value(core: list[Row], step: int) -> None:
    met = 0
    for row in core[::step]:
        for fact, field in EXACT.items():
            value = row.known[field]
            if value is None or (fact != "size" and row.known["kind"] == "audio"):
                continue
            met += 1
            for word, bound, expected in (
                ("min", value, "pass"),
                ("max", value, "pass"),
                ("above", value, "fail"),
                ("below", value, "fail"),
                ("min", value + 1, "fail"),
                ("max", value - 1, "fail"),
                ("above", value - 1, "pass"),
                ("below", value + 1, "pass"),
            ):
                assert verdict_under(row, fact=fact, **{word: bound}) == expected, (row.path, fact, word, bound)
        for fact, (field, relative, absolute) in MEASURED.items():
            value = row.known[field]
            if value is None or row.known["kind"] == "image" or (fact == "fps" and row.known["kind"] == "audio"):
                continue
            met += 1
            margin = max(absolute, relative * value) * 1.01
            for word, bound, expected in (
                ("min", value - margin, "pass"),
                ("max", value + margin, "pass"),
                ("above", value + margin, "fail"),
                ("below", value - margin, "fail"),
            ):
                assert verdict_under(row, fact=fact, **{word: bound}) == expected, (row.path, fact, word, bound)
    assert met > 2000 / step
