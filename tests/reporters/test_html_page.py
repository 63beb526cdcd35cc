"""The page without a browser: complete, self-contained, and of bounded size."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from lxml import html

from preflight.report import Report
from preflight.reporters import html as reporter
from preflight.reporters.html import previews
from preflight.reporters.html.previews import PreviewRequest, make_previews
from preflight.summary import Summary
from tests.reporters.conftest import HOSTILE, report_of, unreadable, written


@pytest.fixture(autouse=True)
def _no_previews(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Create no previews, since the files of these reports do not exist."""
    monkeypatch.setattr(reporter, "make_previews", lambda requests, max_bytes: {})


FOLDERS = "//*[@data-filter='folder']"


def data_of(page: str) -> dict[str, Any]:
    element = html.document_fromstring(page).get_element_by_id("data")
    data: dict[str, Any] = json.loads(element.text)
    return data


def inline(page: str, element: str) -> str:
    match = re.search(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
    assert match is not None
    return match[1]


class TestContent:
    def test_headline_states_the_result(self, three: list[Report]) -> None:
        assert "<h1>1 of 3 files would be refused</h1>" in written("html", three)
        assert "<h1>Of 1 file, 1 could not be judged</h1>" in written("html", [unreadable("gone.png")])
        fine = [report_of(f"{number}.png", width=640, height=480) for number in range(2)]
        assert "<h1>All 2 files would be accepted</h1>" in written("html", fine)
        assert "<h1>1 file would be accepted</h1>" in written("html", fine[:1])
        assert "<h1>No file would be accepted</h1>" in written("html", [])

    def test_rows_have_the_data_of_the_reports(self, three: list[Report]) -> None:
        data = data_of(written("html", three))
        assert [(row[1], data["verdicts"][row[2]], row[3], row[4]) for row in data["rows"]] == [
            ("a.png", "fail", "image", "png"),
            ("b.png", "unknown", None, None),
            ("c.mp4", "warning", "video", "mp4"),
        ]
        verdict, (sentence, losses, command), (code, severity, fact, message, hint) = data["rows"][0][7][0]
        assert (verdict, code, severity, fact) == (0, "width_too_small", 0, "width")
        assert data["words"][message].startswith("width 299 px: below the 300 px")
        assert data["words"][hint] == data["words"][sentence] == three[0].results[0].plan.sentence  # type: ignore[union-attr]
        assert losses is None
        assert command.startswith("preflight fix ")
        assert command.endswith(" -o a-fixed.png")
        assert data["rows"][0][5][data["facts"].index("width")] == 299

    def test_remedy_has_what_is_lost_and_needs_no_command(self, three: list[Report]) -> None:
        (result,) = three[0].results
        assert result.plan is not None
        plan = result.plan._replace(command=None, losses=("crops it", "drops <the> sound"))
        data = data_of(written("html", [replace(three[0], results=(result._replace(plan=plan),))]))
        sentence, losses, command = data["rows"][0][7][0][1]
        assert data["words"][sentence] == plan.sentence
        assert (data["words"][losses], command) == ("crops it; drops <the> sound", None)

    def test_summary_counts_by_verdict_rule_set_rule_and_folder(self) -> None:
        reports = [report_of(f"{folder}/a.png", "atlas,ltx") for folder in ("x", "x/y", "x/z")]
        page = html.document_fromstring(written("html", reports, "atlas,ltx"))
        tallies = {
            button.get("data-value"): " ".join(button.find_class("number")[0].text_content().split())
            for button in page.xpath("//*[@data-filter]")
        }
        assert tallies == {
            "atlas": "3 fail",
            "ltx": "0 fail",
            "width_too_small": "3",
            "x": "1 of 1",
            "x/y": "1 of 1",
            "x/z": "1 of 1",
        }

    def test_common_parent_folder_is_shown_once(self) -> None:
        root = data_of(written("html", [report_of(f"/srv/media/{name}/a.png") for name in ("one", "once", "on/e")]))[
            "root"
        ]
        assert root == "/srv/media/"
        assert data_of(written("html", [report_of("a.png"), report_of("x/a.png")]))["root"] == ""
        assert data_of(written("html", [report_of("x/a.png"), report_of("x/b.png")]))["root"] == ""

    def test_data_has_the_limits_of_each_format(self) -> None:
        (rules,) = data_of(written("html", [], "seedance-2.0"))["rules"]
        codecs = {
            name: [limit["any"] for limit in limits if limit["fact"] == "audio_codec"]
            for name, limits in rules["kinds"]["video"].items()
        }
        assert codecs == {"": [["aac", "mp3"]], "mov": [["aac", "mp3", "pcm"]]}


class TestClosed:
    def test_policy_allows_only_the_page_s_script_and_style(self, three: list[Report]) -> None:
        page = written("html", three)
        (policy,) = html.document_fromstring(page).xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
        parts = dict(part.split(" ", 1) for part in policy.split("; "))
        assert parts["default-src"] == "'none'"
        assert parts["img-src"] == "data:"
        assert parts["require-trusted-types-for"] == "'script'"
        for directive, element in (("script-src", "script"), ("style-src", "style")):
            digest = b64encode(sha256(inline(page, element).encode()).digest()).decode()
            assert parts[directive] == f"'sha256-{digest}'"
        assert "unsafe" not in policy

    def test_nothing_is_fetched(self, three: list[Report]) -> None:
        page = written("html", three)
        tree = html.document_fromstring(page)
        assert tree.xpath("//@src") == []
        assert tree.xpath("//link/@href") == ["data:,"]
        assert all(link.get("rel") == "noreferrer noopener" for link in tree.xpath("//a[not(starts-with(@href, '#'))]"))
        assert not re.search(r"url\(|@import", inline(page, "style"))
        assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import)\b|innerHTML|eval\(", inline(page, "script"))

    @pytest.mark.parametrize("place", ["{}", "{}/a.png", "https://example.com/{}"])
    def test_names_create_no_element_and_no_attribute(self, place: str, three: list[Report]) -> None:
        plain = html.document_fromstring(written("html", [report_of(place.format("x")) for _ in HOSTILE]))
        hostile = html.document_fromstring(written("html", [report_of(place.format(name)) for name in HOSTILE]))
        extra = len(hostile.xpath(FOLDERS)) - len(plain.xpath(FOLDERS))
        for tag in ("script", "img", "b", "svg", "rect", "li"):
            per_folder = {"svg": 1, "rect": 4, "li": 1}.get(tag, 0)
            assert len(list(hostile.iter(tag))) == len(list(plain.iter(tag))) + extra * per_folder, tag
        assert [name for element in hostile.iter() for name in element.attrib if name.startswith("on")] == []
        assert {name for element in hostile.iter() for name in element.attrib} == {
            name for element in plain.iter() for name in element.attrib
        }

    def test_names_are_shown_with_control_characters_escaped(self) -> None:
        names = [row[1] for row in data_of(written("html", [report_of(name) for name in HOSTILE]))["rows"]]
        assert "<img src=x onerror=alert(1)>.png" in names
        assert all(name.isprintable() for name in names)

    def test_script_does_not_end_its_element(self, three: list[Report]) -> None:
        assert "<!--" not in inline(written("html", three), "script")
        assert len(re.findall("</script", written("html", three))) == 2


class TestSize:
    @pytest.mark.parametrize(
        ("files", "least"), [(500, 20_000_000), pytest.param(10_000, 2_000_000, marks=pytest.mark.slow)]
    )
    def test_page_of_many_failing_files_has_previews(
        self, monkeypatch: pytest.MonkeyPatch, files: int, least: int
    ) -> None:
        rooms = []
        monkeypatch.setattr(reporter, "make_previews", lambda requests, max_bytes: rooms.append(max_bytes) or {})
        many = (
            report_of(
                f"shoot-{number % 37}/clip-{number:05}.mp4",
                "atlas,runway,volcengine",
                kind="video",
                format="mp4",
                width=1000 + number,
                height=1080,
                duration=16 + number / 777,
                fps=23.976,
                size=90_000_000 + number * 999,
                video_codec="h264",
                audio_codec="aac",
            )
            for number in range(files)
        )
        page = written("html", many, "atlas,runway,volcengine")
        assert len(page.encode()) + rooms[0] <= 25_000_000
        assert rooms[0] > least

    def test_previews_stop_at_max_bytes_and_failing_files_come_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(previews, "_preview", lambda wish, size: "x" * 1000)
        requests = [PreviewRequest(number % 4, number, f"{number}.png", "image", "png", 0) for number in range(100)]
        made = make_previews(requests, 30_000)
        assert 25 <= len(made) <= 35
        assert all(row % 4 == 0 for row in list(made)[:25])

    def test_previews_stop_at_the_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(previews, "_preview", lambda wish, size: "x")
        requests = [PreviewRequest(0, number, f"{number}.png", "image", "png", 0) for number in range(100)]
        assert make_previews(requests, 10**6, seconds=0) == {}

    def test_page_is_written_without_previews_after_ctrl_c(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import io

        from preflight.reporters import make_reporter

        monkeypatch.setattr(reporter, "make_previews", lambda requests, max_bytes: pytest.fail("previews after Ctrl-C"))
        stream = io.StringIO()
        page = make_reporter("html", stream)
        page.add(report_of("a.png"))

        def interrupt() -> None:
            raise KeyboardInterrupt

        try:
            interrupt()
        except KeyboardInterrupt:
            page.close(Summary())
        assert "</html>" in stream.getvalue()
