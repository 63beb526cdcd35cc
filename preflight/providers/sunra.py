"""Sunra's Ark Assets. Source: its page Seedance 2.0 Face Authentication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from preflight.providers.asset import Asset, Page
from preflight.providers.base import Provider, Registration, RegistrationAnswer
from preflight.providers.credentials import API_KEY, CredentialSpec
from preflight.providers.fields import Fields
from preflight.providers.findings import UPSTREAM
from preflight.providers.refusals import Refusal, parse_refusal

_PATH = "/v1/ark/assets"
_RELAY = (
    "only with the models bytedance/seedance-2.0-relay and bytedance/seedance-2.0-fast-relay, "
    "named in the prompt as @Image1: in reference_images, reference_videos or reference_audios; "
    "the models without -relay refuse asset://"
)


class Sunra(Provider):
    """Lists by POST; a deletion hides the asset from the list and leaves it registered.

    The page's list shows an id, a status and a type of each item: whether a name is there, it does not say.
    """

    name = "sunra"
    title = "Sunra"
    rules = "sunra"
    origins: ClassVar = {"main": "https://api.sunra.ai"}
    keys = (CredentialSpec(API_KEY, ("SUNRA_API_KEY",)),)
    types: ClassVar = {"image": "image", "video": "video", "audio": "audio"}
    fields = Fields(
        "ark_asset_id",
        "name",
        "asset_type",
        "status",
        url="ark_url",
        source="source_url",
        created="created_at",
        updated="updated_at",
        ids="id",
    )
    recover_by = "name"
    lists_partly = True
    filters = frozenset({"status"})
    failure_codes: ClassVar = {**UPSTREAM, "unsafe_content": "sensitive_content"}
    usage: ClassVar = {"": _RELAY}

    def _register(self, wanted: Registration) -> RegistrationAnswer:
        body = {"source_url": wanted.url, "name": wanted.name, "asset_type": wanted.type}
        call = self._call("register", "POST", _PATH, body)
        return call, self._ask(call)

    def get(self, asset: str) -> Asset:
        call = self._call("get", "GET", f"{_PATH}/{self._id(asset)}")
        return self._asset(call, self._ask(call))

    def list(
        self,
        *,
        group: str | None = None,
        status: str | None = None,
        name: str | None = None,
        page: str | None = None,
        size: int | None = None,
    ) -> Page[Asset]:
        self._filtered(group=group, name=name)
        number = self._paged(page)
        body = {"status": status, "page": number, "page_size": size or self.page_size}
        call = self._call("list", "POST", f"{_PATH}/list", body)
        return self._page(call, self._ask(call), number, lambda item: self._asset(call, item))

    def delete(self, asset: str) -> None:
        call = self._call("delete", "DELETE", f"{_PATH}/{self._id(asset)}", empty=True)
        answer = self._ask(call)
        if answer.get("deleted") is False:
            raise self._exchange.unusable(call, "it says that nothing was deleted")

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> Refusal | None:
        error = answer.get("error")
        if status >= 400 or (isinstance(error, dict) and "ark_asset_id" not in answer):
            return parse_refusal(error or answer, status)
        return None
