"""When a signed URL expires, for each way of signing."""

from __future__ import annotations

import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.net.urls import expires_at
from tests.rows import each_row

END = 1_767_323_105  # 2026-01-02T03:05:05Z
POLICY = json.dumps({"Statement": [{"Resource": "*", "Condition": {"DateLessThan": {"AWS:EpochTime": END}}}]})
TOKEN = json.dumps({"url": "a/b.mp4", "iat": END - 60, "exp": END})
URLSAFE = str.maketrans("+=/", "-_~")


@each_row(
    "query",
    [
        pytest.param("X-Amz-Algorithm=A&X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-Signature=0", id="S3 V4"),
        pytest.param("x-amz-date=20260102T030405Z&x-amz-expires=60", id="S3 V4 in lower case"),
        pytest.param(f"AWSAccessKeyId=A&Signature=b&Expires={END}", id="S3 V2"),
        pytest.param("X-Goog-Date=20260102T030405Z&X-Goog-Expires=60&X-Goog-Signature=0", id="GCS V4"),
        pytest.param(f"GoogleAccessId=a&Expires={END}&Signature=b", id="GCS V2"),
        pytest.param("sv=2022-11-02&se=2026-01-02T03:05:05Z&sr=b&sp=r&sig=x", id="Azure"),
        pytest.param("se=2026-01-02T03%3A05%3A05Z&sig=x", id="Azure escaped"),
        pytest.param("se=2026-01-02T04:05:05+01:00&sig=x", id="Azure with an unescaped plus"),
        pytest.param("se=2030-01-01&ske=2026-01-02T03:05:05Z&sig=x", id="Azure whose key ends first"),
        pytest.param(f"Expires={END}&Signature=x&Key-Pair-Id=K", id="CloudFront canned"),
        pytest.param(
            f"Policy={base64.b64encode(POLICY.encode()).decode().translate(URLSAFE)}&Signature=x&Key-Pair-Id=K",
            id="CloudFront custom",
        ),
        pytest.param(f"OSSAccessKeyId=a&Expires={END}&Signature=b", id="OSS V1"),
        pytest.param("x-oss-date=20260102T030405Z&x-oss-expires=60&x-oss-signature=0", id="OSS V4"),
        pytest.param("X-Tos-Date=20260102T030405Z&X-Tos-Expires=60&X-Tos-Signature=0", id="TOS"),
        pytest.param(f"q-sign-time={END - 60};{END}&q-signature=0", id="COS"),
        pytest.param(f"ex={END:x}&is=0&hm=0", id="Discord"),
        pytest.param(f"hdnea=st=1~exp={END}~acl=/*~hmac=0", id="Akamai"),
        pytest.param(f"token=00ff&expires={END}", id="Bunny"),
        pytest.param(f"token=00ff&expires={END}000", id="milliseconds"),
        pytest.param(f"token=e30.{base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip('=')}.00ff", id="Supabase"),
    ],
)
def test_expiry_is_read_from_the_url(query: str) -> None:
    assert expires_at(f"https://h.example/a.mp4?{query}") == END


@each_row(
    "query",
    [
        "",
        "expires=1767323105",  # unsigned: a parameter like any other
        "se=2026-01-02T03:05:05Z",
        "X-Amz-Date=20260102T030405Z",
        "X-Amz-Expires=60",
        "X-Amz-Date=20260102T030405Z&X-Amz-Expires=-1",
        "X-Amz-Date=20260102T030405Z&X-Amz-Expires=" + "9" * 400,
        "X-Amz-Date=20269902T030405Z&X-Amz-Expires=60",
        "X-Amz-Date=20260102T030405Z&X-Amz-Expires=²",
        "Expires=soon&Signature=x",
        "Policy=!!!!&Signature=x",
        "Policy=!" + base64.b64encode(POLICY.encode()).decode() + "&Signature=x",
        "Policy=" + base64.b64encode(b'{"Statement": 3}').decode(),
        "Policy=" + base64.b64encode(b"[" * 30_000).decode(),
        "Policy=" + base64.b64encode(POLICY.replace(str(END), "1e999").encode()).decode(),
        "se=9999-99-99&sig=x",
        "ex=zzzzzzzz&hm=1",
    ],
)
def test_url_without_an_expiry_has_none(query: str) -> None:
    assert expires_at(f"https://h.example/a.mp4?{query}") is None


def test_a_broken_url_has_no_end() -> None:
    assert expires_at("https://[::1/?X-Amz-Date=20260102T030405Z&X-Amz-Expires=60") is None
    assert expires_at("https://h.example/?" + "a" * 70_000) is None


NAMES = st.sampled_from(
    ["X-Amz-Date", "X-Amz-Expires", "Expires", "Signature", "se", "ske", "sig", "Policy", "ex", "hm"]
)


@given(st.lists(st.tuples(NAMES, st.text(max_size=30)), max_size=8))
def test_any_expiry_is_a_finite_time_or_ignored(pairs: list[tuple[str, str]]) -> None:
    found = expires_at("https://h.example/?" + "&".join(f"{name}={value}" for name, value in pairs))
    assert found is None or math.isfinite(found)
