"""One line of a rule file as a pydantic model: bounds with units, choices of known words, `lenient`, `false`."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable
from functools import cache, partial
from math import isfinite
from typing import Annotated, Any, Final, NamedTuple

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

from preflight.facts import Fact, SectionName, Unit, ValueType, section_facts
from preflight.formats import FORMATS
from preflight.rulefile.bounds import limit_problems
from preflight.rulefile.words import format_problem, nearest
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


_WITH_UNIT: Final[dict[Unit | None, str]] = {
    "bytes": r"^\d[\d_.]* ?([kKMG]?B|[KMG]iB)$",
    "s": r"^\d[\d_.]* ?(ms|s|min|h)$",
}
"""Patterns of bounds that are written with a unit, by the unit of the fact."""
_BOUNDS: Final = {
    "min": "Lower bound; the bound itself passes.",
    "above": "Lower bound; the bound itself fails.",
    "max": "Upper bound; the bound itself passes.",
    "below": "Upper bound; the bound itself fails.",
}


def _bound(unit: Unit | None, written: Any) -> Any:
    if isinstance(written, bool):
        raise said(f"{str(written).lower()} is not a number")
    try:
        if isfinite(quantity(written, unit)):
            return written
    except ValueError as error:
        raise said(str(error)) from None
    except OverflowError:
        pass
    raise said(f"{written} bounds nothing: write a usual number")


def _amount(unit: Unit | None) -> Any:
    """Return the type of a bound: a number in the unit of its fact, or text with a unit."""
    schema: dict[str, Any] = {"type": "number"}
    if unit in _WITH_UNIT:
        schema = {"anyOf": [schema, {"type": "string", "pattern": _WITH_UNIT[unit]}]}
    return Annotated[Any, PlainValidator(partial(_bound, unit)), WithJsonSchema(schema)]


def _choice(shape: _Shape) -> Any:
    """Return the type of an item of `any_of`."""
    if shape.name == "format":
        return _word(shape.words, lambda word: format_problem(word, shape.kind) or "")
    if shape.words:
        return one_of(shape.words)
    return {bool: bool, str: str}.get(shape.type) or _amount(None)


class _LimitTable(Words):
    @model_validator(mode="after")
    def _makes_sense(self) -> _LimitTable:
        problems = limit_problems(self.model_dump(exclude_unset=True))
        if problems:
            raise said("; ".join(problems))
        return self


class _Shape(NamedTuple):
    """What decides how a limit is written: facts of the same shape share one model."""

    name: str
    type: ValueType
    unit: Unit | None
    words: tuple[str, ...]
    kind: str


def _shape(fact: Fact, kind: str) -> _Shape:
    if fact.name == "format":
        words = tuple(name for name, entry in FORMATS.items() if kind in entry.kinds)
        return _Shape("format", str, None, words, kind)
    if fact.words:
        return _Shape(fact.name, str, None, fact.words, "")
    if fact.type in (bool, str):
        return _Shape("flag" if fact.type is bool else "text", fact.type, None, (), "")
    if fact.unit in _WITH_UNIT:
        return _Shape("seconds" if fact.unit == "s" else "bytes", float, fact.unit, (), "")
    return _Shape("number", float, None, (), "")


@cache
def _limit(shape: _Shape) -> Any:
    """Return the model of a limit on a fact of this shape."""
    sides: dict[str, Any] = {}
    if shape.type is float:
        sides = {word: (_amount(shape.unit), Field(None, description=about)) for word, about in _BOUNDS.items()}
    if shape.unit is None:
        accepted = Field(None, min_length=1, description="The accepted values; all others fail.")
        sides["any_of"] = (list[_choice(shape)], accepted)  # type: ignore[misc]
    name = shape.name.title().replace("_", "") + shape.kind.title()
    lenient = table(f"{name}Lenient", "Wider sides: what they alone hold passes with a warning.", sides)
    remarks = {
        "lenient": (lenient, Field(None, description="Wider sides: what they alone hold passes with a warning.")),
        "note": (str, Field(None, min_length=1, description="A remark that its messages repeat.")),
        "hint": (str, Field(None, min_length=1, description="A remark that its hints repeat.")),
        "required": (bool, Field(None, description="There being none of it fails too.")),
    }
    return table(f"{name}Limit", "The accepted values: bounds, or a choice.", {**sides, **remarks}, _LimitTable)


def limits(section: SectionName) -> dict[str, Any]:
    """Return a field for each fact that a section may limit."""
    return {name: removable(_limit(_shape(fact, section)), fact.help) for name, fact in section_facts(section).items()}
