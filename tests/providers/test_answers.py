"""What the published answers become: one `Asset` for all, in any of the shapes in which providers write it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from preflight.errors import UsageError
from preflight.providers import Callback
from tests.rows import each_row

from .conftest import NOW, Open
from .server import Recorder

URL = "https://example.com/a.png"
AGT = {
    "id": "asset_xyz789",
    "asset_type": 2,
    "group_type": 1,
    "name": "Demo video",
    "description": "For digital human video generation",
    "status": 0,
    "fail_reason": "",
    "is_leaf": 1,
    "created_at": 1714000000,
    "updated_at": 1714000000,
}
SUNRA = {
    "id": "665f1c...",
    "ark_asset_id": "cgt-20260609-abc123",
    "name": "face.jpg",
    "asset_type": "image",
    "source_url": "https://example.com/face.jpg",
    "status": "active",
    "ark_url": "https://.../authenticated-asset",
    "created_at": "2026-06-09T15:00:00.000Z",
}
ATLAS = {
    "code": "200",
    "message": "success",
    "data": {"id": 2094547, "atlas_asset_id": "atlas-1", "ark_asset_id": "asset-2", "status": "processing"},
}


def ark(result: Any) -> dict[str, Any]:
    metadata = {"RequestId": "2026", "Action": "X", "Version": "2024-01-01", "Service": "ark", "Region": "cn-beijing"}
    return {"ResponseMetadata": metadata, "Result": result}


def test_agentsflare_registers_and_gets_an_asset(server: Recorder, open_: Open) -> None:
    provider = open_("agentsflare")
    server.respond({"Id": "asset-20260602115008-vvd9q", "base_resp": {"status_code": 0, "status_msg": ""}})
    asset = provider.register(URL, "image", name="n")
    assert (asset.id, asset.status, asset.kind, asset.name) == (
        "asset-20260602115008-vvd9q",
        "processing",
        "image",
        "n",
    )
    times = {"CreateTime": "2026-06-02T11:50:08Z", "UpdateTime": "2026-06-02T11:51:08Z"}
    answer = {
        "Id": asset.id,
        "Status": "Active",
        "AssetType": "Image",
        "Name": "n",
        "URL": "https://h/x.png",
        **times,
    }
    server.respond({**answer, "base_resp": {"status_code": 0}})
    asset = provider.get(asset.id)
    assert (asset.status, asset.provider_status) == ("active", "Active")
    assert asset.reference == "asset://asset-20260602115008-vvd9q"
    assert asset.url_expires == NOW + timedelta(hours=12)
    assert asset.updated == datetime(2026, 6, 2, 11, 51, 8, tzinfo=UTC)


def test_agt_answers_in_numbers(server: Recorder, open_: Open) -> None:
    provider = open_("agt")
    server.respond({"success": True, "message": "", "data": AGT})
    asset = provider.register("https://cdn.example.com/video/demo.mp4", "video", group="group_abc123")
    assert (asset.id, asset.status, asset.kind, asset.group) == ("asset_xyz789", "processing", "video", "group_abc123")
    assert asset.created == datetime.fromtimestamp(1714000000, UTC)
    assert asset.reference is None, "no page says what it looks like"
    assert "Ask its support" in (asset.usage or "")
    server.respond({"success": True, "data": {**AGT, "status": 2, "fail_reason": "InvalidParameter.FpsTooLow: 12"}})
    asset = provider.get("asset_xyz789")
    assert (asset.status, asset.error_code) == ("failed", "fps_too_low")
    assert asset.error_message == "InvalidParameter.FpsTooLow: 12"


def test_agt_lists_by_pages(server: Recorder, open_: Open) -> None:
    provider = open_("agt")
    server.respond({"success": True, "data": {"total": 3, "items": [{**AGT, "status": 1}, {**AGT, "asset_type": 3}]}})
    page = provider.api.list(group="g1")
    assert [(asset.status, asset.kind, asset.group) for asset in page.items] == [
        ("active", "video", "g1"),
        ("processing", "image", "g1"),
    ]
    assert (page.total, page.next) == (3, "2")
    server.respond({"success": True, "data": {"total": 3, "items": None}})
    assert provider.api.list(page="2").next is None, "a list that Go writes as null is empty"


def test_agt_tells_containers_from_assets(server: Recorder, open_: Open) -> None:
    provider = open_("agt")
    container = {**AGT, "id": "group_1", "is_leaf": 0, "asset_type": 1}
    server.respond({"success": True, "data": container})
    with pytest.raises(UsageError, match="group_1 is a container"):
        provider.get("group_1")
    server.respond({"success": True, "data": container})
    group = provider.api.get_group("group_1")
    assert (group.id, group.type, group.name) == ("group_1", "LivenessFace", "Demo video")
    server.respond({"success": True, "data": {"GroupId": "group_2"}})
    assert provider.api.create_group("mine").id == "group_2"


def test_agt_verifies_a_real_person(server: Recorder, open_: Open) -> None:
    provider = open_("agt")
    link = "https://xxx.volccdn.com/verify?token=xxx"
    server.respond({"success": True, "data": {"Url": link, "H5Link": link, "BytedToken": "byted_token_abc123"}})
    session = provider.api.create_session("https://your-app.com/asset/callback-result")
    assert (session.link, session.token) == (link, "byted_token_abc123")
    assert "xxx" not in repr(session)
    assert "byted_token" not in json.dumps(session.raw)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=success&group_id=group_abc123", Callback("success", "group_abc123")),
        ("a=b&status=failed&reason=face%20not%20found", Callback("failed", reason="face not found")),
        ("status=failed&reason=%1b[2J", Callback("failed", reason="\\x1b[2J")),
        ("status=failed", Callback("failed")),
    ],
)
def test_agt_parses_the_callback_url(query: str, expected: Callback, open_: Open) -> None:
    assert open_("agt").api.parse_callback(f"https://your-app.com/asset/callback-result?{query}") == expected


@pytest.mark.parametrize(
    "query",
    ["", "status=success", "status=success&group_id=../x", "status=done&group_id=g", "status=failed&status=success"],
)
def test_agt_refuses_other_callback_urls(query: str, open_: Open) -> None:
    with pytest.raises(UsageError):
        open_("agt").api.parse_callback(f"https://your-app.com/?{query}")


def test_atlas_keeps_three_ids(server: Recorder, open_: Open) -> None:
    server.respond(ATLAS)
    asset = open_("atlas").register(URL, "image")
    assert asset.id == "2094547"
    assert asset.ids == {"id": "2094547", "ark_asset_id": "asset-2", "atlas_asset_id": "atlas-1"}
    assert asset.reference == "asset://asset-2"
    assert "inline" in (asset.usage or "")


@pytest.mark.parametrize(
    ("chosen", "reference"),
    [("atlas_asset_id", "asset://atlas-1"), ("id", "asset://2094547"), ("ark_asset_id", "asset://asset-2")],
)
def test_atlas_lets_the_user_choose_the_reference(chosen: str, reference: str, server: Recorder, open_: Open) -> None:
    server.respond(ATLAS)
    assert open_("atlas", reference_id=chosen).get("2094547").reference == reference


def test_atlas_reference_falls_back_unless_an_id_is_chosen(server: Recorder, open_: Open) -> None:
    for _ in range(2):
        server.respond({"code": 200, "data": {"id": 7, "status": "Active", "atlas_asset_id": "atlas-1"}})
    assert open_("atlas").get("7").reference == "asset://atlas-1"
    assert open_("atlas", reference_id="ark_asset_id").get("7").reference is None


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        (
            {"error_code": "PixelCountTooSmall", "error_message": "between 407696"},
            "pixel_count_too_small",
            "between 407696",
        ),
        ({"error": "InputVideoSensitiveContentDetected.PolicyViolation"}, "sensitive_content", None),
        ({"error_message": "something else"}, "provider_rejected", "something else"),
        ({}, "provider_rejected", None),
    ],
)
def test_atlas_says_why_an_asset_failed(
    said: dict[str, str], code: str, message: str | None, server: Recorder, open_: Open
) -> None:
    server.respond({"code": "200", "data": {"id": 7, "status": "FAILED", "ark_asset_id": "x", **said}})
    asset = open_("atlas").get("7")
    assert (asset.status, asset.error_code, asset.reference) == ("failed", code, None)
    assert asset.error_message == (message or said.get("error"))


@pytest.mark.parametrize("name", ["items", "list"])
def test_atlas_lists_under_either_name(name: str, server: Recorder, open_: Open) -> None:
    item = {"id": 1, "name": "n", "type": "Video", "status": "active", "ark_asset_id": "a"}
    server.respond({"code": "200", "data": {name: [item], "total_count": 1, "page_number": 1, "page_size": 20}})
    page = open_("atlas").api.list()
    assert [(asset.id, asset.name, asset.kind) for asset in page.items] == [("1", "n", "video")]
    assert page.next is None


def test_atlas_gives_the_uploads_url_in_either_place(server: Recorder, open_: Open) -> None:
    import io

    server.respond({"url": "https://storage.atlascloud.ai/b.png"})
    assert open_("atlas").api.upload(io.BytesIO(b"x"), 1, "b.png", "image/png") == "https://storage.atlascloud.ai/b.png"


@pytest.mark.parametrize(
    "times",
    [("2026-04-21T02:41:43Z", "2026-04-21T02:42:20Z"), (1776739303, 1776739340), ("1776739303", "1776739340")],
)
def test_crun_times_are_parsed_in_both_formats(times: tuple[Any, Any], server: Recorder, open_: Open) -> None:
    data = {"AssetId": "asset-1", "Name": "n", "AssetType": "Image", "Status": "Active"}
    server.respond(
        {"code": 200, "message": "success", "data": {**data, "CreateTime": times[0], "UpdateTime": times[1]}}
    )
    asset = open_("crun").get("asset-1")
    assert asset.created == datetime(2026, 4, 21, 2, 41, 43, tzinfo=UTC)
    assert asset.updated == datetime(2026, 4, 21, 2, 42, 20, tzinfo=UTC)
    assert (asset.status, asset.kind, asset.reference) == ("active", "image", "asset://asset-1")


@each_row(
    "message, shown", [("success", None), ("Success", None), (None, None), ("TypeMismatch: no", "TypeMismatch: no")]
)
def test_message_of_a_successful_crun_response_is_not_a_reason(
    message: str | None, shown: str | None, server: Recorder, open_: Open
) -> None:
    server.respond({"code": 200, "message": message, "data": {"AssetId": "asset-1", "Status": "Failed"}})
    asset = open_("crun").get("asset-1")
    assert (asset.status, asset.error_message) == ("failed", shown)
    assert asset.error_code == ("provider_rejected" if shown is None else "type_mismatch")


def test_crun_registers(server: Recorder, open_: Open) -> None:
    server.respond({"code": 200, "message": "success", "data": {"AssetId": "asset-20260420153000-ab12c"}})
    asset = open_("crun").register(URL, "audio", name="n")
    assert (asset.id, asset.status, asset.kind, asset.name) == (
        "asset-20260420153000-ab12c",
        "processing",
        "audio",
        "n",
    )


def test_sunra_registers_gets_and_lists(server: Recorder, open_: Open) -> None:
    provider = open_("sunra")
    server.respond(SUNRA)
    asset = provider.get("cgt-20260609-abc123")
    assert (asset.id, asset.reference) == ("cgt-20260609-abc123", "asset://cgt-20260609-abc123")
    assert asset.ids == {"ark_asset_id": "cgt-20260609-abc123", "id": "665f1c..."}
    assert (asset.url, asset.source) == ("https://.../authenticated-asset", "https://example.com/face.jpg")
    assert asset.url_expires is None, "no page says"
    assert "relay" in (asset.usage or "")
    item = {"ark_asset_id": "cgt-...", "status": "active", "asset_type": "image"}
    server.respond({"items": [item], "total": 1, "page": 1, "page_size": 20})
    page = provider.api.list()
    assert [(each.id, each.name, each.status) for each in page.items] == [("cgt-...", None, "active")]
    assert provider.spec.lists_partly, "so whoever looks for a name has to get each"


def test_volcengine_parses_assets_and_errors(server: Recorder, open_: Open) -> None:
    provider = open_("volcengine")
    server.respond(ark({"Id": "asset-1"}))
    asset = provider.register(URL, "video", name="n", group="group-1")
    assert (asset.id, asset.status, asset.kind, asset.group) == ("asset-1", "processing", "video", "group-1")
    signed = "https://tos.example/x?X-Tos-Date=20261121T120000Z&X-Tos-Expires=60&X-Tos-Signature=5f2c"
    details = {"Id": "asset-1", "Name": "n", "URL": signed, "AssetType": "Video", "GroupId": "group-1"}
    times = {"CreateTime": "2026-05-28T06:09:22Z", "UpdateTime": "2026-05-28T06:09:31Z", "ProjectName": "default"}
    server.respond(ark({**details, **times, "Status": "Active"}))
    asset = provider.get("asset-1")
    assert asset.url == signed
    assert asset.url_expires == NOW + timedelta(minutes=1), "as the signature says, which is sooner than the page does"
    assert "5f2c" not in repr(asset) + json.dumps(asset.as_json())
    error = {"Code": "InputImageSensitiveContentDetected.PrivacyInformation", "Message": "may contain real person"}
    server.respond(ark({**details, "Status": "Failed", "Error": error}))
    asset = provider.get("asset-1")
    assert (asset.error_code, asset.provider_code) == ("sensitive_content", error["Code"])


def test_ark_lists_by_page_number_until_a_token_is_returned(server: Recorder, open_: Open) -> None:
    provider = open_("byteplus")
    item = {"Id": "a", "Name": "n", "Status": "Processing", "AssetType": "Image"}
    server.respond(ark({"Items": [item, item], "TotalCount": 3, "PageNumber": 1, "PageSize": 2}))
    assert provider.api.list(size=2).next == "2"
    server.respond(ark({"Items": [item], "NextToken": "abc"}))
    assert provider.api.list().next == "token:abc"
    server.respond(ark({"Items": [item], "NextToken": "", "TotalCount": 9}))
    assert provider.api.list(page="token:abc").next is None


def test_ark_session_results_may_lack_the_envelope(server: Recorder, open_: Open) -> None:
    provider = open_("byteplus")
    server.respond({"BytedToken": "t", "H5Link": "https://h5.example/?bytedToken=t"})
    assert provider.api.create_session("https://me.example").link == "https://h5.example/?bytedToken=t"
    server.respond(ark({"GroupId": "group-person"}))
    assert provider.api.session_result("t").id == "group-person"
    server.respond({"GroupId": "group-person"})
    assert provider.api.session_result("t").id == "group-person"


def test_ark_parses_groups(server: Recorder, open_: Open) -> None:
    provider = open_("volcengine")
    server.respond(ark({"Id": "group-1"}))
    group = provider.api.create_group("mine", description="d")
    assert (group.id, group.name, group.type) == ("group-1", "mine", "AIGC")
    items = [{"Id": "group-1", "Name": "mine", "Description": "d", "GroupType": "AIGC"}]
    server.respond(ark({"Items": items, "TotalCount": 1}))
    (group,) = provider.api.list_groups().items
    assert (group.id, group.name, group.description, group.type) == ("group-1", "mine", "d", "AIGC")
    server.respond(ark({}))
    provider.api.delete_group("group-1")
