"""Crun's Seedance Assets API: `x-api-key`, and the status in the body's `code`."""

from __future__ import annotations

from typing import Any

from preflight.sandbox.credentials import secrets_equal
from preflight.sandbox.generation import Generating, MediaField, media_inputs
from preflight.sandbox.messages import Refusal, Request, Response, invalid, missing
from preflight.sandbox.protocol import ASSET_KINDS, Operation, iso
from preflight.sandbox.state import StoredAsset

_BASE = "/api/v1/client/job"
_MODELS = {
    "bytedance/seedance2-0-i2v": (MediaField("img_urls", "image", many=True),),
    "bytedance/seedance2-0-r2v": tuple(
        MediaField(f"reference_{kind}s", kind, many=True) for kind in ("image", "video", "audio")
    ),
}


class Crun(Generating):
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
        Operation("generate", "POST", f"{_BASE}/CreateTask", "model callback_url input"),
        Operation("get_generation", "GET", f"{_BASE}/TaskInfo", "task_id"),
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

    def generate(self, request: Request) -> dict[str, Any]:
        """Start a generation."""
        fields, body = _MODELS.get(request.text("model", required=True)), request.parameters.get("input")
        if fields is None:
            raise invalid("model", f"it must be one of {', '.join(_MODELS)}")
        if not isinstance(body, dict):
            raise invalid("input", "it must be an object")
        inputs = media_inputs(body, fields)
        if not inputs or (fields[0].name == "img_urls" and len(inputs) > 2):
            raise invalid(fields[0].name, "it must have one or two images" if inputs else "it is empty")
        return {"data": {"task_id": self.start_generation(body.get("prompt"), inputs)}}

    def get_generation(self, request: Request) -> dict[str, Any]:
        """Return a task."""
        task = request.text("task_id")
        if not task:
            raise missing("task_id")
        status, url = self.poll_generation(task)
        return {"data": {"task_id": task, "status": status, "result": [url] if url else None}}

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
