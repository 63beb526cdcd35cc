"""Proxies, netrc and CA bundles of the environment: only on request. Tunnels by CONNECT and SOCKS."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import pytest

from preflight.errors import SourceError, UsageError
from preflight.net.options import HttpOptions
from preflight.net.proxies import Proxy
from preflight.net.urls import parse_url
from tests.rows import each_row
from tests.servers import tls
from tests.servers.hostile import BEHAVIOURS, hostile
from tests.servers.proxies import tunnel_proxy
from tests.servers.talk import Server, Talk
from tests.sources.conftest import DATA, NAME, Open

DEAD = "http://127.0.0.1:1"


def as_proxy(talk: Talk) -> None:
    """A request for `http://h.example/file`, of which the proxy has a copy."""
    BEHAVIOURS["file"](talk)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server({**BEHAVIOURS, "h.example": as_proxy}, {NAME: DATA})


def test_proxies_of_the_environment_are_not_used(
    server: Server, open_url: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, DEAD)
    assert open_url(f"file/{NAME}").read_at(0, 10) == DATA[:10]


def test_trust_env_uses_the_proxy_of_the_environment(
    proxy: Server, open_url: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy:
        monkeypatch.setenv("http_proxy", proxy.url(""))
        source = open_url(f"http://h.example/{NAME}", trust_env=True, parts={"resolve": unknown})
        assert source.read_at(0, 10) == DATA[:10]
        assert proxy.seen[0].path == f"http://h.example/{NAME}"
        assert source.delivery.public is None


def test_given_proxy_is_used_with_its_credentials(proxy: Server, open_url: Open) -> None:
    with proxy:
        source = open_url(
            f"http://h.example/{NAME}",
            proxy=f"http://me:pw@127.0.0.1:{proxy.port}",
            allow_private=False,
            parts={"resolve": lambda host, port: ["93.184.216.34"]},
        )
        assert source.read_at(0, 10) == DATA[:10]
        assert source.delivery.public is True
        assert proxy.seen[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(b"me:pw").decode()


def test_requests_share_a_connection_only_where_the_proxy_forwards_them() -> None:
    urls = [
        parse_url(url)
        for url in ("http://a.example/", "http://b.example/", "https://a.example/", "https://a.example/b")
    ]
    for proxy, keys in (("http://127.0.0.1:1", 2), ("socks5://127.0.0.1:1", 3)):
        assert len({Proxy(proxy, ssl.create_default_context).key_for(url) for url in urls}) == keys


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443), ("socks5", 1080), ("socks4a", 1080)])
def test_a_proxy_without_a_port_has_that_of_its_scheme(scheme: str, port: int) -> None:
    assert Proxy(f"{scheme}://p.example", ssl.create_default_context)._port == port
    assert Proxy(f"{scheme}://p.example:8080", ssl.create_default_context)._port == 8080


def test_private_addresses_are_refused_behind_a_proxy(proxy: Server, open_url: Open) -> None:
    with proxy:
        for url in ("http://127.0.0.1/a", "http://intranet.example/a", "http://169.254.169.254/a"):
            source = open_url(
                url, proxy=proxy.url(""), allow_private=False, parts={"resolve": lambda host, port: ["10.0.0.1"]}
            )
            with pytest.raises(SourceError) as caught:
                source.read_at(0, 1)
            assert caught.value.code == "address_not_public"
        assert not proxy.seen


def test_unreachable_proxy_is_reported_without_its_password(open_url: Open) -> None:
    source = open_url(
        "http://h.example/a", proxy="http://me:hunter2@127.0.0.1:1", retries=0, parts={"resolve": unknown}
    )
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 1)
    assert caught.value.code == "connection_failed"
    assert "hunter2" not in str(caught.value)


def test_deadline_holds_behind_a_proxy(proxy: Server, open_url: Open) -> None:
    slow = Server({"h.example": BEHAVIOURS["drip-headers"]}, {NAME: DATA})
    with slow:
        source = open_url(f"http://h.example/{NAME}", proxy=slow.url(""), timeout=0.3, parts={"resolve": unknown})
        with pytest.raises(SourceError) as caught:
            source.read_at(0, 1)
        assert caught.value.code == "timed_out"


@pytest.mark.parametrize("trust_env", [False, True])
def test_netrc_is_used_only_when_asked_for(
    server: Server, open_url: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trust_env: bool
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password pw\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert open_url(f"file/{NAME}", trust_env=trust_env).read_at(0, 10) == DATA[:10]
    assert ("authorization" in server.seen[0].headers) is trust_env


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tls.make(tmp_path_factory.mktemp("tls"))


def trusting(certificate: tuple[Path, Path]) -> dict[str, object]:
    """The parts of a transport that trusts the certificate, and does not know the host."""
    context = ssl.create_default_context(cafile=str(certificate[0]))
    return {"resolve": unknown, "tls": lambda: context}


def test_https_goes_through_a_tunnel_and_checks_the_servers_certificate(
    certificate: tuple[Path, Path], open_url: Open
) -> None:
    with hostile({NAME: DATA}, tls=tls.server_side(*certificate)) as server, tunnel_proxy(server.port) as proxy:
        source = open_url(
            f"https://{tls.NAME}/file/{NAME}",
            proxy=f"http://me:pw@127.0.0.1:{proxy.port}",
            parts=trusting(certificate),
        )
        assert source.read_at(0, 10) + source.read_at(200_000, 10) == DATA[:10] + DATA[200_000:200_010]
        assert proxy.requested == [f"CONNECT {tls.NAME}:443 HTTP/1.1"], "one tunnel serves both requests"
        assert proxy.headers["proxy-authorization"] == "Basic " + base64.b64encode(b"me:pw").decode()
        assert "proxy-authorization" not in server.seen[0].headers, "the server does not get the proxy's password"
        assert server.seen[0].path == f"/file/{NAME}"
        other = open_url(f"https://other.test/file/{NAME}", proxy=f"http://127.0.0.1:{proxy.port}", retries=0)
        with pytest.raises(SourceError) as caught:
            other.read_at(0, 1)
        assert caught.value.code == "tls_failed"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"",
        b"HTTP/1.1 200",
    ],
)
def test_proxy_that_opens_no_tunnel_is_named(open_url: Open, answer: bytes) -> None:
    with tunnel_proxy(1, answer) as proxy:
        source = open_url(
            "https://h.example/a", proxy=f"http://127.0.0.1:{proxy.port}", retries=0, parts={"resolve": unknown}
        )
        with pytest.raises(SourceError, match="the proxy") as caught:
            source.read_at(0, 1)
        assert caught.value.code == "connection_failed"


@each_row("status, scheme", [(407, "https"), (407, "http"), (403, "https")])
def test_status_of_the_proxy_is_not_that_of_the_file(open_url: Open, status: int, scheme: str) -> None:
    answer = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
    with tunnel_proxy(1, answer) as proxy:
        url = f"{scheme}://h.example/a"
        source = open_url(url, proxy=f"http://me:hunter2@127.0.0.1:{proxy.port}", parts={"resolve": unknown})
        with pytest.raises(SourceError, match=rf"status {status}") as caught:
            source.read_at(0, 1)
    login = "valid login (status 407). Give its URL as http://user:password@host:port." in str(caught.value)
    assert (caught.value.code, login) == ("connection_failed", status == 407)
    assert len(proxy.requested) == (1 if status == 407 else 3), "a login that is refused is not repeated"
    assert "hunter2" not in str(caught.value)


def test_private_addresses_stay_private_behind_a_tunnel(open_url: Open) -> None:
    with tunnel_proxy(1) as proxy:
        source = open_url("https://10.0.0.1/a", proxy=f"http://127.0.0.1:{proxy.port}", allow_private=False)
        with pytest.raises(SourceError) as caught:
            source.read_at(0, 1)
        assert caught.value.code == "address_not_public"
        assert not proxy.requested


@pytest.mark.parametrize(("scheme", "place"), [("socks5", "93.184.216.34:80"), ("socks5h", "h.example:80")])
def test_socks_proxy_gets_the_checked_address_or_the_name(
    server: Server, open_url: Open, scheme: str, place: str
) -> None:
    pytest.importorskip("socks")
    with tunnel_proxy(server.port) as proxy:
        source = open_url(
            f"http://h.example/file/{NAME}",
            proxy=f"{scheme}://127.0.0.1:{proxy.port}",
            allow_private=False,
            parts={"resolve": lambda host, port: ["93.184.216.34"]},
        )
        assert source.read_at(0, 10) == DATA[:10]
        assert proxy.requested == [place]
        assert server.seen[0].headers["host"] == "h.example"


def unknown(host: str, port: int) -> list[str]:
    raise OSError("no resolver here")


def test_proxy_of_the_environment_needs_no_scheme(
    proxy: Server, open_url: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
        source = open_url(f"http://h.example/{NAME}", trust_env=True, parts={"resolve": unknown})
        assert source.read_at(0, 10) == DATA[:10]


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:99999", "http://127.0.0.1:port", "http://[::1", "http://", "ftp://127.0.0.1", "::::"),
        "http://me:%E2%82%AC@127.0.0.1:1",
    ],
)
def test_invalid_proxy_of_the_environment_costs_one_file(
    open_url: Open, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("http_proxy", url)
    source = open_url(f"http://h.example/{NAME}", trust_env=True, retries=0, parts={"resolve": unknown})
    with pytest.raises(SourceError, match="not the URL of a proxy") as caught:
        source.read_at(0, 10)
    assert caught.value.code == "connection_failed"


@pytest.mark.parametrize("url", ["127.0.0.1:1", "http://127.0.0.1:99999", "http://[::1", "http://", "ftp://h.example"])
def test_given_proxy_that_is_invalid_is_a_wrong_call(url: str) -> None:
    with pytest.raises(UsageError, match="proxy= is not the URL of a proxy"):
        HttpOptions(proxy=url)
