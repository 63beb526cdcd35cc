"""Atlas Cloud's Asset Library. Source: its guide Seedance 2.0 Asset Library.

The guide prints no `name` at registration; Atlas Cloud's own examples on GitHub (awesome-seedance-2.0) send one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, ClassVar

from preflight.providers import fields
from preflight.providers.asset import Asset, Page
from preflight.providers.base import Provider, Registration, RegistrationAnswer
from preflight.providers.client import Call
from preflight.providers.credentials import API_KEY, CredentialSpec
from preflight.providers.fields import Fields
from preflight.providers.multipart import Multipart
from preflight.providers.refusals import Refusal, parse_coded_refusal

_PATH = "/api/v1/sd/assets"
_ONLY = "only as asset://…, never inline as a URL: in {} of a Seedance 2.0 or 2.0-Fast request to api.atlascloud.ai"


class Atlas(Provider):
    """Two hosts, three ids, a trash. Errors may come with HTTP 200: the body's `code` decides.

    Its calls take the numeric `id`. Which of the others goes into `asset://` is disputed; `reference_id` chooses.
    """

    name = "atlas"
    title = "Atlas Cloud"
    rules = "atlas"
    origins: ClassVar = {"main": "https://console.atlascloud.ai", "generation": "https://api.atlascloud.ai"}
    keys = (CredentialSpec(API_KEY, ("ATLASCLOUD_API_KEY",)),)
    fields = Fields(
        "id",
        "name",
        "type asset_type",
        "status",
        "url",
        created="created_at",
        updated="updated_at",
        ids="ark_asset_id atlas_asset_id",
        items="items list",
        total="total_count total",
    )
    recover_by = "name"
    options: ClassVar = {"reference_id": ("ark_asset_id", "atlas_asset_id", "id")}
    usage: ClassVar = {
        "image": "as asset://… in image, last_image or reference_images of a Seedance 2.0 or 2.0-Fast request to "
        "api.atlascloud.ai; images alone may also go inline, as their URL",
        "video": _ONLY.format("reference_video"),
        "audio": _ONLY.format("reference_audio"),
    }

    def _register(self, wanted: Registration) -> RegistrationAnswer:
        body = {"type": wanted.type, "url": wanted.url, "name": wanted.name}
        call = self._call("register", "POST", _PATH, body)
        return call, self._data(call)

    def get(self, asset: str) -> Asset:
        call = self._call("get", "GET", f"{_PATH}/{self._id(asset)}")
        return self._asset(call, self._data(call))

    def list(
        self,
        *,
        group: str | None = None,
        status: str | None = None,
        name: str | None = None,
        page: str | None = None,
        size: int | None = None,
    ) -> Page[Asset]:
        self._filtered(group=group, status=status, name=name)
        return self._list("list", _PATH, page, size)

    def list_trash(self, *, page: str | None = None, size: int | None = None) -> Page[Asset]:
        return self._list("list_trash", f"{_PATH}/trash", page, size)

    def rename(self, asset: str, name: str, *, description: str | None = None) -> None:
        self._named(name)
        self._described("rename", description)
        self._ask(self._call("rename", "PUT", f"{_PATH}/{self._id(asset)}", {"name": name}, empty=True))

    def delete(self, asset: str) -> None:
        self._ask(self._call("delete", "DELETE", f"{_PATH}/{self._id(asset)}", empty=True))

    def restore(self, asset: str) -> None:
        self._ask(self._call("restore", "POST", f"{_PATH}/{self._id(asset)}/restore", empty=True))

    def upload(self, file: BinaryIO, size: int, name: str, mime: str) -> str:
        body = Multipart("file", file, size, name, mime)
        call = self._call("upload", "POST", "/api/v1/model/uploadMedia", body, host="generation")
        answer = self._ask(call)
        # Two official pages print two shapes.
        url = fields.text(fields.inner(answer, "data"), "download_url") or fields.text(answer, "url")
        if url is None:
            raise self._exchange.unusable(call, "it has no download_url")
        return url

    def _list(self, action: str, path: str, page: str | None, size: int | None) -> Page[Asset]:
        number = self._paged(page)
        query = {"page_number": number, "page_size": size or self.page_size}
        call = self._call(action, "GET", path, query=query)
        return self._page(call, self._data(call), number, lambda item: self._asset(call, item))

    def _data(self, call: Call) -> Mapping[str, Any]:
        return fields.inner(self._ask(call), "data")

    def _reference_of(self, ids: Mapping[str, str], asset: str) -> str | None:
        chosen = self._options.get("reference_id")
        wanted = (chosen,) if chosen else self.options["reference_id"]
        return next((f"asset://{ids[name]}" for name in wanted if name in ids), None)

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> Refusal | None:
        return parse_coded_refusal(answer, status)
