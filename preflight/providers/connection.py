"""Call one provider with one account: `ApiConnection`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final
from urllib.parse import quote, urlencode

from preflight.errors import ProviderError, UsageError
from preflight.net.multipart import Multipart
from preflight.providers.capabilities import BeforeSend
from preflight.providers.client import Call, Client
from preflight.providers.credentials import Redactor
from preflight.providers.fields import JsonObject
from preflight.providers.json_api import JsonApi, JsonResponse

Middleware = Callable[[str], AbstractContextManager[object]]
"""A context manager for one call, made from the action's name; it sees the call's error."""
QueryValue = str | int | None

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,199}")


def no_middleware(_action: str) -> AbstractContextManager[object]:
    """Make the call at once."""
    return nullcontext()


class ApiConnection:
    """Makes the calls of one account at one provider.

    origins     scheme and host of each of the provider's hosts
    options     the chosen options of the provider
    middleware  entered for the time of each call
    """

    def __init__(
        self,
        title: str,
        client: Client,
        api: JsonApi,
        *,
        origins: Mapping[str, str],
        options: Mapping[str, str],
        redactor: Redactor,
    ) -> None:
        self.title = title
        self.origins = origins
        self.middleware: Middleware = no_middleware
        self.options = options
        self.redactor = redactor
        self._client = client
        self._api = api

    def ask(  # noqa: PLR0913 - a request has these parts
        self,
        action: str,
        method: str,
        path: str,
        body: JsonObject | Multipart | None = None,
        *,
        query: Mapping[str, QueryValue] | None = None,
        host: str = "main",
        name: str | None = None,
        empty: bool = False,
        before_send: BeforeSend | None = None,
    ) -> JsonResponse:
        """Make a call and return its response. Fields and parameters that are None are left out.

        name         what the provider calls it; without it the method and the path
        empty        a response without a body is valid
        before_send  called right before the request is sent, once its turn has come

        Raise `ProviderError`, and what `before_send` raises.
        """
        url = self.origins[host] + path
        if query is not None:
            given = {name: value for name, value in query.items() if value is not None}
            url += f"?{urlencode(given, quote_via=quote, safe='-_.~')}" if given else ""
        data: bytes | Multipart | None = None
        headers = {}
        if isinstance(body, Multipart):
            data, headers = body, {"Content-Type": body.content_type}
        elif body is not None:
            data = self._encode({name: value for name, value in body.items() if value is not None})
            headers = {"Content-Type": "application/json"}
        reads = action.startswith(("get", "list"))
        call = Call(action, name or f"{method} {path}", method, url, data, headers, reads, empty)
        with self.middleware(action):
            if before_send is not None:
                before_send()
            return self._api.ask(call)

    def unusable(self, response: JsonResponse, detail: str) -> ProviderError:
        """Return the error for a response that is not in this provider's format."""
        return self._api.unusable(response.call, detail)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._client.close()

    def check_id(self, asset: str) -> str:
        """Return an id if it is safe in a path: `..` would turn it into another call. Raise `UsageError`."""
        if not _ID.fullmatch(asset):
            shown = self.redactor.text(asset, 80)
            raise UsageError(f"{self.title}: {shown!r} is not an id. Copy it from `assets list`.")
        return asset

    def _encode(self, body: JsonObject) -> bytes:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"{self.title}: a name or URL has bytes that are not text. Give another name=.", parameters=("name",)
            ) from None
