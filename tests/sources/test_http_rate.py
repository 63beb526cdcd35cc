"""How long a service's fetcher would take, at the rate of what is read anyway."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import preflight
from preflight import catalog
from preflight.clock import Clock
from preflight.errors import SourceError
from preflight.judge import judge
from preflight.media import Delivery, Media
from preflight.sources.fetch_state import DeliveryRecorder
from tests.rows import each_row
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, Open

SIZE = len(DATA)
TENFOLD = {"clock": Clock(monotonic=lambda: time.monotonic() * 10)}
"""A clock that makes three seconds of a third of one."""


def test_slow_server_is_measured_on_the_head_of_the_file(server: Server, open_url: Open) -> None:
    source = open_url(f"trickle/60000/{NAME}", timeout=60.0, parts=TENFOLD)
    source.read_at(0, 10)
    assert source.delivery.download_seconds == pytest.approx(SIZE / 6000, rel=0.5)
    assert source.requests == 1


def test_rate_is_reported_after_deadline(open_url: Open) -> None:
    source = open_url(f"trickle/20000/{NAME}", timeout=0.6, parts=TENFOLD)
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 10)
    assert caught.value.code == "timed_out"
    assert source.delivery.download_seconds == pytest.approx(SIZE / 2000, rel=0.5)


@each_row(
    ("count", "seconds", "measured"),
    [
        (262_144, 0.1, True),
        (262_143, 2.9, False),
        (1000, 3.0, True),
        (1000, 2.9, False),
        (0, 9.0, False),
    ],
)
def test_many_bytes_or_three_seconds_give_a_rate(count: int, seconds: float, measured: bool) -> None:
    recorder = DeliveryRecorder("https://h.example/a", None, 0.0)
    recorder.record_read(count, 0.0)
    recorder.record_read(0, seconds)
    assert recorder.download_seconds(2 * count) == (round(2 * seconds, 1) if measured else None)
    assert recorder.download_seconds(None) is None


@pytest.mark.parametrize("behaviour", ["file", "ignores-range", "thinks"])
def test_short_read_gives_no_rate(open_url: Open, behaviour: str) -> None:
    source = open_url(f"{behaviour}/{NAME}", timeout=60.0, parts=TENFOLD)
    source.read_at(0, 10)
    assert source.delivery.download_seconds is None


@pytest.mark.parametrize("behaviour", ["file", "ignores-range", "chunked"])
def test_fast_server_is_measured_on_many_bytes(server: Server, open_url: Open, behaviour: str) -> None:
    server.files["large"] = DATA * 4
    source = open_url(f"{behaviour}/large")
    source.read_at(0, 4 * SIZE)
    seconds = source.delivery.download_seconds
    assert seconds is not None
    assert seconds < 2


@pytest.mark.parametrize(
    ("seconds", "says"), [(None, False), (9.9, False), (10.0, False), (62.0, True), (5000.0, True)]
)
def test_rule_set_warns_of_a_slow_host(seconds: float | None, says: bool) -> None:
    picture = Media(kind="image", format="png", size=90_000, width=640, height=640)
    seen = Delivery("https", "h.example", 30, public=True, status=206, download_seconds=seconds)
    for name in ("volcengine", "byteplus", "atlas", "seedance-2.0"):
        result = judge(picture, catalog.load(name), delivery=seen)
        assert result.verdict == "pass"
        assert [(one.code, one.severity) for one in result.findings] == [("download_slow", "warning")] * says
    assert not judge(picture, catalog.load("fal"), delivery=seen).findings


@pytest.mark.slow
def test_report_says_how_long_the_download_takes(server: Server, fixtures: Path) -> None:
    clip = (fixtures / "accepted/clip.mp4").read_bytes()
    server.files["clip.mp4"] = clip + (200_000).to_bytes(4, "big") + b"free" + bytes(199_992)
    report = preflight.check(server.url("trickle/9000/clip.mp4"), "volcengine", allow_private=True)
    (finding,) = (one for one in report.findings if one.code == "download_slow")
    assert (report.verdict, finding.severity) == ("pass", "warning")
    assert 15 < finding.value < 35
    assert "Volcengine Ark waits at most 10 s" in finding.message
