"""What an attacker writes is searched in linear time: twice the text costs about twice as much, and little of both."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest

from preflight.errors import PreflightError
from preflight.escape import printable
from preflight.ledger.entry import asset_name
from preflight.net import bodies, response, urls
from preflight.net.addresses import address_class
from preflight.net.redact import redact, redact_text
from preflight.probes.sniff.text import sniff_text
from preflight.providers.credentials import Redactor
from preflight.providers.refusals import UPSTREAM_CODES, Refusal, classify_refusal, finding_of
from preflight.sources import diagnosis
from preflight.sources import open as open_module
from preflight.units import parse_quantity

SIZES = [8_000, pytest.param(32_000, marks=pytest.mark.slow)]
BOUND = 0.2
"""s of CPU for 32 kB: about ten times what the slowest takes. Quadratic searches took minutes."""
NOISE = 0.02
"""s below which a ratio says nothing."""

PREFIXES = ("", "https://h.example/", "https://h.example/?a=", "https://h.example/a=")
PIECES = [
    *(
        "eyJ",
        "eyJa.",
        "eyJaaaaaaaaaaa.",
        "eyJaaaaaaaaaaa.a.",
        "/bot1",
        "/bot12345:",
        "/s--",
        "/s--a",
        "a=",
        "~a=",
        "/a=b",
    ),
    *(
        "=",
        ";",
        "&",
        "a&",
        "%",
        "%41",
        "@",
        ":",
        "//",
        "http://",
        "a://",
        "a:",
        "+.-",
        "\\",
        "[",
        "]",
        "?",
        "#",
        "/exp=1",
    ),
    *(
        " ",
        "\t",
        "\n",
        "<input",
        "<inputtype",
        "type=",
        "'",
        '"',
        "-",
        "_",
        ".",
        "..",
        "1",
        "aA1",
        "aaBB",
        "é",
        "\u202e",
    ),
    *(
        "\x1b",
        "exp=123456789",
        "token=",
        "x-amz-",
        "<",
        "<!--",
        "<?",
        "<?xml",
        "<!doctype a>",
        "<!doctype [>",
        "<a:",
        "{",
    ),
    *("a", "A", "Aa.", "sign-in", "/login/", "dropbox.com.", "login.", "<Code>", "A.", "QPM", "RPM", "Quota", "asset "),
    *("1_000", "1 ", "1.1", "bytes ", "\ud800"),
]


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


OF_URLS: dict[str, Callable[[str], object]] = {
    "redact": redact,
    "redact_text": redact_text,
    "expires_at": urls.expires_at,
    "parse": urls.parse_url,
    "target": lambda text: urls.Url("http", "h", 80, False, None, text, False, "").target,
    "classify_page": lambda text: diagnosis.classify_page(text, encoded("<html>" + text), text),
    "is_url": open_module.is_url,
}
OTHERS: dict[str, Callable[[str], object]] = {
    "content_range": response.content_range,
    "unsatisfied_range": response.unsatisfied_range,
    "content_length": response.content_length,
    "retry_after": lambda text: response.retry_after(text, 0.0),
    "media_type": response.media_type,
    "content_codings": bodies.content_codings,
    "refused": lambda text: diagnosis.refused("name", 403, encoded(text), "", expired=False),
    "printable": printable,
    "redactor": Redactor([]).text,
    "finding_of": lambda text: finding_of(text, text, UPSTREAM_CODES),
    "classify_refusal": lambda text: classify_refusal(Refusal(200, text, text)),
    "sniff_text": lambda text: sniff_text(encoded(text)),
    "quantity": lambda text: parse_quantity(text, "bytes"),
    "literal": urls.literal,
    "address_class": address_class,
    "asset_name": lambda text: asset_name(text, "ab" * 32, 1),
}


def cpu_seconds(search: Callable[[str], object], text: str) -> float:
    began = time.thread_time()
    with contextlib.suppress(PreflightError, ValueError):
        search(text)
    return time.thread_time() - began


def assert_linear(search: Callable[[str], object], text: Callable[[int], str], large: int, about: str) -> None:
    """Compare the time for a text with that for half of it, where it is long enough to say something."""
    for _ in range(2):  # once more, as another process may have had the cache
        took = cpu_seconds(search, text(large))
        if took < NOISE:
            return
        half = cpu_seconds(search, text(large // 2))
        if took < 3 * half:
            break
    assert took < BOUND, f"{about}: {took:.2f} s"
    assert took < 3.2 * half, f"{about}: {half:.3f} s, then {took:.3f} s"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OF_URLS)
def test_redacting_a_url_takes_linear_time(name: str, size: int) -> None:
    for prefix in PREFIXES:
        for piece in PIECES:
            assert_linear(
                OF_URLS[name],
                lambda size, begin=prefix, part=piece: begin + part * (size // len(part)),
                size,
                f"{prefix}{piece}",
            )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OTHERS)
def test_redacting_server_text_takes_linear_time(name: str, size: int) -> None:
    for piece in PIECES:
        assert_linear(OTHERS[name], lambda size, part=piece: part * (size // len(part)), size, piece)


@pytest.mark.parametrize("path", ["eyJ" * 21_000, "eyJ" * 21_000 + ".", ("eyJ" + "a" * 12 + ".") * 4_000])
def test_location_of_many_web_tokens_is_redacted_quickly(path: str) -> None:
    assert cpu_seconds(redact, f"https://h.example/{path}") < BOUND


def test_web_tokens_are_hidden_inside_longer_runs() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.e30.abc"
    for path, shown in {
        token: "…",
        f"a{token}": "a…",
        f"a.{token}/b": "a.…/b",
        f"{token}.{token}": "….…",
        f"eyJ.eyJ.{token}": "eyJ.eyJ.…",
        "eyJhbGciOiJIUzI1NiJ9.e30.": "…",
        "eyJhbGciOiJIUzI1NiJ9..abc": "eyJhbGciOiJIUzI1NiJ9..abc",
        "eyJhbGciOiJIUzI1NiJ9.abc": "eyJhbGciOiJIUzI1NiJ9.abc",
        "eyJ.e30.abc": "eyJ.e30.abc",
    }.items():
        assert redact(f"https://h.example/{path}") == f"https://h.example/{shown}"
