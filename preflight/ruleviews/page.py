"""Write `rules/README.md`: all limits side by side, as Markdown. A test keeps it up to date with the rule files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from preflight.escape import printable
from preflight.facts import FACTS, label
from preflight.formats import KINDS
from preflight.ruleset import URL_DEFAULTS, Limit, RuleSet, compile_limit
from preflight.ruleviews import data_uri_kinds, format_limit, iter_limits
from preflight.ruleviews.differences import Difference, compare_rulesets

_INTRODUCTION: Final = """\
# The limits, side by side

Generated from the files in this folder by `preflight rules table`: edit those, not this page. Each rule set is shown
with everything that it takes from the one that it extends. Bounds written as *a*–*b*, ≤ and ≥ pass; bounds written
as < and > fail. Values in parentheses pass with a warning, because they are measured, likely or tolerated rather than
published. An empty cell means no limit. A rule set without a row does not accept that kind.
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
    given = list(rulesets)
    names = {ruleset.name for ruleset in given}
    earlier = [one for one in given if "@" in one.name and _current_name(one) in names]
    current = [one for one in given if one not in earlier]
    parts = [_INTRODUCTION, _overview(current)]
    parts += [f"## {_HEADINGS[kind]}\n\n{table}" for kind in (*KINDS, "url") if (table := _section(kind, current))]
    parts += [_data_uris(current), _requests(current), _not_checked(current)]
    by_name = {one.name: one for one in current}
    if earlier:
        parts.append("## Earlier and observed versions")
        parts += [_earlier(one, by_name[_current_name(one)]) for one in earlier]
    text = "\n\n".join(part.strip("\n") for part in parts if part) + "\n"
    return "\n".join(map(printable, text.split("\n")))


def _current_name(ruleset: RuleSet) -> str:
    return ruleset.name.partition("@")[0]


def _overview(rulesets: Sequence[RuleSet]) -> str:
    head = ["rule set", "title", "stage", "accepts", "basis", "read on"]
    rows = [
        [f"`{one.name}`", one.title, one.stage, ", ".join(one.sections), one.basis, f"[{one.as_of}]({one.source_url})"]
        for one in rulesets
    ]
    return _table(head, rows)


def _section(section: str, rulesets: Sequence[RuleSet]) -> str:
    """Return a table with a row a rule set, one more for each format with other limits, and a column a fact."""
    rows: dict[tuple[str, str], dict[str, Limit]] = {}
    for ruleset in rulesets:
        if section in ruleset.sections:
            rows[(ruleset.name, "")] = {}
        for placed in iter_limits(ruleset):
            is_default = section == "url" and placed.limit.written == _DEFAULTS.get(placed.fact)
            if placed.section == section and not is_default:
                rows.setdefault((ruleset.name, placed.format), {})[placed.fact] = placed.limit
    if not rows:
        return ""
    limited = {fact for limits in rows.values() for fact in limits}
    facts = [fact for fact in FACTS if fact in limited]
    head = ["rule set", *map(label, facts)]
    cells = [[_row_name(*place), *_cells(limits, facts)] for place, limits in rows.items()]
    return _table(head, cells) + (_BELOW_URLS if section == "url" else "")


def _row_name(name: str, format_name: str) -> str:
    return f"`{name}` in {format_name}" if format_name else f"`{name}`"


def _cells(limits: dict[str, Limit], facts: Iterable[str]) -> Iterator[str]:
    for fact in facts:
        yield format_limit(limits[fact]) if fact in limits else ""


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


def _requests(rulesets: Sequence[RuleSet]) -> str:
    rows = []
    for ruleset in rulesets:
        if ruleset.request is None:
            continue
        name = f"`{ruleset.name}`"
        for kind, limits in ruleset.request.limits.items():
            rows += [[name, kind or "all", label(limit.fact), format_limit(limit)] for limit in limits]
        companions = ruleset.request.companions.items()
        rows += [[name, kind, "only together with", " or ".join(others)] for kind, others in companions]
    return "## Files used together\n\n" + _table(["rule set", "files", "fact", "limit"], rows) if rows else ""


def _not_checked(rulesets: Sequence[RuleSet]) -> str:
    listed = [f"- `{one.name}`: {printable('; '.join(one.not_checked))}" for one in rulesets if one.not_checked]
    return "## What is not checked\n\n" + "\n".join(listed) if listed else ""


def _earlier(earlier: RuleSet, current: RuleSet) -> str:
    rows = [
        [_section_name(one), label(one.fact), one.first or "", one.second or ""]
        for one in compare_rulesets(earlier, current)
        if one.section
    ]
    read = f"{earlier.basis}, [{earlier.as_of}]({printable(earlier.source_url)})"
    head = f"### `{earlier.name}`\n\n{printable(earlier.title)}; {read}.\n\n"
    return head + _table(["section", "fact", f"`{earlier.name}`", f"`{current.name}`"], rows)


def _section_name(difference: Difference) -> str:
    return f"{difference.section} in {difference.format}" if difference.format else difference.section


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [
        " | ".join(printable(cell).replace("|", "\\|") for cell in row) for row in (head, ["---"] * len(head), *rows)
    ]
    return "\n".join(f"| {line} |" for line in lines)
