"""Retries: after which failures, with which delays, until when. The clock is fake; the servers are real."""

from __future__ import annotations

import pytest

from preflight.errors import SourceError
from preflight.net.response import retry_after
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, FakeTime, Open

FIRST, SECOND = 0.25, 0.5
"""s of the two pauses with a jitter in the middle."""


@pytest.mark.parametrize(
    ("path", "slept"),
    [
        (f"busy/429/7/{NAME}", [7.0]),
        (f"busy/503/7/{NAME}", [7.0]),
        (f"busy/429/-/{NAME}", [FIRST]),
        (f"busy/503/nonsense/{NAME}", [FIRST]),
        (f"busy/502/7/{NAME}", [FIRST]),
        (f"busy/429/Mon,%2012%20Jan%201970%2013:46:45%20GMT/{NAME}", [5.0]),
        (f"busy/503/Mon,%2012%20Jan%201970%2013:46:45%20GMT/{NAME}", [5.0]),
        (f"busy/429/Mon,%2012%20Jan%201970%2013:46:35%20GMT/{NAME}", [FIRST]),
        (f"cut-once/{NAME}", [FIRST]),
        (f"hangs-up-once/{NAME}", [FIRST]),
    ],
)
def test_transient_failure_is_retried(open_url: Open, fake_time: FakeTime, path: str, slept: list[float]) -> None:
    source = open_url(path, parts=fake_time.parts())
    assert source.read_at(0, 100) == DATA[:100]
    assert fake_time.slept == slept
    assert source.requests == 2
    assert source.delivery.notes == ("retried",)
    assert source.delivery.status == 206


@pytest.mark.parametrize(
    ("path", "code", "requests"),
    [
        ("status/429/x", "rate_limited", 3),
        ("status/500/x", "server_error", 4),  # once more without Range
        ("status/503/x", "server_error", 4),
        (f"cut/{NAME}", "response_invalid", 3),
        (f"length-too-short/{NAME}", "response_invalid", 3),
    ],
)
def test_retries_are_limited(open_url: Open, fake_time: FakeTime, path: str, code: str, requests: int) -> None:
    source = open_url(path, parts=fake_time.parts())
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 100)
    assert caught.value.code == code
    assert type(caught.value) is SourceError
    assert fake_time.slept == [FIRST, SECOND]
    assert source.requests == requests


def test_refused_connection_is_retried_and_reported(server: Server, open_url: Open, fake_time: FakeTime) -> None:
    source = open_url(f"http://127.0.0.1:1/{NAME}", parts=fake_time.parts())
    with pytest.raises(SourceError, match="does not accept connections") as caught:
        source.read_at(0, 1)
    assert caught.value.code == "connection_failed"
    assert fake_time.slept == [FIRST, SECOND]


def test_permanent_failure_is_not_retried(open_url: Open, fake_time: FakeTime) -> None:
    asked = {"status/404/x": 2, "status/403/x": 3}  # with Range, plainly, and as a browser asks
    for path in (*asked, f"compressed-with/br/{NAME}", f"no-http/{NAME}"):
        source = open_url(path, parts=fake_time.parts())
        with pytest.raises(SourceError):
            source.read_at(0, 1)
        assert source.requests == asked.get(path, 1)
    assert fake_time.slept == []


def test_first_failure_counts_without_retries(open_url: Open, fake_time: FakeTime) -> None:
    source = open_url(f"cut-once/{NAME}", retries=0, parts=fake_time.parts())
    with pytest.raises(SourceError):
        source.read_at(0, 1)
    assert source.requests == 1


def test_wait_beyond_the_deadline_is_not_started(open_url: Open, fake_time: FakeTime) -> None:
    source = open_url(f"busy/429/3600/{NAME}", parts=fake_time.parts())
    with pytest.raises(SourceError, match="It asks to wait 3600 s") as caught:
        source.read_at(0, 1)
    assert caught.value.code == "rate_limited"
    assert fake_time.slept == []


def test_waits_count_towards_the_deadline(open_url: Open, fake_time: FakeTime) -> None:
    source = open_url(f"busy/429/9/{NAME}", timeout=10.0, parts=fake_time.parts())
    assert source.read_at(0, 1) == DATA[:1]
    fake_time.now += 2
    with pytest.raises(SourceError) as caught:
        source.read_at(200_000, 1)
    assert caught.value.code == "timed_out"
    assert source.read_at(100, 10) == DATA[100:110], "what is here needs no server"


def test_interrupted_body_without_ranges_is_resumed(open_url: Open, fake_time: FakeTime) -> None:
    source = open_url(f"cut-without-ranges/{NAME}", parts=fake_time.parts())
    assert source.read_at(0, 10) == DATA[:10]
    assert source.read_at(295_000, 100) == DATA[295_000:295_100]
    assert source.read_at(99_000, 2000) == DATA[99_000:101_000]
    assert source.requests == 3


def test_date_in_retry_after_is_read() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1_445_412_470.0) == 10.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 2e9) == 0.0
    assert retry_after("9" * 30, 0.0) is None
    assert retry_after("", 0.0) is None
