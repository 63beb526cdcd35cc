"""Read the fields of providers' answers under each provider's names: `Fields`."""

from __future__ import annotations

from dataclasses import dataclass

from preflight.providers.refusals import JsonObject


@dataclass(frozen=True, slots=True)
class Fields:
    """The names of the fields of an asset, of a group and of a list in a provider's answers.

    Several names are separated by spaces, if pages or answers differ: the first that is present counts. "": none.

    ids    further ids of an asset
    items  the list itself
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


def first(data: JsonObject, names: str) -> object:
    """Return the first of these fields that has a value."""
    return next((data[name] for name in names.split() if data.get(name) not in (None, "")), None)


def text(data: JsonObject, names: str) -> str | None:
    """Return the first of these fields that has a value, as text; None if it is neither text nor a number."""
    value = first(data, names)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def count(data: JsonObject, names: str) -> int | None:
    """Return a number that is not negative; some providers write it as text."""
    found = text(data, names)
    return int(found) if found is not None and found.isdecimal() and len(found) < 19 else None


def unwrap(answer: JsonObject, name: str) -> JsonObject:
    """Return the object in an envelope; an answer that comes without its envelope is the object itself."""
    value = answer.get(name, answer)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else {}


def items(data: JsonObject, names: str) -> list[JsonObject] | None:
    """Return the objects of a list; None if there is no list. Providers written in Go send `null` for no items."""
    for name in names.split():
        if name in data:
            found = data[name]
            return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return None


def failure(data: JsonObject) -> tuple[str | None, str | None]:
    """Return code and message of an asset's failure, in any of the shapes that pages print for it."""
    error = first(data, "Error error")
    inner = error if isinstance(error, dict) else {}
    code = text(inner, "Code code") or text(data, "error_code")
    message = text(inner, "Message message") or text(data, "error_message")
    return code, message or (error if isinstance(error, str) else None) or text(data, "fail_reason")


def next_page(page: int, found: int, total: int | None) -> str | None:
    """Return the number of the page after `page`, on which `found` items were; None at the end.

    The number of items that was asked for does not count: a server may return fewer without saying so. If the total
    does not show the end, only an empty page does.
    """
    return None if not found or (total is not None and page * found >= total) else str(page + 1)
