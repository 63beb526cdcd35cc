"""The JSON Schema of the lines of `check` and `probe --format jsonl`, derived from the types themselves."""

from __future__ import annotations

from typing import Any, Final, get_args

from preflight.codes import CODES, SEVERITIES
from preflight.facts import MEDIA_FACTS, Fact
from preflight.report import OUTCOMES, SCHEMA, Action, Step

_JSON_TYPES: Final[dict[type, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_VERDICTS: Final = ["pass", "fail", "unknown"]


def report_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of one line: facts, and for `check` also verdict and results; or an error."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A preflight report",
        "description": "One source: its facts, the results of all rule sets, or why it could not be read.",
        "type": "object",
        "required": ["schema", "source", "index", "requests", "bytes_read"],
        "properties": {
            "schema": {"const": SCHEMA},
            "source": {"type": "string", "description": "A path, or a URL without its secrets."},
            "index": {"type": "integer", "minimum": 0, "description": "The position in the input."},
            **{name: _fact(fact) for name, fact in MEDIA_FACTS.items()},
            "error": _object({"code": _code(), "message": {"type": "string"}}),
            "requests": {"type": "integer", "minimum": 0, "description": "HTTP requests made."},
            "bytes_read": {"type": "integer", "minimum": 0, "description": "Bytes taken from the medium."},
            "verdict": {"enum": _VERDICTS, "description": "The worst of the results."},
            "outcome": {"enum": list(OUTCOMES), "description": "The verdict; a pass with a warning is told apart."},
            "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
            "digest": {
                "type": ["string", "null"],
                "description": "Tells the rule sets and options by which it was judged from others.",
            },
        },
        "additionalProperties": False,
        "$defs": {"result": _result(), "finding": _finding(), "plan": _plan(), "step": _step()},
    }


def _fact(fact: Fact) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": fact.help}
    if fact.type is tuple:
        return {"type": "array", "items": {"type": "string"}, **schema}
    if fact.name == "kind":
        return {"enum": [*fact.words, None], **schema}
    return {"type": [_JSON_TYPES[fact.type], "null"], **schema}


def _result() -> dict[str, Any]:
    return _object(
        {
            "rules": {"type": "string"},
            "stage": {"enum": ["register", "generate"]},
            "as_of": {"type": "string", "format": "date"},
            "basis": {"enum": ["published", "assumed"]},
            "verdict": {"enum": _VERDICTS},
            "outcome": {"enum": list(OUTCOMES)},
            "findings": {"type": "array", "items": {"$ref": "#/$defs/finding"}},
            "plan": {"anyOf": [{"$ref": "#/$defs/plan"}, {"type": "null"}]},
        }
    )


def _plan() -> dict[str, Any]:
    words = {"type": "array", "items": {"type": "string"}}
    return _object(
        {
            "sentence": {"type": "string"},
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
            "command": {**words, "type": ["array", "null"], "description": "The words of a command that fixes it."},
        }
    )


def _step() -> dict[str, Any]:
    values = {name: _fact(MEDIA_FACTS[name]) for name in Step._fields if name not in ("action", "facts")}
    facts = {"type": "array", "items": {"enum": list(MEDIA_FACTS)}}
    step = _object({"action": {"enum": list(get_args(Action))}, "facts": facts})
    return {**step, "properties": {**step["properties"], **values}}


def _finding() -> dict[str, Any]:
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


def _code() -> dict[str, Any]:
    return {"enum": sorted(CODES)}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }
