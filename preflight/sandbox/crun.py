"""Crun's Seedance Assets API: `x-api-key`, and the status in the body's `code`."""

from __future__ import annotations

from typing import Any

from preflight.sandbox.credentials import secrets_equal
from preflight.sandbox.messages import Refusal, Request, Response, missing
from preflight.sandbox.protocol import ASSET_KINDS, Operation, Protocol, iso
from preflight.sandbox.state import StoredAsset

_BASE = "/api/v1/client/job"


class Crun(Protocol):
    """Crun's protocol. Where the documentation is ambiguous, the alternate reading is in brackets.

    The HTTP status is 200 for every `code` (mirrors it); times are ISO text (Unix seconds). A failed asset says why in
    `message`, which the documentation calls "error description when failed".
    """

    name = "crun"
    variables = ("CRUN_API_KEY",)
    statuses = {400: 422, 403: 402, 405: 404}  # noqa: RUF012 - the type is in the base class
    operations = (
        Operation("register", "POST", f"{_BASE}/asset-upload", "name asset_type asset_url"),
        Operation("get", "GET", f"{_BASE}/asset-info", "asset_id"),
    )

    def authorize(self, request: Request) -> None:
        """Raise `Refusal` unless the request is authorized."""
        if not secrets_equal(request.headers.get("x-api-key", ""), self.credentials.key or ""):
            raise self.missing_key("x-api-key")

    def register(self, request: Request) -> dict[str, Any]:
        """Register an asset from a URL."""
        asset_type = request.choice("asset_type", ASSET_KINDS)
        url = request.text("asset_url", required=True)
        asset = self.register_asset(url, ASSET_KINDS[asset_type], asset_type, request.text("name"), "asset_url")
        return {"data": {"AssetId": asset.id}}

    def get(self, request: Request) -> dict[str, Any]:
        """Return an asset."""
        asset_id = request.text("asset_id")
        if not asset_id:
            raise missing("asset_id")
        asset = self.find_asset(asset_id)
        rendered = {
            "AssetId": asset.id,
            "Name": asset.name,
            "AssetType": asset.asset_type,
            "Status": asset.status.capitalize(),
            "CreateTime": self._time(asset.created),
            "UpdateTime": self._time(asset.updated),
        }
        return {"data": rendered, "message": _failure_message(asset)}

    def accept(self, operation: Operation, result: Any) -> Response:
        """Wrap a result in the provider's envelope."""
        return Response({"code": 200, "message": "success", **result})

    def refuse(self, operation: Operation | None, refusal: Refusal) -> Response:
        """Return a refusal in the provider's shape."""
        code = self.status(refusal)
        return Response({"code": code, "message": refusal.text, "data": None}, code if self.alternate_reading else 200)

    def _time(self, seconds: float) -> str | int:
        return int(seconds) if self.alternate_reading else iso(seconds)


def _failure_message(asset: StoredAsset) -> str:
    return f"{asset.code}: {asset.message}" if asset.status == "failed" else "success"
