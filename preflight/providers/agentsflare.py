"""Agentsflare's global node, a gateway to BytePlus. Source: its Assets API page, section Global API."""

# ruff: noqa: D102 - the protocols in spec.py describe the methods

from __future__ import annotations

from datetime import timedelta
from typing import Final

from preflight.providers.asset import Asset
from preflight.providers.credentials import API_KEY, CredentialSpec
from preflight.providers.generation import Field, GenerationSpec
from preflight.providers.provider import BaseApi
from preflight.providers.refusals import JsonObject, Refusal, as_text, parse_status_refusal
from preflight.providers.spec import BeforeSend, NewAsset, ProviderSpec

_PATH: Final = "/byteplus/_unstable/open"


class AgentsflareApi(BaseApi):
    """Two calls, images only."""

    def register(self, registration: NewAsset, before_send: BeforeSend | None = None) -> Asset:
        body = {"Name": registration.name, "URL": registration.url, "AssetType": registration.type}
        path = f"{_PATH}/CreateAsset"
        response = self.connection.ask("register", "POST", path, body, name="CreateAsset", before_send=before_send)
        return self.parser.asset(response, registered=registration)

    def get(self, asset: str) -> Asset:
        body = {"Id": self.connection.check_id(asset)}
        return self.parser.asset(self.connection.ask("get", "POST", f"{_PATH}/GetAsset", body, name="GetAsset"))


def _parse_refusal(status: int, answer: JsonObject) -> Refusal | None:
    """Return the refusal: a `base_resp.status_code` other than 0 is one, whatever the HTTP status."""
    base = answer.get("base_resp")
    if isinstance(base, dict) and (code := as_text(base.get("status_code"))) not in (None, "0"):
        return Refusal(status, code, as_text(base.get("status_msg")))
    return parse_status_refusal(status, answer)


AGENTSFLARE: Final = ProviderSpec(
    name="agentsflare",
    title="Agentsflare",
    ruleset="agentsflare",
    api=AgentsflareApi,
    parse_refusal=_parse_refusal,
    origins={"main": "https://api.agentsflare.com"},
    credentials=(CredentialSpec(API_KEY, ("AGENTSFLARE_API_KEY",)),),
    types={"Image": "image"},
    ids=("Id",),
    url_lifetime=timedelta(hours=12),
    # Its page prints the reference as `Asset://…`, as all pages once did; the upstream takes `asset://…` now.
    usage={"": "as image_url.url of a reference image in a Seedance request through Agentsflare"},
    # From docs.agentsflare.com/en/api-examples/seedance.html, read on 2026-11-28. The model that it prints, Seedance
    # 1.0, takes no assets, and no page of Agentsflare names one that does.
    generation=GenerationSpec(
        title="Agentsflare",
        path="/byteplus/v3/contents/generations/tasks",
        key="AGENTSFLARE_API_KEY",
        layout="content",
        fields={"reference_image": Field(many="content")},
    ),
)
