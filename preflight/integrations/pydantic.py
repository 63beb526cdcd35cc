"""A type of an application's model that only media which pass can have.

    class Clip(pydantic.BaseModel):
        path: Annotated[Path, Passes("atlas")]

Each finding that keeps the value from passing is one error of pydantic: `type` is the finding's code, `ctx` has its
fact, value, limit and hint, `loc` is the field.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from preflight.errors import UsageError
from preflight.escape import printable, printable_texts
from preflight.integrations.accepted_types import is_file_type, refuse_text
from preflight.integrations.precomputed import precomputed_report
from preflight.integrations.requirement import Objection, Requirement

__all__ = ["Passes"]


class Passes(Requirement):
    """Annotate a field with the rule sets that its media must pass: `Annotated[T, Passes(rules)]`.

    T is a Path, bytes, AnyHttpUrl, the upload class of a web framework, a list of these, or one of these that may be
    None. Raises `UsageError` when the type is defined if a str could be a value of it: whether that is a path of this
    machine must not be for its sender to decide. A Path is safe where your own code supplies it; in a model that a
    request fills, give `within=FOLDER`.

    A URL is fetched while it is validated, for up to `timeout` s: in asyncio use `preflight.acheck` for URLs instead.

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
        refuse_text(source, handler.generate_schema)
        if is_file_type(source):  # no open file is an instance of these
            return core_schema.no_info_plain_validator_function(self._validated_file)
        try:
            schema = handler(source)
        except PydanticSchemaGenerationError:  # a class that pydantic does not know: an upload
            schema = core_schema.is_instance_schema(source)
        return core_schema.no_info_after_validator_function(self._validated, schema)

    def _validated_file(self, value: Any) -> Any:
        if not callable(getattr(value, "read", None)):
            raise PydanticCustomError("not_a_media_source", "Input should be an open binary file")
        return self._validated(value)

    def _validated(self, value: Any) -> Any:
        details = list(self._details(value, ()))
        if details:
            raise ValidationError.from_exception_data("media", details)
        return value

    def _details(self, value: Any, place: tuple[int, ...]) -> Iterator[InitErrorDetails]:
        if isinstance(value, list | tuple | set | frozenset):
            for index, one in enumerate(value):
                yield from self._details(one, (*place, index))
        elif value is not None:  # where the type lets a value be missing, so do we
            yield from self._judge(value, place)

    def _judge(self, value: Any, place: tuple[int, ...]) -> list[InitErrorDetails]:
        try:
            report = precomputed_report(self.identity, value) or self.report(value)
        except UsageError as error:  # a type of which nothing was known beforehand: never the server's fault
            reason = PydanticCustomError("not_a_media_source", "{message}", {"message": str(error)})
            return [InitErrorDetails(type=reason, loc=place, input=type(value).__name__)]
        if report.passed:
            return []
        # The value itself stays out of the errors: bytes would be dumped into an answer, a URL would show its secrets.
        details = [_detail(objection, report.source, place) for objection in self.objections(report)]
        assert details, "what does not pass has a reason"
        return details


def _detail(objection: Objection, source: str, place: tuple[int, ...]) -> InitErrorDetails:
    # pydantic takes no halves of characters, which stand for the bytes of a name that is not UTF-8.
    message, context = printable(objection.finding.message), printable_texts(objection.context())
    if "{" in message:  # pydantic fills what stands in braces: a name must not be taken for that
        context = {**context, "message": message}
        message = "{message}"
    return InitErrorDetails(
        type=PydanticCustomError(objection.finding.code, message, context), loc=place, input=printable(source)
    )
