"""AGT Cloud, a gateway of the new-api family. Source: its page Seedance 2.0 - Asset Library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from preflight.errors import UsageError
from preflight.net.redact import redact
from preflight.providers import fields
from preflight.providers.asset import Asset, Callback, Group, Page, Session
from preflight.providers.base import Provider, Registration, RegistrationAnswer
from preflight.providers.client import Call
from preflight.providers.credentials import API_KEY, CredentialSpec
from preflight.providers.fields import Fields
from preflight.providers.refusals import Refusal, parse_refusal

_PATH = "/v1/asset/human"


class Agt(Provider):
    """Assets in containers, both of one shape: words go in, numbers come out.

    Update and delete take an asset's or a container's id alike; a container goes with everything in it. So `get`,
    `rename` and `delete` cannot tell one from the other beforehand: whoever deletes by hand asks `get` first, which
    refuses a container. What stands for an asset in a generation request, no page says.
    """

    name = "agt"
    title = "AGT Cloud"
    rules = "agt"
    origins: ClassVar = {"main": "https://api.agtcloud.ai"}
    keys = (CredentialSpec(API_KEY, ("AGT_API_KEY",)),)
    types: ClassVar = {
        "Image": "image",
        "Video": "video",
        "TrainingVideo": "video",
        "Script": None,
        "Audio": "audio",
    }
    kinds: ClassVar = {"2": "video", "3": "image", "4": "audio"}
    statuses: ClassVar = {"0": "processing", "1": "active", "2": "failed"}
    group_types: ClassVar = {"0": None, "1": "LivenessFace", "2": "AIGC"}
    fields = Fields(
        "id",
        "name",
        "asset_type",
        "status",
        created="created_at",
        updated="updated_at",
        description="description",
        group_type="group_type",
    )
    needs_group = True
    describes = frozenset({"register", "rename", "update_group", "create_session"})
    recover_by = "name"
    filters = frozenset({"group"})
    reference = None
    usage: ClassVar = {"": "no page of AGT Cloud says how a generation request names an asset: ask its support"}

    def _register(self, wanted: Registration) -> RegistrationAnswer:
        body = {"group_id": wanted.group, "url": wanted.url, "asset_type": wanted.type, "name": wanted.name}
        call = self._call("register", "POST", f"{_PATH}/upload", {**body, "description": wanted.description})
        return call, self._data(call)

    def get(self, asset: str) -> Asset:
        call = self._call("get", "GET", f"{_PATH}/get/{self._id(asset)}")
        data = self._data(call)
        if fields.text(data, "is_leaf") == "0":
            raise UsageError(f"{self.title}: {asset} is a container, not an asset: see `assets groups`")
        return self._asset(call, data)

    def list(
        self,
        *,
        group: str | None = None,
        status: str | None = None,
        name: str | None = None,
        page: str | None = None,
        size: int | None = None,
    ) -> Page[Asset]:
        self._filtered(status=status, name=name)
        call, number = self._list("list", 1, page, size, group)
        return self._page(call, self._data(call), number, lambda item: self._asset(call, item, group=group))

    def rename(self, asset: str, name: str, *, description: str | None = None) -> None:
        self._update("rename", asset, name, description)

    def delete(self, asset: str) -> None:
        self._delete("delete", asset)

    def create_group(self, name: str, *, description: str | None = None) -> Group:
        self._named(name)
        self._described("create_group", description)
        call = self._call("create_group", "POST", f"{_PATH}/aigc", {"name": name})
        return self._group(call, self._data(call), kind="AIGC", name=name)

    def list_groups(self, *, name: str | None = None, page: str | None = None, size: int | None = None) -> Page[Group]:
        if name is not None:
            raise UsageError(f"{self.title} cannot list groups by name: leave it out, and look through what it lists")
        call, number = self._list("list_groups", 0, page, size)
        return self._page(call, self._data(call), number, lambda item: self._group(call, item))

    def get_group(self, group: str) -> Group:
        call = self._call("get_group", "GET", f"{_PATH}/get/{self._id(group)}")
        return self._group(call, self._data(call))

    def update_group(self, group: str, *, name: str | None = None, description: str | None = None) -> None:
        self._update("update_group", group, name, description)

    def delete_group(self, group: str) -> None:
        self._delete("delete_group", group)

    def create_session(self, callback: str, *, name: str | None = None, description: str | None = None) -> Session:
        self._named(name)
        self._described("create_session", description)
        body = {"name": name, "description": description, "redirect_url": callback}
        call = self._call("create_session", "POST", f"{_PATH}/session", body)
        data = self._data(call)
        link = self._found(call, data, "H5Link Url")
        return Session(self.name, link, fields.text(data, "BytedToken"), self._redactor.answer(data))

    def parse_callback(self, url: str) -> Callback:
        """`status=success&group_id=…` or `status=failed&reason=…`, each once. Raises `UsageError` for anything else."""
        query = parse_qs(urlsplit(url).query, keep_blank_values=True)
        if all(len(values) == 1 for values in query.values()):
            status, group, reason = (query.get(name, [""])[0] for name in ("status", "group_id", "reason"))
            if status == "success" and group:
                return Callback("success", self._id(group))
            if status == "failed":
                return Callback("failed", reason=self._redactor.text(reason) or None)
        raise UsageError(
            f"{self.title}: {redact(url)[:120]} is not where a verification ends: that URL has status=success and "
            "group_id, or status=failed and reason"
        )

    def _list(
        self, action: str, leaf: int, page: str | None, size: int | None, group: str | None = None
    ) -> tuple[Call, int]:
        number = self._paged(page)
        query = {"group_id": group, "is_leaf": leaf, "p": number, "page_size": size or self.page_size}
        return self._call(action, "GET", f"{_PATH}/list", query=query), number

    def _update(self, action: str, resource: str, name: str | None, description: str | None) -> None:
        self._named(name)
        self._described(action, description)
        body = {"name": name, "description": description}
        self._ask(self._call(action, "PUT", f"{_PATH}/update/{self._id(resource)}", body, empty=True))

    def _delete(self, action: str, resource: str) -> None:
        self._ask(self._call(action, "DELETE", f"{_PATH}/delete/{self._id(resource)}", empty=True))

    def _data(self, call: Call) -> Mapping[str, Any]:
        return fields.inner(self._ask(call), "data")

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> Refusal | None:
        if status < 400 and answer.get("success") is not False:
            return None
        return parse_refusal(answer.get("error") or answer, status)
