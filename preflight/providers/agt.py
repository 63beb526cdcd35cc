"""AGT Cloud, a gateway of the new-api family. Source: its page Seedance 2.0 - Asset Library."""

# ruff: noqa: D102 - the protocols in spec.py describe the methods

from __future__ import annotations

from typing import Final, Unpack
from urllib.parse import parse_qs, urlsplit

from preflight.errors import UsageError
from preflight.net.redact import redact
from preflight.providers.asset import Asset, Callback, Group, Page, Session
from preflight.providers.connection import JsonResponse
from preflight.providers.credentials import API_KEY, CredentialSpec
from preflight.providers.generation import GenerationSpec
from preflight.providers.provider import BaseApi
from preflight.providers.refusals import JsonObject, Refusal, as_text, parse_refusal, with_coded_status
from preflight.providers.spec import (
    BeforeSend,
    DeletesAssets,
    HasGroups,
    ListQuery,
    ListsAssets,
    NewAsset,
    ParsesCallbacks,
    ProviderSpec,
    RenamesAssets,
    VerifiesPersons,
)

_PATH: Final = "/v1/asset/human"


class AgtApi(BaseApi, ListsAssets, RenamesAssets, DeletesAssets, HasGroups, VerifiesPersons, ParsesCallbacks):
    """Assets in containers, both with the same fields. Types and statuses are words in requests, numbers in responses.

    Update and delete accept the id of an asset or a container; deleting a container deletes everything in it. So `get`,
    `rename` and `delete` cannot tell one from the other: the commands call `get` first, which refuses a container.
    No page documents the reference to an asset in a generation request.
    """

    def register(self, registration: NewAsset, before_send: BeforeSend | None = None) -> Asset:
        body = {
            "group_id": registration.group,
            "url": registration.url,
            "asset_type": registration.type,
            "name": registration.name,
            "description": registration.description,
        }
        response = self.connection.ask("register", "POST", f"{_PATH}/upload", body, before_send=before_send)
        return self.parser.asset(response.unwrap("data"), registered=registration)

    def get(self, asset: str) -> Asset:
        response = self._get("get", asset)
        if as_text(response.data.get("is_leaf")) == "0":
            raise UsageError(f"{self.spec.title}: {asset} is a container, not an asset. See `assets groups`.")
        return self.parser.asset(response)

    def list(self, **query: Unpack[ListQuery]) -> Page[Asset]:
        number, response = self._list("list", 1, query)
        return self.parser.page(response, number, lambda item: self.parser.asset(item, group=query.get("group")))

    def rename(self, asset: str, name: str, *, description: str | None = None) -> None:
        self._update("rename", asset, name, description)

    def delete(self, asset: str) -> None:
        self._delete("delete", asset)

    def create_group(self, name: str, *, description: str | None = None) -> Group:
        self.spec.check_texts("create_group", name, description)
        response = self.connection.ask("create_group", "POST", f"{_PATH}/aigc", {"name": name})
        return self.parser.group(response.unwrap("data"), kind="AIGC", name=name)

    def list_groups(self, *, name: str | None = None, page: str | None = None, size: int | None = None) -> Page[Group]:
        if name is not None:
            raise UsageError(f"{self.spec.title} cannot list groups by name. Leave it out, and filter the result.")
        number, response = self._list("list_groups", 0, ListQuery(page=page, size=size))
        return self.parser.page(response, number, self.parser.group)

    def get_group(self, group: str) -> Group:
        return self.parser.group(self._get("get_group", group))

    def update_group(self, group: str, *, name: str | None = None, description: str | None = None) -> None:
        self._update("update_group", group, name, description)

    def delete_group(self, group: str) -> None:
        self._delete("delete_group", group)

    def create_session(self, callback: str, *, name: str | None = None, description: str | None = None) -> Session:
        self.spec.check_texts("create_session", name, description)
        body = {"name": name, "description": description, "redirect_url": callback}
        response = self.connection.ask("create_session", "POST", f"{_PATH}/session", body).unwrap("data")
        return self.parser.session(response)

    def parse_callback(self, url: str) -> Callback:
        """Parse `status=success&group_id=…` or `status=failed&reason=…`, each once. Raise `UsageError` otherwise."""
        query = parse_qs(urlsplit(url).query, keep_blank_values=True)
        if all(len(values) == 1 for values in query.values()):
            status, group, reason = (query.get(name, [""])[0] for name in ("status", "group_id", "reason"))
            if status == "success" and group:
                return Callback("success", self.connection.check_id(group))
            if status == "failed":
                return Callback("failed", reason=self.connection.redactor.text(reason) or None)
        raise UsageError(
            f"{self.spec.title}: {redact(url)[:120]} is not the URL of a finished verification. That URL has "
            "status=success and group_id, or status=failed and reason."
        )

    def _get(self, action: str, resource: str) -> JsonResponse:
        path = f"{_PATH}/get/{self.connection.check_id(resource)}"
        return self.connection.ask(action, "GET", path).unwrap("data")

    def _list(self, action: str, leaf: int, query: ListQuery) -> tuple[int, JsonResponse]:
        """Return the number of a page and its response."""
        number, size = self.paging(query)
        sent = {"group_id": query.get("group"), "is_leaf": leaf, "p": number, "page_size": size}
        return number, self.connection.ask(action, "GET", f"{_PATH}/list", query=sent).unwrap("data")

    def _update(self, action: str, resource: str, name: str | None, description: str | None) -> None:
        self.spec.check_texts(action, name, description)
        path = f"{_PATH}/update/{self.connection.check_id(resource)}"
        body = {"name": name, "description": description}
        self.connection.ask(action, "PUT", path, body, empty=True)

    def _delete(self, action: str, resource: str) -> None:
        path = f"{_PATH}/delete/{self.connection.check_id(resource)}"
        self.connection.ask(action, "DELETE", path, empty=True)


def _parse_refusal(status: int, answer: JsonObject) -> Refusal | None:
    if status < 400 and answer.get("success") is not False:
        return None
    return with_coded_status(parse_refusal(status, answer.get("error") or answer))


AGT: Final = ProviderSpec(
    name="agt",
    title="AGT Cloud",
    ruleset="agt",
    api=AgtApi,
    parse_refusal=_parse_refusal,
    origins={"main": "https://api.agtcloud.ai"},
    credentials=(CredentialSpec(API_KEY, ("AGT_API_KEY",)),),
    types={"Image": "image", "Video": "video", "TrainingVideo": "video", "Script": None, "Audio": "audio"},
    needs_group=True,
    describes=frozenset({"register", "rename", "update_group", "create_session"}),
    recover_by="name",
    filters=frozenset({"group"}),
    ids=("id",),
    kinds={"2": "video", "3": "image", "4": "audio"},
    statuses={"0": "processing", "1": "active", "2": "failed"},
    group_types={"0": None, "1": "LivenessFace", "2": "AIGC"},
    reference=None,
    usage={"": "no page of AGT Cloud documents how a generation request names an asset. Ask its support."},
    generation=GenerationSpec(title="AGT Cloud"),
)
