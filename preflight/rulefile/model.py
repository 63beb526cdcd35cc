"""The pydantic model of a rule file, from which the JSON Schema for editors is made too.

pydantic takes longer to load than a folder takes to check: only validation and the schema import this module.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final, get_args, get_origin

from pydantic import Field, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from preflight.codes import CODES
from preflight.facts import MEDIA_FACTS
from preflight.formats import KINDS, Kind
from preflight.rulefile.conditions import when_table
from preflight.rulefile.limits import (
    FieldSpec,
    StrictTable,
    Type,
    limit_fields,
    list_of,
    make_table,
    one_of,
    removable,
    sentence_error,
    tables_by_name,
)
from preflight.rulefile.requests import request_table, roles_field
from preflight.ruleset import BASES, STAGES
from preflight.toml import KeyPath

_TEXT: Final[FieldSpec] = (str, Field(None, min_length=1))


def _section(kind: Kind) -> Type:
    """Return the model of `[image]`, `[video]` or `[audio]`."""
    about = "Limits in place of those of the section, for files for which all conditions hold."
    return make_table(
        f"{kind.title()}Section",
        f"Limits on {kind} files; without this section none is accepted.",
        {**limit_fields(kind), "when": removable(list_of(when_table(kind)), about)},
    )


def _data_uri() -> Type:
    about = "Limits on files in data URIs, besides those on their kind."
    limits = make_table("DataUriLimits", about, limit_fields("data_uri"))
    kinds = (list_of(one_of(KINDS)), Field(None, description="The kinds that are accepted as data URI; [] for none."))
    fields: dict[str, FieldSpec] = {kind: removable(limits, f"Limits on {kind} files in data URIs.") for kind in KINDS}
    return make_table("DataUri", "What the service accepts as data URI.", {"kinds": kinds, **fields})


def _asset() -> Type:
    length = {"max_length": (int, Field(ge=1, description="Maximum number of characters.")), "note": _TEXT}
    text = make_table("LengthLimit", "The maximum length of a text.", length)
    texts = {name: removable(text, f"The {name} of the asset.") for name in ("name", "description")}
    return make_table("Asset", "Limits on the asset itself, not on its media.", texts)


def _example() -> Type:
    """Return the model of `[[examples]]`: the facts that are not computed from others, and the expected result."""
    about = "What a probe would read; what is left out could not be read."
    given = (fact for fact in MEDIA_FACTS.values() if not fact.derived_from)
    facts: dict[str, FieldSpec] = {fact.name: (fact.type | None, None) for fact in given}
    facts |= {"kind": (one_of(KINDS), None), "notes": (list[str], None)}
    role = (str, Field(None, description="The role of the file in the request."))
    in_request = make_table("FileFacts", about, {**facts, "role": role})
    fields: dict[str, FieldSpec] = {
        "verdict": (one_of(("pass", "fail", "unknown")), Field(description="The expected verdict.")),
        "facts": (make_table("Facts", about, facts), Field(None, description=about)),
        "files": (
            list_of(in_request),
            Field(None, min_length=1, description="Files of one request, in place of facts."),
        ),
        "codes": (list_of(one_of(CODES)), Field(None, description="The codes of all expected findings.")),
        "variant": (str, Field(None, description="The variant that judges; without it, none is chosen.")),
        "note": _TEXT,
    }
    return make_table("Example", "Facts and the result that is expected for them.", fields, _ExampleTable)


class _ExampleTable(StrictTable):
    """An example with the facts of one file, or with the files of a request."""

    @model_validator(mode="after")
    def _check_example(self) -> _ExampleTable:
        if len(self.model_fields_set & {"facts", "files"}) != 1:
            raise sentence_error("an example has either facts or files. Give one of them.")
        return self


REQUIRED_KEYS: Final[dict[str, str]] = {
    "title": '"Service: what of it"; messages name the service.',
    "stage": f"What the service does with the files: one of {', '.join(STAGES)}.",
    "source": "URL of the page where the limits are published.",
    "as_of": "Day on which the limits were read there, e.g. 2026-11-20.",
    "basis": f"The weakest that it rests on: one of {', '.join(BASES)}.",
}
"""The keys that a file must have unless it extends another, and what each means."""

_REQUIRED_TYPES: Final[dict[str, tuple[Type, int | None]]] = {
    "title": (str, 1),
    "stage": (one_of(STAGES), None),
    "source": (str, 1),
    "as_of": (date, None),
    "basis": (one_of(BASES), None),
}
_REQUIRED_FIELDS: Final[dict[str, FieldSpec]] = {
    key: (kind, Field(None, min_length=length, description=REQUIRED_KEYS[key]))
    for key, (kind, length) in _REQUIRED_TYPES.items()
}
_EXTENDS: Final = "Built-in rule set, or path relative to this file, whose limits hold where this file has none."

_VARIANT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


_LIMITS: Final[dict[str, FieldSpec]] = {
    **_REQUIRED_FIELDS,
    "not_checked": (list[str], Field(None, description="What the limits cannot check; reports repeat it.")),
    **{kind: removable(_section(kind), f"Limits on {kind} files.") for kind in KINDS},
    "url": removable(make_table("Url", "Limits on URLs.", limit_fields("url")), "Limits on URLs."),
    "data_uri": removable(_data_uri(), "What is accepted as data URI; without it, [url] scheme decides."),
    "request": removable(request_table(), "Limits on files used together in one request."),
    "asset": removable(_asset(), "Limits on the asset itself, not on its media."),
    "roles": roles_field(),
}
"""The keys that a variant may have too."""


def _variants() -> FieldSpec:
    """Return the field of `[variants.NAME]`: what differs from the limits outside, limit by limit."""
    variant = make_table("Variant", "What differs in one variant, limit by limit.", _LIMITS)
    about = "A model, an output resolution, a plan or a way of sending; `false` removes one."
    return tables_by_name(variant, _VARIANT_NAME, about)


RULE_FILE: Final = make_table(
    "RuleFile",
    "A rule set: the limits that one service puts on one stage.",
    {
        **_LIMITS,
        "extends": (str, Field(None, min_length=1, description=_EXTENDS)),
        "variants": _variants(),
        "default_variant": (str, Field(None, description="The variant that is judged if none is chosen.")),
        "examples": (list_of(_example()), Field(None, description="Facts, each with the expected result.")),
    },
)


def words_at(path: KeyPath) -> list[str]:
    """Return the keys that the table at a key path may have."""
    model, is_named = RULE_FILE, False
    for part in path:
        if is_named:  # the name of a variant
            is_named = False
        elif isinstance(part, str):
            field = model.model_fields.get(part)
            annotation: object = field.annotation if field is not None else None
            is_named = get_origin(annotation) is dict
            inner = _table_in(annotation)
            if inner is None:
                return []
            model = inner
    return [] if is_named else list(model.model_fields)


def _table_in(annotation: object) -> type[StrictTable] | None:
    """Return the model inside a type: a list of tables, or tables by name."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation if issubclass(annotation, StrictTable) else None
    kinds = get_args(annotation)
    inner = kinds[-1] if get_origin(annotation) is dict else next(iter(kinds), None)
    return _table_in(inner) if inner is not None else None


class _WithoutNull(GenerateJsonSchema):
    """A schema without defaults and nulls: TOML has no null, a key that is left out is absent."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:
        """Return False: the key is title enough."""
        return False


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of rule files, with which editors (Taplo, Even Better TOML) check them."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RULE_FILE.model_json_schema(schema_generator=_WithoutNull),
        "title": "A preflight rule file",
        "anyOf": [{"required": ["extends"]}, {"required": list(REQUIRED_KEYS)}],
    }
