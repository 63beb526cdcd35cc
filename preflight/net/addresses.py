"""Classify addresses as public or not, and decide which addresses of a host may be connected to.

The tables are written out, from the IANA special-purpose address registries (RFC 6890): what `ipaddress` calls
global differs between Python versions, and lets through addresses that contain another address.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple, TypeVar

from preflight.net.errors import RequestFailed, unresolved
from preflight.net.urls import literal

Resolver = Callable[[str, int], Sequence[str]]
"""(host, port) → its addresses as text, in the order to try them. Raises `OSError` if there are none."""
Classifier = Callable[[str], str | None]
"""address → why it is not public; None if it is."""

N = TypeVar("N", IPv4Network, IPv6Network)

METADATA: Final = "cloud metadata"
"""The class of the addresses at which a cloud gives its machines their credentials; no file is served there."""


def _networks(kind: type[N], by_name: Mapping[str, str]) -> tuple[tuple[N, str], ...]:
    """Return the networks with their names, in the order in which an address is looked up."""
    return tuple((kind(text), name) for name, texts in by_name.items() for text in texts.split())


_IPV4: Final = _networks(
    IPv4Network,
    {
        # 168.63.129.16, of Azure, looks public; AWS has 169.254.170.2 and .23 for containers.
        METADATA: "169.254.169.254 169.254.0.23 169.254.42.42 100.100.100.200 100.96.0.96 "
        "169.254.170.2 169.254.170.23 168.63.129.16 192.0.0.192",
        "this host": "0.0.0.0/8",
        "private network": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16",
        "carrier-grade NAT": "100.64.0.0/10",
        "loopback": "127.0.0.0/8",
        "link-local": "169.254.0.0/16",
        "reserved": "192.0.0.0/24 192.88.99.0/24 240.0.0.0/4",
        "documentation": "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24",
        "benchmarking": "198.18.0.0/15",
        "multicast": "224.0.0.0/4",
    },
)
_IPV6: Final = _networks(
    IPv6Network,
    {
        METADATA: "fd00:ec2::254 fd00:ec2::23 fd00:c1::a9fe:a9fe fd00:42::42 fd20:ce::254 fe80::a9fe:a9fe",
        "this host": "::",
        "loopback": "::1",
        "documentation": "2001:db8::/32 3fff::/20",
        "reserved": "2001::/23",
        "private network": "64:ff9b:1::/48 fc00::/7",  # RFC 8215: NAT64 inside one network
        "link-local": "fe80::/10",
        "site-local": "fec0::/10",
        "multicast": "ff00::/8",
    },
)
_GLOBAL: Final = IPv6Network("2000::/3")
"""The part of IPv6 that is allocated (RFC 4291 2.4); everything else is reserved."""
_LOW_32: Final = tuple(
    IPv6Network(network)
    for network in ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")  # mapped, translated (RFC 2765), NAT64
)
_6TO4: Final = IPv6Network("2002::/16")
_TEREDO: Final = IPv6Network("2001::/32")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""RFC 5214 6.1: an interface identifier that ends in an IPv4 address."""


class ResolvedHost(NamedTuple):
    """The addresses of a host that may be connected to.

    public  all addresses of the host are public; mixed: only some are
    """

    addresses: tuple[str, ...]
    public: bool
    mixed: bool


def system_resolver(host: str, port: int) -> list[str]:
    """Return the addresses of `host` from the system's resolver, without duplicates."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def address_class(address: str) -> str | None:
    """Return why an address is not public: `loopback`, `private network`, `link-local` …; None if it is.

    >>> address_class("93.184.216.34"), address_class("::ffff:10.0.0.1"), address_class("64:ff9b::7f00:1")
    (None, 'private network', 'loopback')
    """
    try:
        return _class_of(ip_address(address.partition("%")[0]))
    except ValueError:
        return "not an address"


def _class_of(ip: IPv4Address | IPv6Address) -> str | None:
    if isinstance(ip, IPv4Address):
        return next((name for network, name in _IPV4 if ip in network), None)
    inner = [_class_of(hidden) for hidden in _embedded(ip)]
    if inner:
        return next((name for name in inner if name is not None), None)
    name = next((name for network, name in _IPV6 if ip in network), None)
    if name is None and ip not in _GLOBAL:
        name = "reserved"
    if name is None and int(ip) >> 32 & 0xFFFFFFFF in _ISATAP:
        name = _class_of(IPv4Address(int(ip) & 0xFFFFFFFF))
    return name


def _embedded(ip: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses embedded in `ip`, to which its packets are finally delivered."""
    number = int(ip)
    if any(ip in network for network in _LOW_32):
        yield IPv4Address(number & 0xFFFFFFFF)
    elif ip in _6TO4:  # RFC 3056 2
        yield IPv4Address(number >> 80 & 0xFFFFFFFF)
    elif ip in _TEREDO:  # RFC 4380 4: the server, then the client with every bit inverted
        yield IPv4Address(number >> 64 & 0xFFFFFFFF)
        yield IPv4Address(~number & 0xFFFFFFFF)


class AddressPolicy:
    """Decides which addresses of a host may be connected to. Tests replace `resolve` and `classify`."""

    def __init__(
        self, *, allow_private: bool, resolve: Resolver = system_resolver, classify: Classifier = address_class
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._classify = classify

    def resolve(self, host: str, port: int, timeout: float) -> ResolvedHost:
        """Return the addresses of `host` that may be connected to. Raise `SourceError`."""
        address = literal(host)
        try:
            found = [address] if address is not None else _call_within(timeout, partial(self._resolve, host, port))
        except (OSError, UnicodeError) as error:
            raise unresolved(host, error if isinstance(error, OSError) else socket.gaierror()) from None
        return check_addresses(host, found, allow_private=self._allow_private, classify=self._classify)


def check_addresses(
    host: str, found: Sequence[str], *, allow_private: bool, classify: Classifier = address_class
) -> ResolvedHost:
    """Return which of the addresses `found` for `host` may be connected to.

    Those are the public ones and, with `allow_private`, those of this network too, except for metadata services.
    Raise `SourceError` `address_not_public` if none is left.
    """
    classes = {address: classify(address) for address in found}
    public = tuple(address for address, name in classes.items() if name is None)
    private = tuple(address for address, name in classes.items() if name not in (None, METADATA))
    allowed = public + private if allow_private else public
    if not allowed:
        address, name = next(iter(classes.items()), ("nowhere", "no address"))
        where = host if host.strip("[]") == address else f"{host} leads to {address}, which"
        detail = f"is not a public address ({name})"
        raise RequestFailed("address_not_public", f"{where} {detail}. {_remedy(name)}", detail, sent=False)
    return ResolvedHost(allowed, len(public) == len(classes), 0 < len(public) < len(classes))


def _remedy(name: str | None) -> str:
    if name == METADATA:
        return "Metadata addresses are never read. Give the address of the file."
    return (
        "No service can fetch from it. Put the file on a public host, or allow private addresses if only this network"
        " has to read it."
    )


def _call_within(timeout: float, call: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Return what `call` returns, or raise `TimeoutError`: the resolver has no timeout, so it runs in a thread."""
    outcome: list[Sequence[str] | Exception] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout)
    if not outcome:
        raise TimeoutError("the address could not be looked up in time")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]
