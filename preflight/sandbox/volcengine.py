"""Volcengine Ark's Assets API, and BytePlus ModelArk's, which is the same in another region."""

from __future__ import annotations

import time
from typing import Any, ClassVar
from uuid import uuid4

from preflight.sandbox.ark_shapes import Listing, listing, shown_asset, shown_group
from preflight.sandbox.ask import Answer, Ask, Refusal, invalid, missing, not_found
from preflight.sandbox.keys import Credentials, new_pair
from preflight.sandbox.protocol import Backstage, Call, Protocol
from preflight.sandbox.records import StoredAsset, StoredGroup
from preflight.sandbox.shapes import WORDS
from preflight.sandbox.signature import OFFICIAL, PUBLISHED, check_signature

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
