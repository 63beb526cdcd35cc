"""Classify why a request got no complete response, as `SourceError`s.

RequestFailed        no complete response: `detail` and `sent` say how, for callers that write their own message
└── TransientError   another attempt may succeed

Every message says what happened and what to do. None holds a URL that was not redacted.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

from preflight.errors import SourceError
from preflight.escape import printable

LOGIN_REQUIRED: Final = 407
_UNKNOWN_ISSUER: Final = frozenset((18, 19, 20, 21))
"""OpenSSL's codes for a certificate whose issuer is not trusted (x509_vfy.h)."""
_NO_TLS: Final = frozenset(("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"))
"""Reasons of OpenSSL for bytes that are not TLS."""


class RequestFailed(SourceError):
    """A request got no complete response.

    detail  the technical reason, without a URL, a host or a secret
    sent    the request may have reached the server
    """

    def __init__(self, code: str, message: str, detail: str = "", *, sent: bool) -> None:
        super().__init__(code, message)
        self.detail = detail
        self.sent = sent


class TransientError(RequestFailed):
    """A failure after which another attempt may succeed.

    retry_after  s that the server asks to wait; None if it does not say
    faulty       the server received the request and failed
    """

    def __init__(
        self,
        code: str,
        message: str,
        detail: str = "",
        *,
        sent: bool = True,
        retry_after: float | None = None,
        faulty: bool = False,
    ) -> None:
        super().__init__(code, message, detail, sent=sent)
        self.retry_after = retry_after
        self.faulty = faulty


class InvalidResponse(Exception):
    """A response is not HTTP/1.1, or has more overhead than any legitimate one."""


class IncompleteResponse(Exception):
    """The connection ended within a response."""


def timed_out(name: str, seconds: float, *, sent: bool = True) -> RequestFailed:
    """Return the error for a response that is not complete after the `seconds` that were allowed."""
    return RequestFailed(
        "timed_out", f"{name} did not respond completely within {seconds:g} s. Check it later.", sent=sent
    )


def unresolved(host: str, error: OSError) -> RequestFailed:
    """Return the error for a host whose address is not found: temporarily (`EAI_AGAIN`), or permanently."""
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        message = f"{host} has no address. Check the host's name."
        return RequestFailed("connection_failed", message, "the host is not known", sent=False)
    message = f"{host}: its address could not be looked up ({_reason(error)}). Check it later."
    return TransientError("connection_failed", message, "the host's address could not be looked up", sent=False)


def unconnected(host: str, error: OSError) -> TransientError:
    """Return the error for a host that does not accept connections."""
    message = f"{host} does not accept connections ({_reason(error)}). Check it later."
    return TransientError("connection_failed", message, "the host does not accept connections", sent=False)


def proxy_failed(name: str, detail: str = "the proxy does not respond, or refuses") -> TransientError:
    """Return the error for a proxy that does not open a connection."""
    return TransientError("connection_failed", f"{name}: {detail}. Check its address.", detail, sent=False)


def proxy_refused(name: str, status: int) -> RequestFailed:
    """Return the error for a proxy that answers itself, with a status that is not a success."""
    if status == LOGIN_REQUIRED:
        detail = f"the proxy requires a valid login (status {status})"
        message = f"{name}: {detail}. Give its URL as http://user:password@host:port."
        return RequestFailed("connection_failed", message, detail, sent=False)
    return proxy_failed(name, f"the proxy refuses the connection with status {status}")


def insecure(host: str, error: Exception, *, sent: bool = False) -> RequestFailed:
    """Return the error for a TLS connection that fails: the certificate, or the protocol itself."""
    reason = str(getattr(error, "reason", None) or type(error).__name__)
    if isinstance(error, ssl.SSLCertVerificationError):
        detail = f"the certificate is not valid ({printable(error.verify_message)})"
        remedy = ", or name its authority in a CA bundle" if error.verify_code in _UNKNOWN_ISSUER else ""
        message = f"{host}: {detail.replace('the', 'its', 1)}. Renew or complete it{remedy}."
    elif reason in _NO_TLS:
        detail = "the server does not use TLS at this port"
        message = f"{host}: {detail}. Check whether the link should begin with http://."
    else:
        detail = f"the TLS handshake failed ({printable(reason).lower().replace('_', ' ')})"
        message = f"{host}: {detail}. Check the server's TLS settings."
    return RequestFailed("tls_failed", message, detail, sent=sent)


def disconnected(name: str) -> TransientError:
    """Return the error for a connection that ends before the head of a response is complete."""
    message = f"{name}: the server closed the connection without a complete response. Check it later."
    return TransientError("connection_failed", message, faulty=True)


def cut_off(name: str) -> TransientError:
    """Return the error for a body that ends early."""
    message = f"{name}: the server sends less than it announces. Upload the file again."
    return TransientError("response_invalid", message)


def malformed(name: str, error: InvalidResponse) -> RequestFailed:
    """Return the error for a response that is not HTTP, or exceeds its bounds."""
    detail = printable(str(error))[:100]
    message = f"{name}: the response is not valid HTTP ({detail}). Check the address."
    return RequestFailed("response_invalid", message, f"the response is not valid HTTP: {detail}", sent=True)


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no response in time"
    return printable(error.strerror or type(error).__name__).lower()
