"""How Ark shows assets and groups, and its lists: a filter, an order, pages by number or by token, never both."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from preflight.sandbox.ask import Ask, invalid
from preflight.sandbox.records import StoredAsset, StoredGroup
from preflight.sandbox.shapes import access_url, iso, page_of

T = TypeVar("T", StoredAsset, StoredGroup)
_MOST = 100
_FEW = 10


class Listing(NamedTuple):
    """A filter; what is empty takes everything. `name` is a part of names."""

    group_type: str
    group_ids: Sequence[str]
    statuses: Sequence[str]
    name: str

    def takes(self, group_type: str, group_id: str, name: str, status: str | None = None) -> bool:
        """Whether something with these facts is wanted; groups have no status."""
        return (
            self.group_type in ("", group_type)
            and (not self.group_ids or group_id in self.group_ids)
            and (not self.statuses or status is None or status in self.statuses)
            and self.name in name
        )


def shown_group(group: StoredGroup) -> dict[str, Any]:
    """A group."""
    return {
        "Id": group.id,
        "Name": group.name,
        "Description": group.description,
        "GroupType": group.type,
        "ProjectName": group.project,
        "CreateTime": iso(group.created),
        "UpdateTime": iso(group.updated),
    }


def shown_asset(asset: StoredAsset) -> dict[str, Any]:
    """An asset; `Error` only where it failed."""
    shown: dict[str, Any] = {
        "Id": asset.id,
        "Name": asset.name,
        "URL": access_url(asset),
        "AssetType": asset.stated,
        "GroupId": asset.group,
        "Status": asset.status.capitalize(),
        "CreateTime": iso(asset.created),
        "UpdateTime": iso(asset.updated),
        "ProjectName": asset.project,
    }
    if asset.status == "failed":
        shown["Error"] = {"Code": asset.code, "Message": asset.message}
    return shown


def listing(
    ask: Ask,
    things: Sequence[T],
    project: str,
    shown: Callable[[T], dict[str, Any]],
    chosen: Callable[[T, Listing], bool],
) -> dict[str, Any]:
    """The Result of a list call. Raises `Refusal`."""
    wanted = _filter(ask)
    by_update = ask.word("SortBy", ("CreateTime", "UpdateTime"), default="CreateTime") == "UpdateTime"
    descending = ask.word("SortOrder", ("Asc", "Desc"), default="Desc") == "Desc"

    def place(thing: T) -> tuple[float, int]:
        return (thing.updated if by_update else 0.0, thing.number)

    found = [thing for thing in things if thing.project == project and chosen(thing, wanted)]
    found.sort(key=place, reverse=descending)
    if "MaxResults" not in ask.given and "NextToken" not in ask.given:
        number, size = ask.number("PageNumber", 1), ask.number("PageSize", _FEW, _MOST)
        items = [shown(thing) for thing in page_of(found, number, size)]
        return {"Items": items, "TotalCount": len(found), "PageNumber": number, "PageSize": size}
    if "PageNumber" in ask.given or "PageSize" in ask.given:
        raise invalid("NextToken", "MaxResults with NextToken, or PageNumber with PageSize, but not both")
    size, total = ask.number("MaxResults", _FEW, _MOST), len(found)
    token = ask.text("NextToken")
    if token:
        last = _place(token)
        found = [thing for thing in found if (place(thing) < last if descending else place(thing) > last)]
    following = _token(place(found[size - 1])) if len(found) > size else ""
    return {"Items": [shown(thing) for thing in found[:size]], "TotalCount": total, "NextToken": following}


def _filter(ask: Ask) -> Listing:
    given = ask.given.get("Filter") or {}
    if not isinstance(given, dict):
        raise invalid("Filter", "it has to be an object")
    lists = [given.get(name) or [] for name in ("GroupIds", "Statuses")]
    texts = [given.get(name) or "" for name in ("GroupType", "Name")]
    if not all(isinstance(value, list) for value in lists) or not all(isinstance(value, str) for value in texts):
        raise invalid("Filter", "GroupIds and Statuses have to be lists, GroupType and Name strings")
    return Listing(texts[0], lists[0], lists[1], texts[1])


def _token(place: tuple[float, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(token: str) -> tuple[float, int]:
    try:
        updated, number = json.loads(base64.urlsafe_b64decode(token))
        return float(updated), int(number)
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise invalid("NextToken", "it is not one of ours") from None
