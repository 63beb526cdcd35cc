"""Crun's Seedance Assets API: `x-api-key`, and the body's `code` says how a call went."""

from __future__ import annotations

from typing import Any

from preflight.sandbox.credentials import same
from preflight.sandbox.messages import Answer, Ask, Refusal, missing
from preflight.sandbox.protocol import WORDS, Call, Protocol, iso
from preflight.sandbox.state import StoredAsset

_BASE = "/api/v1/client/job"


class Crun(Protocol):
    """What the pages leave open: whether the HTTP status mirrors `code` (here it is 200 for every code; the other
    reading: it does), how times look (here ISO text; the other reading: Unix seconds), and where a failed asset says
    why (here in `message`, which the page calls "error description when failed")."""

    name = "crun"
    variables = ("CRUN_API_KEY",)
    statuses = {400: 422, 403: 402, 405: 404}  # noqa: RUF012 - the type is in the base class
    calls = (
        Call("register", "POST", f"{_BASE}/asset-upload", "name asset_type asset_url"),
        Call("get", "GET", f"{_BASE}/asset-info", "asset_id"),
    )

    def authorize(self, ask: Ask) -> None:
        if not same(ask.headers.get("x-api-key", ""), self.credentials.key or ""):
            raise self.no_key("x-api-key")

    def register(self, ask: Ask) -> dict[str, Any]:
        stated = ask.word("asset_type", WORDS)
        url = ask.text("asset_url", required=True)
        asset = self.register_asset(url, WORDS[stated], stated, ask.text("name"), "asset_url")
        return {"data": {"AssetId": asset.id}}

    def get(self, ask: Ask) -> dict[str, Any]:
        asset_id = ask.text("asset_id")
        if not asset_id:
            raise missing("asset_id")
        asset = self.asset_of(asset_id)
        shown = {
            "AssetId": asset.id,
            "Name": asset.name,
            "AssetType": asset.stated,
            "Status": asset.status.capitalize(),
            "CreateTime": self._time(asset.created),
            "UpdateTime": self._time(asset.updated),
        }
        return {"data": shown, "message": _why(asset)}

    def accept(self, call: Call, result: Any) -> Answer:
        return Answer({"code": 200, "message": "success", **result})

    def refuse(self, call: Call | None, refusal: Refusal) -> Answer:
        code = self.status(refusal)
        return Answer({"code": code, "message": refusal.text, "data": None}, code if self.otherwise else 200)

    def _time(self, seconds: float) -> str | int:
        return int(seconds) if self.otherwise else iso(seconds)


def _why(asset: StoredAsset) -> str:
    return f"{asset.code}: {asset.message}" if asset.status == "failed" else "success"
