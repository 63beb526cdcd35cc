"""Compile rule files into frozen data. Contains no code for any provider or format.

`compile_ruleset` trusts its table: built-in files are validated by the tests, a user's by `preflight.rulefile` first.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from preflight.facts import FACTS
from preflight.formats import KINDS
from preflight.limit import Limit, Table, compile_condition, compile_limits
from preflight.media import Media
from preflight.request_limits import REFERENCE, RequestLimits, Role, compile_request, compile_role, facts_of_requests
from preflight.version import VERSION

Stage = Literal["upload", "register", "generate", "transcribe", "analyze", "post"]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
"""What a service does with a file, in the usual order."""

BASES: Final[Mapping[str, str]] = {
    "published": "the service publishes them",
    "mirrored": "read from a copy of the service's page",
    "measured": "found by trying files",
    "reported": "what users or clients of the service say",
    "assumed": "the service publishes nothing",
}
"""What limits rest on, from the strongest to the weakest."""

MAX_DETAILED_RULES: Final = 12
"""Rule sets for one file up to which reports are detailed: more give a matrix for each stage, without hints."""

URL_DEFAULTS: Final[Table] = {
    "public": {"any_of": [True]},
    "page": {"any_of": ["none"]},
    "expires_in": {"above": 900, "lenient": {"above": 0}, "note": "a service may wait minutes before it fetches"},
}
"""The limits of every service, in addition to its rule file: a public URL of the file that stays valid."""


class When(NamedTuple):
    """Limits in place of those of the section, for media for which all conditions hold.

    formats     the formats for which they hold; None: for all
    conditions  accepted values of other facts
    lines       the limits as the rule file writes them; `false` removes one of the section
    limits      the same, compiled
    """

    formats: tuple[str, ...] | None
    conditions: tuple[Limit, ...]
    lines: Table
    limits: tuple[Limit, ...]

    def holds(self, media: Media) -> bool:
        """Return whether the conditions on facts other than the format hold; an unknown fact fulfills none."""
        for limit in self.conditions:
            value = getattr(media, limit.fact)
            if value is None or limit.side(value, media.height):
                return False
        return True


class Section:
    """The limits on one kind of media; `by_format` has all limits for the formats that a `when` names.

    whens        limits that depend on other facts too; `at` returns the section for a media, without such limits
    conditional  every `when` of the section, also those on the format alone

    Sections are compared by identity, so that they can be keys of a cache.
    """

    def __init__(
        self,
        limits: tuple[Limit, ...],
        by_format: Mapping[str, tuple[Limit, ...]],
        whens: tuple[When, ...] = (),
        lines: Table | None = None,
        conditional: tuple[When, ...] = (),
    ) -> None:
        self.limits = limits
        self.conditional = conditional
        self.by_format = by_format
        self.whens = whens
        self._lines = lines or {}
        self._at: dict[tuple[bool, ...], Section] = {}
        self._mandatory: Section | None = None
        self._facts: dict[str | None, dict[str, Limit]] = {None: {limit.fact: limit for limit in limits}}
        self._facts |= {name: {limit.fact: limit for limit in group} for name, group in by_format.items()}

    @property
    def mandatory(self) -> Section:
        """Return the section without the limits outside which the service accepts and changes a file."""
        if self._mandatory is None:
            groups = {"": self.limits, **self.by_format}
            kept = {name: tuple([limit for limit in group if not limit.otherwise]) for name, group in groups.items()}
            limits = kept.pop("")
            self._mandatory = self if kept == self.by_format and limits == self.limits else Section(limits, kept)
        return self._mandatory

    @property
    def conditional_facts(self) -> frozenset[str]:
        """Return the facts whose limits depend on more than the format."""
        return frozenset(fact for when in self.whens if when.conditions for fact in when.lines)

    def depends_on(self, facts: frozenset[str]) -> bool:
        """Return whether a condition is on one of these facts, the format apart, or on one that is computed of them."""
        named = (limit.fact for when in self.whens for limit in when.conditions)
        return any(not facts.isdisjoint((fact, *FACTS[fact].derived_from)) for fact in named)

    def at(self, media: Media) -> Section:
        """Return the section whose limits hold for a media: they depend on its format only."""
        if not self.whens:
            return self
        key = tuple([when.holds(media) for when in self.whens])
        if key not in self._at:
            held = [when for when, is_held in zip(self.whens, key, strict=True) if is_held]
            self._at[key] = _by_format(self._lines, held)
        return self._at[key]

    def for_format(self, name: str | None) -> tuple[Limit, ...]:
        """Return the limits on media of this format."""
        return self.by_format.get(name or "", self.limits)

    def by_fact(self, name: str | None) -> Mapping[str, Limit]:
        """Return the limits on media of this format by fact."""
        return self._facts[name if name in self._facts else None]


class DataUriLimits(NamedTuple):
    """The kinds that are accepted as data URI (None: not stated), and limits by kind besides those of its section."""

    kinds: tuple[str, ...] | None
    limits: Mapping[str, tuple[Limit, ...]]


class RuleSet(NamedTuple):
    """The limits that one service puts on one stage.

    name         built-in name or path, with the variant that was chosen (`NAME:VARIANT`)
    service      the first words of the title, for messages
    as_of        ISO date on which the limits were read at `source_url`
    basis        `published`, or `assumed` if nothing is published
    sections     limits by kind; a kind without a section is not accepted
    data_uri     what is accepted as data URI; None: what `url` says about the scheme
    asset        limits on the asset itself, e.g. `{"name": {"max_length": 64}}`
    table        the rule file merged over what it extends, as plain data
    digest       changes with the table, the variant and the version of preflight
    variant      the variant that it is; None: the limits outside of variants
    variants     the other variants if none was chosen
    roles        the roles that files of a request may have, by name
    facts        the facts that its limits and those of `variants` need, and those from which these are computed
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
    variant: str | None = None
    variants: tuple[RuleSet, ...] = ()
    roles: Mapping[str, Role] = {}
    facts: frozenset[str] = frozenset()

    @property
    def role_names(self) -> list[str]:
        """Return the names of all roles, also of those that only other roles name; the last is `reference`."""
        named = [other for role in self.roles.values() for other in (role.name, *role.requires, *role.excludes)]
        return [*(name for name in dict.fromkeys(named) if name != REFERENCE), REFERENCE]


def compile_ruleset(name: str, table: Table, variant: str | None = None) -> RuleSet:
    """Return the rule set that a rule file describes; `table` is merged over everything that it extends.

    variant  the chosen variant; without one, the default variant is compiled, and the others beside it
    """
    variants = table.get("variants", {})
    own = variant or table.get("default_variant")
    ruleset = _compile(f"{name}:{variant}" if variant else name, table, own)
    if variant or not variants:
        return ruleset
    others = tuple([_compile(f"{name}:{other}", table, other) for other in variants if other != own])
    facts = ruleset.facts.union(*(other.facts for other in others))
    return ruleset._replace(table=table, variants=others, facts=facts)


def _compile(name: str, whole: Table, variant: str | None) -> RuleSet:
    table = {key: value for key, value in whole.items() if key not in ("variants", "default_variant")}
    if variant is not None:
        table = {**merge_tables(table, whole["variants"][variant]), "examples": whole.get("examples", [])}
    title = table["title"]
    ruleset = RuleSet(
        name=name,
        title=title,
        service=title.split(":")[0],
        stage=table["stage"],
        source_url=table["source"],
        as_of=str(table["as_of"]),
        basis=table["basis"],
        not_checked=tuple(table.get("not_checked", ())),
        sections={kind: _section(table[kind]) for kind in KINDS if table.get(kind, False) is not False},
        url=compile_limits({**URL_DEFAULTS, **(table.get("url") or {})}),
        request=compile_request(table.get("request", {})) if table.get("request") or table.get("roles") else None,
        asset=table.get("asset", {}),
        table=table,
        digest=checksum(whole, variant, VERSION),
        data_uri=_data_uri(table["data_uri"]) if isinstance(table.get("data_uri"), Mapping) else None,
        variant=variant,
        roles={role: compile_role(role, lines) for role, lines in table.get("roles", {}).items()},
    )
    return ruleset._replace(facts=_needed_facts(ruleset))


def _needed_facts(rules: RuleSet) -> frozenset[str]:
    """Return the facts that the limits of a rule set need, and those from which they are computed."""
    facts = {limit.fact for limit in rules.url} | facts_of_requests(rules.request, rules.roles.values())
    for section in rules.sections.values():
        for limits in (section.limits, *section.by_format.values(), *(when.conditions for when in section.whens)):
            facts.update(limit.fact for limit in limits)
        facts.update(*(when.lines for when in section.whens))
    return frozenset(name for fact in facts for name in (fact, *FACTS[fact].derived_from))


def checksum(*parts: object) -> str:
    """Return 16 hexadecimal digits that differ for different plain data; dates count as their text.

    Two checksums suffice, since nobody gains from a collision; importing hashlib takes longer.
    """
    data = json.dumps(parts, sort_keys=True, default=str).encode()
    return f"{zlib.crc32(data):08x}{zlib.adler32(data):08x}"


def is_rule_file_path(name: str) -> bool:
    """Return whether the name of a rule set is the path of a rule file, not a built-in name."""
    return name.endswith(".toml") or ".toml:" in name or os.sep in name


def split_variant(name: str) -> tuple[str, str | None]:
    """Return the name or path of a rule set, and the variant that it chooses. A path is split behind `.toml` only.

    >>> split_variant("atlas:1080p"), split_variant("./a:b/mine.toml:fast"), split_variant("./a:b")
    (('atlas', '1080p'), ('./a:b/mine.toml', 'fast'), ('./a:b', None))
    """
    if not is_rule_file_path(name):
        start, _, variant = name.partition(":")
        return start, variant or None
    start, mark, variant = name.rpartition(".toml:")
    return (f"{start}.toml", variant or None) if mark else (name, None)


def merge_tables(parent: Table, child: Table, *, keeps_false: bool = False) -> Table:
    """Return the parent's table with the child's over it, limit by limit; `false` removes a limit or a section.

    keeps_false  both are a variant: `false` stays, since it also removes what stands outside of variants
    """
    merged: dict[str, Any] = {key: value for key, value in parent.items() if key != "examples"}
    for key, value in child.items():
        inherited = merged[key] if isinstance(merged.get(key), Mapping) else {}
        if value is False and not keeps_false:
            merged.pop(key, None)
        elif not isinstance(value, Mapping):
            merged[key] = value
        elif key in ("request", "data_uri", "roles"):
            merged[key] = merge_tables(inherited, value, keeps_false=keeps_false)
        elif key == "variants":
            merged[key] = _merge_variants(inherited, value)
        else:
            lines = {**inherited, **value}
            is_kept = keeps_false or key == "url"  # there `false` also removes what holds by default
            merged[key] = lines if is_kept else {fact: line for fact, line in lines.items() if line is not False}
    return merged


def _merge_variants(parent: Table, child: Table) -> Table:
    """Return the variants of both, each limit by limit; `false` removes one."""
    merged = dict(parent)
    for name, lines in child.items():
        if lines is False:
            merged.pop(name, None)
        else:
            merged[name] = merge_tables(merged[name], lines, keeps_false=True) if name in merged else lines
    return merged


def _section(table: Table) -> Section:
    lines = {fact: line for fact, line in table.items() if fact != "when"}
    whens = tuple([_when(when) for when in table.get("when", ())])
    plain = _by_format(lines, [when for when in whens if not when.conditions])
    deciding = whens if any(when.conditions for when in whens) else ()
    return Section(plain.limits, plain.by_format, deciding, lines, whens)


def _by_format(lines: Table, whens: Sequence[When]) -> Section:
    """Return the section for media for which these hold, one after another, apart from their formats."""
    formats = dict.fromkeys(name for when in whens for name in when.formats or ())

    def limits(name: str | None) -> tuple[Limit, ...]:
        held = dict(lines)
        for when in whens:
            if when.formats is None or name in when.formats:
                held |= when.lines
        return compile_limits(held)

    return Section(limits(None), {name: limits(name) for name in formats})


def _when(table: Table) -> When:
    """Return a `when` of a rule file: a table is a limit, any other value a condition."""
    lines = {fact: line for fact, line in table.items() if line is False or isinstance(line, Mapping)}
    conditions = {fact: value for fact, value in table.items() if fact not in lines}
    formats = conditions.pop("format", None)
    return When(
        None if formats is None else tuple(formats) if isinstance(formats, list) else (formats,),
        tuple([compile_condition(fact, value) for fact, value in conditions.items()]),
        lines,
        compile_limits(lines),
    )


def _data_uri(table: Table) -> DataUriLimits:
    kinds = table.get("kinds")
    return DataUriLimits(
        kinds=None if kinds is None else tuple(kinds),
        limits={kind: compile_limits(table[kind]) for kind in KINDS if table.get(kind)},
    )
