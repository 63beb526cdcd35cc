"""AGT Cloud's Asset Library: containers and files in one tree; requests have words where responses have numbers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from preflight.sandbox.messages import Refusal, Request, Response, missing
from preflight.sandbox.protocol import ASSET_KINDS, MAX_PAGE_SIZE, Operation, Protocol, page_of, random_letters
from preflight.sandbox.state import StoredAsset, StoredGroup, StoredSession

_BASE = "/v1/asset/human"
_TYPES = {**ASSET_KINDS, "TrainingVideo": "video", "Script": None}
_TYPE_NUMBERS = {"Video": 2, "TrainingVideo": 2, "Image": 3, "Audio": 4}
_STATUS_NUMBERS = {"processing": 0, "active": 1, "failed": 2}
_GROUP_NUMBERS = {"LivenessFace": 1, "AIGC": 2}


class Agt(Protocol):
    """AGT's protocol. Where the documentation is ambiguous, the alternate reading is in brackets.

    Creating a container returns `GroupId` (the container as a UserAssetResponse), an update returns the object (null).
    Errors are the envelope with `success` false, and only key, plan, rate and faults have an HTTP status
    (`{"error": {"message", "type"}}` with the HTTP status).

    `get`, `update` and `delete` accept containers too. A script is fetched but not judged, and has the number 0.
    """

    name = "agt"
    variables = ("AGT_API_KEY",)
    operations = (
        Operation("create_session", "POST", f"{_BASE}/session", "name description redirect_url"),
        Operation("create_group", "POST", f"{_BASE}/aigc", "name description"),
        Operation("register", "POST", f"{_BASE}/upload", "group_id url asset_type name description"),
        Operation("list", "GET", f"{_BASE}/list", "group_id is_leaf p page_size"),
        Operation("get", "GET", f"{_BASE}/get/{{id}}"),
        Operation("rename", "PUT", f"{_BASE}/update/{{id}}", "name description"),
        Operation("delete", "DELETE", f"{_BASE}/delete/{{id}}"),
    )

    def new_asset_id(self, number: int) -> str:
        """Return an asset id in the provider's form."""
        return f"asset_{random_letters(12)}"

    def new_group_id(self, number: int) -> str:
        """Return a group id in the provider's form."""
        return f"group_{random_letters(12)}"

    def _create_session(self, request: Request) -> Any:
        callback = request.text("redirect_url", required=True)
        token, link = self.open_session(callback, "redirect_url", request.text("name"), request.text("description"))
        return {"Url": link, "H5Link": link, "BytedToken": token}

    def callback(self, session: StoredSession, decision: str) -> str:
        """Return the callback URL with the decision in its query."""
        result = {"status": "success", "group_id": session.group or ""}
        if session.failed:
            result = {"status": "failed", "reason": decision}
        return f"{session.callback}{'&' if '?' in session.callback else '?'}{urlencode(result)}"

    def _create_group(self, request: Request) -> Any:
        name = request.text("name", required=True)
        self.check_name(name, "name")
        group = self.account.add_group(
            self.new_group_id, name=name, description=request.text("description"), type="AIGC"
        )
        return _render_group(group) if self.alternate_reading else {"GroupId": group.id}

    def _register(self, request: Request) -> Any:
        group = self.find_group(request.text("group_id", required=True))
        url, asset_type = request.text("url", required=True), request.choice("asset_type", _TYPES)
        name, description = request.text("name"), request.text("description")
        kind = _TYPES[asset_type]
        asset = self.register_asset(url, kind, asset_type, name, "url", group=group.id, description=description)
        return self._render_file(asset)

    def _list(self, request: Request) -> Any:
        """List assets, or containers with `is_leaf` 0."""
        group_id = request.text("group_id")
        number, size = request.number("p", 1), min(request.number("page_size", 20), MAX_PAGE_SIZE)
        if request.choice("is_leaf", ("0", "1"), default="1") == "0":
            groups = [group for group in self.account.groups() if group_id in ("", group.id)]
            return {"total": len(groups), "items": [_render_group(group) for group in page_of(groups, number, size)]}
        assets, total = self.account.page(number, size, where=lambda asset: group_id in ("", asset.group))
        return {"total": total, "items": [self._render_file(asset) for asset in assets]}

    def _get(self, request: Request) -> Any:
        identifier = request.path_parameters["id"]
        group = self.account.group(identifier)
        return self._render_file(self.find_asset(identifier)) if group is None else _render_group(group)

    def _rename(self, request: Request) -> Any:
        facts = {name: request.text(name) for name in ("name", "description") if name in request.parameters}
        if not facts:
            raise missing("name")
        self.check_name(facts.get("name", ""), "name")
        rendered = self._get(request)  # raises if there is none
        change = self.account.change_asset if rendered["is_leaf"] else self.account.change_group
        change(request.path_parameters["id"], **facts)
        return None if self.alternate_reading else self._get(request)

    def _delete(self, request: Request) -> Any:
        identifier = request.path_parameters["id"]
        if self.account.remove_group(identifier) is None:
            self.account.remove_asset(self.find_asset(identifier).id)

    def _accept(self, operation: Operation, result: Any) -> Response:
        return Response({"success": True, "message": "", "data": result})

    def refuse(self, operation: Operation | None, refusal: Refusal) -> Response:
        """Return a refusal in the provider's shape."""
        if self.alternate_reading:
            return Response({"error": {"message": refusal.text, "type": "new_api_error"}}, refusal.status)
        status = 200 if refusal.status in (400, 404) else refusal.status
        return Response({"success": False, "message": refusal.text, "data": None}, status)

    def _render_file(self, asset: StoredAsset) -> dict[str, Any]:
        group = self.account.group(asset.group or "")
        return {
            "id": asset.id,
            "asset_type": _TYPE_NUMBERS.get(asset.asset_type, 0),
            "group_type": _GROUP_NUMBERS.get(group.type, 0) if group is not None else 0,
            "name": asset.name,
            "description": asset.description,
            "status": _STATUS_NUMBERS[asset.status],
            "fail_reason": f"{asset.code}: {asset.message}" if asset.status == "failed" else "",
            "is_leaf": 1,
            "created_at": int(asset.created),
            "updated_at": int(asset.updated),
        }


def _render_group(group: StoredGroup) -> dict[str, Any]:
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
