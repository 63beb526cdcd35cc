"""Call one provider with one account: `ApiConnection`. Everything but success raises `ProviderError`.

No retries, no redirects, nothing from the environment but a CA bundle: no netrc entry (it would replace the key), no
proxy that was not requested.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from preflight.clock import Clock
from preflight.codes import CODES
from preflight.errors import ProviderError, SourceChanged, SourceError, UsageError
from preflight.net.bodies import DECODABLE, Body, DecodedBody, content_codings
from preflight.net.connections import Budget
from preflight.net.errors import RequestFailed, TransientError
from preflight.net.multipart import Multipart
from preflight.net.options import HttpOptions, check_proxy
from preflight.net.response import retry_after
from preflight.net.transport import HttpRequest, Timeouts, Transport
from preflight.net.urls import parse_url
from preflight.providers.credentials import Auth, Call, Redactor
from preflight.providers.refusals import (
    PROVIDER_FAULTS,
    REASONS,
    JsonObject,
    Refusal,
    classify_refusal,
    finding_of,
    limit_in_text,
    reason_of_status,
)
from preflight.providers.spec import BeforeSend, ProviderSpec
from preflight.version import VERSION

Middleware = Callable[[str], AbstractContextManager[object]]
"""Returns a context manager for one call of an action; it sees the error of the call."""
QueryValue = str | int | None

MAX_RESPONSE_BYTES: Final = 4 << 20
"""Maximum bytes of a decoded response; the longest lists are far shorter."""
_MAX_CONNECTIONS: Final = 64
"""Connections that are kept open to one host: as many as there are calls at the same time."""
_OVERHEAD: Final = 1 << 20
"""Maximum bytes that headers and framing add to a response."""
_MIN_EPOCH: Final = 1e9
"""Reset times above this many seconds are dates; below it they are delays."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,199}")


@dataclass(frozen=True, slots=True)
class CallResponse:
    """The response to a call. `headers` by names in lower case; `body` decoded; a redirect's is not read."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """The JSON object that answered a call."""

    call: Call
    data: JsonObject

    def unwrap(self, name: str) -> JsonResponse:
        """Return the object in an envelope; an answer that comes without its envelope is the object itself."""
        value = self.data.get(name, self.data)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        return JsonResponse(self.call, value if isinstance(value, dict) else {})


def no_middleware(_action: str) -> AbstractContextManager[object]:
    """Make the call at once."""
    return nullcontext()


class ApiConnection:
    """Makes the calls of one account at one provider. Safe to use from several threads.

    origins     scheme and host of each of the provider's hosts
    options     the chosen options of the provider
    middleware  entered for each call
    timeout     seconds to connect, and seconds without a byte of the response; the whole response may take twice those
    """

    def __init__(  # noqa: PLR0913 - an account, and how it is reached
        self,
        spec: ProviderSpec,
        auth: Auth,
        redactor: Redactor,
        *,
        origins: Mapping[str, str],
        options: Mapping[str, str],
        middleware: Middleware,
        clock: Clock,
        timeout: tuple[float, float],
        proxy: str | None,
        ca_bundle: str | None,
    ) -> None:
        self.spec = spec
        self.origins = origins
        self.options = options
        self.middleware = middleware
        self.redactor = redactor
        self.clock = clock
        self._auth = auth
        if proxy is not None:
            check_proxy(proxy, ("http", "https"))
        self._timeouts = Timeouts(2 * timeout[1], *timeout)
        # The provider's address is the user's choice, so it may be private; metadata services are refused all the same.
        http = HttpOptions(
            2 * timeout[1], allow_private=True, proxy=proxy, ca_bundle=ca_bundle, per_host=_MAX_CONNECTIONS
        )
        self._transport = Transport(http)

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
        if given := _without_none(query or {}):
            url += f"?{urlencode(given, quote_via=quote, safe='-_.~')}"
        data: bytes | Multipart = b""
        headers = {}
        if isinstance(body, Multipart):
            data, headers = body, {"Content-Type": body.content_type}
        elif body is not None:
            data, headers = self._encode(_without_none(body)), {"Content-Type": "application/json"}
        reads = action.startswith(("get", "list"))
        call = Call(action, name or f"{method} {path}", method, url, data, headers, reads, empty)
        with self.middleware(action):
            if before_send is not None:
                before_send()
            return JsonResponse(call, self._parse(call, self._send(call)))

    def unusable(self, call: Call, detail: str, status: int | None = None) -> ProviderError:
        """Return the error for a response that is not in this provider's format. The call may have taken effect.

        A call that only reads may be repeated: sometimes a gateway answers in place of the provider.
        """
        acted = status is None or 200 <= status < 300 or status >= 500
        return self._error(
            call, "response_invalid", status=status, detail=detail, ambiguous=acted, retryable=acted and call.reads
        )

    def close(self) -> None:
        """Close the connections that are kept."""
        self._transport.close()

    def check_id(self, asset: str) -> str:
        """Return an id if it is safe in a path: `..` would turn it into another call. Raise `UsageError`."""
        if not _ID.fullmatch(asset):
            shown = self.redactor.text(asset, 80)
            raise UsageError(f"{self.spec.title}: {shown!r} is not an id. Copy it from `assets list`.")
        return asset

    def _encode(self, body: JsonObject) -> bytes:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"{self.spec.title}: a name or URL has bytes that are not text. Give another name=.",
                parameters=("name",),
            ) from None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.wall(), UTC)

    def _send(self, call: Call) -> CallResponse:
        """Send a call, signed at this moment, and return its response. Raise `ProviderError`."""
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"preflight/{VERSION}",
            **call.headers,
            **self._auth.headers(call, self._now()),
        }
        try:
            request = HttpRequest(call.method, parse_url(call.url), headers, call.body)
            with closing(self._transport.send(request, self._timeouts)) as response:
                response.charge(Budget(MAX_RESPONSE_BYTES + _OVERHEAD, "for this response"))
                content: Body = response
                if (coding := content_codings(response.header("content-encoding"))) in DECODABLE:
                    content = DecodedBody(response, coding, self.spec.title)
                body = b"" if 300 <= response.status < 400 else content.read(MAX_RESPONSE_BYTES + 1)
            if len(body) <= MAX_RESPONSE_BYTES:
                return CallResponse(response.status, response.headers, body)
            reason, detail, sent = "response_invalid", f"it is longer than {MAX_RESPONSE_BYTES:,} bytes", True
        except SourceChanged:  # raised while the file to upload is read
            raise
        except SourceError as error:
            reason, detail, sent = _failure(error)
        # Outside `except`, so that no traceback keeps the request and its headers.
        if reason == "response_invalid":
            raise self.unusable(call, detail)
        raise self._error(call, reason, detail=detail, ambiguous=sent)

    def _parse(self, call: Call, response: CallResponse) -> JsonObject:
        status = response.status
        if 300 <= status < 400:
            # Only 303 says that the call was carried out and that its result is elsewhere (RFC 9110 15.4.4).
            host = urlsplit(response.headers.get("location", "")).hostname or "another place on this host"
            raise self._error(call, "redirected", status=status, detail=f"to {host}", ambiguous=status == 303)
        body = _json_object(response.body, self.redactor)
        if body is None:
            if call.empty and 200 <= status < 300 and not response.body.strip():
                return {}
            if status == 429 or status >= 500:
                raise self._refused(call, response, Refusal(status, message=_describe(response)))
            raise self.unusable(call, _describe(response), status)
        refusal = self.spec.parse_refusal(status, body)
        if refusal is None and 200 <= status < 300:
            return body
        raise self._refused(call, response, refusal or Refusal(status))

    def _refused(self, call: Call, response: CallResponse, refusal: Refusal) -> ProviderError:
        reason, finding = self._classify(response.status, refusal)
        if reason == "access_denied" and response.headers.get("x-ratelimit-remaining", "").strip() == "0":
            reason = "rate_limited"
        return self._error(
            call,
            reason,
            status=response.status,
            code=refusal.code,
            detail=refusal.message or "",
            finding=finding,
            retryable=refusal.retryable,
            retry_after=self._retry_after(response.headers) if REASONS[reason].retryable else None,
            request_id=refusal.request_id or response.headers.get("x-request-id"),
        )

    def _classify(self, status: int, refusal: Refusal) -> tuple[str, str | None]:
        """Return the reason and, if a file is refused, the finding: by the status first, then by code and message."""
        documented = self.spec.reasons.get(refusal.code or "")
        decided = reason_of_status(refusal, status, is_documented=documented is not None)
        if decided is not None:
            return decided, None
        finding = finding_of(refusal.code, refusal.message, self.spec.failure_codes)
        if finding is not None and finding not in PROVIDER_FAULTS:
            return "invalid", finding
        reason = documented or classify_refusal(refusal)
        return reason, limit_in_text(refusal.message) if reason == "invalid" else None

    def _error(  # noqa: PLR0913 - the attributes of the error
        self,
        call: Call,
        reason: str,
        *,
        status: int | None = None,
        code: str | None = None,
        detail: str = "",
        finding: str | None = None,
        ambiguous: bool | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> ProviderError:
        known = REASONS[reason]
        code = self.redactor.text(code, 100) if code else None
        remedy = CODES[finding].explanation if finding else known.remedy
        shown = "" if code is None or code == str(status) else f"code {code}" if code.isdecimal() else code
        details = ", ".join(fact for fact in (f"HTTP {status}" if status else "", shown) if fact)
        details = ": ".join(part for part in (details, self.redactor.text(detail)) if part)
        return known.error(
            f"{self.spec.title}: {call.name}: {known.what}{f' ({details})' if details else ''}. {remedy}",
            provider=self.spec.name,
            call=call.name,
            reason=reason,
            status=status,
            code=code,
            finding=finding,
            remedy=remedy,
            ambiguous=(known.ambiguous if ambiguous is None else ambiguous) and not call.reads,
            retryable=known.retryable if retryable is None else retryable,
            retry_after=retry_after,
            request_id=self.redactor.text(request_id, 100) if request_id else None,
        )

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        """Return the seconds to wait, by Retry-After (seconds or a date) or else by the time of the reset."""
        given = headers.get("retry-after", "").strip()
        wait = _number(given)
        if wait is None:
            wait = retry_after(given, self.clock.wall())
        if wait is None and headers.get("x-ratelimit-remaining", "").strip() == "0":
            wait = _number(headers.get("x-ratelimit-reset", ""))
            if wait is not None and wait > _MIN_EPOCH:
                wait -= self.clock.wall()
        return None if wait is None else max(0.0, wait)


def _failure(error: SourceError) -> tuple[str, str, bool]:
    """Return the reason, the detail without any URL, and whether the call may have arrived."""
    if not isinstance(error, RequestFailed):
        if error.code == "response_invalid":
            return error.code, "its coding cannot be read", True
        return "connection_failed", "the host's name is not valid", False
    if not error.sent:
        return ("tls_failed" if error.code == "tls_failed" else "connection_failed"), error.detail, False
    return ("connection_lost" if isinstance(error, TransientError) else error.code), error.detail, True


def _without_none(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _json_object(body: bytes, redactor: Redactor) -> JsonObject | None:
    """Return the JSON object in `body` without keys, which some servers repeat; None if there is none."""
    try:
        value = redactor.without_keys(json.loads(body))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _describe(response: CallResponse) -> str:
    """Describe a body that is not a JSON object."""
    start = response.body[:512].lstrip().lower()
    if not start:
        return "it is empty"
    if start.startswith(b"<") or "html" in response.headers.get("content-type", "").lower():
        return "it is a web page"
    return "it is not a JSON object"
