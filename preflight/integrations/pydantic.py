"""A type of an application's model that only media which pass can have.

    class Clip(pydantic.BaseModel):
        path: Annotated[Path, Passes("atlas")]

Each finding that keeps the value from passing is one error of pydantic: `type` is the finding's code, `ctx` has its
fact, value, limit and hint, `loc` is the field.
"""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from preflight.errors import UsageError
from preflight.integrations.requirement import Objection, Requirement

__all__ = ["Passes"]


class Passes(Requirement):
    """Stands in `Annotated[T, Passes(rules)]`, where T is a Path, bytes, AnyHttpUrl, or the upload of a web framework,
    a list of these, or one of these that may be None.

    A URL is fetched while it is validated, for up to `timeout` s: in asyncio use `preflight.acheck` for URLs instead.
    A str is refused: whether it is a path of this machine must not be for its sender to say.

    >>> from typing import Annotated
    >>> from pathlib import Path
    >>> from pydantic import TypeAdapter, ValidationError
    >>> media = TypeAdapter(Annotated[Path, Passes("atlas")])
    >>> media.validate_python("fixtures/accepted/picture.png").name
    'picture.png'
    >>> try:
    ...     media.validate_python("fixtures/refused/png-too-narrow.png")
    ... except ValidationError as error:
    ...     print(error.errors()[0]["type"], error.errors()[0]["ctx"]["limit"])
    width_too_small {'min': 300, 'max': 6000}
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if source is str:
            raise UsageError("Passes on a str: say Path or AnyHttpUrl, which of them its sender must not choose")
        try:
            schema = handler(source)
        except PydanticSchemaGenerationError:  # a class that pydantic does not know: an upload
            schema = core_schema.is_instance_schema(source)
        return core_schema.no_info_after_validator_function(self._validated, schema)

    def _validated(self, value: Any) -> Any:
        several = isinstance(value, list | tuple)
        details = [
            detail
            for index, one in enumerate(value if several else [value])
            if one is not None  # where the type lets a value be missing, so do we
            for detail in self._details(one, (index,) if several else ())
        ]
        if details:
            raise ValidationError.from_exception_data("media", details)
        return value

    def _details(self, value: Any, place: tuple[int, ...]) -> list[InitErrorDetails]:
        report = self.report(value)
        if report.passed:
            return []
        # The value itself stays out of the errors: bytes would be dumped into an answer, a URL would show its secrets.
        details = [_detail(objection, report.source, place) for objection in self.objections(report)]
        assert details, "what does not pass has a reason"
        return details


def _detail(objection: Objection, source: str, place: tuple[int, ...]) -> InitErrorDetails:
    message, context = objection.finding.message, objection.context()
    if "{" in message:  # pydantic fills what stands in braces: a name must not be taken for that
        context = {**context, "message": message}
        message = "{message}"
    return InitErrorDetails(type=PydanticCustomError(objection.finding.code, message, context), loc=place, input=source)
