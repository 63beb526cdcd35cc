"""Reads providers' answers by the names that they give to their fields: `Fields`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fields:
    """What the fields of an asset, of a group and of a list are called in a provider's answers.

    Several names, separated by spaces, where pages or answers differ: the first that is there counts. "": none.

    ids    further ids of an asset
    items  where the list stands
    """

    id: str
    name: str = ""
    type: str = ""
    status: str = ""
    url: str = ""
    source: str = ""
    group: str = ""
    created: str = ""
    updated: str = ""
    description: str = ""
    group_type: str = ""
    ids: str = ""
    items: str = "items"
    total: str = "total"


def first(data: Mapping[str, Any], names: str) -> Any:
    """The first of these fields that holds anything."""
    return next((data[name] for name in names.split() if data.get(name) not in (None, "")), None)


def text(data: Mapping[str, Any], names: str) -> str | None:
    """The first of these fields that holds anything, as text; None where that is no text and no number."""
    value = first(data, names)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def count(data: Mapping[str, Any], names: str) -> int | None:
    """A number that is not negative; some write it as text."""
    found = text(data, names)
    return int(found) if found is not None and found.isdecimal() and len(found) < 19 else None


def inner(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object that an envelope holds; an answer that comes without its envelope is the object itself."""
    value = answer.get(name, answer)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else {}


def items(data: Mapping[str, Any], names: str) -> list[Mapping[str, Any]] | None:
    """The objects of a list; None where there is no list at all. Providers written in Go send `null` for no items."""
    for name in names.split():
        if name in data:
            found = data[name]
            return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return None


def failure(data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Code and sentence of an asset's failure, in any of the shapes that pages print for it."""
    error = first(data, "Error error")
    inside = error if isinstance(error, dict) else {}
    code = text(inside, "Code code") or text(data, "error_code")
    message = text(inside, "Message message") or text(data, "error_message")
    return code, message or (error if isinstance(error, str) else None) or text(data, "fail_reason")


def following(page: int, found: int, total: int | None) -> str | None:
    """The number of the page after `page`, or None at the end, where `found` items were on it.

    It does not rely on the number of items that was asked for: a server may give fewer without saying so. Where
    the total does not show the end, only an empty page does.
    """
    return None if not found or (total is not None and page * found >= total) else str(page + 1)
