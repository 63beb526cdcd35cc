"""A URL that answers with a web page: the cause is said once, with what to do, and nothing of the page itself."""

from __future__ import annotations

import pytest

from preflight import checker
from preflight.judge import judge
from preflight.media import Delivery, Media
from preflight.ruleset import compile_ruleset

PAGE = Media(format="html", size=73)
HEAD = {
    "title": "Ours: pictures",
    "stage": "register",
    "source": "https://example.com",
    "as_of": "2026-11-20",
    "basis": "published",
    "image": {"format": {"any_of": ["png"]}},
}


def codes(page: str | None, url: dict[str, object], *, dropped: frozenset[str] = frozenset()) -> dict[str, str]:
    """Code and hint of each finding for a page where a PNG was expected."""
    delivery = Delivery(
        scheme="https",
        host="cdn.example",
        url_length=30,
        public=True,
        status=200,
        content_type="text/html",
        content_type_matches=True,
        ranges=False,
        page=page,
        notes=("no_ranges", "length_missing", "redirected_host"),
    )
    rules = compile_ruleset("ours", {**HEAD, "url": url})
    media, extra = checker._compared(PAGE, "https://cdn.example/a.png", delivery)
    assert media._replace(notes=()) == PAGE
    result = judge(media, rules, delivery=delivery, extra=extra, dropped=dropped)
    assert result.verdict == "fail"
    return {finding.code: finding.hint or "" for finding in result.findings}


def test_web_page_has_one_finding_with_cause_and_remedy() -> None:
    found = codes("drive", {"content_type": {"any_of": ["image/png"]}, "ranges": {"any_of": [True]}})
    assert list(found) == ["web_page", "redirected_host"]
    assert "share the file with everybody" in found["web_page"]


def test_web_page_fails_even_if_the_finding_is_ignored() -> None:
    assert "web_page" in codes("html", {}, dropped=frozenset(["web_page", "format_unsupported"]))


def test_allowed_page_is_judged_by_its_content() -> None:
    found = codes("html", {"page": {"any_of": ["none"], "lenient": {"any_of": ["none", "html"]}}})
    assert {"web_page", "format_unsupported"} <= set(found)


@pytest.mark.parametrize("page", [None, "html"])
def test_content_is_judged_without_a_page_or_with_allowed_pages(page: str | None) -> None:
    found = codes(page, {"page": False, "content_type": {"any_of": ["image/png"]}})
    assert {"format_unsupported", "content_type_unsupported", "no_ranges"} <= set(found)
    assert ("extension_mismatch" in found) == (page is None)
