"""Parse a provider's answers into assets, groups and pages: `AnswerParser`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from preflight.clock import Clock
from preflight.net.urls import expires_at
from preflight.providers import fields
from preflight.providers.asset import Asset, Group, Page, Session, Status, parse_time
from preflight.providers.client import ApiConnection, JsonResponse
from preflight.providers.refusals import JsonObject, finding_of, limit_in_text
from preflight.providers.spec import NewAsset, ProviderSpec

T = TypeVar("T")


class AnswerParser:
    """Parses the answers of one provider, in the words of its spec."""

    def __init__(self, spec: ProviderSpec, connection: ApiConnection, clock: Clock) -> None:
        self._spec = spec
        self._connection = connection
        self._clock = clock
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
        spec, names, data = self._spec, self._spec.fields, response.data
        known = registered or NewAsset("", None, "", group=group)
        status, word = self._status(data, is_new=registered is not None)
        failed = status == "failed"
        code, message = fields.failure(data) if failed else (None, None)
        kind = spec.kinds.get((fields.text(data, names.type) or "").lower(), known.kind)
        url = fields.text(data, names.url)
        return Asset(
            id=self.required(response, names.id),
            provider=spec.name,
            status=status,
            kind=kind,
            reference=spec.reference.format(fields.text(data, names.id)) if spec.reference and not failed else None,
            name=fields.text(data, names.name) or known.name,
            group=fields.text(data, names.group) or known.group,
            url=url,
            url_expires=None if url is None else self._expiry(url),
            source=fields.text(data, names.source) or known.url or None,
            error_code=self._finding(code, message or failure_message) if failed else None,
            error_message=self._shown(message or (failure_message if failed else None)),
            provider_code=self._shown(code),
            provider_status=self._shown(word),
            created=parse_time(fields.first(data, names.created)),
            updated=parse_time(fields.first(data, names.updated)),
            usage=spec.usage.get(kind or "", spec.usage.get("")),
            generation=self._generation,
            ids={name: value for name in (names.id, *names.ids.split()) if (value := fields.text(data, name))},
            raw=self._connection.redactor.answer(data),
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
        spec, names, data = self._spec, self._spec.fields, response.data
        word = fields.text(data, names.group_type)
        return Group(
            id=self.required(response, "GroupId group_id Id id"),
            provider=spec.name,
            name=fields.text(data, names.name) or name,
            description=fields.text(data, names.description) or description,
            type=kind if word is None else spec.group_types.get(word, word),
            created=parse_time(fields.first(data, names.created)),
            updated=parse_time(fields.first(data, names.updated)),
            raw=self._connection.redactor.answer(data),
        )

    def session(self, response: JsonResponse, link: str) -> Session:
        """Return a verification that has begun. link: the names of the field with its link."""
        raw = self._connection.redactor.answer(response.data)
        token = fields.text(response.data, "BytedToken")
        return Session(self._spec.name, self.required(response, link), token, raw)

    def page(self, response: JsonResponse, page: int, parse_item: Callable[[JsonResponse], T]) -> Page[T]:
        """Return one page; `parse_item` converts each item."""
        names = self._spec.fields
        found = fields.items(response.data, names.items)
        if found is None:
            raise self._connection.unusable(response.call, f"it has no {names.items.split()[0]}")
        total = fields.count(response.data, names.total)
        return Page(
            tuple(parse_item(JsonResponse(response.call, item)) for item in found),
            fields.next_page(page, len(found), total),
            total,
        )

    def required(self, response: JsonResponse, names: str) -> str:
        """Return the text of a required field. Raise `ProviderError`."""
        found = fields.text(response.data, names)
        if found is None:
            raise self._connection.unusable(response.call, f"it has no {names.split()[0]}")
        return found

    def _status(self, data: JsonObject, *, is_new: bool) -> tuple[Status, str | None]:
        """Return the status, and the provider's name for it."""
        word = fields.text(data, self._spec.fields.status)
        if word is None:
            return ("processing" if is_new else "unknown"), None
        return self._spec.statuses.get(word.lower(), "unknown"), word

    def _shown(self, text: str | None) -> str | None:
        return None if text is None else self._connection.redactor.text(text)

    def _expiry(self, url: str) -> datetime | None:
        """Return when the URL stops working: by its signature, or else by the documented lifetime."""
        signed = expires_at(url)
        if signed is not None:
            return parse_time(signed)
        lifetime = self._spec.url_lifetime
        return None if lifetime is None else datetime.fromtimestamp(self._clock.wall(), UTC) + lifetime

    def _finding(self, code: str | None, message: str | None) -> str:
        known = finding_of(code, message, self._spec.failure_codes) or limit_in_text(message)
        return known or "provider_rejected"
