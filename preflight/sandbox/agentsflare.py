"""Agentsflare's Assets API: Ark's words, a Bearer key, `base_resp`; pictures only, and no list."""

from __future__ import annotations

from typing import Any

from preflight.sandbox.messages import Answer, Ask, Refusal
from preflight.sandbox.protocol import Call, Protocol, access_url, iso

_BASE = "/byteplus/_unstable/open"


class Agentsflare(Protocol):
    """What the page leaves open: how errors look (here `base_resp`, and the HTTP status too for key, plan, rate and
    faults; the other reading: for everything) and why an asset failed (here `Error` as Ark has it; the other reading:
    nothing)."""

    name = "agentsflare"
    variables = ("AGENTSFLARE_API_KEY",)
    calls = (
        Call("register", "POST", f"{_BASE}/CreateAsset", "Name URL AssetType"),
        Call("get", "POST", f"{_BASE}/GetAsset", "Id"),
    )

    def register(self, ask: Ask) -> dict[str, Any]:
        stated = ask.word("AssetType", ("Image",))
        asset = self.register_asset(ask.text("URL", required=True), "image", stated, ask.text("Name"), "URL")
        return {"Id": asset.id}

    def get(self, ask: Ask) -> dict[str, Any]:
        asset = self.asset_of(ask.text("Id", required=True))
        shown: dict[str, Any] = {
            "Id": asset.id,
            "Status": asset.status.capitalize(),
            "AssetType": asset.stated,
            "Name": asset.name,
            "URL": access_url(asset),
            "CreateTime": iso(asset.created),
            "UpdateTime": iso(asset.updated),
        }
        if asset.status == "failed" and not self.otherwise:
            shown["Error"] = {"Code": asset.code, "Message": asset.message}
        return shown

    def accept(self, call: Call, result: Any) -> Answer:
        return Answer({**result, "base_resp": {"status_code": 0, "status_msg": "success"}})

    def refuse(self, call: Call | None, refusal: Refusal) -> Answer:
        status = 200 if refusal.status in (400, 404) and not self.otherwise else refusal.status
        return Answer({"base_resp": {"status_code": refusal.status, "status_msg": refusal.text}}, status)
