"""The registry, and what a provider refuses before anything is sent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from preflight.errors import UsageError
from preflight.providers import API_ACTIONS, PROVIDERS, Provider, Rate, find_provider, open_provider

from .conftest import Open
from .server import Recorder

URL = "https://h.example/a.png"
ARK = (
    "register get list rename delete create_group list_groups get_group update_group delete_group "
    "create_session session_result"
)
CAN = {
    "agentsflare": "register get",
    "agt": "register get list rename delete create_group list_groups get_group update_group delete_group "
    "create_session parse_callback",
    "atlas": "register get list rename delete restore list_trash upload",
    "byteplus": ARK,
    "crun": "register get",
    "sunra": "register get list delete",
    "volcengine": ARK,
}


def test_registry_is_alphabetical_and_says_what_each_can_do() -> None:
    assert list(PROVIDERS) == sorted(PROVIDERS) == sorted(CAN)
    for name, provider in PROVIDERS.items():
        assert provider.name == name
        assert provider.can == set(CAN[name].split()), name
        assert set(provider.origins) >= {"main"}
        assert all(origin.startswith("https://") and origin.count("/") == 2 for origin in provider.origins.values())


def test_providers_with_a_list_recover_by_name() -> None:
    found = {name: provider.recover_by for name, provider in PROVIDERS.items()}
    by_name = dict.fromkeys(["agt", "atlas", "byteplus", "sunra", "volcengine"], "name")
    assert found == by_name | {"agentsflare": None, "crun": None}
    assert {name for name, provider in PROVIDERS.items() if provider.needs_group} == {"agt", "byteplus", "volcengine"}


def test_provider_is_found_by_name() -> None:
    assert find_provider(" Atlas ") is PROVIDERS["atlas"]
    with pytest.raises(UsageError, match="Did you mean 'volcengine'"):
        find_provider("volcengin")
    with pytest.raises(UsageError, match="agentsflare, agt, atlas"):
        find_provider("s3")


def test_registry_loads_neither_the_http_library_nor_a_rule_set() -> None:
    heavy = ("requests", "urllib3", "pydantic", "rich", "preflight.ruleset")
    code = f"import sys, preflight.providers; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_api_has_the_methods_of_its_capabilities_and_no_others(name: str, open_: Open) -> None:
    provider = open_(name)
    assert {action for action in API_ACTIONS if hasattr(provider.api, action)} == provider.spec.can
    assert (
        str(provider.lacks("list_trash"))
        == f"{provider.title} has no call for list trash. Choose a provider that has one."
    )


@pytest.mark.parametrize(
    ("name", "call", "says"),
    [
        (
            "atlas",
            lambda p: p.register("data:image/png;base64,AAAA", "image"),
            "by http.s. URL only, not data:image/png",
        ),
        ("atlas", lambda p: p.register("/home/me/a.png", "image"), "by http.s. URL only"),
        ("atlas", lambda p: p.register(URL, None), "takes audio, image, video, not a file of unknown kind"),
        ("agentsflare", lambda p: p.register(URL, "video"), "Agentsflare takes image, not video"),
        ("atlas", lambda p: p.register(URL, "image", asset_type="Script"), "no type 'Script'"),
        (
            "agt",
            lambda p: p.register(URL, "image", group="g", asset_type="TrainingVideo"),
            "not for image files",
        ),
        ("volcengine", lambda p: p.register(URL, "image"), "Name one with group="),
        ("agt", lambda p: p.register(URL, "image"), "Name one with group="),
        ("atlas", lambda p: p.register(URL, "image", group="g"), "has no groups"),
        ("crun", lambda p: p.register(URL, "image", name="n" * 65), "up to 64 characters, and this one has 65"),
        ("crun", lambda p: p.register(URL, "image", name=" "), "the name is empty"),
        ("crun", lambda p: p.register(URL, "image", name="\udcff"), "not text"),
        ("atlas", lambda p: p.register(URL, "image", description="d"), "no description"),
        ("volcengine", lambda p: p.api.create_group("n", description="d" * 301), "up to 300 characters"),
        ("agt", lambda p: p.api.create_group("n", description="d"), "no description"),
        ("volcengine", lambda p: p.api.create_session("https://me.example", name="n"), "no name"),
        ("sunra", lambda p: p.get(".."), "is not an id"),
        ("sunra", lambda p: p.api.delete("a/../b"), "is not an id"),
        ("atlas", lambda p: p.api.delete(""), "is not an id"),
        ("atlas", lambda p: p.get("\x1b[2J"), "is not an id"),
        ("atlas", lambda p: p.api.list(status="active"), "cannot list by status"),
        ("agt", lambda p: p.api.list_groups(name="n"), "cannot list groups by name"),
        ("sunra", lambda p: p.api.list(page="token:x"), "is not a page"),
        ("sunra", lambda p: p.api.list(page="0"), "is not a page"),
    ],
)
def test_invalid_arguments_are_refused_before_sending(
    name: str, call: Callable[[Provider], object], says: str, server: Recorder, open_: Open
) -> None:
    with pytest.raises(UsageError, match=says):
        call(open_(name))
    assert not server.requests


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("crun", {"project": "p"}, "Crun has no option project="),
        ("byteplus", {"signing": "published"}, "has no option signing="),
        ("volcengine", {"project": ""}, "Volcengine Ark: project= is empty. Give a value, or leave it out"),
        ("volcengine", {"signing": "mine"}, "no signing=mine. Choose one of official, published"),
        ("atlas", {"reference_id": "x"}, "no reference_id=x. Choose one of ark_asset_id, atlas_asset_id, id"),
        ("atlas", {"rate": "1/h"}, "Unknown rate '1/h'. Give rate= as auto, as published, or as registrations"),
    ],
)
def test_options_are_those_of_the_provider(name: str, options: dict[str, str], says: str, open_: Open) -> None:
    with pytest.raises(UsageError, match=says):
        open_(name, **options)


def test_option_of_none_is_ignored(open_: Open) -> None:
    assert open_("crun", project=None).project == ""
    assert open_("volcengine").project == "default"
    assert open_("volcengine", project="p").project == "p"


def test_published_signature_takes_no_session_token(open_: Open) -> None:
    keys = {"access_key": "AK", "secret_key": "SK", "session_token": "T"}
    with pytest.raises(UsageError, match="no session token"):
        open_("volcengine", credentials=keys, signing="published")


def test_rate_limits_depend_on_the_rate() -> None:
    with open_provider(PROVIDERS["volcengine"], {"access_key": "a", "secret_key": "b"}) as provider:
        assert provider.rate_limits.rate("register") == provider.rate_limits.rate("list") == Rate(30)
        assert provider.rate_limits.rate("get") == Rate(100)
        assert provider.rate_limits.in_flight["register"] == 30
    for registrations in (3, 120, 300):
        with open_provider(PROVIDERS["atlas"], "k", rate=f"{registrations}/min") as provider:
            assert provider.rate_limits.rate("register") == Rate(registrations, 60.0)
            assert provider.rate_limits.rate("get") == Rate(100)
            assert provider.rate_limits.rate("update_group") == Rate(10)
    assert set(provider.spec.rates.rates) <= set(API_ACTIONS)
