"""The pydantic model of a `when`: limits, and the conditions under which they hold.

In a `when` a table is a limit, and `false` removes one. Anything else is a condition: a value, a list of values, or for
numbers a comparison such as `"> 8 s"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from preflight.facts import Fact, section_facts
from preflight.formats import Kind
from preflight.limit import COMPARISONS, compile_condition
from preflight.rulefile.limits import FieldSpec, StrictTable, limit_fields, make_table, sentence_error, value_type


def when_table(kind: Kind) -> type[StrictTable]:
    """Return the model of `[[image.when]]`, `[[video.when]]` or `[[audio.when]]`."""
    limits = limit_fields(kind)
    fields: dict[str, FieldSpec] = {
        name: (Annotated[limits[name][0], _OrCondition(fact, kind)], Field(None, description=fact.help))
        for name, fact in section_facts(kind).items()
    }
    about = "Limits in place of those of the section, for files for which all conditions hold."
    return make_table(f"{kind.title()}When", about, fields, _WhenTable)


class _WhenTable(StrictTable):
    """A `when` with at least one condition and one limit."""

    @model_validator(mode="after")
    def _check_when(self) -> _WhenTable:
        values = [getattr(self, name) for name in self.model_fields_set]
        limits = [value for value in values if value is False or isinstance(value, StrictTable)]
        if len(limits) == len(values):
            raise sentence_error('there is no condition. Add one such as format = "mov" or duration = "> 8 s".')
        if not limits:
            raise sentence_error("there is no limit. Add one such as fps = { max = 30 }.")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        is_limit = {"anyOf": [{"type": "object"}, {"const": False}]}
        some_of_both = [{"not": {"additionalProperties": each}} for each in (is_limit, {"not": is_limit})]
        return {**handler(schema), "allOf": some_of_both}


class _OrCondition:
    """Marks a limit of a `when` in place of which a condition on the fact may stand."""

    def __init__(self, fact: Fact, kind: Kind) -> None:
        self._fact = fact
        kind_of_value: Any = value_type(fact, kind)
        self._value: TypeAdapter[Any] = TypeAdapter(kind_of_value)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        def check(value: object, validate: core_schema.ValidatorFunctionWrapHandler) -> object:
            if value is False or isinstance(value, Mapping):
                return validate(value)
            if value == []:
                raise sentence_error("the list is empty. List at least one value.")
            for item in value if isinstance(value, list) else ():
                self._value.validate_python(item, strict=True)
            if not isinstance(value, list):
                self._check(value)
            return value

        return core_schema.no_info_wrap_validator_function(check, handler(source))

    def _check(self, value: object) -> None:
        is_comparison = isinstance(value, str) and value.partition(" ")[0] in COMPARISONS
        if not is_comparison or self._fact.type not in (int, float):
            self._value.validate_python(value, strict=True)
            return
        try:
            limit = compile_condition(self._fact.name, value)
        except (ValueError, OverflowError) as error:
            raise sentence_error(str(error)) from None
        if not isfinite(limit.low or limit.high or 0):
            raise sentence_error(f"{value} has no finite number. Write one.")

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        value = self._value.json_schema()
        conditions = [value, {"type": "array", "items": value, "minItems": 1}]
        if self._fact.type in (int, float):
            conditions.append({"type": "string", "pattern": r"^[<>]=? -?\d"})
        return {"anyOf": [handler(schema), *conditions]}
