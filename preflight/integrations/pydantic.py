"""Validate media in models of pydantic: `Passes` annotates a field whose media must pass.

    class Clip(pydantic.BaseModel):
        path: Annotated[Path, Passes("atlas")]

Each finding that keeps the value from passing is one error of pydantic: `type` is the finding's code, `ctx` has its
fact, value, limit and hint, `loc` is the field.

pydantic validates synchronously, and web frameworks do so on their event loop. A framework's integration can check an
upload in a thread first and store its report in `PrecomputedReports`, where validation finds it. A requirement is
identified by `Requirement.identity` there, since frameworks copy annotations.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import types
import typing
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, Annotated, Any, Final, ForwardRef, Literal, NewType, TypeVar

from pydantic import AnyUrl, BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, Url, core_schema

from preflight.errors import UsageError
from preflight.escape import printable, printable_texts
from preflight.integrations.requirement import Objection, Requirement, file_of
from preflight.report import Report

__all__ = ["Passes"]


class Passes(Requirement):
    """Annotate a field with the rule sets that its media must pass: `Annotated[T, Passes(rules)]`.

    T is a Path, bytes, AnyHttpUrl, the upload class of a web framework, a list of these, or one of these or None.
    Raises `UsageError` when the type is defined if a str could be a value of it, since the sender of a str would
    decide whether it is a path of this machine. A Path is safe if your own code supplies it; in a model that a request
    fills, give `within=FOLDER`.

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
        if is_file_type(source):  # no file object is an instance of these
            return core_schema.no_info_plain_validator_function(self._validated_file)
        try:
            schema = handler(source)
        except PydanticSchemaGenerationError:  # a class unknown to pydantic: an upload
            schema = core_schema.is_instance_schema(source)
        return core_schema.no_info_after_validator_function(self._validated, schema)

    def _validated_file(self, value: object) -> object:
        if not callable(getattr(value, "read", None)):
            raise PydanticCustomError("not_a_media_source", "Input should be an open binary file")
        return self._validated(value)

    def _validated(self, value: object) -> object:
        details = list(self._details(value, ()))
        if details:
            raise ValidationError.from_exception_data("media", details)
        return value

    def _details(self, value: object, place: tuple[int, ...]) -> Iterator[InitErrorDetails]:
        if isinstance(value, list | tuple | set | frozenset):
            for index, one in enumerate(value):
                yield from self._details(one, (*place, index))
        elif value is not None:  # None is valid wherever the type allows it
            yield from self._judge(value, place)

    def _judge(self, value: object, place: tuple[int, ...]) -> list[InitErrorDetails]:
        try:
            report = precomputed_report(self.identity, value) or self.report(value)
        except UsageError as error:  # a value that the type did not exclude, which is not an error of the server
            reason = PydanticCustomError("not_a_media_source", "{message}", {"message": str(error)})
            return [InitErrorDetails(type=reason, loc=place, input=type(value).__name__)]
        if report.passed:
            return []
        # The errors do not contain the value: a response would contain its bytes, or the secrets of a URL.
        details = [_detail(objection, report.source, place) for objection in self.objections(report)]
        assert details, "a report that does not pass has a finding that says why"
        return details


def _detail(objection: Objection, source: str, place: tuple[int, ...]) -> InitErrorDetails:
    # pydantic rejects lone surrogates, which represent the bytes of a name that is not UTF-8.
    message, context = printable(objection.finding.message), printable_texts(objection.context())
    if "{" in message:  # pydantic would fill in placeholders, and a file name may look like one
        context = {**context, "message": message}
        message = "{message}"
    return InitErrorDetails(
        type=PydanticCustomError(objection.finding.code, message, context), loc=place, input=printable(source)
    )


CHUNK_SIZE: Final = 1 << 20

_current: Final[ContextVar[PrecomputedReports | None]] = ContextVar("preflight_precomputed", default=None)


class PrecomputedReports:
    """The reports of one request's uploads: by the open file, or by a digest of the content for plain bytes."""

    def __init__(self) -> None:
        self._by_file: dict[tuple[Hashable, int], tuple[object, Report]] = {}
        self._by_content: dict[tuple[Hashable, bytes], Report] = {}

    def add_file(self, requirement: Hashable, file: IO[bytes], report: Report) -> None:
        """Store the report of an open file. The file is kept so that its id stays unique."""
        self._by_file[requirement, id(file)] = (file, report)

    def add_content(self, requirement: Hashable, file: IO[bytes], report: Report) -> None:
        """Store the report of content that will arrive as plain bytes. Reads the file once, from its position."""
        position = file.tell()
        digest = hashlib.blake2b()
        while chunk := file.read(CHUNK_SIZE):
            digest.update(chunk)
        file.seek(position)
        self._by_content[requirement, digest.digest()] = report

    def find(self, requirement: Hashable, value: object) -> Report | None:
        """Return the report of exactly this file or this content, if there is one."""
        if isinstance(value, bytes):
            if not self._by_content:
                return None
            return self._by_content.get((requirement, hashlib.blake2b(value).digest()))
        file, _ = file_of(value)
        found = self._by_file.get((requirement, id(file)))
        return found[1] if found else None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the reports available to validation in this task."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def precomputed_report(requirement: Hashable, value: object) -> Report | None:
    """Return the report that was made before this validation, if any."""
    current = _current.get()
    return None if current is None else current.find(requirement, value)


SchemaOf = Callable[[Any], Any]

_CONTENT: Final = (bytes, bytearray, memoryview, os.PathLike, Url, AnyUrl, types.NoneType)
_CONTAINERS: Final = (list, tuple, set, frozenset)
_TEXT_SCHEMAS: Final = ("str", "any")
_REMEDY: Final = "Use pathlib.Path, bytes, AnyHttpUrl or an upload class."


def refuse_text(annotation: Any, schema_of: SchemaOf) -> None:
    """Raise `UsageError` if a str could be a value of `annotation`, or of any part of it.

    A str could be a path of the server or a URL, and its sender would decide which. So every part of an annotated type
    must be a path, bytes, a URL type or the upload class of a framework.

    schema_of  returns pydantic's core schema of a class, or raises `PydanticSchemaGenerationError`
    """
    origin = typing.get_origin(annotation)
    if origin is Literal:
        raise UsageError(f"Passes cannot annotate {annotation}: a literal is not a media source. {_REMEDY}")
    if isinstance(annotation, str | ForwardRef):
        raise UsageError(f"Passes cannot resolve the type {annotation!r}. Write the type itself, without quotes.")
    parts = _parts(annotation, origin)
    if parts is not None:
        for part in parts:
            refuse_text(part, schema_of)
    elif origin is not None and not (isinstance(origin, type) and issubclass(origin, os.PathLike | typing.IO)):
        raise UsageError(f"Passes cannot annotate {annotation}. Annotate the values in it, or use a list.")
    else:
        _refuse_class(annotation if origin is None else origin, schema_of)


def _parts(annotation: Any, origin: Any) -> tuple[Any, ...] | None:
    """Return the types of the values of a type, or of the values in them; None for a single class."""
    if origin is Annotated:
        return typing.get_args(annotation)[:1]
    if origin in (typing.Union, types.UnionType) or origin in _CONTAINERS:
        return tuple(part for part in typing.get_args(annotation) if part is not Ellipsis)
    if isinstance(annotation, NewType):
        return (annotation.__supertype__,)
    if isinstance(annotation, TypeVar):
        return annotation.__constraints__ or (annotation.__bound__ or object,)
    # An alias made by `type X = …`, which Python 3.11 has no class for.
    return (annotation.__value__,) if hasattr(annotation, "__value__") else None


def is_file_type(annotation: Any) -> bool:
    """Return whether a type represents open binary files of any class."""
    return annotation is typing.BinaryIO or typing.get_origin(annotation) is typing.IO


def _refuse_class(annotation: Any, schema_of: SchemaOf) -> None:
    if annotation is None or (isinstance(annotation, type) and issubclass(annotation, _CONTENT)):
        return
    if _may_be_text(annotation):
        name = getattr(annotation, "__name__", None) or str(annotation)
        raise UsageError(
            f"Passes cannot annotate {name}: it accepts a str, whose sender would decide whether it is a path or a "
            f"URL. {_REMEDY}"
        )
    if _has_fields(annotation):
        raise UsageError(f"Passes cannot annotate {annotation.__name__}, which has fields. Annotate the fields.")
    try:
        schema = schema_of(annotation)
    except PydanticSchemaGenerationError:
        return  # a class unknown to pydantic: only its instances are accepted
    if _accepts_text(schema):
        raise UsageError(f"Passes cannot annotate {annotation.__name__}: it is created from a str. {_REMEDY}")


def _may_be_text(annotation: Any) -> bool:
    if not isinstance(annotation, type):
        return True  # Any, and special forms of typing
    try:
        return issubclass(annotation, str) or issubclass(str, annotation) or annotation in _CONTAINERS
    except TypeError:  # a protocol with attributes: its instances are uploads
        return False


def _has_fields(annotation: type) -> bool:
    return issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation)


def _accepts_text(schema: object) -> bool:
    if isinstance(schema, dict):
        return schema.get("type") in _TEXT_SCHEMAS or any(map(_accepts_text, schema.values()))
    return isinstance(schema, list | tuple) and any(map(_accepts_text, schema))
