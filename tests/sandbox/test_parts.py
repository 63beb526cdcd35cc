"""The parts of the sandbox that need no server: what it keeps, and what it reads from requests."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.sandbox.messages import Refusal, Request, file_in_form
from preflight.sandbox.protocol import random_letters
from preflight.sandbox.state import Account, ProcessingOutcome

FACTS = {"kind": "image", "asset_type": "Image", "url": "https://x.test/a", "name": "a"}


def form(boundary: str, *parts: tuple[str, bytes]) -> bytes:
    pieces = [f"--{boundary}\r\nContent-Disposition: {head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts]
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def test_an_asset_leaves_processing_when_it_is_judged_and_its_time_is_over() -> None:
    now = 0.0
    account = Account(clock=lambda: now)
    asset = account.add_asset(lambda number: f"a{number}", delay=2, **FACTS)
    account.set_outcome(asset.id, ProcessingOutcome("InternalError", "no"))
    account.set_outcome(asset.id, ProcessingOutcome())
    now = 1.9
    assert account.assets()[0].status == "processing"
    now = 2.0
    found = account.asset(asset.id)
    assert found is not None
    assert (found.status, found.code, found.message) == ("failed", "InternalError", "no")


def test_an_asset_stays_in_processing_until_it_is_judged() -> None:
    account = Account()
    asset = account.add_asset(lambda number: f"a{number}", delay=0, **FACTS)
    assert account.assets()[0].status == "processing"
    account.set_outcome(asset.id, ProcessingOutcome())
    assert account.assets()[0].status == "active"


def test_account_returns_copies() -> None:
    account = Account()
    asset = account.add_asset(lambda number: "a", delay=0, **FACTS)
    asset.name = "changed"
    assert account.assets()[0].name == "a"


def test_concurrent_registrations_are_all_kept() -> None:
    account = Account()

    def register() -> None:
        for _ in range(200):
            account.add_asset(lambda number: random_letters(2), delay=0, **FACTS)

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assets = account.assets()
    assert len({asset.id for asset in assets}) == 800
    assert [asset.number for asset in assets] == list(range(800, 0, -1))


@pytest.mark.parametrize("data", [b"", b"\r\n", b"a\r\n--b\r\n\r\n", b"--x", b"\0" * 9000])
def test_a_file_is_found_in_a_form(data: bytes) -> None:
    parts = ('form-data; name="other"', b"file"), ('form-data; name="file"; filename="a \xc3\xbc.png"', data)
    body = form("x1", *parts)
    assert file_in_form(body, 'multipart/form-data; boundary="x1"', "file")[1] == data
    assert file_in_form(b"preamble\r\n" + body, "multipart/form-data; boundary=x1", "other")[1] == b"file"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form("x", ('form-data; name="other"', b"1")), "multipart/form-data; boundary=x"),
        (form("x", ('form-data; name="file"', b"1"))[:-12], "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n", "multipart/form-data"),
        (b"{}", "application/json"),
    ],
)
def test_a_form_without_the_file_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(Refusal):
        file_in_form(body, content_type, "file")


@given(st.binary(max_size=300), st.sampled_from(["x", "--", "\r\n", "é"]))
def test_broken_forms_are_refused(body: bytes, boundary: str) -> None:
    for data in (body, form(boundary, ('form-data; name="file"', body)).replace(b"file", body[:3])):
        try:
            file_in_form(data, f"multipart/form-data; boundary={boundary!r}", "file")
        except Refusal as refusal:
            assert refusal.status == 400  # noqa: PT017 - other exceptions are the failures looked for


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "x", "", "1" * 12, None, [1]])
def test_a_number_counts_from_one(value: object) -> None:
    request = Request("GET", "/", _parameters={"page": value})
    with pytest.raises(Refusal):
        request.number("page", 1)
