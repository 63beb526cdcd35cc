"""What a rule file says, compiled into frozen data. Says nothing of any provider and of any format.

`compile_ruleset` trusts its table: built-in files are validated by the tests, a user's by `preflight.rulefile` first.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from preflight.facts import FACTS
from preflight.formats import KINDS
from preflight.media import NONE
from preflight.units import quantity
from preflight.version import VERSION

Table = Mapping[str, Any]

URL_DEFAULTS: Final[dict[str, Any]] = {
    "public": {"any_of": [True]},
    "page": {"any_of": ["none"]},
    "expires_in": {"above": 900, "lenient": {"above": 0}, "note": "a service may take minutes before it fetches"},
}
"""What no service can do without, whatever its rule file says: the file itself, in reach, and for long enough."""


_ROUNDING: Final = 1e-9
"""By how much a whole number of pixels may be missed in floating point."""


class Limit(NamedTuple):
    """The accepted values of one fact. An open bound fails itself, a closed one passes.

    lenient    the same with wider sides: between the two is a warning
    required   "there is none" fails too
    note       a remark for the message; hint: one for the hint
    written    as the rule file says it, for machines
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
        """Hash the main fields, so that equal limits have equal hashes: `written`, a dict, is not hashable."""
        return hash((self.fact, self.low, self.high, self.any_of))

    @property
    def accepts_none(self) -> bool:
        """Return whether `none` is among the accepted values."""
        return self.any_of is not None and NONE in self.any_of

    def side(self, value: Any, height: int | None = None) -> int:
        """Return 0 for an accepted value, -1 where it is too low, 1 where it is too high or not among the accepted.

        height  of the picture in px: a listed aspect ratio is then matched within one pixel of height
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
    """The limits of one kind; `by_format` holds the whole list for the formats that a `when` names.

    Compared by identity, so that what follows from it can be looked up again.
    """

    def __init__(self, limits: tuple[Limit, ...], by_format: Mapping[str, tuple[Limit, ...]]) -> None:
        self.limits = limits
        self.by_format = by_format
        self._facts: dict[str | None, dict[str, Limit]] = {None: {one.fact: one for one in limits}}
        self._facts |= {name: {one.fact: one for one in group} for name, group in by_format.items()}

    def for_format(self, name: str | None) -> tuple[Limit, ...]:
        """The limits that hold for a media of this format."""
        return self.by_format.get(name or "", self.limits)

    def by_fact(self, name: str | None) -> Mapping[str, Limit]:
        """The limits that hold for a media of this format, by fact."""
        return self._facts.get(name) or self._facts[None]


class Request(NamedTuple):
    """Limits over files used together: per kind and over all (`None`); which kinds need one of which beside them."""

    limits: Mapping[str | None, tuple[Limit, ...]]
    companions: Mapping[str, tuple[str, ...]]


class DataUri(NamedTuple):
    """What is taken as a data URI: `kinds` (None: nothing is said of it), and limits per kind besides its section's."""

    kinds: tuple[str, ...] | None
    limits: Mapping[str, tuple[Limit, ...]]


class RuleSet(NamedTuple):
    """The limits that one service puts on one stage.

    name         as after `--for`; service: the first words of the title, for messages
    as_of        ISO day on which the limits were read at `source`
    basis        `published`, or `assumed` where nothing is published
    sections     by kind; a kind without one is not accepted
    data_uri     what is taken as a data URI; None: what `url` says of the scheme
    asset        limits on the asset itself, e.g. `{"name": {"max_length": 64}}`
    table        the whole rule file after `extends`, as plain data
    digest       changes with everything that it says, and with the version of what judges by it
    """

    name: str
    title: str
    service: str
    stage: str
    source: str
    as_of: str
    basis: str
    not_checked: tuple[str, ...]
    sections: Mapping[str, Section]
    url: tuple[Limit, ...]
    request: Request | None
    asset: Mapping[str, Any]
    table: Table
    digest: str
    data_uri: DataUri | None = None

    def facts(self) -> frozenset[str]:
        """The facts that any limit of it needs."""
        sections = (limit for section in self.sections.values() for group in _groups(section) for limit in group)
        return frozenset(limit.fact for limit in (*sections, *self.url))


def _groups(section: Section) -> tuple[tuple[Limit, ...], ...]:
    return (section.limits, *section.by_format.values())


def compile_ruleset(name: str, table: Table, parent: Callable[[str], Table] | None = None) -> RuleSet:
    """A rule file's table as a `RuleSet`; `parent` gives the whole table of the rule set that it `extends`."""
    if "extends" in table and parent is not None:
        table = merge(parent(table["extends"]), table)
    title = table["title"]
    return RuleSet(
        name=name,
        title=title,
        service=title.split(":")[0],
        stage=table["stage"],
        source=table["source"],
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


def checksum(*parts: Any) -> str:
    """What tells plain data from other plain data, in 16 hexadecimal digits; dates are taken by their text.

    Two checksums and no cryptography: nobody gains by rule sets that look alike, and hashlib is slow to load.
    """
    data = json.dumps(parts, sort_keys=True, default=str).encode()
    return f"{zlib.crc32(data):08x}{zlib.adler32(data):08x}"


def is_path(name: str) -> bool:
    """Return whether a word after `--for` or `extends` is the path of a rule file, not a built-in name."""
    return name.endswith(".toml") or os.sep in name


def merge(parent: Table, child: Table) -> dict[str, Any]:
    """The parent's table with the child's lines over it, limit by limit; `false` removes a limit or a section."""
    merged = {key: value for key, value in parent.items() if key != "examples"}
    for key, value in child.items():
        above = merged.get(key)
        if value is False:
            merged.pop(key, None)
        elif key in ("request", "data_uri") and isinstance(above, Mapping):
            merged[key] = merge(above, value)
        elif key == "url" and isinstance(above, Mapping):
            merged[key] = {**above, **value}  # `false` stays: it also removes what holds by default
        elif isinstance(value, Mapping) and isinstance(above, Mapping):
            merged[key] = {line: limit for line, limit in {**above, **value}.items() if limit is not False}
        else:
            merged[key] = value
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
    """One line of a rule file.

    >>> compile_limit("duration", {"min": 2, "max": 15, "lenient": {"max": 15.2}}).lenient.high
    15.2
    """
    sides = _sides(fact, line)
    lenient = line.get("lenient")
    if lenient is not None:
        wider = _sides(fact, lenient)
        for side in ("low", "high"):
            if side not in wider and side in sides:
                wider |= {key: sides[key] for key in (side, f"{side}_open")}
        wider.setdefault("any_of", sides.get("any_of"))
    return Limit(
        fact,
        **sides,
        lenient=Limit(fact, **wider) if lenient is not None else None,
        note=line.get("note"),
        hint=line.get("hint"),
        required=line.get("required", False),
        written={key: value for key, value in line.items() if key not in ("note", "hint")},
    )


def _sides(fact: str, line: Table) -> dict[str, Any]:
    sides: dict[str, Any] = {}
    for word, side, is_open in (
        ("min", "low", False),
        ("above", "low", True),
        ("max", "high", False),
        ("below", "high", True),
    ):
        if word in line:
            sides |= {side: quantity(line[word], FACTS[fact].unit), f"{side}_open": is_open}
    if "any_of" in line:
        sides["any_of"] = tuple(line["any_of"])
    return sides


def _data_uri(table: Table) -> DataUri:
    kinds = table.get("kinds")
    return DataUri(
        kinds=None if kinds is None else tuple(kinds),
        limits={kind: _limits(table[kind]) for kind in KINDS if table.get(kind)},
    )


def _request(table: Table) -> Request:
    groups = {kind if kind in KINDS else None: table[kind] for kind in (*KINDS, "all") if kind in table}
    return Request(
        limits={kind: _limits(lines) for kind, lines in groups.items()},
        companions={kind: tuple(others) for kind, others in table.get("companions", {}).items()},
    )
