"""The calls of the published pages, and what they send: `SENT`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from preflight.providers import Provider


class Sent(NamedTuple):
    """A call and what it must send. body None: nothing at all."""

    provider: str
    call: Callable[[Provider], object]
    method: str
    target: str
    body: dict[str, Any] | None = None
    options: Mapping[str, str] = MappingProxyType({})


def ark(action: str) -> str:
    return f"/?Action={action}&Version=2024-01-01"


IMAGE = "https://example.com/your-image.png"

SENT = [
    # agentsflare: its two curl examples
    Sent(
        "agentsflare",
        lambda p: p.register("https://static.example.com/character.png", "image", name="test asset"),
        "POST",
        "/byteplus/_unstable/open/CreateAsset",
        {"Name": "test asset", "URL": "https://static.example.com/character.png", "AssetType": "Image"},
    ),
    Sent(
        "agentsflare",
        lambda p: p.get("asset-20260602115008-vvd9q"),
        "POST",
        "/byteplus/_unstable/open/GetAsset",
        {"Id": "asset-20260602115008-vvd9q"},
    ),
    # AGT Cloud: its examples
    Sent(
        "agt",
        lambda p: p.api.create_session(
            "https://your-app.com/asset/callback-result",
            name="Real-person avatar of Zhang San",
            description="For digital human video generation",
        ),
        "POST",
        "/v1/asset/human/session",
        {
            "name": "Real-person avatar of Zhang San",
            "description": "For digital human video generation",
            "redirect_url": "https://your-app.com/asset/callback-result",
        },
    ),
    Sent("agt", lambda p: p.api.create_group("mine"), "POST", "/v1/asset/human/aigc", {"name": "mine"}),
    Sent(
        "agt",
        lambda p: p.register(
            "https://cdn.example.com/video/demo.mp4",
            "video",
            name="Demo video",
            group="group_abc123",
            description="For digital human video generation",
        ),
        "POST",
        "/v1/asset/human/upload",
        {
            "group_id": "group_abc123",
            "url": "https://cdn.example.com/video/demo.mp4",
            "asset_type": "Video",
            "name": "Demo video",
            "description": "For digital human video generation",
        },
    ),
    Sent(
        "agt",
        lambda p: p.register(IMAGE, "video", group="g1", asset_type="TrainingVideo"),
        "POST",
        "/v1/asset/human/upload",
        {"group_id": "g1", "url": IMAGE, "asset_type": "TrainingVideo"},
    ),
    Sent(
        "agt",
        lambda p: p.register(IMAGE, None, group="g1", asset_type="Script"),
        "POST",
        "/v1/asset/human/upload",
        {"group_id": "g1", "url": IMAGE, "asset_type": "Script"},
    ),
    Sent(
        "agt",
        lambda p: p.api.list(group="group_abc123"),
        "GET",
        "/v1/asset/human/list?group_id=group_abc123&is_leaf=1&p=1&page_size=20",
    ),
    Sent("agt", lambda p: p.api.list_groups(page="3"), "GET", "/v1/asset/human/list?is_leaf=0&p=3&page_size=20"),
    Sent("agt", lambda p: p.get("asset_xyz789"), "GET", "/v1/asset/human/get/asset_xyz789"),
    Sent("agt", lambda p: p.api.get_group("group_1"), "GET", "/v1/asset/human/get/group_1"),
    Sent("agt", lambda p: p.api.rename("asset_1", "new"), "PUT", "/v1/asset/human/update/asset_1", {"name": "new"}),
    Sent(
        "agt",
        lambda p: p.api.update_group("group_1", description="new"),
        "PUT",
        "/v1/asset/human/update/group_1",
        {"description": "new"},
    ),
    Sent("agt", lambda p: p.api.delete("asset_1"), "DELETE", "/v1/asset/human/delete/asset_1"),
    Sent("agt", lambda p: p.api.delete_group("group_1"), "DELETE", "/v1/asset/human/delete/group_1"),
    # Atlas Cloud: its cURL examples; a name goes along where one is given
    Sent(
        "atlas",
        lambda p: p.register("https://your-public-host.com/reference-clip.mp4", "video"),
        "POST",
        "/api/v1/sd/assets",
        {"type": "Video", "url": "https://your-public-host.com/reference-clip.mp4"},
    ),
    Sent(
        "atlas",
        lambda p: p.register(IMAGE, "image", name="my name"),
        "POST",
        "/api/v1/sd/assets",
        {"type": "Image", "url": IMAGE, "name": "my name"},
    ),
    Sent("atlas", lambda p: p.get("2094547"), "GET", "/api/v1/sd/assets/2094547"),
    Sent("atlas", lambda p: p.api.list(page="2", size=50), "GET", "/api/v1/sd/assets?page_number=2&page_size=50"),
    Sent("atlas", lambda p: p.api.list_trash(), "GET", "/api/v1/sd/assets/trash?page_number=1&page_size=20"),
    Sent(
        "atlas",
        lambda p: p.api.rename("2094547", "sunset-reference-v2"),
        "PUT",
        "/api/v1/sd/assets/2094547",
        {"name": "sunset-reference-v2"},
    ),
    Sent("atlas", lambda p: p.api.delete("2094547"), "DELETE", "/api/v1/sd/assets/2094547"),
    Sent("atlas", lambda p: p.api.restore("2094547"), "POST", "/api/v1/sd/assets/2094547/restore"),
    # Crun: its examples
    Sent(
        "crun",
        lambda p: p.register("https://example.com/assets/fashion-model-front.jpg", "image", name="fashion-model-front"),
        "POST",
        "/api/v1/client/job/asset-upload",
        {
            "name": "fashion-model-front",
            "asset_type": "Image",
            "asset_url": "https://example.com/assets/fashion-model-front.jpg",
        },
    ),
    Sent(
        "crun",
        lambda p: p.get("asset-20260420153000-ab12c"),
        "GET",
        "/api/v1/client/job/asset-info?asset_id=asset-20260420153000-ab12c",
    ),
    # Sunra: its curl examples and tables
    Sent(
        "sunra",
        lambda p: p.register("https://example.com/face.jpg", "image"),
        "POST",
        "/v1/ark/assets",
        {"source_url": "https://example.com/face.jpg", "asset_type": "image"},
    ),
    Sent("sunra", lambda p: p.get("cgt-20260609-abc123"), "GET", "/v1/ark/assets/cgt-20260609-abc123"),
    Sent("sunra", lambda p: p.api.list(), "POST", "/v1/ark/assets/list", {"page": 1, "page_size": 20}),
    Sent(
        "sunra",
        lambda p: p.api.list(status="active", page="2", size=5),
        "POST",
        "/v1/ark/assets/list",
        {"status": "active", "page": 2, "page_size": 5},
    ),
    Sent("sunra", lambda p: p.api.delete("cgt-1"), "DELETE", "/v1/ark/assets/cgt-1"),
    # Volcengine: the Actions, and the page's own form of the same
    Sent(
        "volcengine",
        lambda p: p.api.create_group("my-character-group", description="Character assets for Seedance"),
        "POST",
        ark("CreateAssetGroup"),
        {"Name": "my-character-group", "Description": "Character assets for Seedance", "GroupType": "AIGC"},
    ),
    Sent(
        "volcengine",
        lambda p: p.register("https://example.com/a.png", "image", name="character-01", group="group-2026-abcde"),
        "POST",
        ark("CreateAsset"),
        {
            "GroupId": "group-2026-abcde",
            "URL": "https://example.com/a.png",
            "AssetType": "Image",
            "Name": "character-01",
            "ProjectName": "default",
        },
        {"project": "default"},
    ),
    Sent(
        "volcengine",
        lambda p: p.register(IMAGE, "image", name="character-01", group="g1"),
        "POST",
        "/open/CreateAsset",
        {"GroupId": "g1", "URL": IMAGE, "AssetType": "Image", "Name": "character-01"},
        {"signing": "published"},
    ),
    Sent("volcengine", lambda p: p.get("a1"), "POST", "/open/GetAsset", {"Id": "a1"}, {"signing": "published"}),
    Sent(
        "byteplus",
        lambda p: p.api.create_session("https://picacho.ai/api/face-verification/callback?state=abc"),
        "POST",
        ark("CreateVisualValidateSession"),
        {"CallbackURL": "https://picacho.ai/api/face-verification/callback?state=abc"},
    ),
    Sent(
        "byteplus",
        lambda p: p.api.session_result("2026070222152680501D"),
        "POST",
        ark("GetVisualValidateResult"),
        {"BytedToken": "2026070222152680501D"},
    ),
    Sent("byteplus", lambda p: p.get("asset-1"), "POST", ark("GetAsset"), {"Id": "asset-1"}),
    Sent("byteplus", lambda p: p.api.list(), "POST", ark("ListAssets"), {"PageNumber": 1, "PageSize": 100}),
    Sent(
        "byteplus",
        lambda p: p.api.list(group="g1", status="failed", name="n", page="2", size=500),
        "POST",
        ark("ListAssets"),
        {"Filter": {"GroupIds": ["g1"], "Statuses": ["Failed"], "Name": "n"}, "PageNumber": 2, "PageSize": 100},
    ),
    Sent(
        "byteplus",
        lambda p: p.api.list(page="token:abc=="),
        "POST",
        ark("ListAssets"),
        {"MaxResults": 100, "NextToken": "abc=="},
    ),
    Sent(
        "byteplus",
        lambda p: p.api.list_groups(name="n"),
        "POST",
        ark("ListAssetGroups"),
        {"Filter": {"Name": "n"}, "PageNumber": 1, "PageSize": 100},
    ),
    Sent("byteplus", lambda p: p.api.get_group("g1"), "POST", ark("GetAssetGroup"), {"Id": "g1"}),
    Sent("byteplus", lambda p: p.api.rename("a1", "n"), "POST", ark("UpdateAsset"), {"Id": "a1", "Name": "n"}),
    Sent(
        "byteplus",
        lambda p: p.api.update_group("g1", name="n", description="d"),
        "POST",
        ark("UpdateAssetGroup"),
        {"Id": "g1", "Name": "n", "Description": "d"},
    ),
    Sent("byteplus", lambda p: p.api.delete("a1"), "POST", ark("DeleteAsset"), {"Id": "a1"}),
    Sent("byteplus", lambda p: p.api.delete_group("g1"), "POST", ark("DeleteAssetGroup"), {"Id": "g1"}),
]
