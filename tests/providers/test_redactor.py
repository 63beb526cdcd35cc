"""What an answer of a provider shows: never a key, a signature or a field that holds a secret."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote

import pytest

from preflight.errors import UsageError
from preflight.providers import Secret
from preflight.providers.credentials import _MAX_DEPTH, CredentialSpec, Redactor, read_credentials
from tests.rows import each_row

KEY = "hunter2hunter2"
REDACTOR = Redactor([Secret(KEY), Secret("short")])
SIGNED = "https://h.example/a.png?X-Amz-Signature=0123456789abcdef"


@each_row(
    ("text", "shown"),
    [
        (f"key {KEY} is wrong", "key … is wrong"),
        ("a short text", "a short text"),
        ("one\n two\tthree", "one two three"),
        (f"see {SIGNED} now", "see https://h.example/a.png?X-Amz-Signature=… now"),
        ("x" * 500, "x" * 500),
        ("x" * 501, "x" * 499 + "…"),
    ],
)
def test_texts_are_one_line_without_secrets(text: str, shown: str) -> None:
    assert REDACTOR.text(text) == shown


SLASHED = "sk-se/cret+0123=="


@each_row(
    "spelled",
    [
        SLASHED,
        quote(SLASHED, safe=""),
        quote(SLASHED, safe="").lower(),
        SLASHED.replace("/", "\\/"),
        "".join(f"\\u{ord(char):04x}" for char in SLASHED),
        "".join(f"&#{ord(char)};" for char in SLASHED),
        "".join(f"&#x{ord(char):X};" for char in SLASHED),
        b64encode(SLASHED.encode()).decode(),
        b64encode(f"Bearer {SLASHED}".encode()).decode(),
        b64encode(f"user:{SLASHED}".encode()).decode(),
        urlsafe_b64encode(f"a{SLASHED}b".encode()).decode(),
    ],
)
def test_key_is_hidden_however_it_is_spelled(spelled: str) -> None:
    redactor = Redactor([Secret(SLASHED)])
    shown = redactor.text(f"header {spelled} is wrong")
    assert shown.startswith("header ")
    assert shown.endswith(" is wrong")
    assert "…" in shown
    assert len(shown) < len("header  is wrong") + 14
    assert redactor.without_keys({spelled: [spelled, 7, None]}).keys() == {shown[7:-9]}


@each_row(
    ("answer", "shown"),
    [
        ({"id": KEY, "n": 3, "none": None}, {"id": "…", "n": 3, "none": None}),
        ({"Api-Key": "x", "apikey": "x", "token": "x"}, {"Api-Key": "x", "apikey": "…", "token": "…"}),
        ({"token": "", "tokens": 5, "cookies": ["x"]}, {"token": "", "tokens": 5, "cookies": ["x"]}),
        ([{"url": SIGNED}], [{"url": "https://h.example/a.png?X-Amz-Signature=…"}]),
        ({KEY: 1}, {"…": 1}),
    ],
)
def test_answers_keep_their_shape(answer: Any, shown: Any) -> None:
    assert REDACTOR.answer(answer) == shown


@each_row("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_answers_are_shown_to_a_depth_of_24(wrap: Any) -> None:
    answer: Any = 7
    for _ in range(_MAX_DEPTH):
        answer = wrap(answer)
    assert REDACTOR.answer(answer) == answer
    hidden: Any = "…"
    for _ in range(_MAX_DEPTH):
        hidden = wrap(hidden)
    assert REDACTOR.answer(wrap(answer)) == hidden


@each_row("name", ["api_key", "secret_key"])
def test_missing_key_names_the_variable(name: str) -> None:
    with pytest.raises(UsageError, match=r"^Atlas needs a key\. Set the environment variable ATLAS\.$"):
        read_credentials("Atlas", (CredentialSpec(name, ("ATLAS",)),), {name: None}, {})


def test_empty_key_is_not_replaced_by_the_one_of_the_environment() -> None:
    specs = (CredentialSpec("api_key", ("ATLAS",)), CredentialSpec("token", ("TOKEN",), required=False))
    with pytest.raises(UsageError, match=r"^Atlas: api_key is missing or empty\. Give it, or no key, to use the env"):
        read_credentials("Atlas", specs, {"api_key": " "}, {"ATLAS": "sk-123456"})
    assert read_credentials("Atlas", specs, {"api_key": "sk-1", "token": ""}, {}).keys() == {"api_key"}


@each_row(("key", "sent"), [("!", True), ("~", True), ("a b", False), ("\x7f", False), ("ä", False)])
def test_keys_have_visible_ascii_characters(key: str, sent: bool) -> None:
    if sent:
        assert (
            read_credentials("Atlas", (CredentialSpec("api_key", ("ATLAS",)),), {"api_key": key}, {})[
                "api_key"
            ].reveal()
            == key
        )
    else:
        with pytest.raises(UsageError, match="Copy only the key"):
            read_credentials("Atlas", (CredentialSpec("api_key", ("ATLAS",)),), {"api_key": key}, {})
