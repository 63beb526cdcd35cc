"""Every limit of every built-in rule set is tested on both sides of its bounds and compared with its publication."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from math import inf, nextafter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from preflight import catalog
from preflight.codes import CODES
from preflight.combination import judge_request
from preflight.facts import FACTS, MEDIA_FACTS
from preflight.formats import KINDS
from preflight.judge import judge
from preflight.limit import Limit
from preflight.media import NONE, Delivery, Media
from preflight.report import Report, Result
from preflight.rulecheck import example_problems
from preflight.rulefile import RuleFile, find_problems
from preflight.ruleset import RuleSet, Section
from preflight.wording import accepted
from tests.rows import each_row

NAMES = catalog.names()
WHOLE = {name for name, fact in FACTS.items() if fact.type is int}
"""Facts with whole values; the others may be as near to a bound as floats can."""
UNITS = {"kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30, "s": 1, "min": 60, "h": 3600}


def number(written: Any) -> float:
    """A bound as a rule file writes it; another reading than the one under test."""
    if not isinstance(written, str):
        return float(written)
    if ":" in written:
        width, height = written.split(":")
        return float(width) / float(height)
    amount, unit = written.split()
    return float(amount) * UNITS[unit]


def holds(line: Mapping[str, Any], value: float) -> bool:
    """What `min`, `above`, `max`, `below` and `multiple_of` mean."""
    if value % line.get("multiple_of", 1) and "multiple_of" in line:
        return False
    return (
        ("min" not in line or value >= number(line["min"]))
        and ("above" not in line or value > number(line["above"]))
        and ("max" not in line or value <= number(line["max"]))
        and ("below" not in line or value < number(line["below"]))
    )


def widened(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line with the sides of its `lenient` in place of its own."""
    sides = {word: line[word] for word in ("min", "above", "max", "below", "multiple_of") if word in line}
    for pair in (("min", "above"), ("max", "below")):
        if any(word in line.get("lenient", {}) for word in pair):
            sides = {word: bound for word, bound in sides.items() if word not in pair}
            sides |= {word: line["lenient"][word] for word in pair if word in line["lenient"]}
    return sides


def around(fact: str, line: Mapping[str, Any]) -> Iterator[float]:
    """Each bound of a line, strict and lenient, and the nearest values on both sides of it."""
    words = ("min", "above", "max", "below")
    for written in [sides[word] for sides in (line, line.get("lenient", {})) for word in words if word in sides]:
        bound = number(written)
        if fact in WHOLE:
            step = 4 if "base64" in fact else 1  # Base64 has groups of 4
            yield from (int(bound) - step, int(bound), int(bound) + step)
        else:
            yield from (nextafter(bound, -inf), bound, nextafter(bound, inf))


def expected(line: Mapping[str, Any], value: float) -> tuple[str, str]:
    """The verdict for a value, and under --strict."""
    if holds(line, value):
        return "pass", "pass"
    tolerated = "otherwise" in line or ("lenient" in line and holds(widened(line), value))
    return ("pass" if tolerated else "fail"), "fail"


def good(limits: tuple[Limit, ...], kind: str, name: str) -> SimpleNamespace:
    """A media inside every limit, each of whose facts can be set on its own."""
    facts: dict[str, Any] = dict.fromkeys(MEDIA_FACTS)
    facts |= {"kind": kind, "format": name, "notes": ()}
    for limit in limits:
        if limit.any_of is not None:
            facts[limit.fact] = name if limit.fact == "format" else limit.any_of[0]
        else:
            low, high, factor = limit.low or 0, limit.high, limit.multiple_of or 1
            middle = (low + (2 * low + 10**6 if high is None else high)) / 2
            facts[limit.fact] = middle if limit.fact not in WHOLE else int(middle) // factor * factor
    return SimpleNamespace(**facts)


def changed(media: SimpleNamespace, fact: str, value: Any) -> SimpleNamespace:
    """Another media, since no media that was judged changes."""
    return SimpleNamespace(**{**vars(media), fact: value})


def rule_sets() -> Iterator[RuleSet]:
    """Every rule set and each of its variants, alone."""
    for name in NAMES:
        rules = catalog.load(name)
        yield rules._replace(variants=())
        yield from rules.variants


RULE_SETS = list(rule_sets())


def states(section: Section) -> Iterator[Section]:
    """The section for files for which no condition holds, and for those for which one does."""
    yield Section(section.limits, section.by_format)
    for when in section.whens:
        if when.conditions:
            media = {limit.fact: None for other in section.whens for limit in other.conditions}
            held = {limit.fact: getattr(good((limit,), "", ""), limit.fact) for limit in when.conditions}
            yield section.at(SimpleNamespace(**{"height": 1000, **media, **held}))  # type: ignore[arg-type]


def situations() -> Iterator[Any]:
    """Every rule set, kind, condition, format with rules of its own, and limit."""
    for rules in RULE_SETS:
        for kind, whole in rules.sections.items():
            for index, section in enumerate(states(whole)):
                alone = rules._replace(sections={kind: section})
                formats = next((limit.any_of for limit in section.limits if limit.fact == "format"), None) or ("mp3",)
                usual = [name for name in formats if name not in section.by_format][:1]
                for written in (*usual, *(name for name in section.by_format if name in formats)):
                    for limit in section.for_format(written):
                        name = f"{rules.name}-{kind}-{index}-{written}-{limit.fact}"
                        yield pytest.param(alone, kind, written, limit, id=name)


LIMITS = list(situations())


@each_row(("rules", "kind", "written", "limit"), LIMITS)
def test_limit_holds_exactly_up_to_its_bound(rules: RuleSet, kind: str, written: str, limit: Limit) -> None:
    media = good(rules.sections[kind].for_format(written), kind, written)
    assert judge(media, rules, strict=True).verdict == "pass"
    values = list(around(limit.fact, limit.written)) if limit.any_of is None else []
    for value in values:
        media = changed(media, limit.fact, value)
        plain, strict = judge(media, rules), judge(media, rules, strict=True)
        assert (plain.verdict, strict.verdict) == expected(limit.written, value), (limit, value, plain.findings)
        if strict.verdict == "fail":
            side = value > number(limit.written.get("max", limit.written.get("below", inf)))
            side |= "below" in limit.written and value >= number(limit.written["below"])
            code = FACTS[limit.fact].bound_codes[side]
            is_inside = holds({word: at for word, at in limit.written.items() if word != "multiple_of"}, value)
            assert [finding.code for finding in plain.findings] == ["not_a_multiple" if is_inside else code]
            assert plain.findings[0].severity == ("warning" if plain.verdict == "pass" else "error")


@each_row(("rules", "kind", "written", "limit"), LIMITS)
def test_choice_accepts_exactly_the_listed_values(rules: RuleSet, kind: str, written: str, limit: Limit) -> None:
    media = good(rules.sections[kind].for_format(written), kind, written)
    for value in limit.any_of or ():
        if limit.fact == "format" and value != written:
            continue  # another format may have other rules; it is met as itself
        media = changed(media, limit.fact, value)
        assert judge(media, rules, strict=True).verdict == "pass"
    if limit.any_of is not None:
        listed = limit.any_of[0]
        wrong = not listed if isinstance(listed, bool) else "dwg" if isinstance(listed, str) else max(limit.any_of) * 30
        media = changed(media, limit.fact, wrong)
        result = judge(media, rules)
        is_tolerated = limit.lenient is not None and wrong in (limit.lenient.any_of or ())
        assert result.verdict == ("pass" if limit.otherwise or is_tolerated else "fail")
        assert limit.choice_code in [finding.code for finding in result.findings]


@each_row(("rules", "kind", "written", "limit"), LIMITS)
def test_unknown_fact_gives_unknown_verdict(rules: RuleSet, kind: str, written: str, limit: Limit) -> None:
    media = good(rules.sections[kind].for_format(written), kind, written)
    media = changed(media, limit.fact, None)
    result = judge(media, rules)
    if limit.fact == "format":
        assert result.verdict != "pass"
    else:
        assert (result.verdict, [finding.code for finding in result.findings]) == ("unknown", ["fact_unknown"])


SEEN = Delivery(
    scheme="https",
    host="example.com",
    url_length=60,
    public=True,
    status=200,
    content_type="image/png",
    content_length=90_000,
    ranges=True,
    head_ok=True,
)
PICTURE = Media(kind="image", format="png", size=90_000, width=640, height=640, frames=1, has_alpha=False)
TAKES_PICTURES = {"image": Section((), {})}


def url_situations() -> Iterator[Any]:
    for rules in RULE_SETS:
        for limit in rules.url:
            yield pytest.param(rules._replace(sections=TAKES_PICTURES), limit, id=f"{rules.name}-{limit.fact}")


URL_LIMITS = list(url_situations())


@each_row(("rules", "limit"), URL_LIMITS)
def test_limit_on_urls_holds_exactly_up_to_its_bound(rules: RuleSet, limit: Limit) -> None:
    assert judge(PICTURE, rules, delivery=SEEN, strict=True).verdict == "pass"
    for value in around(limit.fact, limit.written):
        delivery = SEEN._replace(**{limit.fact: value})
        plain, strict = (judge(PICTURE, rules, delivery=delivery, strict=strict) for strict in (False, True))
        assert (plain.verdict, strict.verdict) == expected(limit.written, value), (value, plain.findings)
    if limit.any_of is not None:
        wrong = not limit.any_of[0] if isinstance(limit.any_of[0], bool) else "ftp"
        result = judge(PICTURE, rules, delivery=SEEN._replace(**{limit.fact: wrong}))
        assert [finding.code for finding in result.findings] == [FACTS[limit.fact].choice_code]
    if limit.required:
        result = judge(PICTURE, rules, delivery=SEEN._replace(**{limit.fact: None}))
        assert result.verdict == "fail"


def request_situations() -> Iterator[Any]:
    for rules in RULE_SETS:
        for kind, limits in rules.request.limits.items() if rules.request else ():
            for limit in limits:
                yield pytest.param(rules, kind, limit, id=f"{rules.name}-{kind or 'all'}-{limit.fact}")


REQUEST_LIMITS = list(request_situations())


def together(rules: RuleSet, media: list[Media], *, strict: bool = False) -> Result:
    passed = Result(rules.name, rules.stage, rules.as_of, rules.basis, "pass")
    return judge_request([Report(f"{i}", one, (passed,)) for i, one in enumerate(media)], rules, strict=strict)


@each_row(("rules", "kind", "limit"), REQUEST_LIMITS)
def test_limit_on_requests_holds_exactly_up_to_its_bound(rules: RuleSet, kind: str | None, limit: Limit) -> None:
    kinds = (kind,) if kind else KINDS
    company = [] if kind != "audio" else [Media(kind="image", size=1)]
    for value in around(limit.fact, limit.written):
        if limit.fact == "files":
            sample = [Media(kind=kinds[i % len(kinds)], size=1, duration=4.0) for i in range(int(value))]
        elif limit.fact == "total_base64_size":
            sample = [Media(kind=kinds[0], size=part // 4 * 3, duration=4.0) for part in (int(value) - 4, 4)]
        else:
            if limit.fact not in WHOLE:
                value = round(value, 3) + (0.001 if value > number(limit.written.get("max", inf)) else 0)
            sample = [Media(kind=kinds[0], **{limit.fact.removeprefix("total_"): part}) for part in (value - 1, 1)]
            sample = [one._replace(size=one.size or 1, duration=one.duration or 4.0) for one in sample]
        plain, strict = (together(rules, company + sample, strict=strict) for strict in (False, True))
        what = f"{kind}s " if kind else "all files "
        codes = FACTS[limit.fact].bound_codes
        own = [finding for finding in plain.findings if finding.code in codes and what in finding.message]
        verdict, under_strict = expected(limit.written, value)
        assert [finding.severity for finding in own] == (
            ["error"] if verdict == "fail" else ["warning"] if under_strict == "fail" else []
        ), (value, plain.findings)
        assert under_strict == "pass" or strict.verdict == "fail"


@each_row("rules", [rules for rules in RULE_SETS if rules.request and rules.request.companions])
def test_a_kind_with_companions_fails_alone(rules: RuleSet) -> None:
    assert rules.request is not None
    for kind, others in rules.request.companions.items():
        one = Media(kind=kind, size=1, duration=4.0)
        assert [finding.code for finding in together(rules, [one]).findings] == ["companion_required"]
        for other in others:
            assert together(rules, [one, Media(kind=other, size=1, duration=4.0)]).verdict == "pass"


@each_row("name", NAMES)
def test_built_in_files_are_valid_and_their_examples_pass(name: str) -> None:
    text = Path(catalog.folder(), f"{name}.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    assert find_problems(RuleFile(name, text, table)) == []
    assert list(example_problems(catalog.load(name))) == []
    verdicts = {example["verdict"] for example in table["examples"]}
    assert {"pass", "fail"} <= verdicts


@each_row("name", NAMES)
def test_rule_set_states_source_date_and_limits_of_its_checks(name: str) -> None:
    rules = catalog.load(name)
    assert re.match(r"https://[a-z0-9.-]+\.[a-z]+/", rules.source_url)
    assert date(2025, 1, 1) < date.fromisoformat(rules.as_of) < date(2027, 1, 1)
    assert rules.not_checked
    assert rules.facts <= FACTS.keys()
    if "@" in name:
        assert rules.as_of.startswith(name.partition("@")[2])


@each_row("name", NAMES)
def test_names_say_service_and_product_and_for_older_texts_the_month(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9.]+(-[a-z0-9.]+)*(@20\d\d-\d\d)?", name)
    assert name in catalog.current() or name.partition("@")[0] in catalog.current()


def test_assumed_limits_are_declared() -> None:
    assumed = {name for name in NAMES if catalog.load(name).basis == "assumed"}
    assert assumed == {"agt", "crun", "sunra", "atlas@2026-09"}
    for name in ("agt", "crun", "sunra"):
        assert "publishes none" in catalog.load(name).not_checked[0]


def said(name: str, kind: str) -> dict[str, str]:
    return {limit.fact: accepted(limit) for limit in catalog.load(name).sections[kind].limits if limit.any_of is None}


def test_atlas_accepts_exactly_what_its_page_says() -> None:
    """Its page prints: 300 – 6000 px, 0.4 – 2.5, < 30 MB; 409,600 – 927,408, 2 – 15 s, 24 – 60, ≤ 50 MB; ≤ 15 MB."""
    sides = {"width": "300 px to 6,000 px", "height": "300 px to 6,000 px", "aspect_ratio": "0.4 to 2.5"}
    assert said("atlas", "image") == {**sides, "size": "below 30 MB"}
    assert said("atlas", "video") == {
        **sides,
        "pixels": "409,600 total pixels to 927,408 total pixels",
        "duration": "2 s to 15 s",
        "fps": "24 fps to 60 fps",
        "size": "at most 50 MB",
    }
    assert said("atlas", "audio") == {"duration": "2 s to 15 s", "size": "at most 15 MB"}


def test_volcengine_accepts_exactly_what_its_page_says() -> None:
    """(300, 6000) px, (0.4, 2.5), < 30 MB; [300, 6000], [0.4, 2.5], [407696, 8295044], [2, 30] s, [24, 60]; ≤ 15 MB."""
    opened = "300 px to 6,000 px, without the bounds"
    assert said("volcengine", "image") == {
        "width": opened,
        "height": opened,
        "aspect_ratio": "0.4 to 2.5, without the bounds",
        "size": "below 30 MB",
    }
    assert said("volcengine", "video") == {
        "width": "300 px to 6,000 px",
        "height": "300 px to 6,000 px",
        "aspect_ratio": "0.4 to 2.5",
        "pixels": "407,696 total pixels to 8,295,044 total pixels",
        "duration": "2 s to 30 s",
        "fps": "24 fps to 60 fps",
        "size": "at most 200 MB",
    }
    assert said("volcengine", "audio") == {"duration": "2 s to 30 s", "size": "at most 15 MB"}


def test_pixel_limits_of_volcengine_changed_twice() -> None:
    windows = [said(name, "video")["pixels"] for name in ("volcengine@2026-03", "volcengine@2026-06", "volcengine")]
    assert [re.findall(r"[\d,]+", window) for window in windows] == [
        ["409,600", "927,408"],
        ["409,600", "2,086,876"],
        ["407,696", "8,295,044"],
    ]


def test_agentsflare_accepts_only_images() -> None:
    assert set(catalog.load("agentsflare").sections) == {"image"}


def test_generation_is_stricter_than_registration() -> None:
    """A file can register and still be of no use: that is what stages are for."""
    clip = Media(
        kind="video",
        format="mp4",
        size=9_000_000,
        width=1280,
        height=720,
        duration=20.0,
        fps=24.0,
        video_codec="h264",
        audio_codec=NONE,
    )
    assert judge(clip, catalog.load("volcengine")).verdict == "pass"
    assert judge(clip, catalog.load("seedance-2.0")).verdict == "fail"


def test_codes_in_examples_are_registered() -> None:
    for name in NAMES:
        for example in catalog.load(name).table["examples"]:
            assert set(example.get("codes", ())) <= set(CODES)


def test_claude_accepts_smaller_images_where_there_are_many() -> None:
    rules = catalog.load("claude:base64")
    large, small = (Media(kind="image", size=90_000, width=width, height=600) for width in (2001, 2000))
    assert together(rules, [large] * 20).verdict == "pass"
    assert together(rules, [small] * 21).verdict == "pass"
    assert [finding.code for finding in together(rules, [small] * 20 + [large]).findings] == ["width_too_large"]
