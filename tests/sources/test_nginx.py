"""Reading from a real nginx, if it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from preflight.errors import SourceError
from preflight.media import Need
from preflight.sources.http import HttpOptions, HttpSource
from tests.servers.nginx import nginx
from tests.sources.conftest import DATA, Open

SIZE = len(DATA)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("www")
    _fill(root)
    with nginx(root) as url:
        yield url


def _fill(root: Path) -> None:
    for folder in (root, *root.parents[:2]):
        folder.chmod(0o755)  # nginx may run as another user
    (root / "clip.mp4").write_bytes(DATA)
    (root / "small.png").write_bytes(DATA[:100])
    (root / "empty.png").write_bytes(b"")


@pytest.fixture
def open_at(base: str) -> Iterator[Open]:
    opened = []

    def call(path: str, timeout: float = 10.0) -> HttpSource:
        options = HttpOptions(allow_private=True, retries=0, timeout=timeout)
        opened.append(HttpSource(f"{base}/{path}", need=Need(head=True), options=options))
        return opened[-1]

    yield call
    for source in opened:
        source.close()


def test_file_is_read_by_ranges(open_at: Open) -> None:
    source = open_at("clip.mp4")
    for offset, length in ((0, 10), (150_000, 10), (SIZE - 10, 100)):
        assert source.read_at(offset, length) == DATA[offset : offset + length]
    assert (source.size, source.requests) == (SIZE, 4)
    seen = source.delivery
    assert (seen.status, seen.ranges, seen.head_ok, seen.content_length) == (206, True, True, SIZE)
    assert (seen.content_type, seen.notes) == ("video/mp4", ())


def test_small_and_empty_files_are_read_in_one_request(open_at: Open) -> None:
    source = open_at("small.png")
    assert (source.read_at(0, 1000), source.size, source.requests) == (DATA[:100], 100, 2)
    source = open_at("empty.png")
    assert (source.read_at(0, 1000), source.size, source.delivery.content_length) == (b"", 0, 0)


def test_server_without_ranges_is_read_forwards(open_at: Open) -> None:
    source = open_at("plain/clip.mp4")
    assert source.read_at(100_000, 10) == DATA[100_000:100_010]
    assert source.read_at(SIZE - 10, 10) == DATA[-10:]
    assert source.delivery.ranges is False


def test_a_redirect(open_at: Open) -> None:
    source = open_at("moved/clip.mp4")
    assert source.read_at(0, 10) == DATA[:10]
    assert (source.delivery.redirects, source.delivery.head_ok) == (1, True)


def test_head_is_refused_where_get_is_not(open_at: Open) -> None:
    source = open_at("get/clip.mp4")
    assert source.read_at(0, 10) == DATA[:10]
    assert source.delivery.head_ok is False


def test_a_login_page(open_at: Open) -> None:
    source = open_at("login/")
    assert source.read_at(0, 9) == b"<!doctype"
    assert source.delivery.page == "login"


@pytest.mark.parametrize(
    ("path", "code"),
    [("secret/a", "download_failed"), ("gone/a", "download_failed"), ("nothing", "download_failed")],
)
def test_refusals(open_at: Open, path: str, code: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_at(f"{path}").read_at(0, 1)
    assert caught.value.code == code


def test_too_many_requests_are_reported(open_at: Open) -> None:
    codes = set()
    for _ in range(3):
        try:
            open_at("few/small.png").read_at(0, 1)
        except SourceError as error:
            codes.add(error.code)
    assert codes == {"rate_limited"}


def test_slow_server_times_out_at_the_deadline(open_at: Open) -> None:
    with pytest.raises(SourceError) as caught:
        open_at("slow/clip.mp4", timeout=0.5).read_at(0, 1)
    assert caught.value.code == "timed_out"
