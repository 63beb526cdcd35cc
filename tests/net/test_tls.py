"""TLS: the certificate is for the name, although the connection goes to an address."""

from __future__ import annotations

import math
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from urllib3.util.ssl_ import create_urllib3_context

from preflight.errors import SourceError, UsageError
from preflight.net.connections import Budget, Connection
from preflight.net.options import HttpOptions
from preflight.net.transport import HttpRequest, Timeouts, Transport
from preflight.net.urls import parse_url
from tests.servers import tls
from tests.servers.hostile import hostile
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, Open


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tls.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[Server]:
    with hostile({NAME: DATA}, tls=tls.server_side(*certificate)) as running:
        yield running


def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = create_urllib3_context()
    context.load_verify_locations(certificate[0])
    return context


def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_certificate_and_host_header_carry_the_name(
    secure: Server, certificate: tuple[Path, Path], open_url: Open
) -> None:
    context = trusting(certificate)
    source = open_url(secure.url(f"file/{NAME}", host=tls.NAME), parts={"resolve": to_loopback, "tls": lambda: context})
    assert source.read_at(0, 10) + source.read_at(200_000, 10) == DATA[:10] + DATA[200_000:200_010]
    assert secure.seen[0].headers["host"] == f"{tls.NAME}:{secure.port}"
    assert secure.connections == 1


def test_deadline_holds_over_tls(secure: Server, certificate: tuple[Path, Path], open_url: Open) -> None:
    context = trusting(certificate)
    source = open_url(
        secure.url(f"drip-headers/{NAME}", host=tls.NAME),
        timeout=0.4,
        parts={"resolve": to_loopback, "tls": lambda: context},
    )
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 1)
    assert caught.value.code == "timed_out"


def test_certificate_for_another_name_is_refused(
    secure: Server, certificate: tuple[Path, Path], open_url: Open
) -> None:
    context = trusting(certificate)
    source = open_url(
        secure.url(f"file/{NAME}", host="other.test"), parts={"resolve": to_loopback, "tls": lambda: context}
    )
    with pytest.raises(
        SourceError, match=r"other\.test: its certificate is not valid \(Hostname mismatch.*complete it\.$"
    ) as caught:
        source.read_at(0, 1)
    assert caught.value.code == "tls_failed"


def test_certificate_of_an_unknown_authority_is_refused(secure: Server, open_url: Open) -> None:
    source = open_url(secure.url(f"file/{NAME}", host=tls.NAME), parts={"resolve": to_loopback})
    with pytest.raises(
        SourceError, match=r"self-signed certificate\)\. Renew or complete it, or name its auth"
    ) as caught:
        source.read_at(0, 1)
    assert caught.value.code == "tls_failed"
    assert source.requests == 1


def test_server_without_tls_is_reported(server: Server, open_url: Open) -> None:
    source = open_url(f"https://127.0.0.1:{server.port}/file/{NAME}")
    with pytest.raises(SourceError, match="should begin with http://") as caught:
        source.read_at(0, 1)
    assert caught.value.code == "tls_failed"


def test_redirect_from_https_to_http_is_noted(
    server: Server, secure: Server, certificate: tuple[Path, Path], open_url: Open
) -> None:
    context = trusting(certificate)
    source = open_url(
        secure.url(f"to/{server.url(f'file/{NAME}')}", host=tls.NAME),
        parts={"resolve": to_loopback, "tls": lambda: context},
    )
    assert source.read_at(0, 10) == DATA[:10]
    assert source.delivery.insecure_redirect
    assert source.delivery.notes == ("redirected_host", "insecure_redirect")


def test_ca_bundle_that_cannot_be_read_is_a_wrong_call(secure: Server, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"CA bundle of ca_bundle=gone\.pem cannot be read \(No such file.* Give a PEM"
    ):
        HttpOptions(allow_private=True, ca_bundle="gone.pem")
    (tmp_path / "empty.pem").write_text("no certificate\n")
    (tmp_path / "folder").mkdir()
    for name in ("empty.pem", "folder"):
        transport = Transport(HttpOptions(allow_private=True, ca_bundle=str(tmp_path / name)), resolve=to_loopback)
        url = parse_url(secure.url(f"file/{NAME}", host=tls.NAME))
        with pytest.raises(UsageError, match=rf"{name} cannot be read \(it contains no certificate\)\. Give a PEM"):
            transport.send(HttpRequest("GET", url, {}), Timeouts(5.0))


def test_own_ca_bundle_is_trusted(secure: Server, certificate: tuple[Path, Path]) -> None:
    options = HttpOptions(allow_private=True, ca_bundle=str(certificate[0]))
    transport = Transport(options, resolve=to_loopback)
    url = parse_url(secure.url(f"file/{NAME}", host=tls.NAME))
    response = transport.send(HttpRequest("GET", url, {}), Timeouts(5.0))
    assert (response.status, response.read(len(DATA) + 1)) == (200, DATA)
    transport.close()


def test_connection_with_unread_bytes_in_its_last_record_is_not_reused(certificate: tuple[Path, Path]) -> None:
    """They are no longer in the socket: poll does not see them, and they would begin the next response."""
    ours, theirs = socket.socketpair()
    with ThreadPoolExecutor(1) as threads:
        accepted = threads.submit(tls.server_side(*certificate).wrap_socket, theirs, server_side=True)
        connection = Connection(trusting(certificate).wrap_socket(ours, server_hostname=tls.NAME))
        server = accepted.result()
    with connection.sock, server:
        server.sendall(b"body")
        connection.start(time.monotonic() + 5, math.inf, Budget(100, "of anything"))
        assert connection.read(4) == b"body"
        assert connection.is_reusable()
        server.sendall(b"bodyHTTP/1.1 404")
        assert connection.read(4) == b"body"
        assert not connection.is_reusable()
