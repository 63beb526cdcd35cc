"""Classify a provider's refusal: `Refusal` (the provider's codes) → a reason and a finding (preflight's codes).

`REASONS` is the one table of reasons: the exception, what happened, the remedy, whether the call may have taken effect.
`UPSTREAM_CODES` is the table of findings: what the upstream's codes say about a file. `limit_in_text` finds
the limit in a sentence where no code names one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

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

JsonObject = Mapping[str, object]


class Reason(NamedTuple):
    """One kind of failure.

    ambiguous  the call may have taken effect; retryable: the same call may succeed later
    """

    error: type[ProviderError]
    what: str
    remedy: str
    ambiguous: bool = False
    retryable: bool = False


_WAIT: Final = "Try again later."
_LOST: Final = "The call may have taken effect. Look it up before you repeat it."

REASONS: Final[dict[str, Reason]] = {
    # the account
    "auth": Reason(AccountRefused, "the key is not accepted", "Check the key, and that it belongs to this service."),
    "access_denied": Reason(
        AccountRefused,
        "this key may not do this",
        "Give it the permission, or use a key of the right account or project.",
    ),
    "subscription_required": Reason(
        AccountRefused,
        "the account has no plan for this, or it has expired",
        "Subscribe or renew in the service's console; the key is right.",
    ),
    "credits": Reason(AccountRefused, "the account has too few credits", "Add credits in the service's console."),
    "quota": Reason(
        AccountRefused, "the account's quota is used up", "Delete what is no longer needed, or ask for more quota."
    ),
    "feature_disabled": Reason(
        AccountRefused, "this feature is switched off", "Ask the service to switch it on for this account."
    ),
    # the call
    "not_found": Reason(
        AssetNotFound,
        "nothing has this id",
        "Check the id, and that it belongs to this service, account, project and endpoint.",
    ),
    "invalid": Reason(RequestRefused, "it is refused", "Correct what the service names."),
    "generation_failed": Reason(RequestRefused, "the service's task failed", "Check the file, then register it again."),
    # temporary
    "rate_limited": Reason(
        RateLimited, "too many calls", "Call less often, or set the account's rate.", retryable=True
    ),
    "maintenance": Reason(ProviderUnavailable, "the service is under maintenance", _WAIT, retryable=True),
    "server": Reason(ProviderUnavailable, "the service failed", f"{_WAIT} {_LOST}", ambiguous=True, retryable=True),
    # the network and the response
    "connection_failed": Reason(
        ProviderUnreachable,
        "no connection",
        "Check the network, the host and the proxy, then try again.",
        retryable=True,
    ),
    "tls_failed": Reason(
        ProviderUnreachable,
        "no secure connection",
        "Check the host, who answers for it on this network, and the CA bundle.",
    ),
    "timed_out": Reason(ProviderUnreachable, "no response in time", _LOST, ambiguous=True, retryable=True),
    "connection_lost": Reason(ProviderUnreachable, "the connection was lost", _LOST, ambiguous=True, retryable=True),
    "redirected": Reason(
        UnusableAnswer,
        "the response is a redirect, and keys are not sent elsewhere",
        "Check the host and the endpoint.",
    ),
    "response_invalid": Reason(
        UnusableAnswer,
        "the response is not in the service's format",
        "Check the host, the proxy, and who else may answer there.",
    ),
}


def as_text(value: object) -> str | None:
    """Return a value of an answer as text; None if it is empty, or neither text nor a number."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal with the provider's codes and message.

    status     HTTP status, or the number in the body that replaces it
    code       its code, a word or a number
    retryable  True or False if the provider says so
    """

    status: int
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    retryable: bool | None = None


ParseRefusal = Callable[[int, JsonObject], Refusal | None]
"""(HTTP status, answer) → the refusal in the answer; None if it is not a refusal."""


def parse_refusal(status: int, answer: object) -> Refusal:
    """Return the code and the message of an error object, whose fields may be in upper or lower case."""
    if isinstance(answer, str):
        return Refusal(status, message=answer)
    fields = {str(name).lower(): value for name, value in answer.items()} if isinstance(answer, dict) else {}
    code, message, retryable = (fields.get(name) for name in ("code", "message", "retryable"))
    return Refusal(
        status,
        str(code) if isinstance(code, str | int) and str(code) else None,
        message if isinstance(message, str) and message else None,
        retryable=retryable if isinstance(retryable, bool) else None,
    )


def parse_status_refusal(status: int, answer: JsonObject) -> Refusal | None:
    """Return the refusal of a provider whose HTTP status says whether it is one."""
    return None if status < 400 else parse_refusal(status, answer.get("error") or answer)


def parse_coded_refusal(status: int, answer: JsonObject) -> Refusal | None:
    """Return the refusal of a gateway whose `code`, a number or text, is an HTTP status; None if it is 200."""
    refusal = parse_refusal(status, answer.get("error") or answer)
    return None if status < 400 and refusal.code in (None, "200") else with_coded_status(refusal)


def with_coded_status(refusal: Refusal) -> Refusal:
    """Return the refusal with the HTTP status that a gateway gives as its code; unchanged for any other code."""
    is_status = refusal.code is not None and refusal.code.isdecimal() and len(refusal.code) == 3
    number = int(refusal.code or 0) if is_status else 0
    return replace(refusal, status=number) if number >= 400 else refusal


UPSTREAM_CODES: Final[dict[str, str]] = {
    "AspectRatioTooLarge": "aspect_ratio_too_large",
    "AspectRatioTooSmall": "aspect_ratio_too_small",
    "AudioTrackForbidden": "audio_track_forbidden",
    "AudioTrackRequired": "audio_track_required",
    "ContentRestricted": "content_restricted",
    "DownloadFailed": "download_failed",
    "DurationTooLong": "duration_too_long",
    "DurationTooShort": "duration_too_short",
    "FaceMismatch": "face_mismatch",
    "FileSizeTooLarge": "file_size_too_large",
    "FormatUndetectable": "format_undetectable",
    "FormatUnsupported": "format_unsupported",
    "FpsTooHigh": "fps_too_high",
    "FpsTooLow": "fps_too_low",
    "HeightTooLarge": "height_too_large",
    "HeightTooSmall": "height_too_small",
    "InternalError": "provider_internal",
    "ModerationServiceErrorUploadFailed": "moderation_failed",
    "PixelCountTooLarge": "pixel_count_too_large",
    "PixelCountTooSmall": "pixel_count_too_small",
    "TranscodingFailed": "transcoding_failed",
    "TypeMismatch": "type_mismatch",
    "WidthTooLarge": "width_too_large",
    "WidthTooSmall": "width_too_small",
}
RETRYABLE_FAILURES: Final = frozenset({"download_failed", "moderation_failed", "provider_internal"})
"""Failures of an asset after which a new registration may succeed."""
PROVIDER_FAULTS: Final = frozenset({"moderation_failed", "provider_internal"})
"""Findings that say nothing about the file: as the answer to a call they are a failure of the provider."""
_SENSITIVE: Final = re.compile(r"SensitiveContentDetected|RiskDetection")


def finding_of(code: str | None, message: str | None, codes: Mapping[str, str]) -> str | None:
    """Return the finding for the code or message of a failure, by `codes`; None if none matches.

    >>> finding_of("InvalidParameter.PixelCountTooSmall", None, UPSTREAM_CODES)
    'pixel_count_too_small'
    """
    for word in [code or "", *words_of(code, message)]:
        if _SENSITIVE.search(word):
            return "sensitive_content"
        for part in word.split("."):
            if part in codes:
                return codes[part]
    return None


_MAX_MESSAGE_CHARS: Final = 2000
"""Characters of a message that are searched."""
_MAX_CODE_CHARS: Final = 200
"""Characters of a code that are searched: it is one word."""
_WORD: Final = re.compile(r"\b[A-Z][a-z]*(?:[A-Z]+[a-z]*)+(?:\.\w+)*")
"""A code in the upstream's spelling inside a message: gateways pass its errors on as text."""


def words_of(code: str | None, message: str | None) -> list[str]:
    """Return the code in the upstream's spelling (`RateLimitExceeded`), then likely codes in the message."""
    joined = "".join(part[:1].upper() + part[1:] for part in re.split(r"[_\- ]+", (code or "")[:_MAX_CODE_CHARS]))
    return [*([joined] if joined else []), *_WORD.findall((message or "")[:_MAX_MESSAGE_CHARS])]


_REASON_PATTERNS: Final = tuple(
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
            r"^(Authentication|MissingAuth|MissingSignature|SignatureDoesNot|InvalidA[Pp][Ii]_?Key|InvalidAccessKey)",
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
_NOT_FOUND_TEXT: Final = re.compile(
    r"\b(asset|record|resource|file|group|container|item)s?\b[^.:;]{0,40}\b(not found|not exist)|不存在", re.I
)
_REASON_BY_STATUS: Final = {
    401: "auth",
    402: "credits",
    403: "access_denied",
    404: "not_found",
    408: "rate_limited",  # the server did not read the request: it may be sent again
    410: "not_found",
    425: "rate_limited",
}


_EXHAUSTED: Final = ("credits", "quota")
"""Reasons that do not end by waiting, although some providers give them with 429."""


def reason_of_status(refusal: Refusal, http_status: int, *, is_documented: bool = False) -> str | None:
    """Return the reason if the status decides it, whatever the code says; None for every other status.

    After 5xx, from a server or a gateway before it, the call may have taken effect, whatever the text says. 429 is
    throttling, unless the code says that a balance or a quota is exhausted. A gateway may give the status in its body.

    is_documented  the provider's own page gives the code one definite meaning, which holds below HTTP status 500

    >>> reason_of_status(Refusal(502, "InvalidParameter"), 502), reason_of_status(Refusal(429, "Invalid"), 429)
    ('server', 'rate_limited')
    """
    if http_status >= 500:
        return "server"
    if 429 in (http_status, refusal.status):
        return _exhausted(refusal) or "rate_limited"
    return "server" if refusal.status >= 500 and not is_documented else None


def _exhausted(refusal: Refusal) -> str | None:
    """Return the reason if the code, or the message if the code is only a number, says that something is used up."""
    is_word = refusal.code is not None and not refusal.code.isdecimal()
    words = words_of(refusal.code, None) if is_word else words_of(None, refusal.message)
    return next((reason for word in words if (reason := _reason_of(word)) in _EXHAUSTED), None)


def _reason_of(word: str) -> str | None:
    return next((reason for pattern, reason in _REASON_PATTERNS if pattern.search(word)), None)


def classify_refusal(refusal: Refusal) -> str:
    """Return the reason where the status does not decide: by code and message first, as several reasons share 403.

    >>> classify_refusal(Refusal(403, "SubscriptionRequired")), classify_refusal(Refusal(403))
    ('subscription_required', 'access_denied')
    """
    for word in words_of(refusal.code, refusal.message):
        if (reason := _reason_of(word)) is not None:
            return reason
    if refusal.status in _REASON_BY_STATUS:
        return _REASON_BY_STATUS[refusal.status]
    return (
        "not_found" if refusal.message and _NOT_FOUND_TEXT.search(refusal.message[:_MAX_MESSAGE_CHARS]) else "invalid"
    )


_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)|[;\n。]")
_FACTS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), below, above)
    for pattern, below, above in (
        (r"\bwidth\b", "width_too_small", "width_too_large"),
        (r"\bheight\b", "height_too_small", "height_too_large"),
        (r"\bduration\b|\b(?:video|audio) length\b", "duration_too_short", "duration_too_long"),
        (r"\bfps\b|\bframe ?rate\b|\bframes per second\b", "fps_too_low", "fps_too_high"),
        (
            r"\bpixel count\b|\btotal pixels?\b|\b(?:number|count) of pixels\b",
            "pixel_count_too_small",
            "pixel_count_too_large",
        ),
        (r"\baspect[ _]?ratio\b", "aspect_ratio_too_small", "aspect_ratio_too_large"),
        (
            r"\b(?:file|image|picture|video|audio|media) ?size\b|\bsize of the (?:file|image|video|audio)\b",
            "file_size_too_small",
            "file_size_too_large",
        ),
    )
)
_DIMENSIONS: Final = re.compile(r"\d ?(?:px|pixels?)\b|\d ?[x×*] ?\d", re.IGNORECASE)
"""Words by which "image size" means its width and height, not its bytes."""
_MORE: Final = r"(?:greater|larger|higher|longer|more|bigger)"
_LESS: Final = r"(?:less|lower|smaller|shorter|fewer)"
_MUST: Final = r"\b(?:must|should|has to|have to|needs? to) be"
_TOO_SMALL: Final = re.compile(
    rf"\bat least\b|\b(?:no|not|not be) {_LESS} than\b|\b{_MORE} than or equal\b|{_MUST} (?:{_MORE}|above|over)\b|"
    rf"\bmin(?:imum)?\b|\btoo (?:small|short|low|narrow)\b|\b(?:is|was) (?:{_LESS}|below|under)\b|≥|>=",
    re.IGNORECASE,
)
_TOO_LARGE: Final = re.compile(
    rf"\bat most\b|\b(?:no|not|not be) {_MORE} than\b|\b{_LESS} than or equal\b|{_MUST} (?:{_LESS}|below|under)\b|"
    rf"\bmax(?:imum)?\b|\btoo (?:large|long|high|big|wide|tall)\b|\b(?:is|was) (?:{_MORE}|above|over)\b|"
    r"\bexceed(?:s|ed|ing)?\b|\bup to\b|≤|<=",
    re.IGNORECASE,
)
_NUMBER: Final = r"\d{1,15}(?:,\d{3})*(?:\.\d{1,9})?"
_RANGE: Final = re.compile(
    rf"\b(?:between|range|within|from)\b\D{{0,12}}({_NUMBER})[^\d,.]{{0,8}}(?:\band\b|\bto\b|[-–~,])[^\d]{{0,4}}({_NUMBER})",
    re.IGNORECASE,
)
_VALUE: Final = re.compile(
    rf"\b(?:got|actual|actually|received|current|currently|found|but (?:is|was))\b\D{{0,8}}({_NUMBER})", re.IGNORECASE
)
_KIND: Final = r"(?:file|image|picture|video|audio|media)"
_FORMAT: Final = re.compile(
    rf"\b{_KIND}(?: file)? (?:format|type)\b.{{0,40}}\b(?:not supported|unsupported|invalid)\b|"
    rf"\bunsupported (?:{_KIND} )?(?:format|type)\b|\b{_KIND} format must be\b",
    re.IGNORECASE,
)


def limit_in_text(message: str | None) -> str | None:
    """Return the finding for the one limit that a message names; None for none, several, or an unclear direction.

    >>> limit_in_text("width must be at least 300px"), limit_in_text("Duration must not exceed 15.2 seconds.")
    ('width_too_small', 'duration_too_long')
    """
    sentences = _SENTENCE_END.split((message or "")[:_MAX_MESSAGE_CHARS])
    found = {code for sentence in sentences if (code := _limit_in_sentence(sentence)) is not None}
    return found.pop() if len(found) == 1 else None


def _limit_in_sentence(sentence: str) -> str | None:
    if _FORMAT.search(sentence):
        return "format_unsupported"
    named = [(below, above) for pattern, below, above in _FACTS if pattern.search(sentence)]
    if _DIMENSIONS.search(sentence):
        named = [codes for codes in named if codes[0] != "file_size_too_small"]
    if len(named) != 1:
        return None
    (below, above), given = named[0], _RANGE.search(sentence)
    if given is not None:
        return _outside(sentence, given, below, above)
    is_small, is_large = _TOO_SMALL.search(sentence) is not None, _TOO_LARGE.search(sentence) is not None
    if is_small == is_large:
        return None
    return below if is_small else above


def _outside(sentence: str, given: re.Match[str], below: str, above: str) -> str | None:
    """Return on which side of a range the value is, if the sentence has the value too."""
    value = _VALUE.search(sentence)
    if value is None:
        return None
    low, high, number = (float(text.replace(",", "")) for text in (given[1], given[2], value[1]))
    return below if number < low else above if number > high else None
