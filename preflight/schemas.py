"""Make the JSON Schema of reports from the table of facts and the types of the report."""

from __future__ import annotations

from typing import Any, Final, get_args

from preflight.codes import CODES, SEVERITIES
from preflight.facts import MEDIA_FACTS, Fact
from preflight.report import OUTCOMES, SCHEMA, Action, Step
from preflight.ruleset import BASES, STAGES

Schema = dict[str, Any]

_JSON_TYPES: Final[dict[type, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_VERDICTS: Final = ["pass", "fail", "unknown"]


def report_schema() -> Schema:
    """Return the JSON Schema (2020-12) of one report: facts, and for checks also verdict and results; or an error."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A preflight report",
        "description": "One source: its facts and the results of all rule sets, or why it could not be read.",
        "type": "object",
        "required": ["schema", "source", "index", "requests", "bytes_read"],
        "properties": {
            "schema": {"const": SCHEMA},
            "source": {"type": "string", "description": "A path, or a URL without its secrets."},
            "index": {"type": "integer", "minimum": 0, "description": "The position in the input."},
            **{name: _fact(fact) for name, fact in MEDIA_FACTS.items()},
            "error": _object({"code": _code(), "message": {"type": "string"}}),
            "requests": {"type": "integer", "minimum": 0, "description": "HTTP requests made."},
            "bytes_read": {"type": "integer", "minimum": 0, "description": "Bytes read from the source."},
            "verdict": {"enum": _VERDICTS, "description": "The worst verdict of the results."},
            "outcome": {"enum": list(OUTCOMES), "description": "The verdict, with passes with warnings distinguished."},
            "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
            "digest": {
                "type": ["string", "null"],
                "description": "Changes with the rule sets and the options of the check.",
            },
        },
        "additionalProperties": False,
        "$defs": {
            "result": _result(),
            "finding": _finding(),
            "plan": _plan(),
            "obstacle": _obstacle(),
            "step": _step(),
        },
    }


def _fact(fact: Fact) -> Schema:
    schema: Schema = {"description": fact.help}
    if fact.type is tuple:
        return {"type": "array", "items": {"type": "string"}, **schema}
    if fact.name == "kind":
        return {"enum": [*fact.words, None], **schema}
    return {"type": [_JSON_TYPES[fact.type], "null"], **schema}


def _result() -> Schema:
    return _object(
        {
            "rules": {"type": "string"},
            "variant": {"type": ["string", "null"]},
            "stage": {"enum": list(STAGES)},
            "as_of": {"type": "string", "format": "date"},
            "basis": {"enum": list(BASES)},
            "verdict": {"enum": _VERDICTS},
            "outcome": {"enum": list(OUTCOMES)},
            "findings": {"type": "array", "items": {"$ref": "#/$defs/finding"}},
            "plan": {"anyOf": [{"$ref": "#/$defs/plan"}, {"type": "null"}]},
        }
    )


def _plan() -> Schema:
    words = {"type": "array", "items": {"type": "string"}}
    return _object(
        {
            "sentence": {"type": "string"},
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
            "command": {
                **words,
                "type": ["array", "null"],
                "description": "Arguments of a command that fixes the file.",
            },
            "losses": words,
            "obstacles": {"type": "array", "items": {"$ref": "#/$defs/obstacle"}},
        }
    )


def _obstacle() -> Schema:
    return _object({"message": {"type": "string"}, "parameter": {"type": ["string", "null"]}})


def _step() -> Schema:
    values = {name: _fact(MEDIA_FACTS[name]) for name in Step._fields if name not in ("action", "facts")}
    facts = {"type": "array", "items": {"enum": list(MEDIA_FACTS)}}
    step = _object({"action": {"enum": list(get_args(Action))}, "facts": facts})
    return {**step, "properties": {**step["properties"], **values}}


def _finding() -> Schema:
    optional = {"type": ["string", "null"]}
    return _object(
        {
            "code": _code(),
            "severity": {"enum": list(SEVERITIES)},
            "fact": optional,
            "value": True,
            "limit": {"type": ["object", "null"]},
            "message": {"type": "string"},
            "hint": optional,
            "reference": optional,
        }
    )


def _code() -> Schema:
    return {"enum": sorted(CODES)}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}
