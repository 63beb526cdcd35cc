"""Agentsflare's global node, a gateway to BytePlus. Source: its Assets API page, section Global API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from preflight.providers import reading
from preflight.providers.access import API_KEY, Key
from preflight.providers.asset import Asset
from preflight.providers.base import Provider, Registered, Registration
from preflight.providers.reading import Fields
from preflight.providers.reasons import Said, said_by

_PATH = "/byteplus/_unstable/open"


class Agentsflare(Provider):
    """Two calls, images only. A `base_resp.status_code` other than 0 is a refusal, whatever the HTTP status.

    Its page prints the reference as `Asset://…`, as all pages once did; what stands behind it takes `asset://…` now.
    """

    name = "agentsflare"
    title = "Agentsflare"
    rules = "agentsflare"
    origins: ClassVar = {"main": "https://api.agentsflare.com"}
    keys = (Key(API_KEY, ("AGENTSFLARE_API_KEY",)),)
    types: ClassVar = {"Image": "image"}
    fields = Fields("Id", "Name", "AssetType", "Status", "URL", created="CreateTime", updated="UpdateTime")
    url_lifetime = timedelta(hours=12)
    usage: ClassVar = {"": "as image_url.url of a reference image in a Seedance request through Agentsflare"}

    def _register(self, wanted: Registration) -> Registered:
        body = {"Name": wanted.name, "URL": wanted.url, "AssetType": wanted.type}
        call = self._call("register", "POST", f"{_PATH}/CreateAsset", body, name="CreateAsset")
        return call, self._ask(call)

    def get(self, asset: str) -> Asset:
        call = self._call("get", "POST", f"{_PATH}/GetAsset", {"Id": self._id(asset)}, name="GetAsset")
        return self._asset(call, self._ask(call))

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> Said | None:
        base = answer.get("base_resp")
        if isinstance(base, dict) and (code := reading.text(base, "status_code")) not in (None, "0"):
            return Said(status, code, reading.text(base, "status_msg"))
        if status >= 400:
            return said_by(answer.get("error") or answer, status)
        return None
