"""`preflight fix` as its users meet it: files, folders, URLs and lists; what is written, printed and left alone."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from PIL import ExifTags, Image

import preflight
from preflight.escape import printable
from tests.conftest import ROOT, OnTerminal, Run
from tests.fixer.programs import program
from tests.rows import each_row

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

RULES = """\
title = "{title}: pictures"
stage = "register"
source = "https://example.com/limits"
as_of = 2026-11-20
basis = "published"

[image]
format = {{ any_of = {formats} }}
width = {{ min = {min}, max = {max} }}

[video]
format = {{ any_of = ["mp4"] }}
width = {{ max = 320 }}
duration = {{ min = 1, max = 3 }}
"""


def write_rules(path: Path, formats: str = '["png", "jpeg"]', low: int = 40, high: int = 80) -> Path:
    path.write_text(RULES.format(title=path.stem.capitalize(), formats=formats, min=low, max=high))
    return path


def picture(path: Path, width: int = 100, height: int = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(path)
    return path


Fix = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a rule set: PNG or JPEG, 40 to 80 pixels wide."""
    write_rules(tmp_path / "rules.toml")
    return tmp_path


@pytest.fixture
def fix(desk: Path, run: Run) -> Fix:
    """The command in that folder, with that rule set unless another is named."""

    def call(*words: str | Path, code: int = 0, **options: object) -> subprocess.CompletedProcess[str]:
        rules = () if "--for" in words else ("--for", "rules.toml")
        done = run("fix", *rules, *words, cwd=desk, **options)
        assert done.returncode == code, f"{done.stdout}{done.stderr}"
        assert "Traceback" not in str(done.stderr)
        return done

    return call


def listed(folder: Path) -> list[str]:
    """The files below a folder, also hidden ones."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def width_of(path: Path) -> int:
    with Image.open(path) as image:
        image.load()
        return image.width


class TestOneFile:
    def test_output_is_beside_its_source_which_stays(self, desk: Path, fix: Fix) -> None:
        source = picture(desk / "media/a.png")
        before = source.read_bytes()
        done = fix("media/a.png")
        assert done.stdout.startswith("FIXED       media/a.png  (png 100×60, ")
        assert " → media/a.fixed.png  (png 80×48, " in done.stdout
        assert "scale it to 80×48" in done.stdout
        assert width_of(desk / "media/a.fixed.png") == 80
        assert source.read_bytes() == before
        assert listed(desk / "media") == ["a.fixed.png", "a.png"]

    def test_output_has_the_given_path(self, desk: Path, fix: Fix) -> None:
        picture(desk / "a.png")
        fix("a.png", "-o", "new/folder/b.png")
        assert listed(desk / "new") == ["folder/b.png"]

    def test_folder_takes_one_file_too(self, desk: Path, fix: Fix) -> None:
        picture(desk / "a.png")
        fix("a.png", "-o", "out/")
        assert listed(desk / "out") == ["a.png"]

    def test_extension_of_the_given_path_decides_the_format(self, desk: Path, fix: Fix) -> None:
        picture(desk / "a.png", width=60)
        fix("a.png", "-o", "b.JPG")
        with Image.open(desk / "b.JPG") as image:
            assert image.format == "JPEG"

    def test_any_file_name_works(self, desk: Path, fix: Fix) -> None:
        names = ["-x.png", "a\nb.png", 'it\'s "one" $HOME.png', "é 1.png", "--for.png"]
        for name in names:
            picture(desk / name)
        shown = fix("-o", "out/", "--", *names).stdout
        for name in names:
            assert f"FIXED       {printable(name)}  (png 100×60, " in shown
            assert width_of(desk / "out" / name) == 80

    def test_file_that_passes_is_left_alone(self, desk: Path, fix: Fix) -> None:
        picture(desk / "a.png", width=60)
        assert fix("a.png").stdout.startswith("PASS        a.png")
        assert listed(desk) == ["a.png", "rules.toml"]

    def test_standard_input_can_be_a_file_or_a_list(self, desk: Path, fix: Fix) -> None:
        source = picture(desk / "a.png")
        done = fix("-", "-o", "b.png", input=source.read_bytes(), text=False)
        assert done.stdout.startswith(b"FIXED       <stdin>  (png ")
        fix("-", "-o", "out/", input="a.png\n")
        assert width_of(desk / "b.png") == width_of(desk / "out/a.png") == 80

    def test_missing_file_is_unknown(self, fix: Fix) -> None:
        done = fix("none.png", code=3)
        assert "UNKNOWN     none.png\n            none.png does not exist. Check the path." in done.stdout

    def test_damaged_file_leaves_nothing_behind(self, desk: Path, fix: Fix) -> None:
        data = picture(desk / "a.png", 400, 400).read_bytes()
        (desk / "a.png").write_bytes(data[: len(data) // 2])
        fix("a.png", "-o", "out/a.png", code=1)
        assert listed(desk) == ["a.png", "rules.toml"]


class TestFolder:
    def test_fourteen_refused_files_are_one_call(self, desk: Path, fix: Fix) -> None:
        for number in range(14):
            picture(desk / f"media/{number % 3}/{number:02}.png", width=90 + number)
        done = fix("media", "-o", "out")
        assert listed(desk / "out") == listed(desk / "media")
        assert {width_of(desk / "out" / name) for name in listed(desk / "out")} == {80}
        assert done.stdout.endswith("\n\nfixed           14   scale (14)\n")

    def test_files_that_pass_are_left_out_and_others_skipped(self, desk: Path, fix: Fix) -> None:
        picture(desk / "media/a.png")
        picture(desk / "media/b.png", width=60)
        (desk / "media/notes.txt").write_text("notes")
        done = fix("media", "-o", "out")
        assert listed(desk / "out") == ["a.png"]
        assert "\npass             1\nfixed            1   scale (1)\n" in done.stdout
        assert done.stderr == "1 non-media files skipped\n"

    @each_row(("others", "is_same"), [("link", True), ("copy", False)])
    def test_files_that_pass_can_be_there_too(self, desk: Path, fix: Fix, others: str, is_same: bool) -> None:
        source, out = picture(desk / "media/x/b.png", width=60), desk / f"out-{others}"
        done = fix("media", "-o", out, "--others", others)
        assert f"PASS        media/x/b.png  (png 60×60, {source.stat().st_size} bytes) → {out}/x/b.png" in done.stdout
        assert (out / "x/b.png").samefile(source) == is_same
        assert (out / "x/b.png").read_bytes() == source.read_bytes()
        fix("media", "-o", out, "--others", others)

    def test_one_that_cannot_be_fixed_stops_no_other(self, desk: Path, fix: Fix) -> None:
        (desk / "media").mkdir()
        (desk / "media/a.png").write_bytes(b"")
        picture(desk / "media/b.png")
        done = fix("media", "-o", "out", code=1)
        assert listed(desk / "out") == ["b.png"]
        assert "\nfixed            1   scale (1)\nnot fixable      1   " in done.stdout

    def test_files_never_share_an_output_name(self, desk: Path, fix: Fix) -> None:
        for name in ("a.bmp", "a.tif", "a.png"):
            picture(desk / "media" / name)
        fix("media", "-o", "out")
        assert listed(desk / "out") == ["a.bmp.png", "a.png", "a.tif.png"]
        assert fix("media", "-o", "out").stdout.count("already fixed") == 3

    def test_lists_and_patterns_name_files(self, desk: Path, fix: Fix) -> None:
        picture(desk / "m/a.png")
        picture(desk / "m/day/b.png")
        (desk / "list.txt").write_text("m/a.png\n")
        fix("@list.txt", "-o", "of-list")
        assert listed(desk / "of-list") == ["a.png"]
        fix("m/**/*.png", "-o", "of-pattern")
        assert listed(desk / "of-pattern") == ["a.png", "day/b.png"]

    def test_order_is_that_of_the_input_with_any_number_of_jobs(self, desk: Path, fix: Fix) -> None:
        for number in range(8):
            picture(desk / f"media/{number}.png", width=3000 if number == 0 else 90)
        done = fix("media", "-o", "out", "-j", "4", "--format", "jsonl")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["source"] for row in rows] == [f"media/{number}.png" for number in range(8)]
        assert [row["before"]["index"] for row in rows] == list(range(8))


class TestResuming:
    def test_finished_files_are_not_fixed_again(self, desk: Path, fix: Fix) -> None:
        picture(desk / "media/a.png")
        fix("media", "-o", "out")
        before = (desk / "out/a.png").stat()
        picture(desk / "media/b.png")
        done = fix("media", "-o", "out", "--format", "jsonl")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(row["outcome"], row["reused"]) for row in rows] == [("fixed", True), ("fixed", False)]
        assert (desk / "out/a.png").stat().st_mtime_ns == before.st_mtime_ns

    def test_output_of_an_older_source_is_not_taken(self, desk: Path, fix: Fix) -> None:
        picture(desk / "a.png")
        fix("a.png")
        later = (desk / "a.fixed.png").stat().st_mtime + 5
        os.utime(desk / "a.png", (later, later))
        done = fix("a.png", code=1)
        assert "a.fixed.png exists and is older than its source. Give another path, or --overwrite." in done.stdout
        assert not json.loads(fix("a.png", "--overwrite", "--format", "jsonl").stdout)["reused"]

    def test_output_that_still_has_what_is_to_be_removed_is_not_taken(self, desk: Path, fix: Fix) -> None:
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 12.0, 0.0)
        exif[ExifTags.Base.GPSInfo] = exif.get_ifd(ExifTags.IFD.GPSInfo)
        with Image.open(picture(desk / "a.jpg")) as image:
            image.save(desk / "a.jpg", exif=exif)
        fix("a.jpg")
        assert "location" in fix("a.jpg", "--strip-location", "--dry-run").stdout
        done = fix("a.jpg", "--strip-location", code=1)
        assert "a.fixed.jpg exists and was made with other options." in done.stdout
        fix("a.jpg", "--strip-location", "--overwrite")
        with Image.open(desk / "a.fixed.jpg") as image:
            assert not image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        assert "already fixed" in fix("a.jpg", "--strip-location").stdout
        assert "already fixed" in fix("a.jpg", "--strip-metadata").stdout

    def test_existing_file_that_does_not_pass_stays(self, desk: Path, fix: Fix) -> None:
        picture(desk / "a.png")
        picture(desk / "a.fixed.png", width=99)
        done = fix("a.png", code=1)
        assert "FAILED      a.png" in done.stdout
        assert "a.fixed.png exists and does not pass. Give another path, or --overwrite." in done.stdout
        assert width_of(desk / "a.fixed.png") == 99
        fix("a.png", "--overwrite")
        assert width_of(desk / "a.fixed.png") == 80
        assert listed(desk) == ["a.fixed.png", "a.png", "rules.toml"]


class TestSeveralRuleSets:
    def test_one_file_passes_all(self, desk: Path, fix: Fix) -> None:
        write_rules(desk / "other.toml", low=30, high=50)
        picture(desk / "a.png")
        fix("a.png", "--for", "rules.toml,other.toml")
        assert width_of(desk / "a.fixed.png") == 50

    def test_rule_sets_that_exclude_each_other_are_named_with_the_option(self, desk: Path, fix: Fix) -> None:
        write_rules(desk / "other.toml", low=10, high=20)
        picture(desk / "a.png")
        done = fix("a.png", "--for", "rules.toml,other.toml", code=1)
        assert "rules.toml" in done.stdout
        assert "other.toml" in done.stdout
        assert "To allow it, add --each." in done.stdout

    def test_output_name_of_a_kind_that_the_source_cannot_become_is_named(self, desk: Path, fix: Fix) -> None:
        with (desk / "rules.toml").open("a") as rules:
            rules.write('\n[audio]\nformat = { any_of = ["mp3"] }\n')
        picture(desk / "a.png")
        done = fix("a.png", "-o", "b.mp3", code=1)
        assert "rules.toml and the name of the output exclude each other" in done.stdout
        assert "Give the output another extension." in done.stdout
        assert "--each" not in done.stdout

    def test_each_gets_a_file(self, desk: Path, fix: Fix) -> None:
        write_rules(desk / "other.toml", low=10, high=20)
        picture(desk / "m/a.png")
        done = fix("m/a.png", "--for", "rules.toml,other.toml", "--each")
        assert listed(desk / "m") == ["a.other.fixed.png", "a.png", "a.rules.fixed.png"]
        assert "for other.toml" in done.stdout
        fix("m/a.png", "--for", "rules.toml,other.toml", "--each", "-o", "out/")
        assert listed(desk / "out") == ["other/a.png", "rules/a.png"]
        assert width_of(desk / "out/other/a.png") == 20


class TestOutput:
    def test_dry_run_writes_nothing(self, desk: Path, fix: Fix) -> None:
        picture(desk / "media/a.png")
        done = fix("media", "-o", "out", "--dry-run")
        assert "PLANNED     media/a.png" in done.stdout
        assert "scale it to 80×48" in done.stdout
        assert listed(desk) == ["media/a.png", "rules.toml"]
        (desk / "media/b.png").write_bytes(b"")
        fix("media", "-o", "out", "--dry-run", code=1)

    def test_json_has_the_plan_and_both_reports(self, desk: Path, fix: Fix) -> None:
        picture(desk / "a.png")
        (row,) = map(json.loads, fix("a.png", "--format", "jsonl").stdout.splitlines())
        assert (row["outcome"], row["output"], row["problem"]) == ("fixed", "a.fixed.png", None)
        assert [step["action"] for step in row["plan"]["steps"]] == ["scale"]
        assert (row["before"]["verdict"], row["after"]["verdict"]) == ("fail", "pass")
        assert row["seconds"] > 0

    def test_reports_show_the_files_as_they_are_afterwards(self, desk: Path, fix: Fix) -> None:
        picture(desk / "media/a.png")
        picture(desk / "media/b.png", width=60)
        (desk / "media/c.png").write_bytes(b"")
        words = [word for end in ("csv", "jsonl", "html", "xml") for word in ("--report", f"report.{end}")]
        fix("media", "-o", "out", *words, code=1)
        rows = [json.loads(line) for line in (desk / "report.jsonl").read_text().splitlines()]
        assert [(row["source"], row["verdict"]) for row in rows] == [
            ("out/a.png", "pass"), ("media/b.png", "pass"), ("media/c.png", "fail"),
        ]  # fmt: skip
        with open(desk / "report.csv") as file:
            assert [row["verdict"] for row in csv.DictReader(file)] == ["pass", "pass", "fail"]

    def test_progress_is_shown_on_a_terminal_only(self, desk: Path, on_terminal: OnTerminal, fix: Fix) -> None:
        for number in range(3):
            picture(desk / f"media/{number}.png", width=1500)
        words = ("--for", desk / "rules.toml", "--format", "jsonl", "-j", "1")
        shown, printed = on_terminal("fix", desk / "media", "-o", desk / "out", *words, shared=False)
        assert "of 3 files" in shown
        assert shown.endswith("\r\x1b[K")
        assert len(printed.splitlines()) == 3
        assert fix("media", "-o", "again", "--format", "jsonl").stderr == ""


class TestWrongCalls:
    @each_row(
        ("words", "said"),
        [
            (["m"], "Several files need a folder for their outputs. Give --output DIR."),
            (["m/a.png", "m/b.png"], "Several files need a folder for their outputs. Give --output DIR."),
            (["m/*.png"], "Several files need a folder"),
            (["-"], "--output is missing, and standard input has no name. Give a path."),
            (["m", "-o", "x.png"], "--output x.png names one file, and there are several outputs. Give a folder, such"),
            (["m", "-o", "rules.toml"], "--output rules.toml names one file"),
            (["m/a.png", "--each", "-o", "x.png"], "--output x.png names one file, and there are several outputs."),
            (["m/a.png", "-o", "x.txt"], "x.txt: .txt is not the extension of a media format."),
            (["m/a.png", "-o", "x.webp"], "--output x.webp would be webp, and rules.toml accepts jpeg, mp4, png. Give"),
            (["m/a.png", "-o", "x"], "x has no extension. Add one such as .mp4, or a slash if it is a folder."),
            (["m/a.png", "-o", "m/a.png/x.png"], "cannot be written: "),
            (["m", "-o", "m/out"], "--output m/out is within the folder m, where the next run would find the results"),
            (["m", "-o", "m"], "--output m is within the folder m"),
            ([".", "-o", "out"], "--output out is within the folder ."),
            (["m/*", "-o", "m/sub"], "m/sub/c.png is found within --output m/sub. Give another folder"),
            (["m/a.png", "--max-size", "x"], 'x is not allowed. Write a size such as "500 MB".'),
            (["m/a.png", "--max-size", "0"], "0 is not allowed."),
            (["m/a.png", "--report", "csv=m/b.png"], "would overwrite"),
            (["m/a.png", "--column", "url"], "no target is a list"),
            (["m/a.png", "--fit", "stretch"], "'stretch' is not one of 'crop', 'pad', 'blur'"),
            (["m/a.png", "--others", "move"], "'move' is not one of"),
        ],
    )  # fmt: skip
    def test_message_says_what_to_write(self, desk: Path, fix: Fix, words: list[str], said: str) -> None:
        for name in ("m/a.png", "m/b.png", "m/sub/c.png"):
            picture(desk / name)
        before = listed(desk)
        done = fix(*words, code=2)
        assert said in done.stderr
        assert done.stdout == ""
        assert listed(desk) == before

    def test_configuration_gives_rule_sets_and_patterns_but_no_targets(self, desk: Path, run: Run) -> None:
        (desk / "preflight.toml").write_text('rules = ["rules.toml"]\npaths = ["m"]\nexclude = ["b.*"]\n')
        for name in ("m/a.png", "m/b.png"):
            picture(desk / name)
        assert run("fix", "m", "-o", "out", cwd=desk).returncode == 0
        assert listed(desk / "out") == ["a.png"]
        done = run("fix", "-o", "again", cwd=desk)
        assert done.returncode == 2
        assert "Missing argument 'TARGET…'." in done.stderr

    def test_hidden_folder_within_the_sources_is_allowed(self, desk: Path, fix: Fix) -> None:
        picture(desk / "m/a.png")
        for _ in range(2):
            fix("m", "-o", "m/.fixed")
        assert listed(desk / "m") == [".fixed/a.png", "a.png"]

    def test_folder_without_media_is_unknown(self, desk: Path, fix: Fix) -> None:
        (desk / "m").mkdir()
        (desk / "m/notes.txt").write_text("notes")
        assert "Nothing to fix: 1 non-media files skipped." in fix("m", "-o", "out", code=3).stderr


class TestOwnSource:
    @each_row("link", [os.link, os.symlink])
    def test_output_that_is_the_source_is_refused(self, desk: Path, fix: Fix, link: Callable[..., None]) -> None:
        before = picture(desk / "a.png").read_bytes()
        (desk / "b.png").unlink(missing_ok=True)  # of the row before
        link(desk / "a.png", desk / "b.png")
        done = fix("a.png", "-o", "b.png", "--overwrite", code=1)
        assert "b.png is the source itself. Give another path." in done.stdout
        assert (desk / "a.png").read_bytes() == before

    def test_library_refuses_it_too(self, desk: Path) -> None:
        source = picture(desk / "a.png")
        before = source.read_bytes()
        rules = write_rules(desk / "rules.toml")
        result = preflight.fix(source, str(rules), output=source, overwrite=True)
        assert (result.outcome, result.problem) == ("failed", f"{source} is the source itself. Give another path.")
        assert source.read_bytes() == before

    def test_no_source_of_the_call_is_replaced(self, desk: Path, fix: Fix) -> None:
        picture(desk / "m/a.png")
        before = picture(desk / "out/a.png", width=90).read_bytes()
        done = fix("m/a.png", "out/a.png", "-o", "out", "--overwrite", code=1)
        assert (desk / "out/a.png").read_bytes() == before
        assert "out/a.png is another source of this call. Give another path." in done.stdout


class TestUrls:
    @pytest.fixture
    def site(self, desk: Path) -> Iterator[str]:
        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(desk / "site")))
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()

    @pytest.fixture
    def fix_url(self, desk: Path, run: Run, tmp_path: Path) -> Fix:
        def call(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
            done = run("fix", *words, "--for", "rules.toml", "--allow-private", cwd=desk)
            assert done.returncode == code, done.stdout + done.stderr
            return done

        return call

    def test_url_is_fixed_into_the_current_folder(self, desk: Path, fix_url: Fix, site: str) -> None:
        picture(desk / "site/media/a b.png")
        fix_url(f"{site}/media/a%20b.png?Signature=secret")
        assert width_of(desk / "a b.fixed.png") == 80

    def test_url_that_passes_is_copied_with_others(self, desk: Path, fix_url: Fix, site: str) -> None:
        source = picture(desk / "site/b.png", width=60)
        for _ in range(2):
            fix_url(f"{site}/b.png", "-o", "out/", "--others", "link")
        assert (desk / "out/b.png").read_bytes() == source.read_bytes()

    def test_url_that_is_too_large_is_not_downloaded(self, desk: Path, fix_url: Fix, site: str) -> None:
        Image.effect_noise((400, 400), 90).save(picture(desk / "site/a.png"))
        done = fix_url(f"{site}/a.png", "--max-size", "10kB", code=1)
        assert done.stdout.count("--max-size") == 1
        assert listed(desk) == ["rules.toml", "site/a.png"]


@needs_ffmpeg
class TestVideos:
    def test_video_is_trimmed_beside_its_source(self, desk: Path, fix: Fix) -> None:
        shutil.copy(ROOT / "fixtures/refused/mp4-too-long.mp4", desk / "clip.mp4")
        done = fix("clip.mp4", "--format", "jsonl")
        row = json.loads(done.stdout)
        assert row["output"] == "clip.fixed.mp4"
        assert row["after"]["duration"] <= 3
        assert row["after"]["width"] == 320
        assert row["proof_seconds"] > 0

    def test_added_content_needs_its_option(self, desk: Path, fix: Fix) -> None:
        write_rules(desk / "long.toml")
        text = (desk / "long.toml").read_text().replace("min = 1, max = 3", "min = 20, max = 30").replace("320", "640")
        (desk / "long.toml").write_text(text)
        shutil.copy(ROOT / "fixtures/accepted/clip.mp4", desk / "clip.mp4")
        done = fix("clip.mp4", "--for", "long.toml", code=1)
        assert "NOT FIXABLE clip.mp4" in done.stdout
        assert "To allow it, add --extend loop|hold." in done.stdout
        assert listed(desk) == ["clip.mp4", "long.toml", "rules.toml"]

    def test_pictures_are_fixed_without_ffmpeg_and_videos_get_a_remedy(self, desk: Path, fix: Fix) -> None:
        picture(desk / "m/a.png")
        shutil.copy(ROOT / "fixtures/refused/mp4-too-long.mp4", desk / "m/clip.mp4")
        done = fix("m", "-o", "out", code=1, env={**os.environ, "PATH": str(desk)})
        assert listed(desk / "out") == ["a.png"]
        assert "FAILED      m/clip.mp4" in done.stdout
        assert "pip install 'preflight-media[fix]'" in done.stdout


def started(folder: Path, *words: str | Path, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "preflight", "fix", *map(str, words), "--for", "rules.toml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, start_new_session=True, **pipes)  # type: ignore[call-overload, no-any-return]


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 2.5 s."""
    path = tmp_path_factory.mktemp("film") / "b.mov"
    source = "-f lavfi -i testsrc2=s=128x96:r=10:d=2.5 -c:v libx264 -preset ultrafast"
    subprocess.run(["ffmpeg", "-v", "error", *source.split(), str(path)], check=True, timeout=60)
    return path


def engines_of(path: Path) -> str:
    """The processes that have a path among their arguments."""
    return subprocess.run(["pgrep", "-f", str(path)], capture_output=True, text=True, check=False).stdout


@needs_ffmpeg
class TestInterruption:
    """A run over a picture and a video, which is interrupted while a slow encoder converts the video for 10 s."""

    @pytest.fixture
    def slow(self, desk: Path, clip: Path) -> Path:
        text = (desk / "rules.toml").read_text().replace("min = 1, max = 3", "max = 3").replace("80", "2000")
        text = text.replace("width = { max = 320 }", "")
        (desk / "rules.toml").write_text(f'{text}video_codec = {{ any_of = ["hevc"] }}\n')
        picture(desk / "media/a.png", 4000)
        return Path(shutil.copy(clip, desk / "media/b.mov"))

    @pytest.fixture
    def process(self, desk: Path, slow: Path) -> subprocess.Popen[str]:
        ffmpeg = shutil.which("ffmpeg")
        script = f'case " $* " in *" -i "*) exec {ffmpeg} -readrate 0.25 "$@";; esac; exec {ffmpeg} "$@"'
        folder = program(desk / "bin/ffmpeg", script).parent
        process = started(desk, "media", "-o", "out", PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
        wait_until(lambda: list((desk / "out").glob(".b.preflight-*.mp4")) or process.poll() is not None)
        return process

    @pytest.mark.parametrize("presses", [2, pytest.param(1, marks=pytest.mark.slow)])
    def test_ctrl_c_ends_the_child_and_removes_its_file_within_a_second(
        self, desk: Path, slow: Path, process: subprocess.Popen[str], presses: int
    ) -> None:
        began = time.monotonic()
        for _ in range(presses):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.05)
        printed, said = process.communicate(timeout=30)
        assert time.monotonic() - began < 2
        assert process.returncode == 130, printed + said
        assert said.strip() == "Interrupted: 1 file is done (1 fixed). Run the same command again to continue."
        assert listed(desk / "out") == ["a.png"]
        assert "FIXED       media/a.png" in printed
        assert engines_of(slow) == ""

    def test_sigterm_removes_the_file_of_the_child(
        self, desk: Path, slow: Path, process: subprocess.Popen[str]
    ) -> None:
        process.terminate()
        printed, said = process.communicate(timeout=30)
        assert process.returncode == 130, printed + said
        assert said.startswith("Interrupted: ")
        assert not [name for name in listed(desk / "out") if "partial" in name]
        wait_until(lambda: not engines_of(slow))

    def test_killed_run_can_be_continued(
        self, desk: Path, slow: Path, process: subprocess.Popen[str], fix: Fix
    ) -> None:
        process.kill()
        process.communicate(timeout=30)
        wait_until(lambda: not engines_of(slow))
        left = listed(desk / "out")
        assert left[-1] == "a.png"
        assert all(name.startswith(".b.preflight-") for name in left[:-1])
        done = fix("media", "-o", "out", "--format", "jsonl")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(row["outcome"], row["reused"]) for row in rows] == [("fixed", True), ("fixed", False)]
        assert listed(desk / "out")[-2:] == ["a.png", "b.mp4"]


def test_ctrl_c_ends_the_wait_for_a_server(desk: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = started(desk, f"http://127.0.0.1:{server.getsockname()[1]}/a.png", "--allow-private")
        connection, _ = server.accept()
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        printed, said = process.communicate(timeout=30)
        connection.close()
    assert time.monotonic() - began < 2
    assert process.returncode == 130, printed + said
    assert said.strip() == "Interrupted: 0 files are done. Run the same command again to continue."
    assert listed(desk) == ["rules.toml"]


class TestFullDisk:
    @pytest.fixture
    def small_files(self) -> Iterator[Callable[[], None]]:
        """Makes processes that start from now on write no file beyond 10 KB."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def test_output_that_does_not_fit_is_reported_and_removed(
        self, desk: Path, small_files: Callable[[], None]
    ) -> None:
        write_rules(desk / "rules.toml", high=200)
        (desk / "m").mkdir()
        Image.effect_noise((400, 400), 90).save(desk / "m/a.png")
        picture(desk / "m/b.png", width=300)
        small_files()
        process = started(desk, "m", "-o", "out")
        printed, said = process.communicate(timeout=60)
        assert process.returncode == 1, printed + said
        assert "out/a.png cannot be written to the end (File too large)" in printed
        assert listed(desk / "out") == ["b.png"]
