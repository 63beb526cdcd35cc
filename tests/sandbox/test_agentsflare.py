"""Agentsflare as its page prints it."""

from __future__ import annotations

import pytest
import requests

from preflight.sandbox import Sandbox
from tests.sandbox.caller import Caller, Json, settled

BASE = "/byteplus/_unstable/open"


@pytest.fixture
def call(box: Sandbox) -> Caller:
    return Caller(box, "agentsflare")


def register(call: Caller, url: str) -> str:
    answer = call.json("POST", f"{BASE}/CreateAsset", json={"Name": "test asset", "URL": url, "AssetType": "Image"})
    assert answer["base_resp"] == {"status_code": 0, "status_msg": "success"}
    asset_id: str = answer["Id"]
    return asset_id


def done(call: Caller, asset_id: str) -> Json:
    return settled(
        lambda: call.json("POST", f"{BASE}/GetAsset", json={"Id": asset_id}),
        lambda shown: shown["Status"] == "Processing",
    )


def test_an_asset_is_registered_and_becomes_active(call: Caller, picture: str) -> None:
    shown = done(call, register(call, picture))
    assert shown["Status"] == "Active"
    assert set(shown) == {"Id", "Status", "AssetType", "Name", "URL", "CreateTime", "UpdateTime", "base_resp"}


def test_a_file_outside_the_limits_fails(box: Sandbox, call: Caller, narrow: str) -> None:
    failed = done(call, register(call, narrow))
    assert (failed["Status"], failed["Error"]["Code"]) == ("Failed", "WidthTooSmall")
    assert failed["base_resp"]["status_code"] == 0
    box.faults.alternate_readings = True
    assert "Error" not in done(call, failed["Id"])


def test_only_images_are_accepted(call: Caller, clip: str) -> None:
    answer = call.json("POST", f"{BASE}/CreateAsset", json={"URL": clip, "AssetType": "Video"})
    assert answer["base_resp"]["status_code"] == 400


def test_a_wrong_key_is_401(box: Sandbox) -> None:
    answer = requests.post(f"{box.endpoint('agentsflare')}{BASE}/GetAsset", json={"Id": "x"}, timeout=5)
    assert (answer.status_code, answer.json()["base_resp"]["status_code"]) == (401, 401)


@pytest.mark.parametrize(("other", "status"), [(False, 200), (True, 404)])
def test_unknown_id_is_reported_in_base_resp(box: Sandbox, call: Caller, other: bool, status: int) -> None:
    box.faults.alternate_readings = other
    answer = call("POST", f"{BASE}/GetAsset", json={"Id": "asset-20260602115008-vvd9q"})
    assert (answer.status_code, answer.json()["base_resp"]["status_code"]) == (status, 404)


def test_list_is_not_an_operation(call: Caller) -> None:
    assert call("POST", f"{BASE}/ListAssets", json={}).json()["base_resp"]["status_code"] == 404
