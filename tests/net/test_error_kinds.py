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
