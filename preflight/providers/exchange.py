"""One call and its answer, in JSON: `Exchange`. Whatever is not a plain success becomes a `ProviderError`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from preflight.codes import CODES
from preflight.errors import ProviderError
from preflight.providers.client import Call, CallResponse, Client, TransportError
from preflight.providers.redaction import Redactor
from preflight.providers.refusals import PROVIDER_FAULTS, REASONS, Refusal, finding_of, reason_of

Judge = Callable[[int, Mapping[str, Any]], Refusal | None]
"""(HTTP status, answer) → the refusal that the answer is; None where it is none."""

_EPOCH: Final = 1e9
"""A reset time above this many seconds is a date, below it a waiting time."""


class Exchange:
    """Asks one provider. `reasons` are its own codes that say more than they would elsewhere."""

    def __init__(
        self,
        provider: str,
        title: str,
        client: Client,
        redactor: Redactor,
        judge: Judge,
        codes: Mapping[str, str],
        reasons: Mapping[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        self._provider = provider
        self._title = title
        self._client = client
        self._redactor = redactor
        self._judge = judge
        self._codes = codes
        self._reasons = reasons
        self._clock = clock

    def ask(self, call: Call) -> dict[str, Any]:
        """The JSON object that answers `call`. Raises `ProviderError`."""
        try:
            answer = self._client.send(call)
        except TransportError as lost:
            failure = self._error(call, lost.reason, detail=str(lost), ambiguous=lost.sent)
        else:
            return self._understood(call, answer)
        raise failure

    def unusable(self, call: Call, detail: str, status: int | None = None) -> ProviderError:
        """The error for an answer whose shape is not this provider's: a call that changes things may have done so."""
        acted = status is None or 200 <= status < 300 or status >= 500
        return self._error(call, "response_invalid", status=status, detail=detail, ambiguous=acted)

    def _understood(self, call: Call, answer: CallResponse) -> dict[str, Any]:
        status = answer.status
        if 300 <= status < 400:
            # Only 303 says that the call was carried out and that its result stands elsewhere (RFC 9110 15.4.4).
            place = urlsplit(answer.headers.get("location", "")).hostname or "another place on this host"
            raise self._error(call, "redirected", status=status, detail=f"to {place}", ambiguous=status == 303)
        body = _object(answer.body)
        if body is None:
            if call.empty and 200 <= status < 300 and not answer.body.strip():
                return {}
            if status == 429 or status >= 500:
                raise self._refused(call, answer, Refusal(status, message=_kind(answer)))
            raise self.unusable(call, _kind(answer), status)
        said = self._judge(status, body)
        if said is None and 200 <= status < 300:
            return body
        raise self._refused(call, answer, said or Refusal(status))

    def _refused(self, call: Call, answer: CallResponse, said: Refusal) -> ProviderError:
        finding = finding_of(said.code, said.message, self._codes)
        reason = self._reasons.get(said.code or "") or reason_of(said)
        if finding in PROVIDER_FAULTS:
            finding = None
        if finding is not None:
            reason = "invalid"
        if reason == "access_denied" and answer.headers.get("x-ratelimit-remaining", "").strip() == "0":
            reason = "rate_limited"
        return self._error(
            call,
            reason,
            status=answer.status,
            code=said.code,
            detail=said.message or "",
            finding=finding,
            retryable=said.retryable,
            retry_after=self._wait(answer.headers) if REASONS[reason].retryable else None,
            request_id=said.request_id or answer.headers.get("x-request-id"),
        )

    def _error(
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
        remedy = CODES[finding].explanation.rstrip(".") if finding else known.remedy
        shown = "" if code is None or code == str(status) else f"code {code}" if code.isdecimal() else code
        said = ", ".join(fact for fact in (f"HTTP {status}" if status else "", shown) if fact)
        said = ": ".join(part for part in (said, self._redactor.text(detail)) if part)
        return known.error(
            f"{self._title}: {call.name}: {known.what}{f' ({said})' if said else ''}: {remedy}",
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

    def _wait(self, headers: Mapping[str, str]) -> float | None:
        """S to wait, by Retry-After (seconds or a date) or else by the time at which the limit starts anew."""
        given = headers.get("retry-after", "").strip()
        wait = _number(given)
        if wait is None and given:
            try:
                wait = (parsedate_to_datetime(given) - self._clock()).total_seconds()
            except (TypeError, ValueError, OverflowError):
                wait = None
        if wait is None and headers.get("x-ratelimit-remaining", "").strip() == "0":
            wait = _number(headers.get("x-ratelimit-reset", ""))
            if wait is not None and wait > _EPOCH:
                wait -= self._clock().timestamp()
        return None if wait is None else max(0.0, wait)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`; None where there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _kind(answer: CallResponse) -> str:
    """What came instead of a JSON object."""
    start = answer.body[:512].lstrip().lower()
    if not start:
        return "it is empty"
    if start.startswith(b"<") or "html" in answer.headers.get("content-type", "").lower():
        return "it is a web page"
    return "it is no JSON object"
