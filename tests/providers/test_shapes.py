"""What holds for every provider's answers: words, ids, lists, pages, times, and what is shown of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from preflight.errors import UnusableAnswer
from preflight.providers import PROVIDERS
from preflight.providers.asset import parse_time
from preflight.providers.parser import next_page
from tests.rows import each_row

from .conftest import Open
from .server import Recorder

URL = "https://example.com/a.png"


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_undocumented_status_is_unknown(name: str, server: Recorder, open_: Open) -> None:
    data = {PROVIDERS[name].ids[0]: "a1", "Status": "Inactive", "status": "Inactive"}
    server.respond({"code": 200, "success": True, "Result": data, "data": data, **data})
    asset = open_(name).get("a1")
    assert (asset.status, asset.provider_status) == ("unknown", "Inactive")


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_registration_without_an_id_may_have_taken_effect(name: str, server: Recorder, open_: Open) -> None:
    provider = open_(name)
    server.respond({"code": 200, "success": True, "Result": {}, "data": {}, "base_resp": {"status_code": 0}})
    with pytest.raises(UnusableAnswer, match=provider.spec.ids[0]) as caught:
        provider.register(URL, "image", group="g1" if provider.spec.needs_group else None)
    assert caught.value.ambiguous


@each_row(
    "value, name",
    [(5, "5"), ("\ud800", "\ud800"), ("", None), (None, None), (True, None), (1.5, None), ([], None), ({"a": 1}, None)],
)
def test_value_of_another_type_is_none(value: object, name: str | None, server: Recorder, open_: Open) -> None:
    server.respond({"data": {"id": 7, "name": value, "created_at": [], "error": 5, "status": "failed", "url": {}}})
    asset = open_("atlas").get("7")
    assert (asset.name, asset.created, asset.url, asset.error_message) == (name, None, None, None)


@each_row(
    "error, message", [("a sentence", "a sentence"), ({"message": "m"}, "m"), (None, "why"), ("", "why"), (5, "why")]
)
def test_failure_is_found_under_its_first_name_with_a_value(
    error: object, message: str, server: Recorder, open_: Open
) -> None:
    server.respond({"data": {"id": 7, "status": "failed", "Error": None, "error": error, "fail_reason": "why"}})
    assert open_("atlas").get("7").error_message == message


@pytest.mark.parametrize("name", [name for name in PROVIDERS if "list" in PROVIDERS[name].can])
def test_missing_list_is_not_an_empty_list(name: str, server: Recorder, open_: Open) -> None:
    server.respond({"code": 200, "success": True, "Result": {}, "data": {}})
    with pytest.raises(UnusableAnswer):
        open_(name).api.list()


def test_next_page_ends_at_the_total_or_an_empty_page() -> None:
    assert next_page(1, 20, 45) == "2"
    assert next_page(1, 5, 5) is None
    assert next_page(2, 20, 40) is None
    assert next_page(3, 5, None) == "4", "without a total only an empty page is the end"
    assert next_page(4, 0, 45) is None
    assert next_page(1, 20, 0) == "2", "the total is wrong"


@pytest.mark.parametrize("text", ["", "soon", "2026-99-01", True, None, [], -(10**30), "9" * 30, float("nan")])
def test_invalid_time_is_none(text: object) -> None:
    assert parse_time(text) is None


def test_times_with_another_zone_are_turned_into_utc() -> None:
    assert parse_time("2026-04-21T10:41:43+08:00") == datetime(2026, 4, 21, 2, 41, 43, tzinfo=UTC)
    assert parse_time("2026-04-21 02:41:43") == datetime(2026, 4, 21, 2, 41, 43, tzinfo=UTC)


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_asset_is_json_without_signatures_and_keys(name: str, server: Recorder, open_: Open) -> None:
    secret = "https://tos.example/x.png?X-Tos-Signature=5f2c1a&X-Tos-Expires=60"
    data = {PROVIDERS[name].ids[0]: "a1", "name": "n", "deep": [{"session_token": "5f2c1a", "see": f"at {secret}"}]}
    data |= dict.fromkeys(("URL", "url", "ark_url", "source_url"), secret)
    server.respond({"code": 200, "success": True, "Result": data, "data": data, **data})
    asset = open_(name).get("a1")
    assert "5f2c1a" not in json.dumps(asset.as_json()) + repr(asset) + str(asset)
    assert asset.as_json()["raw"]["deep"][0]["session_token"] == "…"
    assert hash(asset)
