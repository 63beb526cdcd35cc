"""The page in a real browser: it loads, counts and filters, works by keyboard, and runs only its own script."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import preflight
from tests.conftest import ROOT
from tests.reporters.conftest import HOSTILE, report_of, written

pytest.importorskip("selenium")
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from tests.reporters.browser import CHROMIUM, DRIVER, Page, start

pytestmark = pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="chromium and chromedriver are not installed")

RULES = "atlas,agentsflare"


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    # Its profile's lock stays behind in the temporary folder, below a path that must be short: a socket is there.
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as folder:
        chrome = start(folder)
        yield chrome
        chrome.quit()


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures and audio files of every verdict, some with names that an attacker would choose."""
    folder = tmp_path_factory.mktemp("media")
    accepted, refused = ROOT / "fixtures/accepted", ROOT / "fixtures/refused"
    for name in ("plain", "hostile <b>"):
        (folder / name).mkdir()
    for number in range(60):
        shutil.copy(accepted / "picture.jpg", folder / f"plain/fine-{number:03}.jpg")
    for name in ("clip.mp4", "clip-15.1-s.mp4", "sound.wav"):
        shutil.copy(accepted / name, folder / "plain" / name)
    for name in HOSTILE:
        if "/" not in name and "\0" not in name:
            shutil.copy(refused / "png-too-narrow.png", os.fsencode(folder / "hostile <b>") + b"/" + os.fsencode(name))
    shutil.copy(refused / "png-too-narrow.png", folder / "plain/too narrow.png")
    return folder


@pytest.fixture(scope="module")
def rows(media: Path) -> list[dict[str, Any]]:
    """Return the run as JSON lines; the page is in the folder."""
    words = [
        "check",
        str(media),
        str(media / "gone.png"),
        "--for",
        RULES,
        "--report",
        str(media / ".page.html"),
        "--format",
        "jsonl",
    ]
    done = subprocess.run([sys.executable, "-m", "preflight", *words], capture_output=True, check=False)
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def page(driver: webdriver.Chrome, media: Path, rows: list[dict[str, Any]]) -> Page:
    return Page(driver, media / ".page.html")


def verdict_of(row: dict[str, Any]) -> str:
    warned = any(one["severity"] == "warning" for result in row["results"] for one in result["findings"])
    return "warning" if row["verdict"] == "pass" and warned else str(row["verdict"])


def test_page_loads_without_console_messages_and_fetches_nothing(page: Page) -> None:
    assert page.driver.get_log("browser") == []
    assert page.one("h1").text.endswith("would be refused")
    names = page.run("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in names if not name.startswith("data:")] == []


def test_counts_match_the_run(page: Page, rows: list[dict[str, Any]]) -> None:
    expected = Counter(map(verdict_of, rows))
    assert page.counts == [expected[name] for name in ("fail", "unknown", "warning", "pass")]
    assert page.status == f"1–48 of {len(rows)} files"
    codes = Counter(
        code
        for row in rows
        for code in {one["code"] for res in row["results"] for one in res["findings"] if one["severity"] != "note"}
    )
    shown = zip(page.run("return [...document.querySelectorAll('[data-filter=code]')].map(e => e.dataset.value)"),
                page.texts("[data-filter=code] .number"), strict=True)  # fmt: skip
    assert {code: int(count) for code, count in shown} == codes


@pytest.mark.slow
def test_verdict_filters_combine(page: Page, rows: list[dict[str, Any]]) -> None:
    expected = Counter(map(verdict_of, rows))
    page.one("[data-verdict='1']").click()
    assert set(page.texts(".card .badge")) == {"Unknown"}
    assert page.status == f"{expected['unknown']} of {len(rows)} files"
    page.one("[data-verdict='3']").click()
    assert page.one("[data-verdict='3']").get_attribute("aria-pressed") == "true"
    assert len(page.all(".card")) == min(48, expected["unknown"] + expected["pass"])
    assert page.counts == [expected[name] for name in ("fail", "unknown", "warning", "pass")]


def test_search_finds_names_formats_and_findings_and_clear_resets_it(page: Page, rows: list[dict[str, Any]]) -> None:
    page.search("FINE-01")
    assert page.texts(".card h3") == [f"fine-01{digit}.jpg" for digit in range(10)]
    page.search("too narrow plain")
    assert page.texts(".card h3") == ["too narrow.png"]
    page.search("no such thing")
    assert page.status == "No file matches: clear a filter"
    page.one("#reset").click()
    time.sleep(0.1)
    assert page.status == f"1–48 of {len(rows)} files"


@pytest.mark.slow
def test_rule_set_filter_shows_its_verdicts(page: Page, rows: list[dict[str, Any]]) -> None:
    page.choose("rules", "agentsflare")
    expected = Counter(verdict_of({**row, **row["results"][1], "results": [row["results"][1]]}) for row in rows)
    assert page.counts == [expected[name] for name in ("fail", "unknown", "warning", "pass")]
    assert page.one("[data-filter=rules][data-value=agentsflare]").get_attribute("aria-pressed") == "true"


@pytest.mark.slow
def test_the_summary_filters_by_rule_and_by_folder(page: Page, rows: list[dict[str, Any]]) -> None:
    page.one("[data-filter=code][data-value=kind_not_accepted]").click()
    assert sorted(page.texts(".card h3")) == ["clip-15.1-s.mp4", "clip.mp4", "sound.wav"]
    page.one("[data-filter=code][data-value=kind_not_accepted]").click()
    folder = page.run("return [...document.querySelectorAll('[data-filter=folder]')]"
                      ".find(e => e.dataset.value.endsWith('plain'))")  # fmt: skip
    folder.click()
    expected = sum("/plain/" in row["source"] for row in rows)
    assert page.status == f"1–48 of {expected} of {len(rows)} files"
    page.one(".chip").click()
    assert page.status == f"1–48 of {len(rows)} files"


@pytest.mark.slow
def test_turning_pages_moves_the_focus(page: Page, rows: list[dict[str, Any]]) -> None:
    first = page.texts(".card h3")
    page.one("#next").click()
    second = page.texts(".card h3")
    assert len(first) == 48
    assert len(second) == len(rows) - 48
    assert not set(first) & set(second)
    assert page.run("return document.activeElement.id") == "files"
    assert not page.one("#next").is_enabled()


def test_file_is_opened_and_closed_by_keyboard(page: Page) -> None:
    page.choose("order", "name")
    page.search("sound.wav")
    page.one("#grid button.name").send_keys(Keys.ENTER)
    assert page.run("return document.getElementById('sheet').open")
    assert page.run("return document.activeElement.textContent") == "sound.wav"
    assert "44,100 Hz" in page.one("dl").text or "Hz" in page.one("dl").text
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not page.run("return document.getElementById('sheet').open")
    assert page.run("return document.activeElement.textContent") == "sound.wav"


def test_sheet_shows_the_command_of_the_plan_apart_from_the_hint(page: Page, rows: list[dict[str, Any]]) -> None:
    (row,) = [row for row in rows if row["source"].endswith("plain/too narrow.png")]
    page.search("too narrow.png")
    page.one("#grid button.name").click()
    hints = {finding["hint"] for result in row["results"] for finding in result["findings"]} - {None}
    assert set(page.texts("#sheet p.hint")) == hints
    plans = [result["plan"] for result in row["results"] if result["plan"]]
    assert [shlex.split(text) for text in page.texts("#sheet .hint code")] == [plan["command"] for plan in plans]
    shown = page.texts("#sheet div.hint p")
    for plan in plans:
        assert f"To fix it: {plan['sentence']}." in shown
        assert (f"Loses: {'; '.join(plan['losses'])}." in shown) is bool(plan["losses"])
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)


@pytest.mark.slow
def test_arrow_keys_step_through_files(page: Page) -> None:
    page.search("fine-00")
    page.one("#grid button.name").click()
    for key, name in ((Keys.ARROW_RIGHT, "fine-001.jpg"), (Keys.ARROW_LEFT, "fine-000.jpg")):
        page.driver.switch_to.active_element.send_keys(key)
        assert page.one("#sheet-title").text == name


@pytest.mark.slow
def test_value_is_at_its_position_on_the_scale(page: Page) -> None:
    def scale(name: str, label: str) -> tuple[float, float, float]:
        page.search(name)
        page.one("#grid button.name").click()
        found = page.run(
            "const all = [...document.querySelectorAll('#sheet .scale')];"
            "const mine = all.find(one => one.querySelector('.fact span').textContent === arguments[0]);"
            "const [point, band] = ['.point', '.band'].map(css => mine.querySelector(css).getBoundingClientRect());"
            "return [(point.left + point.right) / 2, band.left, band.right]",
            label,
        )
        page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        point, low, high = found
        return point, low, high

    point, low, high = scale("too narrow plain", "width")
    assert point < low < high
    point, low, high = scale("too narrow plain", "height")
    assert low < point < high
    point, low, high = scale("clip-15.1", "duration")
    assert point > high > low


def test_previews_are_pictures_and_waveforms(page: Page) -> None:
    page.search("fine-000")
    size = page.run("return document.querySelector('.card img').decode().then(() => 1, () => 0)")
    assert size == 1
    page.search("sound.wav")
    assert len(page.all(".card svg.wave rect")) > 10


def test_names_are_never_markup(page: Page, rows: list[dict[str, Any]]) -> None:
    page.search("hostile")
    titles = page.texts(".card h3")
    assert "<img src=x onerror=alert(1)>.png" in titles
    assert len(titles) == sum("hostile" in row["source"] for row in rows)
    opened = page.run(
        "const sheet = document.getElementById('sheet'), opened = [];"
        "for (const button of document.querySelectorAll('#grid button.name')) {"
        "  button.click(); if (sheet.open) opened.push(document.getElementById('sheet-title').textContent);"
        "  sheet.close(); } return opened"
    )
    assert opened == titles
    assert page.run(
        "return [typeof window.pwned, document.querySelectorAll('img[src=x], script[src], b b').length]"
    ) == [
        "undefined",
        0,
    ]
    assert page.driver.get_log("browser") == []


def test_policy_blocks_injected_scripts(page: Page) -> None:
    blocked = page.run(
        "const made = []; const trial = (work) => { try { work(); } catch (error) { made.push(error.name); } };"
        "trial(() => { document.body.innerHTML += '<img src=x onerror=window.pwned=1>'; });"
        "trial(() => { const one = document.createElement('script'); one.text = 'window.pwned = 2';"
        "document.head.append(one); });"
        "trial(() => { const i = new Image(); i.src = 'https://example.com/x.png'; document.body.append(i); });"
        "return made"
    )
    assert blocked == ["TypeError", "TypeError"]
    time.sleep(0.2)
    assert page.run("return typeof window.pwned") == "undefined"
    said = " ".join(entry["message"] for entry in page.driver.get_log("browser"))
    assert "Content Security Policy" in said


@pytest.mark.parametrize("width", [360, *(pytest.param(width, marks=pytest.mark.slow) for width in (768, 1400))])
def test_page_is_not_wider_than_the_screen(driver: webdriver.Chrome, media: Path, rows: Any, width: int) -> None:
    page = Page(driver, media / ".page.html", width)
    page.search("hostile")
    assert page.run("return document.documentElement.scrollWidth") <= width
    page.one("#grid button.name").click()
    assert page.run("const s = document.getElementById('sheet'); return s.scrollWidth - s.clientWidth") <= 0


@pytest.mark.slow
def test_page_follows_the_colour_scheme_and_can_be_switched(driver: webdriver.Chrome, media: Path, rows: Any) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = Page(driver, media / ".page.html").run(ground)
    page = Page(driver, media / ".page.html", scheme="dark")
    dark = page.run(ground)
    assert light != dark
    page.one("#theme").click()
    assert page.run(ground) == light


@pytest.mark.slow
def test_print_shows_all_pages(page: Page, rows: list[dict[str, Any]]) -> None:
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert len(page.all(".card")) == len(rows)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not page.one("#tools").is_displayed()
    page.run("dispatchEvent(new Event('afterprint'))")
    assert len(page.all(".card")) == 48


@pytest.mark.slow
def test_remark_is_on_the_card_and_once_in_the_sheet(driver: webdriver.Chrome, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    report = preflight.check("fixtures/quirks/jpeg-multi-picture.jpg", RULES)
    path.write_text(written("html", [report], RULES), encoding="utf-8")
    page = Page(driver, path)
    said = "multi-picture JPEG (MPO); services may see only the first picture"
    page.search("multi_picture")
    page.one("#grid button.name").click()
    assert page.texts(".remarks li") == [f"{said} multi_picture"]
    assert "width 48 px" in "".join(page.texts(".says li"))
    assert said not in "".join(page.texts(".says li"))
    passing = preflight.check("fixtures/quirks/jpeg-multi-picture.jpg", "runway")
    path.write_text(written("html", [passing], "runway"), encoding="utf-8")
    assert Page(driver, path).texts(".card .words") == [said]


def test_very_many_rule_sets_are_condensed(driver: webdriver.Chrome, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    report = preflight.check("fixtures/refused/mp4-fps-too-low.mp4", "all")
    path.write_text(written("html", [report], "all"), encoding="utf-8")
    page = Page(driver, path)
    rules = len(report.results)
    assert page.one(".lead").text.startswith(f"Judged by {rules} rule sets")
    assert page.one("h1").text == f"1 of 1 file would be refused by at least one of {rules} rule sets"
    assert page.texts(".card .title")[0] != "Kind not accepted"
    assert max(page.run("return [...document.querySelectorAll('.card .scale')].map(e => e.children.length)")) <= 5
    assert len(page.all("#rules optgroup")) == len({result.stage for result in report.results})
    page.one("#grid button.name").click()
    assert {"16:9", "9:16"} <= set(page.texts("#sheet .choice"))
    assert not page.one(".kept .scales").is_displayed()
    accepting = [result.rules for result in report.results if result.outcome == "pass"]
    assert sorted(page.texts(".says")[-1].partition("Pass")[2].strip().split(", ")) == sorted(accepting)
    page.one(".kept summary").click()
    assert page.one(".kept .scales").is_displayed()


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_page_of_many_files_is_usable(
    driver: webdriver.Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr("preflight.reporters.html.make_previews", lambda requests, max_bytes: {})
    path = tmp_path / "page.html"
    many = (report_of(f"shoot-{number % 40}/{number:05}.png", width=200 + number % 300) for number in range(count))
    path.write_text(written("html", many), encoding="utf-8")
    began = time.monotonic()
    page = Page(driver, path)
    assert page.status == f"1–48 of {count:,} files"
    assert time.monotonic() - began < 10
    took = page.run(
        "const began = performance.now(); const order = document.getElementById('order'); order.value = 'far';"
        "order.dispatchEvent(new Event('change')); document.querySelector('[data-verdict=\"0\"]').click();"
        "document.getElementById('next').click(); document.body.offsetHeight; return performance.now() - began"
    )
    assert took < 2000
    assert page.status.startswith("49–96 of ")
