"""Check which types `Passes` may annotate: those that accept no plain text.

A `str` could be a path of the server or a URL, and its sender would decide which. So every part of an annotated type
must be a path, bytes, a URL type or the upload class of a framework.
"""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Final, ForwardRef, Literal, NewType, TypeVar

from pydantic import AnyUrl, BaseModel
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import Url

from preflight.errors import UsageError

SchemaOf = Callable[[Any], Any]

_CONTENT: Final = (bytes, bytearray, memoryview, os.PathLike, Url, AnyUrl, types.NoneType)
_CONTAINERS: Final = (list, tuple, set, frozenset)
_TEXT_SCHEMAS: Final = ("str", "any")
_REMEDY: Final = "Use pathlib.Path, bytes, AnyHttpUrl or an upload class."


def refuse_text(annotation: Any, schema_of: SchemaOf) -> None:
    """Raise `UsageError` if a str could be a value of `annotation`, or of any part of it.

    schema_of  gives pydantic's core schema of a class, or raises `PydanticSchemaGenerationError`
    """
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        refuse_text(typing.get_args(annotation)[0], schema_of)
    elif origin is Literal:
        raise UsageError(f"Passes cannot annotate {annotation}: a literal is not a media source. {_REMEDY}")
    elif origin in (typing.Union, types.UnionType) or origin in _CONTAINERS:
        for part in typing.get_args(annotation):
            if part is not Ellipsis:
                refuse_text(part, schema_of)
    elif isinstance(annotation, NewType):
        refuse_text(annotation.__supertype__, schema_of)
    elif hasattr(annotation, "__value__"):  # an alias made by `type X = …`
        refuse_text(annotation.__value__, schema_of)
    elif isinstance(annotation, TypeVar):
        for part in annotation.__constraints__ or (annotation.__bound__ or object,):
            refuse_text(part, schema_of)
    elif isinstance(annotation, str | ForwardRef):
        raise UsageError(f"Passes cannot resolve the type {annotation!r}. Write the type itself, without quotes.")
    elif origin is not None and not (isinstance(origin, type) and issubclass(origin, os.PathLike | typing.IO)):
        raise UsageError(f"Passes cannot annotate {annotation}. Annotate the values in it, or use a list.")
    else:
        _refuse_class(annotation if origin is None else origin, schema_of)


def is_file_type(annotation: Any) -> bool:
    """Return whether a type stands for open binary files of any class."""
    return annotation is typing.BinaryIO or typing.get_origin(annotation) is typing.IO


def _refuse_class(annotation: Any, schema_of: SchemaOf) -> None:
    if annotation is None or (isinstance(annotation, type) and issubclass(annotation, _CONTENT)):
        return
    if _takes_text(annotation):
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
        return  # a class that pydantic does not know: only its instances are accepted
    if _mentions_text(schema):
        raise UsageError(f"Passes cannot annotate {annotation.__name__}: it is created from a str. {_REMEDY}")


def _takes_text(annotation: Any) -> bool:
    if not isinstance(annotation, type):
        return True  # Any, and what typing may invent
    try:
        return issubclass(annotation, str) or issubclass(str, annotation) or annotation in _CONTAINERS
    except TypeError:  # a protocol with attributes: an instance is an upload of some kind
        return False


def _has_fields(annotation: type) -> bool:
    return issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation)


def _mentions_text(schema: Any) -> bool:
    if isinstance(schema, dict):
        return schema.get("type") in _TEXT_SCHEMAS or any(map(_mentions_text, schema.values()))
    return isinstance(schema, list | tuple) and any(map(_mentions_text, schema))
