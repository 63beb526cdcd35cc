"""Web pages in place of files."""

from __future__ import annotations

import pytest

from preflight.sources.diagnosis import hint_for, is_page, page_of
from tests.servers.talk import Server
from tests.sources.conftest import Open

HTML = b"<!DOCTYPE html><html><head><title>x</title></head></html>"


@pytest.mark.parametrize(
    "head",
    [HTML, b"\xef\xbb\xbf \n<HTML>", b"<?xml version='1.0'?>\n<!DOCTYPE html>", b"<!-- x --><html>", b"<script>"],
)
def test_pages(head: bytes) -> None:
    assert is_page(head)


@pytest.mark.parametrize(
    "head", [b"", b"\xff\xd8\xff", b"<svg>", b"<!-- x --><svg>", b"<?xml version='1.0'?><svg>", b'{"a": "<html>"}']
)
def test_other_things(head: bytes) -> None:
    assert not is_page(head)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://drive.google.com/file/d/1/view", "drive"),
        ("https://drive.usercontent.google.com/download?id=1", "drive"),
        ("https://photos.app.goo.gl/abc", "photos"),
        ("https://photos.google.com/share/abc", "photos"),
        ("https://www.dropbox.com/scl/fi/a/b.mp4?dl=0", "dropbox"),
        ("https://accounts.google.com/v3/signin/identifier", "login"),
        ("https://h.example/users/sign_in", "login"),
        ("https://h.example/a.mp4", "html"),
        ("https://notdropbox.com/a", "html"),
        ("https://dropbox.com.evil.example/a", "html"),
    ],
)
def test_which_kind_of_page(url: str, kind: str) -> None:
    assert page_of(url, HTML, url) == kind


def test_a_password_field_makes_a_login() -> None:
    assert page_of("https://h.example/a", HTML + b'<INPUT name=p TYPE="password">', "https://h.example/a") == "login"


def test_the_link_that_was_given_names_the_share_behind_a_redirect() -> None:
    assert page_of("https://lh3.example/x", HTML, "https://photos.app.goo.gl/abc") == "photos"


def test_only_share_links_have_a_hint() -> None:
    assert "dl=1" in hint_for("https://www.dropbox.com/a?dl=0")
    assert hint_for("https://h.example/a") == ""
    assert hint_for("https://[::1/") == ""


def test_a_page_with_200_is_given_as_it_is_and_named(server: Server, open_url: Open) -> None:
    server.files["in.html"] = HTML + b" " * 3000 + b'<input type="password">' + b" " * 60_000
    source = open_url("page/in.html")
    assert source.read_at(0, 15) == HTML[:15]
    assert source.delivery.page == "login"
    assert source.delivery.content_type == "text/html"
    server.files["out.html"] = HTML
    assert open_url("page/out.html").size == len(HTML)


def test_a_picture_that_is_declared_as_html_is_no_page(server: Server, open_url: Open) -> None:
    source = open_url("page/clip.bin")
    assert source.size == 300_000
    assert source.delivery.page is None
