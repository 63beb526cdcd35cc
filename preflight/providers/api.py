"""What the APIs of all providers share: `BaseApi`."""

from __future__ import annotations

from typing import TypedDict

from preflight.errors import UsageError
from preflight.providers.client import ApiConnection
from preflight.providers.spec import RegistersAssets


class ListQuery(TypedDict, total=False):
    """The arguments of `ListsAssets.list`."""

    group: str | None
    status: str | None
    name: str | None
    page: str | None
    size: int | None


class BaseApi(RegistersAssets):
    """An API over a connection, with a parser of its answers. Derive from it and from the capabilities."""

    def __init__(self, connection: ApiConnection) -> None:
        from preflight.providers.parser import AnswerParser  # loads pydantic, which only calls need

        self.spec = connection.spec
        self.connection = connection
        self.parser = AnswerParser(connection)

    def paging(self, query: ListQuery) -> tuple[int, int]:
        """Return the number and the size of a page. Raise `UsageError` for a filter that the list does not have."""
        for name in sorted(query.keys() - {"page", "size"} - self.spec.filters):
            if query.get(name) is not None:
                raise UsageError(f"{self.spec.title} cannot list by {name}. Leave it out, and filter what it lists.")
        return self.page_number(query.get("page")), query.get("size") or self.spec.page_size

    def page_number(self, page: str | None) -> int:
        """Return the number of a page; None is the first."""
        if page is None:
            return 1
        if not page.isdecimal() or not 0 < int(page[:18]) < 10**9:
            raise UsageError(f"{self.spec.title}: {page[:40]!r} is not a page. Pages are counted from 1.")
        return int(page)
