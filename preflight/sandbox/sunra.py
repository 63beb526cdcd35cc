"""Sunra's Ark Assets API: no envelope, lower-case statuses, lists by POST, a delete that only hides the asset."""

from __future__ import annotations

import mimetypes
import re
import time
from typing import Any
from urllib.parse import urlsplit

from preflight.sandbox.generation import Generating, MediaField, media_inputs
from preflight.sandbox.messages import Refusal, Request, Response, invalid, missing
from preflight.sandbox.protocol import MAX_PAGE_SIZE, Operation, access_url, iso, random_letters
from preflight.sandbox.state import StoredAsset

_KINDS = ("image", "video", "audio")
_STATUSES = ("processing", "active", "failed")
_QUEUE = {"queued": "IN_QUEUE", "running": "IN_PROGRESS", "succeeded": "COMPLETED"}
_USES = {
    "image-to-video": (MediaField("start_image", "image"), MediaField("end_image", "image")),
    "reference-to-video": tuple(MediaField(f"reference_{kind}s", kind, many=True) for kind in _KINDS),
}
_TYPES = {
    400: "invalid_request",
    401: "authentication_error",
    403: "permission_denied",
    404: "not_found",
    429: "rate_limit_exceeded",
}


class Sunra(Generating):
    """Sunra's protocol. Where the documentation is ambiguous, the alternate reading is in brackets.

    A failed asset has an `error` in the shape of refusals (no reason); errors have Ark's codes as `code`; a creation
    answers 200. Its page on assets names a `status_url` for a generation, but not what that answers: this is assumed.
    """

    name = "sunra"
    variables = ("SUNRA_API_KEY",)
    operations = (
        Operation("register", "POST", "/v1/ark/assets", "source_url name asset_type"),
        Operation("list", "POST", "/v1/ark/assets/list", "status page page_size"),
        Operation("get", "GET", "/v1/ark/assets/{id}"),
        Operation("delete", "DELETE", "/v1/ark/assets/{id}"),
        Operation(
            "generate",
            "POST",
            "/v1/queue/bytedance/{model}/{use}",
            "prompt start_image end_image reference_images reference_videos reference_audios resolution ratio duration "
            "generate_audio",
        ),
        Operation("get_generation", "GET", "/v1/queue/requests/{id}/status"),
    )

    def new_asset_id(self, number: int) -> str:
        """Return an asset id in the provider's form."""
        return f"cgt-{time.strftime('%Y%m%d', time.gmtime())}-{random_letters(6)}"

    def extra_ids(self) -> dict[str, str]:
        """Return the provider's other ids for a new asset, by name."""
        return {"id": f"{int(time.time()):x}{random_letters(16)}"}

    def _register(self, request: Request) -> dict[str, Any]:
        url = request.text("source_url", required=True)
        kind = request.choice("asset_type", _KINDS, default=_kind_of(url))
        return self._render_asset(self.register_asset(url, kind, kind, request.text("name"), "source_url"))

    def _get(self, request: Request) -> dict[str, Any]:
        return self._render_asset(self.find_asset(request.path_parameters["id"]))

    def _list(self, request: Request) -> dict[str, Any]:
        status = request.choice("status", (*_STATUSES, ""), default="")
        page, size = request.number("page", 1), min(request.number("page_size", 20), MAX_PAGE_SIZE)
        assets, total = self.account.page(page, size, where=lambda asset: status in ("", asset.status))
        items = [self._render_asset(asset) for asset in assets]
        return {"items": items, "total": total, "page": page, "page_size": size}

    def _delete(self, request: Request) -> dict[str, Any]:
        asset = self.find_asset(request.path_parameters["id"])
        self.account.change_asset(asset.id, trashed=True)
        return {"deleted": True}

    def _generate(self, request: Request) -> dict[str, Any]:
        fields, model = _USES.get(request.path_parameters["use"]), request.path_parameters["model"]
        if fields is None or not model.startswith("seedance-2.0"):
            raise Refusal(404, "NotFound", f"no such model: {request.path[:100]}")
        inputs = media_inputs(request.parameters, fields)
        if not inputs:
            raise missing(fields[0].name)
        if any(each.is_asset for each in inputs) and not model.endswith("-relay"):
            raise invalid(inputs[0].field, "only the models with -relay take asset://")
        prompt = request.parameters.get("prompt")
        if fields is _USES["reference-to-video"]:
            for kind in _KINDS:
                for number in range(1, 1 + sum(each.kind == kind for each in inputs)):
                    if f"@{kind.capitalize()}{number}" not in re.findall(r"@[A-Z][a-z]+\d+", str(prompt)):
                        raise invalid("prompt", f"it does not mention @{kind.capitalize()}{number}")
        task = self.start_generation(prompt, inputs)
        base = f"{self.shared.hosting.origin}/{self.name}/v1/queue/requests/{task}"
        return {"request_id": task, "status": "IN_QUEUE", "status_url": f"{base}/status"}

    def _get_generation(self, request: Request) -> dict[str, Any]:
        task = request.path_parameters["id"]
        status, url = self.poll_generation(task)
        shown: dict[str, Any] = {"request_id": task, "status": _QUEUE[status]}
        return shown if url is None else {**shown, "success": True, "output": {"video": {"url": url}}}

    def refuse(self, operation: Operation | None, refusal: Refusal) -> Response:
        """Return a refusal in the provider's shape."""
        error = {
            "code": refusal.code,
            "type": _TYPES.get(refusal.status, "server_error"),
            "message": refusal.message,
            "retryable": refusal.status == 429 or refusal.status >= 500,
        }
        body = {"error": error, "timestamp": iso(time.time(), "milliseconds")}
        return Response(body, refusal.status, {f"x-{name}": value for name, value in refusal.headers.items()})

    def _render_asset(self, asset: StoredAsset) -> dict[str, Any]:
        rendered: dict[str, Any] = {
            "id": asset.ids["id"],
            "ark_asset_id": asset.id,
            "name": asset.name,
            "asset_type": asset.kind,
            "source_url": asset.url,
            "status": asset.status,
        }
        if asset.status == "active":
            rendered["ark_url"] = access_url(asset)
        elif asset.status == "failed" and not self.alternate_reading:
            rendered["error"] = {"code": asset.code, "message": asset.message}
        rendered["created_at"] = iso(asset.created, "milliseconds")
        return rendered


def _kind_of(url: str) -> str:
    """Return the kind that the extension suggests, image without a known one."""
    mime, _ = mimetypes.guess_type(urlsplit(url).path)
    kind = (mime or "").partition("/")[0]
    return kind if kind in _KINDS else "image"
