"""Views of rule sets: all limits, those that give a finding code, differences, and the page with all limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from preflight.escape import printable
from preflight.facts import FACTS, label
from preflight.formats import KINDS
from preflight.limit import Limit, Table, compile_limit
from preflight.request_limits import Groups
from preflight.ruleset import STAGES, URL_DEFAULTS, RuleSet
from preflight.wording import condition, format_limit


class PlacedLimit(NamedTuple):
    """One limit and its place in a rule set.

    section    `image`, `video`, `audio`, `url`, or `request` or `data_uri` with the kind that it limits
               (`request video`)
    condition  in words, for what it holds in place of the limit of the section: `in mov`; empty: for all others
    """

    section: str
    condition: str
    limit: Limit

    @property
    def fact(self) -> str:
        """Return the fact that is limited."""
        return self.limit.fact


def iter_limits(ruleset: RuleSet) -> Iterator[PlacedLimit]:
    """Yield all limits of a rule set; of the limits for single formats, only those that differ from the section's."""
    for kind, section in ruleset.sections.items():
        yield from (PlacedLimit(kind, "", limit) for limit in section.limits)
        for name, limits in section.by_format.items():
            yield from (PlacedLimit(kind, f"in {name}", limit) for limit in limits if limit not in section.limits)
        for when in section.whens:
            if when.conditions:
                yield from (PlacedLimit(kind, condition(when), limit) for limit in when.limits)
    yield from (PlacedLimit("url", "", limit) for limit in ruleset.url)
    if ruleset.data_uri is not None:
        for kind, limits in ruleset.data_uri.limits.items():
            yield from (PlacedLimit(f"data_uri {kind}", "", limit) for limit in limits)
    if ruleset.request is not None:
        for group, limits in ruleset.request.limits.items():
            yield from (PlacedLimit(f"request {group or 'all'}", "", limit) for limit in limits)


def with_variants(ruleset: RuleSet) -> Iterator[tuple[str, PlacedLimit]]:
    """Yield all limits of a rule set with its name, and with the name of each variant those that differ in it."""
    own = list(iter_limits(ruleset))
    yield from ((ruleset.name, placed) for placed in own)
    for variant in ruleset.variants:
        yield from ((variant.name, placed) for placed in iter_limits(variant) if placed not in own)


def variant_names(ruleset: RuleSet) -> list[str]:
    """Return the names of all variants, the default one first, with a remark.

    A rule set that is itself a chosen variant has none.
    """
    default = [f"{ruleset.variant} (default)"] if ruleset.variant and ruleset.table.get("variants") else []
    return [*default, *(variant.variant or "" for variant in ruleset.variants)]


def data_uri_kinds(ruleset: RuleSet) -> str | None:
    """Return the kinds that are accepted as data URI, separated by commas; None if the rule set does not say."""
    kinds = ruleset.data_uri.kinds if ruleset.data_uri is not None else None
    return None if kinds is None else ", ".join(kinds) or "none"


def finding_codes(limit: Limit) -> Iterator[str]:
    """Yield the codes of the findings that a limit gives.

    >>> from preflight.limit import compile_limit
    >>> list(finding_codes(compile_limit("duration", {"min": 2, "max": 15})))
    ['duration_too_short', 'duration_too_long']
    """
    fact = FACTS[limit.fact]
    too_low, too_high = fact.bound_codes
    if limit.low is not None:
        yield too_low
    if limit.high is not None:
        yield too_high
    if limit.any_of is not None:
        yield limit.choice_code
    if limit.multiple_of is not None:
        yield "not_a_multiple"
    if limit.required:
        yield fact.absence_code


def find_limits(code: str, rulesets: Iterable[RuleSet]) -> list[tuple[PlacedLimit, list[str]]]:
    """Return each different limit that gives a finding code, with the names of the rule sets that have it."""
    found: dict[tuple[object, ...], tuple[PlacedLimit, list[str]]] = {}
    for ruleset in rulesets:
        for name, placed in with_variants(ruleset):
            if code in finding_codes(placed.limit):
                key = (placed.section, placed.condition, placed.fact, repr(placed.limit.written))
                found.setdefault(key, (placed, []))[1].append(name)
    return list(found.values())


class Difference(NamedTuple):
    """One difference between two rule sets; None: that rule set does not say.

    section, condition  as in `PlacedLimit`; empty for what concerns the rule set as a whole
    first, second       in words; first_limit, second_limit: as the rule files write it, for limits
    """

    section: str
    condition: str
    fact: str
    first: str | None
    second: str | None
    first_limit: Table | None = None
    second_limit: Table | None = None

    @property
    def place(self) -> str:
        """Return the section and, if there is one, the condition: `video in mov`."""
        return f"{self.section} {self.condition}" if self.condition else self.section

    def as_json(self) -> dict[str, object]:
        """Return a JSON object with all seven fields."""
        return {**self._asdict(), "section": self.section or None, "condition": self.condition or None}


def compare_rulesets(first: RuleSet, second: RuleSet) -> list[Difference]:
    """Return everything that differs between two rule sets except notes, hints and examples."""

    def differing(section: str, fact: str, a: str | None, b: str | None) -> list[Difference]:
        return [Difference(section, "", fact, a, b)] if a != b else []

    differences: list[Difference] = []
    for name in ("stage", "basis", "as_of"):
        differences += differing("", name, getattr(first, name), getattr(second, name))
    differences += differing("", "variants", *(", ".join(variant_names(each)) or None for each in (first, second)))
    for kind in KINDS:
        accepted = ("accepted" if kind in ruleset.sections else None for ruleset in (first, second))
        differences += differing(kind, "kind", *accepted)
    differences += _limit_differences(first, second)
    differences += differing("data_uri", "kinds", data_uri_kinds(first), data_uri_kinds(second))
    ours, theirs = (_joint_limits(ruleset) for ruleset in (first, second))
    for files, what in dict.fromkeys((*ours, *theirs)):
        differences += differing(f"request {files}", what, ours.get((files, what)), theirs.get((files, what)))
    return differences


_Place = tuple[str, str, str]
"""Section, condition and fact of a limit."""
_SECTION_ORDER: Final = {section: number for number, section in enumerate((*KINDS, "url"))}
"""Other sections follow these."""


def _limit_differences(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    all_a, all_b = _limits_by_place(first), _limits_by_place(second)
    places = [*all_a, *(place for place in all_b if place not in all_a)]
    for place in sorted(places, key=lambda place: _SECTION_ORDER.get(place[0], len(_SECTION_ORDER))):
        section, where, fact = place
        if section in KINDS and not (section in first.sections and section in second.sections):
            continue  # reported for the kind as a whole
        # Where a condition has no limit of its own, that of the section holds.
        a, b = (limits.get(place) or limits.get((section, "", fact)) for limits in (all_a, all_b))
        text_a, text_b = (format_limit(limit) if limit else None for limit in (a, b))
        if text_a != text_b:
            yield Difference(section, where, fact, text_a, text_b, a and a.written, b and b.written)


def _limits_by_place(ruleset: RuleSet) -> dict[_Place, Limit]:
    return {(placed.section, placed.condition, placed.fact): placed.limit for placed in iter_limits(ruleset)}


def _joint_limits(ruleset: RuleSet) -> dict[tuple[str, str], str]:
    """Return what holds for files used together, besides the limits on totals, by files and fact."""
    found: dict[tuple[str, str], str] = {}
    for files, what, limit in _joint_rows(ruleset):
        found[files, what] = f"{found[files, what]}, {limit}" if (files, what) in found else limit
    return found


_INTRODUCTION: Final = """\
# The limits, side by side

Generated from the files in this folder by `preflight rules table`: edit those, not this page. Each rule set is shown
with everything that it takes from the one that it extends. Bounds written as *a*–*b*, ≤ and ≥ pass; bounds written
as < and > fail. Values in parentheses pass with a warning, because they are measured, likely or tolerated rather than
published. An empty cell means no limit, or in the row of a variant (`NAME:VARIANT`) or a condition that of the row
above. A rule set without a row does not accept that kind.
"""
_DEFAULTS: Final = {fact: compile_limit(fact, line).written for fact, line in URL_DEFAULTS.items()}
"""The limits on URLs that all rule sets have; they are described below the table."""
_BELOW_URLS: Final = """

Every rule set also requires a public host, the file itself rather than a web page, and a link that stays valid for 15
minutes.
"""
_HEADINGS: Final = {"image": "Images", "video": "Videos", "audio": "Audio files", "url": "URLs"}


def render_page(rulesets: Iterable[RuleSet]) -> str:
    """Return the page for rule sets; an earlier version is shown as its differences from the current one."""
    given = sorted(rulesets, key=lambda ruleset: STAGES.index(ruleset.stage))
    names = {ruleset.name for ruleset in given}
    earlier = [ruleset for ruleset in given if "@" in ruleset.name and _current_name(ruleset) in names]
    current = [ruleset for ruleset in given if ruleset not in earlier]
    by_stage = {stage: [ruleset for ruleset in current if ruleset.stage == stage] for stage in STAGES}
    parts = [_INTRODUCTION, *(f"## {stage.title()}\n\n{_overview(own)}" for stage, own in by_stage.items() if own)]
    parts += [f"## {_HEADINGS[kind]}\n\n{table}" for kind in (*KINDS, "url") if (table := _section(kind, current))]
    parts += [_data_uris(current), _requests(current), _not_checked(current)]
    by_name = {ruleset.name: ruleset for ruleset in current}
    if earlier:
        parts.append("## Earlier and observed versions")
        parts += [_earlier(ruleset, by_name[_current_name(ruleset)]) for ruleset in earlier]
    text = "\n\n".join(part.strip("\n") for part in parts if part) + "\n"
    return "\n".join(map(printable, text.split("\n")))


def _current_name(ruleset: RuleSet) -> str:
    return ruleset.name.partition("@")[0]


def _overview(rulesets: Sequence[RuleSet]) -> str:
    head = ["rule set", "title", "accepts", "basis", "read on"]
    rows = [
        [
            f"`{ruleset.name}`{''.join(f' :{name}' for name in variant_names(ruleset))}",
            ruleset.title,
            ", ".join(ruleset.sections),
            ruleset.basis,
            f"[{ruleset.as_of}]({ruleset.source_url})",
        ]
        for ruleset in rulesets
    ]
    return _table(head, rows)


def _section(section: str, rulesets: Sequence[RuleSet]) -> str:
    """Return a table with a row a rule set, one more for each condition and variant, and a column a fact."""
    rows: dict[tuple[str, str], dict[str, Limit]] = {}
    for ruleset in rulesets:
        if section in ruleset.sections:
            rows[(ruleset.name, "")] = {}
        for name, placed in with_variants(ruleset):
            is_default = section == "url" and placed.limit.written == _DEFAULTS.get(placed.fact)
            if placed.section == section and not is_default:
                rows.setdefault((name, placed.condition), {})[placed.fact] = placed.limit
    if not rows:
        return ""
    limited = {fact for limits in rows.values() for fact in limits}
    facts = [fact for fact in FACTS if fact in limited]
    head = ["rule set", *map(label, facts)]
    cells = [
        [
            f"`{name}` {where}".rstrip(),
            *(format_limit(limits[fact]) if fact in limits else "" for fact in facts),
        ]
        for (name, where), limits in rows.items()
    ]
    return _table(head, cells) + (_BELOW_URLS if section == "url" else "")


def _data_uris(rulesets: Sequence[RuleSet]) -> str:
    rows = []
    for ruleset in rulesets:
        if ruleset.data_uri is None:
            continue
        kinds = data_uri_kinds(ruleset) or ", ".join(ruleset.sections)
        limits = (
            f"{kind}: {', '.join(f'{label(limit.fact)} {format_limit(limit)}' for limit in of_kind)}"
            for kind, of_kind in ruleset.data_uri.limits.items()
        )
        rows.append([f"`{ruleset.name}`", kinds, "; ".join(limits)])
    return "## Data URIs\n\n" + _table(["rule set", "kinds", "limits"], rows) if rows else ""


RequestRow = tuple[str, str, str]
"""Of which files (a kind, `all`, a role), what is limited (a fact or a word), and how, in words."""


def request_rows(ruleset: RuleSet) -> Iterator[RequestRow]:
    """Yield the limits on files used together."""
    if ruleset.request is not None:
        yield from _total_rows(ruleset.request.limits, "")
        yield from _joint_rows(ruleset)


def _joint_rows(ruleset: RuleSet) -> Iterator[RequestRow]:
    """Yield the limits that are not on totals alone: companions, conditions, comparisons and roles."""
    request = ruleset.request
    if request is None:
        return
    yield from ((kind, "only together with", " or ".join(others)) for kind, others in request.companions.items())
    for when in request.whens:
        numbers = [(kind, limit) for kind, limits in when.conditions.items() for limit in limits]
        where = " if " + " and ".join(f"{format_limit(limit)} {kind or 'files'}" for kind, limit in numbers)
        yield from _total_rows(when.limits, where)
        yield from _total_rows(when.files, where)
    yield from _comparison_rows("all", request.same, request.ratios)
    for role in ruleset.roles.values():
        for word in ("kinds", "requires", "excludes"):
            if values := getattr(role, word):
                yield role.name, word, ", ".join(values)
        yield from ((role.name, limit.fact, format_limit(limit)) for limit in (*role.totals, *role.files))
        yield from _comparison_rows(role.name, role.same, role.ratios)


def _total_rows(groups: Groups, where: str) -> Iterator[RequestRow]:
    for kind, limits in groups.items():
        yield from ((f"{kind or 'all'}{where}", limit.fact, format_limit(limit)) for limit in limits)


def _comparison_rows(files: str, same: Sequence[str], ratios: Sequence[Limit]) -> Iterator[RequestRow]:
    yield from ((files, fact, "the same") for fact in same)
    yield from ((files, limit.fact, f"at most {limit.high:g} times another") for limit in ratios)


def _requests(rulesets: Sequence[RuleSet]) -> str:
    rows = []
    for ruleset in rulesets:
        own = list(request_rows(ruleset))
        found = [(ruleset.name, row) for row in own]
        for variant in ruleset.variants:
            found += [(variant.name, row) for row in request_rows(variant) if row not in own]
        rows += [[f"`{name}`", files, label(what), limit] for name, (files, what, limit) in found]
    return "## Files used together\n\n" + _table(["rule set", "files", "fact", "limit"], rows) if rows else ""


def _not_checked(rulesets: Sequence[RuleSet]) -> str:
    listed = [
        f"- `{ruleset.name}`: {printable('; '.join(ruleset.not_checked))}"
        for ruleset in rulesets
        if ruleset.not_checked
    ]
    return "## What is not checked\n\n" + "\n".join(listed) if listed else ""


def _earlier(earlier: RuleSet, current: RuleSet) -> str:
    rows = [
        [difference.place, label(difference.fact), difference.first or "", difference.second or ""]
        for difference in compare_rulesets(earlier, current)
        if difference.section
    ]
    read = f"{earlier.basis}, [{earlier.as_of}]({printable(earlier.source_url)})"
    head = f"### `{earlier.name}`\n\n{printable(earlier.title)}; {read}.\n\n"
    return head + _table(["section", "fact", f"`{earlier.name}`", f"`{current.name}`"], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    whole = (head, ["---"] * len(head), *rows)
    lines = [" | ".join(printable(cell).replace("|", "\\|") for cell in row) for row in whole]
    return "\n".join(f"| {line} |" for line in lines)
