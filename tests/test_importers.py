"""`rules import`: rule files from what a server states, and servers that state nothing of use."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from preflight import catalog, importers
from preflight.errors import SourceError, UsageError
from preflight.importers import mastodon
from preflight.net.options import HttpOptions
from preflight.rulecheck import validate_file
from tests.conftest import Run
from tests.rows import each_row

INSTANCE: dict[str, Any] = {
    "domain": "social.example",
    "configuration": {
        "statuses": {"max_characters": 500, "max_media_attachments": 4},
        "media_attachments": {
            "description_limit": 1500,
            "image_matrix_limit": 33_177_600,
            "image_size_limit": 16_777_216,
            "supported_mime_types": ["image/jpeg", "image/png", "image/webp", "video/mp4", "video/webm", "audio/mpeg"],
            "video_frame_rate_limit": 120,
            "video_matrix_limit": 8_294_400,
            "video_size_limit": 103_809_024,
        },
    },
}
PRIVATE = HttpOptions(allow_private=True)


class Instance(ThreadingHTTPServer):
    """A server that answers with `body`, whatever is asked for, and records the paths."""

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = body
        self.paths: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Instance

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def instance() -> Iterator[Instance]:
    with Instance(json.dumps(INSTANCE).encode()) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def test_limits_of_a_server_become_a_valid_rule_file(instance: Instance, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "social.toml"
    call = ["rules", "import", "mastodon", instance.url, "--allow-private"]
    assert run(*call, "-o", path).returncode == 0
    assert instance.paths == ["/api/v2/instance"]
    assert run(*call).stdout == path.read_text()
    assert run(*call, "-o", path).returncode == 2
    assert validate_file(str(path)) == []
    rules = catalog.load(str(path))
    assert (rules.stage, rules.basis, rules.source_url) == ("post", "published", f"{instance.url}/api/v2/instance")
    limits = {
        kind: {one.fact: one.high or one.any_of for one in section.limits} for kind, section in rules.sections.items()
    }
    assert limits == {
        "image": {"format": ("jpeg", "png", "webp"), "size": 16_777_216, "pixels": 33_177_600},
        "video": {"format": ("m4a", "mp4", "webm"), "size": 103_809_024, "pixels": 8_294_400, "fps": 120},
        "audio": {"format": ("mp1", "mp2", "mp3"), "size": 103_809_024},
    }
    assert rules.request is not None
    assert [limit.high for limit in rules.request.limits[None]] == [4]


@each_row(
    ("body", "said"),
    [
        (b"<html>", "is not a JSON object. Check the address of the server."),
        (b"[]", "is not a JSON object."),
        (b"[" * 100_000, "is not a JSON object."),
        (b"{}", "it does not state configuration.media_attachments. Check that it is a Mastodon server."),
        (b'{"configuration": {"media_attachments": {"supported_mime_types": "image/png"}}}', "it does not state"),
        (b'{"configuration": {"media_attachments": {"supported_mime_types": ["a/b", 3]}}}', "it does not state"),
    ],
)
def test_a_server_that_states_no_limits_is_an_error(body: bytes, said: str, instance: Instance) -> None:
    instance.body = body
    with pytest.raises(SourceError, match=r"127\.0\.0\.1") as caught:
        importers.import_rules("mastodon", instance.url, PRIVATE)
    assert caught.value.code == "response_invalid"
    assert said in str(caught.value)


def test_numbers_that_are_none_are_left_out() -> None:
    odd: dict[str, Any] = {"supported_mime_types": ["image/png"], "image_size_limit": -1, "image_matrix_limit": True}
    for value in ('9 } }\nx = "', 1.5, 10**30, None, 0):
        odd["image_size_limit"] = value
        text = mastodon.rule_file(
            {"configuration": {"media_attachments": odd}}, "a.example", "https://a.example", "2026-11-28"
        )
        assert text.endswith('[image]\nformat = { any_of = ["png"] }\n')


def test_a_password_is_not_written(instance: Instance) -> None:
    secret = instance.url.replace("//", "//me:secret@")
    assert "secret" not in importers.import_rules("mastodon", secret, PRIVATE)


def test_private_addresses_and_unknown_kinds_are_refused(instance: Instance) -> None:
    with pytest.raises(SourceError) as caught:
        importers.import_rules("mastodon", instance.url)
    assert (caught.value.code, instance.paths) == ("address_not_public", [])
    with pytest.raises(UsageError, match="Did you mean 'mastodon'"):
        importers.import_rules("mastodom", instance.url)
