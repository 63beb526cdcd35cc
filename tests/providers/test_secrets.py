"""SigningKeys come from arguments or the environment, go into one header, and are seen nowhere else."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest

from preflight.errors import ProviderError, UsageError
from preflight.providers import PROVIDERS, Provider, Secret, open_provider
from preflight.providers.credentials import endpoint_origin, read_credentials

from .conftest import KEY, SECRET, TOKEN, Open, keys_of
from .server import Recorder

HIDDEN = (KEY, SECRET, TOKEN)


def every_text_of(thing: object, depth: int = 6) -> str:
    """What anybody could print of an object and of everything that it holds."""
    texts = [repr(thing), str(thing)]
    if depth and hasattr(thing, "__dict__"):
        texts += [every_text_of(part, depth - 1) for part in vars(thing).values()]
    return "\n".join(texts)


def test_secret_is_never_shown() -> None:
    secret = Secret("hunter2hunter2")
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}", repr({"a": secret})):
        assert "hunter2" not in shown
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            write(secret)
    assert secret == Secret("hunter2hunter2") != Secret("other")
    assert len({secret, Secret("hunter2hunter2")}) == 1
    assert secret.reveal() == "hunter2hunter2"
    assert len(secret.fingerprint()) == 12
    assert not Secret("")


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_provider_shows_no_key(name: str, open_: Open) -> None:
    keys = keys_of(name) | ({"session_token": TOKEN} if "secret_key" in keys_of(name) else {})
    shown = every_text_of(open_(name, credentials=keys))
    assert not any(secret in shown for secret in HIDDEN)


@pytest.mark.parametrize("name", list(PROVIDERS))
@pytest.mark.parametrize("lost", [True, False])
def test_error_shows_no_key(name: str, lost: bool, server: Recorder, open_: Open) -> None:
    provider = open_(name)
    secret = next(key for key in keys_of(name).values() if key in HIDDEN)
    server.respond({"error": {"code": secret, "message": f"no {secret}"}}, 400, lost=lost)
    with pytest.raises(ProviderError) as caught:
        provider.get("a1")
    error: BaseException | None = caught.value
    assert "".join(traceback.format_exception(caught.value)).count(secret) == 0
    while error is not None:
        assert secret not in every_text_of(error, 3)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_missing_key_is_named(name: str) -> None:
    provider = PROVIDERS[name]
    with pytest.raises(UsageError) as caught:
        open_provider(provider, env={})
    assert provider.title in str(caught.value)
    assert provider.credentials[0].env[0] in str(caught.value)


@pytest.mark.parametrize(
    ("name", "variables", "key_id"),
    [
        ("atlas", {"ATLASCLOUD_API_KEY": KEY}, "key-"),
        ("sunra", {"SUNRA_API_KEY": f" {KEY}\n"}, "key-"),
        ("crun", {"CRUN_API_KEY": KEY}, "key-"),
        ("agt", {"AGT_API_KEY": KEY}, "key-"),
        ("agentsflare", {"AGENTSFLARE_API_KEY": KEY}, "key-"),
        ("volcengine", {"VOLC_ACCESSKEY": "AKLT1", "VOLC_SECRETKEY": SECRET}, "AKLT1"),
        ("volcengine", {"VOLC_ACCESSKEY": "AKLT1", "VOLC_SECRETKEY": SECRET, "VOLC_SESSION_TOKEN": TOKEN}, "AKLT1"),
        ("byteplus", {"BYTEPLUS_ACCESSKEY": "AKAP1", "BYTEPLUS_SECRETKEY": SECRET}, "AKAP1"),
        ("byteplus", {"BYTEPLUS_ACCESS_KEY": "AKAP1", "BYTEPLUS_SECRET_KEY": SECRET}, "AKAP1"),
    ],
)
def test_keys_come_from_the_environment(name: str, variables: dict[str, str], key_id: str) -> None:
    with open_provider(PROVIDERS[name], env=variables) as provider:
        assert provider.key_id.startswith(key_id)
        assert KEY not in provider.key_id
        assert provider.account == "default"


def test_argument_and_environment_are_not_mixed_in_a_key_pair() -> None:
    environment = {"VOLC_ACCESSKEY": "AKLT1", "VOLC_SECRETKEY": SECRET, "VOLC_SESSION_TOKEN": TOKEN}
    with pytest.raises(UsageError, match="secret_key is missing or empty"):
        open_provider(PROVIDERS["volcengine"], {"access_key": "AKLT2"}, env=environment)
    keys = {"access_key": "AKLT2", "secret_key": "other"}
    with open_provider(PROVIDERS["volcengine"], keys, env=environment) as provider:
        assert provider.key_id == "AKLT2"
    found = read_credentials("Volcengine", PROVIDERS["volcengine"].credentials, keys, environment)
    assert "session_token" not in found, "it belongs to the other key"


@pytest.mark.parametrize("key", ["sk-1\r\nX-Evil: 1", "sk 1", "sk-ü", "sk-1\x00"])
def test_malformed_key_is_not_quoted(key: str) -> None:
    with pytest.raises(UsageError, match="ATLASCLOUD_API_KEY") as caught:
        open_provider(PROVIDERS["atlas"], env={"ATLASCLOUD_API_KEY": key})
    assert key not in str(caught.value)


def test_unknown_key_is_named() -> None:
    with pytest.raises(UsageError, match="no key called secret_key"):
        open_provider(PROVIDERS["atlas"], {"secret_key": "x"}, env={})


def test_key_ids_differ_by_key_alone() -> None:
    one, same, other = (open_provider(PROVIDERS["atlas"], key).key_id for key in ("one-key", "one-key", "other-key"))
    assert one == same != other


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://ark.cn-beijing.volcengineapi.com", "https://ark.cn-beijing.volcengineapi.com"),
        ("https://h.example:8443/base/", "https://h.example:8443/base"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://localhost:9", "http://localhost:9"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_endpoint_is_normalized_to_its_origin(endpoint: str, origin: str) -> None:
    assert endpoint_origin(endpoint) == origin
    with open_provider(PROVIDERS["atlas"], "k", endpoint=endpoint) as provider:
        assert provider.origin == origin


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://h.example",
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.1",
        "h.example",
        "//h.example",
        "ftp://127.0.0.1",
        "https://",
        "https://me:pw@h.example",
        "https://h.example?a=b",
        "https://h.example#a",
        "https://h.example:port",
        "https://h.example:99999",
        "https://h.example/a b",
        "https://h.example\\@127.0.0.1",
        "https://[::1",
        "",
    ],
)
def test_invalid_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match="endpoint=") as caught:
        open_provider(PROVIDERS["atlas"], KEY, endpoint=endpoint)
    assert "pw" not in str(caught.value)


def test_repr_names_the_provider_and_its_origin(open_: Open, server: Recorder) -> None:
    assert repr(open_("atlas")) == f"<Atlas Cloud at {server.url}>"
    with open_provider(PROVIDERS["atlas"], "k") as provider:
        assert isinstance(provider, Provider)
        assert provider.origin == "https://console.atlascloud.ai"
