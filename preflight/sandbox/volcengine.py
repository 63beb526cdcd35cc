"""Volcengine Ark's Assets API, and BytePlus ModelArk's, which is the same in another region."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar
from uuid import uuid4

from preflight.sandbox.credentials import OFFICIAL, PUBLISHED, Credentials, check_signature, new_pair
from preflight.sandbox.messages import Answer, Ask, Refusal, invalid, missing, not_found
from preflight.sandbox.protocol import WORDS, Backstage, Call, Protocol, access_url, iso, page_of
from preflight.sandbox.state import StoredAsset, StoredGroup

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


VERSION = "2024-01-01"
SERVICE = "ark"
_OPEN = "/open/"
_PROJECT = "default"
_DESCRIPTION = 300
_LIST = "Filter SortBy SortOrder MaxResults NextToken PageNumber PageSize ProjectName"


class Volcengine(Protocol):
    """Both forms: the official one, `POST /?Action=…&Version=2024-01-01`, and at Volcengine the published one,
    `POST /open/ACTION`, each signed in its own way.

    What the pages leave open: words for throttling (here `AccountFlowLimitExceeded`), for an unknown id (here
    `NotFound.asset_id`) and for a session that is not decided (here `ValidatePending`); `Filter.Name` finds parts of
    names; lists begin with the newest. The other reading: sessions are answered without the envelope.
    """

    name = "volcengine"
    variables = ("VOLC_ACCESSKEY", "VOLC_SECRETKEY")
    region: ClassVar[str] = "cn-beijing"
    published: ClassVar[bool] = True
    calls = (  # the path is the Action
        Call("create_group", "POST", "CreateAssetGroup", "Name Description GroupType ProjectName"),
        Call("get_group", "POST", "GetAssetGroup", "Id ProjectName"),
        Call("list_groups", "POST", "ListAssetGroups", _LIST),
        Call("rename_group", "POST", "UpdateAssetGroup", "Id Name Description ProjectName"),
        Call("delete_group", "POST", "DeleteAssetGroup", "Id ProjectName"),
        Call("register", "POST", "CreateAsset", "GroupId URL AssetType Name ProjectName"),
        Call("get", "POST", "GetAsset", "Id ProjectName"),
        Call("list", "POST", "ListAssets", _LIST),
        Call("rename", "POST", "UpdateAsset", "Id Name ProjectName"),
        Call("delete", "POST", "DeleteAsset", "Id ProjectName"),
        Call("create_session", "POST", "CreateVisualValidateSession", "CallbackURL"),
        Call("session_result", "POST", "GetVisualValidateResult", "BytedToken"),
    )

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(backstage)
        self.temporary = new_pair(temporary=True)
        self._by_action = {call.path: call for call in self.calls}

    def new_credentials(self) -> Credentials:
        return new_pair()

    def find(self, ask: Ask) -> Call:
        version, action = VERSION, ask.path.removeprefix(_OPEN)
        if not (self.published and ask.path.startswith(_OPEN)):
            if ask.path != "/":
                raise Refusal(404, "InvalidActionOrVersion", f"there is no {ask.path[:100]}")
            query = dict(ask.query)
            action, version = query.get("Action", ""), query.get("Version", "")
            if not action or not version:
                raise missing("Action" if not action else "Version")
        call = self._by_action.get(action)
        if call is None or version != VERSION or ask.method != call.method:
            what = f"{ask.method} {action[:100]} for version {version[:100]}"
            raise Refusal(404, "InvalidActionOrVersion", f"could not find operation {what}")
        return call

    def authorize(self, ask: Ask) -> None:
        form = PUBLISHED if ask.path.startswith(_OPEN) else OFFICIAL
        check_signature(ask, form, self._pair, region=self.region, service=SERVICE, now=time.time())

    def create_group(self, ask: Ask) -> Any:
        name, description = ask.text("Name", required=True), ask.text("Description")
        self._check_words(name, description)
        group = self.account.add_group(
            self.new_group_id,
            name=name,
            description=description,
            type=ask.word("GroupType", ("AIGC",), default="AIGC"),
            project=ask.text("ProjectName") or _PROJECT,
        )
        return {"Id": group.id}

    def get_group(self, ask: Ask) -> Any:
        return shown_group(self._group(ask))

    def list_groups(self, ask: Ask) -> Any:
        return listing(ask, self.account.groups(), _project(ask), shown_group, self._chosen_group)

    def rename_group(self, ask: Ask) -> Any:
        name, description = ask.text("Name"), ask.text("Description")
        self._check_words(name, description)
        facts = {key: value for key, value in (("name", name), ("description", description)) if value}
        group = self._group(ask)
        self.account.change_group(group.id, **facts)
        return {"Id": group.id}

    def delete_group(self, ask: Ask) -> Any:
        self.account.remove_group(self._group(ask).id)
        return {}

    def register(self, ask: Ask) -> Any:
        group = self._group(ask, "GroupId")
        url, stated = ask.text("URL", required=True), ask.word("AssetType", WORDS)
        name = ask.text("Name")
        asset = self.register_asset(url, WORDS[stated], stated, name, "URL", group=group.id, project=group.project)
        return {"Id": asset.id}

    def get(self, ask: Ask) -> Any:
        return shown_asset(self._asset(ask))

    def list(self, ask: Ask) -> Any:
        return listing(ask, self.account.assets(), _project(ask), shown_asset, self._chosen_asset)

    def rename(self, ask: Ask) -> Any:
        name = ask.text("Name", required=True)
        self.check_name(name)
        asset = self._asset(ask)
        self.account.change_asset(asset.id, name=name)
        return {"Id": asset.id}

    def delete(self, ask: Ask) -> Any:
        self.account.remove_asset(self._asset(ask).id)
        return {}

    def create_session(self, ask: Ask) -> Any:
        token, link = self.open_session(ask.text("CallbackURL", required=True), "CallbackURL")
        return {"H5Link": link, "BytedToken": token}

    def session_result(self, ask: Ask) -> Any:
        session = self.account.session(ask.text("BytedToken", required=True))
        if session is None:
            raise invalid("BytedToken", "there is no such session")
        if session.failed:
            raise Refusal(400, "ValidateFailed", "the person was not verified")
        if session.group is None:
            raise Refusal(400, "ValidatePending", "the person has not decided yet")
        return {"GroupId": session.group}

    def accept(self, call: Call, result: Any) -> Answer:
        if self.otherwise and call.action in ("create_session", "session_result"):
            return Answer(result)
        return Answer({"ResponseMetadata": self._metadata(call), "Result": result})

    def refuse(self, call: Call | None, refusal: Refusal) -> Answer:
        error = {"Code": refusal.code, "Message": refusal.message}
        return Answer({"ResponseMetadata": {**self._metadata(call), "Error": error}}, refusal.status)

    def _metadata(self, call: Call | None) -> dict[str, Any]:
        request = f"{time.strftime('%Y%m%d%H%M%S', time.gmtime())}{uuid4().hex[:20].upper()}"
        return {
            "RequestId": request,
            "Action": call.path if call is not None else "",
            "Version": VERSION,
            "Service": SERVICE,
            "Region": self.region,
        }

    def _pair(self, access_key: str) -> Credentials | None:
        return next((pair for pair in (self.credentials, self.temporary) if pair.access_key == access_key), None)

    def _check_words(self, name: str, description: str) -> None:
        self.check_name(name)
        if len(description) > _DESCRIPTION:
            raise invalid("Description", f"at most {_DESCRIPTION} characters")

    def _group(self, ask: Ask, parameter: str = "Id") -> StoredGroup:
        group = self.group_of(ask.text(parameter, required=True))
        if group.project != _project(ask):
            raise not_found("group", group.id)
        return group

    def _asset(self, ask: Ask) -> StoredAsset:
        asset = self.asset_of(ask.text("Id", required=True))
        if asset.project != _project(ask):
            raise not_found("asset", asset.id)
        return asset

    def _chosen_group(self, group: StoredGroup, wanted: Listing) -> bool:
        return wanted.takes(group.type, group.id, group.name)

    def _chosen_asset(self, asset: StoredAsset, wanted: Listing) -> bool:
        group = self.account.group(asset.group or "") if wanted.group_type else None
        kind = group.type if group is not None else ""
        return wanted.takes(kind, asset.group or "", asset.name, asset.status.capitalize())


class Byteplus(Volcengine):
    """BytePlus ModelArk: the official form alone."""

    name = "byteplus"
    variables = ("BYTEPLUS_ACCESSKEY", "BYTEPLUS_SECRETKEY")
    region = "ap-southeast-1"
    published = False


def _project(ask: Ask) -> str:
    return ask.text("ProjectName") or _PROJECT
