"""The registry, and what a provider refuses before anything is sent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from preflight.errors import UsageError
from preflight.providers import PROVIDERS, VERBS, Provider, find_provider, open_provider
from preflight.providers.rate_limits import Rate

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


def test_the_registry_is_alphabetical_and_says_what_each_can_do() -> None:
    assert list(PROVIDERS) == sorted(PROVIDERS) == sorted(CAN)
    for name, provider in PROVIDERS.items():
        assert provider.name == name
        assert provider.can == set(CAN[name].split()), name
        assert set(provider.origins) >= {"main"}
        assert all(origin.startswith("https://") and origin.count("/") == 2 for origin in provider.origins.values())


def test_only_what_lists_can_be_looked_up_again() -> None:
    found = {name: provider.recover_by for name, provider in PROVIDERS.items()}
    by_name = dict.fromkeys(["agt", "atlas", "byteplus", "sunra", "volcengine"], "name")
    assert found == by_name | {"agentsflare": None, "crun": None}
    assert {name for name, provider in PROVIDERS.items() if provider.needs_group} == {"agt", "byteplus", "volcengine"}


def test_a_provider_is_found_by_name() -> None:
    assert find_provider(" Atlas ") is PROVIDERS["atlas"]
    with pytest.raises(UsageError, match="did you mean volcengine"):
        find_provider("volcengin")
    with pytest.raises(UsageError, match="agentsflare, agt, atlas"):
        find_provider("s3")


def test_the_registry_loads_neither_the_http_library_nor_a_rule_set() -> None:
    heavy = ("requests", "urllib3", "pydantic", "rich", "preflight.ruleset")
    code = f"import sys, preflight.providers; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_what_a_provider_cannot_do_it_says(name: str, open_: Open) -> None:
    provider = open_(name)
    words = {"register": (URL, "image"), "rename": ("a1", "n"), "upload": (None, 0, "n", "m")}
    without = {"list", "list_trash", "list_groups"}
    for verb in set(VERBS) - provider.can:
        arguments = () if verb in without else words.get(verb, ("a1",))
        with pytest.raises(UsageError, match=f"{provider.title} has no call for {verb.replace('_', ' ')}"):
            getattr(provider, verb)(*arguments)


@pytest.mark.parametrize(
    ("name", "call", "says"),
    [
        (
            "atlas",
            lambda p: p.register("data:image/png;base64,AAAA", "image"),
            "by http.s. URL alone, not data:image/png",
        ),
        ("atlas", lambda p: p.register("/home/me/a.png", "image"), "by http.s. URL alone"),
        ("atlas", lambda p: p.register(URL, None), "takes audio, image, video, not a file of unknown kind"),
        ("agentsflare", lambda p: p.register(URL, "video"), "Agentsflare takes image, not video"),
        ("atlas", lambda p: p.register(URL, "image", asset_type="Script"), "no type 'Script'"),
        (
            "agt",
            lambda p: p.register(URL, "image", group="g", asset_type="TrainingVideo"),
            "not for a file of kind image",
        ),
        ("volcengine", lambda p: p.register(URL, "image"), "name one with --group"),
        ("agt", lambda p: p.register(URL, "image"), "name one with --group"),
        ("atlas", lambda p: p.register(URL, "image", group="g"), "has no groups"),
        ("crun", lambda p: p.register(URL, "image", name="n" * 65), "up to 64 characters, and this one has 65"),
        ("crun", lambda p: p.register(URL, "image", name=" "), "empty name"),
        ("crun", lambda p: p.register(URL, "image", name="\udcff"), "no text"),
        ("atlas", lambda p: p.register(URL, "image", description="d"), "no description"),
        ("volcengine", lambda p: p.create_group("n", description="d" * 301), "up to 300 characters"),
        ("agt", lambda p: p.create_group("n", description="d"), "no description"),
        ("volcengine", lambda p: p.create_session("https://me.example", name="n"), "no name"),
        ("sunra", lambda p: p.get(".."), "is no id"),
        ("sunra", lambda p: p.delete("a/../b"), "is no id"),
        ("atlas", lambda p: p.delete(""), "is no id"),
        ("atlas", lambda p: p.get("\x1b[2J"), "is no id"),
        ("atlas", lambda p: p.list(status="active"), "cannot list by status"),
        ("agt", lambda p: p.list_groups(name="n"), "cannot list groups by name"),
        ("sunra", lambda p: p.list(page="token:x"), "is no page"),
        ("sunra", lambda p: p.list(page="0"), "is no page"),
    ],
)
def test_what_cannot_be_right_is_not_sent(
    name: str, call: Callable[[Provider], object], says: str, server: Recorder, open_: Open
) -> None:
    with pytest.raises(UsageError, match=says):
        call(open_(name))
    assert not server.asked


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("crun", {"project": "p"}, "Crun takes no --project"),
        ("byteplus", {"signing": "published"}, "takes no --signing"),
        ("volcengine", {"signing": "mine"}, "--signing official, published, not 'mine'"),
        ("atlas", {"reference_id": "x"}, "--reference-id ark_asset_id, atlas_asset_id, id, not 'x'"),
        ("atlas", {"plan": "1/min"}, "no plan '1/min': choose one of published, 3/min, 120/min, 300/min"),
    ],
)
def test_options_are_those_of_the_provider(name: str, options: dict[str, str], says: str, open_: Open) -> None:
    with pytest.raises(UsageError, match=says):
        open_(name, **options)


def test_an_option_that_nobody_gave_is_none(open_: Open) -> None:
    assert open_("crun", project=None).project == ""
    assert open_("volcengine").project == "default"
    assert open_("volcengine", project="p").project == "p"


def test_the_published_signature_takes_no_session_token(open_: Open) -> None:
    keys = {"access_key": "AK", "secret_key": "SK", "session_token": "T"}
    with pytest.raises(UsageError, match="no session token"):
        open_("volcengine", keys=keys, signing="published")


def test_the_plans() -> None:
    with open_provider("volcengine", {"access_key": "a", "secret_key": "b"}) as provider:
        assert provider.plan.rate("register") == provider.plan.rate("list") == Rate(30)
        assert provider.plan.rate("get") == Rate(100)
        assert provider.plan.in_flight["register"] == 30
    for registrations in (3, 120, 300):
        with open_provider("atlas", "k", plan=f"{registrations}/min") as provider:
            assert provider.plan.rate("register") == Rate(registrations, 60.0)
            assert provider.plan.rate("get") == Rate(100)
            assert provider.plan.rate("update_group") == Rate(10)
    assert {action for plan in provider.plans.values() for action in plan.rates} <= set(VERBS)
