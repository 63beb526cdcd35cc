"""Every way to say no has a reason, a remedy, and says whether the call may have taken effect all the same."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import pytest

from preflight.codes import CODES
from preflight.errors import (
    AccountRefused,
    AssetNotFound,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRefused,
    UnusableAnswer,
)
from preflight.providers import PROVIDERS, Provider
from preflight.providers.refusals import REASONS, UPSTREAM_CODES, Refusal, classify_refusal, finding_of
from tests.rows import each_row

from .conftest import KEY, NOW, SECRET, Open
from .server import Recorder


class Refused(NamedTuple):
    """A refusal. status None: the same as the body's code."""

    provider: str
    status: int | None
    body: object
    reason: str
    error: type[ProviderError]
    ambiguous: bool = False
    retryable: bool = False
    finding: str | None = None
    code: str | None = None


def ark(code: str, message: str = "as it says") -> dict[str, Any]:
    return {"ResponseMetadata": {"RequestId": "req-1", "Error": {"Code": code, "Message": message}}}


REFUSED = [
    # Volcengine, BytePlus: by word, and only then by status
    Refused("volcengine", 401, ark("SignatureDoesNotMatch"), "auth", AccountRefused),
    Refused("volcengine", 400, ark("InvalidTimestamp"), "auth", AccountRefused),
    Refused("byteplus", 401, ark("InvalidAccessKey"), "auth", AccountRefused),
    Refused("byteplus", 403, ark("SubscriptionRequired"), "subscription_required", AccountRefused),
    Refused("byteplus", 403, ark("OperationDenied.ServiceNotOpen"), "subscription_required", AccountRefused),
    Refused("byteplus", 403, ark("AccessDenied"), "access_denied", AccountRefused),
    Refused("volcengine", 403, ark("AccountOverdueError"), "credits", AccountRefused),
    Refused("volcengine", 200, ark("AccountFlowLimitExceeded"), "rate_limited", RateLimited, retryable=True),
    Refused("volcengine", 200, ark("QuotaWriteQPMExceeded"), "rate_limited", RateLimited, retryable=True),
    Refused("volcengine", 429, ark("ThrottlingException"), "rate_limited", RateLimited, retryable=True),
    Refused("volcengine", 429, ark("AnythingElse"), "rate_limited", RateLimited, retryable=True),
    Refused("volcengine", 400, ark("AssetQuotaExceeded"), "quota", AccountRefused),
    Refused("volcengine", 404, ark("NotFound.asset_id"), "not_found", AssetNotFound),
    Refused("volcengine", 400, ark("MissingParameter.GroupId"), "invalid", RequestRefused),
    Refused(
        "volcengine",
        400,
        ark("InvalidParameter.PixelCountTooSmall", "Pixel count must be between 407696 and 8295044."),
        "invalid",
        RequestRefused,
        finding="pixel_count_too_small",
        code="InvalidParameter.PixelCountTooSmall",
    ),
    Refused("volcengine", 200, ark("FormatUnsupported"), "invalid", RequestRefused, finding="format_unsupported"),
    Refused("byteplus", 403, ark("ContentRestricted"), "invalid", RequestRefused, finding="content_restricted"),
    Refused("volcengine", 500, ark("InternalError"), "server", ProviderUnavailable, True, True),
    Refused("volcengine", 502, b"<html>bad gateway</html>", "server", ProviderUnavailable, True, True),
    Refused("volcengine", 503, b"", "server", ProviderUnavailable, True, True),
    Refused("volcengine", 401, {"error": {"code": "AuthenticationError", "message": "x"}}, "auth", AccountRefused),
    Refused("volcengine", 401, {"error": {"code": "InvalidAPIKey", "message": "x"}}, "auth", AccountRefused),
    # Agentsflare: base_resp, with the upstream's words in a sentence
    Refused("agentsflare", 200, {"base_resp": {"status_code": 1004, "status_msg": "no"}}, "invalid", RequestRefused),
    Refused(
        "agentsflare",
        200,
        {"base_resp": {"status_code": 1033, "status_msg": "upstream CreateAsset failed: AccountFlowLimitExceeded"}},
        "rate_limited",
        RateLimited,
        retryable=True,
        code="1033",
    ),
    Refused("agentsflare", 401, {"error": {"message": "invalid token", "type": "x"}}, "auth", AccountRefused),
    # Crun: the body's code, whatever the HTTP status
    *(
        Refused("crun", status, {"code": code, "message": "m", "data": None}, reason, error, ambiguous, retryable)
        for status in (200, None)
        for code, reason, error, ambiguous, retryable in (
            (401, "auth", AccountRefused, False, False),
            (402, "credits", AccountRefused, False, False),
            (404, "not_found", AssetNotFound, False, False),
            (422, "invalid", RequestRefused, False, False),
            (429, "rate_limited", RateLimited, False, True),
            (455, "maintenance", ProviderUnavailable, False, True),
            (500, "server", ProviderUnavailable, True, True),
        )
    ),
    # … except that 501 and 505 are definite only below HTTP status 500
    Refused("crun", 200, {"code": 501, "message": "m"}, "generation_failed", RequestRefused),
    Refused("crun", 422, {"code": 505, "message": "m"}, "feature_disabled", AccountRefused),
    Refused("crun", None, {"code": 501, "message": "m"}, "server", ProviderUnavailable, True, True),
    Refused("crun", None, {"code": 505, "message": "m"}, "server", ProviderUnavailable, True, True),
    # … but where its message has the upstream's own word, that says more: 402 is all of "not paid"
    Refused("crun", 200, {"code": 402, "message": "SubscriptionRequired: m"}, "subscription_required", AccountRefused),
    # Atlas: errors in HTTP 200, the code as text or number
    Refused("atlas", 200, {"code": "400", "message": "bad"}, "invalid", RequestRefused, code="400"),
    Refused("atlas", 200, {"code": 401, "message": "Missing or invalid API key"}, "auth", AccountRefused),
    Refused("atlas", 200, {"code": "404", "message": "Asset not found"}, "not_found", AssetNotFound),
    Refused("atlas", 200, {"code": "500", "message": "x"}, "server", ProviderUnavailable, True, True),
    Refused(
        "atlas",
        400,
        {
            "code": "400",
            "message": "InvalidParameter.PixelCountTooSmall: Pixel count must be between 407696 and 8295044.",
        },
        "invalid",
        RequestRefused,
        finding="pixel_count_too_small",
    ),
    # Sunra: an error object, which may say itself whether to try again
    Refused("sunra", 401, {"error": {"code": "unauthorized", "message": "x"}, "timestamp": 1}, "auth", AccountRefused),
    Refused("sunra", 401, {"error": {"code": "invalid_api_key", "message": "x"}}, "auth", AccountRefused),
    Refused(
        "sunra",
        400,
        {"error": {"code": "invalid_request", "message": "x", "retryable": True}},
        "invalid",
        RequestRefused,
        retryable=True,
    ),
    Refused(
        "sunra",
        422,
        {"error": {"code": "unsafe_content", "message": "x"}},
        "invalid",
        RequestRefused,
        False,
        False,
        "sensitive_content",
    ),
    Refused("sunra", 402, {"error": {"code": "insufficient_credits"}}, "credits", AccountRefused),
    Refused("sunra", 429, {"error": {"code": "rate_limit_exceeded"}}, "rate_limited", RateLimited, retryable=True),
    Refused("sunra", 404, {"error": {"code": "not_found"}}, "not_found", AssetNotFound),
    # AGT: success is false, or an error as gateways of its family write it
    Refused("agt", 200, {"success": False, "message": "group_id is wrong"}, "invalid", RequestRefused),
    Refused("agt", 200, {"success": False, "message": "record not found"}, "not_found", AssetNotFound),
    Refused("agt", 200, {"success": False, "code": 500, "message": "x"}, "server", ProviderUnavailable, True, True),
    Refused("agt", 200, {"success": False, "code": "429"}, "rate_limited", RateLimited, retryable=True),
    Refused("agt", 401, {"success": False, "message": "invalid token"}, "auth", AccountRefused),
    Refused("agt", 401, {"error": {"message": "x", "type": "new_api_error"}}, "auth", AccountRefused),
    Refused("agt", 403, {"error": {"code": "insufficient_user_quota", "message": "x"}}, "credits", AccountRefused),
    Refused("agt", 429, {"code": 429, "message": "slow"}, "rate_limited", RateLimited, retryable=True),
]


def register(provider: Provider) -> object:
    return provider.register("https://h.example/a.png", "image", group="g1" if provider.spec.needs_group else None)


@pytest.mark.parametrize("refused", REFUSED, ids=lambda r: f"{r.provider}-{r.status}-{r.reason}")
def test_refusals_become_provider_errors(refused: Refused, server: Recorder, open_: Open) -> None:
    status = refused.status or refused.body["code"]  # type: ignore[index]
    provider = open_(refused.provider)
    server.respond(refused.body, status)
    with pytest.raises(refused.error) as caught:
        register(provider)
    error = caught.value
    assert type(error) is refused.error
    assert (error.reason, error.finding) == (refused.reason, refused.finding)
    assert (error.ambiguous, error.retryable) == (refused.ambiguous, refused.retryable)
    assert (error.provider, error.status) == (refused.provider, status)
    if refused.code:
        assert error.code == refused.code
    for part in (provider.title, error.call, error.code or "", f"HTTP {status}", error.remedy):
        assert part in str(error)
    assert error.remedy


@pytest.mark.parametrize("refused", [r for r in REFUSED if r.ambiguous], ids=lambda r: f"{r.provider}-{r.status}")
def test_call_that_only_reads_has_never_taken_effect(refused: Refused, server: Recorder, open_: Open) -> None:
    server.respond(refused.body, refused.status or refused.body["code"])  # type: ignore[index]
    with pytest.raises(refused.error) as caught:
        open_(refused.provider).get("a1")
    assert not caught.value.ambiguous


WORDS = (
    *("InvalidParameter", "InvalidParameter.PixelCountTooSmall", "NotFound.asset_id", "AccessDenied", "InternalError"),
    *("SubscriptionRequired", "InvalidAccessKey", "ContentRestricted", "Throttling", "400", "404", "501"),
)
EXHAUSTED = (
    ("AssetQuotaExceeded", "quota"),
    ("AccountOverdueError", "credits"),
    ("InsufficientBalance", "credits"),
    ("InsufficientQuota", "credits"),
)


def refusal_of(provider: str, code: str) -> object:
    """A refusal with this code, in the provider's own shape; gateways have words only in the message."""
    if provider in ("volcengine", "byteplus"):
        return ark(code)
    if provider == "agentsflare":
        return {"base_resp": {"status_code": 1033, "status_msg": f"upstream failed: {code}"}}
    if provider in ("atlas", "crun"):
        return {"code": code, "message": "as it says"}
    if provider == "agt":
        return {"success": False, "code": code, "message": "as it says"}
    return {"error": {"code": code, "message": "as it says"}}


@pytest.mark.parametrize("name", PROVIDERS)
@each_row("status, code", [(status, code) for status in (500, 502, 599) for code in WORDS])
def test_5xx_may_have_taken_effect_whatever_its_code(
    status: int, code: str, name: str, server: Recorder, open_: Open
) -> None:
    provider = open_(name)
    for call, is_ambiguous in ((register, True), (lambda opened: opened.get("a1"), False)):
        server.respond(refusal_of(name, code), status)
        with pytest.raises(ProviderUnavailable) as caught:
            call(provider)
        error = caught.value
        assert (error.reason, error.finding, error.status) == ("server", None, status)
        assert (error.ambiguous, error.retryable) == (is_ambiguous, True)


@pytest.mark.parametrize("name", PROVIDERS)
@each_row("code, exhausted", [*((code, None) for code in WORDS), *EXHAUSTED])
def test_429_is_throttling_unless_quota_or_credits_are_used_up(
    code: str, exhausted: str | None, name: str, server: Recorder, open_: Open
) -> None:
    server.respond(refusal_of(name, code), 429)
    with pytest.raises(AccountRefused if exhausted else RateLimited) as caught:
        register(open_(name))
    error = caught.value
    assert (error.reason, error.finding) == (exhausted or "rate_limited", None)
    assert (error.ambiguous, error.retryable) == (False, exhausted is None)
    assert code in str(error)


@pytest.mark.parametrize("name", ["atlas", "crun"])
@each_row(
    "code, reason, is_ambiguous",
    [("500", "server", True), ("502", "server", True), ("503", "server", True), ("429", "rate_limited", False)],
)
def test_status_in_the_body_decides_like_that_of_the_response(
    code: str, reason: str, is_ambiguous: bool, name: str, server: Recorder, open_: Open
) -> None:
    for status in (200, 400):
        server.respond({"code": code, "message": "InvalidParameter.PixelCountTooSmall: no"}, status)
        with pytest.raises(ProviderError) as caught:
            register(open_(name))
        error = caught.value
        assert (error.reason, error.finding, error.ambiguous) == (reason, None, is_ambiguous)


def test_message_of_a_gateway_counts_where_its_code_is_a_number(server: Recorder, open_: Open) -> None:
    provider = open_("atlas")
    server.respond({"code": "429", "message": "AssetQuotaExceeded: your quota is used up"}, 429)
    with pytest.raises(AccountRefused, match="AssetQuotaExceeded: your quota is used up"):
        register(provider)
    server.respond(ark("RateLimitExceeded", "see also AssetQuotaExceeded"), 429)
    with pytest.raises(RateLimited):
        register(open_("volcengine"))
    server.respond({"error": {"code": "insufficient_quota", "message": "x"}}, 429)
    with pytest.raises(AccountRefused):
        register(open_("agt"))


def test_error_message_names_call_problem_and_remedy(server: Recorder, open_: Open) -> None:
    server.respond(ark("SubscriptionRequired", "Please subscribe."), 403)
    with pytest.raises(AccountRefused) as caught:
        register(open_("byteplus"))
    assert str(caught.value) == (
        "BytePlus ModelArk: CreateAsset: the account has no plan for this, or it has expired (HTTP 403, "
        "SubscriptionRequired: Please subscribe.). Subscribe or renew in the service's console; the key is right."
    )
    assert caught.value.request_id == "req-1"


def test_message_of_a_provider_is_redacted_and_escaped(server: Recorder, open_: Open) -> None:
    said = f"bad\x1b[2J\n\n key {KEY}, see https://h.example/a?X-Tos-Signature=5f2c " + "x" * 9000
    server.respond({"code": "401", "message": said})
    with pytest.raises(AccountRefused) as caught:
        register(open_("atlas"))
    message = str(caught.value)
    assert "bad\\x1b[2J key …, see https://h.example/a?X-Tos-Signature=… xxx" in message
    assert KEY not in message
    assert len(message) < 900


def test_hostile_message_is_matched_in_linear_time(server: Recorder, open_: Open) -> None:
    letters = "a" * (1 << 19)
    server.respond({"code": "400", "message": f"://{letters} {letters}://x {letters}", "more": [f"://{letters}"] * 2})
    begun = time.monotonic()
    with pytest.raises(RequestRefused):
        register(open_("atlas"))
    assert time.monotonic() - begun < 20


def test_echoed_secret_is_redacted(server: Recorder, open_: Open) -> None:
    server.respond(ark("SignatureDoesNotMatch", f"we signed with {SECRET}"), 401)
    with pytest.raises(AccountRefused) as caught:
        register(open_("volcengine"))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 9)}, 9.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4"}, 4.0),
        ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "4"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_parsed_from_headers(
    headers: dict[str, str], expected: float | None, server: Recorder, open_: Open
) -> None:
    server.respond({"error": {"code": "rate_limit_exceeded"}}, 429, headers=headers)
    with pytest.raises(RateLimited) as caught:
        open_("sunra").get("a1")
    assert caught.value.retry_after == expected


def test_403_with_nothing_left_of_the_limit_is_throttling(server: Recorder, open_: Open) -> None:
    server.respond({"error": {"message": "forbidden"}}, 403, headers={"x-ratelimit-remaining": "0"})
    with pytest.raises(RateLimited):
        open_("sunra").get("a1")


def test_missing_page_is_not_a_missing_asset(server: Recorder, open_: Open) -> None:
    """A web server's own 404 says that the host is wrong; taken for the asset's it would have it registered again."""
    server.respond(b"<html>404 Not Found</html>", 404, headers={"Content-Type": "text/html"})
    with pytest.raises(UnusableAnswer, match=r"web page.*Check the host") as caught:
        open_("atlas").get("1")
    assert caught.value.status == 404


def test_sunra_says_when_nothing_was_deleted(server: Recorder, open_: Open) -> None:
    server.respond({"deleted": False})
    with pytest.raises(UnusableAnswer):
        open_("sunra").api.delete("a1")


@pytest.mark.parametrize("name", ["agt", "atlas", "sunra"])
@pytest.mark.parametrize("status", [200, 204])
def test_deletion_may_be_answered_by_nothing(name: str, status: int, server: Recorder, open_: Open) -> None:
    server.respond(b"", status)
    open_(name).api.delete("a1")
    assert len(server.requests) == 1


def test_every_upstream_code_maps_to_a_finding() -> None:
    assert set(UPSTREAM_CODES.values()) <= CODES.keys()
    for provider in PROVIDERS.values():
        assert set(provider.failure_codes.values()) | provider.retryable_failures <= CODES.keys()
        assert set(provider.reasons.values()) <= REASONS.keys()
    for word, code in UPSTREAM_CODES.items():
        assert finding_of(word, None, UPSTREAM_CODES) == code
        assert finding_of(f"InvalidParameter.{word}", None, UPSTREAM_CODES) == code
        assert finding_of("400", f"upstream said {word}: no", UPSTREAM_CODES) == code


def test_codes_are_not_found_within_other_words() -> None:
    assert finding_of(None, "the TypeMismatchHandler is fine", UPSTREAM_CODES) is None
    assert classify_refusal(Refusal(400, None, "unauthorized trademarks")) == "invalid"
    assert classify_refusal(Refusal(400, None, "x" * 100_000)) == "invalid"
