"""What a client asked (`Ask`), and what it is answered (`Answer`, `Refusal`)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


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
