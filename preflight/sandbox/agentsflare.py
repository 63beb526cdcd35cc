"""Agentsflare's Assets API: Ark's fields, a Bearer key and `base_resp`; images only, no list."""

from __future__ import annotations

from typing import Any

from preflight.sandbox.generation import Generating
from preflight.sandbox.messages import Refusal, Request, Response
from preflight.sandbox.protocol import Operation, access_url, iso

_BASE = "/byteplus/_unstable/open"
_TASKS = "/byteplus/v3/contents/generations/tasks"


class Agentsflare(Generating):
    """Agentsflare's protocol. Where the documentation is ambiguous, the alternate reading is in brackets.

    Errors have `base_resp`, and an HTTP status for key, plan, rate and faults (for everything). A failed asset has
    `Error` as in Ark (no reason).
    """

    name = "agentsflare"
    variables = ("AGENTSFLARE_API_KEY",)
    operations = (
        Operation("register", "POST", f"{_BASE}/CreateAsset", "Name URL AssetType"),
        Operation("get", "POST", f"{_BASE}/GetAsset", "Id"),
        Operation("generate", "POST", _TASKS, "model content ratio resolution duration watermark"),
        Operation("get_generation", "GET", f"{_TASKS}/{{id}}"),
    )

    def _register(self, request: Request) -> dict[str, Any]:
        asset_type = request.choice("AssetType", ("Image",))
        asset = self.register_asset(
            request.text("URL", required=True), "image", asset_type, request.text("Name"), "URL"
        )
        return {"Id": asset.id}

    def _get(self, request: Request) -> dict[str, Any]:
        asset = self.find_asset(request.text("Id", required=True))
        rendered: dict[str, Any] = {
            "Id": asset.id,
            "Status": asset.status.capitalize(),
            "AssetType": asset.asset_type,
            "Name": asset.name,
            "URL": access_url(asset),
            "CreateTime": iso(asset.created),
            "UpdateTime": iso(asset.updated),
        }
        if asset.status == "failed" and not self.alternate_reading:
            rendered["Error"] = {"Code": asset.code, "Message": asset.message}
        return rendered

    def _accept(self, operation: Operation, result: Any) -> Response:
        return Response({**result, "base_resp": {"status_code": 0, "status_msg": "success"}})

    def refuse(self, operation: Operation | None, refusal: Refusal) -> Response:
        """Return a refusal in the provider's shape."""
        status = 200 if refusal.status in (400, 404) and not self.alternate_reading else refusal.status
        return Response({"base_resp": {"status_code": refusal.status, "status_msg": refusal.text}}, status)
