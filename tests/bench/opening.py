"""Whether ffprobe, Pillow and a browser open a file, and how alike two files look."""

from __future__ import annotations

import re
import subprocess
import warnings
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps
from selenium.webdriver import Chrome

from tests.bench.independent import Facts, facts_of, ffprobe
from tests.reporters.browser import start

TIMEOUT = 60.0
NOT_OF_BROWSERS = {"tiff", "heic", "heif"}
"""Formats that Chromium does not show, whatever a file of them holds."""
VIDEO_CODECS_OF_BROWSERS = {"h264", "vp8", "vp9", "av1", "none"}
AUDIO_CODECS_OF_BROWSERS = {"aac", "mp3", "opus", "vorbis", "flac", "pcm", "none"}
NOT_OF_FFPROBE = {"heic", "heif"}
"""Formats that ffmpeg reads since its version 7 only."""

_SHOW = """
const [url, kind, done] = arguments;
const element = document.createElement(kind === 'image' ? 'img' : kind);
const fail = () => done({error: element.error ? element.error.message || 'code ' + element.error.code : 'not shown'});
element.onerror = fail;
element.onload = element.onloadeddata = () => done({
    width: element.naturalWidth || element.videoWidth, height: element.naturalHeight || element.videoHeight});
element.preload = 'auto';
element.src = url;
"""


class Opened(NamedTuple):
    """What is wrong by tool: an empty text if it opens the file, None if it does not know the format."""

    ffprobe: str | None
    pillow: str | None
    browser: str | None

    @property
    def problems(self) -> dict[str, str]:
        return {name: problem for name, problem in self._asdict().items() if problem}


class Browser:
    """A headless Chromium that shows one file after another on a page of its own."""

    def __init__(self, folder: Path) -> None:
        page = folder / "page.html"
        page.write_text("<!doctype html><title>files</title>", encoding="utf-8")
        self._driver: Chrome = start(str(folder))
        self.close = Finalize(None, self._driver.quit, exitpriority=1)  # also at the end of a process of a pool
        self._driver.set_script_timeout(TIMEOUT)
        self._driver.get(page.as_uri())

    def problem(self, path: Path, facts: Facts) -> str:
        """Return what is wrong when the file is shown; nothing if it appears in its displayed size."""
        shown = self._driver.execute_async_script(_SHOW, path.absolute().as_uri(), facts["kind"])
        if "error" in shown:
            return str(shown["error"])
        size = (shown["width"], shown["height"])
        if (
            facts["kind"] == "audio"
            or size == (facts["width"], facts["height"])
            or facts.get("pixel_aspect_ratio", 1) != 1
        ):
            return ""
        return f"shown as {size[0]}x{size[1]}, is {facts['dimensions']}"


def opened(path: Path, facts: Facts, browser: Browser | None) -> Opened:
    """Return how tools take a file with these facts."""
    name = facts.get("format")
    is_picture = facts["kind"] == "image"
    probed = None if name in NOT_OF_FFPROBE else "" if ffprobe(path, "-show_streams").get("streams") else "no streams"
    pillow = _pillow_problem(path, facts) if is_picture else None
    codecs = (
        facts.get("video_codec", "none") in VIDEO_CODECS_OF_BROWSERS,
        facts.get("audio_codec", "none") in AUDIO_CODECS_OF_BROWSERS,
    )
    is_known = name not in NOT_OF_BROWSERS if is_picture else all(codecs)
    return Opened(probed, pillow, browser.problem(path, facts) if browser is not None and is_known else None)


def _pillow_problem(path: Path, facts: Facts) -> str:
    try:
        with warnings.catch_warnings(), _open(path) as picture:
            warnings.simplefilter("ignore")
            picture.load()
            size = ImageOps.exif_transpose(picture).size
    except Exception as error:  # noqa: BLE001 - decoders raise whatever they like
        return str(error) or type(error).__name__
    return "" if size == (facts["width"], facts["height"]) else f"has {size[0]}x{size[1]}, not {facts['dimensions']}"


def _open(path: Path) -> Image.Image:
    _register()
    return Image.open(path)


@cache
def _register() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()


def similarity(source: Path, result: Path, folder: Path) -> float | None:
    """Return the structural similarity of a result and its source, scaled alike; None where they cannot be compared."""
    facts = facts_of(result)
    if facts["kind"] == "image":
        return _of_pictures(source, result, folder)
    if facts["kind"] != "video":
        return None
    size = f"scale={facts['width']}:{facts['height']}:flags=lanczos,format=yuv420p,setpts=PTS-STARTPTS"
    return _ssim(result, source, f"[0:v:0]format=yuv420p,setpts=PTS-STARTPTS[a];[1:v:0]{size}[b];[a][b]ssim")


def _of_pictures(source: Path, result: Path, folder: Path) -> float | None:
    paths = []
    size = None
    for path in (result, source):
        try:
            with warnings.catch_warnings(), _open(path) as picture:
                warnings.simplefilter("ignore")
                upright = ImageOps.exif_transpose(picture)
                if upright.mode.startswith(("I", "F", "CMYK", "LAB")):
                    return None
                flat = upright.convert("RGBA")
        except Exception:  # noqa: BLE001 - decoders raise whatever they like
            return None
        size = size or flat.size
        flat = flat if flat.size == size else flat.resize(size, Image.Resampling.LANCZOS)
        paths.append(folder / f"compared-{len(paths)}.png")
        Image.alpha_composite(Image.new("RGBA", size, "white"), flat).convert("RGB").save(paths[-1], compress_level=1)
    return _ssim(*paths, "ssim")


def _ssim(one: Path, other: Path, graph: str) -> float | None:
    words = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "info",
        "-i",
        f"file:{one}",
        "-i",
        f"file:{other}",
        "-lavfi",
        graph,
        "-f",
        "null",
        "-",
    ]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False)
    found = re.search(r"SSIM .*All:([0-9.]+)", done.stderr)
    return float(found[1]) if found else None
