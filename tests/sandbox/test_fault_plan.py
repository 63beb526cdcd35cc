"""What the sandbox does wrong when it is told to, and that it counts what came."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from preflight.errors import UsageError
from preflight.sandbox import FAULTS, FaultPlan, Sandbox
from preflight.sandbox.faults import CalendarWindow, SlidingWindow, Throttle, TokenBucket
from tests.sandbox.caller import Caller, settled, signed

ASSETS = "/v1/ark/assets"


@pytest.fixture
def call(box: Sandbox) -> Caller:
    return Caller(box, "sunra")


def register(call: Caller, url: str, name: str) -> requests.Response:
    return call("POST", ASSETS, json={"source_url": url, "name": name})


@pytest.mark.parametrize(("fault", "times"), [("lose-before", 0), ("lose-after", 1)])
def test_connection_is_closed_before_or_after_the_call_takes_effect(
    box: Sandbox, call: Caller, picture: str, fault: str, times: int
) -> None:
    name = f"{fault}-second"
    box.faults.on(fault, action="register", call=2)
    assert register(call, picture, f"{fault}-first").status_code == 200
    with pytest.raises(requests.ConnectionError):
        register(call, picture, name)
    assert register(call, picture, f"{fault}-third").status_code == 200
    assert len(box.stats.registrations("sunra", name=name)) == times
    assert sum(asset.name == name for asset in box.assets("sunra")) == times


def test_hanging_call_gets_no_response(box: Sandbox, call: Caller, picture: str) -> None:
    box.faults.on("hang-after", action="register", call=1)
    with pytest.raises(requests.ReadTimeout):
        call.http.post(call.base + ASSETS, json={"source_url": picture, "name": "hung"}, timeout=0.2)
    assert len(box.stats.registrations("sunra", name="hung")) == 1


def test_call_can_take_effect_and_respond_with_500(box: Sandbox, call: Caller, picture: str) -> None:
    box.faults.on("error-after", action="register", call=1)
    answer = register(call, picture, "error")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "InternalError")
    assert len(box.stats.registrations("sunra", name="error")) == 1


def test_responses_can_be_html_empty_or_a_redirect(box: Sandbox, call: Caller) -> None:
    box.faults.on("html", call=1)
    box.faults.on("empty", call=2)
    box.faults.on("redirect", call=3)
    page, nothing, away = (call("POST", f"{ASSETS}/list", json={}) for _ in range(3))
    assert (page.status_code, page.text[:9], page.headers["Content-Type"][:9]) == (200, "<!doctype", "text/html")
    assert (nothing.status_code, nothing.content) == (200, b"")
    assert (away.status_code, away.headers["Location"]) == (302, "https://elsewhere.invalid/")


def test_expired_subscription_is_not_a_wrong_key(box: Sandbox) -> None:
    box.faults.on("subscription", provider="volcengine")
    answer = signed(box, "volcengine", "ListAssets", {})
    assert (answer.status_code, answer.json()["ResponseMetadata"]["Error"]["Code"]) == (403, "SubscriptionRequired")
    assert signed(box, "byteplus", "ListAssets", {}).status_code == 200


def test_rate_is_limited_per_action_and_refusals_are_counted(box: Sandbox, call: Caller) -> None:
    box.faults.throttle(3, 60, action="list")
    before = box.stats.throttled["sunra", "list"]
    statuses = [call("POST", f"{ASSETS}/list", json={}).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert box.stats.throttled["sunra", "list"] - before == 2
    answer = call("POST", f"{ASSETS}/list", json={})
    assert "Retry-After" not in answer.headers
    assert call("GET", f"{ASSETS}/none").status_code == 404
    assert signed(box, "volcengine", "ListAssets", {}).status_code == 200


def test_throttle_allows_a_burst_and_then_the_rate() -> None:
    now = 0.0
    throttle = TokenBucket(30, 1, lambda: now)
    passed = 0
    for _ in range(3000):
        passed += throttle.take()
        now += 0.001
    assert passed == 30 + 89
    slow = TokenBucket(3, 60, lambda: now)
    assert [slow.take() for _ in range(4)] == [True, True, True, False]
    assert slow.wait == pytest.approx(20)


def taken(throttle: Throttle, times: list[float], now: list[float]) -> list[bool]:
    passed = []
    for at in times:
        now[0] = at
        passed.append(throttle.take())
    return passed


def test_windows_count_the_last_minute_or_the_minute_of_the_clock() -> None:
    now = [0.0]
    times = [50.0, 51.0, 61.0, 62.0, 109.9, 110.5]
    sliding, calendar = SlidingWindow(2, 60, lambda: now[0]), CalendarWindow(2, 60, lambda: now[0])
    assert taken(sliding, times, now) == [True, True, False, False, False, True]
    assert sliding.wait == pytest.approx(0.5)
    assert taken(calendar, times, now) == [True, True, True, True, False, False]
    assert calendar.wait == pytest.approx(9.5)


def test_unknown_window_is_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError, match=r"Unknown window='hourly'\. Choose one of bucket, sliding, calendar"):
        FaultPlan().throttle(3, 60, window="hourly")


def test_assets_fail_as_configured(box: Sandbox, call: Caller, picture: str) -> None:
    box.faults.fail("InternalError", match="cat*", times=1)
    codes = []
    for name in ("dog", "cat-1", "cat-2"):
        path = f"{ASSETS}/{register(call, picture, name).json()['ark_asset_id']}"
        shown = settled(lambda path=path: call.json("GET", path), lambda shown: shown["status"] == "processing")  # type: ignore[misc]
        codes.append(shown.get("error", {}).get("code"))
    assert codes == [None, "InternalError", None]


def test_processing_takes_the_configured_delay(box: Sandbox, call: Caller, picture: str) -> None:
    box.faults.delay = 0.2
    began = time.monotonic()
    path = f"{ASSETS}/{register(call, picture, 'slow').json()['ark_asset_id']}"
    settled(lambda: call.json("GET", path), lambda shown: shown["status"] == "processing")
    assert 0.2 <= time.monotonic() - began < 20


@pytest.mark.parametrize("attribute", ["latency", "slow"])
def test_responses_can_be_delayed_or_slow(box: Sandbox, call: Caller, attribute: str) -> None:
    setattr(box.faults, attribute, 0.15)
    began = time.monotonic()
    assert call.json("POST", f"{ASSETS}/list", json={})["page"] == 1
    assert 0.14 <= time.monotonic() - began < 20


def test_forgotten_asset_is_not_found(box: Sandbox, call: Caller, picture: str) -> None:
    asset_id = register(call, picture, "gone").json()["ark_asset_id"]
    box.forget("sunra", asset_id)
    assert call("GET", f"{ASSETS}/{asset_id}").status_code == 404
    with pytest.raises(UsageError, match="has no asset"):
        box.forget("sunra", asset_id)


def test_calls_and_concurrent_calls_are_counted(box: Sandbox, call: Caller) -> None:
    box.faults.latency = 0.1
    before = box.stats.calls["sunra", "get"]
    callers = [threading.Thread(target=lambda: Caller(box, "sunra")("GET", f"{ASSETS}/x")) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert box.stats.calls["sunra", "get"] - before == 4
    assert box.stats.peak["sunra", "get"] >= 2


def test_undocumented_fields_are_recorded(box: Sandbox, call: Caller, picture: str) -> None:
    call("POST", ASSETS, json={"source_url": picture, "label": "x"})
    assert ("sunra", "register", "label") in box.stats.unexpected
    assert not any(found.field == "source_url" for found in box.stats.unexpected)


def test_wrong_keys_are_counted_separately(box: Sandbox) -> None:
    before = box.stats.denied["sunra"]
    assert requests.get(f"{box.endpoint('sunra')}{ASSETS}/x", timeout=5).status_code == 401
    assert box.stats.denied["sunra"] - before == 1


def test_registrations_show_no_secret_of_their_url(box: Sandbox, call: Caller, picture: str) -> None:
    register(call, f"{picture}?X-Amz-Signature=5f2c0123456789abcdef", "signed")
    assert "5f2c0123456789abcdef" not in repr(box.stats.registrations(name="signed"))


@pytest.mark.parametrize(
    ("fault", "action", "message"),
    [
        ("loose", "*", "Did you mean 'lose'"),
        ("lose-never", "*", "lose-before or lose-after"),
        ("200", "*", "status from 400"),
        ("lose", "registr", "Did you mean 'register'"),
    ],
)
def test_unknown_fault_or_action_is_a_usage_error(fault: str, action: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FaultPlan().on(fault, action=action)


@pytest.mark.parametrize("fault", [*FAULTS, 503])
@pytest.mark.parametrize("provider", ["agentsflare", "agt", "atlas", "crun"])
def test_every_fault_applies_to_every_protocol(box: Sandbox, provider: str, fault: str | int) -> None:
    box.faults.on(fault, provider=provider, action="get")
    header = ("x-api-key", "") if provider == "crun" else ("Authorization", "Bearer ")
    call = Caller(box, provider, *header)
    method, path = {
        "agentsflare": ("POST", "/byteplus/_unstable/open/GetAsset"),
        "agt": ("GET", "/v1/asset/human/get/x"),
        "atlas": ("GET", "/api/v1/sd/assets/1"),
        "crun": ("GET", "/api/v1/client/job/asset-info"),
    }[provider]
    if fault in ("lose", "hang"):
        with pytest.raises((requests.ConnectionError, requests.ReadTimeout)):
            call.http.request(method, call.base + path, timeout=0.1)
    else:
        answer = call(method, path)
        expected = {
            "error": 500,
            "html": 200,
            "empty": 200,
            "redirect": 302,
            "gateway": 502,
            "quota": 429,
            "subscription": 403,
        }.get(str(fault), 503)
        assert answer.status_code == (200 if provider == "crun" and expected != 302 else expected)
