"""What a provider's refusal means: `Refusal` (its own words) → `ProviderError` (ours).

`REASONS` is the one table of reasons: the exception, what happened, the remedy, whether the call may have taken effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from preflight.errors import (
    AccountRefused,
    AssetNotFound,
    ProviderError,
    ProviderUnavailable,
    ProviderUnreachable,
    RateLimited,
    RequestRefused,
    UnusableAnswer,
)
from preflight.providers.findings import words_of


class Reason(NamedTuple):
    """One kind of failure.

    ambiguous  the call may have taken effect; retryable: the same call may succeed later
    """

    error: type[ProviderError]
    what: str
    remedy: str
    ambiguous: bool = False
    retryable: bool = False


_WAIT: Final = "try again later"
_LOST: Final = "it may have taken effect all the same: look before it is repeated"

REASONS: Final[dict[str, Reason]] = {
    # the account
    "auth": Reason(AccountRefused, "the key is not accepted", "check the key, and that it belongs to this service"),
    "access_denied": Reason(
        AccountRefused,
        "this key may not do this",
        "give it the permission, or use a key of the right account or project",
    ),
    "subscription_required": Reason(
        AccountRefused,
        "the account has no plan for this, or it has expired",
        "the key is right: subscribe or renew in the service's console",
    ),
    "credits": Reason(AccountRefused, "the account has not enough credits", "top it up in the service's console"),
    "quota": Reason(
        AccountRefused, "the account's quota is used up", "delete what is no longer needed, or ask for more quota"
    ),
    "feature_disabled": Reason(
        AccountRefused, "this feature is switched off", "ask the service to switch it on for this account"
    ),
    # the call
    "not_found": Reason(
        AssetNotFound,
        "nothing has this id",
        "check the id, and that it belongs to this service, account and project (and to --endpoint, if given)",
    ),
    "invalid": Reason(RequestRefused, "it is refused", "correct what the service names"),
    "generation_failed": Reason(
        RequestRefused, "the service's task failed", "look at the file, then register it again"
    ),
    # the moment
    "rate_limited": Reason(
        RateLimited, "too many calls", "call less often, or choose the account's own plan", False, True
    ),
    "maintenance": Reason(ProviderUnavailable, "the service is under maintenance", _WAIT, False, True),
    "server": Reason(ProviderUnavailable, "the service failed", f"{_WAIT}; {_LOST}", True, True),
    # the way there and back
    "connection_failed": Reason(
        ProviderUnreachable, "no connection", "check the network, the host and the proxy, then try again", False, True
    ),
    "tls_failed": Reason(
        ProviderUnreachable, "no secure connection", "check the host, and who answers for it on this network"
    ),
    "timed_out": Reason(ProviderUnreachable, "no answer in time", _LOST, True, True),
    "connection_lost": Reason(ProviderUnreachable, "the connection was lost", _LOST, True, True),
    "redirected": Reason(
        UnusableAnswer,
        "the answer is a redirect, and keys are not sent elsewhere",
        "check the host, or give --endpoint",
    ),
    "response_invalid": Reason(
        UnusableAnswer,
        "the answer is not one of this service",
        "check the host, the proxy, and who else may answer there",
    ),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal in the provider's own words.

    status     HTTP status, or the number that the body gives in its place
    code       its word or number; message: its sentence
    retryable  whether it says so itself
    """

    status: int
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    retryable: bool | None = None


def parse_refusal(answer: object, status: int) -> Refusal:
    """The code and the sentence of an error object, whose fields are written large or small."""
    if isinstance(answer, str):
        return Refusal(status, message=answer)
    fields = {str(name).lower(): value for name, value in answer.items()} if isinstance(answer, dict) else {}
    code, message, wish = (fields.get(name) for name in ("code", "message", "retryable"))
    return Refusal(
        status,
        str(code) if isinstance(code, str | int) and str(code) else None,
        message if isinstance(message, str) and message else None,
        retryable=wish if isinstance(wish, bool) else None,
    )


def parse_coded_refusal(answer: Mapping[str, Any], status: int) -> Refusal | None:
    """The refusal of a gateway whose body's `code` stands for the HTTP status: 200, as number or text, is none."""
    said = parse_refusal(answer.get("error") or answer, status)
    if status < 400 and said.code in (None, "200"):
        return None
    number = int(said.code) if said.code and said.code.isdecimal() and len(said.code) == 3 else 0
    return replace(said, status=number) if number >= 400 else said


_MEANT: Final = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        # First the exceptions, then the rule. Sources: the common error codes of the upstream's platform
        # (docs.byteplus.com/byteplus-platform/reference/common-error-codes) and of its models (ModelArk/1299023).
        (r"SubscriptionRequired|ServiceNotOpen|ModelNotOpen", "subscription_required"),
        (r"Overdue|Insufficient(Balance|Credit|Fund|User)|InsufficientQuota", "credits"),
        (
            r"Throttl|FlowLimit|RateLimit|TooManyRequests|Q[PR][MS]\w{0,40}Exceed|[RT]PM\w{0,40}Exceed|ServerOverloaded",
            "rate_limited",
        ),
        (r"Quota\w{0,40}Exceed|SetLimitExceeded", "quota"),
        (
            r"^(Authentication|MissingAuth|MissingSignature|SignatureDoesNot|InvalidA[Pp][Ii]_?CredentialSpec|InvalidAccessKey)",
            "auth",
        ),
        (r"^(InvalidCredential|InvalidTimestamp|Invalid(Security)?Token|AccessKey\w*Exp|SessionToken)", "auth"),
        (r"^(Unauthorized$|Unauthenticated|InvalidAccountStatus)", "auth"),
        (r"^(AccessDenied|LackPolicy|Forbidden|PermissionDenied|Unauthorized|OperationDenied)", "access_denied"),
        (r"^NotFound|NotFound$|NotFound\.|NotExists?$", "not_found"),
        (r"^(Invalid|Missing|Malformed|Duplicate|AlreadyExists)", "invalid"),
        (r"^Internal(Service)?(Error|Timeout)|^Service(Unavailable|Failure)", "server"),
    )
)
_ABSENT: Final = re.compile(
    r"\b(asset|record|resource|file|group|container|item)s?\b[^.:;]{0,40}\b(not found|not exist)|不存在", re.I
)
_STATUSES: Final = {
    401: "auth",
    402: "credits",
    403: "access_denied",
    404: "not_found",
    408: "rate_limited",  # the server did not take the request in: it may be sent again
    410: "not_found",
    425: "rate_limited",
    429: "rate_limited",
}


def reason_of(said: Refusal) -> str:
    """The reason, from the words first and the status last: a plan that has expired is a 403, as a missing right is.

    >>> reason_of(Refusal(403, "SubscriptionRequired")), reason_of(Refusal(403))
    ('subscription_required', 'access_denied')
    """
    for word in words_of(said.code, said.message):
        for pattern, reason in _MEANT:
            if pattern.search(word):
                return reason
    if said.status in _STATUSES:
        return _STATUSES[said.status]
    if said.status >= 500:
        return "server"
    return "not_found" if said.message and _ABSENT.search(said.message[:2000]) else "invalid"
