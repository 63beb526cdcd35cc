"""Crun. Sources: its pages models/seedance/asset-upload, asset-info, and 2-0/image-to-video for the reference."""

# ruff: noqa: D102 - the protocols in spec.py describe the methods

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from preflight.providers.asset import Asset
from preflight.providers.credentials import API_KEY, CredentialSpec, HeaderAuth, Secret
from preflight.providers.generation import Field, GenerationSpec
from preflight.providers.provider import BaseApi
from preflight.providers.refusals import as_text, parse_coded_refusal
from preflight.providers.spec import BeforeSend, NewAsset, ProviderSpec

_PATH: Final = "/api/v1/client/job"
_NO_REASON: Final = ("", "success", "ok")


class CrunApi(BaseApi):
    """Two calls. There is no list: an asset whose id was lost cannot be found again."""

    def register(self, registration: NewAsset, before_send: BeforeSend | None = None) -> Asset:
        body = {"name": registration.name, "asset_type": registration.type, "asset_url": registration.url}
        response = self.connection.ask("register", "POST", f"{_PATH}/asset-upload", body, before_send=before_send)
        return self.parser.asset(response.unwrap("data"), registered=registration)

    def get(self, asset: str) -> Asset:
        query = {"asset_id": self.connection.check_id(asset)}
        response = self.connection.ask("get", "GET", f"{_PATH}/asset-info", query=query)
        # Why an asset failed is beside the data: "Response message, error description when failed". The message of a
        # response that succeeds is "success", which is not a reason.
        message = as_text(response.data.get("message"))
        reason = None if message is None or message.strip().lower() in _NO_REASON else message
        return self.parser.asset(response.unwrap("data"), failure_message=reason)


def _auth(credentials: Mapping[str, Secret], _options: Mapping[str, str]) -> HeaderAuth:
    return HeaderAuth(credentials[API_KEY], "x-api-key", "")


CRUN: Final = ProviderSpec(
    name="crun",
    title="Crun",
    ruleset="crun",
    api=CrunApi,
    # The body's `code` is an HTTP status; no page says whether the response's status equals it.
    parse_refusal=parse_coded_refusal,
    auth=_auth,
    origins={"main": "https://api.crun.ai"},
    credentials=(CredentialSpec(API_KEY, ("CRUN_API_KEY",)),),
    ids=("AssetId",),
    # Its page lists 501 and 505 as outcomes, so with an HTTP status below 500 they are definite, not a failing server.
    reasons={"422": "invalid", "455": "maintenance", "501": "generation_failed", "505": "feature_disabled"},
    usage={
        "image": "in img_urls (image-to-video) or reference_images (reference-to-video)",
        "video": "in reference_videos (reference-to-video)",
        "audio": "in reference_audios (reference-to-video)",
    },
    # From docs.crun.ai/models/seedance/2-0/image-to-video and …/reference-to-video, read on 2026-11-28.
    generation=GenerationSpec(
        title="Crun",
        path=f"{_PATH}/CreateTask",
        key="CRUN_API_KEY",
        header=("x-api-key", ""),
        fields={
            "first_frame": Field(many="img_urls"),
            "last_frame": Field(many="img_urls"),
            "reference_image": Field(many="reference_images"),
            "reference_video": Field(many="reference_videos"),
            "reference_audio": Field(many="reference_audios"),
        },
        models={
            "image-to-video": "bytedance/seedance2-0-i2v",
            "reference-to-video": "bytedance/seedance2-0-r2v",
        },
        mention="[{kind}{number}]",
    ),
)
