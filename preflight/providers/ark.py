"""The asset API of Ark, which Volcengine and BytePlus share: one Action for each verb, signed with AK and SK.

Source: the published Assets API page, the mirrored reference of the Actions (2026-09), the official SDKs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from preflight.errors import UsageError
from preflight.providers import fields
from preflight.providers.asset import Asset, Group, Page, Session
from preflight.providers.base import Provider, Registration, RegistrationAnswer
from preflight.providers.client import Auth, Call
from preflight.providers.fields import Fields
from preflight.providers.refusals import Refusal, parse_refusal
from preflight.providers.signature import SignatureAuth, SigningKeys

_VERSION = "2024-01-01"
_TOKEN = "token:"  # noqa: S105 - of a page, not of an account
_MOST = 100


class Ark(Provider):
    """The Actions, without a host. Groups, assets and keys must share one project.

    `region` of the signature is class data; `signing` chooses its form, where a page prints another than the SDKs make.
    """

    region: ClassVar[str]

    fields = Fields(
        "Id",
        "Name",
        "AssetType",
        "Status",
        "URL",
        group="GroupId",
        created="CreateTime",
        updated="UpdateTime",
        description="Description",
        group_type="GroupType",
        items="Items",
        total="TotalCount",
    )
    needs_group = True
    describes = frozenset({"create_group", "update_group"})
    recover_by = "name"
    filters = frozenset({"group", "status", "name"})
    page_size = _MOST
    url_lifetime = timedelta(hours=12)
    usage: ClassVar = {
        "image": "as image_url.url of a content item with the role reference_image (or first_frame, last_frame)",
        "video": "as video_url.url of a content item with the role reference_video",
        "audio": "as audio_url.url of a content item with the role reference_audio; it needs an image or a video",
    }

    @property
    def project(self) -> str:
        """The project whose assets these are."""
        return self._options.get("project", "default")

    def _register(self, wanted: Registration) -> RegistrationAnswer:
        body = {"GroupId": wanted.group, "URL": wanted.url, "AssetType": wanted.type, "Name": wanted.name}
        call = self._action("register", "CreateAsset", body)
        return call, self._result(call)

    def get(self, asset: str) -> Asset:
        call = self._action("get", "GetAsset", {"Id": self._id(asset)})
        return self._asset(call, self._result(call))

    def list(
        self,
        *,
        group: str | None = None,
        status: str | None = None,
        name: str | None = None,
        page: str | None = None,
        size: int | None = None,
    ) -> Page[Asset]:
        word = None if status is None else status.capitalize()
        filters = {"GroupIds": [group] if group else None, "Statuses": [word] if word else None, "Name": name}
        return self._list("list", "ListAssets", filters, page, size)

    def rename(self, asset: str, name: str, *, description: str | None = None) -> None:
        self._named(name)
        self._described("rename", description)
        self._result(self._action("rename", "UpdateAsset", {"Id": self._id(asset), "Name": name}))

    def delete(self, asset: str) -> None:
        self._result(self._action("delete", "DeleteAsset", {"Id": self._id(asset)}))

    def create_group(self, name: str, *, description: str | None = None) -> Group:
        self._named(name)
        self._described("create_group", description)
        body = {"Name": name, "Description": description, "GroupType": "AIGC"}
        call = self._action("create_group", "CreateAssetGroup", body)
        return self._group(call, self._result(call), kind="AIGC", name=name, description=description)

    def list_groups(self, *, name: str | None = None, page: str | None = None, size: int | None = None) -> Page[Group]:
        return self._list("list_groups", "ListAssetGroups", {"Name": name}, page, size)

    def get_group(self, group: str) -> Group:
        call = self._action("get_group", "GetAssetGroup", {"Id": self._id(group)})
        return self._group(call, self._result(call))

    def update_group(self, group: str, *, name: str | None = None, description: str | None = None) -> None:
        self._named(name)
        self._described("update_group", description)
        body = {"Id": self._id(group), "Name": name, "Description": description}
        self._result(self._action("update_group", "UpdateAssetGroup", body))

    def delete_group(self, group: str) -> None:
        self._result(self._action("delete_group", "DeleteAssetGroup", {"Id": self._id(group)}))

    def create_session(self, callback: str, *, name: str | None = None, description: str | None = None) -> Session:
        if name is not None or description is not None:
            raise UsageError(
                f"{self.title} takes no name and no description for a verification: name its group after it"
            )
        call = self._action("create_session", "CreateVisualValidateSession", {"CallbackURL": callback})
        result = self._result(call)
        link = self._found(call, result, "H5Link")
        return Session(self.name, link, fields.text(result, "BytedToken"), self._redactor.answer(result))

    def session_result(self, token: str) -> Group:
        call = self._action("session_result", "GetVisualValidateResult", {"BytedToken": token})
        return self._group(call, self._result(call))

    def _auth(self) -> Auth:
        token = self._keys.get("session_token")
        signing = self._options.get("signing", "official")
        if signing == "published" and token is not None:
            raise UsageError(f"{self.title}: the published signature knows no session token: leave --signing out")
        return SignatureAuth(
            SigningKeys(self._keys["access_key"].reveal(), self._keys["secret_key"], token), self.region, signing
        )

    def _action(self, action: str, name: str, body: Mapping[str, Any]) -> Call:
        """An Action: in the query as the SDKs send it, or in the path as one page prints it."""
        body = {**body, "ProjectName": self._options.get("project")}
        if self._options.get("signing") == "published":
            return self._call(action, "POST", f"/open/{name}", body, name=name)
        return self._call(action, "POST", "/", body, query={"Action": name, "Version": _VERSION}, name=name)

    def _result(self, call: Call) -> Mapping[str, Any]:
        """The result; the two Actions for real persons may answer without the envelope."""
        return fields.inner(self._ask(call), "Result")

    def _list(
        self, action: str, name: str, filters: Mapping[str, Any], page: str | None, size: int | None
    ) -> Page[Any]:
        """One page, by number or, once an answer carries a NextToken, by that: the two must never go together."""
        size = min(size or self.page_size, _MOST)
        given = {key: value for key, value in filters.items() if value is not None}
        token = page.removeprefix(_TOKEN) if page is not None and page.startswith(_TOKEN) else None
        number = 1 if token is not None else self._paged(page)
        paging = (
            {"MaxResults": size, "NextToken": token} if token is not None else {"PageNumber": number, "PageSize": size}
        )
        call = self._action(action, name, {"Filter": given or None, **paging})
        result = self._result(call)
        read = self._group if action == "list_groups" else self._asset
        found = self._page(call, result, number, lambda item: read(call, item))
        following = fields.text(result, "NextToken")
        if following is not None or token is not None:
            return Page(found.items, None if following is None else _TOKEN + following, found.total)
        return found

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> Refusal | None:
        metadata = answer.get("ResponseMetadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        error = metadata.get("Error") or (answer.get("error") if status >= 400 else None)
        if status < 400 and not error:
            return None
        said = parse_refusal(error or answer, status)
        return Refusal(status, said.code, said.message, fields.text(metadata, "RequestId"))
