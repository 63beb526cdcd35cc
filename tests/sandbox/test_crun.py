"""Crun as its pages print it."""

from __future__ import annotations

import pytest
import requests

from preflight.sandbox import Sandbox
from tests.sandbox.caller import Caller, Json, settled

UPLOAD = "/api/v1/client/job/asset-upload"
INFO = "/api/v1/client/job/asset-info"


@pytest.fixture
def call(box: Sandbox) -> Caller:
    return Caller(box, "crun", "x-api-key", "")


def register(call: Caller, url: str, asset_type: str = "Image") -> str:
    answer = call.json("POST", UPLOAD, json={"name": "face", "asset_type": asset_type, "asset_url": url})
    assert (answer["code"], answer["message"], set(answer["data"])) == (200, "success", {"AssetId"})
    asset_id: str = answer["data"]["AssetId"]
    return asset_id


def done(call: Caller, asset_id: str) -> Json:
    return settled(
        lambda: call.json("GET", INFO, params={"asset_id": asset_id}),
        lambda shown: shown["data"]["Status"] == "Processing",
    )


def test_an_asset_is_registered_and_becomes_active(call: Caller, clip: str) -> None:
    shown = done(call, register(call, clip, "Video"))
    assert shown["data"]["Status"] == "Active"
    assert set(shown["data"]) == {"AssetId", "Name", "AssetType", "Status", "CreateTime", "UpdateTime"}
    assert shown["data"]["CreateTime"].endswith("Z")


def test_failed_asset_has_the_reason_in_message(call: Caller, narrow: str) -> None:
    shown = done(call, register(call, narrow))
    assert (shown["code"], shown["data"]["Status"]) == (200, "Failed")
    assert shown["message"].startswith("WidthTooSmall: ")


@pytest.mark.parametrize(("other", "status"), [(False, 200), (True, 401)])
def test_a_wrong_key_is_401_in_the_body(box: Sandbox, other: bool, status: int) -> None:
    box.faults.alternate_readings = other
    headers = {"Authorization": f"Bearer {box.key('crun')}"}
    answer = requests.get(box.endpoint("crun") + INFO, headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (status, 401)


def test_codes_are_the_documented_ones(box: Sandbox, call: Caller, picture: str) -> None:
    assert call.json("GET", INFO, params={"asset_id": "asset-x"})["code"] == 404
    assert call.json("GET", INFO)["code"] == 422
    assert call.json("POST", UPLOAD, json={"asset_type": "Script", "asset_url": picture})["code"] == 422
    for code in (402, 429, 455, 500, 501, 505):
        box.faults.clear()
        box.faults.on(code)
        assert call.json("GET", INFO, params={"asset_id": "asset-x"})["code"] == code


def test_times_may_be_seconds(box: Sandbox, call: Caller, picture: str) -> None:
    box.faults.alternate_readings = True
    assert isinstance(done(call, register(call, picture))["data"]["UpdateTime"], int)
