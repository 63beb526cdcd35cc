"""Sunra's Ark Assets. Source: its page Seedance 2.0 Face Authentication."""

# ruff: noqa: D102 - the protocols in spec.py describe the methods

from __future__ import annotations

from typing import Final, Unpack, get_args

from preflight.providers.asset import Asset, Page
from preflight.providers.credentials import API_KEY, CredentialSpec
from preflight.providers.generation import Field, GenerationSpec, Use
from preflight.providers.provider import BaseApi
from preflight.providers.refusals import UPSTREAM_CODES, JsonObject, Refusal, parse_refusal
from preflight.providers.spec import BeforeSend, DeletesAssets, ListQuery, ListsAssets, NewAsset, ProviderSpec

_PATH: Final = "/v1/ark/assets"


class SunraApi(BaseApi, ListsAssets, DeletesAssets):
    """Lists by POST; a deletion hides the asset from the list and leaves it registered."""

    def register(self, registration: NewAsset, before_send: BeforeSend | None = None) -> Asset:
        body = {"source_url": registration.url, "name": registration.name, "asset_type": registration.type}
        response = self.connection.ask("register", "POST", _PATH, body, before_send=before_send)
        return self.parser.asset(response, registered=registration)

    def get(self, asset: str) -> Asset:
        path = f"{_PATH}/{self.connection.check_id(asset)}"
        return self.parser.asset(self.connection.ask("get", "GET", path))

    def list(self, **query: Unpack[ListQuery]) -> Page[Asset]:
        number, size = self.paging(query)
        body = {"status": query.get("status"), "page": number, "page_size": size}
        response = self.connection.ask("list", "POST", f"{_PATH}/list", body)
        return self.parser.page(response, number, self.parser.asset)

    def delete(self, asset: str) -> None:
        path = f"{_PATH}/{self.connection.check_id(asset)}"
        response = self.connection.ask("delete", "DELETE", path, empty=True)
        if response.data.get("deleted") is False:
            raise self.connection.unusable(response.call, "it says that nothing was deleted")


def _parse_refusal(status: int, answer: JsonObject) -> Refusal | None:
    error = answer.get("error")
    if status >= 400 or (isinstance(error, dict) and "ark_asset_id" not in answer):
        return parse_refusal(status, error or answer)
    return None


SUNRA: Final = ProviderSpec(
    name="sunra",
    title="Sunra",
    ruleset="sunra",
    api=SunraApi,
    parse_refusal=_parse_refusal,
    origins={"main": "https://api.sunra.ai"},
    credentials=(CredentialSpec(API_KEY, ("SUNRA_API_KEY",)),),
    types={"image": "image", "video": "video", "audio": "audio"},
    ids=("ark_asset_id", "id"),
    recover_by="name",
    # The page shows an id, a status and a type of each item of a list; it does not say whether there is a name.
    lists_partly=True,
    filters=frozenset({"status"}),
    failure_codes={**UPSTREAM_CODES, "unsafe_content": "sensitive_content"},
    usage={
        "": "only with the models bytedance/seedance-2.0-relay and bytedance/seedance-2.0-fast-relay, "
        "named in the prompt as @Image1: in reference_images, reference_videos or reference_audios; "
        "the models without -relay refuse asset://"
    },
    generation=GenerationSpec(
        title="Sunra",
        path="/v1/queue/{model}/{use}",
        key="SUNRA_API_KEY",
        layout="path",
        fields={
            # From https://sunra.ai/models/bytedance/seedance-2.0-relay/image-to-video/llms.txt, read on 2026-11-28.
            "first_frame": Field("start_image"),
            "last_frame": Field("end_image"),
            "reference_image": Field(many="reference_images"),
            "reference_video": Field(many="reference_videos"),
            "reference_audio": Field(many="reference_audios"),
        },
        models=dict.fromkeys(get_args(Use), "bytedance/seedance-2.0-relay"),
        require=("-relay", "the models without -relay refuse asset://"),
        mention="@{kind}{number}",
        mentions_required=True,
    ),
)
