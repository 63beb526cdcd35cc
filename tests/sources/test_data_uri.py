"""`data:` URIs: decoded, compared with the declared type, judged as bytes, never shown."""

from __future__ import annotations

import base64
import json
import random
import time
import tracemalloc
from pathlib import Path
from urllib.parse import quote

import pytest

import preflight
from preflight.errors import SourceError
from preflight.sources.memory import DataUriSource
from preflight.sources.open import open_source
from tests.conftest import Run
from tests.rows import each_row

PNG = Path("fixtures/accepted/picture.png").read_bytes()
PICTURE = base64.b64encode(PNG).decode()
MP3 = Path("fixtures/accepted/sound.mp3").read_bytes()
MP4 = Path("fixtures/accepted/clip.mp4").read_bytes()


def uri(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


@each_row(
    "text",
    [
        f"data:image/png;base64,{PICTURE}",
        f"DATA:IMAGE/PNG;BASE64,{PICTURE}",
        f"data:image/png;charset=utf-8;base64,{PICTURE}",
        f'data:image/png;name="a.png"; base64 ,{PICTURE}',
        f"data:image/png;base64,{PICTURE.rstrip('=')}",
        f"data:image/png;base64,{PICTURE}#fragment",
        f"data:image/png;base64,{quote(PICTURE, safe='')}",
        f"data:image/png;base64, {' '.join(PICTURE)} ",
        "data:image/png;base64," + "%0A".join(PICTURE[at : at + 76] for at in range(0, len(PICTURE), 76)),
        f"data:image/png,{quote(PNG)}",
        f"data:image/png;charset=binary,{quote(PNG, safe='')}",
        f"data:;base64,{PICTURE}",
        f"data:,{quote(PNG)}",
    ],
)
def test_every_data_uri_notation_is_decoded(text: str) -> None:
    source = open_source(text)
    assert source.read_at(0, 1 << 20) == PNG
    assert source.size == len(PNG)
    report = preflight.check(text, "fal")
    assert report.verdict == "pass"
    assert report.media == preflight.probe(PNG)


@each_row("length", [0, 1, 2, 3, 4, 5, 300])
def test_every_range_returns_the_right_bytes(length: int) -> None:
    data = random.Random(length).randbytes(length)
    for text in (uri(data), uri(data).rstrip("="), f"data:,{quote(data)}"):
        source = DataUriSource(text)
        assert source.size == length
        for start in range(min(length, 12) + 2):
            for size in (0, 1, 2, 3, 7, length, 1 << 70):
                before = source.bytes_read
                assert source.read_at(start, size) == data[start : start + size]
                assert source.bytes_read == before + len(data[start : start + size])


@each_row(
    ("text", "problem"),
    [
        ("data:image/png;base64", "has no comma"),
        ("data:", "has no comma"),
        ("data:image/png;base64,@@@@", "is not Base64 from character 1 on"),
        ("data:image/png;base64,AAAA*", "is not Base64 from character 5 on"),
        ("data:image/png;base64,AA=A", "is not Base64 from character 4 on"),
        ("data:image/png;base64,AAA=====", "is not Base64"),
        ("data:image/png;base64,AA-_", "uses the URL-safe alphabet from character 3 on"),
        ("data:image/png;base64,AAAAA", "5 characters of Base64 and is cut off"),
        ("data:image/png;base64,AA=", "3 characters of Base64 and is cut off"),
        ("data:image/png;base64,=", "1 characters of Base64 and is cut off"),
        ("data:image/png;base64,ÄÄÄÄ", "is not Base64"),
        ("data:image/png;base64,%ff%ff", "is not Base64"),
        ("data:,\ud800", "holds an unpaired surrogate"),
    ],
)
def test_what_cannot_be_decoded_fails_with_one_sentence(text: str, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        DataUriSource(text)
    assert caught.value.code == "data_uri_invalid"
    assert problem in str(caught.value)
    report = preflight.check(text, "fal")
    assert report.verdict == "fail"
    assert [finding.code for finding in report.findings] == ["data_uri_invalid"]


def test_empty_content_is_an_empty_file() -> None:
    for text in ("data:,", "data:image/png;base64,"):
        assert "the file is empty" in preflight.check(text, "fal").findings[0].message


def test_declared_type_is_compared_with_the_content() -> None:
    (finding,) = preflight.check(uri(PNG, "image/jpeg"), "fal").findings
    assert (finding.code, finding.severity) == ("content_type_mismatch", "note")
    assert finding.message.startswith("the data URI declares image/jpeg, the content is image/png")
    assert preflight.check(uri(PNG, "application/octet-stream"), "fal").findings == ()
    assert preflight.check(uri(PNG, "image/x.jpg"), "fal").media is not None
    assert "extension_mismatch" not in {one.code for one in preflight.check(uri(PNG, "image/x.jpg"), "fal").findings}
    assert preflight.check(uri(PNG, "image/jpeg"), "runway").verdict == "fail"


def test_name_of_data_uri_hides_content(run: Run) -> None:
    report = preflight.check(uri(PNG), "atlas")
    assert report.source == "data:image/png;base64,…"
    assert PICTURE[:20] not in json.dumps(report.as_json())
    done = run("check", uri(PNG), "data:image/png;base64,SECRET*", "--for", "fal")
    assert "data:image/png;base64,…" in done.stdout
    assert "SECRET" not in done.stdout + done.stderr
    assert PICTURE[:20] not in done.stdout + done.stderr


def test_size_is_judged_and_memory_stays_flat() -> None:
    text = "data:image/png;base64," + "A" * (24 << 20)
    tracemalloc.start()
    start = time.process_time()
    report = preflight.check(uri(PNG)[:-8] + "A" * (24 << 20), "runway")
    source = DataUriSource(text)
    assert source.read_at(source.size - 3, 3) == b"\0\0\0"
    assert time.process_time() - start < 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "file_size_too_large" in {finding.code for finding in report.findings}
    assert peak < 150 << 20


def test_truncated_content_is_noticed_and_deep_decodes() -> None:
    assert preflight.check(uri(PNG[:60]), "fal").verdict == "unknown"
    assert preflight.check(uri(PNG), "fal", deep=True).verdict == "pass"
    assert preflight.check(uri(MP4, "video/mp4"), "fal", deep=True).media is not None


class TestRuleSets:
    """What rule sets say of data URIs."""

    @each_row("name", ["volcengine", "byteplus", "atlas", "agentsflare", "agt", "crun", "sunra"])
    def test_data_uri_cannot_be_registered(self, name: str) -> None:
        report = preflight.check(uri(PNG), name)
        assert report.verdict == "fail"
        (finding,) = [finding for finding in report.findings if finding.severity == "error"]
        assert finding.code == "data_uri_not_accepted"
        assert finding.message.startswith("image as a data URI: ")
        assert finding.hint == "host the file, and give its http(s) URL"

    def test_kinds_decide_whether_data_uri_is_accepted(self) -> None:
        assert preflight.check(uri(PNG), "seedance-2.0").verdict == "pass"
        assert preflight.check(uri(MP3, "audio/mpeg"), "seedance-2.0").verdict == "pass"
        report = preflight.check(uri(MP4, "video/mp4"), "seedance-2.0")
        assert "Seedance 2.0 accepts images and audio files as data URIs, videos by URL" in report.findings[0].message

    def test_length_of_the_uri_is_limited(self) -> None:
        padded = PNG + b"\0" * 3_800_000
        codes = {(one.code, one.severity) for one in preflight.check(uri(padded), "runway").findings}
        assert ("url_too_long", "warning") in codes
        codes = {(one.code, one.severity) for one in preflight.check(uri(PNG + b"\0" * 4_000_000), "runway").findings}
        assert ("url_too_long", "error") in codes
        assert preflight.check(uri(PNG + b"\0" * 2_000_000), "runway").verdict == "pass"  # longer than any URL may be

    def test_scheme_limit_applies_without_data_uri_section(self, tmp_path: Path) -> None:
        head = 'title = "Mine"\nstage = "generate"\nsource = "x"\nas_of = 2026-11-20\nbasis = "published"\n[image]\n'
        path = tmp_path / "mine.toml"
        for url, verdict in (
            ("", "pass"),
            ('[url]\nscheme = { any_of = ["https"] }\nredirects = { max = 0 }\n', "fail"),
        ):
            path.write_text(head + url)
            assert preflight.check(uri(PNG), str(path)).verdict == verdict
        path.write_text(head + '[url]\nscheme = { any_of = ["https", "data"] }\n')
        assert preflight.check(uri(PNG), str(path)).verdict == "pass"

    def test_decoded_size_can_be_limited(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text('extends = "runway"\n[data_uri]\nvideo = false\nimage = { size = { max = "100 B" } }\n')
        assert {one.code for one in preflight.check(uri(PNG), str(path)).findings} == {"file_size_too_large"}
        path.write_text('extends = "runway"\ndata_uri = false\n')
        assert {one.code for one in preflight.check(uri(PNG), str(path)).findings} == {"scheme_unsupported"}


class TestTargets:
    """Data URIs among other targets."""

    def test_list_line_with_data_uri_may_be_long(self, run: Run, tmp_path: Path) -> None:
        long = uri(PNG + b"\0" * 300_000)
        listed = tmp_path / "list.txt"
        listed.write_text(f"{uri(PNG)}\n{long}\nfixtures/accepted/picture.png\n")
        done = run("check", f"@{listed}", "--for", "fal", "--format", "jsonl")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["verdict"] for row in rows] == ["pass"] * 3
        assert [row["source"] for row in rows[:2]] == ["data:image/png;base64,…"] * 2
        listed.write_text(json.dumps({"id": 1, "picture": long}) + "\n")
        done = run("check", f"@{listed}", "--column", "picture", "--for", "fal", "--format", "jsonl")
        assert json.loads(done.stdout)["verdict"] == "pass"

    def test_data_uri_in_list_of_configuration_is_read(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "preflight.toml").write_text('rules = "fal"\npaths = ["@list.txt"]\n')
        (tmp_path / "list.txt").write_text(f"{uri(PNG)}\nasset://asset-1\n")
        assert run("check", cwd=tmp_path).stdout.startswith("PASS    data:image/png;base64,…")

    def test_data_uri_counts_in_request(self) -> None:
        result, _ = preflight.check_request([uri(PNG), uri(MP3, "audio/mpeg")], "seedance-2.0")
        assert result.verdict == "pass"

    def test_invalid_csv_line_is_a_problem(self, run: Run, tmp_path: Path) -> None:
        listed = tmp_path / "list.csv"
        listed.write_text(f'id,picture\n1,{uri(PNG + bytes(300_000))}\n2,"a\rb\n3,a\rb,c\n')
        done = run("check", f"@{listed}", "--column", "picture", "--for", "fal", "--format", "jsonl")
        assert "Traceback" not in done.stderr
        assert {json.loads(line)["verdict"] for line in done.stdout.splitlines()} == {"unknown"}
