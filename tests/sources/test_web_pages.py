"""Web pages instead of files."""

from __future__ import annotations

import pytest

from preflight.sources.diagnosis import classify_page, hint_for, is_page
from tests.servers.talk import Server
from tests.sources.conftest import Open

HTML = b"<!DOCTYPE html><html><head><title>x</title></head></html>"


@pytest.mark.parametrize(
    "head",
    [HTML, b"\xef\xbb\xbf \n<HTML>", b"<?xml version='1.0'?>\n<!DOCTYPE html>", b"<!-- x --><html>", b"<script>"],
)
def test_beginning_of_a_web_page_is_recognised(head: bytes) -> None:
    assert is_page(head)


@pytest.mark.parametrize(
    "head", [b"", b"\xff\xd8\xff", b"<svg>", b"<!-- x --><svg>", b"<?xml version='1.0'?><svg>", b'{"a": "<html>"}']
)
def test_other_beginnings_are_not_web_pages(head: bytes) -> None:
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
def test_web_page_is_classified(url: str, kind: str) -> None:
    assert classify_page(url, HTML, url) == kind


def test_page_with_a_password_field_is_a_login() -> None:
    assert (
        classify_page("https://h.example/a", HTML + b'<INPUT name=p TYPE="password">', "https://h.example/a") == "login"
    )


def test_given_link_names_the_share_behind_a_redirect() -> None:
    assert classify_page("https://lh3.example/x", HTML, "https://photos.app.goo.gl/abc") == "photos"


def test_only_share_links_have_a_hint() -> None:
    assert "dl=1" in hint_for("https://www.dropbox.com/a?dl=0")
    assert hint_for("https://h.example/a") == ""
    assert hint_for("https://[::1/") == ""


def test_web_page_with_status_200_is_returned_and_classified(server: Server, open_url: Open) -> None:
    server.files["in.html"] = HTML + b" " * 3000 + b'<input type="password">' + b" " * 60_000
    source = open_url("page/in.html")
    assert source.read_at(0, 15) == HTML[:15]
    assert source.delivery.page == "login"
    assert source.delivery.content_type == "text/html"
    server.files["out.html"] = HTML
    assert open_url("page/out.html").size == len(HTML)


def test_picture_declared_as_html_is_not_a_web_page(server: Server, open_url: Open) -> None:
    source = open_url("page/clip.bin")
    assert source.size == 300_000
    assert source.delivery.page is None


@pytest.mark.parametrize(("blanks", "page"), [(900, "html"), (1024, None)])
def test_web_page_begins_in_the_first_kibibyte(server: Server, open_url: Open, blanks: int, page: str | None) -> None:
    server.files["page"] = b"\n" * blanks + HTML
    source = open_url("file/page")
    source.read_at(0, 10)
    assert source.delivery.page == page
