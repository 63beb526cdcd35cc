"""Ark, which Volcengine and BytePlus share: one Action per call, signed with an access key and a secret key.

Source: the published Assets API page, the mirrored reference of the Actions (2026-09), the official SDKs.
"""

# ruff: noqa: D102 - the protocols in spec.py describe the methods

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar, Unpack, get_args

from preflight.errors import UsageError
from preflight.providers.asset import Asset, Group, Page, Session
from preflight.providers.connection import JsonResponse
from preflight.providers.credentials import Auth, CredentialSpec, Secret, SignatureAuth, SigningKeys
from preflight.providers.generation import ROLES, Field, GenerationSpec, Use
from preflight.providers.provider import BaseApi
from preflight.providers.refusals import JsonObject, Refusal, as_text, parse_refusal
from preflight.providers.spec import (
    BeforeSend,
    DeletesAssets,
    HasGroups,
    ListQuery,
    ListsAssets,
    NewAsset,
    ProviderSpec,
    RenamesAssets,
    ReportsSessions,
    VerifiesPersons,
)

T = TypeVar("T", Asset, Group)

_VERSION: Final = "2024-01-01"
_TOKEN_PREFIX: Final = "token:"  # noqa: S105 - of a page, not of an account
_MAX_PAGE_SIZE: Final = 100


class ArkApi(BaseApi, ListsAssets, RenamesAssets, DeletesAssets, HasGroups, VerifiesPersons, ReportsSessions):
    """The Actions. Groups, assets and keys must share one project."""

    def register(self, registration: NewAsset, before_send: BeforeSend | None = None) -> Asset:
        body = {
            "GroupId": registration.group,
            "URL": registration.url,
            "AssetType": registration.type,
            "Name": registration.name,
        }
        response = self._ask("register", "CreateAsset", body, before_send)
        return self.parser.asset(response, registered=registration)

    def get(self, asset: str) -> Asset:
        return self.parser.asset(self._ask("get", "GetAsset", {"Id": self.connection.check_id(asset)}))

    def list(self, **query: Unpack[ListQuery]) -> Page[Asset]:
        group, status = query.get("group"), query.get("status")
        filters = {
            "GroupIds": [group] if group else None,
            "Statuses": [status.capitalize()] if status else None,
            "Name": query.get("name"),
        }
        return self._list("list", "ListAssets", filters, query, self.parser.asset)

    def rename(self, asset: str, name: str, *, description: str | None = None) -> None:
        self.spec.check_texts("rename", name, description)
        self._ask("rename", "UpdateAsset", {"Id": self.connection.check_id(asset), "Name": name})

    def delete(self, asset: str) -> None:
        self._ask("delete", "DeleteAsset", {"Id": self.connection.check_id(asset)})

    def create_group(self, name: str, *, description: str | None = None) -> Group:
        self.spec.check_texts("create_group", name, description)
        body = {"Name": name, "Description": description, "GroupType": "AIGC"}
        response = self._ask("create_group", "CreateAssetGroup", body)
        return self.parser.group(response, kind="AIGC", name=name, description=description)

    def list_groups(self, *, name: str | None = None, page: str | None = None, size: int | None = None) -> Page[Group]:
        query = ListQuery(page=page, size=size)
        return self._list("list_groups", "ListAssetGroups", {"Name": name}, query, self.parser.group)

    def get_group(self, group: str) -> Group:
        return self.parser.group(self._ask("get_group", "GetAssetGroup", {"Id": self.connection.check_id(group)}))

    def update_group(self, group: str, *, name: str | None = None, description: str | None = None) -> None:
        self.spec.check_texts("update_group", name, description)
        body = {"Id": self.connection.check_id(group), "Name": name, "Description": description}
        self._ask("update_group", "UpdateAssetGroup", body)

    def delete_group(self, group: str) -> None:
        self._ask("delete_group", "DeleteAssetGroup", {"Id": self.connection.check_id(group)})

    def create_session(self, callback: str, *, name: str | None = None, description: str | None = None) -> Session:
        if name is not None or description is not None:
            raise UsageError(
                f"{self.spec.title} takes no name and no description for a verification. Name its group afterwards."
            )
        response = self._ask("create_session", "CreateVisualValidateSession", {"CallbackURL": callback})
        return self.parser.session(response)

    def session_result(self, token: str) -> Group:
        return self.parser.group(self._ask("session_result", "GetVisualValidateResult", {"BytedToken": token}))

    def _ask(self, action: str, name: str, body: JsonObject, before_send: BeforeSend | None = None) -> JsonResponse:
        """Call an Action: in the query as the SDKs send it, or in the path as one page prints it.

        Return the result; the two Actions for real persons may respond without the envelope.
        """
        body = {**body, "ProjectName": self.connection.options.get("project")}
        path, query = "/", {"Action": name, "Version": _VERSION}
        if self.connection.options.get("signing") == "published":
            path, query = f"/open/{name}", {}
        response = self.connection.ask(action, "POST", path, body, query=query, name=name, before_send=before_send)
        return response.unwrap("Result")

    def _list(
        self, action: str, name: str, filters: JsonObject, query: ListQuery, parse_item: Callable[[JsonResponse], T]
    ) -> Page[T]:
        """Return one page, by number or, after an answer with a NextToken, by token: never send both."""
        page, size = query.get("page") or "", min(query.get("size") or self.spec.page_size, _MAX_PAGE_SIZE)
        given = {key: value for key, value in filters.items() if value is not None}
        has_token = page.startswith(_TOKEN_PREFIX)
        number = 1 if has_token else self.page_number(query.get("page"))
        paging: JsonObject = {"PageNumber": number, "PageSize": size}
        if has_token:
            paging = {"MaxResults": size, "NextToken": page.removeprefix(_TOKEN_PREFIX)}
        response = self._ask(action, name, {"Filter": given or None, **paging})
        found = self.parser.page(response, number, parse_item)
        token = as_text(response.data.get("NextToken"))
        if token is None and not has_token:
            return found
        return replace(found, next=None if token is None else _TOKEN_PREFIX + token)


def _parse_refusal(status: int, answer: JsonObject) -> Refusal | None:
    metadata = answer.get("ResponseMetadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    error = metadata.get("Error") or (answer.get("error") if status >= 400 else None)
    if status < 400 and not error:
        return None
    refusal = parse_refusal(status, error or answer)
    return Refusal(status, refusal.code, refusal.message, as_text(metadata.get("RequestId")))


def _ark(
    name: str,
    title: str,
    *,
    region: str,
    origin: str,
    generation: tuple[str, str],
    credentials: tuple[CredentialSpec, ...],
    options: Mapping[str, tuple[str, ...]],
) -> ProviderSpec[ArkApi]:
    """Return the spec of one Ark: a host, a region, keys; all else is the same.

    generation  the host of the models, and the model that uses assets
    """
    models_origin, model = generation

    def auth(keys: Mapping[str, Secret], chosen: Mapping[str, str]) -> Auth:
        token, signing = keys.get("session_token"), chosen.get("signing", "official")
        if signing == "published" and token is not None:
            text = f"{title}: the published signature has no session token. Leave signing= out."
            raise UsageError(text, parameters=("signing",))
        return SignatureAuth(SigningKeys(keys["access_key"].reveal(), keys["secret_key"], token), region, signing)

    return ProviderSpec(
        name=name,
        title=title,
        ruleset=name,
        api=ArkApi,
        parse_refusal=_parse_refusal,
        auth=auth,
        origins={"main": origin, "generation": models_origin},
        credentials=credentials,
        options=options,
        needs_group=True,
        describes=frozenset({"create_group", "update_group"}),
        recover_by="name",
        lists_status=True,
        filters=frozenset({"group", "status", "name"}),
        page_size=_MAX_PAGE_SIZE,
        ids=("Id",),
        url_lifetime=timedelta(hours=12),
        usage=_USAGE,
        generation=_generation(title, model),
    )


def _generation(title: str, model: str) -> GenerationSpec:
    """Return how the generation requests of one Ark name assets."""
    return GenerationSpec(
        title=title,
        host="generation",
        path="/api/v3/contents/generations/tasks",
        key="ARK_API_KEY",
        notes=(f"The models of {title} take an API key, which is not the pair of keys that signs calls for assets.",),
        layout="content",
        fields={role: Field(many="content") if role.startswith("reference") else Field() for role in ROLES},
        models=dict.fromkeys(get_args(Use), model),
    )


_USAGE: Final = {
    "image": "as image_url.url of a content item with the role reference_image (or first_frame, last_frame)",
    "video": "as video_url.url of a content item with the role reference_video",
    "audio": "as audio_url.url of a content item with the role reference_audio; it needs an image or a video",
}

BYTEPLUS: Final = _ark(
    "byteplus",
    "BytePlus ModelArk",
    region="ap-southeast-1",
    origin="https://ark.ap-southeast-1.byteplusapi.com",
    generation=("https://ark.ap-southeast.bytepluses.com", "dreamina-seedance-2-0-260128"),
    credentials=(
        CredentialSpec("access_key", ("BYTEPLUS_ACCESSKEY", "BYTEPLUS_ACCESS_KEY"), public=True),
        CredentialSpec("secret_key", ("BYTEPLUS_SECRETKEY", "BYTEPLUS_SECRET_KEY")),
        CredentialSpec("session_token", ("BYTEPLUS_SESSION_TOKEN",), required=False),
    ),
    options={"project": ()},
)
VOLCENGINE: Final = _ark(
    "volcengine",
    "Volcengine Ark",
    region="cn-beijing",
    # The host of the published page and of the SDKs; there are regional ones.
    origin="https://open.volcengineapi.com",
    generation=("https://ark.cn-beijing.volces.com", "doubao-seedance-2-0-260128"),
    credentials=(
        CredentialSpec("access_key", ("VOLC_ACCESSKEY",), public=True),
        CredentialSpec("secret_key", ("VOLC_SECRETKEY",)),
        CredentialSpec("session_token", ("VOLC_SESSION_TOKEN", "VOLC_SESSIONTOKEN"), required=False),
    ),
    # `published` signs as the published page's sample code does.
    options={"project": (), "signing": ("official", "published")},
)
