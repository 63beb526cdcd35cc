"""Atlas Cloud's Asset Library: three ids, a trash, an upload endpoint, and a `code` in every answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from preflight.sandbox.messages import Answer, Ask, Refusal, file_of, not_found
from preflight.sandbox.protocol import MOST, WORDS, Call, Protocol, iso, page_of, stamped
from preflight.sandbox.state import StoredAsset

_ASSETS = "/api/v1/sd/assets"
_FIRST = 2_094_547
"""The numeric id of the first asset."""


class Atlas(Protocol):
    """What the pages leave open, and the other reading in brackets: statuses are capital (small), `code` is a number
    (text), errors have their HTTP status (200, and `code` alone tells), lists have `items` (`list`), uploadMedia gives
    `data.download_url` (`url` at the top), a failed asset has `error_code` and `error_message` (`error`).

    Calls take the numeric `id`. The page names no filter, so none is heeded; `get` does not find what is in the trash.
    """

    name = "atlas"
    variables = ("ATLASCLOUD_API_KEY",)
    calls = (
        Call("register", "POST", _ASSETS, "type url name"),
        Call("list", "GET", _ASSETS, "page_number page_size"),
        Call("trash", "GET", f"{_ASSETS}/trash", "page_number page_size"),
        Call("get", "GET", f"{_ASSETS}/{{id}}"),
        Call("rename", "PUT", f"{_ASSETS}/{{id}}", "name"),
        Call("delete", "DELETE", f"{_ASSETS}/{{id}}"),
        Call("restore", "POST", f"{_ASSETS}/{{id}}/restore"),
        Call("upload", "POST", "/api/v1/model/uploadMedia"),
    )

    def new_asset_id(self, number: int) -> str:
        return str(_FIRST + number)

    def further_ids(self) -> dict[str, str]:
        return {"atlas_asset_id": stamped("atlas-asset"), "ark_asset_id": stamped("asset")}

    def register(self, ask: Ask) -> Any:
        stated = ask.word("type", WORDS, default="Image")
        url = ask.text("url", required=True)
        return self._shown(self.register_asset(url, WORDS[stated], stated, ask.text("name"), "url"))

    def get(self, ask: Ask) -> Any:
        return self._shown(self.asset_of(ask.place["id"]))

    def list(self, ask: Ask) -> Any:
        return self._page(ask, self.account.assets())

    def trash(self, ask: Ask) -> Any:
        return self._page(ask, self.account.assets(trashed=True))

    def rename(self, ask: Ask) -> Any:
        name = ask.text("name", required=True)
        self.check_name(name, "name")
        return self._changed(self.asset_of(ask.place["id"]), name=name)

    def delete(self, ask: Ask) -> Any:
        self._changed(self.asset_of(ask.place["id"]), trashed=True)

    def restore(self, ask: Ask) -> Any:
        return self._changed(self.asset_of(ask.place["id"], trashed=True), trashed=False)

    def upload(self, ask: Ask) -> Any:
        name, data = file_of(ask.body, ask.headers.get("content-type", ""), "file")
        return {"download_url": self.backstage.hosting.host(data, name)}

    def accept(self, call: Call, result: Any) -> Answer:
        if self.otherwise and call.action == "upload":
            return Answer({"code": "200", "message": "success", "url": result["download_url"]})
        return Answer({"code": self._code(200), "message": "success", "data": result})

    def refuse(self, call: Call | None, refusal: Refusal) -> Answer:
        status = self.status(refusal)
        hidden = self.otherwise and status in (400, 404)
        body = {"code": self._code(status), "message": refusal.text, "data": None}
        return Answer(body, 200 if hidden else status)

    def _code(self, status: int) -> int | str:
        return str(status) if self.otherwise else status

    def _changed(self, asset: StoredAsset, **facts: Any) -> dict[str, Any]:
        changed = self.account.change_asset(asset.id, **facts)
        if changed is None:  # removed by another call meanwhile
            raise not_found("asset", asset.id)
        return self._shown(changed)

    def _page(self, ask: Ask, assets: Sequence[StoredAsset]) -> dict[str, Any]:
        number, size = ask.number("page_number", 1), min(ask.number("page_size", 20), MOST)
        items = [self._shown(asset) for asset in page_of(assets, number, size)]
        key = "list" if self.otherwise else "items"
        return {key: items, "total": len(assets), "page_number": number, "page_size": size}

    def _shown(self, asset: StoredAsset) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": int(asset.id),
            **asset.ids,
            "name": asset.name,
            "type": asset.stated,
            "url": asset.url,
            "status": asset.status if self.otherwise else asset.status.capitalize(),
            "created_at": iso(asset.created),
            "updated_at": iso(asset.updated),
        }
        if asset.status == "failed":
            if self.otherwise:
                shown["error"] = f"{asset.code}: {asset.message}"
            else:
                shown |= {"error_code": asset.code, "error_message": asset.message}
        return shown
