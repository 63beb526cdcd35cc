"""Which addresses are public, and which of a host's addresses may be connected to."""

from __future__ import annotations

import socket
import threading
import time
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.errors import SourceError
from preflight.net.addresses import AddressPolicy, address_class, check_addresses
from preflight.net.urls import literal
from tests.rows import each_row
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, Open

PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "64:ff9b::101:101"]
PUBLIC += ["::ffff:8.8.8.8", "2002:808:808::1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1"]
PRIVATE = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.0.1", "172.16.0.1"),
    *("172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1"),
    *("3fff::1", "5f00::1", "100::1", "4000::1", "2001:2::1", "2001:10::1", "64:ff9b:1::1"),
]
METADATA = [
    *("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "100.96.0.96", "168.63.129.16"),
    *("192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fe80::a9fe:a9fe", "::ffff:169.254.169.254"),
]
HIDDEN = [
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:10.0.0.1", "::7f00:1"),  # mapped, translated, compatible
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),  # NAT64
    *("2002:7f00:1::", "2002:a00:1::5"),  # 6to4
    *("2001:0:7f00:1::", "2001:0:808:808:0:0:f5ff:fffe"),  # Teredo: its server; its client 10.0.0.1, turned
    *("2a00::5efe:127.0.0.1", "2a00::200:5efe:10.0.0.1"),  # ISATAP
]


@each_row("address", PUBLIC)
def test_public_address_has_no_class(address: str) -> None:
    assert address_class(address) is None


@each_row("address", [*PRIVATE, *METADATA, *HIDDEN, "nonsense", ""])
def test_private_address_has_a_class(address: str) -> None:
    assert address_class(address) is not None


@each_row("address", METADATA)
def test_metadata_services_have_a_class_of_their_own(address: str) -> None:
    assert address_class(address) == "cloud metadata"


@given(st.ip_addresses(v=4))
def test_addresses_that_ipaddress_calls_private_are_refused(ip: IPv4Address) -> None:
    if not ip.is_global or ip.is_multicast:
        assert address_class(str(ip)) is not None


@given(st.ip_addresses(v=4))
def test_embedded_ipv4_address_decides(ip: IPv4Address) -> None:
    mapped = ip_address(int(ip_address("::ffff:0:0")) + int(ip))
    assert address_class(str(mapped)) == address_class(str(ip))


@each_row(
    "host", ["127.0.0.1", "::1", "[::1]", "127.1", "0x7f.1", "2130706433", "017700000001", "127.0.0.1.", "0X7F.0.0.01"]
)
def test_addresses_in_any_notation_are_literals(host: str) -> None:
    assert literal(host) is not None


@each_row("host", ["h.example", "localhost", "1.example", "a1", "", "1.2.3.4.5.example"])
def test_names_are_not_literals(host: str) -> None:
    assert literal(host) is None


def test_public_addresses_are_kept() -> None:
    resolved = check_addresses("h.example", ["10.0.0.1", "1.1.1.1", "::1", "8.8.8.8"], allow_private=False)
    assert resolved == (("1.1.1.1", "8.8.8.8"), False, True)


def test_private_addresses_come_last_and_only_if_allowed() -> None:
    assert check_addresses("h", ["10.0.0.1", "1.1.1.1"], allow_private=True) == (("1.1.1.1", "10.0.0.1"), False, True)
    assert check_addresses("h", ["10.0.0.1"], allow_private=True) == (("10.0.0.1",), False, False)
    with pytest.raises(SourceError, match=r"h leads to 10\.0\.0\.1, .*private network") as caught:
        check_addresses("h", ["10.0.0.1", "::1"], allow_private=False)
    assert caught.value.code == "address_not_public"


@each_row("address", METADATA)
def test_metadata_services_are_refused_whatever_is_allowed(address: str) -> None:
    for host in ("h.example", address):
        with pytest.raises(SourceError, match=r"\(cloud metadata\)\. Metadata addresses are never read") as caught:
            check_addresses(host, [address], allow_private=True)
        assert caught.value.code == "address_not_public"
    assert check_addresses("h", ["10.0.0.1", address, "1.1.1.1"], allow_private=True) == (
        ("1.1.1.1", "10.0.0.1"),
        False,
        True,
    )


def test_host_without_an_address_is_refused() -> None:
    with pytest.raises(SourceError):
        check_addresses("h", [], allow_private=False)


@each_row("host", ["localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:7f00:1]"])
def test_host_that_resolves_to_loopback_is_refused(host: str) -> None:
    with pytest.raises(SourceError) as caught:
        AddressPolicy(allow_private=False).resolve(host, 80, 5.0)
    assert caught.value.code == "address_not_public"


def test_hanging_resolver_times_out() -> None:
    released = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        released.wait(60)
        return ["1.1.1.1"]

    began = time.monotonic()
    with pytest.raises(SourceError, match="could not be looked up") as caught:
        AddressPolicy(allow_private=False, resolve=hang).resolve("h.example", 80, 0.1)
    released.set()
    assert caught.value.code == "connection_failed"
    assert time.monotonic() - began < 10


def test_unknown_name_is_reported() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(SourceError, match=r"h\.example has no address. Check"):
        AddressPolicy(allow_private=False, resolve=unknown).resolve("h.example", 80, 5.0)


NOTATIONS = ["127.1", "0177.1", "0x7f.1", "0X7F.0x0.0.01", "2130706433", "017700000001", "0x7f000001", "127.0.0.1."]


@each_row("host", NOTATIONS)
def test_address_is_checked_in_every_notation(host: str) -> None:
    policy = AddressPolicy(allow_private=False, resolve=lambda host, port: ["8.8.8.8"])
    with pytest.raises(SourceError, match="loopback") as caught:
        policy.resolve(host, 80, 1.0)
    assert caught.value.code == "address_not_public"
    assert AddressPolicy(allow_private=True).resolve(host, 80, 1.0).addresses == ("127.0.0.1",)


@pytest.mark.parametrize("host", NOTATIONS)
def test_checked_address_is_the_connected_one(server: Server, open_url: Open, host: str) -> None:
    """No resolver has a say in it."""
    url = f"http://{host}:{server.port}/file/{NAME}"
    source = open_url(url, parts={"resolve": lambda host, port: ["127.0.0.2"]})
    assert source.read_at(0, 10) == DATA[:10]
    with pytest.raises(SourceError, match="not a public address"):
        open_url(url, allow_private=False).read_at(0, 10)
    assert len(server.seen) == 1
