"""Judging, planning and requests never raise, whatever the valid rule file and the facts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preflight.codes import CODES
from preflight.combination import judge_request
from preflight.export import export_ruleset, export_schema
from preflight.facts import Fact, section_facts
from preflight.formats import FORMATS, KINDS
from preflight.judge import judge
from preflight.limit import Changed, Limit, compile_limit
from preflight.media import NONE, Delivery, Media
from preflight.plans.encoding import GEOMETRY
from preflight.plans.geometry import Shape, plan_shape
from preflight.report import Report, Result
from preflight.rulefile import RuleFile, find_problems
from preflight.ruleset import RuleSet, compile_ruleset
from preflight.ruleviews import render_page
from preflight.units import RATIOS

numbers = st.one_of(
    st.sampled_from([0, 1, 2, 24, 23.976, 300, 1080, 1280, 1920, 0.5625, 1.7778, 921_600, 10**18, -1, 1e-9, 1e300]),
    st.integers(min_value=-10, max_value=10**9),
    st.floats(allow_nan=False, allow_infinity=False),
)
texts = st.sampled_from(["none", "image/png", "login", "example.com", "https", "{x}", "\u202e%s\x1b", "a"])
WITH_UNITS = {
    "bytes": st.one_of(numbers, st.sampled_from(["30 MB", "30 MiB", "1.5 kB", "2GB"])),
    "s": st.one_of(numbers, st.sampled_from(["2 min", "15 s", "250 ms"])),
}


def choices(fact: Fact, kind: str) -> st.SearchStrategy[list[Any]]:
    """What `any_of` may list for a fact."""
    if fact.name == "format":
        of = st.sampled_from([name for name, entry in FORMATS.items() if kind in entry.kinds] or ["png"])
    elif fact.words:
        of = st.sampled_from(fact.words)
    else:
        of = {bool: st.booleans(), str: texts}.get(fact.type, numbers)
    if fact.name == "dimensions":
        of = st.sampled_from(["1280x720", "1x1"])
    elif fact.name in RATIOS:
        of = st.one_of(numbers, st.sampled_from(["16:9", "1:2.35"]))
    return st.lists(of, min_size=1, max_size=4)


@st.composite
def lines(draw: st.DrawFn, fact: Fact, kind: str) -> dict[str, Any]:
    """One line of a rule file; not each is valid."""
    line: dict[str, Any] = {}
    if "format" not in fact.name and draw(st.sampled_from([False, False, True])):
        line["otherwise"] = draw(st.sampled_from(get_args(Changed)))
    if fact.unit in WITH_UNITS or (fact.type in (int, float) and draw(st.booleans())):
        bound = WITH_UNITS.get(fact.unit, numbers)
        sides = draw(st.sampled_from([("min",), ("above",), ("max",), ("below",), ("min", "max"), ("above", "below")]))
        values = [draw(bound) for _ in sides]
        if all(isinstance(value, int | float) for value in values):
            values.sort()
        line |= dict(zip(sides, values, strict=True))
        if draw(st.booleans()):
            line["multiple_of"] = draw(st.sampled_from([1, 2, 16]))
        if "otherwise" not in line and draw(st.booleans()):
            line["lenient"] = {draw(st.sampled_from(sides)): draw(bound)}
    else:
        line["any_of"] = draw(choices(fact, kind))
        if fact.type in (int, float) and draw(st.booleans()):
            line["within"] = draw(st.sampled_from([0.001, 0.1, 0.9]))
        if "otherwise" not in line and draw(st.booleans()):
            line["lenient"] = {"any_of": line["any_of"] + draw(choices(fact, kind))}
    for word, value in (("note", "n {value}"), ("hint", "h {0}"), ("required", True)):
        if draw(st.booleans()):
            line[word] = value
    return line


@st.composite
def tables(draw: st.DrawFn, facts: Mapping[str, Fact], kind: str = "") -> dict[str, Any]:
    """Some valid lines."""
    chosen = draw(st.lists(st.sampled_from(sorted(facts)), min_size=1, max_size=6, unique=True))
    return {name: line for name in chosen if (line := draw(lines(facts[name], kind)))}


def is_valid(table: dict[str, Any]) -> bool:
    return find_problems(RuleFile("mine.toml", "", table)) == []


def only_valid(head: dict[str, Any], key: str, section: dict[str, Any]) -> dict[str, Any]:
    """The lines of a section that are valid, each looked at alone."""
    beside = {} if key in KINDS else {"image": {"format": {"any_of": ["png"]}}}
    return {name: line for name, line in section.items() if is_valid({**head, **beside, key: {name: line}})}


EXPORTED = jsonschema.Draft202012Validator(export_schema())
HEAD = {
    "title": "Mine: any",
    "stage": "generate",
    "source": "https://example.com",
    "as_of": date(2026, 11, 28),
    "basis": "published",
}


@st.composite
def whens(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Conditions on one or two facts, and limits on others."""
    facts = section_facts(kind)
    conditions: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(sorted(facts)), min_size=1, max_size=2, unique=True)):
        values = [value for value in draw(choices(facts[name], kind)) if value is not False]
        conditions[name] = draw(st.sampled_from([values, *values])) if values else [True]
        if facts[name].type in (int, float) and draw(st.booleans()):
            conditions[name] = draw(st.sampled_from(["> 5", ">= 24", "< 1000", "<= 0.5"]))
    limits = only_valid(HEAD, kind, draw(tables(facts, kind)))
    kept = {name: line for name, line in limits.items() if name not in conditions} or {"mime": {"required": True}}
    return {**conditions, **kept}


comparisons = st.fixed_dictionaries(
    {},
    optional={
        "same": st.lists(st.sampled_from(["dimensions", "duration", "format", "hdr"]), min_size=1, max_size=2),
        "ratios": st.just({"aspect_ratio": {"max": 1.25}, "size": {"max": 2, "note": "n"}}),
    },
)


@st.composite
def rule_sets(draw: st.DrawFn, kind: str) -> RuleSet:
    """A valid rule file, compiled."""
    facts = section_facts(kind)
    section = only_valid(HEAD, kind, draw(tables(facts, kind))) or {"size": {"max": 10}}
    variant = only_valid(HEAD, kind, draw(tables(facts, kind)))
    table: dict[str, Any] = {
        **HEAD,
        kind: {**section, "when": draw(st.lists(whens(kind), max_size=3))},
        "variants": {"a": {kind: variant}, "b": {}},
        "default_variant": "b",
        "url": only_valid(HEAD, "url", draw(tables(section_facts("url")))),
        "request": {"companions": {kind: [draw(st.sampled_from(KINDS))]}, **draw(comparisons)},
        "roles": {"first": {**draw(comparisons), "excludes": ["reference"]}, "last": {"requires": ["first"]}},
    }
    limits = only_valid(HEAD, kind, draw(tables(facts, kind)))
    condition = {draw(st.sampled_from(["min", "above"])): draw(st.integers(0, 3))}
    table["request"]["when"] = [{kind: {"files": {**condition, "max": 9}, **limits}}]
    together = draw(tables(section_facts("request")))
    beside = {"image": {"format": {"any_of": ["png"]}}}
    for name, line in together.items():
        for group in (kind, "all"):
            if is_valid({**HEAD, **beside, "request": {group: {name: line}}}):
                table["request"].setdefault(group, {})[name] = line
    assert find_problems(RuleFile("mine.toml", "", table)) == []
    return compile_ruleset("mine", table)


sides = st.one_of(st.none(), st.sampled_from([0, 1, 2, 16, 300, 719, 1080, 1920]), st.integers(0, 2**32 - 1))
rates = st.one_of(st.none(), st.sampled_from([0.0, 24.0, 23.976, 1e6]), st.floats(0, 1e9))


@st.composite
def medias(draw: st.DrawFn, kind: str) -> Media:
    """Facts as probes may read them."""
    formats = [name for name, entry in FORMATS.items() if kind in entry.kinds]
    flags = st.one_of(st.none(), st.booleans())
    return Media(
        kind=kind,
        format=draw(st.sampled_from(formats)),
        size=draw(st.one_of(st.none(), st.integers(0, 2**63))),
        width=draw(sides),
        height=draw(sides),
        stored_width=draw(sides),
        stored_height=draw(sides),
        rotation=draw(st.sampled_from([None, 0, 90, 270])),
        orientation=draw(st.sampled_from([None, 1, 8])),
        pixel_aspect_ratio=draw(rates),
        frames=draw(sides),
        duration=draw(rates),
        fps=draw(rates),
        variable_fps=draw(flags),
        video_codec=draw(st.sampled_from([None, NONE, "h264", "hevc", "vp9", "mpeg4"])),
        audio_codec=draw(st.sampled_from([None, NONE, "aac", "opus", "pcm"])),
        sample_rate=draw(sides),
        channels=draw(sides),
        bit_rate=draw(sides),
        has_alpha=draw(flags),
        encrypted=draw(flags),
        streamable=draw(flags),
        bit_depth=draw(sides),
        hdr=draw(st.sampled_from([None, NONE, "pq"])),
        animated=draw(flags),
        notes=draw(st.sampled_from([(), ("animated",), ("truncated",), ("multi_picture", "read_limit")])),
    )


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    """What a server may have done."""
    flags = st.one_of(st.none(), st.booleans())
    return Delivery(
        scheme=draw(st.sampled_from(["http", "https"])),
        host=draw(texts),
        url_length=draw(st.integers(0, 10**6)),
        host_is_ip=draw(st.booleans()),
        public=draw(flags),
        status=draw(st.sampled_from([None, 200, 206, 403, 500])),
        redirects=draw(st.integers(0, 10)),
        content_type=draw(st.one_of(st.none(), texts)),
        content_type_matches=draw(flags),
        content_length=draw(st.one_of(st.none(), st.integers(0, 2**63))),
        ranges=draw(flags),
        head_ok=draw(flags),
        expires_in=draw(st.one_of(st.none(), st.floats(-1e12, 1e12))),
        page=draw(st.sampled_from([None, NONE, "login", "html"])),
        notes=draw(st.sampled_from([(), ("read_limit", "no_ranges", "retried")])),
    )


def check_judging(data: st.DataObject, kind: str) -> None:
    rules = data.draw(rule_sets(kind))
    media = data.draw(medias(kind))
    delivery = data.draw(st.one_of(st.none(), deliveries()))
    name, strict = data.draw(st.sampled_from([None, "a.mp4", "-b:c"])), data.draw(st.booleans())
    result = judge(media, rules, delivery=delivery, name=name, strict=strict)
    for finding in result.findings:
        assert finding.code in CODES
        assert finding.message
        assert "None" not in finding.message
        assert not (finding.hint or "").startswith(":")
    check_hints(result)
    check_plan(result, rules, media)
    assert render_page([rules])
    EXPORTED.validate(json.loads(json.dumps(export_ruleset(rules))))


@given(st.data(), st.sampled_from(KINDS))
@settings(max_examples=30)
def test_judging_never_raises(data: st.DataObject, kind: str) -> None:
    check_judging(data, kind)


@pytest.mark.slow
@given(st.data(), st.sampled_from(KINDS))
@settings(max_examples=300)
def test_judging_of_many_rule_sets_never_raises(data: st.DataObject, kind: str) -> None:
    check_judging(data, kind)


def check_plan(result: Result, rules: RuleSet, media: Media) -> None:
    """Every step sets the facts that it is for to values that their limits accept."""
    if result.plan is None:
        return
    after = next((step.format for step in result.plan.steps if step.format), media.format)
    limits = {limit.fact: limit for limit in rules.sections[media.kind or ""].at(media).for_format(after)}
    for step in result.plan.steps:
        assert step.as_json().keys() - {"action", "facts"}, step
        for fact in set(step.facts) & limits.keys() & step.as_json().keys() - GEOMETRY:
            value = getattr(step, fact)
            assert limits[fact].side(value, media.height) == 0, (fact, value, limits[fact].written)


def check_hints(result: Result) -> None:
    """A hint names values that can be used: neither zero nor infinite ones."""
    for finding in result.findings:
        for word in (finding.hint or "").split(" ("):
            assert not re.search(r"(?<!longer than) 0 s", word)
            assert "inf" not in word.replace("input", "").split()


def check_judging_requests(data: st.DataObject, kind: str) -> None:
    rules = data.draw(rule_sets(kind))
    media = data.draw(st.lists(medias(kind), min_size=1, max_size=4))
    reports = [Report("a", one, (judge(one, rules),)) for one in media]
    roles = data.draw(st.dictionaries(st.integers(0, 3), st.sampled_from(["first", "last", "reference"])))
    result = judge_request(reports, rules, roles=roles)
    for finding in result.findings:
        assert finding.code in CODES
        assert finding.code != "internal_error", finding.message
        assert "None" not in finding.message


@given(st.data(), st.sampled_from(KINDS))
@settings(max_examples=30)
def test_judging_requests_never_raises(data: st.DataObject, kind: str) -> None:
    check_judging_requests(data, kind)


@pytest.mark.slow
@given(st.data(), st.sampled_from(KINDS))
@settings(max_examples=300)
def test_judging_many_requests_never_raises(data: st.DataObject, kind: str) -> None:
    check_judging_requests(data, kind)


pixels = st.one_of(st.sampled_from([1, 2, 300, 480, 720, 1080, 1280, 1920]), st.integers(1, 20_000))
usual = {
    "width": pixels,
    "height": pixels,
    "aspect_ratio": st.one_of(st.sampled_from([0.5625, 1, 1.7778]), st.floats(0.01, 100)),
    "pixels": st.one_of(st.sampled_from([921_600, 2_073_600]), st.integers(1, 10**8)),
    "long_side": pixels,
    "short_side": pixels,
    "side_sum": pixels,
}


@st.composite
def geometry(draw: st.DrawFn) -> dict[str, Limit]:
    """Limits on sides, ratio and total that a service may well have: bounds or lists."""
    limits = {}
    for fact in draw(st.lists(st.sampled_from(sorted(GEOMETRY)), min_size=1, max_size=4, unique=True)):
        if fact == "dimensions":
            limits[fact] = compile_limit(fact, {"any_of": ["1280x720", "720x1280", "64x64"]})
            continue
        values = sorted(draw(st.lists(usual[fact], min_size=2, max_size=4, unique=True)))
        line = {"min": values[0], "max": values[-1]}
        if fact in ("width", "height", "long_side") and draw(st.booleans()):
            line["multiple_of"] = draw(st.sampled_from([2, 8, 16]))
        limits[fact] = compile_limit(fact, draw(st.sampled_from([line, {"any_of": values}])))
    return limits


@given(geometry(), pixels, pixels, st.sampled_from(["image", "video"]))
def test_planned_geometry_is_inside_every_limit(limits: dict[str, Limit], width: int, height: int, kind: str) -> None:
    shape = plan_shape(Media(kind=kind, width=width, height=height), limits)
    if not isinstance(shape, Shape):
        return
    assert 1 <= shape.crop[0] <= width
    assert 1 <= shape.crop[1] <= height
    assert kind == "image" or not (shape.size[0] % 2 or shape.size[1] % 2)
    after = Media(kind=kind, width=shape.size[0], height=shape.size[1])
    for fact, one in limits.items():
        assert one.side(getattr(after, fact), after.height) == 0
