"""The shape of a rule file: what validates one, and what the JSON Schema for editors is made of.

pydantic takes longer to load than a folder takes to check: only validation and the schema load this package's models.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from pydantic import Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from preflight.codes import CODES
from preflight.facts import MEDIA_FACTS
from preflight.formats import FORMATS, KINDS, Kind
from preflight.rulefile.limits import Words, limits, one_of, removable, table

_TEXT: Final = (str, Field(None, min_length=1))


def _section(kind: Kind) -> Any:
    """`[image]`, `[video]` or `[audio]`."""
    facts = limits(kind)
    formats = one_of(name for name, entry in FORMATS.items() if kind in entry.kinds)
    of_format = {"format": (formats, Field(description="The format for which these lines hold."))}
    when = table(f"{kind.title()}When", "Lines for one format, in place of the section's.", {**facts, **of_format})
    more = {"when": removable(list[when], "Lines for one format, in place of the section's.")}  # type: ignore[valid-type]
    about = f"What is accepted of {kind} files; without this section none is."
    return table(f"{kind.title()}Section", about, {**facts, **more})


def _request() -> Any:
    """`[request]`: limits over files used together."""
    group = table("RequestGroup", "Limits over files used together.", limits("request"))
    beside: dict[str, Any] = {
        kind: removable(list[one_of(KINDS)], "It is only taken beside one of these.", min_length=1)  # type: ignore[misc]
        for kind in KINDS
    }
    company = table("Companions", "Which kinds are only taken beside others.", beside)
    groups: dict[str, Any] = {kind: removable(group, f"Over all {kind} files of one request.") for kind in KINDS}
    groups["all"] = removable(group, "Over all files of one request.")
    groups["companions"] = removable(company, "Which kinds are only taken beside others.")
    return table("Request", "Limits over files used together in one request.", groups)


def _data_uri() -> Any:
    """Return the model of `[data_uri]`: which kinds are accepted as data URI, and how large."""
    of_file = table("DataUriLimits", "Limits on files in data URIs, besides those of their kind.", limits("data_uri"))
    kinds = (list[one_of(KINDS)], Field(None, description="The kinds that are taken as data URI; [] for none."))  # type: ignore[misc]
    of_kind: dict[str, Any] = {kind: removable(of_file, f"Limits on {kind} files in data URIs.") for kind in KINDS}
    return table("DataUri", "What the service takes as data URI.", {"kinds": kinds, **of_kind})


def _asset() -> Any:
    """`[asset]`: limits on the asset itself, not on its media."""
    length = {"max_length": (int, Field(ge=1, description="Characters at most.")), "note": _TEXT}
    text = table("LengthLimit", "How long a text of the asset may be.", length)
    texts = {name: removable(text, f"The asset's {name}.") for name in ("name", "description")}
    return table("Asset", "Limits on the asset itself, not on its media.", texts)


def _example() -> Any:
    """`[[examples]]`: facts (the fields of `Media`, none that derives from others), and what must be said of them."""
    given = (fact for fact in MEDIA_FACTS.values() if not fact.derived_from)
    fields: dict[str, Any] = {fact.name: (fact.type | None, None) for fact in given}
    fields |= {"kind": (one_of(KINDS), None), "notes": (list[str], None)}
    facts = table("Facts", "What a probe would read; what is left out could not be read.", fields)
    words = {
        "verdict": (one_of(("pass", "fail", "unknown")), Field(description="What the rule set must say.")),
        "facts": (facts, Field(description="What a probe would read; what is left out could not be read.")),
        "codes": (list[one_of(CODES)], Field(None, description="The codes of all its findings.")),  # type: ignore[misc]
        "note": _TEXT,
    }
    return table("Example", "Facts, and what the rule set must say of them.", words)


HEAD: Final[dict[str, tuple[Any, Any]]] = {
    "title": (str, Field(None, min_length=1, description='"Service: what of it"; messages name the service.')),
    "stage": (
        one_of(("register", "generate")),
        Field(None, description='"register" an asset, or "generate" with it.'),
    ),
    "source": (str, Field(None, min_length=1, description="Where the limits are published, as a URL.")),
    "as_of": (date, Field(None, description="The day they were read there, e.g. 2026-11-20.")),
    "basis": (
        one_of(("published", "assumed")),
        Field(None, description='"published", or "assumed" where the service publishes nothing.'),
    ),
}
"""What a file that extends nothing must say."""

RULE_FILE: Final = table(
    "RuleFile",
    "A rule set: the limits that one service puts on one stage.",
    {
        **HEAD,
        "not_checked": (list[str], Field(None, description="What no limit here can tell; reports repeat it.")),
        "extends": (
            str,
            Field(
                None, min_length=1, description="A built-in rule set or a path from this file, taken over line by line."
            ),
        ),
        **{kind: removable(_section(kind), f"What is accepted of {kind} files.") for kind in KINDS},
        "url": removable(table("Url", "What the service's fetcher needs.", limits("url")), "What its fetcher needs."),
        "data_uri": removable(_data_uri(), "What the service takes as data URI; without it [url] scheme decides."),
        "request": removable(_request(), "Limits over files used together in one request."),
        "asset": removable(_asset(), "Limits on the asset itself, not on its media."),
        "examples": (list[_example()], Field(None, description="Facts that pass, fail or are unknown.")),  # type: ignore[misc]
    },
)


def words_at(path: tuple[str | int, ...]) -> list[str]:
    """The words that the table at a key path may have."""
    model: Any = RULE_FILE
    for part in path:
        if isinstance(part, str):
            field = model.model_fields.get(part)
            inner = getattr(field.annotation, "__args__", (field.annotation,))[0] if field else None
            if not (isinstance(inner, type) and issubclass(inner, Words)):
                return []
            model = inner
    return list(model.model_fields)


class _Plain(GenerateJsonSchema):
    """TOML has no null: what is left out is not there, so defaults and nulls are not worth a word."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of rule files, by which editors (Taplo, Even Better TOML) complete and check them."""
    schema: dict[str, Any] = RULE_FILE.model_json_schema(schema_generator=_Plain)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A preflight rule file",
        "anyOf": [{"required": ["extends"]}, {"required": list(HEAD)}],
    }
