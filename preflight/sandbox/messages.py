"""What a client asked (`Ask`), and what it is answered (`Answer`, `Refusal`)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Final, NamedTuple


class Answer(NamedTuple):
    """An answer before it becomes bytes; `body` is plain data for JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = {}


class Refusal(Exception):
    """A call that is refused. Each protocol has its own shape for it, so this says only what was wrong.

    status  as HTTP counts; code: Ark's word, which gateways hand through; retry_after: s to wait, where it is said
    headers for the answer besides
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
        """For shapes that have one field for everything."""
        return f"{self.code}: {self.message}"


def invalid(parameter: str, why: str) -> Refusal:
    """A parameter has a wrong value."""
    return Refusal(400, f"InvalidParameter.{parameter}", f"the parameter {parameter} is not valid: {why}")


def missing(parameter: str) -> Refusal:
    """A parameter that has to be there is not."""
    return Refusal(400, f"MissingParameter.{parameter}", f"the request is missing the parameter {parameter}")


def not_found(what: str, name: str) -> Refusal:
    """Nothing of this account has the id."""
    return Refusal(404, f"NotFound.{what}_id", f"the specified {what} {name[:100]!r} is not found")


@dataclass(slots=True)
class Ask:
    """One request.

    path       behind the provider's prefix, decoded; sent_path: all of it, as it was sent
    query      decoded, in the order sent; headers: by lower-case name
    place      what the path's pattern caught: `{"id": "…"}`
    """

    method: str
    path: str
    sent_path: str = "/"
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    place: Mapping[str, str] = field(default_factory=dict)
    _given: dict[str, Any] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The parameters: the JSON object of a POST or PUT, else the query. Raises `Refusal`."""
        if self._given is None:
            self._given = self._parsed() if self.method in ("POST", "PUT") else dict(self.query)
        return self._given

    def text(self, name: str, *, required: bool = False) -> str:
        """A parameter that is text; "" where it is absent. Raises `Refusal`."""
        value = self.given.get(name)
        if value is None or value == "":
            if required:
                raise missing(name)
            return ""
        if not isinstance(value, str):
            raise invalid(name, "it has to be a string")
        return value

    def number(self, name: str, default: int, most: int | None = None) -> int:
        """A parameter that counts from 1. Raises `Refusal`."""
        value = self.given.get(name, default)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise invalid(name, "it has to be a number from 1")
        if most is not None and value > most:
            raise invalid(name, f"it has to be at most {most}")
        return value

    def word(self, name: str, words: Collection[str], *, default: str | None = None) -> str:
        """A parameter that is one of some words; without a default it has to be there. Raises `Refusal`."""
        value = self.text(name, required=default is None) or (default or "")
        if value not in words:
            raise invalid(name, f"it has to be one of {', '.join(words)}")
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


_PARTS: Final = 100


def file_of(body: bytes, content_type: str, field: str) -> tuple[str, bytes]:
    """Name and bytes of the file in `field`. Raises `Refusal`."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise Refusal(400, "InvalidParameter", "the request body is not multipart/form-data")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    # All that lies between two delimiters is one part; the first needs no line before it (RFC 2046 5.1.1).
    first = -2 if body.startswith(delimiter[2:]) else body.find(delimiter)
    end = first + len(delimiter)
    for _ in range(_PARTS):
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
    names = [header.get_param(word, "", "content-disposition") for word in ("name", "filename")]
    name, file_name = (value if isinstance(value, str) else "" for value in names)
    return name, file_name
