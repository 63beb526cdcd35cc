"""Send JSON requests to a provider, and raise `ProviderError` for everything but success: `JsonApi`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from preflight.codes import CODES
from preflight.errors import ProviderError
from preflight.providers import fields
from preflight.providers.client import Call, CallResponse, Client, TransportError
from preflight.providers.credentials import Redactor
from preflight.providers.fields import JsonObject
from preflight.providers.refusals import (
    PROVIDER_FAULTS,
    REASONS,
    Refusal,
    classify_refusal,
    finding_of,
    limit_in_text,
    reason_of_status,
)

ParseRefusal = Callable[[int, JsonObject], Refusal | None]
"""(HTTP status, answer) → the refusal in the answer; None if it is not a refusal."""

_MIN_EPOCH: Final = 1e9
"""Reset times above this many seconds are dates; below it they are delays."""


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """The JSON object that answered a call."""

    call: Call
    data: JsonObject

    def unwrap(self, name: str) -> JsonResponse:
        """Return the object in an envelope as the response."""
        return JsonResponse(self.call, fields.unwrap(self.data, name))


class JsonApi:
    """Sends JSON requests to one provider; everything but success becomes a `ProviderError`.

    failure_codes  the provider's words for what is wrong with a file → `preflight.codes.CODES`
    reasons        its codes → `REASONS`, if they mean more than elsewhere
    """

    def __init__(  # noqa: PLR0913 - what the errors of one provider are made of
        self,
        provider: str,
        title: str,
        client: Client,
        redactor: Redactor,
        *,
        parse_refusal: ParseRefusal,
        failure_codes: Mapping[str, str],
        reasons: Mapping[str, str],
        now: Callable[[], datetime],
    ) -> None:
        self._provider = provider
        self._title = title
        self._client = client
        self._redactor = redactor
        self._parse_refusal = parse_refusal
        self._failure_codes = failure_codes
        self._reasons = reasons
        self._now = now

    def ask(self, call: Call) -> JsonResponse:
        """Send a call and return its response. Raise `ProviderError`."""
        try:
            response = self._client.send(call)
        except TransportError as error:
            failure = self._error(call, error.reason, detail=str(error), ambiguous=error.sent)
        else:
            return JsonResponse(call, self._parse(call, response))
        raise failure

    def unusable(self, call: Call, detail: str, status: int | None = None) -> ProviderError:
        """Return the error for a response that is not in this provider's format; the call may have taken effect.

        A call that only reads may be made again: a gateway sometimes answers in place of the provider.
        """
        acted = status is None or 200 <= status < 300 or status >= 500
        return self._error(
            call, "response_invalid", status=status, detail=detail, ambiguous=acted, retryable=acted and call.reads
        )

    def _parse(self, call: Call, response: CallResponse) -> JsonObject:
        status = response.status
        if 300 <= status < 400:
            # Only 303 says that the call was carried out and that its result is elsewhere (RFC 9110 15.4.4).
            host = urlsplit(response.headers.get("location", "")).hostname or "another place on this host"
            raise self._error(call, "redirected", status=status, detail=f"to {host}", ambiguous=status == 303)
        body = _json_object(response.body)
        if body is None:
            if call.empty and 200 <= status < 300 and not response.body.strip():
                return {}
            if status == 429 or status >= 500:
                raise self._refused(call, response, Refusal(status, message=_describe(response)))
            raise self.unusable(call, _describe(response), status)
        refusal = self._parse_refusal(status, body)
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
        documented = self._reasons.get(refusal.code or "")
        decided = reason_of_status(refusal, status, is_documented=documented is not None)
        if decided is not None:
            return decided, None
        finding = finding_of(refusal.code, refusal.message, self._failure_codes)
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
        code = self._redactor.text(code, 100) if code else None
        remedy = CODES[finding].explanation if finding else known.remedy
        shown = "" if code is None or code == str(status) else f"code {code}" if code.isdecimal() else code
        details = ", ".join(fact for fact in (f"HTTP {status}" if status else "", shown) if fact)
        details = ": ".join(part for part in (details, self._redactor.text(detail)) if part)
        return known.error(
            f"{self._title}: {call.name}: {known.what}{f' ({details})' if details else ''}. {remedy}",
            provider=self._provider,
            call=call.name,
            reason=reason,
            status=status,
            code=code,
            finding=finding,
            remedy=remedy,
            ambiguous=(known.ambiguous if ambiguous is None else ambiguous) and not call.reads,
            retryable=known.retryable if retryable is None else retryable,
            retry_after=retry_after,
            request_id=self._redactor.text(request_id, 100) if request_id else None,
        )

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        """Return the seconds to wait, by Retry-After (seconds or a date) or else by the time of the reset."""
        given = headers.get("retry-after", "").strip()
        wait = _number(given)
        if wait is None and given:
            try:
                wait = (parsedate_to_datetime(given) - self._now()).total_seconds()
            except (TypeError, ValueError, OverflowError):
                wait = None
        if wait is None and headers.get("x-ratelimit-remaining", "").strip() == "0":
            wait = _number(headers.get("x-ratelimit-reset", ""))
            if wait is not None and wait > _MIN_EPOCH:
                wait -= self._now().timestamp()
        return None if wait is None else max(0.0, wait)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _json_object(body: bytes) -> JsonObject | None:
    """Return the JSON object in `body`; None if there is none."""
    try:
        value = json.loads(body)
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
