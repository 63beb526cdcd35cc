"""An ffmpeg is found on PATH or in the extra, asked once what it can do, and named with what it lacks."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from preflight.errors import FfmpegError, MissingExtra
from preflight.fixer.ffmpeg import program as ffmpeg_program
from preflight.fixer.ffmpeg.child import ChildExit
from preflight.fixer.ffmpeg.program import find_ffmpeg, inspect_ffmpeg
from tests.conftest import ROOT
from tests.fixer.programs import LISTING, children, ffmpeg_at, program, runs, until

REMEDY = "Install a complete ffmpeg, or the one of the extra: pip install 'preflight-media[fix]'"


@pytest.fixture(autouse=True)
def _no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)


@pytest.fixture
def extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The ffmpeg of a package like imageio-ffmpeg: it has another encoder, and VMAF as version 8 lists it."""
    package = tmp_path / "site/imageio_ffmpeg"
    listing = LISTING.replace("(encoders: libx264", "(encoders: libx264 libsvtav1").replace("TS. ssim ", ".. libvmaf ")
    shipped = program(package / "binaries/ffmpeg-test-v9", listing)
    (package / "__init__.py").write_text(f"def get_ffmpeg_exe():\n    return {str(shipped)!r}\n")
    monkeypatch.delitem(sys.modules, "imageio_ffmpeg")
    monkeypatch.syspath_prepend(package.parent)
    yield shipped
    sys.modules.pop("imageio_ffmpeg", None)
    importlib.invalidate_caches()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs that were started, one entry each time."""
    paths: list[str] = []
    real = ffmpeg_program.run_child

    def recording(words: Sequence[str], *arguments: object) -> ChildExit:
        paths.append(words[0])
        return real(words, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ffmpeg_program, "run_child", recording)
    return paths


def on_path(monkeypatch: pytest.MonkeyPatch, *folders: Path | str) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))


def test_ffmpeg_on_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path / "bin/ffmpeg", LISTING)
    on_path(monkeypatch, tmp_path / "empty", tmp_path / "bin")
    found = find_ffmpeg(["libx264"], ["ssim"], ["vp6"])
    assert found == ffmpeg_at(path)._replace(version="9.9-test")


@pytest.mark.parametrize("folder", ["", ".", "bin", "../here"])
def test_program_in_the_current_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[str], folder: str
) -> None:
    here = tmp_path / "here"
    program(here / folder / "ffmpeg", LISTING)
    monkeypatch.chdir(here)
    on_path(monkeypatch, folder, *([""] if folder else []))
    with pytest.raises(MissingExtra):
        find_ffmpeg()
    assert not started


def test_file_that_cannot_be_executed_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "a/ffmpeg", LISTING).chmod(0o644)
    (tmp_path / "b/ffmpeg").mkdir(parents=True)
    path = program(tmp_path / "c/ffmpeg", LISTING)
    on_path(monkeypatch, tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert find_ffmpeg().path == str(path)


def test_without_any_ffmpeg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch)
    with pytest.raises(MissingExtra) as caught:
        find_ffmpeg()
    assert str(caught.value) == (
        "Fixing video and audio files without ffmpeg on PATH needs an optional dependency. "
        "Install it: pip install 'preflight-media[fix]'"
    )
    assert caught.value.extra == "fix"


def test_extra_is_used_without_ffmpeg_on_path(extra: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch)
    assert find_ffmpeg().path == str(extra)


def test_extra_is_used_if_the_one_on_path_lacks_an_encoder(
    tmp_path: Path, extra: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(tmp_path / "bin/ffmpeg", LISTING)
    on_path(monkeypatch, path.parent)
    assert find_ffmpeg(["libx264"]).path == str(path)
    assert find_ffmpeg(["libsvtav1"]).path == str(extra)
    assert find_ffmpeg(filters=["libvmaf"]).path == str(extra)


def test_every_ffmpeg_on_path_is_asked_once(
    tmp_path: Path, extra: Path, monkeypatch: pytest.MonkeyPatch, started: list[str]
) -> None:
    incomplete = program(tmp_path / "a/ffmpeg", LISTING.replace("libx264", "mpeg4"))
    complete = program(tmp_path / "b/ffmpeg", LISTING)
    (tmp_path / "c").symlink_to(tmp_path / "a")
    on_path(monkeypatch, tmp_path / "a", tmp_path / "c", tmp_path / "b")
    assert find_ffmpeg(["libx264"]).path == str(complete)
    assert find_ffmpeg(["mpeg4"]).path == str(incomplete)
    assert started == [str(incomplete)] * 2 + [str(complete)] * 2


def test_package_without_a_program_is_not_asked(tmp_path: Path, extra: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (extra.parent.parent / "__init__.py").write_text("raise SystemExit")
    extra.unlink()
    on_path(monkeypatch)
    with pytest.raises(MissingExtra):
        find_ffmpeg()


def test_missing_parts_of_ffmpeg_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path / "bin/ffmpeg", LISTING)
    on_path(monkeypatch, path.parent)
    with pytest.raises(FfmpegError) as caught:
        find_ffmpeg(["libx265", "libx264"], ["zscale"], ["aac", "vvc"])
    lacking = "lacks the encoder libx265, the filter zscale, the decoder vvc"
    assert str(caught.value) == f"ffmpeg 9.9-test ({path}) {lacking}. {REMEDY}"
    assert caught.value.code == "ffmpeg_incomplete"


def test_extra_is_not_recommended_if_it_lacks_the_same(extra: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch)
    with pytest.raises(
        FfmpegError, match=r"lacks the encoder libx265\. Install a complete ffmpeg, and put it on PATH\.$"
    ):
        find_ffmpeg(["libx265"])


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("sleep 60", "did not answer within 0.3 s"),
        ("trap '' TERM; sleep 60", "did not answer within 0.3 s"),
        ("head -c 3000000 /dev/urandom", "does not behave like ffmpeg"),
        ("echo 'ffmpeg version 5.1' >&2", "does not behave like ffmpeg"),
        ("exit 127", "ended with code 127 when it was asked for its codecs"),
        ("kill -SEGV $$", "crashed when it was asked for its codecs"),
    ],
)
def test_program_that_does_not_work_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, how: str
) -> None:
    before = children()
    if "sleep" in script:
        monkeypatch.setattr(ffmpeg_program, "LISTING_TIMEOUT", 0.3)
    path = program(tmp_path / "bin/ffmpeg", script)
    on_path(monkeypatch, path.parent, os.defpath)
    began = time.monotonic()
    with pytest.raises(FfmpegError) as caught:
        inspect_ffmpeg(str(path))
    assert str(caught.value) == f"The ffmpeg at {path} {how}. {REMEDY}"
    assert caught.value.code == "ffmpeg_unusable"
    assert time.monotonic() - began < 5
    assert children() <= before


def test_extra_is_used_if_the_one_on_path_does_not_work(
    tmp_path: Path, extra: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(monkeypatch, program(tmp_path / "bin/ffmpeg", "exit 1").parent)
    assert find_ffmpeg().path == str(extra)


def test_program_is_asked_once_until_it_changes(tmp_path: Path, started: list[str]) -> None:
    path = program(tmp_path / "ffmpeg", LISTING)
    assert inspect_ffmpeg(str(path)) is inspect_ffmpeg(str(path))
    assert started == [str(path)] * 2
    program(path, LISTING.replace("9.9-test", "10.0"))
    assert inspect_ffmpeg(str(path)).version == "10.0"
    assert started == [str(path)] * 4


def test_ctrl_c_ends_programs_that_are_asked(tmp_path: Path) -> None:
    path = program(tmp_path / "ffmpeg", "trap '' INT TERM; sleep 60")
    code = f"from preflight.fixer.ffmpeg.program import inspect_ffmpeg; inspect_ffmpeg({str(path)!r})"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL) as parent:
        until(lambda: len(children(parent.pid)) == 2)
        asked = children(parent.pid)
        parent.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert parent.wait(5) == -signal.SIGINT
    assert time.monotonic() - began < 5 < ffmpeg_program.LISTING_TIMEOUT
    assert not [pid for pid in asked if runs(pid)]


def test_text_of_a_program_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path / "a\x1b[31m/ffmpeg", LISTING.replace("9.9-test", "\x1b[2J"))
    on_path(monkeypatch, path.parent)
    with pytest.raises(FfmpegError) as caught:
        find_ffmpeg(["none"])
    assert "\x1b" not in str(caught.value)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg on PATH")
def test_real_ffmpeg_lists_what_it_has() -> None:
    found = find_ffmpeg(["libx264", "aac", "pcm_s16le"], ["scale", "ssim", "bwdif", "fps"], ["h264", "prores", "webp"])
    assert found.version[0].isalnum()
    assert len(found.encoders) > 50
    assert len(found.filters) > 100
    assert len(found.decoders) > 100
    assert not (found.filters | found.encoders | found.decoders) & {"Filters:", "=", "T..", "Slice"}
