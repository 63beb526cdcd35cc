"""Parse the answers of all providers: pydantic models with every name that a field has, and `AnswerParser`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, PlainValidator, model_validator

from preflight.net.urls import expires_at
from preflight.providers.asset import Asset, Group, Page, Session, Status, parse_time
from preflight.providers.connection import ApiConnection, JsonResponse
from preflight.providers.refusals import JsonObject, as_text, finding_of, limit_in_text
from preflight.providers.spec import NewAsset

T = TypeVar("T")


def _as_count(value: object) -> int | None:
    """Return a number that is not negative; some providers write it as text."""
    text = as_text(value)
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else None


def _as_error(value: object) -> object:
    """Return an error as an object: some pages print it as a sentence."""
    return value if isinstance(value, dict) else {"sentence": value}


def _as_objects(value: object) -> list[JsonObject]:
    """Return the objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _named(*names: str) -> Any:
    """Return a field with these names in answers: the first that has a value counts."""
    return Field(default=None, validation_alias=AliasChoices(*names))


Text = Annotated[str | None, PlainValidator(as_text)]
Time = Annotated[datetime | None, PlainValidator(parse_time)]


class _Answer(BaseModel):
    """A part of an answer. A value that does not have its field's type becomes None; other fields are ignored."""

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: JsonObject) -> JsonObject:
        return {name: value for name, value in data.items() if value not in (None, "")}


class _Described(_Answer):
    """What assets and groups have in common."""

    name: Text = _named("Name", "name")
    created: Time = _named("CreateTime", "created_at")
    updated: Time = _named("UpdateTime", "updated_at")


class ErrorAnswer(_Answer):
    """Why an asset failed; `sentence` if that is all."""

    code: Text = _named("Code", "code")
    message: Text = _named("Message", "message")
    sentence: Annotated[str | None, PlainValidator(lambda value: value if isinstance(value, str) else None)] = None


class AssetAnswer(_Described):
    """An asset. Its ids are named by each provider's spec."""

    type: Text = _named("AssetType", "asset_type", "type")
    status: Text = _named("Status", "status")
    group: Text = _named("GroupId")
    url: Text = _named("URL", "url", "ark_url")
    source: Text = _named("source_url")
    error: Annotated[ErrorAnswer, BeforeValidator(_as_error)] = Field(
        default=ErrorAnswer(), validation_alias=AliasChoices("Error", "error")
    )
    error_code: Text = None
    error_message: Text = None
    fail_reason: Text = None

    def failure(self) -> tuple[str | None, str | None]:
        """Return code and message of the failure, in any of the shapes that pages print for it."""
        message = self.error.message or self.error_message or self.error.sentence or self.fail_reason
        return self.error.code or self.error_code, message


class GroupAnswer(_Described):
    """A group."""

    id: Text = _named("GroupId", "group_id", "Id", "id")
    description: Text = _named("Description", "description")
    type: Text = _named("GroupType", "group_type")


class SessionAnswer(_Answer):
    """A verification that has begun."""

    link: Text = _named("H5Link", "Url")
    token: Text = _named("BytedToken")


_LISTS: Final = ("Items", "items", "list")


class PageAnswer(_Answer):
    """One page of a list."""

    items: Annotated[list[JsonObject], PlainValidator(_as_objects)] = Field(
        default_factory=list, validation_alias=AliasChoices(*_LISTS)
    )
    total: Annotated[int | None, PlainValidator(_as_count)] = _named("TotalCount", "total_count", "total")


class AnswerParser:
    """Parses the answers of one provider, in the words of its spec."""

    def __init__(self, connection: ApiConnection) -> None:
        self._connection = connection
        self._spec = spec = connection.spec
        self._generation = None if spec.generation is None else spec.generation.at(connection.origins)

    def asset(
        self,
        response: JsonResponse,
        *,
        registered: NewAsset | None = None,
        group: str | None = None,
        failure_message: str | None = None,
    ) -> Asset:
        """Return an asset. Fields that the answer leaves out are taken from `registered`, its registration.

        failure_message  the reason, if it failed
        """
        spec, answer = self._spec, AssetAnswer.model_validate(response.data)
        known = registered or NewAsset("", None, "", group=group)
        ids = {name: value for name in spec.ids if (value := as_text(response.data.get(name))) is not None}
        id_ = self._required(response, ids.get(spec.ids[0]), spec.ids[0])
        status = self._status(answer.status, is_new=registered is not None)
        failed = status == "failed"
        code, message = answer.failure() if failed else (None, None)
        kind = spec.kinds.get((answer.type or "").lower(), known.kind)
        return Asset(
            id=id_,
            provider=spec.name,
            status=status,
            kind=kind,
            reference=spec.reference.format(id_) if spec.reference and not failed else None,
            name=answer.name or known.name,
            group=answer.group or known.group,
            url=answer.url,
            url_expires=None if answer.url is None else self._expiry(answer.url),
            source=answer.source or known.url or None,
            error_code=self._finding(code, message or failure_message) if failed else None,
            error_message=self._shown(message or (failure_message if failed else None)),
            provider_code=self._shown(code),
            provider_status=self._shown(answer.status),
            created=answer.created,
            updated=answer.updated,
            usage=spec.usage.get(kind or "", spec.usage.get("")),
            generation=self._generation,
            ids=ids,
            raw=self._connection.redactor.answer(response.data),
        )

    def group(
        self,
        response: JsonResponse,
        *,
        kind: str | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> Group:
        """Return a group; fields that the answer leaves out are taken from the arguments."""
        answer = GroupAnswer.model_validate(response.data)
        return Group(
            id=self._required(response, answer.id, "GroupId"),
            provider=self._spec.name,
            name=answer.name or name,
            description=answer.description or description,
            type=kind if answer.type is None else self._spec.group_types.get(answer.type, answer.type),
            created=answer.created,
            updated=answer.updated,
            raw=self._connection.redactor.answer(response.data),
        )

    def session(self, response: JsonResponse) -> Session:
        """Return a verification that has begun."""
        answer = SessionAnswer.model_validate(response.data)
        link = self._required(response, answer.link, "H5Link")
        return Session(self._spec.name, link, answer.token, self._connection.redactor.answer(response.data))

    def page(self, response: JsonResponse, page: int, parse_item: Callable[[JsonResponse], T]) -> Page[T]:
        """Return one page; `parse_item` converts each item. Providers written in Go send `null` for no items."""
        if not response.data.keys() & set(_LISTS):
            raise self._connection.unusable(response.call, "it has no list of items")
        answer = PageAnswer.model_validate(response.data)
        return Page(
            tuple(parse_item(JsonResponse(response.call, item)) for item in answer.items),
            next_page(page, len(answer.items), answer.total),
            answer.total,
        )

    def _required(self, response: JsonResponse, value: str | None, name: str) -> str:
        """Return the value of a required field. Raise `ProviderError` if there is none."""
        if value is None:
            raise self._connection.unusable(response.call, f"it has no {name}")
        return value

    def _status(self, word: str | None, *, is_new: bool) -> Status:
        if word is None:
            return "processing" if is_new else "unknown"
        return self._spec.statuses.get(word.lower(), "unknown")

    def _shown(self, text: str | None) -> str | None:
        return None if text is None else self._connection.redactor.text(text)

    def _expiry(self, url: str) -> datetime | None:
        """Return when the URL stops working: by its signature, or else by the documented lifetime."""
        signed = expires_at(url)
        if signed is not None:
            return parse_time(signed)
        lifetime = self._spec.url_lifetime
        return None if lifetime is None else datetime.fromtimestamp(self._connection.clock.wall(), UTC) + lifetime

    def _finding(self, code: str | None, message: str | None) -> str:
        known = finding_of(code, message, self._spec.failure_codes) or limit_in_text(message)
        return known or "provider_rejected"


def next_page(page: int, found: int, total: int | None) -> str | None:
    """Return the number of the page after `page`, on which `found` items were; None at the end.

    The number of items that was asked for does not count: a server may return fewer without saying so. If the total
    does not show the end, only an empty page does; nor does a total below the number of items that were read.
    """
    return None if not found or page * found == total else str(page + 1)
