"""Compile rule files into frozen data. Contains no code for any provider or format.

`compile_ruleset` trusts its table: built-in files are validated by the tests, a user's by `preflight.rulefile` first.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from preflight.facts import FACTS
from preflight.formats import KINDS
from preflight.media import NONE
from preflight.units import parse_quantity
from preflight.version import VERSION

Table = Mapping[str, Any]
"""A table of a rule file as TOML gives it, valid and untyped."""

URL_DEFAULTS: Final[Table] = {
    "public": {"any_of": [True]},
    "page": {"any_of": ["none"]},
    "expires_in": {"above": 900, "lenient": {"above": 0}, "note": "a service may wait minutes before it fetches"},
}
"""The limits of every service, in addition to its rule file: a public URL of the file that stays valid."""

_ROUNDING: Final = 1e-9
"""Tolerance for a whole number of pixels in floating point."""


class Limit(NamedTuple):
    """The accepted values of one fact. A value equal to an open bound fails, one equal to a closed bound passes.

    lenient    a wider limit; a value that only it accepts gives a warning
    required   whether an absent value fails too
    note       a remark for the message; hint: a remark for the hint
    written    the limit as the rule file writes it, for machines
    """

    fact: str
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    any_of: tuple[Any, ...] | None = None
    lenient: Limit | None = None
    note: str | None = None
    hint: str | None = None
    required: bool = False
    written: dict[str, Any] | None = None

    def __hash__(self) -> int:
        """Return the hash of the main fields: `written` is a dict, which has none."""
        return hash((self.fact, self.low, self.high, self.any_of))

    @property
    def accepts_none(self) -> bool:
        """Return whether `none` is among the accepted values."""
        return self.any_of is not None and NONE in self.any_of

    @property
    def choice_code(self) -> str:
        """Return the finding code for a value that is not among the accepted ones."""
        fact = FACTS[self.fact]
        return fact.presence_code if self.any_of == (NONE,) else fact.choice_code

    def side(self, value: Any, height: int | None = None) -> int:
        """Return 0 for an accepted value, -1 for one that is too low, 1 for one that is too high or not accepted.

        height  height of the picture in pixels: a listed aspect ratio is then matched within one pixel of it
        """
        if self.any_of is not None and value not in self.any_of:
            if not (self.fact == "aspect_ratio" and height and self._within_a_pixel(value, height)):
                return 1
            return 0
        low, high = self.low, self.high
        if low is not None and (value <= low if self.low_open else value < low):
            return -1
        if high is not None and (value >= high if self.high_open else value > high):
            return 1
        return 0

    def _within_a_pixel(self, ratio: float, height: int) -> bool:
        """Return whether the height for a listed ratio at the same width differs by at most one pixel."""
        return any(choice > 0 and abs(ratio / choice - 1) * height <= 1 + _ROUNDING for choice in self.any_of or ())


class Section:
    """The limits on one kind of media; `by_format` has all limits for the formats that a `when` names.

    Sections are compared by identity, so that they can be keys of a cache.
    """

    def __init__(self, limits: tuple[Limit, ...], by_format: Mapping[str, tuple[Limit, ...]]) -> None:
        self.limits = limits
        self.by_format = by_format
        self._facts: dict[str | None, dict[str, Limit]] = {None: {limit.fact: limit for limit in limits}}
        self._facts |= {name: {limit.fact: limit for limit in group} for name, group in by_format.items()}

    def for_format(self, name: str | None) -> tuple[Limit, ...]:
        """Return the limits on media of this format."""
        return self.by_format.get(name or "", self.limits)

    def by_fact(self, name: str | None) -> Mapping[str, Limit]:
        """Return the limits on media of this format by fact."""
        return self._facts.get(name) or self._facts[None]


class RequestLimits(NamedTuple):
    """Limits on files used together, by kind and on all (`None`), and the kinds that need one of other kinds."""

    limits: Mapping[str | None, tuple[Limit, ...]]
    companions: Mapping[str, tuple[str, ...]]


class DataUriLimits(NamedTuple):
    """The kinds that are accepted as data URI (None: not stated), and limits by kind besides those of its section."""

    kinds: tuple[str, ...] | None
    limits: Mapping[str, tuple[Limit, ...]]


class RuleSet(NamedTuple):
    """The limits that one service puts on one stage.

    name         built-in name or path; service: the first words of the title, for messages
    as_of        ISO date on which the limits were read at `source_url`
    basis        `published`, or `assumed` if nothing is published
    sections     limits by kind; a kind without a section is not accepted
    data_uri     what is accepted as data URI; None: what `url` says about the scheme
    asset        limits on the asset itself, e.g. `{"name": {"max_length": 64}}`
    table        the rule file merged over what it extends, as plain data
    digest       changes with the table and with the version of preflight
    """

    name: str
    title: str
    service: str
    stage: str
    source_url: str
    as_of: str
    basis: str
    not_checked: tuple[str, ...]
    sections: Mapping[str, Section]
    url: tuple[Limit, ...]
    request: RequestLimits | None
    asset: Table
    table: Table
    digest: str
    data_uri: DataUriLimits | None = None

    def facts(self) -> frozenset[str]:
        """Return the facts that its limits need, and those from which they are computed."""
        groups = (
            group for section in self.sections.values() for group in (section.limits, *section.by_format.values())
        )
        facts = (limit.fact for limits in (*groups, self.url) for limit in limits)
        return frozenset(name for fact in facts for name in (fact, *FACTS[fact].derived_from))


def compile_ruleset(name: str, table: Table) -> RuleSet:
    """Return the rule set that a rule file describes; `table` is merged over everything that it extends."""
    title = table["title"]
    return RuleSet(
        name=name,
        title=title,
        service=title.split(":")[0],
        stage=table["stage"],
        source_url=table["source"],
        as_of=str(table["as_of"]),
        basis=table["basis"],
        not_checked=tuple(table.get("not_checked", ())),
        sections={kind: _section(table[kind]) for kind in KINDS if table.get(kind, False) is not False},
        url=_limits({**URL_DEFAULTS, **(table.get("url") or {})}),
        request=_request(table["request"]) if table.get("request") else None,
        asset=table.get("asset", {}),
        table=table,
        digest=checksum(table, VERSION),
        data_uri=_data_uri(table["data_uri"]) if isinstance(table.get("data_uri"), Mapping) else None,
    )


def checksum(*parts: object) -> str:
    """Return 16 hexadecimal digits that differ for different plain data; dates count as their text.

    Two checksums suffice, since nobody gains from a collision; importing hashlib takes longer.
    """
    data = json.dumps(parts, sort_keys=True, default=str).encode()
    return f"{zlib.crc32(data):08x}{zlib.adler32(data):08x}"


def is_rule_file_path(name: str) -> bool:
    """Return whether the name of a rule set is the path of a rule file, not a built-in name."""
    return name.endswith(".toml") or os.sep in name


def merge_tables(parent: Table, child: Table) -> Table:
    """Return the parent's table with the child's over it, limit by limit; `false` removes a limit or a section."""
    merged: dict[str, Any] = {key: value for key, value in parent.items() if key != "examples"}
    for key, value in child.items():
        inherited = merged.get(key)
        if value is False:
            merged.pop(key, None)
        elif not isinstance(value, Mapping) or not isinstance(inherited, Mapping):
            merged[key] = value
        elif key in ("request", "data_uri"):
            merged[key] = merge_tables(inherited, value)
        elif key == "url":
            merged[key] = {**inherited, **value}  # `false` stays, since it also removes what holds by default
        else:
            merged[key] = {fact: line for fact, line in {**inherited, **value}.items() if line is not False}
    return merged


def _section(table: Table) -> Section:
    lines = {fact: line for fact, line in table.items() if fact != "when"}
    by_format = {}
    for when in table.get("when", ()):
        replaced = {**lines, **{fact: line for fact, line in when.items() if fact != "format"}}
        by_format[when["format"]] = _limits(replaced)
    return Section(_limits(lines), by_format)


def _limits(lines: Table) -> tuple[Limit, ...]:
    return tuple(compile_limit(fact, line) for fact, line in lines.items() if line is not False)


def compile_limit(fact: str, line: Table) -> Limit:
    """Return the limit that a line of a rule file puts on a fact.

    >>> compile_limit("duration", {"min": 2, "max": 15, "lenient": {"max": 15.2}}).lenient.high
    15.2
    """
    sides = _sides(fact, line)
    lenient = None
    if "lenient" in line:
        lenient = _sides(fact, line["lenient"])
        if lenient.low is None:
            lenient = lenient._replace(low=sides.low, low_open=sides.low_open)
        if lenient.high is None:
            lenient = lenient._replace(high=sides.high, high_open=sides.high_open)
        if lenient.any_of is None:
            lenient = lenient._replace(any_of=sides.any_of)
    return sides._replace(
        lenient=lenient,
        note=line.get("note"),
        hint=line.get("hint"),
        required=line.get("required", False),
        written={key: value for key, value in line.items() if key not in ("note", "hint")},
    )


def _sides(fact: str, line: Table) -> Limit:
    """Return a limit with the values that it accepts, and without its other fields."""
    unit = FACTS[fact].unit
    bounds = {word: parse_quantity(line[word], unit) for word in ("min", "above", "max", "below") if word in line}
    return Limit(
        fact,
        low=bounds.get("above", bounds.get("min")),
        high=bounds.get("below", bounds.get("max")),
        low_open="above" in bounds,
        high_open="below" in bounds,
        any_of=tuple(line["any_of"]) if "any_of" in line else None,
    )


def _data_uri(table: Table) -> DataUriLimits:
    kinds = table.get("kinds")
    return DataUriLimits(
        kinds=None if kinds is None else tuple(kinds),
        limits={kind: _limits(table[kind]) for kind in KINDS if table.get(kind)},
    )


def _request(table: Table) -> RequestLimits:
    groups = {kind if kind in KINDS else None: table[kind] for kind in (*KINDS, "all") if kind in table}
    return RequestLimits(
        limits={kind: _limits(lines) for kind, lines in groups.items()},
        companions={kind: tuple(others) for kind, others in table.get("companions", {}).items()},
    )
