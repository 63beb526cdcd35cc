"""Pictures are written in a process of their own: what comes back, and what a bad file or process costs."""

from __future__ import annotations

import os
import re
import signal
import struct
import threading
import time
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import preflight
from preflight.fixer import pictures
from preflight.fixer.pictures import CannotWrite, WrittenPicture, apply_picture
from preflight.media import Media
from preflight.plans.recipes import PictureRecipe
from preflight.processes import Limits, TaskCrashed, TaskTimeout
from preflight.ruleset import compile_ruleset
from preflight.sources.memory import MemorySource
from tests.fixer.pictures import answered, photograph, recipe_of, saved
from tests.rows import each_row

QUIRKS = Path("fixtures/quirks")
MEDIA = Media(kind="image", format="png", width=320, height=240)


def apply(data: bytes, recipe: PictureRecipe, budget: int | None = None) -> WrittenPicture:
    return apply_picture(MemorySource(data, "a.png"), MEDIA, recipe, budget)


def test_result_is_the_picture_with_its_facts() -> None:
    written = apply(saved(photograph()), recipe_of("png", "jpeg", crop=(0, 0, 240, 240), size=(120, 120)))
    assert (written.format, written.width, written.height, written.quality) == ("jpeg", 120, 120, 95)
    assert written.losses == ()
    with Image.open(BytesIO(written.data)) as image:
        image.load()
        assert (image.format, image.size) == ("JPEG", (120, 120))


def test_limit_on_bytes_holds_in_the_process() -> None:
    written = apply(saved(photograph()), recipe_of("png", "jpeg", can_subsample=True), 9000)
    assert 0.92 * 9000 <= len(written.data) <= 9000


def test_larger_answer_than_a_decoder_may_send_comes_back() -> None:
    picture = Image.new("L", (2400, 2400))
    written = apply(saved(picture, compress_level=0), recipe_of("png", "bmp"))
    assert len(written.data) > 5_760_000


def test_process_may_write_no_file(tmp_path: Path) -> None:
    pid = next(iter(pictures.PICTURE_WRITERS.processes()), None)
    apply(saved(photograph(8, 8)), recipe_of())
    process = next(iter(pictures.PICTURE_WRITERS.processes()))
    assert pid is None or process.pid > 0
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        assert "NoNewPrivs:\t1" in status.read_text()


@each_row(
    ("name", "source", "reason"),
    [
        ("png-cut-in-picture.png", "png", "is damaged, or coded in a way that cannot be decoded"),
        ("png-wrong-checksum.png", "png", "is damaged, or coded in a way that cannot be decoded"),
        ("webp-cut-in-picture.webp", "webp", "is damaged, or coded in a way that cannot be decoded"),
        ("heic-cut-in-picture.heic", "heic", "is damaged, or coded in a way that cannot be decoded"),
        ("bmp-cut-in-pixels.bmp", "bmp", "is damaged, or coded in a way that cannot be decoded"),
        ("tiff-cut-in-picture.tif", "tiff", "is damaged, or coded in a way that cannot be decoded"),
        ("tiff-three-pages.tif", "tiff", "is one of 3 in the file, of which only the first would be kept"),
        ("jpeg-multi-picture.jpg", "jpeg", "is one of 2 in the file, of which only the first would be kept"),
        ("heic-two-pictures.heic", "heic", "is one of 2 in the file, of which only the first would be kept"),
        ("heic-200-megapixels.heic", "heic", "has too many pixels to be decoded"),
        ("png-animated.png", "jpeg", "is damaged, or coded in a way that cannot be decoded"),
    ],
)
def test_file_that_cannot_be_written_is_one_sentence(name: str, source: str, reason: str) -> None:
    with pytest.raises(CannotWrite) as caught:
        apply((QUIRKS / name).read_bytes(), recipe_of(source, "jpeg"))
    assert caught.value.reason.startswith(reason)
    assert "<" not in caught.value.reason
    assert str(caught.value).startswith(f"a.png: the picture {reason}")
    assert "\n" not in str(caught.value)
    assert caught.value.parameter == ("first_picture" if "is one of" in reason else None)


@each_row("name", ["heic-two-pictures.heic", "tiff-three-pages.tif"])
def test_collection_of_pictures_is_neither_reduced_nor_made_a_video(name: str) -> None:
    head = {"title": "Mine", "stage": "post", "source": "x", "as_of": "2026-11-20", "basis": "published"}
    image, video = ({"format": {"any_of": [accepted]}} for accepted in ("jpeg", "mp4"))
    rules = compile_ruleset("mine", {**head, "image": image, "video": video})
    plan = preflight.plan(str(QUIRKS / name), rules)
    assert [obstacle.parameter for obstacle in plan.obstacles] == ["first_picture"]
    assert not plan.steps
    allowed = preflight.plan(str(QUIRKS / name), rules, first_picture=True)
    assert (allowed.sentence, allowed.obstacles) == ("convert it to jpeg", ())


@each_row(("name", "source"), [("jpeg-multi-picture.jpg", "jpeg"), ("tiff-three-pages.tif", "tiff")])
def test_first_picture_is_kept_on_request(name: str, source: str) -> None:
    written = apply((QUIRKS / name).read_bytes(), recipe_of(source, "png", first_picture=True))
    assert written.format == "png"


def test_missing_encoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(Image.SAVE, "HEIF")
    answer = answered(saved(photograph(8, 8)), recipe_of("png", "heic"))
    assert answer["refused"] == "cannot be written as heic: the installed Pillow or pillow-heif has no encoder"


@each_row(
    ("kind", "allowed"),
    [(0x010001, True), (0x010002, True), (0x020002, False), (0x000000, False)],
)
def test_previews_in_a_jpeg_are_not_further_pictures(kind: int, allowed: bool) -> None:
    """CIPA DC-007 5.2.3.3.1: the type of the second of two entries of 16 bytes."""
    data = bytearray(saved(photograph(64, 48), "MPO", save_all=True, append_images=[photograph(32, 24)]))
    entry = re.search(rb"\0\0\x03\0.{4}\0{8}", bytes(data), re.DOTALL)
    assert entry is not None
    data[entry.end() : entry.end() + 4] = struct.pack("<L", kind)
    answer = answered(bytes(data), recipe_of("jpeg", "png"))
    assert ("data" in answer) is allowed
    assert answer.get("parameter") == (None if allowed else "first_picture")


def test_bomb_is_not_decoded() -> None:
    header = saved(Image.new("1", (8, 8)))
    large = bytearray(header)
    large[16:24] = (20_000).to_bytes(4, "big") * 2
    with pytest.raises(CannotWrite, match=r"damaged|more pixels"):
        apply(bytes(large), recipe_of())


def killed_soon(number: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for process in pictures.PICTURE_WRITERS.processes():
            os.kill(process.pid, number)
            return
        time.sleep(0.01)


def test_process_that_is_killed_costs_one_picture() -> None:
    pictures.PICTURE_WRITERS.stop()
    killer = threading.Thread(target=killed_soon, args=(signal.SIGKILL,))
    killer.start()
    with pytest.raises(CannotWrite, match=r"could not be written: its process crashed \(SIGKILL\)"):
        apply(saved(photograph(900, 900)), recipe_of(written="webp", lossless=True))
    killer.join()
    assert apply(saved(photograph(8, 8)), recipe_of()).width == 8


def test_deadline_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_limits", lambda *_: Limits(0.2, 4 << 30, 1 << 30, wall=10))
    with pytest.raises(CannotWrite, match=r"could not be written in time: its process was stopped after 0\.2 s"):
        apply(saved(photograph(800, 800)), recipe_of("png", "avif"))


def test_lack_of_memory_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_limits", lambda *_: Limits(60, 24 << 20, 1 << 30))
    with pytest.raises(CannotWrite, match="could not be written: its process failed: it needs more than 24 MB"):
        apply(saved(Image.new("RGB", (3000, 3000))), recipe_of("png", "bmp"))


DAMAGED = ["bmp-v5-alpha.bmp", "gif-animated.gif", "jpeg-position.jpg", "png-16-bit.png", "webp-alpha.webp"]


@settings(max_examples=60)
@given(st.sampled_from(DAMAGED), st.data())
def test_damaged_file_is_refused_or_written(name: str, data: st.DataObject) -> None:
    content = bytearray((QUIRKS / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    source = name.partition("-")[0]
    recipe = recipe_of(source, "png", strip_location=True, to_srgb=True, crop=(0, 0, 8, 8), size=(4, 4))
    answer = answered(bytes(content), recipe)
    assert ("refused" in answer) != ("data" in answer)


def answer_of(**fields: Any) -> dict[str, Any]:
    data = b64encode(b"picture").decode()
    answer = {"data": data, "format": "png", "width": 1, "height": 1, "quality": None, "remarks": [], "ssim": None}
    return {**answer, **fields}


@each_row(
    "answer",
    [
        None,
        {},
        [],
        answer_of(data="!"),
        answer_of(data=""),
        answer_of(format="exe"),
        answer_of(width="1"),
        answer_of(remarks="no"),
        answer_of(data=b64encode(bytes(101)).decode()),
        {"refused": 1, "parameter": None},
        {"refused": "is bad", "parameter": "overwrite"},
    ],
)
def test_answer_that_no_recipe_can_give_is_refused(answer: object) -> None:
    with pytest.raises(CannotWrite, match="its process sent an invalid answer"):
        pictures._checked(answer, "a.png", recipe_of(), 100)


def test_answer_is_printable() -> None:
    with pytest.raises(CannotWrite) as caught:
        pictures._checked({"refused": "is \x1b[31m bad", "parameter": None}, "a.png", recipe_of(), None)
    assert caught.value.reason == "is \\x1b[31m bad"
    assert pictures._checked(answer_of(remarks=["a\nb"]), "a.png", recipe_of(), None).losses == ("a\\nb",)


@each_row(("failure", "message"), [(TaskTimeout(3), "in time"), (TaskCrashed("crashed (SIGSEGV)"), "crashed")])
def test_failures_of_the_process_are_sentences(failure: Exception, message: str) -> None:
    class Failing:
        def call(self, *_: object) -> object:
            raise failure

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "PICTURE_WRITERS", Failing())
        with pytest.raises(CannotWrite, match=message):
            apply(b"", recipe_of())


def test_limits_grow_with_the_pixels() -> None:
    small = pictures._limits(MemorySource(b"", "a"), MEDIA, recipe_of())
    large = pictures._limits(MemorySource(b"", "a"), MEDIA._replace(width=9000, height=9000), recipe_of())
    frames = pictures._limits(MemorySource(b"", "a"), MEDIA._replace(frames=50), recipe_of(keeps_frames=True))
    assert (small.seconds or 0) < (frames.seconds or 0) < (large.seconds or 0) <= 3600
    assert (small.memory or 0) < (large.memory or 0) <= 15 << 30


def test_every_fixture_that_opens_is_written_upright() -> None:
    names = ["jpeg-orientation-6.jpg", "png-orientation-5.png", "tiff-orientation-8.tif", "webp-display-p3.webp"]
    names += [
        "heic-irot.heic",
        "heic-clap-then-irot.heic",
        "avif-irot-imir.avif",
        "bmp-rle8.bmp",
        "gif-transparent.gif",
    ]
    for name in names:
        data = (QUIRKS / name).read_bytes()
        media = preflight.probe(data)
        recipe = recipe_of(media.format or "", "png", whole=(media.width, media.height))
        written = apply_picture(MemorySource(data, name), media, recipe)
        after = preflight.probe(written.data)
        assert (after.width, after.height) == (media.width, media.height), name
        assert after.orientation in (None, 1), name
