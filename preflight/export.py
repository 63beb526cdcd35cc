"""Export rule sets as JSON for other languages: every limit with its bounds in the unit of its fact.

What `extends` takes over and what variants override is already merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from preflight.facts import FACTS
from preflight.formats import KINDS
from preflight.limit import Limit
from preflight.request_limits import Groups
from preflight.ruleset import BASES, STAGES, RuleSet, Section, When

EXPORT_ID: Final = "urn:preflight:rules:1"
"""The `$id` of the schema of an exported rule set; that of a rule set is followed by its name."""

Json = dict[str, Any]


def export_ruleset(ruleset: RuleSet) -> Json:
    """Return a rule set as a JSON object: what is judged if no variant is chosen, and each other variant."""
    row: Json = {
        "$schema": EXPORT_ID,
        "$id": f"{EXPORT_ID}:{ruleset.name}",
        "name": ruleset.name,
        "variant": ruleset.variant,
        "title": ruleset.title,
        "service": ruleset.service,
        "stage": ruleset.stage,
        "source": ruleset.source_url,
        "as_of": ruleset.as_of,
        "basis": ruleset.basis,
        "not_checked": list(ruleset.not_checked),
        "kinds": {kind: _section(section) for kind, section in ruleset.sections.items()},
        "url": _limits(ruleset.url),
        "variants": {variant.variant: export_ruleset(variant) for variant in ruleset.variants},
    }
    if (data_uri := ruleset.data_uri) is not None:
        kinds = list(ruleset.sections if data_uri.kinds is None else data_uri.kinds)
        row["data_uri"] = {"kinds": kinds, "limits": _groups(data_uri.limits)}
    if ruleset.request is not None:
        row["request"] = _request(ruleset)
    facts = sorted({*ruleset.facts} & FACTS.keys())
    row["units"] = {name: unit for name in facts if (unit := FACTS[name].unit) is not None}
    return row


def _request(ruleset: RuleSet) -> Json:
    request = ruleset.request
    assert request is not None
    return {
        "limits": _groups(request.limits),
        "companions": {kind: list(others) for kind, others in request.companions.items()},
        "when": [
            {
                "conditions": _groups(when.conditions),
                "limits": _groups(when.limits),
                "files": _groups(when.files),
            }
            for when in request.whens
        ],
        "same": list(request.same),
        "ratios": _limits(request.ratios),
        "roles": {
            role.name: {
                "kinds": None if role.kinds is None else list(role.kinds),
                "requires": list(role.requires),
                "excludes": list(role.excludes),
                "limits": _limits(role.totals),
                "files": _limits(role.files),
                "same": list(role.same),
                "ratios": _limits(role.ratios),
            }
            for role in ruleset.roles.values()
        },
    }


def _section(section: Section) -> Json:
    return {"limits": _limits(section.limits), "when": [_when(when) for when in section.conditional]}


def _when(when: When) -> Json:
    formats = [] if when.formats is None else [{"fact": "format", "any_of": list(when.formats)}]
    return {
        "conditions": [*formats, *_limits(when.conditions)],
        "limits": _limits(when.limits),
        "removes": [fact for fact, line in when.lines.items() if line is False],
    }


def _groups(groups: Groups | Mapping[str, tuple[Limit, ...]]) -> dict[str, list[Json]]:
    return {kind or "all": _limits(limits) for kind, limits in groups.items()}


def _limits(limits: Iterable[Limit]) -> list[Json]:
    return [{"fact": limit.fact, **_limit(limit)} for limit in limits]


def _limit(limit: Limit) -> Json:
    """Return what a limit accepts; keys as in rule files."""
    row: Json = {
        "above" if limit.low_open else "min": limit.low,
        "below" if limit.high_open else "max": limit.high,
        "any_of": None if limit.any_of is None else list(limit.any_of),
        "within": limit.within,
        "multiple_of": limit.multiple_of,
        "lenient": None if limit.lenient is None else _limit(limit.lenient),
        "otherwise": limit.otherwise,
        "required": limit.required or None,
        "note": limit.note,
        "hint": limit.hint,
    }
    return {name: value for name, value in row.items() if value is not None}


_TEXTS: Final[Json] = {"type": "array", "items": {"type": "string"}}
_LIMITS: Final[Json] = {"type": "array", "items": {"$ref": "#/$defs/limit"}}
_GROUPS: Final[Json] = {"type": "object", "additionalProperties": _LIMITS}


def export_schema() -> Json:
    """Return the JSON Schema (2020-12) of an exported rule set."""
    when = {"conditions": _LIMITS, "limits": _LIMITS, "removes": _TEXTS}
    section = _object({"limits": _LIMITS, "when": {"type": "array", "items": _object(when)}})
    required: Json = {
        "$schema": {"const": EXPORT_ID},
        **{key: {"type": "string"} for key in ("$id", "name", "title", "service", "source", "as_of")},
        "variant": {"type": ["string", "null"], "description": "The variant that these limits are those of."},
        "stage": {"enum": list(STAGES)},
        "basis": {"enum": list(BASES)},
        "not_checked": _TEXTS,
        "kinds": {"type": "object", "propertyNames": {"enum": list(KINDS)}, "additionalProperties": section},
        "url": _LIMITS,
        "variants": {"type": "object", "additionalProperties": {"$ref": "#"}},
        "units": {"type": "object", "additionalProperties": {"type": "string"}},
    }
    optional = {"data_uri": _object({"kinds": _TEXTS, "limits": _GROUPS}), "request": _request_schema()}
    whole = _object(required)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": EXPORT_ID,
        "title": "A preflight rule set, compiled",
        "description": "The limits of one service at one stage. A later `when` whose conditions hold outranks what is "
        "before it, fact by fact. Without `within`, a listed aspect ratio matches within one pixel of the height.",
        **whole,
        "properties": {**whole["properties"], **optional},
        "$defs": {"limit": _limit_schema()},
    }


def _request_schema() -> Json:
    """Return the schema of the limits on files that are used together."""
    compared = {"same": _TEXTS, "ratios": _LIMITS}
    role = {"kinds": {"type": ["array", "null"]}, "requires": _TEXTS, "excludes": _TEXTS, "limits": _LIMITS}
    when = {"conditions": _GROUPS, "limits": _GROUPS, "files": _GROUPS}
    return _object(
        {
            "limits": _GROUPS,
            "companions": {"type": "object", "additionalProperties": _TEXTS},
            "when": {"type": "array", "items": _object(when)},
            **compared,
            "roles": {"type": "object", "additionalProperties": _object({**role, "files": _LIMITS, **compared})},
        }
    )


def _limit_schema() -> Json:
    """Return the schema of a limit."""
    number = {"type": "number"}
    accepts: Json = {
        **dict.fromkeys(("min", "above", "max", "below"), number),
        "any_of": {"type": "array", "minItems": 1},
        "within": {**number, "description": "v matches r if |v - r| <= within * r."},
        "multiple_of": {"type": "integer"},
    }
    lenient = {"type": "object", "properties": accepts, "additionalProperties": False}
    remarks: Json = {
        "lenient": {**lenient, "description": "What only this accepts passes with a warning."},
        "otherwise": {"enum": ["scaled", "converted", "cut"], "description": "What the service does outside."},
        "required": {"type": "boolean"},
        "note": {"type": "string"},
        "hint": {"type": "string"},
    }
    properties = {"fact": {"enum": sorted(FACTS)}, **accepts, **remarks}
    return {"type": "object", "required": ["fact"], "properties": properties, "additionalProperties": False}


def _object(properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}
