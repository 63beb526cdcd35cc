"""Volcengine Ark's Assets API, and BytePlus ModelArk's, which is the same in another region."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar
from uuid import uuid4

from preflight.sandbox.credentials import OFFICIAL, PUBLISHED, Credentials, check_signature, new_pair, secrets_equal
from preflight.sandbox.generation import Generating
from preflight.sandbox.messages import Refusal, Request, Response, invalid, missing, not_found
from preflight.sandbox.protocol import ASSET_KINDS, MAX_PAGE_SIZE, Operation, Shared, access_url, iso, page_of
from preflight.sandbox.state import StoredAsset, StoredGroup

T = TypeVar("T", StoredAsset, StoredGroup)
_DEFAULT_PAGE_SIZE = 10


class ListFilter(NamedTuple):
    """A filter of a list. Empty fields match everything; `name` matches parts of names."""

    group_type: str
    group_ids: Sequence[str]
    statuses: Sequence[str]
    name: str

    def matches(self, group_type: str, group_id: str, name: str, status: str | None = None) -> bool:
        """Return whether an item with these properties matches; groups have no status."""
        return (
            self.group_type in ("", group_type)
            and (not self.group_ids or group_id in self.group_ids)
            and (not self.statuses or status is None or status in self.statuses)
            and self.name in name
        )


def render_group(group: StoredGroup) -> dict[str, Any]:
    """Return a group in Ark's shape."""
    return {
        "Id": group.id,
        "Name": group.name,
        "Description": group.description,
        "GroupType": group.type,
        "ProjectName": group.project,
        "CreateTime": iso(group.created),
        "UpdateTime": iso(group.updated),
    }


def render_asset(asset: StoredAsset) -> dict[str, Any]:
    """Return an asset in Ark's shape; `Error` only if it failed."""
    rendered: dict[str, Any] = {
        "Id": asset.id,
        "Name": asset.name,
        "URL": access_url(asset),
        "AssetType": asset.asset_type,
        "GroupId": asset.group,
        "Status": asset.status.capitalize(),
        "CreateTime": iso(asset.created),
        "UpdateTime": iso(asset.updated),
        "ProjectName": asset.project,
    }
    if asset.status == "failed":
        rendered["Error"] = {"Code": asset.code, "Message": asset.message}
    return rendered


def list_page(
    request: Request,
    items: Sequence[T],
    project: str,
    render: Callable[[T], dict[str, Any]],
    matches: Callable[[T, ListFilter], bool],
) -> dict[str, Any]:
    """Return the Result of a list operation. Raise `Refusal` if a parameter is invalid."""
    list_filter = _filter(request)
    by_update = request.choice("SortBy", ("CreateTime", "UpdateTime"), default="CreateTime") == "UpdateTime"
    descending = request.choice("SortOrder", ("Asc", "Desc"), default="Desc") == "Desc"

    def sort_key(item: T) -> tuple[float, int]:
        return (item.updated if by_update else 0.0, item.number)

    found = [item for item in items if item.project == project and matches(item, list_filter)]
    found.sort(key=sort_key, reverse=descending)
    if "MaxResults" not in request.parameters and "NextToken" not in request.parameters:
        number, size = request.number("PageNumber", 1), request.number("PageSize", _DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        page = [render(item) for item in page_of(found, number, size)]
        return {"Items": page, "TotalCount": len(found), "PageNumber": number, "PageSize": size}
    if "PageNumber" in request.parameters or "PageSize" in request.parameters:
        raise invalid("NextToken", "MaxResults with NextToken, or PageNumber with PageSize, but not both")
    size, total = request.number("MaxResults", _DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE), len(found)
    token = request.text("NextToken")
    if token:
        last = _parse_token(token)
        found = [item for item in found if (sort_key(item) < last if descending else sort_key(item) > last)]
    following = json.dumps(sort_key(found[size - 1])).encode() if len(found) > size else b""
    page, token = [render(item) for item in found[:size]], base64.urlsafe_b64encode(following).decode()
    return {"Items": page, "TotalCount": total, "NextToken": token}


def _filter(request: Request) -> ListFilter:
    parameters = request.parameters.get("Filter") or {}
    if not isinstance(parameters, dict):
        raise invalid("Filter", "it must be an object")
    lists = [parameters.get(name) or [] for name in ("GroupIds", "Statuses")]
    texts = [parameters.get(name) or "" for name in ("GroupType", "Name")]
    if not all(isinstance(value, list) for value in lists) or not all(isinstance(value, str) for value in texts):
        raise invalid("Filter", "GroupIds and Statuses must be lists, GroupType and Name strings")
    return ListFilter(texts[0], lists[0], lists[1], texts[1])


def _parse_token(token: str) -> tuple[float, int]:
    try:
        updated, number = json.loads(base64.urlsafe_b64decode(token))
        return float(updated), int(number)
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise invalid("NextToken", "it is not a token of this list") from None


API_VERSION = "2024-01-01"
SERVICE = "ark"
_OPEN = "/open/"
_TASKS = "/api/v3/contents/generations/tasks"
_GENERATION = ("generate", "get_generation")
_PROJECT = "default"
_DESCRIPTION = 300
_LIST = "Filter SortBy SortOrder MaxResults NextToken PageNumber PageSize ProjectName"


class Volcengine(Generating):
    """The official form, `POST /?Action=…&Version=2024-01-01`, and the published one, `POST /open/ACTION`.

    Each is signed in its own way. Where the documentation is ambiguous: a throttled call answers
    `AccountFlowLimitExceeded`, an unknown id `NotFound.asset_id`, an undecided session `ValidatePending`;
    `Filter.Name` matches parts of names; lists begin with the newest. Alternate reading: sessions are answered without
    the envelope.
    """

    name = "volcengine"
    variables = ("VOLC_ACCESSKEY", "VOLC_SECRETKEY")
    region: ClassVar[str] = "cn-beijing"
    published: ClassVar[bool] = True
    operations = (  # the path is the Action
        Operation("create_group", "POST", "CreateAssetGroup", "Name Description GroupType ProjectName"),
        Operation("get_group", "POST", "GetAssetGroup", "Id ProjectName"),
        Operation("list_groups", "POST", "ListAssetGroups", _LIST),
        Operation("rename_group", "POST", "UpdateAssetGroup", "Id Name Description ProjectName"),
        Operation("delete_group", "POST", "DeleteAssetGroup", "Id ProjectName"),
        Operation("register", "POST", "CreateAsset", "GroupId URL AssetType Name ProjectName"),
        Operation("get", "POST", "GetAsset", "Id ProjectName"),
        Operation("list", "POST", "ListAssets", _LIST),
        Operation("rename", "POST", "UpdateAsset", "Id Name ProjectName"),
        Operation("delete", "POST", "DeleteAsset", "Id ProjectName"),
        Operation("create_session", "POST", "CreateVisualValidateSession", "CallbackURL"),
        Operation("session_result", "POST", "GetVisualValidateResult", "BytedToken"),
        Operation("generate", "POST", _TASKS, "model content ratio resolution duration watermark generate_audio seed"),
        Operation("get_generation", "GET", f"{_TASKS}/{{id}}"),
    )

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.temporary = new_pair(temporary=True)
        self._by_action = {
            operation.path: operation for operation in self.operations if operation.action not in _GENERATION
        }

    def new_credentials(self) -> Credentials:
        """Return a new pair of keys."""
        return new_pair()

    def environment(self) -> dict[str, str]:
        """Return the environment variables with the pair of keys and with the API key for the models."""
        return {**super().environment(), "ARK_API_KEY": self.shared.model_key}

    def match_operation(self, request: Request) -> Operation:
        """Return the operation that the action names. Raise `Refusal` for an unknown one."""
        if request.path.startswith(_TASKS):
            return super().match_operation(request)
        version, action = API_VERSION, request.path.removeprefix(_OPEN)
        if not (self.published and request.path.startswith(_OPEN)):
            if request.path != "/":
                raise Refusal(404, "InvalidActionOrVersion", f"no such path: {request.path[:100]}")
            query = dict(request.query)
            action, version = query.get("Action", ""), query.get("Version", "")
            if not action or not version:
                raise missing("Action" if not action else "Version")
        operation = self._by_action.get(action)
        if operation is None or version != API_VERSION or request.method != operation.method:
            what = f"{request.method} {action[:100]} for version {version[:100]}"
            raise Refusal(404, "InvalidActionOrVersion", f"could not find operation {what}")
        return operation

    def authorize(self, request: Request) -> None:
        """Raise `Refusal` unless the request is signed or, for the models, has the API key."""
        if request.path.startswith(_TASKS):
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or not secrets_equal(key.strip(), self.shared.model_key):
                raise Refusal(401, "AuthenticationError", "the API key in the request is missing or invalid")
            return
        form = PUBLISHED if request.path.startswith(_OPEN) else OFFICIAL
        pairs = {pair.access_key: pair for pair in (self.credentials, self.temporary)}
        check_signature(request, form, pairs.get, region=self.region, service=SERVICE, now=time.time())

    def _create_group(self, request: Request) -> Any:
        name, description = request.text("Name", required=True), request.text("Description")
        self._check_lengths(name, description)
        group = self.account.add_group(
            self.new_group_id,
            name=name,
            description=description,
            type=request.choice("GroupType", ("AIGC",), default="AIGC"),
            project=request.text("ProjectName") or _PROJECT,
        )
        return {"Id": group.id}

    def _get_group(self, request: Request) -> Any:
        return render_group(self._group(request))

    def _list_groups(self, request: Request) -> Any:
        return list_page(
            request,
            self.account.groups(),
            _project(request),
            render_group,
            lambda group, wanted: wanted.matches(group.type, group.id, group.name),
        )

    def _rename_group(self, request: Request) -> Any:
        name, description = request.text("Name"), request.text("Description")
        self._check_lengths(name, description)
        facts = {key: value for key, value in (("name", name), ("description", description)) if value}
        group = self._group(request)
        self.account.change_group(group.id, **facts)
        return {"Id": group.id}

    def _delete_group(self, request: Request) -> Any:
        self.account.remove_group(self._group(request).id)
        return {}

    def _register(self, request: Request) -> Any:
        group = self._group(request, "GroupId")
        url, asset_type = request.text("URL", required=True), request.choice("AssetType", ASSET_KINDS)
        name = request.text("Name")
        asset = self.register_asset(
            url, ASSET_KINDS[asset_type], asset_type, name, "URL", group=group.id, project=group.project
        )
        return {"Id": asset.id}

    def _get(self, request: Request) -> Any:
        return render_asset(self._asset(request))

    def _list(self, request: Request) -> Any:
        return list_page(request, self.account.assets(), _project(request), render_asset, self._matches_asset)

    def _rename(self, request: Request) -> Any:
        name = request.text("Name", required=True)
        self.check_name(name)
        asset = self._asset(request)
        self.account.change_asset(asset.id, name=name)
        return {"Id": asset.id}

    def _delete(self, request: Request) -> Any:
        self.account.remove_asset(self._asset(request).id)
        return {}

    def _create_session(self, request: Request) -> Any:
        token, link = self.open_session(request.text("CallbackURL", required=True), "CallbackURL")
        return {"H5Link": link, "BytedToken": token}

    def _session_result(self, request: Request) -> Any:
        session = self.account.session(request.text("BytedToken", required=True))
        if session is None:
            raise invalid("BytedToken", "no such session")
        if session.failed:
            raise Refusal(400, "ValidateFailed", "the person was not verified")
        if session.group is None:
            raise Refusal(400, "ValidatePending", "the person has not decided yet")
        return {"GroupId": session.group}

    def _accept(self, operation: Operation, result: Any) -> Response:
        """Wrap a result in the provider's envelope; the models answer without one."""
        if operation.action in _GENERATION:
            return Response(result)
        if self.alternate_reading and operation.action in ("create_session", "session_result"):
            return Response(result)
        return Response({"ResponseMetadata": self._metadata(operation), "Result": result})

    def refuse(self, operation: Operation | None, refusal: Refusal) -> Response:
        """Return a refusal in the provider's shape."""
        if operation is not None and operation.action in _GENERATION:
            kind = "BadRequest" if refusal.status == 400 else refusal.code
            shown = {"code": refusal.code, "message": refusal.message, "param": "", "type": kind}
            return Response({"error": shown}, refusal.status)
        error = {"Code": refusal.code, "Message": refusal.message}
        return Response({"ResponseMetadata": {**self._metadata(operation), "Error": error}}, refusal.status)

    def _metadata(self, operation: Operation | None) -> dict[str, Any]:
        request = f"{time.strftime('%Y%m%d%H%M%S', time.gmtime())}{uuid4().hex[:20].upper()}"
        return {
            "RequestId": request,
            "Action": operation.path if operation is not None else "",
            "Version": API_VERSION,
            "Service": SERVICE,
            "Region": self.region,
        }

    def _check_lengths(self, name: str, description: str) -> None:
        self.check_name(name)
        if len(description) > _DESCRIPTION:
            raise invalid("Description", f"at most {_DESCRIPTION} characters")

    def _group(self, request: Request, parameter: str = "Id") -> StoredGroup:
        group = self.find_group(request.text(parameter, required=True))
        if group.project != _project(request):
            raise not_found("group", group.id)
        return group

    def _asset(self, request: Request) -> StoredAsset:
        asset = self.find_asset(request.text("Id", required=True))
        if asset.project != _project(request):
            raise not_found("asset", asset.id)
        return asset

    def _matches_asset(self, asset: StoredAsset, list_filter: ListFilter) -> bool:
        group = self.account.group(asset.group or "") if list_filter.group_type else None
        kind = group.type if group is not None else ""
        return list_filter.matches(kind, asset.group or "", asset.name, asset.status.capitalize())


class Byteplus(Volcengine):
    """BytePlus ModelArk: only the official form."""

    name = "byteplus"
    variables = ("BYTEPLUS_ACCESSKEY", "BYTEPLUS_SECRETKEY")
    region = "ap-southeast-1"
    published = False


def _project(request: Request) -> str:
    return request.text("ProjectName") or _PROJECT
