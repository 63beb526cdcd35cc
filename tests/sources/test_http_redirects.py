"""Redirects: followed one by one, each validated first."""

from __future__ import annotations

import pytest

from preflight.errors import SourceError
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, Open


def names(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_redirects_are_followed_and_counted(server: Server, open_url: Open) -> None:
    source = open_url(f"hops/3/{NAME}")
    assert source.read_at(0, 10) == DATA[:10]
    assert (source.delivery.redirects, source.delivery.status) == (3, 206)
    assert (source.delivery.redirected_host, source.delivery.insecure_redirect) == (False, False)
    assert source.requests == 4
    source.read_at(200_000, 10)
    assert server.seen[-1].path == f"/file/{NAME}", "further reads go where the file is"
    assert source.requests == 5
    assert all(request.span is not None for request in server.seen)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(server: Server, open_url: Open, status: int) -> None:
    server.behaviours["moved"] = lambda talk: talk.answer(f"{status} Moved", b"", {"Location": f"/file/{NAME}"})
    source = open_url(f"moved/{NAME}")
    assert source.read_at(0, 10) == DATA[:10]
    assert (source.delivery.redirects, source.requests) == (1, 2)


@pytest.mark.parametrize("status", [300, 304, 305, 306, 309])
def test_other_statuses_are_not_redirects(server: Server, open_url: Open, status: int) -> None:
    server.behaviours["moved"] = lambda talk: talk.answer(f"{status} Other", b"", {"Location": f"/file/{NAME}"})
    source = open_url(f"moved/{NAME}")
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 10)
    assert (caught.value.code, source.delivery.redirects) == ("download_failed", 0)


def test_another_host_is_noted(server: Server, open_url: Open) -> None:
    target = server.url(f"file/{NAME}", host="cdn.example")
    source = open_url(f"http://h.example:{server.port}/to/{target}", parts={"resolve": names})
    assert source.read_at(0, 10) == DATA[:10]
    assert source.delivery.redirected_host
    assert source.delivery.notes == ("redirected_host",)
    assert source.delivery.host == "h.example"
    assert server.seen[-1].headers["host"] == f"cdn.example:{server.port}"


def test_credentials_are_not_sent_to_another_host(server: Server, open_url: Open) -> None:
    target = server.url(f"to//file/{NAME}", host="cdn.example")
    source = open_url(f"http://me:pw@h.example:{server.port}/to/{target}", parts={"resolve": names})
    assert source.read_at(0, 10) == DATA[:10]
    logins = [request.headers.get("authorization", "")[:5] for request in server.seen]
    assert logins == ["Basic", "", ""]


@pytest.mark.parametrize(("path", "says"), [(f"loop/{NAME}", "in a loop"), (f"hops/6/{NAME}", "more than 5 times")])
def test_redirects_are_limited(open_url: Open, path: str, says: str) -> None:
    source = open_url(path)
    with pytest.raises(SourceError, match=says) as caught:
        source.read_at(0, 1)
    assert caught.value.code == "too_many_redirects"
    assert source.requests <= 6


def test_redirect_loop_that_needs_cookies_is_reported(open_url: Open) -> None:
    source = open_url(f"cookie-wall/{NAME}")
    with pytest.raises(SourceError, match="in a loop that needs cookies") as caught:
        source.read_at(0, 1)
    assert caught.value.code == "too_many_redirects"


def test_max_redirects_of_zero_follows_none(open_url: Open) -> None:
    source = open_url(f"hops/1/{NAME}", max_redirects=0)
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 1)
    assert caught.value.code == "too_many_redirects"
    assert source.requests == 1


@pytest.mark.parametrize(
    "target",
    [
        "ftp://h.example/a",
        "file:///etc/passwd",
        "data:text/plain,x",
        "gopher://127.0.0.1:25/",
        "http://[::1/",
        "https://",
    ],
)
def test_only_http_and_https_are_followed(open_url: Open, target: str) -> None:
    source = open_url(f"to/{target}")
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 1)
    assert caught.value.code == "redirect_refused"
    assert source.delivery.status == 307
    assert source.requests == 1


def test_secrets_of_a_target_are_hidden(open_url: Open) -> None:
    source = open_url("to/ftp://me:hunter2@h.example/a?token=hunter3")
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 1)
    assert "hunter" not in str(caught.value).partition(" is redirected to ")[2]


def test_redirect_to_a_private_address_is_refused_before_connecting(
    twins: tuple[Server, Server], open_url: Open
) -> None:
    outer, inner = twins
    parts = {
        "classify": lambda address: None if address == "127.0.0.1" else "loopback",
        "resolve": lambda host, port: ["127.0.0.2"],
    }
    for target in (inner.url(f"file/{NAME}"), f"http://localhost.:{inner.port}/", f"http://127.2:{inner.port}/"):
        source = open_url(outer.url(f"to/{target}"), allow_private=False, parts=parts)
        with pytest.raises(SourceError) as caught:
            source.read_at(0, 1)
        assert caught.value.code == "address_not_public"
        assert (source.delivery.public, source.delivery.redirects) == (False, 1)
        assert source.requests == 1
        asked, _, why = str(caught.value).partition(" is redirected, and ")
        assert asked.startswith(f"http://127.0.0.1:{outer.port}/to/")
        assert "127.0.0.2 is not a public address" in why or "leads to 127.0.0.2, which is not a public address" in why
    assert inner.connections == 0


def test_redirect_to_a_metadata_service_is_refused_even_with_private_addresses(server: Server, open_url: Open) -> None:
    source = open_url("to/http://169.254.169.254/latest/meta-data/", allow_private=True)
    with pytest.raises(SourceError, match=r"is redirected, and 169\.254\.169\.254 is not a public address") as caught:
        source.read_at(0, 1)
    assert caught.value.code == "address_not_public"
    assert source.requests == 1


def test_refusing_host_behind_a_redirect_is_named(server: Server, open_url: Open) -> None:
    target = server.url("status/403", host="cdn.example")
    source = open_url(f"http://h.example:{server.port}/to/{target}", parts={"resolve": names})
    with pytest.raises(SourceError, match=r"/to/\S+ is redirected to cdn\.example, which responds with 403 Forbidden"):
        source.read_at(0, 1)
    source = open_url("status/403")
    with pytest.raises(SourceError, match=r"/status/403 responds with 403 Forbidden"):
        source.read_at(0, 1)
