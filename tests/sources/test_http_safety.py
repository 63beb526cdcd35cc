"""Only public addresses are connected to, and no secret is shown."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Iterator

import pytest

from preflight.errors import SourceError
from preflight.sources.http import HttpOptions, HttpSource
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, Open


def loopback_1_is_public(address: str) -> str | None:
    return None if address == "127.0.0.1" else "loopback"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]"])
def test_loopback_is_refused_without_connecting(server: Server, host: str) -> None:
    source = HttpSource(f"http://{host}:{server.port}/file/{NAME}")
    with pytest.raises(SourceError, match="loopback") as caught:
        source.read_at(0, 1)
    assert caught.value.code == "address_not_public"
    assert source.delivery.public is False
    assert (source.requests, server.connections) == (0, 0)


def test_allowed_private_address_is_read_and_recorded(server: Server, open_url: Open) -> None:
    source = open_url(f"http://localhost:{server.port}/file/{NAME}", allow_private=True)
    assert source.read_at(0, 10) == DATA[:10]
    assert source.delivery.public is False
    assert source.delivery.host_is_ip is False


class Rebinding:
    """A resolver that answers first with a public address, then with one of this network."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return ["127.0.0.1"] if self.asked == 1 else ["127.0.0.2"]


def test_checked_address_is_not_looked_up_again(server: Server, open_url: Open) -> None:
    resolver = Rebinding()
    source = open_url(
        f"http://rebind.example:{server.port}/file/{NAME}",
        allow_private=False,
        parts={"resolve": resolver, "classify": loopback_1_is_public},
    )
    assert source.read_at(0, 10) == DATA[:10]
    assert source.read_at(200_000, 10) == DATA[200_000:200_010]
    assert resolver.asked == 1, "one look-up a connection: nothing can change between check and connect"
    assert source.delivery.public is True
    assert server.seen[0].headers["host"] == f"rebind.example:{server.port}"


def test_rebound_name_is_refused_at_the_next_connection(twins: tuple[Server, Server], open_url: Open) -> None:
    outer, inner = twins
    source = open_url(
        f"http://rebind.example:{outer.port}/length-too-long/{NAME}",
        allow_private=False,
        parts={"resolve": Rebinding(), "classify": loopback_1_is_public},
    )
    assert source.read_at(0, 10) == DATA[:10]  # a server that makes us end the connection
    with pytest.raises(SourceError) as caught:
        source.read_at(200_000, 10)
    assert caught.value.code == "address_not_public"
    assert inner.connections == 0


def test_only_public_ones_of_mixed_addresses_are_tried(twins: tuple[Server, Server], open_url: Open) -> None:
    outer, inner = twins
    source = open_url(
        f"http://mixed.example:{outer.port}/file/{NAME}",
        allow_private=False,
        parts={"resolve": lambda host, port: ["127.0.0.2", "127.0.0.1"], "classify": loopback_1_is_public},
    )
    assert source.read_at(0, 10) == DATA[:10]
    assert source.delivery.public is False
    assert source.delivery.notes == ("mixed_addresses",)
    assert inner.connections == 0


def test_addresses_are_tried_in_order(server: Server, open_url: Open) -> None:
    addresses = ["::1", "127.0.0.9", "127.0.0.1"]
    source = open_url(f"http://many.example:{server.port}/file/{NAME}", parts={"resolve": lambda host, port: addresses})
    assert source.read_at(0, 10) == DATA[:10]


def test_unknown_host_is_reported(open_url: Open) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    source = open_url("https://nobody.example/a", parts={"resolve": unknown})
    with pytest.raises(SourceError, match=r"nobody\.example has no address") as caught:
        source.read_at(0, 1)
    assert caught.value.code == "connection_failed"


SECRET = "hunter2hunter2hunter2"
PATHS = [
    *("file", "status/403", "status/500", "status/404", "cut", "compressed", "wrong-range", "many-headers", "no-http"),
    *("odd-headers", "hops/2", "loop", "hangs-up-once", "silent", "busy/429/3600", "page", "ignores-range", "store/X"),
]


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.mark.parametrize("path", PATHS)
def test_no_secret_is_in_a_message_a_log_or_a_traceback(
    server: Server, open_url: Open, every_log: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], path: str
) -> None:
    query = f"X-Amz-Signature={SECRET}&token={SECRET}&zz={SECRET}"
    source = open_url(f"http://{SECRET}:{SECRET}@127.0.0.1:{server.port}/{path}/{NAME}?{query}", timeout=0.3, retries=1)
    told = [source.name, repr(source), repr(source.delivery)]
    try:
        source.read_at(0, 10)
        source.read_at(200_000, 10)
    except SourceError as error:
        told += [str(error), repr(error), "".join(traceback.format_exception(error))]
    told += [repr(source.delivery), every_log.text, *capfd.readouterr()]
    assert SECRET not in "".join(told)
    assert server.seen[0].path.endswith(query), "the server gets all of it"


def test_other_users_of_the_library_keep_their_log(server: Server, every_log: pytest.LogCaptureFixture) -> None:
    import requests

    source = HttpSource(server.url(f"file/{NAME}"), options=HttpOptions(allow_private=True))
    source.read_at(0, 1)
    assert "urllib3" not in every_log.text
    requests.get(server.url(f"file/{NAME}"), timeout=5)
    assert "urllib3.connectionpool" in every_log.text


def test_options_hide_the_password_of_a_proxy() -> None:
    assert "pw" not in repr(HttpOptions(proxy="http://me:pw@proxy.example:3128"))


def test_cookies_are_not_kept(server: Server) -> None:
    options = HttpOptions(allow_private=True)
    for _ in range(2):
        HttpSource(server.url(f"cookie/{NAME}"), options=options).read_at(0, 1)
    assert all("cookie" not in request.headers for request in server.seen)
