"""Atlas Cloud's Asset Library. Source: its guide Seedance 2.0 Asset Library.

The guide prints no `name` at registration; Atlas Cloud's own examples on GitHub (awesome-seedance-2.0) send one.
"""

# ruff: noqa: D102 - the protocols in spec.py describe the methods

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO, Final, Unpack

from preflight.net.multipart import Multipart
from preflight.providers.asset import Asset, Page
from preflight.providers.connection import JsonResponse
from preflight.providers.credentials import API_KEY, CredentialSpec
from preflight.providers.generation import Field, GenerationSpec
from preflight.providers.provider import BaseApi
from preflight.providers.refusals import as_text, parse_coded_refusal
from preflight.providers.spec import (
    BeforeSend,
    DeletesAssets,
    HasTrash,
    ListQuery,
    ListsAssets,
    NewAsset,
    ProviderSpec,
    RenamesAssets,
    UploadsFiles,
)

_PATH: Final = "/api/v1/sd/assets"
_REFERENCE_IDS: Final = ("ark_asset_id", "atlas_asset_id", "id")
_ONLY: Final = (
    "only as asset://…, never inline as a URL: in {} of a Seedance 2.0 or 2.0-Fast request to api.atlascloud.ai"
)


class AtlasApi(BaseApi, ListsAssets, RenamesAssets, DeletesAssets, HasTrash, UploadsFiles):
    """Two hosts, three ids, a trash.

    The calls take the numeric `id`. Which of the others goes into `asset://` is disputed: the option `reference_id`
    chooses.
    """

    def register(self, registration: NewAsset, before_send: BeforeSend | None = None) -> Asset:
        # Some of its servers may refuse what its guide does not print.
        name = registration.name if self.connection.options.get("send_name") != "no" else None
        body = {"type": registration.type, "url": registration.url, "name": name}
        response = self.connection.ask("register", "POST", _PATH, body, before_send=before_send)
        return self._asset(response.unwrap("data"), registration)

    def get(self, asset: str) -> Asset:
        path = f"{_PATH}/{self.connection.check_id(asset)}"
        return self._asset(self.connection.ask("get", "GET", path).unwrap("data"))

    def list(self, **query: Unpack[ListQuery]) -> Page[Asset]:
        return self._list("list", _PATH, query)

    def list_trash(self, *, page: str | None = None, size: int | None = None) -> Page[Asset]:
        return self._list("list_trash", f"{_PATH}/trash", ListQuery(page=page, size=size))

    def rename(self, asset: str, name: str, *, description: str | None = None) -> None:
        self.spec.check_texts("rename", name, description)
        path = f"{_PATH}/{self.connection.check_id(asset)}"
        self.connection.ask("rename", "PUT", path, {"name": name}, empty=True)

    def delete(self, asset: str) -> None:
        path = f"{_PATH}/{self.connection.check_id(asset)}"
        self.connection.ask("delete", "DELETE", path, empty=True)

    def restore(self, asset: str) -> None:
        path = f"{_PATH}/{self.connection.check_id(asset)}/restore"
        self.connection.ask("restore", "POST", path, empty=True)

    def upload(self, file: BinaryIO, size: int, name: str, mime: str) -> str:
        body = Multipart("file", file, size, name, mime)
        response = self.connection.ask("upload", "POST", "/api/v1/model/uploadMedia", body, host="generation")
        # Two official pages print two shapes.
        url = as_text(response.unwrap("data").data.get("download_url")) or as_text(response.data.get("url"))
        if url is None:
            raise self.connection.unusable(response.call, "it has no download_url")
        return url

    def _list(self, action: str, path: str, query: ListQuery) -> Page[Asset]:
        number, size = self.paging(query)
        response = self.connection.ask(action, "GET", path, query={"page_number": number, "page_size": size})
        return self.parser.page(response.unwrap("data"), number, self._asset)

    def _asset(self, response: JsonResponse, registered: NewAsset | None = None) -> Asset:
        """Return an asset with a reference of the chosen id, or else of the first that it has."""
        asset = self.parser.asset(response, registered=registered)
        chosen = self.connection.options.get("reference_id")
        names = (chosen,) if chosen else _REFERENCE_IDS
        reference = next((f"asset://{asset.ids[name]}" for name in names if name in asset.ids), None)
        return replace(asset, reference=None if asset.status == "failed" else reference)


ATLAS: Final = ProviderSpec(
    name="atlas",
    title="Atlas Cloud",
    ruleset="atlas",
    api=AtlasApi,
    # Errors may come with HTTP 200: the body's `code` decides.
    parse_refusal=parse_coded_refusal,
    origins={"main": "https://console.atlascloud.ai", "generation": "https://api.atlascloud.ai"},
    credentials=(CredentialSpec(API_KEY, ("ATLASCLOUD_API_KEY",)),),
    options={"reference_id": _REFERENCE_IDS, "send_name": ("yes", "no")},
    ids=("id", "ark_asset_id", "atlas_asset_id"),
    recover_by="name",
    usage={
        "image": "as asset://… in image, last_image or reference_images of a Seedance 2.0 or 2.0-Fast request to "
        "api.atlascloud.ai; images alone may also go inline, as their URL",
        "video": _ONLY.format("reference_video"),
        "audio": _ONLY.format("reference_audio"),
    },
    generation=GenerationSpec(
        title="Atlas Cloud",
        host="generation",
        path="/api/v1/model/generateVideo",
        key="ATLASCLOUD_API_KEY",
        fields={
            "first_frame": Field("image"),
            "last_frame": Field("last_image"),
            "reference_image": Field(many="reference_images"),
            # The guide has names for one; the lists are those of Atlas Cloud's own nodes (atlascloud_comfyui).
            "reference_video": Field("reference_video", "reference_videos"),
            "reference_audio": Field("reference_audio", "reference_audios"),
        },
        models={
            "image-to-video": "bytedance/seedance-2.0/image-to-video",
            "reference-to-video": "bytedance/seedance-2.0/reference-to-video",
        },
        notes=(
            "The guide of the Asset Library puts all fields except model into input; the model's own page and "
            "Atlas Cloud's nodes put them beside model.",
        ),
    ),
)
