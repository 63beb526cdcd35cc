"""What is sent: method, path, query, headers and body are those of the published examples, to the letter."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from preflight.providers import PROVIDERS

from .conftest import KEY, TOKEN, Open, keys_of
from .published import SENT, Sent
from .server import Recorder

ASSET = {
    "Id": "asset-1",
    "id": "asset-1",
    "AssetId": "asset-1",
    "ark_asset_id": "asset-1",
    "H5Link": "https://h5.example",
}
ANSWER = {
    **ASSET,
    "success": True,
    "deleted": True,
    "code": 200,
    "data": {**ASSET, "download_url": "https://storage.example/a.mp4", "items": []},
    "Result": {**ASSET, "Items": []},
    "items": [],
}
"""An answer that every call of every provider takes."""


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: f"{sent.provider} {sent.target}")
def test_call_sends_what_the_pages_print(sent: Sent, server: Recorder, open_: Open) -> None:
    server.respond(ANSWER)
    sent.call(open_(sent.provider, **sent.options))
    assert len(server.requests) == 1, "a method is one call"
    asked = server.last
    assert (asked.method, asked.target) == (sent.method, sent.target)
    if sent.body is None:
        assert asked.body == b""
        assert "content-type" not in asked.headers
    else:
        expected = json.dumps(sent.body, separators=(",", ":"), ensure_ascii=False).encode()
        assert asked.body == expected
        assert asked.headers["content-type"] == "application/json"


def test_every_action_of_every_provider_is_tested_above() -> None:
    met: dict[str, set[str]] = {name: set() for name in PROVIDERS}

    class Watcher:
        def __init__(self, provider: str) -> None:
            self._provider = provider

        @property
        def api(self) -> Watcher:
            return self

        def __getattr__(self, verb: str) -> Callable[..., None]:
            return lambda *words, **options: met[self._provider].add(verb)

    for sent in SENT:
        sent.call(Watcher(sent.provider))  # type: ignore[arg-type]
    met["volcengine"] |= met["byteplus"]
    met["byteplus"] |= met["volcengine"]
    for name, provider in PROVIDERS.items():
        assert met[name] == provider.can - {"upload", "parse_callback"}, name


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name not in ("crun", "volcengine", "byteplus")])
def test_key_is_sent_as_bearer_token(name: str, server: Recorder, open_: Open) -> None:
    server.respond(ANSWER)
    open_(name).get("asset-1")
    assert server.last.headers["authorization"] == f"Bearer {KEY}"


def test_crun_sends_the_key_as_x_api_key(server: Recorder, open_: Open) -> None:
    server.respond(ANSWER)
    open_("crun").get("asset-1")
    assert server.last.headers["x-api-key"] == KEY
    assert "authorization" not in server.last.headers


def test_signature_covers_the_sent_bytes(server: Recorder, open_: Open) -> None:
    from preflight.providers.credentials import Call, Secret, SigningKeys, sign_official

    from .conftest import NOW, SECRET

    server.respond(ANSWER)
    open_("byteplus", credentials={**keys_of("byteplus"), "session_token": TOKEN}).api.rename("a1", "名字 é")
    asked = server.last
    call = Call("", "", "POST", server.url + asked.target, asked.body, {"Content-Type": asked.headers["content-type"]})
    keys = SigningKeys("AKLTexample", Secret(SECRET), Secret(TOKEN))
    expected = sign_official(call, asked.body, keys, "ap-southeast-1", NOW)
    assert {name: asked.headers[name.lower()] for name in expected} == expected
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"


def test_file_is_uploaded_while_it_is_read(server: Recorder, open_: Open) -> None:
    server.respond(ANSWER)
    data = bytes(range(256)) * 1000
    file = io.BytesIO(b"behind us" + data + b"after us")
    file.seek(9)
    url = open_("atlas").api.upload(file, len(data), 'a "b"\r\nclip.mp4', "video/mp4")
    asked = server.last
    assert url == "https://storage.example/a.mp4"
    assert (asked.method, asked.target) == ("POST", "/api/v1/model/uploadMedia")
    boundary = asked.headers["content-type"].removeprefix("multipart/form-data; boundary=").encode()
    head = b'Content-Disposition: form-data; name="file"; filename="a %22b%22%0D%0Aclip.mp4"\r\nContent-Type: video/mp4'
    assert asked.body == b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (boundary, head, data, boundary)
    assert asked.headers["content-length"] == str(len(asked.body))


def test_atlas_is_sent_no_name_if_it_refuses_one(server: Recorder, open_: Open) -> None:
    for send_name in (True, False, None):
        server.respond(ANSWER)
        provider = open_("atlas", send_name=send_name)
        provider.register("https://example.com/a.png", "image", name="hero")
        assert ("name" in server.last.json) is (send_name is not False) is provider.sends_names


def test_endpoint_replaces_every_host_and_keeps_its_path(server: Recorder, open_: Open) -> None:
    server.respond(ANSWER)
    open_("atlas", endpoint=f"{server.url}/prefix/").get("1")
    assert server.last.target == "/prefix/api/v1/sd/assets/1"
