"""AGT Cloud as its page prints it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from preflight.sandbox import Sandbox
from tests.sandbox.caller import Caller, Json, pages, settled

BASE = "/v1/asset/human"
FIELDS = {
    "id",
    "asset_type",
    "group_type",
    "name",
    "description",
    "status",
    "fail_reason",
    "is_leaf",
    "created_at",
    "updated_at",
}


@pytest.fixture
def call(box: Sandbox) -> Caller:
    return Caller(box, "agt")


@pytest.fixture
def group(call: Caller) -> str:
    answer = call.json("POST", f"{BASE}/aigc", json={"name": "Virtual people", "description": "for tests"})
    assert answer["success"] is True
    group_id: str = answer["data"]["GroupId"]
    return group_id


def register(call: Caller, group: str, url: str, asset_type: str = "Image", name: str = "demo") -> Json:
    body = {"group_id": group, "url": url, "asset_type": asset_type, "name": name, "description": "for tests"}
    answer = call.json("POST", f"{BASE}/upload", json=body)
    assert (answer["success"], answer["message"]) == (True, "")
    data: Json = answer["data"]
    return data


def done(call: Caller, asset_id: str) -> Json:
    return settled(lambda: call.json("GET", f"{BASE}/get/{asset_id}")["data"], lambda shown: shown["status"] == 0)


def test_a_file_is_uploaded_into_a_container_and_becomes_active(call: Caller, group: str, clip: str) -> None:
    asset = register(call, group, clip, "Video")
    assert set(asset) == FIELDS
    assert (asset["asset_type"], asset["group_type"], asset["status"], asset["is_leaf"]) == (2, 2, 0, 1)
    assert done(call, asset["id"])["status"] == 1


@pytest.mark.parametrize(("asset_type", "number"), [("Image", 3), ("TrainingVideo", 2), ("Script", 0), ("Audio", 4)])
def test_types_are_words_in_requests_and_numbers_in_responses(
    call: Caller, group: str, picture: str, asset_type: str, number: int
) -> None:
    asset = register(call, group, picture, asset_type)
    assert asset["asset_type"] == number
    assert done(call, asset["id"])["status"] == (1 if asset_type in ("Image", "Script") else 2)


def test_a_file_outside_the_limits_fails(call: Caller, group: str, narrow: str) -> None:
    failed = done(call, register(call, group, narrow)["id"])
    assert (failed["status"], failed["fail_reason"][:14]) == (2, "WidthTooSmall:")


def test_a_wrong_key_is_401(box: Sandbox) -> None:
    answer = requests.get(f"{box.endpoint('agt')}{BASE}/list", timeout=5)
    assert (answer.status_code, answer.json()["success"]) == (401, False)


def test_unknown_id_or_group_is_not_a_success(box: Sandbox, call: Caller, picture: str) -> None:
    body = {"group_id": "group_none", "url": picture, "asset_type": "Image"}
    for answer in (call("GET", f"{BASE}/get/asset_none"), call("POST", f"{BASE}/upload", json=body)):
        assert (answer.status_code, answer.json()["success"], answer.json()["data"]) == (200, False, None)
    box.faults.alternate_readings = True
    answer = call("GET", f"{BASE}/get/asset_none")
    assert (answer.status_code, set(answer.json()["error"])) == (404, {"message", "type"})


def test_lists_hold_files_or_containers(call: Caller, group: str, picture: str) -> None:
    ids = [register(call, group, picture, name=f"n{number}")["id"] for number in range(3)]

    def page(number: int) -> list[Json]:
        query = {"group_id": group, "is_leaf": 1, "p": number, "page_size": 2}
        data = call.json("GET", f"{BASE}/list", params=query)["data"]
        assert data["total"] == 3
        items: list[Json] = data["items"]
        return items

    assert [asset["id"] for asset in pages(page)] == ids[::-1]
    containers = call.json("GET", f"{BASE}/list", params={"is_leaf": 0})["data"]["items"]
    assert containers[0]["id"] == group
    assert (containers[0]["asset_type"], containers[0]["is_leaf"]) == (1, 0)


def test_names_are_updated_and_containers_are_deleted_with_their_files(call: Caller, group: str, picture: str) -> None:
    asset_id = register(call, group, picture)["id"]
    assert call.json("PUT", f"{BASE}/update/{asset_id}", json={"name": "new"})["data"]["name"] == "new"
    assert call.json("PUT", f"{BASE}/update/{group}", json={"description": "other"})["success"] is True
    single = register(call, group, picture)["id"]
    assert call.json("DELETE", f"{BASE}/delete/{single}")["success"] is True
    assert call.json("GET", f"{BASE}/get/{single}")["success"] is False
    assert call.json("DELETE", f"{BASE}/delete/{group}")["success"] is True
    assert call.json("GET", f"{BASE}/get/{asset_id}")["success"] is False


@pytest.mark.parametrize("decision", ["success", "liveness check failed"])
def test_real_person_session_redirects_with_the_decision(box: Sandbox, call: Caller, decision: str) -> None:
    box.faults.verification = decision
    back = "https://your-app.com/asset/callback-result?state=7"
    data = call.json("POST", f"{BASE}/session", json={"name": "Zhang San", "redirect_url": back})["data"]
    assert set(data) == {"Url", "H5Link", "BytedToken"}
    sent = requests.get(data["H5Link"], timeout=5, allow_redirects=False)
    assert sent.headers["Location"].startswith(back)
    result = parse_qs(urlsplit(sent.headers["Location"]).query)
    if decision == "success":
        container = call.json("GET", f"{BASE}/get/{result['group_id'][0]}")["data"]
        assert (container["group_type"], container["name"]) == (1, "Zhang San")
    else:
        assert (result["status"], result["reason"]) == (["failed"], [decision])
