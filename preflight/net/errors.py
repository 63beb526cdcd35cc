"""How a server or the way to it fails, as `SourceError`s with a sentence for a person.

Every sentence says what happened and what to do; none holds a URL that was not redacted.
"""

from __future__ import annotations

import re
import socket
import ssl
from http.client import BadStatusLine, HTTPException, responses
from typing import Final

from preflight.errors import SourceError
from preflight.escape import printable

_MEANINGS: Final = {
    400: "the request is wrong to this server: check the link",
    401: "it asks for a login: make the file public, or sign the link",
    402: "it asks for payment",
    403: "the file is not public, or the link expired or is signed for something else: make it public or sign it anew",
    404: "there is no such file: check the link",
    405: "the link takes no GET: it is perhaps signed for an upload",
    406: "it has no version that a plain GET takes",
    407: "the proxy asks for a login",
    408: "the server gave up waiting",
    410: "the file has been removed, or a link for few downloads is used up: make a new one",
    414: "the URL is too long for this server",
    418: "it takes this program for a robot",
    451: "the file is blocked for legal reasons",
}
_SIGNED: Final = (400, 401, 403, 410)
"""Statuses with which a signature that has ended is refused."""
_CODE: Final = re.compile(rb"<Code>([A-Za-z][A-Za-z0-9.]{2,60})</Code>")
_EXPIRED: Final = re.compile(
    rb"Request has expired|<Code>ExpiredToken|token is expired|Signature not valid in the", re.I
)


class Passing(SourceError):
    """A failure that may be gone on the next try.

    wait    what the server asks for, in s
    faulty  the server took the request and has a fault with it
    """

    def __init__(self, code: str, message: str, wait: float | None = None, *, faulty: bool = False) -> None:
        super().__init__(code, message)
        self.wait = wait
        self.faulty = faulty


class RangeRefused(SourceError):
    """The answer to a ranged request gives no part of the file: a plain GET decides what there is."""

    def __init__(self, name: str) -> None:
        super().__init__("response_invalid", f"{name}: the server does not send parts of the file: request all of it")


def timed_out(name: str, seconds: float) -> SourceError:
    return SourceError("timed_out", f"{name} did not give what was asked for within {seconds:g} s: check it later")


def refused(name: str, status: int, body: bytes, expired: bool, hint: str) -> SourceError:
    """What an answer without a file means.

    Of the server's own words only an object store's error code is quoted: others may repeat the URL.
    """
    said = f"{status} {responses.get(status, '')}".rstrip()
    if code := _CODE.search(body):
        said += f" ({code[1].decode('ascii')})"
    if status >= 500:
        return SourceError("server_error", f"{name} answers {said}: the server has a fault; check it later")
    if status == 429:
        return SourceError("rate_limited", f"{name} answers {said}: too many requests; check fewer at a time, or later")
    meaning = _MEANINGS.get(status, "the server refuses it" if status >= 400 else "that is no file")
    if status == 403 and code is not None and code[1] == b"AccessDenied":
        meaning += "; an object store that hides its listing responds the same way for a missing file"
    if (expired and status in _SIGNED) or _EXPIRED.search(body):
        meaning = "the link has expired: sign it anew"
    return SourceError("download_failed", f"{name} answers {said}: {meaning}{'; ' if hint else ''}{hint}")


def automation_refused(name: str, status: int, how: str) -> SourceError:
    """Return the error for a server that serves browsers but refuses automated clients, as services are."""
    said = f"{status} {responses.get(status, '')}".rstrip()
    return SourceError(
        "automated_client_refused",
        f"{name} answers {said}: the server refuses automated clients {how}. Host the file where any client may fetch"
        " it; to check it anyway, set a user agent or custom headers.",
    )


def is_store_error(body: bytes) -> bool:
    """Return whether a refusal comes from an object store, which checks only the signature of a request."""
    return _CODE.search(body) is not None


def redirected_endlessly(name: str, most: int | None, cookie: bool = False) -> SourceError:
    """Return the error for more redirects than `most` or, if None, a loop; `cookie`: one of them sets a cookie."""
    how = "in a circle" if most is None else f"more than {most} times"
    if cookie:
        how += " that needs cookies, which services' fetchers rarely keep"
    return SourceError("too_many_redirects", f"{name} is redirected {how}: give the address where the file is")


def redirected_away(name: str, target: str) -> SourceError:
    return SourceError(
        "redirect_refused",
        f"{name} is redirected to {target}, and services fetch by http and https alone: give the address where the file"
        " is",
    )


def unresolved(host: str, error: OSError) -> SourceError:
    """The host's name leads nowhere: for now (`EAI_AGAIN`), or at all."""
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return SourceError("connection_failed", f"{host} has no address: check the host's name")
    return Passing("connection_failed", f"{host}: its address could not be looked up ({_reason(error)})")


def unconnected(host: str, error: OSError) -> SourceError:
    return Passing("connection_failed", f"{host} takes no connection ({_reason(error)}): check it later")


def broken(name: str) -> SourceError:
    return Passing("connection_failed", f"{name}: the server closed the connection without a whole answer", faulty=True)


def cut_off(name: str) -> SourceError:
    return Passing("response_invalid", f"{name}: the server sends less than it announces: upload the file again")


def garbled(name: str, error: Exception) -> SourceError:
    """No HTTP, or headers beyond all bounds."""
    if isinstance(error, BadStatusLine):
        what = "it does not begin with a status line"
    else:
        what = printable(str(error) if isinstance(error, HTTPException) else type(error).__name__)[:100]
    return SourceError("response_invalid", f"{name}: the response is not valid HTTP ({what}): check the address")


def unusable(name: str, why: str) -> SourceError:
    return SourceError("response_invalid", f"{name}: {why}: serve the file from another host")


def too_much(name: str, limit: int) -> SourceError:
    return SourceError(
        "too_much_to_read",
        f"{name}: what has to be known stands too far behind or too scattered to be read by URL"
        f" (limit {limit:,} bytes): check the file itself",
    )


def insecure(host: str, error: Exception) -> SourceError:
    """TLS could not be agreed on: the certificate, or the protocol itself."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate is not valid ({printable(error.verify_message)}): renew or complete it"
    elif isinstance(error, ssl.SSLError) and error.reason in (
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "RECORD_LAYER_FAILURE",
    ):
        why = "no TLS is spoken at this port: check whether the link should begin with http://"
    else:
        reason = getattr(error, "reason", None) or type(error).__name__
        why = f"no secure connection could be agreed on ({printable(str(reason)).lower().replace('_', ' ')})"
    return SourceError("tls_failed", f"{host}: {why}")


def cause_of(error: Exception, kind: type[Exception]) -> Exception:
    """The exception of `kind` that `error` was made of, or `error`: libraries wrap them in arguments and reasons."""
    found: Exception | None = error
    for _ in range(8):
        if found is None or isinstance(found, kind):
            break
        inner = [getattr(found, "reason", None), *reversed(found.args), found.__cause__, found.__context__]
        found = next((each for each in inner if isinstance(each, Exception)), None)
    return found or error


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return printable(error.strerror or type(error).__name__).lower()
