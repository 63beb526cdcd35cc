"""How a provider's answers become assets, groups and pages: `Answers`, on which `Calls` stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from preflight.net.urls import expires_at
from preflight.providers import fields
from preflight.providers.asset import Asset, Group, Page, Status, parse_time
from preflight.providers.client import Call
from preflight.providers.exchange import Exchange
from preflight.providers.fields import Fields
from preflight.providers.findings import RETRYABLE, UPSTREAM, finding_of
from preflight.providers.redaction import Redactor


class Answers:
    """The words of one provider's answers. See `Provider` for the class data."""

    name: ClassVar[str]
    title: ClassVar[str]
    kinds: ClassVar[Mapping[str, str | None]] = {"image": "image", "video": "video", "audio": "audio"}
    statuses: ClassVar[Mapping[str, Status]] = {"processing": "processing", "active": "active", "failed": "failed"}
    group_types: ClassVar[Mapping[str, str | None]] = {}
    fields: ClassVar[Fields]
    reference: ClassVar[str | None] = "asset://{}"
    usage: ClassVar[Mapping[str, str]] = {}
    failure_codes: ClassVar[Mapping[str, str]] = UPSTREAM
    retryable_failures: ClassVar[frozenset[str]] = RETRYABLE
    url_lifetime: ClassVar[timedelta | None] = None

    _exchange: Exchange
    _redactor: Redactor
    _clock: Callable[[], datetime]

    def _reference_of(self, ids: Mapping[str, str], asset: str) -> str | None:
        """What stands for the asset in a generation request."""
        return self.reference.format(asset) if self.reference else None

    def _asset(
        self,
        call: Call,
        data: Mapping[str, Any],
        *,
        status: Status = "unknown",
        kind: str | None = None,
        name: str | None = None,
        group: str | None = None,
        source: str | None = None,
        why: str | None = None,
    ) -> Asset:
        """An asset out of an answer; what the answer leaves out is as the arguments say. why: it failed, if it did."""
        names = self.fields
        found = self._found(call, data, names.id)
        ids = {field: value for field in (names.id, *names.ids.split()) if (value := fields.text(data, field))}
        word = fields.text(data, names.status)
        if word is not None:
            status = self.statuses.get(word.lower(), "unknown")
        kind = self.kinds.get((fields.text(data, names.type) or "").lower(), kind)
        code, message = fields.failure(data) if status == "failed" else (None, None)
        message = message or (why if status == "failed" else None)
        url = fields.text(data, names.url)
        return Asset(
            id=found,
            provider=self.name,
            status=status,
            kind=kind,
            reference=None if status == "failed" else self._reference_of(ids, found),
            name=fields.text(data, names.name) or name,
            group=fields.text(data, names.group) or group,
            url=url,
            url_expires=None if url is None else self._expiry(url),
            source=fields.text(data, names.source) or source,
            error_code=None if status != "failed" else self._finding(code, message),
            error_message=self._shown(message),
            provider_code=self._shown(code),
            provider_status=self._shown(word),
            created=parse_time(fields.first(data, names.created)),
            updated=parse_time(fields.first(data, names.updated)),
            usage=self.usage.get(kind or "", self.usage.get("")),
            ids=ids,
            raw=self._redactor.answer(data),
        )

    def _group(
        self,
        call: Call,
        data: Mapping[str, Any],
        *,
        kind: str | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> Group:
        """A group out of an answer; what the answer leaves out is as the arguments say."""
        names = self.fields
        word = fields.text(data, names.group_type)
        return Group(
            id=self._found(call, data, "GroupId group_id Id id"),
            provider=self.name,
            name=fields.text(data, names.name) or name,
            description=fields.text(data, names.description) or description,
            type=kind if word is None else self.group_types.get(word, word),
            created=parse_time(fields.first(data, names.created)),
            updated=parse_time(fields.first(data, names.updated)),
            raw=self._redactor.answer(data),
        )

    def _page(
        self, call: Call, data: Mapping[str, Any], page: int, read: Callable[[Mapping[str, Any]], Any]
    ) -> Page[Any]:
        """A page out of an answer, each of whose items `read` makes something of."""
        found = fields.items(data, self.fields.items)
        if found is None:
            raise self._exchange.unusable(call, f"it has no {self.fields.items.split()[0]}")
        total = fields.count(data, self.fields.total)
        return Page(tuple(map(read, found)), fields.following(page, len(found), total), total)

    def _found(self, call: Call, data: Mapping[str, Any], names: str) -> str:
        found = fields.text(data, names)
        if found is None:
            raise self._exchange.unusable(call, f"it has no {names.split()[0]}")
        return found

    def _shown(self, text: str | None) -> str | None:
        return None if text is None else self._redactor.text(text)

    def _expiry(self, url: str) -> datetime | None:
        """When the URL stops working: as its signature says, or else as a page says."""
        signed = expires_at(url)
        if signed is not None:
            return parse_time(signed)
        return None if self.url_lifetime is None else self._clock() + self.url_lifetime

    def _finding(self, code: str | None, message: str | None) -> str:
        return finding_of(code, message, self.failure_codes) or "provider_rejected"
