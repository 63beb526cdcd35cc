"""If a server refuses Range, the plain GET that services send decides, and its headers describe the delivery."""

from __future__ import annotations

from pathlib import Path

import pytest

import preflight
from preflight.errors import SourceChanged, SourceError
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, FakeTime, Open

SIZE = len(DATA)


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 405, 406, 412, 416, 501])
def test_plain_get_decides_after_a_refused_range(server: Server, open_url: Open, status: int) -> None:
    source = open_url(f"range-answered/{status}/{NAME}")
    assert source.read_at(200_000, 10) == DATA[200_000:200_010]
    seen = source.delivery
    assert (seen.status, seen.content_type, seen.content_length, seen.ranges) == (200, "video/mp4", SIZE, False)
    assert (source.size, source.requests, seen.notes) == (SIZE, 2, ("no_ranges",))
    assert [request.span is None for request in server.seen] == [False, True]


@pytest.mark.parametrize("status", [407, 408, 410, 425, 429, 451])
def test_refusal_for_another_reason_is_not_asked_again_without_range(
    server: Server, open_url: Open, fake_time: FakeTime, status: int
) -> None:
    source = open_url(f"range-answered/{status}/{NAME}", parts=fake_time.parts())
    with pytest.raises(SourceError):
        source.read_at(0, 10)
    assert all(request.span is not None for request in server.seen)


@pytest.mark.parametrize("answer", ["500", "502", "503", "505", "nothing"])
def test_plain_get_decides_after_a_server_failed_at_range_alone(
    server: Server, open_url: Open, fake_time: FakeTime, answer: str
) -> None:
    source = open_url(f"range-answered/{answer}/{NAME}", parts=fake_time.parts())
    assert source.read_at(200_000, 10) == DATA[200_000:200_010]
    assert (source.delivery.status, source.delivery.notes) == (200, ("retried", "no_ranges"))
    assert [request.span is None for request in server.seen] == [False, False, False, True]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_status_of_a_refused_plain_get_decides(open_url: Open, status: int) -> None:
    source = open_url(f"status/{status}/x")
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 1)
    assert (caught.value.code, source.delivery.status) == ("download_failed", status)


@pytest.mark.parametrize("status", [403, 416])
def test_video_behind_a_refused_range_passes(server: Server, fixtures: Path, status: int) -> None:
    server.files["clip.mp4"] = (fixtures / "accepted/clip.mp4").read_bytes()
    report = preflight.check(server.url(f"range-answered/{status}/clip.mp4"), "atlas", allow_private=True)
    assert report.verdict == "pass"
    assert [finding.code for finding in report.findings] == ["address_not_public", "no_ranges", "plain_http"]
    assert report.requests == 2


@pytest.mark.parametrize("status", [403, 404, 416, 501])
def test_range_that_is_refused_later_is_read_from_the_plain_get(open_url: Open, status: int) -> None:
    source = open_url(f"range-answered-late/{status}/{NAME}")
    assert source.read_at(0, 10) == DATA[:10]
    assert source.read_at(200_000, 10) == DATA[200_000:200_010]
    assert source.requests == 3


def test_file_that_shrinks_behind_a_read_is_changed(server: Server, open_url: Open) -> None:
    source = open_url(f"file/{NAME}")
    source.read_at(0, 10)
    server.files[NAME] = DATA[:100_000]
    with pytest.raises(SourceChanged):
        source.read_at(200_000, 10)


def test_refused_range_behind_a_redirect_is_asked_again_from_the_link_as_given(server: Server, open_url: Open) -> None:
    source = open_url(f"to//range-answered/403/{NAME}")
    assert source.read_at(200_000, 10) == DATA[200_000:200_010]
    assert [request.path[:4] for request in server.seen] == ["/to/", "/ran", "/to/", "/ran"]
    assert (source.delivery.redirects, source.delivery.status) == (1, 200)


@pytest.mark.parametrize(
    "behaviour", ["other-range", "nameless-range", "several-ranges", "part-as-whole", "part-without-bytes"]
)
def test_unusable_part_is_followed_by_a_plain_get(open_url: Open, behaviour: str) -> None:
    source = open_url(f"{behaviour}/{NAME}")
    assert source.read_at(0, 10) == DATA[:10]
    assert (source.size, source.requests, source.delivery.status, source.delivery.ranges) == (SIZE, 2, 200, False)
    assert source.delivery.notes == ("no_ranges",), "nothing is said of an answer that is not used"


def test_empty_file_whose_range_is_not_satisfiable_stays_empty(server: Server, open_url: Open) -> None:
    server.files["empty"] = b""
    source = open_url("file/empty")
    assert source.read_at(0, 10) == b""
    assert (source.size, source.requests, source.delivery.status) == (0, 1, 416)


def test_status_203_is_accepted_as_file(open_url: Open) -> None:
    source = open_url(f"answered/203/{NAME}")
    assert source.read_at(200_000, 10) == DATA[200_000:200_010]
    assert (source.delivery.status, source.delivery.ranges) == (203, False)


def test_unsupported_head_fails_if_rule_set_needs_it(server: Server, fixtures: Path) -> None:
    server.files["a.png"] = (fixtures / "accepted/picture.png").read_bytes()
    for status, code in ((501, "head_fails"), (403, "head_fails"), (503, "fact_unknown")):
        report = preflight.check(server.url(f"head-answered/{status}/a.png"), "runway", allow_private=True)
        assert code in [finding.code for finding in report.findings]


def test_content_disposition_changes_nothing(server: Server, fixtures: Path) -> None:
    server.files["a.png"] = (fixtures / "accepted/picture.png").read_bytes()
    codes = [
        [finding.code for finding in preflight.check(server.url(path), "atlas", allow_private=True).findings]
        for path in ("attachment/a.png", "file/a.png")
    ]
    assert codes[0] == codes[1] == ["address_not_public", "plain_http"]
