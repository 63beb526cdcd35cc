"""AGT Cloud's Asset Library: containers and files in one tree, numbers in answers where words go in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from preflight.sandbox.messages import Answer, Ask, Refusal, missing
from preflight.sandbox.protocol import MOST, WORDS, Call, Protocol, letters, page_of
from preflight.sandbox.state import StoredAsset, StoredGroup, StoredSession

_BASE = "/v1/asset/human"
_TYPES = {**WORDS, "TrainingVideo": "video", "Script": None}
_TYPE_NUMBERS = {"Video": 2, "TrainingVideo": 2, "Image": 3, "Audio": 4}
_STATUS_NUMBERS = {"processing": 0, "active": 1, "failed": 2}
_GROUP_NUMBERS = {"LivenessFace": 1, "AIGC": 2}


class Agt(Protocol):
    """What the page leaves open, and the other reading in brackets: creating a container gives `GroupId` (the container
    as a UserAssetResponse), update gives the object (null), errors are the envelope with `success` false, and the HTTP
    status only tells of key, plan, rate and faults (`{"error": {"message", "type"}}` with the HTTP status).

    `get`, `update` and `delete` take containers too. A script is fetched, not judged, and has the number 0.
    """

    name = "agt"
    variables = ("AGT_API_KEY",)
    calls = (
        Call("create_session", "POST", f"{_BASE}/session", "name description redirect_url"),
        Call("create_group", "POST", f"{_BASE}/aigc", "name description"),
        Call("register", "POST", f"{_BASE}/upload", "group_id url asset_type name description"),
        Call("list", "GET", f"{_BASE}/list", "group_id is_leaf p page_size"),
        Call("get", "GET", f"{_BASE}/get/{{id}}"),
        Call("rename", "PUT", f"{_BASE}/update/{{id}}", "name description"),
        Call("delete", "DELETE", f"{_BASE}/delete/{{id}}"),
    )

    def new_asset_id(self, number: int) -> str:
        return f"asset_{letters(12)}"

    def new_group_id(self, number: int) -> str:
        return f"group_{letters(12)}"

    def create_session(self, ask: Ask) -> Any:
        callback = ask.text("redirect_url", required=True)
        token, link = self.open_session(callback, "redirect_url", ask.text("name"), ask.text("description"))
        return {"Url": link, "H5Link": link, "BytedToken": token}

    def callback(self, session: StoredSession, decision: str) -> str:
        result = {"status": "success", "group_id": session.group or ""}
        if session.failed:
            result = {"status": "failed", "reason": decision}
        return f"{session.callback}{'&' if '?' in session.callback else '?'}{urlencode(result)}"

    def create_group(self, ask: Ask) -> Any:
        name = ask.text("name", required=True)
        self.check_name(name, "name")
        group = self.account.add_group(self.new_group_id, name=name, description=ask.text("description"), type="AIGC")
        return _container(group) if self.otherwise else {"GroupId": group.id}

    def register(self, ask: Ask) -> Any:
        group = self.group_of(ask.text("group_id", required=True))
        url, stated = ask.text("url", required=True), ask.word("asset_type", _TYPES)
        asset = self.register_asset(
            url,
            _TYPES[stated],
            stated,
            ask.text("name"),
            "url",
            group=group.id,
            description=ask.text("description"),
        )
        return self._file(asset)

    def list(self, ask: Ask) -> Any:
        group_id, number, size = ask.text("group_id"), ask.number("p", 1), min(ask.number("page_size", 20), MOST)
        if ask.word("is_leaf", ("0", "1"), default="1") == "0":
            groups = [group for group in self.account.groups() if group_id in ("", group.id)]
            return {"total": len(groups), "items": [_container(group) for group in page_of(groups, number, size)]}
        assets = self.account.assets(where=lambda asset: group_id in ("", asset.group))
        return {"total": len(assets), "items": [self._file(asset) for asset in page_of(assets, number, size)]}

    def get(self, ask: Ask) -> Any:
        group = self.account.group(ask.place["id"])
        return self._file(self.asset_of(ask.place["id"])) if group is None else _container(group)

    def rename(self, ask: Ask) -> Any:
        facts = {name: ask.text(name) for name in ("name", "description") if name in ask.given}
        if not facts:
            raise missing("name")
        self.check_name(facts.get("name", ""), "name")
        shown = self.get(ask)  # raises where there is none
        change = self.account.change_asset if shown["is_leaf"] else self.account.change_group
        change(ask.place["id"], **facts)
        return None if self.otherwise else self.get(ask)

    def delete(self, ask: Ask) -> Any:
        if self.account.remove_group(ask.place["id"]) is None:
            self.asset_of(ask.place["id"])
            self.account.remove_asset(ask.place["id"])

    def accept(self, call: Call, result: Any) -> Answer:
        return Answer({"success": True, "message": "", "data": result})

    def refuse(self, call: Call | None, refusal: Refusal) -> Answer:
        if self.otherwise:
            return Answer({"error": {"message": refusal.text, "type": "new_api_error"}}, refusal.status)
        status = 200 if refusal.status in (400, 404) else refusal.status
        return Answer({"success": False, "message": refusal.text, "data": None}, status)

    def _file(self, asset: StoredAsset) -> dict[str, Any]:
        group = self.account.group(asset.group or "")
        return {
            "id": asset.id,
            "asset_type": _TYPE_NUMBERS.get(asset.stated, 0),
            "group_type": _GROUP_NUMBERS.get(group.type, 0) if group is not None else 0,
            "name": asset.name,
            "description": asset.description,
            "status": _STATUS_NUMBERS[asset.status],
            "fail_reason": f"{asset.code}: {asset.message}" if asset.status == "failed" else "",
            "is_leaf": 1,
            "created_at": int(asset.created),
            "updated_at": int(asset.updated),
        }


def _container(group: StoredGroup) -> dict[str, Any]:
    return {
        "id": group.id,
        "asset_type": 1,
        "group_type": _GROUP_NUMBERS[group.type],
        "name": group.name,
        "description": group.description,
        "status": 1,
        "fail_reason": "",
        "is_leaf": 0,
        "created_at": int(group.created),
        "updated_at": int(group.updated),
    }
