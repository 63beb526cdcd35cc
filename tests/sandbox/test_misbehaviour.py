"""What the sandbox does wrong when it is told to, and that it counts what came."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from preflight.errors import UsageError
from preflight.sandbox import FAULTS, Misbehaviour, Sandbox
from preflight.sandbox.faults import Throttle
from tests.sandbox.caller import Caller, settled, signed

ASSETS = "/v1/ark/assets"


@pytest.fixture
def call(box: Sandbox) -> Caller:
    return Caller(box, "sunra")


def register(call: Caller, url: str, name: str) -> requests.Response:
    return call("POST", ASSETS, json={"source_url": url, "name": name})


@pytest.mark.parametrize(("fault", "times"), [("lose-before", 0), ("lose-after", 1)])
def test_a_connection_is_lost_before_or_after_the_call_takes_effect(
    box: Sandbox, call: Caller, picture: str, fault: str, times: int
) -> None:
    name = f"{fault}-second"
    box.misbehave.on(fault, action="register", call=2)
    assert register(call, picture, f"{fault}-first").status_code == 200
    with pytest.raises(requests.ConnectionError):
        register(call, picture, name)
    assert register(call, picture, f"{fault}-third").status_code == 200
    assert len(box.tally.registrations("sunra", name=name)) == times
    assert sum(asset.name == name for asset in box.assets("sunra")) == times


def test_a_call_may_never_be_answered(box: Sandbox, call: Caller, picture: str) -> None:
    box.misbehave.on("hang-after", action="register", call=1)
    with pytest.raises(requests.ReadTimeout):
        call.http.post(call.base + ASSETS, json={"source_url": picture, "name": "hung"}, timeout=0.2)
    assert len(box.tally.registrations("sunra", name="hung")) == 1


def test_a_call_may_take_effect_and_answer_500(box: Sandbox, call: Caller, picture: str) -> None:
    box.misbehave.on("error-after", action="register", call=1)
    answer = register(call, picture, "error")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "InternalError")
    assert len(box.tally.registrations("sunra", name="error")) == 1


def test_answers_may_be_no_answers(box: Sandbox, call: Caller) -> None:
    box.misbehave.on("html", call=1)
    box.misbehave.on("empty", call=2)
    box.misbehave.on("redirect", call=3)
    page, nothing, away = (call("POST", f"{ASSETS}/list", json={}) for _ in range(3))
    assert (page.status_code, page.text[:9], page.headers["Content-Type"][:9]) == (200, "<!doctype", "text/html")
    assert (nothing.status_code, nothing.content) == (200, b"")
    assert (away.status_code, away.headers["Location"]) == (302, "https://elsewhere.invalid/")


def test_an_expired_plan_is_no_wrong_key(box: Sandbox) -> None:
    box.misbehave.on("subscription", provider="volcengine")
    answer = signed(box, "volcengine", "ListAssets", {})
    assert (answer.status_code, answer.json()["ResponseMetadata"]["Error"]["Code"]) == (403, "SubscriptionRequired")
    assert signed(box, "byteplus", "ListAssets", {}).status_code == 200


def test_a_rate_is_held_for_each_action_and_refusals_are_counted(box: Sandbox, call: Caller) -> None:
    box.misbehave.throttle(3, 60, action="list")
    before = box.tally.throttled["sunra", "list"]
    statuses = [call("POST", f"{ASSETS}/list", json={}).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert box.tally.throttled["sunra", "list"] - before == 2
    answer = call("POST", f"{ASSETS}/list", json={})
    assert "Retry-After" not in answer.headers
    assert call("GET", f"{ASSETS}/none").status_code == 404
    assert signed(box, "volcengine", "ListAssets", {}).status_code == 200


def test_a_throttle_lets_a_burst_pass_and_then_the_rate() -> None:
    now = 0.0
    throttle = Throttle(30, 1, lambda: now)
    passed = 0
    for _ in range(3000):
        passed += throttle.take()
        now += 0.001
    assert passed == 30 + 89
    slow = Throttle(3, 60, lambda: now)
    assert [slow.take() for _ in range(4)] == [True, True, True, False]
    assert slow.wait == pytest.approx(20)


def test_assets_fail_as_they_are_told(box: Sandbox, call: Caller, picture: str) -> None:
    box.misbehave.fail("InternalError", match="cat*", times=1)
    codes = []
    for name in ("dog", "cat-1", "cat-2"):
        path = f"{ASSETS}/{register(call, picture, name).json()['ark_asset_id']}"
        shown = settled(lambda path=path: call.json("GET", path), lambda shown: shown["status"] == "processing")  # type: ignore[misc]
        codes.append(shown.get("error", {}).get("code"))
    assert codes == [None, "InternalError", None]


def test_processing_takes_the_time_that_it_is_told_to(box: Sandbox, call: Caller, picture: str) -> None:
    box.misbehave.delay = 0.2
    began = time.monotonic()
    path = f"{ASSETS}/{register(call, picture, 'slow').json()['ark_asset_id']}"
    settled(lambda: call.json("GET", path), lambda shown: shown["status"] == "processing")
    assert 0.2 <= time.monotonic() - began < 20


@pytest.mark.parametrize("attribute", ["latency", "slow"])
def test_answers_may_come_late_or_slowly(box: Sandbox, call: Caller, attribute: str) -> None:
    setattr(box.misbehave, attribute, 0.15)
    began = time.monotonic()
    assert call.json("POST", f"{ASSETS}/list", json={})["page"] == 1
    assert 0.14 <= time.monotonic() - began < 20


def test_an_asset_may_be_forgotten(box: Sandbox, call: Caller, picture: str) -> None:
    asset_id = register(call, picture, "gone").json()["ark_asset_id"]
    box.forget("sunra", asset_id)
    assert call("GET", f"{ASSETS}/{asset_id}").status_code == 404
    with pytest.raises(UsageError, match="has no asset"):
        box.forget("sunra", asset_id)


def test_calls_are_counted_also_those_at_the_same_time(box: Sandbox, call: Caller) -> None:
    box.misbehave.latency = 0.1
    before = box.tally.calls["sunra", "get"]
    callers = [threading.Thread(target=lambda: Caller(box, "sunra")("GET", f"{ASSETS}/x")) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert box.tally.calls["sunra", "get"] - before == 4
    assert box.tally.peak["sunra", "get"] >= 2


def test_fields_that_no_page_names_are_noted(box: Sandbox, call: Caller, picture: str) -> None:
    call("POST", ASSETS, json={"source_url": picture, "label": "x"})
    assert ("sunra", "register", "label") in box.tally.unexpected
    assert not any(found.field == "source_url" for found in box.tally.unexpected)


def test_wrong_keys_are_counted_apart(box: Sandbox) -> None:
    before = box.tally.denied["sunra"]
    assert requests.get(f"{box.endpoint('sunra')}{ASSETS}/x", timeout=5).status_code == 401
    assert box.tally.denied["sunra"] - before == 1


def test_registrations_show_no_secret_of_their_url(box: Sandbox, call: Caller, picture: str) -> None:
    register(call, f"{picture}?X-Amz-Signature=5f2c0123456789abcdef", "signed")
    assert "5f2c0123456789abcdef" not in repr(box.tally.registrations(name="signed"))


@pytest.mark.parametrize(
    ("fault", "action", "message"),
    [
        ("loose", "*", "did you mean lose"),
        ("lose-never", "*", "before or after"),
        ("200", "*", "status from 400"),
        ("lose", "registr", "did you mean register"),
    ],
)
def test_a_misbehaviour_that_there_is_not_is_an_error(fault: str, action: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Misbehaviour().on(fault, action=action)


@pytest.mark.parametrize("fault", [*FAULTS, 503])
@pytest.mark.parametrize("provider", ["agentsflare", "agt", "atlas", "crun"])
def test_every_fault_befalls_every_protocol(box: Sandbox, provider: str, fault: str | int) -> None:
    box.misbehave.on(fault, provider=provider, action="get")
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
        expected = {"error": 500, "html": 200, "empty": 200, "redirect": 302, "subscription": 403}.get(str(fault), 503)
        assert answer.status_code == (200 if provider == "crun" and expected != 302 else expected)
