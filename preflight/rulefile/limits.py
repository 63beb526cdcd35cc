"""The pydantic model of one limit of a rule file: bounds with units, choices of known words, `lenient`, `false`."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from math import isfinite
from types import GenericAlias
from typing import Annotated, Any, Final, NamedTuple, get_args

from pydantic import (
    AfterValidator,
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
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from preflight.facts import FACTS, MEDIA_FACTS, Fact, SectionName, ValueType, section_facts
from preflight.formats import FORMATS, KINDS
from preflight.limit import LOWER, UPPER, Changed
from preflight.rulefile.messages import format_problem, nearest, shorten
from preflight.units import RATIOS, parse_bound

Type = object
"""A type that pydantic understands, made at run time: type checkers cannot see it."""
FieldSpec = tuple[Type, object]
"""A field of a model: its type, and its default or `Field(…)`."""


class StrictTable(BaseModel):
    """A table with known keys only, each with a value of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def make_table(
    name: str, doc: str, fields: Mapping[str, FieldSpec], base: type[StrictTable] = StrictTable
) -> type[StrictTable]:
    """Return the model of a table of a rule file, with the types of its keys and a sentence on its purpose."""
    made: type[StrictTable] = create_model(name, __base__=base, __doc__=doc, **dict[str, Any](fields))
    return made


def list_of(item: Type) -> Type:
    """Return the type of a list whose item type is only known at run time."""
    return GenericAlias(list, (item,))


def sentence_error(sentence: str) -> PydanticCustomError:
    """Return an error with this sentence as its message, even if it contains braces."""
    return PydanticCustomError("sentence", "{sentence}", {"sentence": sentence})


def one_of(words: Iterable[str]) -> Type:
    """Return the type of a word that is one of these."""
    known = tuple(words)
    return _word(known, lambda word: f"unknown value {shorten(word)!r}. {nearest(word, known)}")


def _word(words: tuple[str, ...], explain: Callable[[str], str]) -> Type:
    accepted = frozenset(words)

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise sentence_error(f"{reprlib.repr(value)} is not a word. Write one in quotes.")
        if value not in accepted:
            # Finding the nearest word takes a millisecond, so only errors that are shown are explained.
            raise PydanticCustomError("unknown_word", "unknown word", {"explain": explain})
        return value

    return Annotated[object, PlainValidator(check), WithJsonSchema({"type": "string", "enum": list(words)})]


class _OrFalse:
    """Marks keys that a file may remove from the one that it extends by writing `false`."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        def unless_false(value: object, validate: core_schema.ValidatorFunctionWrapHandler) -> object:
            return value if value is False else validate(value)

        return core_schema.no_info_wrap_validator_function(unless_false, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        removed = {"const": False, "description": "Removes what the extended rule set says here."}
        return {"anyOf": [handler(schema), removed]}


def removable(kind: Type, description: str, *, min_length: int | None = None) -> FieldSpec:
    """Return a field that may be left out or be `false`."""
    return Annotated[kind, _OrFalse()], Field(None, description=description, min_length=min_length)


def tables_by_name(table: type[StrictTable], names: re.Pattern[str], about: str) -> FieldSpec:
    """Return a field with tables whose names the file chooses; `false` removes one."""
    kind, _ = removable(table, about)
    others: JsonDict = {"additionalProperties": False}
    return GenericAlias(dict, (name_like(names), kind)), Field(None, description=about, json_schema_extra=others)


def name_like(names: re.Pattern[str]) -> Type:
    """Return the type of a name that the file chooses."""

    def check(name: str) -> str:
        if not names.fullmatch(name):
            raise sentence_error(f"the name does not match {names.pattern}. Rename it.")
        return name

    return Annotated[str, AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^{names.pattern}$"})]


_AS_TEXT: Final = {
    "aspect_ratio": r"^\d+(\.\d+)?:\d+(\.\d+)?$",
    "size": r"^\d[\d_.]* ?([kKMG]?B|[KMG]iB)$",
    "duration": r"^\d[\d_.]* ?(ms|s|min|h)$",
}
"""Patterns of bounds that may be written as text, by a fact that stands for all with such bounds."""
_DIMENSIONS: Final = re.compile(r"[1-9]\d{0,6}x[1-9]\d{0,6}")
_NOTE: Final[FieldSpec] = (str, Field(None, min_length=1, description="A remark that messages repeat."))
_BOUNDS: Final = {
    "min": "Lower bound; the bound itself passes.",
    "above": "Lower bound; the bound itself fails.",
    "max": "Upper bound; the bound itself passes.",
    "below": "Upper bound; the bound itself fails.",
}


def _check_bound(fact: str, written: object) -> object:
    try:
        if isfinite(parse_bound(fact, written)):
            return written
    except ValueError as error:
        raise sentence_error(str(error)) from None
    except OverflowError:
        pass
    raise sentence_error(f"{written} is not a finite number. Write one.")


def _bound(fact: str) -> Type:
    """Return the type of a bound: a number in the unit of its fact, text with a unit, or a ratio."""
    schema: JsonSchemaValue = {"type": "number"}
    if fact in _AS_TEXT:
        schema = {"anyOf": [schema, {"type": "string", "pattern": _AS_TEXT[fact]}]}
    return Annotated[object, PlainValidator(partial(_check_bound, fact)), WithJsonSchema(schema)]


def _check_dimensions(written: object) -> object:
    if not isinstance(written, str) or not _DIMENSIONS.fullmatch(written):
        raise sentence_error(f'{shorten(repr(written))} is not width and height. Write both such as "1280x720".')
    return written


class _Form(NamedTuple):
    """The form of a limit: facts with the same form share one model.

    example  a fact whose values are written in the same way; is_changed: whether a service may change the file
    """

    name: str
    type: ValueType
    example: str
    words: tuple[str, ...] = ()
    kind: str = ""
    is_changed: bool = False


def _form_of_limit(fact: Fact, section: str) -> _Form:
    """Return the form of a limit on a fact in a section: a service changes files, not URLs or requests."""
    form = _form_of_values(fact, section)
    return form._replace(is_changed=section in KINDS)


def _form_of_values(fact: Fact, kind: str) -> _Form:
    """Return the form of a limit by the values of its fact alone."""
    if fact.name == "format":
        words = tuple(name for name, entry in FORMATS.items() if kind in entry.kinds)
        return _Form("format", str, fact.name, words, kind)
    if fact.words or fact.name == "dimensions":
        return _Form(fact.name, str, fact.name, fact.words)
    if fact.type in (bool, str):
        return _Form("flag", bool, "animated") if fact.type is bool else _Form("text", str, "mime")
    if fact.name in RATIOS:
        return _Form("ratio", float, "aspect_ratio")
    if fact.unit in ("bytes", "s"):
        return _Form("seconds", float, "duration") if fact.unit == "s" else _Form("bytes", float, "size")
    return _Form("number", float, "width")


def value_type(fact: Fact, kind: str) -> Type:
    """Return the type of a value of a fact, as `any_of` lists it."""
    form = _form_of_values(fact, kind)
    if form.name == "format":
        return _word(form.words, lambda word: format_problem(word, form.kind))
    if form.words:
        return one_of(form.words)
    if form.name == "dimensions":
        pattern = WithJsonSchema({"type": "string", "pattern": f"^{_DIMENSIONS.pattern}$"})
        return Annotated[object, PlainValidator(_check_dimensions), pattern]
    return form.type if form.type in (bool, str) else _bound(form.example)


@cache
def _limit(form: _Form) -> type[StrictTable]:
    """Return the model of a limit on a fact of this form."""
    sides: dict[str, FieldSpec] = {}
    if form.type is float:
        sides = {word: (_bound(form.example), Field(None, description=about)) for word, about in _BOUNDS.items()}
    accepted = Field(None, min_length=1, description="The accepted values; all others fail.")
    sides["any_of"] = (list_of(value_type(FACTS[form.example], form.kind)), accepted)
    if form.type is float:
        sides["within"] = (float, Field(None, description="Share by which a value may differ from a listed one."))
    if form.name == "number":
        sides["multiple_of"] = (int, Field(None, ge=1, description="The values are multiples of this number."))
    name = form.name.title().replace("_", "") + form.kind.title() + ("" if form.is_changed else "Elsewhere")
    about = "A wider limit: what it accepts beyond this one passes with a warning."
    remarks: dict[str, FieldSpec] = {
        "lenient": (make_table(f"{name}Lenient", about, sides), Field(None, description=about)),
        "note": _NOTE,
        "hint": (str, Field(None, min_length=1, description="A remark that hints repeat.")),
        "required": (bool, Field(None, description="Whether it fails if there is none.")),
    }
    if form.is_changed:
        about = "What the service does with a file outside the limit: it accepts it and changes it."
        remarks["otherwise"] = (one_of(get_args(Changed)), Field(None, description=about))
    return make_table(f"{name}Limit", "The accepted values: bounds, or a choice.", {**sides, **remarks}, _LimitTable)


def limit_fields(section: SectionName) -> dict[str, FieldSpec]:
    """Return a field for each fact that a section may limit."""
    return {
        name: removable(_limit(_form_of_limit(fact, section)), fact.help)
        for name, fact in section_facts(section).items()
    }


def ratio_fields() -> dict[str, FieldSpec]:
    """Return a field for each number that may be compared between files: the largest value / the smallest."""
    largest = (float, Field(ge=1, allow_inf_nan=False, description="The largest value divided by the smallest."))
    model = make_table("RatioLimit", "How much a fact may differ between files.", {"max": largest, "note": _NOTE})
    numbers = (fact for fact in MEDIA_FACTS.values() if fact.type in (int, float) and fact.sections)
    return {fact.name: removable(model, fact.help) for fact in numbers}


class _LimitTable(StrictTable):
    """A limit whose parts do not contradict each other."""

    @model_validator(mode="after")
    def _check_limit(self) -> _LimitTable:
        problems = list(limit_problems(self.model_dump(exclude_unset=True)))
        if problems:
            raise sentence_error(" ".join(problems))
        return self


_Line = Mapping[str, Any]
"""One limit as TOML gives it: bounds are numbers or text with a unit."""

_SIDES: Final = {"lower": LOWER, "upper": UPPER}
_OPEN: Final = ("above", "below")
_RANGE: Final = (*_BOUNDS, "multiple_of")


def limit_problems(line: _Line) -> Iterator[str]:
    """Yield contradictions in a limit: a side that is given twice, crossed bounds, a `lenient` that is stricter.

    >>> list(limit_problems({"min": 20, "max": 15}))
    ['min 20 and max 15 exclude every value. Change one of them.']
    >>> list(limit_problems({"max": 15, "lenient": {"max": 14}}))
    ['lenient max 14 is stricter than max 15. Make it wider.']
    """
    problems = [*_side_problems(line, ""), *_choice_problems(line)]
    yield from problems
    lenient = line.get("lenient")
    if lenient is not None and "otherwise" in line:
        yield "lenient and otherwise exclude each other. Keep one."
    if lenient is None or problems:
        return
    if not lenient:
        yield "lenient is empty. Give a wider bound."
    yield from _side_problems(lenient, "lenient ")
    for side, direction in (("lower", -1), ("upper", 1)):
        yield from _lenient_side_problems(line, lenient, side, direction)
    if "any_of" in lenient:
        yield from _lenient_choice_problems(line, lenient)
    yield from _lenient_share_problems(line, lenient)


def _side_problems(line: _Line, prefix: str) -> Iterator[str]:
    doubled = [(side, words) for side, words in _SIDES.items() if all(word in line for word in words)]
    for side, (closed, opened) in doubled:
        yield f"{prefix}{closed} and {opened} are both {side} bounds. Keep one."
    low, high = _bound_word(line, "lower"), _bound_word(line, "upper")
    if low and high and not doubled:
        minimum, maximum = _number(line[low]), _number(line[high])
        if minimum > maximum or (minimum == maximum and (low in _OPEN or high in _OPEN)):
            yield f"{prefix}{low} {line[low]} and {high} {line[high]} exclude every value. Change one of them."


def _choice_problems(line: _Line) -> Iterator[str]:
    is_bounded = any(word in line for word in _RANGE)
    low, high, factor = _bound_word(line, "lower"), _bound_word(line, "upper"), line.get("multiple_of")
    if low and high and factor and _number(line[high]) // factor * factor < _number(line[low]) <= _number(line[high]):
        yield f"no multiple of {factor} is between {low} {line[low]} and {high} {line[high]}. Change one of them."
    if "any_of" in line and is_bounded:
        yield "any_of and bounds exclude each other. Keep one."
    if "within" in line and "any_of" not in line:
        yield "within has no any_of to refer to. Add one, or remove it."
    for share in (line.get("within"), line.get("lenient", {}).get("within")):
        if share is not None and not 0 < share < 1:
            yield f"within {share:g} is not a share between 0 and 1. Write one such as 0.01."
    if "any_of" not in line and not is_bounded and not line.get("required"):
        yield "the limit accepts everything. Give a bound, any_of or required = true."


def _lenient_side_problems(line: _Line, lenient: _Line, side: str, direction: int) -> Iterator[str]:
    strict, wide = _bound_word(line, side), _bound_word(lenient, side)
    if wide is None:
        return
    if strict is None:
        yield f"lenient {wide} widens a side that the limit does not have. Remove it."
        return
    gain = direction * (_number(lenient[wide]) - _number(line[strict]))
    if gain < 0 or (gain == 0 and wide in _OPEN and strict not in _OPEN):
        yield f"lenient {wide} {lenient[wide]} is stricter than {strict} {line[strict]}. Make it wider."
    elif gain == 0 and (wide in _OPEN) == (strict in _OPEN):
        yield f"lenient {wide} {lenient[wide]} is the limit itself. Make it wider or remove it."


def _lenient_choice_problems(line: _Line, lenient: _Line) -> Iterator[str]:
    wider = frozenset(lenient["any_of"])
    missing = [str(value) for value in line.get("any_of", ()) if value not in wider]
    if "any_of" not in line:
        yield "lenient any_of widens a choice that the limit does not have. Remove it."
    elif missing:
        yield f"lenient any_of lacks {', '.join(missing[:9])}. Repeat all values of any_of in it."


def _lenient_share_problems(line: _Line, lenient: _Line) -> Iterator[str]:
    share, factor = line.get("within", 0), line.get("multiple_of")
    if "within" in lenient and "any_of" not in line:
        yield "lenient within widens a choice that the limit does not have. Remove it."
    elif "within" in lenient and lenient["within"] <= share:
        yield f"lenient within {lenient['within']:g} is not wider than {share:g}. Make it wider."
    if "multiple_of" in lenient and (
        factor is None or factor == lenient["multiple_of"] or factor % lenient["multiple_of"]
    ):
        yield f"lenient multiple_of {lenient['multiple_of']} is not wider. Give a smaller divisor of the limit's."


def _bound_word(line: _Line, side: str) -> str | None:
    return next((word for word in _SIDES[side] if word in line), None)


def _number(written: object) -> float:
    """Return a bound as a number. Its unit does not matter: the bounds of one limit all have the same."""
    for fact in _AS_TEXT:
        with suppress(ValueError):
            return parse_bound(fact, written)
    raise AssertionError(written)
