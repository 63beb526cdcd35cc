"""The signatures are those of the published vectors, and the page's own where that is asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from preflight.providers.credentials import Call, Secret, SigningKeys, host_of, sign_official, sign_published

KEYS = SigningKeys("AKLTexample", Secret("c2VjcmV0"))
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CREATE = {
    "GroupId": "group-20260101000000-abcde",
    "URL": "https://example.com/a.png",
    "AssetType": "Image",
    "Name": "character-01",
    "ProjectName": "default",
}
GET = {"Id": "asset-20260101000000-abcde", "ProjectName": "default", "Note": "名字 é"}


def call(action: str, body: bytes, host: str = "ark.cn-beijing.volcengineapi.com") -> Call:
    url = f"https://{host}/?Action={action}&Version=2024-01-01"
    return Call("any", action, "POST", url, body, {"Content-Type": "application/json"})


def packed(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def signature(headers: dict[str, str]) -> str:
    return headers["Authorization"].rpartition("Signature=")[2]


def test_call_may_change_something_and_has_an_answer_unless_it_says_otherwise() -> None:
    asked = call("CreateAsset", b"{}")
    assert (asked.reads, asked.empty) == (False, False)


def test_signature_of_byteplus_matches_the_vector() -> None:
    keys = SigningKeys("AKLTexampleaccesskey", Secret("exampleSecretKeyForTheGoldenVector=="))
    body = b'{"CallbackURL":"https://picacho.ai/api/face-verification/callback?state=abc"}'
    asked = call("CreateVisualValidateSession", body, "ark.ap-southeast-1.byteplusapi.com")
    headers = sign_official(asked, body, keys, "ap-southeast-1", datetime(2026, 3, 28, tzinfo=UTC))
    assert headers["X-Date"] == "20260328T000000Z"
    assert "SignedHeaders=content-type;host;x-content-sha256;x-date," in headers["Authorization"]
    assert signature(headers) == "27a6a0cf9ad2ca402fae7fde57e38e0ae6755668c3d69c46e726e5fd0889faf4"


@pytest.mark.parametrize(
    ("action", "body", "expected"),
    [
        ("CreateAsset", CREATE, "a500bc52e31c8032727d1577dab8f8f20475708147174f78ad6d30c2f8f23c84"),
        ("GetAsset", GET, "659a7a6891d5b86d38118baaed0321be771ba0603cc8023947ed2ba4b20ebe83"),
    ],
)
def test_signature_of_volcengine_matches_the_vectors(action: str, body: object, expected: str) -> None:
    headers = sign_official(call(action, packed(body)), packed(body), KEYS, "cn-beijing", MOMENT)
    assert signature(headers) == expected
    assert headers["Authorization"].startswith(
        "HMAC-SHA256 Credential=AKLTexample/20260102/cn-beijing/ark/request, SignedHeaders="
    )


def test_doubted_vector_differs_by_the_prefix_of_the_secret() -> None:
    doubted = SigningKeys("AKLTexample", Secret("VolcEnginec2VjcmV0"))
    headers = sign_official(call("CreateAsset", packed(CREATE)), packed(CREATE), doubted, "cn-beijing", MOMENT)
    assert signature(headers) == "9b03d9cb63d34f5b325be646eea642f045beeccaea4efe84bf8bcd711f233075"


def test_session_token_is_sent_and_signed() -> None:
    keys = SigningKeys("AKLTexample", Secret("c2VjcmV0"), Secret("STS-token"))
    headers = sign_official(call("GetAsset", b"{}"), b"{}", keys, "cn-beijing", MOMENT)
    assert headers["X-Security-Token"] == "STS-token"
    assert "SignedHeaders=content-type;host;x-content-sha256;x-date;x-security-token," in headers["Authorization"]


def test_published_form_signs_host_and_date_alone() -> None:
    """By the sample code of the page, run with these values."""
    body = b'{"Id":"asset-1"}'
    asked = Call("get", "GetAsset", "POST", "https://open.volcengineapi.com/open/GetAsset", body)
    headers = sign_published(asked, body, KEYS, "cn-beijing", MOMENT)
    assert headers == {
        "Host": "open.volcengineapi.com",
        "X-Date": "20260102T030405Z",
        "Authorization": "HMAC-SHA256 Credential=AKLTexample/20260102/cn-beijing/ark/request, "
        "SignedHeaders=host;x-date, Signature=fa66afc0bb732a6be8ff2521b986b8ff966aa40677378c35c4d0cf0c979ad9b6",
    }


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://h.example/", "h.example"),
        ("https://h.example:443/", "h.example"),
        ("https://h.example:80/", "h.example:80"),
        ("http://h.example:80/a?b", "h.example"),
        ("http://h.example:443/", "h.example:443"),
        ("http://h.example:81", "h.example:81"),
    ],
)
def test_the_host_has_its_port_unless_it_is_the_schemes(url: str, host: str) -> None:
    assert host_of(url) == host
