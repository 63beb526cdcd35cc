"""A provider's answer that has no end, in any of its parts, is bounded in bytes, memory and time."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from preflight.errors import ProviderError
from preflight.providers.connection import MAX_RESPONSE_BYTES
from tests.servers.floods import FLOODS
from tests.servers.hostile import hostile
from tests.servers.talk import Server
from tests.sources.measured_reads import counted_bytes

from .conftest import Open

_IN_TIME = (("timed_out", True), ("response_invalid", True))
WHOLE = ("body", "chunks", "error-page", "error-page-in-tiny-chunks")
"""Answers of which as much is read as an answer may have."""
SLOW = {"error-page-in-tiny-chunks": pytest.mark.slow}
"""Its length is bounded as of an error page, and its chunks are as of `chunks`."""


@pytest.fixture
def flooding() -> Iterator[Server]:
    with hostile() as running:
        yield running


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW.get(name, ())) for name in FLOODS])
def test_flood_in_place_of_an_answer_is_bounded(flooding: Server, open_: Open, name: str) -> None:
    provider = open_("atlas", endpoint=flooding.url(f"flood/{name}"), timeout=(5.0, 20.0))
    began = time.monotonic()
    tracemalloc.start()
    try:
        with counted_bytes() as sizes, pytest.raises(ProviderError) as caught:
            provider.register("https://h.example/a.png", "image", name="n")
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.reason == ("redirected" if name == "redirect" else "response_invalid")
    assert sum(sizes) < (MAX_RESPONSE_BYTES + (1 << 20) if name in WHOLE else 0) + 140_000
    assert memory < (3 * MAX_RESPONSE_BYTES if name in WHOLE else 1_000_000)
    assert time.monotonic() - began < 30


def test_trickled_response_ends_at_deadline(flooding: Server, open_: Open) -> None:
    def trickled(name: str) -> tuple[str, bool]:
        provider = open_("atlas", endpoint=flooding.url(f"drip-flood/{name}"), timeout=(1.0, 0.3))
        began = time.monotonic()
        with pytest.raises(ProviderError) as caught:
            provider.register("https://h.example/a.png", "image", name="n")
        return caught.value.reason, time.monotonic() - began < 5

    names = [name for name in FLOODS if name not in ("no-content", "redirect")]
    with ThreadPoolExecutor(len(names)) as pool:
        ends = dict(zip(names, pool.map(trickled, names), strict=True))
    assert {name: end for name, end in ends.items() if end not in _IN_TIME} == {}


def test_invalid_http_is_reported(flooding: Server, open_: Open) -> None:
    provider = open_("atlas", endpoint=flooding.url("flood/negative-chunk"))
    with pytest.raises(ProviderError, match=r"the response is not in the service's format .*invalid chunk size '-1'"):
        provider.register("https://h.example/a.png", "image", name="n")
    provider = open_("atlas", endpoint=flooding.url("no-http"))
    with pytest.raises(ProviderError, match="it does not begin with a status line"):
        provider.register("https://h.example/a.png", "image", name="n")
