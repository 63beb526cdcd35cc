"""Crun. Sources: its pages models/seedance/asset-upload, asset-info, and 2-0/image-to-video for the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from preflight.providers import fields
from preflight.providers.asset import Asset
from preflight.providers.base import Provider, Registration, RegistrationAnswer
from preflight.providers.client import Auth
from preflight.providers.credentials import API_KEY, CredentialSpec, HeaderAuth
from preflight.providers.fields import Fields
from preflight.providers.refusals import Refusal, parse_coded_refusal

_PATH = "/api/v1/client/job"


class Crun(Provider):
    """Two calls. The body's `code` is what the HTTP status is elsewhere; whether that follows it, no page says.

    It keeps no list: an asset whose id was lost cannot be found again.
    """

    name = "crun"
    title = "Crun"
    rules = "crun"
    origins: ClassVar = {"main": "https://api.crun.ai"}
    keys = (CredentialSpec(API_KEY, ("CRUN_API_KEY",)),)
    fields = Fields("AssetId", "Name", "AssetType", "Status", created="CreateTime", updated="UpdateTime")
    reasons: ClassVar = {
        "422": "invalid",
        "455": "maintenance",
        "501": "generation_failed",
        "505": "feature_disabled",
    }
    usage: ClassVar = {
        "image": "in img_urls (image-to-video) or reference_images (reference-to-video)",
        "video": "in reference_videos (reference-to-video)",
        "audio": "in reference_audios (reference-to-video)",
    }

    def _register(self, wanted: Registration) -> RegistrationAnswer:
        body = {"name": wanted.name, "asset_type": wanted.type, "asset_url": wanted.url}
        call = self._call("register", "POST", f"{_PATH}/asset-upload", body)
        return call, fields.inner(self._ask(call), "data")

    def get(self, asset: str) -> Asset:
        call = self._call("get", "GET", f"{_PATH}/asset-info", query={"asset_id": self._id(asset)})
        answer = self._ask(call)
        # Why an asset failed stands beside the data: "Response message, error description when failed".
        return self._asset(call, fields.inner(answer, "data"), why=fields.text(answer, "message"))

    def _auth(self) -> Auth:
        return HeaderAuth(self._keys[API_KEY], "x-api-key", "")

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> Refusal | None:
        return parse_coded_refusal(answer, status)
