"""Sunra's Ark Assets API: no envelope, statuses in small letters, lists by POST, a delete that only hides."""

from __future__ import annotations

import mimetypes
import time
from typing import Any
from urllib.parse import urlsplit

from preflight.sandbox.messages import Answer, Ask, Refusal
from preflight.sandbox.protocol import MOST, Call, Protocol, access_url, iso, letters, page_of
from preflight.sandbox.state import StoredAsset

_KINDS = ("image", "video", "audio")
_STATUSES = ("processing", "active", "failed")
_TYPES = {
    400: "invalid_request",
    401: "authentication_error",
    403: "permission_denied",
    404: "not_found",
    429: "rate_limit_exceeded",
}


class Sunra(Protocol):
    """What the page leaves open: why an asset failed (here `error`, shaped as its errors are; the other reading:
    nothing), the words of its errors (here Ark's as `code`), and the status of a creation (here 200)."""

    name = "sunra"
    variables = ("SUNRA_API_KEY",)
    calls = (
        Call("register", "POST", "/v1/ark/assets", "source_url name asset_type"),
        Call("list", "POST", "/v1/ark/assets/list", "status page page_size"),
        Call("get", "GET", "/v1/ark/assets/{id}"),
        Call("delete", "DELETE", "/v1/ark/assets/{id}"),
    )

    def new_asset_id(self, number: int) -> str:
        return f"cgt-{time.strftime('%Y%m%d', time.gmtime())}-{letters(6)}"

    def further_ids(self) -> dict[str, str]:
        return {"id": f"{int(time.time()):x}{letters(16)}"}

    def register(self, ask: Ask) -> dict[str, Any]:
        url = ask.text("source_url", required=True)
        kind = ask.word("asset_type", _KINDS, default=_kind_of(url))
        return self._shown(self.register_asset(url, kind, kind, ask.text("name"), "source_url"))

    def get(self, ask: Ask) -> dict[str, Any]:
        return self._shown(self.asset_of(ask.place["id"]))

    def list(self, ask: Ask) -> dict[str, Any]:
        status = ask.word("status", (*_STATUSES, ""), default="")
        page, size = ask.number("page", 1), min(ask.number("page_size", 20), MOST)
        assets = self.account.assets(where=lambda asset: status in ("", asset.status))
        items = [self._shown(asset) for asset in page_of(assets, page, size)]
        return {"items": items, "total": len(assets), "page": page, "page_size": size}

    def delete(self, ask: Ask) -> dict[str, Any]:
        asset = self.asset_of(ask.place["id"])
        self.account.change_asset(asset.id, trashed=True)
        return {"deleted": True}

    def refuse(self, call: Call | None, refusal: Refusal) -> Answer:
        error = {
            "code": refusal.code,
            "type": _TYPES.get(refusal.status, "server_error"),
            "message": refusal.message,
            "retryable": refusal.status == 429 or refusal.status >= 500,
        }
        body = {"error": error, "timestamp": iso(time.time(), "milliseconds")}
        return Answer(body, refusal.status, {f"x-{name}": value for name, value in refusal.headers.items()})

    def _shown(self, asset: StoredAsset) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": asset.ids["id"],
            "ark_asset_id": asset.id,
            "name": asset.name,
            "asset_type": asset.kind,
            "source_url": asset.url,
            "status": asset.status,
        }
        if asset.status == "active":
            shown["ark_url"] = access_url(asset)
        elif asset.status == "failed" and not self.otherwise:
            shown["error"] = {"code": asset.code, "message": asset.message}
        shown["created_at"] = iso(asset.created, "milliseconds")
        return shown


def _kind_of(url: str) -> str:
    """What the extension promises; a picture where it promises nothing."""
    mime, _ = mimetypes.guess_type(urlsplit(url).path)
    kind = (mime or "").partition("/")[0]
    return kind if kind in _KINDS else "image"
