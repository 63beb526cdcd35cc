"""One line of a rule file as a pydantic model: bounds with units, choices of known words, `lenient`, `false`."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable
from functools import cache, partial
from math import isfinite
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from preflight.formats import FORMATS
from preflight.rulefile.bounds import limit_problems
from preflight.rulefile.words import AUDIO_CODECS, VIDEO_CODECS, Fact, format_problem, nearest
from preflight.units import quantity


class Words(BaseModel):
    """A table with known words only, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def table(name: str, about: str, fields: dict[str, Any], base: type[Words] = Words) -> Any:
    """A table of a rule file: its words with their types, what it is for."""
    return create_model(name, __base__=base, __doc__=about, **fields)


def said(sentence: str) -> PydanticCustomError:
    """The error whose message is this sentence, braces and all."""
    return PydanticCustomError("said", "{sentence}", {"sentence": sentence})


def one_of(words: Iterable[str]) -> Any:
    """One word out of a list."""
    known = tuple(words)
    return _word(known, lambda word: f'"{word}" is not known here{nearest(word, known)}')


def _word(words: tuple[str, ...], explain: Callable[[str], str]) -> Any:
    accepted = frozenset(words)

    def valid(value: Any) -> Any:
        if not isinstance(value, str):
            raise said(f"{reprlib.repr(value)} is not a word in quotes")
        if value not in accepted:
            raise PydanticCustomError("unknown_word", "unknown word", {"explain": lambda word: explain(word[:60])})
        return value

    return Annotated[Any, PlainValidator(valid), WithJsonSchema({"type": "string", "enum": list(words)})]


class _OrFalse:
    """Marks what a file that extends another may remove by writing `false`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def unless_false(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
            return value if value is False else validate(value)

        return core_schema.no_info_wrap_validator_function(unless_false, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        removed = {"const": False, "description": "Removes what the extended rule set says here."}
        return {"anyOf": [handler(schema), removed]}


def removable(kind: Any, about: str, **more: Any) -> tuple[Any, Any]:
    """A field that may be left out, or `false`."""
    return Annotated[kind, _OrFalse()], Field(None, description=about, **more)


_UNIT_OF: Final = {"bytes": "size", "seconds": "duration", "number": "this"}
_WITH_UNIT: Final = {"bytes": r"^\d[\d_.]* ?([kKMG]?B|[KMG]iB)$", "seconds": r"^\d[\d_.]* ?(ms|s|min|h)$"}
_BOUNDS: Final = {
    "min": "Lower bound; the bound itself passes.",
    "above": "Lower bound; the bound itself fails.",
    "max": "Upper bound; the bound itself passes.",
    "below": "Upper bound; the bound itself fails.",
}


def _bound(sort: str, written: Any) -> Any:
    if isinstance(written, bool):
        raise said(f"{str(written).lower()} is not a number")
    try:
        if isfinite(quantity(_UNIT_OF[sort], written)):
            return written
    except ValueError as error:
        raise said(str(error)) from None
    except OverflowError:
        pass
    raise said(f"{written} bounds nothing: write a usual number")


def _amount(sort: str) -> Any:
    """A bound: a number in the fact's own unit, or text with a unit."""
    schema: dict[str, Any] = {"type": "number"}
    if sort in _WITH_UNIT:
        schema = {"anyOf": [schema, {"type": "string", "pattern": _WITH_UNIT[sort]}]}
    return Annotated[Any, PlainValidator(partial(_bound, sort)), WithJsonSchema(schema)]


def _choice(sort: str, kind: str) -> Any:
    """What stands in `any_of`."""
    if sort == "number":
        return _amount(sort)
    if sort == "flag":
        return bool
    if sort == "format":
        formats = tuple(name for name, entry in FORMATS.items() if kind in entry.kinds)
        return _word(formats, lambda word: format_problem(word, kind) or "")
    if sort in ("video_codec", "audio_codec"):
        return one_of(VIDEO_CODECS if sort == "video_codec" else AUDIO_CODECS)
    return str


class _Limit(Words):
    @model_validator(mode="after")
    def _makes_sense(self) -> _Limit:
        problems = limit_problems(self.model_dump(exclude_unset=True))
        if problems:
            raise said("; ".join(problems))
        return self


@cache
def limit(sort: str, kind: str = "") -> Any:
    """The table that limits a fact of this sort; only what formats there are differs by kind."""
    sides: dict[str, Any] = {}
    if sort in _UNIT_OF:
        sides = {word: (_amount(sort), Field(None, description=about)) for word, about in _BOUNDS.items()}
    if sort not in ("bytes", "seconds"):
        accepted = Field(None, min_length=1, description="The accepted values; all others fail.")
        sides["any_of"] = (list[_choice(sort, kind)], accepted)  # type: ignore[misc]
    name = sort.title().replace("_", "") + kind.title()
    lenient = table(f"{name}Lenient", "Wider sides: what they alone hold passes with a warning.", sides)
    remarks = {
        "lenient": (lenient, Field(None, description="Wider sides: what they alone hold passes with a warning.")),
        "note": (str, Field(None, min_length=1, description="A remark that its messages repeat.")),
        "hint": (str, Field(None, min_length=1, description="A remark that its hints repeat.")),
        "required": (bool, Field(None, description="There being none of it fails too.")),
    }
    return table(f"{name}Limit", "The accepted values: bounds, or a choice.", {**sides, **remarks}, _Limit)


def lines(facts: dict[str, Fact], kind: str = "") -> dict[str, Any]:
    """A field for each fact that a section may limit."""
    return {
        name: removable(limit(fact.sort, kind if fact.sort == "format" else ""), fact.help)
        for name, fact in facts.items()
    }
