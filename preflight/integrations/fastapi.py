"""Check uploads to FastAPI in threads, and stop reading those that are too large.

    router = APIRouter(route_class=UploadRoute)

    @router.post("/clips")
    async def clips(clip: Annotated[UploadFile, Passes("atlas")]) -> ...

With `Passes` alone, FastAPI reads a form to its end and checks the uploads on the event loop. This route counts bytes
while the body arrives, responds 413 and closes the connection as soon as the body exceeds the size of its uploads, and
checks the uploads in threads before FastAPI validates them.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Annotated, Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from preflight.errors import MissingExtra
from preflight.integrations.pydantic import Passes, PrecomputedReports

try:
    from anyio import CapacityLimiter, to_thread
    from anyio.lowlevel import RunVar
    from fastapi import HTTPException
    from fastapi.dependencies.models import Dependant
    from fastapi.params import File, Form
    from fastapi.routing import APIRoute
    from starlette.datastructures import FormData, UploadFile
    from starlette.exceptions import HTTPException as AnyHTTPException
    from starlette.formparsers import MultiPartException
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Message, Receive
except ImportError:
    raise MissingExtra("an upload route of FastAPI", "fastapi") from None

__all__ = ["UploadRoute"]

MAX_FORM_OVERHEAD: Final = 1 << 20
"""Bytes of a form besides its files: boundaries, headers, other fields."""
MAX_CONCURRENT_CHECKS: Final = 4
"""Uploads checked at the same time: a thread waits for a decoder, or holds the interpreter for milliseconds."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_limiter: Final[RunVar[CapacityLimiter]] = RunVar("preflight_judges")


class UploadRoute(APIRoute):
    """A route that checks its uploads in threads and limits the request body to their maximum size.

    If one upload has no maximum (it has no `Passes`, or is in a list), the body has none, unless a subclass sets
    `max_bytes`. For several uploads use `Annotated[list[UploadFile], Passes(…)]`, for an optional one
    `Annotated[UploadFile | None, Passes(…)]`: FastAPI recognizes an upload only at the outermost level.
    """

    max_bytes: int | None = None

    def get_route_handler(self) -> Handler:
        """Return a handler that counts the bytes of the body, and checks the uploads first."""
        handle = _check_uploads_first(super().get_route_handler(), list(_fields(self.dependant)))
        max_bytes = self.max_bytes if self.max_bytes is not None else max_body_bytes(self.dependant)
        if max_bytes is None:
            return handle

        async def counted(request: Request) -> Response:
            declared = request.headers.get("content-length", "")
            if declared.isdecimal() and int(declared) > max_bytes:
                raise _too_large(max_bytes)
            counting = _CountingReceive(request.receive, max_bytes)
            try:
                return await handle(Request(request.scope, counting))
            except (AnyHTTPException, MultiPartException):
                if counting.left < 0:
                    raise _too_large(max_bytes) from None
                raise

        return counted


def _check_uploads_first(handle: Handler, fields: list[tuple[str, FieldInfo]]) -> Handler:
    """Return a handler that checks uploads in threads and provides the reports to `handle` for validation."""
    required = [entry for name, field in fields for entry in _requirements(name, field)]
    if not required:
        return handle

    async def judged(request: Request) -> Response:
        form = await _form(request)
        reports = PrecomputedReports()
        try:
            for name, requirement, as_content in required:
                for upload in form.getlist(name):
                    if isinstance(upload, UploadFile):
                        check = partial(_check_upload, requirement, upload, reports, as_content=as_content)
                        await to_thread.run_sync(check, limiter=_thread_limiter())
        except BaseException:
            await form.close()
            raise
        with reports.active():
            return await handle(request)

    return judged


async def _form(request: Request) -> FormData:
    """Return the parsed form of the request; the request caches it, so FastAPI gets the same one."""
    try:
        return await request.form()
    except (AnyHTTPException, MultiPartException):
        raise
    except Exception as error:
        raise HTTPException(400, "There was an error parsing the body") from error


def _check_upload(requirement: Passes, upload: UploadFile, reports: PrecomputedReports, *, as_content: bool) -> None:
    if as_content:
        reports.add_content(requirement.identity, upload.file, requirement.report(upload.file))
    else:
        reports.add_file(requirement.identity, upload.file, requirement.report(upload))


def _thread_limiter() -> CapacityLimiter:
    """Return the limiter of checking threads of this event loop; other threads remain free for the application."""
    try:
        return _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(MAX_CONCURRENT_CHECKS)
        _limiter.set(limiter)
        return limiter


def _requirements(name: str, field: FieldInfo) -> Iterator[tuple[str, Passes, bool]]:
    """Yield each form key whose uploads must pass, with its requirement and whether they become plain bytes."""
    for part_name, annotation, metadata in _parts(name, field):
        found = [item for item in (*metadata, *_nested_metadata(annotation)) if isinstance(item, Passes)]
        as_content = _mentions_bytes(annotation)
        for requirement in found:
            yield part_name, requirement, as_content


def _parts(name: str, field: FieldInfo) -> Iterator[tuple[str, Any, list[Any]]]:
    """Yield a field or, if it is the model of a form, the fields of that model."""
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for inner, info in annotation.model_fields.items():
            yield _key(inner, info), info.annotation, info.metadata
    else:
        yield _key(name, field), annotation, field.metadata


def _key(name: str, field: FieldInfo) -> str:
    """Return the key of a field in a form."""
    return field.validation_alias if isinstance(field.validation_alias, str) else field.alias or name


def _nested_metadata(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) is Annotated:
        yield from annotation.__metadata__
    for part in typing.get_args(annotation):
        yield from _nested_metadata(part)


def _mentions_bytes(annotation: Any) -> bool:
    return annotation is bytes or any(map(_mentions_bytes, typing.get_args(annotation)))


def max_body_bytes(dependant: Dependant) -> int | None:
    """Return the maximum size of the body for an endpoint: that of all uploads, and the overhead of the form."""
    sizes = [size for _, field in _fields(dependant) if (size := _max_bytes(field)) != 0]
    if not sizes or None in sizes:
        return None
    return sum(size for size in sizes if size is not None) + MAX_FORM_OVERHEAD


def _fields(dependant: Dependant) -> Iterator[tuple[str, FieldInfo]]:
    """Yield name and field of all body parameters of an endpoint and its dependencies."""
    for field in dependant.body_params:
        yield field.name, field.field_info
    for inner in dependant.dependencies:
        yield from _fields(inner)


def _max_bytes(field: FieldInfo) -> int | None:
    """Return the maximum size of one field; None if it has none, 0 if it is not an upload."""
    if isinstance(field, File):
        sizes = [passes.size_limit for passes in field.metadata if isinstance(passes, Passes)]
        return (
            None
            if _is_collection(field.annotation)
            else min((size for size in sizes if size is not None), default=None)
        )
    model = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    return 0 if isinstance(field, Form) and not model else None  # a model may hold uploads of any size


def _is_collection(annotation: Any) -> bool:
    """Return whether a type, or a part of it, holds any number of values."""
    origin = typing.get_origin(annotation)
    return origin in (list, tuple, set, frozenset) or any(map(_is_collection, typing.get_args(annotation)))


class _CountingReceive:
    """A `receive` of ASGI that fails once the body has more than `max_bytes` bytes."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self.left = max_bytes

    async def __call__(self) -> Message:
        message = await self._receive()
        self.left -= len(message.get("body", b""))
        if self.left < 0:
            # Only on this exception does Starlette's parser close the files that it has written so far.
            raise MultiPartException("the body is too long")
        return message


def _too_large(max_bytes: int) -> HTTPException:
    detail = {
        "type": "file_size_too_large",
        "loc": ["body"],
        "msg": f"the request has more than the {max_bytes:,} bytes that are accepted here; the rest was not read",
        "ctx": {"limit": {"max": max_bytes}},
    }
    # Without `close` the server would read everything that the client continues to send.
    return HTTPException(413, [detail], headers={"Connection": "close"})
