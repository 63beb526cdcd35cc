"""Agentsflare's global node, a gateway to BytePlus. Source: its Assets API page, section Global API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from preflight.providers import fields
from preflight.providers.asset import Asset
from preflight.providers.base import Provider, Registration, RegistrationAnswer
from preflight.providers.credentials import API_KEY, CredentialSpec
from preflight.providers.fields import Fields
from preflight.providers.refusals import Refusal, parse_refusal

_PATH = "/byteplus/_unstable/open"


class Agentsflare(Provider):
    """Two calls, images only. A `base_resp.status_code` other than 0 is a refusal, whatever the HTTP status.

    Its page prints the reference as `Asset://…`, as all pages once did; what stands behind it takes `asset://…` now.
    """

    name = "agentsflare"
    title = "Agentsflare"
    rules = "agentsflare"
    origins: ClassVar = {"main": "https://api.agentsflare.com"}
    keys = (CredentialSpec(API_KEY, ("AGENTSFLARE_API_KEY",)),)
    types: ClassVar = {"Image": "image"}
    fields = Fields("Id", "Name", "AssetType", "Status", "URL", created="CreateTime", updated="UpdateTime")
    url_lifetime = timedelta(hours=12)
    usage: ClassVar = {"": "as image_url.url of a reference image in a Seedance request through Agentsflare"}

    def _register(self, wanted: Registration) -> RegistrationAnswer:
        body = {"Name": wanted.name, "URL": wanted.url, "AssetType": wanted.type}
        call = self._call("register", "POST", f"{_PATH}/CreateAsset", body, name="CreateAsset")
        return call, self._ask(call)

    def get(self, asset: str) -> Asset:
        call = self._call("get", "POST", f"{_PATH}/GetAsset", {"Id": self._id(asset)}, name="GetAsset")
        return self._asset(call, self._ask(call))

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> Refusal | None:
        base = answer.get("base_resp")
        if isinstance(base, dict) and (code := fields.text(base, "status_code")) not in (None, "0"):
            return Refusal(status, code, fields.text(base, "status_msg"))
        if status >= 400:
            return parse_refusal(answer.get("error") or answer, status)
        return None
