"""Sunra as its page prints it."""

from __future__ import annotations

import pytest
import requests

from preflight.sandbox import Sandbox
from tests.sandbox.caller import Caller, Json, pages, settled

ASSETS = "/v1/ark/assets"


@pytest.fixture
def call(box: Sandbox) -> Caller:
    return Caller(box, "sunra")


def register(call: Caller, url: str, **more: str) -> Json:
    return call.json("POST", ASSETS, json={"source_url": url, **more})


def done(call: Caller, asset: Json) -> Json:
    return settled(
        lambda: call.json("GET", f"{ASSETS}/{asset['ark_asset_id']}"), lambda shown: shown["status"] == "processing"
    )


def test_an_asset_is_registered_and_becomes_active(call: Caller, picture: str) -> None:
    asset = register(call, picture, asset_type="image")
    assert set(asset) == {"id", "ark_asset_id", "name", "asset_type", "source_url", "status", "created_at"}
    assert (asset["name"], asset["status"], asset["source_url"]) == ("picture.png", "processing", picture)
    active = done(call, asset)
    assert active["status"] == "active"
    assert active["ark_url"].startswith("http")


def test_type_is_derived_from_the_extension(box: Sandbox, call: Caller, clip: str) -> None:
    assert register(call, clip)["asset_type"] == "video"
    assert register(call, f"{box.origin}/files/x/face")["asset_type"] == "image"


def test_a_file_outside_the_limits_fails(box: Sandbox, call: Caller, narrow: str) -> None:
    failed = done(call, register(call, narrow))
    assert (failed["status"], failed["error"]["code"]) == ("failed", "WidthTooSmall")
    box.faults.alternate_readings = True
    assert "error" not in done(call, failed)


def test_a_wrong_key_is_401(box: Sandbox) -> None:
    answer = requests.post(box.endpoint("sunra") + ASSETS, json={}, timeout=5)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"
    assert "timestamp" in answer.json()


def test_lists_are_filtered_and_paged(call: Caller, picture: str, narrow: str) -> None:
    failed = done(call, register(call, narrow))
    active = [done(call, register(call, picture)) for _ in range(3)]

    def page(number: int) -> list[Json]:
        body = {"status": "active", "page": number, "page_size": 2}
        shown = call.json("POST", f"{ASSETS}/list", json=body)
        assert (shown["page"], shown["page_size"]) == (number, 2)
        items: list[Json] = shown["items"]
        return items

    found = [asset["ark_asset_id"] for asset in pages(page)]
    assert found[:3] == [asset["ark_asset_id"] for asset in active[::-1]]
    assert failed["ark_asset_id"] not in found


def test_a_deleted_asset_is_gone(call: Caller, picture: str) -> None:
    path = f"{ASSETS}/{register(call, picture)['ark_asset_id']}"
    assert call.json("DELETE", path) == {"deleted": True}
    answer = call("GET", path)
    assert (answer.status_code, answer.json()["error"]["retryable"]) == (404, False)
    assert call("DELETE", path).status_code == 404


def test_throttled_call_has_rate_limit_headers(box: Sandbox, call: Caller, picture: str) -> None:
    box.faults.throttle(1, 60, action="register", retry_after=7)
    register(call, picture)
    answer = call("POST", ASSETS, json={"source_url": picture})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("1", "0")
    assert answer.json()["error"]["retryable"] is True
