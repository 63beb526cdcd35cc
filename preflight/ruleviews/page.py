"""`rules/README.md`: all limits side by side, as Markdown. A test keeps it in step with the rule files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from preflight.escape import printable
from preflight.facts import FACTS, label
from preflight.formats import KINDS
from preflight.ruleset import URL_DEFAULTS, Limit, RuleSet, compile_limit
from preflight.ruleviews import brief, data_uri_kinds, lines
from preflight.ruleviews.differences import differences

_INTRODUCTION: Final = """\
# The limits, side by side

Made from the files in this folder by `preflight rules table`; change those, not this. Of every rule set the whole is
shown, after what it takes over from others. Bounds shown as *a*–*b*, ≤ and ≥ pass themselves, < and > do not. In
parentheses: what passes with a warning, because it is measured, likely or tolerated rather than published. An empty
cell: no limit. A rule set without a row does not take that kind.
"""
_USUAL: Final = {fact: compile_limit(fact, line).written for fact, line in URL_DEFAULTS.items()}
"""What every rule set wants of a URL."""
_OF_EVERY_URL: Final = """

Besides, every rule set wants a public host, the file and no web page, and a link that holds for a quarter of an hour.
"""
_HEADINGS: Final = {"image": "Pictures", "video": "Videos", "audio": "Sounds", "url": "URLs"}


def page(sets: Iterable[RuleSet]) -> str:
    """The page for rule sets; an earlier text beside the current one is told by what is different."""
    wanted = list(sets)
    names = {rules.name for rules in wanted}
    earlier = [rules for rules in wanted if "@" in rules.name and rules.name.partition("@")[0] in names]
    current = [rules for rules in wanted if rules not in earlier]
    parts = [_INTRODUCTION, _overview(current)]
    parts += [f"## {_HEADINGS[kind]}\n\n{table}" for kind in (*KINDS, "url") if (table := _section(kind, current))]
    parts += [_data_uris(current), _requests(current), _unchecked(current)]
    by_name = {rules.name: rules for rules in current}
    if earlier:
        parts.append("## Earlier and observed texts")
        parts += [_earlier(rules, by_name[rules.name.partition("@")[0]]) for rules in earlier]
    text = "\n\n".join(part.strip("\n") for part in parts if part) + "\n"
    return "\n".join(map(printable, text.split("\n")))


def _overview(sets: Sequence[RuleSet]) -> str:
    rows = [
        [f"`{one.name}`", one.title, one.stage, _takes(one), one.basis, f"[{one.as_of}]({one.source_url})"]
        for one in sets
    ]
    return _table(["rule set", "what it is", "stage", "takes", "basis", "read on"], rows)


def _takes(rules: RuleSet) -> str:
    return ", ".join(rules.sections)


def _section(section: str, sets: Sequence[RuleSet]) -> str:
    """A row a rule set, and one more for each format with limits of its own; a column a fact."""
    rows: dict[tuple[str, str], dict[str, Limit]] = {}
    for rules in sets:
        if section in rules.sections:
            rows[(rules.name, "")] = {}
        for line in lines(rules):
            usual = section == "url" and line.limit.written == _USUAL.get(line.limit.fact)
            if line.section == section and not usual:
                rows.setdefault((rules.name, line.format), {})[line.limit.fact] = line.limit
    seen = {fact for limits in rows.values() for fact in limits}
    facts = [fact for fact in FACTS if fact in seen]
    if not rows:
        return ""
    head = ["rule set", *(label(fact) for fact in facts)]
    cells = [[_row_name(*place), *_cells(limits, facts)] for place, limits in rows.items()]
    return _table(head, cells) + (_OF_EVERY_URL if section == "url" else "")


def _row_name(name: str, format_name: str) -> str:
    return f"`{name}` in {format_name}" if format_name else f"`{name}`"


def _cells(limits: dict[str, Limit], facts: Iterable[str]) -> Iterator[str]:
    for fact in facts:
        yield brief(limits[fact]) if fact in limits else ""


def _data_uris(sets: Sequence[RuleSet]) -> str:
    rows = []
    for rules in sets:
        limits: dict[str, list[str]] = {}
        for line in lines(rules):
            if line.section.startswith("data_uri "):
                kind = line.section.removeprefix("data_uri ")
                limits.setdefault(kind, []).append(f"{label(line.limit.fact)} {brief(line.limit)}")
        if rules.data_uri is not None:
            kinds = data_uri_kinds(rules) or ", ".join(rules.sections)
            said = "; ".join(f"{kind}: {', '.join(of_kind)}" for kind, of_kind in limits.items())
            rows.append([f"`{rules.name}`", kinds, said])
    return "## Data URIs\n\n" + _table(["rule set", "kinds", "limits"], rows) if rows else ""


def _requests(sets: Sequence[RuleSet]) -> str:
    rows = []
    for rules in sets:
        companions = rules.request.companions if rules.request else {}
        for line in lines(rules):
            if line.section.startswith("request "):
                group = line.section.removeprefix("request ")
                rows.append([f"`{rules.name}`", group, label(line.limit.fact), brief(line.limit)])
        rows += [[f"`{rules.name}`", kind, "beside it", " or ".join(others)] for kind, others in companions.items()]
    return "## Files used together\n\n" + _table(["rule set", "of", "what", "limit"], rows) if rows else ""


def _unchecked(sets: Sequence[RuleSet]) -> str:
    listed = [f"- `{rules.name}`: {printable('; '.join(rules.not_checked))}" for rules in sets if rules.not_checked]
    return "## What they do not check\n\n" + "\n".join(listed) if listed else ""


def _earlier(rules: RuleSet, now: RuleSet) -> str:
    rows = [
        [
            f"{one.section}{f' in {one.format}' if one.format else ''}",
            label(one.fact),
            one.first or "",
            one.second or "",
        ]
        for one in differences(rules, now)
        if one.section
    ]
    read = f"{rules.basis}, [{rules.as_of}]({printable(rules.source_url)})"
    head = f"### `{rules.name}`\n\n{printable(rules.title)}; {read}.\n\n"
    return head + _table(["of", "what", f"`{rules.name}`", f"`{now.name}`"], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    drawn = [
        " | ".join(printable(cell).replace("|", "\\|") for cell in row) for row in (head, ["---"] * len(head), *rows)
    ]
    return "\n".join(f"| {row} |" for row in drawn)
