"""Atlas Cloud as its guide prints it."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from preflight.sandbox import Sandbox
from tests.sandbox.caller import Caller, Json, pages, settled

ASSETS = "/api/v1/sd/assets"


@pytest.fixture
def call(box: Sandbox) -> Caller:
    return Caller(box, "atlas")


def register(call: Caller, url: str, asset_type: str | None = "Image", **more: str) -> Json:
    body = {"url": url, **({"type": asset_type} if asset_type else {}), **more}
    answer = call.json("POST", ASSETS, json=body)
    assert answer["code"] in (200, "200")
    data: Json = answer["data"]
    return data


def done(call: Caller, asset: Json) -> Json:
    return settled(
        lambda: call.json("GET", f"{ASSETS}/{asset['id']}")["data"],
        lambda shown: shown["status"].lower() == "processing",
    )


def test_an_asset_is_registered_with_three_ids_and_becomes_active(call: Caller, clip: str) -> None:
    asset = register(call, clip, "Video")
    assert asset["status"] == "Processing"
    assert isinstance(asset["id"], int)
    assert asset["ark_asset_id"] != asset["atlas_asset_id"]
    assert done(call, asset)["status"] == "Active"


def test_without_a_type_it_is_an_image(call: Caller, picture: str) -> None:
    asset = register(call, picture, None)
    assert asset["type"] == "Image"
    assert done(call, asset)["status"] == "Active"


def test_a_file_outside_the_limits_fails_with_the_upstream_code(call: Caller, narrow: str) -> None:
    failed = done(call, register(call, narrow))
    assert (failed["status"], failed["error_code"]) == ("Failed", "WidthTooSmall")
    assert "300 px" in failed["error_message"]


def test_file_of_another_kind_than_registered_fails(call: Caller, picture: str) -> None:
    assert done(call, register(call, picture, "Video"))["error_code"] == "TypeMismatch"


def test_unreachable_url_fails(box: Sandbox, call: Caller) -> None:
    assert done(call, register(call, f"{box.origin}/files/x/y.png"))["error_code"] == "DownloadFailed"


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer sandbox-x"}, {"Authorization": "x"}, {}])
def test_a_wrong_key_is_401(box: Sandbox, headers: dict[str, str]) -> None:
    answer = requests.get(box.endpoint("atlas") + ASSETS, headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (401, 401)


@pytest.mark.parametrize("asset_id", ["1", "asset-20260101000000-abcde", "trash/1"])
def test_an_unknown_id_is_404(call: Caller, asset_id: str) -> None:
    answer = call("GET", f"{ASSETS}/{asset_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, 404)


@pytest.mark.parametrize(
    "body",
    [{}, {"url": ""}, {"url": 3}, {"url": "data:image/png;base64,AA"}, {"url": "https://x.test/a", "type": "image"}],
)
def test_undocumented_value_is_400(call: Caller, body: Json) -> None:
    assert call("POST", ASSETS, json=body).status_code == 400


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_body_that_is_not_an_object_is_400(call: Caller, data: bytes) -> None:
    assert call("POST", ASSETS, data=data).status_code == 400


def test_lists_are_paged_and_begin_with_the_newest(call: Caller, picture: str) -> None:
    ids = [register(call, picture)["id"] for _ in range(5)]

    def page(number: int) -> list[Json]:
        data = call.json("GET", ASSETS, params={"page_number": number, "page_size": 2})["data"]
        items: list[Json] = data["items"]
        return items

    assert [asset["id"] for asset in pages(page)][:5] == ids[::-1]


def test_deleted_asset_is_in_the_trash_until_it_is_restored(call: Caller, picture: str) -> None:
    path = f"{ASSETS}/{register(call, picture)['id']}"
    assert call.json("PUT", path, json={"name": "sunset-reference-v2"})["data"]["name"] == "sunset-reference-v2"
    assert call("DELETE", path).json()["code"] == 200
    assert call("GET", path).status_code == 404
    assert call("DELETE", path).status_code == 404
    assert [asset["name"] for asset in call.json("GET", f"{ASSETS}/trash")["data"]["items"]] == ["sunset-reference-v2"]
    assert call("POST", f"{path}/restore").status_code == 200
    assert call("GET", path).status_code == 200
    assert call("POST", f"{path}/restore").status_code == 404


def test_an_uploaded_file_can_be_registered(call: Caller, fixtures: Path) -> None:
    data = (fixtures / "accepted" / "picture.jpg").read_bytes()
    answer = call.json("POST", "/api/v1/model/uploadMedia", files={"file": ("my picture.jpg", data)})
    url = answer["data"]["download_url"]
    assert url.endswith("/my%20picture.jpg")
    assert requests.get(url, timeout=5).content == data
    assert done(call, register(call, url))["status"] == "Active"


def test_an_upload_without_a_file_is_400(call: Caller) -> None:
    assert call("POST", "/api/v1/model/uploadMedia", files={"other": b"x"}).status_code == 400
    assert call("POST", "/api/v1/model/uploadMedia", json={}).status_code == 400


def test_alternate_readings_change_the_shape(box: Sandbox, call: Caller, picture: str, narrow: str) -> None:
    box.faults.alternate_readings = True
    assert done(call, register(call, picture))["status"] == "active"
    failed = done(call, register(call, narrow))
    assert (failed["status"], failed["error"][:14]) == ("failed", "WidthTooSmall:")
    assert "list" in call.json("GET", ASSETS)["data"]
    missing = call("GET", f"{ASSETS}/1")
    assert (missing.status_code, missing.json()["code"]) == (200, "404")
    assert "url" in call.json("POST", "/api/v1/model/uploadMedia", files={"file": b"x"})


def test_ignored_names_are_replaced_by_the_url(box: Sandbox, call: Caller, picture: str) -> None:
    assert register(call, picture, name="mine")["name"] == "mine"
    box.faults.ignore_names = True
    assert register(call, picture, name="mine")["name"] == "picture.png"
    assert len(box.stats.registrations("atlas", name="mine")) == 2
