"""Volcengine and BytePlus: both forms, and what a signature has to hold."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import requests

from preflight.sandbox import Sandbox
from preflight.sandbox.credentials import canonical_request, sign
from tests.sandbox.caller import Json, published, settled, signed

BOTH = pytest.mark.parametrize("provider", ["volcengine", "byteplus"])


def result(answer: requests.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["Result"]


def error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["ResponseMetadata"]["Error"]["Code"]


def new_group(box: Sandbox, provider: str = "volcengine", name: str = "my-character-group", **more: str) -> str:
    group_id: str = result(signed(box, provider, "CreateAssetGroup", {"Name": name, **more}))["Id"]
    return group_id


def new_asset(box: Sandbox, group: str, url: str, provider: str = "volcengine", **more: str) -> str:
    body = {"GroupId": group, "URL": url, "AssetType": "Image", **more}
    asset_id: str = result(signed(box, provider, "CreateAsset", body))["Id"]
    return asset_id


def done(box: Sandbox, asset_id: str, provider: str = "volcengine") -> Json:
    return settled(
        lambda: result(signed(box, provider, "GetAsset", {"Id": asset_id})),
        lambda shown: shown["Status"] == "Processing",
    )


@pytest.mark.parametrize(
    ("secret", "region", "host", "date", "action", "body", "expected"),
    [
        (
            "exampleSecretKeyForTheGoldenVector==",
            "ap-southeast-1",
            "ark.ap-southeast-1.byteplusapi.com",
            "20260328T000000Z",
            "CreateVisualValidateSession",
            '{"CallbackURL":"https://picacho.ai/api/face-verification/callback?state=abc"}',
            "27a6a0cf9ad2ca402fae7fde57e38e0ae6755668c3d69c46e726e5fd0889faf4",
        ),
        (
            "c2VjcmV0",
            "cn-beijing",
            "ark.cn-beijing.volcengineapi.com",
            "20260102T030405Z",
            "CreateAsset",
            '{"GroupId":"group-20260101000000-abcde","URL":"https://example.com/a.png",'
            '"AssetType":"Image","Name":"character-01","ProjectName":"default"}',
            "a500bc52e31c8032727d1577dab8f8f20475708147174f78ad6d30c2f8f23c84",
        ),
        (
            "c2VjcmV0",
            "cn-beijing",
            "ark.cn-beijing.volcengineapi.com",
            "20260102T030405Z",
            "GetAsset",
            '{"Id":"asset-20260101000000-abcde","ProjectName":"default","Note":"名字 é"}',
            "659a7a6891d5b86d38118baaed0321be771ba0603cc8023947ed2ba4b20ebe83",
        ),
    ],
)
def test_the_signature_is_the_one_of_the_official_sdks(
    secret: str, region: str, host: str, date: str, action: str, body: str, expected: str
) -> None:
    digest = hashlib.sha256(body.encode()).hexdigest()
    headers = {"content-type": "application/json", "host": host, "x-content-sha256": digest, "x-date": date}
    query = (("Version", "2024-01-01"), ("Action", action))
    canonical = canonical_request("POST", "/", query, headers, digest)
    assert sign(secret, canonical, date, f"{date[:8]}/{region}/ark/request") == expected


@BOTH
def test_an_asset_is_registered_in_a_group_and_becomes_active(box: Sandbox, provider: str, picture: str) -> None:
    group = new_group(box, provider)
    asset_id = new_asset(box, group, picture, provider, Name="character-01")
    shown = done(box, asset_id, provider)
    assert shown["Status"] == "Active"
    names = {"Id", "Name", "URL", "AssetType", "GroupId", "Status", "CreateTime", "UpdateTime", "ProjectName"}
    assert set(shown) == names
    assert (shown["Name"], shown["GroupId"], shown["ProjectName"]) == ("character-01", group, "default")


def test_published_signature_form_is_accepted(box: Sandbox, picture: str) -> None:
    body = {"Name": "my-character-group", "Description": "Character assets for Seedance", "GroupType": "AIGC"}
    group = result(published(box, "CreateAssetGroup", body))["Id"]
    body = {"GroupId": group, "URL": picture, "AssetType": "Image", "Name": "character-01"}
    asset_id = result(published(box, "CreateAsset", body))["Id"]
    assert done(box, asset_id)["Name"] == "character-01"
    assert error(published(box, "GetAsset", {"Id": asset_id}, prefix="")) == (401, "SignatureDoesNotMatch")


def test_path_can_be_signed_with_or_without_the_prefix(box: Sandbox) -> None:
    for path in ("/volcengine/", "/"):
        assert signed(box, "volcengine", "ListAssets", {}, path=path).status_code == 200
    assert error(signed(box, "volcengine", "ListAssets", {}, path="/x"))[1] == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"secret": "x"}, (401, "SignatureDoesNotMatch")),
        ({"region": "cn-shanghai"}, (401, "SignatureDoesNotMatch")),
        ({"query": "&More=1"}, (401, "SignatureDoesNotMatch")),
        ({"sent": b'{"PageSize":3}'}, (401, "SignatureDoesNotMatch")),
        ({"drop": "x-content-sha256"}, (401, "SignatureDoesNotMatch")),
        ({"drop": "content-type"}, (401, "SignatureDoesNotMatch")),
        ({"minutes": -20}, (400, "InvalidTimestamp")),
        ({"minutes": 20}, (400, "InvalidTimestamp")),
    ],
)
def test_a_wrong_signature_is_refused(box: Sandbox, wrong: Json, expected: tuple[int, str]) -> None:
    assert error(signed(box, "volcengine", "ListAssets", {}, **wrong)) == expected


def test_keys_of_another_provider_are_refused(box: Sandbox) -> None:
    pair = box.credentials("byteplus")
    assert error(signed(box, "volcengine", "ListAssets", {}, pair=pair)) == (401, "InvalidAccessKey")


def test_unsigned_request_is_refused(box: Sandbox) -> None:
    url = f"{box.endpoint('volcengine')}/?Action=ListAssets&Version=2024-01-01"
    assert error(requests.post(url, json={}, timeout=5)) == (401, "MissingAuthenticationToken")
    headers = {"Authorization": "Bearer x"}
    assert error(requests.post(url, json={}, headers=headers, timeout=5)) == (401, "MissingSignature")


def test_temporary_keys_need_their_token(box: Sandbox) -> None:
    pair = box.credentials("volcengine", temporary=True)
    assert signed(box, "volcengine", "ListAssets", {}, pair=pair).status_code == 200
    tokenless = type(pair)(access_key=pair.access_key, secret_key=pair.secret_key)
    assert error(signed(box, "volcengine", "ListAssets", {}, pair=tokenless)) == (401, "InvalidSecurityToken")


def test_an_unknown_action_or_version_is_404(box: Sandbox) -> None:
    assert error(signed(box, "volcengine", "ListFiles", {})) == (404, "InvalidActionOrVersion")
    assert error(requests.post(f"{box.endpoint('volcengine')}/", json={}, timeout=5)) == (
        400,
        "MissingParameter.Action",
    )
    assert error(requests.post(f"{box.endpoint('byteplus')}/open/GetAsset", timeout=5))[0] == 404


def test_a_file_outside_the_limits_fails(box: Sandbox, narrow: str) -> None:
    shown = done(box, new_asset(box, new_group(box), narrow))
    assert (shown["Status"], shown["Error"]["Code"]) == ("Failed", "WidthTooSmall")


def test_a_file_outside_the_limits_may_be_refused_at_once(box: Sandbox, narrow: str) -> None:
    box.faults.refuse_at_once = True
    body = {"GroupId": new_group(box), "URL": narrow, "AssetType": "Image"}
    assert error(signed(box, "volcengine", "CreateAsset", body)) == (400, "InvalidParameter.WidthTooSmall")


def test_limits_on_names_and_groups_are_enforced(box: Sandbox, picture: str) -> None:
    group = new_group(box)
    asset = {"GroupId": group, "URL": picture, "AssetType": "Image"}
    for action, body, expected in (
        ("CreateAssetGroup", {}, (400, "MissingParameter.Name")),
        ("CreateAssetGroup", {"Name": "n" * 65}, (400, "InvalidParameter.Name")),
        ("CreateAssetGroup", {"Name": "n", "Description": "d" * 301}, (400, "InvalidParameter.Description")),
        ("CreateAssetGroup", {"Name": "n", "GroupType": "Other"}, (400, "InvalidParameter.GroupType")),
        ("CreateAsset", {**asset, "GroupId": ""}, (400, "MissingParameter.GroupId")),
        ("CreateAsset", {**asset, "GroupId": "group-none"}, (404, "NotFound.group_id")),
        ("CreateAsset", {**asset, "ProjectName": "other"}, (404, "NotFound.group_id")),
        ("CreateAsset", {**asset, "Name": "n" * 65}, (400, "InvalidParameter.Name")),
        ("CreateAsset", {**asset, "AssetType": "image"}, (400, "InvalidParameter.AssetType")),
        ("GetAsset", {"Id": "asset-none"}, (404, "NotFound.asset_id")),
        ("UpdateAsset", {"Id": "asset-none", "Name": "n"}, (404, "NotFound.asset_id")),
        ("DeleteAsset", {"Id": "asset-none"}, (404, "NotFound.asset_id")),
    ):
        assert error(signed(box, "volcengine", action, body)) == expected, (action, body)


def test_assets_and_groups_are_changed_and_deleted(box: Sandbox, picture: str) -> None:
    group = new_group(box)
    first, second = (new_asset(box, group, picture) for _ in range(2))
    assert result(signed(box, "volcengine", "UpdateAsset", {"Id": first, "Name": "new"})) == {"Id": first}
    assert done(box, first)["Name"] == "new"
    assert result(signed(box, "volcengine", "DeleteAsset", {"Id": first})) == {}
    assert error(signed(box, "volcengine", "GetAsset", {"Id": first}))[0] == 404
    assert result(signed(box, "volcengine", "UpdateAssetGroup", {"Id": group, "Name": "renamed"})) == {"Id": group}
    shown = result(signed(box, "volcengine", "GetAssetGroup", {"Id": group}))
    assert (shown["Name"], shown["GroupType"]) == ("renamed", "AIGC")
    assert result(signed(box, "volcengine", "DeleteAssetGroup", {"Id": group})) == {}
    assert error(signed(box, "volcengine", "GetAsset", {"Id": second}))[0] == 404


@pytest.mark.parametrize("order", ["Asc", "Desc"])
def test_lists_are_paged_by_number_or_by_token(box: Sandbox, picture: str, order: str) -> None:
    group = new_group(box)
    ids = [new_asset(box, group, picture, Name=f"name-{number}") for number in range(5)]
    body: Json = {"Filter": {"GroupIds": [group]}, "SortBy": "CreateTime", "SortOrder": order}
    by_number: list[str] = []
    for number in (1, 2, 3):
        page = result(signed(box, "volcengine", "ListAssets", {**body, "PageNumber": number, "PageSize": 2}))
        assert (page["TotalCount"], page["PageNumber"], page["PageSize"]) == (5, number, 2)
        by_number += [asset["Id"] for asset in page["Items"]]
    by_token: list[str] = []
    more: Json = {"MaxResults": 2}
    while more:
        page = result(signed(box, "volcengine", "ListAssets", {**body, **more}))
        by_token += [asset["Id"] for asset in page["Items"]]
        more = {"MaxResults": 2, "NextToken": page["NextToken"]} if page["NextToken"] else {}
    assert by_number == by_token == (ids if order == "Asc" else ids[::-1])
    both = {**body, "MaxResults": 2, "PageNumber": 1}
    assert error(signed(box, "volcengine", "ListAssets", both)) == (400, "InvalidParameter.NextToken")
    assert error(signed(box, "volcengine", "ListAssets", {"PageSize": 101})) == (400, "InvalidParameter.PageSize")


def test_lists_are_filtered(box: Sandbox, picture: str) -> None:
    group = new_group(box, name="filtered", ProjectName="mine")
    asset_id = new_asset(box, group, picture, Name="one-12", ProjectName="mine")
    project = {"ProjectName": "mine"}
    settled(
        lambda: result(signed(box, "volcengine", "GetAsset", {"Id": asset_id, **project})),
        lambda shown: shown["Status"] == "Processing",
    )
    for wanted, found in (
        ({"Name": "one"}, [asset_id]),
        ({"Name": "two"}, []),
        ({"Statuses": ["Active"], "GroupType": "AIGC"}, [asset_id]),
        ({"Statuses": ["Failed"]}, []),
        ({"GroupType": "LivenessFace"}, []),
    ):
        page = result(signed(box, "volcengine", "ListAssets", {"Filter": wanted, **project}))
        assert [asset["Id"] for asset in page["Items"]] == found, wanted
    groups = result(signed(box, "volcengine", "ListAssetGroups", {"Filter": {"Name": "filtered"}, **project}))
    assert [shown["Id"] for shown in groups["Items"]] == [group]
    assert result(signed(box, "volcengine", "ListAssetGroups", {"Filter": {"Name": "filtered"}}))["Items"] == []
    assert error(signed(box, "volcengine", "ListAssets", {"Filter": {"Statuses": "Active"}}))[0] == 400


@pytest.mark.parametrize("bare", [False, True])
def test_a_real_person_session_ends_in_a_group(box: Sandbox, bare: bool) -> None:
    box.faults.alternate_readings = bare
    answer = signed(box, "byteplus", "CreateVisualValidateSession", {"CallbackURL": "https://a.test/back?state=abc"})
    session = answer.json() if bare else result(answer)
    ask = {"BytedToken": session["BytedToken"]}
    assert error(signed(box, "byteplus", "GetVisualValidateResult", ask)) == (400, "ValidatePending")
    sent = requests.get(session["H5Link"], timeout=5, allow_redirects=False)
    assert sent.headers["Location"] == "https://a.test/back?state=abc"
    answer = signed(box, "byteplus", "GetVisualValidateResult", ask)
    group = (answer.json() if bare else result(answer))["GroupId"]
    assert result(signed(box, "byteplus", "GetAssetGroup", {"Id": group}))["GroupType"] == "LivenessFace"
