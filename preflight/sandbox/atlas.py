"""Atlas Cloud's Asset Library: three ids, a trash, an upload endpoint and a `code` in every response."""

from __future__ import annotations

from typing import Any

from preflight.sandbox.generation import Generating, MediaField, media_inputs
from preflight.sandbox.messages import Refusal, Request, Response, file_in_form, invalid, missing, not_found
from preflight.sandbox.protocol import ASSET_KINDS, MAX_PAGE_SIZE, Operation, ark_id, iso
from preflight.sandbox.state import StoredAsset

_ASSETS = "/api/v1/sd/assets"
_FRAMES = (MediaField("image", "image"), MediaField("last_image", "image"))
_REFERENCES = (
    MediaField("reference_images", "image", many=True),
    MediaField("reference_video", "video"),
    MediaField("reference_videos", "video", many=True),
    MediaField("reference_audio", "audio"),
    MediaField("reference_audios", "audio", many=True),
)
_MODELS = {
    f"bytedance/seedance-2.0{fast}/{use}": fields
    for fast in ("", "-fast")
    for use, fields in (("image-to-video", _FRAMES), ("reference-to-video", _REFERENCES))
}
_FIRST = 2_094_547
"""The numeric id of the first asset."""


class Atlas(Generating):
    """Atlas's protocol. Where the documentation is ambiguous, the alternate reading is in brackets.

    Statuses are capitalized (lower case), `code` is a number (text), errors have their HTTP status (200, with the
    status in `code`), lists have `items` (`list`), uploadMedia returns `data.download_url` (`url` at the top level), a
    failed asset has `error_code` and `error_message` (`error`).

    Operations take the numeric `id`. No filter is documented, so all are ignored. `get` does not find assets in the
    trash.
    """

    name = "atlas"
    inline_kinds = frozenset({"image"})
    variables = ("ATLASCLOUD_API_KEY",)
    operations = (
        Operation("register", "POST", _ASSETS, "type url name"),
        Operation("list", "GET", _ASSETS, "page_number page_size"),
        Operation("trash", "GET", f"{_ASSETS}/trash", "page_number page_size"),
        Operation("get", "GET", f"{_ASSETS}/{{id}}"),
        Operation("rename", "PUT", f"{_ASSETS}/{{id}}", "name"),
        Operation("delete", "DELETE", f"{_ASSETS}/{{id}}"),
        Operation("restore", "POST", f"{_ASSETS}/{{id}}/restore"),
        Operation("upload", "POST", "/api/v1/model/uploadMedia"),
        Operation("generate", "POST", "/api/v1/model/generateVideo", "model input"),
        Operation("get_generation", "GET", "/api/v1/model/prediction/{id}"),
    )

    def new_asset_id(self, number: int) -> str:
        """Return an asset id in the provider's form."""
        return str(_FIRST + number)

    def extra_ids(self) -> dict[str, str]:
        """Return the provider's other ids for a new asset, by name."""
        return {"atlas_asset_id": ark_id("atlas-asset"), "ark_asset_id": ark_id("asset")}

    def _register(self, request: Request) -> Any:
        asset_type = request.choice("type", ASSET_KINDS, default="Image")
        url = request.text("url", required=True)
        return self._render_asset(
            self.register_asset(url, ASSET_KINDS[asset_type], asset_type, request.text("name"), "url")
        )

    def _get(self, request: Request) -> Any:
        return self._render_asset(self.find_asset(request.path_parameters["id"]))

    def _list(self, request: Request) -> Any:
        return self._page(request)

    def _trash(self, request: Request) -> Any:
        return self._page(request, trashed=True)

    def _rename(self, request: Request) -> Any:
        name = request.text("name", required=True)
        self.check_name(name, "name")
        return self._changed(self.find_asset(request.path_parameters["id"]), name=name)

    def _delete(self, request: Request) -> Any:
        self._changed(self.find_asset(request.path_parameters["id"]), trashed=True)

    def _restore(self, request: Request) -> Any:
        return self._changed(self.find_asset(request.path_parameters["id"], trashed=True), trashed=False)

    def _upload(self, request: Request) -> Any:
        name, data = file_in_form(request.body, request.headers.get("content-type", ""), "file")
        return {"download_url": self.shared.hosting.host(data, name)}

    def _generate(self, request: Request) -> Any:
        """Start a generation; the fields are in `input`, or beside `model` as the model's page prints them."""
        fields = _MODELS.get(request.text("model", required=True))
        if fields is None:
            raise invalid("model", f"it must be one of {', '.join(_MODELS)}")
        body = request.parameters.get("input", request.parameters)
        if not isinstance(body, dict):
            raise invalid("input", "it must be an object")
        inputs = media_inputs(body, fields)
        if not any(each.field != "last_image" for each in inputs):
            raise missing(fields[0].name)
        return {"id": self.start_generation(body.get("prompt"), inputs), "status": "queued", "outputs": []}

    def _get_generation(self, request: Request) -> Any:
        task = request.path_parameters["id"]
        status, url = self.poll_generation(task)
        return {"id": task, "status": "completed" if url else status, "outputs": [url] if url else []}

    def _accept(self, operation: Operation, result: Any) -> Response:
        if self.alternate_reading and operation.action == "upload":
            return Response({"code": "200", "message": "success", "url": result["download_url"]})
        return Response({"code": self._code(200), "message": "success", "data": result})

    def refuse(self, operation: Operation | None, refusal: Refusal) -> Response:
        """Return a refusal in the provider's shape."""
        hidden = self.alternate_reading and refusal.status in (400, 404)
        body = {"code": self._code(refusal.status), "message": refusal.text, "data": None}
        return Response(body, 200 if hidden else refusal.status)

    def _code(self, status: int) -> int | str:
        return str(status) if self.alternate_reading else status

    def _changed(self, asset: StoredAsset, **facts: Any) -> dict[str, Any]:
        changed = self.account.change_asset(asset.id, **facts)
        if changed is None:  # another call removed it in the meantime
            raise not_found("asset", asset.id)
        return self._render_asset(changed)

    def _page(self, request: Request, *, trashed: bool = False) -> dict[str, Any]:
        number, size = request.number("page_number", 1), min(request.number("page_size", 20), MAX_PAGE_SIZE)
        assets, total = self.account.page(number, size, trashed=trashed)
        items = [self._render_asset(asset) for asset in assets]
        key = "list" if self.alternate_reading else "items"
        return {key: items, "total": total, "page_number": number, "page_size": size}

    def _render_asset(self, asset: StoredAsset) -> dict[str, Any]:
        rendered: dict[str, Any] = {
            "id": int(asset.id),
            **asset.ids,
            "name": asset.name,
            "type": asset.asset_type,
            "url": asset.url,
            "status": asset.status if self.alternate_reading else asset.status.capitalize(),
            "created_at": iso(asset.created),
            "updated_at": iso(asset.updated),
        }
        if asset.status == "failed":
            if self.alternate_reading:
                rendered["error"] = f"{asset.code}: {asset.message}"
            else:
                rendered |= {"error_code": asset.code, "error_message": asset.message}
        return rendered
