"""Uploads to FastAPI that stop being read once they are too large.

    router = APIRouter(route_class=UploadRoute)

    @router.post("/clips")
    async def clips(clip: Annotated[UploadFile, Passes("atlas")]) -> ...

`Passes` alone judges what has arrived: FastAPI reads a form to its end before it validates. This route counts while
the body comes in, answers 413 as soon as it is longer than its uploads may be, and closes the connection.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from preflight.errors import MissingExtra
from preflight.integrations.pydantic import Passes

try:
    from fastapi import HTTPException
    from fastapi.dependencies.models import Dependant
    from fastapi.params import File, Form
    from fastapi.routing import APIRoute
    from starlette.exceptions import HTTPException as AnyHTTPException
    from starlette.formparsers import MultiPartException
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Message, Receive
except ImportError:
    raise MissingExtra("an upload route of FastAPI", "fastapi") from None

__all__ = ["UploadRoute"]

ENVELOPE: Final = 1 << 20
"""Bytes that a form may have beside its files: boundaries, headers, other fields."""


class UploadRoute(APIRoute):
    """A route whose request body may be as long as the uploads that its parameters require to pass, and no longer.

    An upload without a bound (without `Passes`, or in a list) leaves the whole body without one; a subclass with
    `max_bytes` gives one for all. Of several uploads write `Annotated[list[UploadFile], Passes(…)]`, of one that may
    be missing `Annotated[UploadFile | None, Passes(…)]`: FastAPI sees an upload only at the outermost place.
    """

    max_bytes: int | None = None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        most = self.max_bytes if self.max_bytes is not None else longest_body(self.dependant)
        if most is None:
            return handle

        async def counted(request: Request) -> Response:
            declared = request.headers.get("content-length", "")
            if declared.isdecimal() and int(declared) > most:
                raise _too_large(most)
            counting = _Counting(request.receive, most)
            try:
                return await handle(Request(request.scope, counting))
            except (AnyHTTPException, MultiPartException):
                if counting.left < 0:
                    raise _too_large(most) from None
                raise

        return counted


def longest_body(dependant: Dependant) -> int | None:
    """Bytes that the body for an endpoint may have: the most of every upload, and room for the form around them."""
    bounds = [most for field in _fields(dependant) if (most := _bound(field)) != 0]
    if not bounds or None in bounds:
        return None
    return sum(most for most in bounds if most is not None) + ENVELOPE


def _fields(dependant: Dependant) -> Iterator[FieldInfo]:
    """What an endpoint and everything that it depends on take from the body."""
    for field in dependant.body_params:
        yield field.field_info
    for inner in dependant.dependencies:
        yield from _fields(inner)


def _bound(field: FieldInfo) -> int | None:
    """The most bytes of one field; None where there is no bound, 0 where it is no upload."""
    if isinstance(field, File):
        most = [passes.most for passes in field.metadata if isinstance(passes, Passes)]
        return None if _several(field.annotation) else min((one for one in most if one is not None), default=None)
    model = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    return 0 if isinstance(field, Form) and not model else None  # a model may hold uploads of any size


def _several(annotation: Any) -> bool:
    """Whether a type, or a part of it, holds any number of values."""
    origin = typing.get_origin(annotation)
    return origin in (list, tuple, set, frozenset) or any(map(_several, typing.get_args(annotation)))


class _Counting:
    """The messages of a request, until its body has more than `most` bytes."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self.left = most

    async def __call__(self) -> Message:
        message = await self._receive()
        self.left -= len(message.get("body", b""))
        if self.left < 0:
            # The one exception at which Starlette's parser closes the files that it has written so far.
            raise MultiPartException("the body is too long")
        return message


def _too_large(most: int) -> HTTPException:
    detail = {
        "type": "file_size_too_large",
        "loc": ["body"],
        "msg": f"the request has more than the {most:,} bytes that are accepted here: the rest was not read",
        "ctx": {"limit": {"max": most}},
    }
    # Without `close` the server would go on reading what the client goes on sending.
    return HTTPException(413, [detail], headers={"Connection": "close"})
