"""Crun's Seedance Assets API: `x-api-key`, and the status in the body's `code`."""

from __future__ import annotations

from typing import Any

from preflight.sandbox.credentials import secrets_equal
from preflight.sandbox.generation import Generating, MediaField, media_inputs
from preflight.sandbox.messages import Refusal, Request, Response, invalid
from preflight.sandbox.protocol import ASSET_KINDS, Operation, iso

_BASE = "/api/v1/client/job"
_MODELS = {
    "bytedance/seedance2-0-i2v": (MediaField("img_urls", "image", many=True),),
    "bytedance/seedance2-0-r2v": tuple(
        MediaField(f"reference_{kind}s", kind, many=True) for kind in ("image", "video", "audio")
    ),
}
_STATUSES = {400: 422, 403: 402, 405: 404}
"""Its statuses for refusals, where they differ from the usual ones."""


class Crun(Generating):
    """Crun's protocol. Where the documentation is ambiguous, the alternate reading is in brackets.

    The HTTP status is 200 for every `code` (mirrors it); times are ISO text (Unix seconds). A failed asset says why in
    `message`, which the documentation calls "error description when failed".
    """

    name = "crun"
    variables = ("CRUN_API_KEY",)
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

    def _register(self, request: Request) -> dict[str, Any]:
        asset_type = request.choice("asset_type", ASSET_KINDS)
        url = request.text("asset_url", required=True)
        asset = self.register_asset(url, ASSET_KINDS[asset_type], asset_type, request.text("name"), "asset_url")
        return {"data": {"AssetId": asset.id}}

    def _get(self, request: Request) -> dict[str, Any]:
        asset = self.find_asset(request.text("asset_id", required=True))
        rendered = {
            "AssetId": asset.id,
            "Name": asset.name,
            "AssetType": asset.asset_type,
            "Status": asset.status.capitalize(),
            "CreateTime": self._time(asset.created),
            "UpdateTime": self._time(asset.updated),
        }
        message = f"{asset.code}: {asset.message}" if asset.status == "failed" else "success"
        return {"data": rendered, "message": message}

    def _generate(self, request: Request) -> dict[str, Any]:
        fields, body = _MODELS.get(request.text("model", required=True)), request.parameters.get("input")
        if fields is None:
            raise invalid("model", f"it must be one of {', '.join(_MODELS)}")
        if not isinstance(body, dict):
            raise invalid("input", "it must be an object")
        inputs = media_inputs(body, fields)
        if not inputs or (fields[0].name == "img_urls" and len(inputs) > 2):
            raise invalid(fields[0].name, "it must have one or two images" if inputs else "it is empty")
        return {"data": {"task_id": self.start_generation(body.get("prompt"), inputs)}}

    def _get_generation(self, request: Request) -> dict[str, Any]:
        task = request.text("task_id", required=True)
        status, url = self.poll_generation(task)
        return {"data": {"task_id": task, "status": status, "result": [url] if url else None}}

    def _accept(self, operation: Operation, result: Any) -> Response:
        return Response({"code": 200, "message": "success", **result})

    def refuse(self, operation: Operation | None, refusal: Refusal) -> Response:
        """Return a refusal in the provider's shape."""
        code = _STATUSES.get(refusal.status, refusal.status)
        return Response({"code": code, "message": refusal.text, "data": None}, code if self.alternate_reading else 200)

    def _time(self, seconds: float) -> str | int:
        return int(seconds) if self.alternate_reading else iso(seconds)
