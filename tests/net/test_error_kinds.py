"""Which failures may have reached the server, and which ones another attempt may get over."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from preflight.net import errors
from tests.rows import each_row

LOST = OSError(1, "Lost")


@each_row(
    ("error", "code", "sent", "transient"),
    [
        (errors.unresolved("h", socket.gaierror(socket.EAI_AGAIN, "x")), "connection_failed", False, True),
        (errors.unresolved("h", socket.gaierror(socket.EAI_NONAME, "x")), "connection_failed", False, False),
        (errors.unresolved("h", LOST), "connection_failed", False, True),
        (errors.unconnected("h", LOST), "connection_failed", False, True),
        (errors.proxy_failed("h"), "connection_failed", False, True),
        (errors.insecure("h", ssl.SSLError()), "tls_failed", False, False),
        (errors.insecure("h", ssl.SSLError(), sent=True), "tls_failed", True, False),
        (errors.timed_out("h", 1.0), "timed_out", True, False),
        (errors.timed_out("h", 1.0, sent=False), "timed_out", False, False),
        (errors.disconnected("h"), "connection_failed", True, True),
        (errors.malformed("h", errors.InvalidResponse("odd")), "response_invalid", True, False),
    ],
)
def test_failures_say_whether_the_request_was_sent(error: Any, code: str, sent: bool, transient: bool) -> None:
    assert (error.code, error.sent, isinstance(error, errors.TransientError)) == (code, sent, transient)


@each_row(("code", "names_authority"), [(17, False), (18, True), (19, True), (20, True), (21, True), (22, False)])
def test_remedy_for_an_unknown_issuer_is_a_ca_bundle(code: int, names_authority: bool) -> None:
    refused = ssl.SSLCertVerificationError()
    refused.verify_code, refused.verify_message = code, "odd"
    error = errors.insecure("h", refused)
    assert error.detail == "the certificate is not valid (odd)"
    assert ("CA bundle" in str(error)) is names_authority


@each_row(
    ("reason", "detail"),
    [
        ("TLSV1_ALERT_INTERNAL_ERROR", "the TLS handshake failed (tlsv1 alert internal error)"),
        ("WRONG_VERSION_NUMBER", "the server does not use TLS at this port"),
        (None, "the TLS handshake failed (sslerror)"),
    ],
)
def test_reason_of_openssl_is_in_lowercase_words(reason: str | None, detail: str) -> None:
    failed = ssl.SSLError()
    failed.reason = reason  # type: ignore[assignment]
    assert errors.insecure("h", failed).detail == detail
