"""A provider's assets, a page or all of them: filters that its own list lacks are applied here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from preflight.errors import UsageError
from preflight.providers import Asset, Page, Provider
from preflight.rates import Clock
from preflight.submission.patience import call_idempotent
from preflight.submission.recover import iter_pages, with_details


@dataclass(frozen=True, slots=True)
class Filter:
    """What is wanted; None takes everything. `group` is an id, `name` a part of names, as it is written."""

    group: str | None = None
    state: str | None = None
    kind: str | None = None
    name: str | None = None

    def takes(self, name: str | None, kind: str | None, state: str) -> bool:
        """Whether something with these facts is wanted; groups are not looked at."""
        return (
            self.state in (None, state)
            and self.kind in (None, kind)
            and (self.name is None or self.name in (name or ""))
        )


class Listing:
    """Lists one provider's assets, or its trash. Raises `UsageError` where it cannot."""

    def __init__(
        self, provider: Provider, clock: Clock, wanted: Filter, *, trash: bool = False, size: int | None = None
    ) -> None:
        if trash and wanted.group is not None:
            raise UsageError("a trash is listed whole: leave --group out")
        if wanted.group is not None and "group" not in provider.filters:
            raise UsageError(f"{provider.title} has no groups: leave --group out")
        self._provider = provider
        self._clock = clock
        self._wanted = wanted
        self._size = size
        given = {"group": wanted.group, "status": wanted.state, "name": wanted.name}
        filters = {} if trash else {name: value for name, value in given.items() if name in provider.filters}
        self._turn: Callable[..., Page[Asset]] = provider.list_trash if trash else provider.list
        self._filters: dict[str, Any] = filters

    def page(self, page: str) -> Page[Asset]:
        """One page; where a filter is applied here it may hold fewer items than others, or none."""
        found = self._turned(page)
        return replace(found, items=tuple(self._chosen(found.items)))

    def all(self) -> Iterator[Asset]:
        """The assets of all pages, each once."""
        return self._chosen(iter_pages(self._turned))

    def _turned(self, page: str | None) -> Page[Asset]:
        return call_idempotent(lambda: self._turn(page=page, size=self._size, **self._filters), self._clock)

    def _chosen(self, assets: Iterator[Asset] | tuple[Asset, ...]) -> Iterator[Asset]:
        for asset in assets:
            with_details = self._whole(asset)
            if self._wanted.takes(with_details.name, with_details.kind, with_details.status):
                yield with_details

    def _whole(self, asset: Asset) -> Asset:
        """The asset with what a list leaves out, where a filter needs that."""
        if self._wanted.name is None:
            return asset
        return call_idempotent(lambda: with_details(self._provider, asset), self._clock)
