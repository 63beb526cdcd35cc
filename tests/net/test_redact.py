"""Which parts of a URL are shown."""

from __future__ import annotations

import string

from hypothesis import assume, given
from hypothesis import strategies as st

from preflight.net.redact import HIDDEN, redact, redact_text
from tests.rows import each_row

SECRET = "s3cr3t"


@each_row(
    "name",
    [
        *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "x-amz-date", "AWSAccessKeyId", "Signature"),
        *("X-Goog-Signature", "X-Goog-Credential", "GoogleAccessId", "sig", "se", "skoid", "Policy", "Key-Pair-Id"),
        *("X-Tos-Signature", "X-Tos-Credential", "x-tos-security-token", "OSSAccessKeyId", "x-oss-signature"),
        *("security-token", "q-signature", "q-ak", "token", "access_token", "api_key", "apikey", "key", "password"),
        *("Authorization", "auth_key", "jwt", "hdnea", "hm", "rlkey", "resourcekey", "code", "session_id", "%74oken"),
    ],
)
def test_value_of_a_secret_parameter_is_hidden(name: str) -> None:
    shown = redact(f"https://h.example/a.mp4?w=640&{name}={SECRET}&h=480")
    assert shown == f"https://h.example/a.mp4?w=640&{name}={HIDDEN}&h=480"


@each_row(
    "value",
    [
        "0123456789abcdef0123",  # hexadecimal
        "wJalrXUtnFEMIK7MDENGbPxRfiCY",
        "Zm9vYmFyYmF6cXV4Zm9vYmFy%3D",  # escaped
        "https%3A%2F%2Fme%3Apw%40inner.example%2F",  # a URL in a URL
        "12345678901234567890123",
    ],
)
def test_long_random_value_of_an_unknown_parameter_is_hidden(value: str) -> None:
    assert redact(f"https://h.example/a?zz={value}") == f"https://h.example/a?zz={HIDDEN}"
    assert redact(f"https://h.example/a?{value.replace('%', '5')}") == f"https://h.example/a?{HIDDEN}"


@each_row(
    "url",
    [
        "https://h.example/a.mp4",
        "https://h.example:8443/a%20b/@me/c@2x.png?width=640&fit=crop&v=dQw4w9WgXcQ",
        "http://[2001:db8::1]:80/x?y",
        "http://127.0.0.1:8000/file/clip.bin",
        "https://h.example",
    ],
)
def test_url_without_secrets_is_shown_unchanged(url: str) -> None:
    assert redact(url) == url


@each_row(
    ("url", "shown"),
    [
        ("https://me:pw@h.example/a", "https://h.example/a"),
        ("https://me@h.example", "https://h.example"),
        ("https://a@b:c@h.example/x", "https://h.example/x"),
        ("https://h.example/a#access_token=abc", "https://h.example/a"),
        ("https://me:p/w@h.example/a", "https://…"),
        ("https://me:p?w@h.example/a", "https://…"),
        ("HTTPS://ME:PW@H.example/A?SIG=x", "HTTPS://H.example/A?SIG=…"),
        ("https:\\\\me:pw@h.example\\a", "https:\\\\h.example\\a"),
        (
            "https://api.telegram.org/file/bot123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/v.mp4",
            "https://api.telegram.org/file/bot…/v.mp4",
        ),
        ("https://h.example/hdnea=exp=17~hmac=00ff/a.mp4", "https://h.example/hdnea=…~hmac=…/a.mp4"),
        ("https://h.example/a;jsessionid=77?x=1", "https://h.example/a;jsessionid=…?x=1"),
        ("https://h.example/eyJhbGciOiJIUzI1NiJ9.e30.abc/a", "https://h.example/…/a"),
        ("data:image/png;base64,iVBORw0KGgo=", "data:image/png;base64,…"),
        ("//me:pw@h.example/a?token=x", "//h.example/a?token=…"),
        ("https://h.example/a?token=x;key=y", "https://h.example/a?token=…;key=…"),
        ("https://h.example/a\x1b[2J\n?b=\u202e", "https://h.example/a\\x1b[2J\\n?b=\\u202e"),
        ("", ""),
    ],
)
def test_redacted_url_keeps_the_rest(url: str, shown: str) -> None:
    assert redact(url) == shown


def test_urls_inside_a_text_are_redacted() -> None:
    text = 'GET "https://u:p@h.example/a?sig=1" failed, see http://h.example/b#x.'
    assert redact_text(text) == 'GET "https://h.example/a?sig=…" failed, see http://h.example/b'


@given(st.text(max_size=200))
def test_redacting_any_text_is_idempotent(text: str) -> None:
    shown = redact(text)
    assert shown.isprintable()
    assert redact(shown) == shown


TOKENS = st.text(string.ascii_letters + string.digits, min_size=24, max_size=60)


@given(TOKENS, st.sampled_from(["?a={}", "?a=1&{}=2", "?{}", "?sig={}", "#{}", "?a=b;c={}", "?u=https%3A%2F%2Fx%2F{}"]))
def test_random_token_is_never_shown(token: str, where: str) -> None:
    assume(not token.isalpha())
    assert token not in redact("https://me:" + token + "@h.example/a.mp4" + where.format(token))
