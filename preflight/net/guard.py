"""Which of a host's addresses may be connected to: `Guard`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from preflight.errors import SourceError
from preflight.net.addresses import METADATA, kind_of, literal
from preflight.net.errors import unresolved

Resolver = Callable[[str, int], Sequence[str]]
"""(host, port) → its addresses as text, in the order to try them. Raises `OSError` where there is none."""
Judge = Callable[[str], str | None]
"""address → why it is not public; None where it is."""


class Admitted(NamedTuple):
    """The addresses of a host that may be connected to; whether all, and whether only some, of its are public."""

    addresses: tuple[str, ...]
    public: bool
    mixed: bool


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host` by the system's resolver, each once."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """What a name may lead to. `resolve` and `judge` are there to be replaced by tests."""

    def __init__(self, *, allow_private: bool, resolve: Resolver = resolve, judge: Judge = kind_of) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._judge = judge

    def admit(self, host: str, port: int, timeout: float) -> Admitted:
        """The addresses of `host` that may be connected to. Raises `SourceError`."""
        address = literal(host)
        try:
            found = [address] if address is not None else _within(timeout, partial(self._resolve, host, port))
        except (OSError, UnicodeError) as error:
            raise unresolved(host, error if isinstance(error, OSError) else socket.gaierror()) from None
        return admit(host, found, allow_private=self._allow_private, judge=self._judge)


def admit(host: str, found: Sequence[str], *, allow_private: bool, judge: Judge = kind_of) -> Admitted:
    """Which of the addresses `found` for `host` may be connected to: the public ones, and with `allow_private` those
    of this network too, but for metadata services.

    Raises `SourceError` `address_not_public` where none is left.
    """
    kinds = {address: judge(address) for address in found}
    public = tuple(address for address, kind in kinds.items() if kind is None)
    private = tuple(address for address, kind in kinds.items() if kind not in (None, METADATA))
    admitted = public + private if allow_private else public
    if not admitted:
        address, kind = next(iter(kinds.items()), ("nowhere", "no address"))
        where = host if host.strip("[]") == address else f"{host} leads to {address}, which"
        raise SourceError("address_not_public", f"{where} is no public address ({kind}): {_remedy(kind)}")
    return Admitted(admitted, len(public) == len(kinds), 0 < len(public) < len(kinds))


def _remedy(kind: str | None) -> str:
    if kind == METADATA:
        return "such addresses are never read; give the address of the file"
    return (
        "no service can fetch from it; put the file on a public host, or allow private addresses if only this network"
        " has to read it"
    )


def _within(timeout: float, call: Callable[[], Sequence[str]]) -> Sequence[str]:
    """What `call` gives, or `TimeoutError`: the system's resolver knows no timeout, so it is left alone in a thread."""
    outcome: list[Sequence[str] | Exception] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:  # handed over to the thread that waits
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout)
    if not outcome:
        raise TimeoutError("the address could not be looked up in time")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]
