"""Requests and responses of the protocols: `Request`, `Response`, `Refusal`, `file_in_form`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Final, NamedTuple


class Response(NamedTuple):
    """A response before it is encoded; `body` is plain data for JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = {}


class Refusal(Exception):
    """A refused call. Each protocol renders it in its own shape.

    status       HTTP status
    code         Ark's error code, which gateways pass on
    retry_after  seconds that the client should wait; None: the response does not say
    headers      further headers of the response
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.headers = dict(headers or {})

    @property
    def text(self) -> str:
        """Code and message, for shapes that have one field for both."""
        return f"{self.code}: {self.message}"


def invalid(parameter: str, why: str) -> Refusal:
    """Return the refusal of a parameter with an invalid value."""
    return Refusal(400, f"InvalidParameter.{parameter}", f"the parameter {parameter} is not valid: {why}")


def missing(parameter: str) -> Refusal:
    """Return the refusal of a request without a required parameter."""
    return Refusal(400, f"MissingParameter.{parameter}", f"the request is missing the parameter {parameter}")


def not_found(kind: str, name: str) -> Refusal:
    """Return the refusal of an id that this account does not have."""
    return Refusal(404, f"NotFound.{kind}_id", f"the specified {kind} {name[:100]!r} is not found")


@dataclass(slots=True)
class Request:
    """One request.

    path             the decoded path after the provider's prefix
    sent_path        the whole path as it was sent
    query            decoded pairs in the order sent
    headers          by lower-case name
    path_parameters  what the pattern of the operation's path captured: `{"id": "…"}`
    """

    method: str
    path: str
    sent_path: str = "/"
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    _parameters: dict[str, Any] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The JSON object of a POST or PUT, else the query. Raises `Refusal`."""
        if self._parameters is None:
            self._parameters = self._parsed() if self.method in ("POST", "PUT") else dict(self.query)
        return self._parameters

    def text(self, name: str, *, required: bool = False) -> str:
        """Return a text parameter, "" if it is absent. Raise `Refusal` if it is invalid."""
        value = self.parameters.get(name)
        if value is None or value == "":
            if required:
                raise missing(name)
            return ""
        if not isinstance(value, str):
            raise invalid(name, "it must be a string")
        return value

    def number(self, name: str, default: int, maximum: int | None = None) -> int:
        """Return a parameter that counts from 1. Raise `Refusal` if it is invalid."""
        value = self.parameters.get(name, default)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise invalid(name, "it must be an integer of at least 1")
        if maximum is not None and value > maximum:
            raise invalid(name, f"it must be at most {maximum}")
        return value

    def choice(self, name: str, words: Collection[str], *, default: str | None = None) -> str:
        """Return a parameter that is one of `words`, required if there is no default. Raise `Refusal` otherwise."""
        value = self.text(name, required=default is None) or (default or "")
        if value not in words:
            raise invalid(name, f"it must be one of {', '.join(words)}")
        return value

    def _parsed(self) -> dict[str, Any]:
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            raise Refusal(400, "InvalidParameter", "the request body is not JSON") from None
        if not isinstance(value, dict):
            raise Refusal(400, "InvalidParameter", "the request body is not a JSON object")
        return value


_MAX_PARTS: Final = 100


def file_in_form(body: bytes, content_type: str, field: str) -> tuple[str, bytes]:
    """Return name and bytes of the file in a multipart/form-data body (RFC 7578). Raise `Refusal` without one."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise Refusal(400, "InvalidParameter", "the request body is not multipart/form-data")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    # A part is what lies between two delimiters. The first delimiter needs no preceding line break (RFC 2046 5.1.1).
    first = -2 if body.startswith(delimiter[2:]) else body.find(delimiter)
    end = first + len(delimiter)
    for _ in range(_MAX_PARTS):
        after = body.find(delimiter, end) if first != -1 else -1
        if after < 0:
            break
        head, blank, _rest = body[end : min(after, end + 8192)].partition(b"\r\n\r\n")
        name, file_name = _names(head)
        if blank and name == field:
            return file_name or "file", body[end + len(head) + 4 : after]
        end = after + len(delimiter)
    raise Refusal(400, f"MissingParameter.{field}", f"the form has no file in {field}")


def _names(head: bytes) -> tuple[str, str]:
    match = re.search(rb"(?im)^content-disposition:(.*)$", head)
    header = Message()
    header["Content-Disposition"] = match[1].decode("utf-8", "replace").strip() if match else ""
    names = [header.get_param(choice, "", "content-disposition") for choice in ("name", "filename")]
    name, file_name = (value if isinstance(value, str) else "" for value in names)
    return name, file_name
