"""Judge files of the corpus, and what was fixed, by tools and code that share nothing with the package."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from preflight.checker import check
from preflight.facts import MEDIA_FACTS
from preflight.fixer import FixResult, fix
from tests.bench.fixes import RULES, looks_alike
from tests.bench.independent import Facts, facts_of, sides
from tests.bench.limits import Opinion, opinion, rule_file
from tests.bench.opening import Browser, opened, similarity
from tests.reporters.browser import CHROMIUM, DRIVER

needs_tools = pytest.mark.skipif(
    not all(map(shutil.which, ("ffmpeg", "ffprobe", "exiftool"))), reason="needs ffmpeg, ffprobe and exiftool"
)


@pytest.mark.parametrize("rules", RULES)
def test_independent_judge_agrees_with_the_examples_of_rule_files(rules: str) -> None:
    examples = [each for each in rule_file(rules)["examples"] if "facts" in each and "variant" not in each]
    for example in examples:
        given = example["facts"]
        facts: Facts = {**dict.fromkeys(MEDIA_FACTS), **sides(given.get("width"), given.get("height"), turned=False)}
        if None not in (frames := given.get("frames"), facts["pixels"]):
            facts["pixel_frames"] = frames * given["width"] * given["height"]
        assert opinion({**facts, **given}, rules).verdict == example["verdict"], example
    assert len(examples) >= 5


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"kind": "audio", "format": "mp3", "duration": 15.1, "size": 1}, Opinion("pass", (), ("duration 15.1",))),
        ({"kind": "audio", "format": "ogg", "duration": 5.0}, Opinion("fail", ("format ogg",), (), ("size",))),
        ({"kind": "audio", "format": "wav", "duration": None, "size": 1}, Opinion("unknown", ("duration None",))),
        ({"kind": None, "size": 1}, Opinion("unknown", ("kind",))),
    ],
)
def test_independent_judge_names_what_is_wrong_tolerated_and_not_known(facts: Facts, expected: Opinion) -> None:
    assert opinion(facts, "atlas") == expected


@needs_tools
def test_independent_judge_agrees_with_passes_and_failures_of_the_corpus(corpus: Path) -> None:
    for name, rules, verdict in (
        ("androidx+media/67a837d7-internal_emulator_transformer_output_270_rotated.mp4", "volcengine", "pass"),
        ("androidx+media/67a837d7-internal_emulator_transformer_output_270_rotated.mp4", "instagram-reels", "fail"),
        ("openpreserve+format-corpus/164b9442-xdcam-ex-1080i50.mov", "x", "fail"),
        ("drewnoakes+metadata-extractor-images/385b236e-with-gps.mov", "tiktok", "fail"),
        ("nodeca+probe-image-size/006baff8-MIAF002.heic", "atlas", "pass"),
    ):
        path = corpus / "files" / name
        assert (check(str(path), rules).verdict, opinion(facts_of(path), rules).verdict) == (verdict, verdict), name


FIXED = (
    ("nodeca+probe-image-size/006baff8-MIAF002.heic", "instagram-reels"),
    ("sdsykes+fastimage/608b2c85-ExifOrientation4.jpg", "instagram-reels"),
    ("drewnoakes+metadata-extractor-images/01e86f10-tbwn0g16.png", "instagram-reels"),
    ("python-pillow+Pillow/19f52ee7-transparent.gif", "atlas"),
    ("python-pillow+Pillow/058d7570-old-style-jpeg-compression.tif", "volcengine"),
    ("AOMediaCodec+libavif/848d4e3a-colors_wcg_hdr_rec2020.avif", "atlas"),
    ("androidx+media/8f261d3d-video.mp4", "x"),
    ("androidx+media/bb9cfaf6-internal_emulator_transformer_output_180_rotated.mp4", "instagram-reels"),
    ("mozilla+mp4parse-rust/61bb3b31-minimal.mp4", "tiktok"),
    ("openpreserve+format-corpus/6ff1f2e1-apple-intermediate-codec.mp4", "tiktok"),
    ("sindresorhus+file-type/fc0a408f-fixture2.3gp", "x"),
    ("Eyevinn+mp4ff/9584b0fb-bbb5s_aac_sidx.mp4", "atlas"),
)
"""Files of the corpus that fail and can be fixed: rotated, palettes, 16 bits, wide gamut, video, audio."""


def fixed_copy(corpus: Path, name: str, rules: str, folder: Path) -> tuple[Path, FixResult]:
    """Return a copy of a file of the corpus, and the result of fixing it."""
    source = Path(shutil.copyfile(corpus / "files" / name, folder / Path(name).name))
    return source, fix(source, rules)


SHORT = {FIXED[number] for number in (2, 3, 4, 5, 11)}
"""Those that are always fixed: 16 bits, an animation, an old TIFF, a wide gamut, a video."""


@needs_tools
@pytest.mark.parametrize(
    ("name", "rules"), [pytest.param(*each, marks=() if each in SHORT else pytest.mark.slow) for each in FIXED]
)
def test_fixed_file_of_the_corpus_convinces_other_tools(corpus: Path, tmp_path: Path, name: str, rules: str) -> None:
    source, result = fixed_copy(corpus, name, rules, tmp_path)
    assert (result.outcome, result.problem) == ("fixed", None)
    assert result.output is not None
    facts = facts_of(Path(result.output))
    assert opinion(facts, rules).verdict == "pass"
    assert opened(Path(result.output), facts, None).problems == {}
    assert {path.name for path in tmp_path.iterdir()} == {source.name, Path(result.output).name}
    if looks_alike(result.plan):
        alike = similarity(source, Path(result.output), tmp_path)
        assert alike is None or alike >= 0.97


@pytest.mark.slow
@needs_tools
@pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="needs Chromium and its driver")
def test_browser_shows_fixed_files_of_the_corpus(corpus: Path, tmp_path: Path) -> None:
    outputs = [Path(fixed_copy(corpus, *FIXED[number], tmp_path)[1].output or "") for number in (0, 1, 3, 7)]
    # Its profile's lock stays behind in the temporary folder, below a path that must be short: a socket is there.
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as folder:
        browser = Browser(Path(folder))
        try:
            assert [browser.problem(path, facts_of(path)) for path in outputs] == ["", "", "", ""]
        finally:
            browser.close()
