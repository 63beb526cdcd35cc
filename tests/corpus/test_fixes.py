"""Judge files of the corpus, and what was fixed, by tools and code that share nothing with the package."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from preflight.checker import check
from preflight.facts import MEDIA_FACTS
from tests.bench.independent import Facts, facts_of, sides
from tests.bench.limits import Opinion, opinion, rule_file

RULES = ("atlas", "volcengine", "seedance-2.0", "instagram-reels", "tiktok", "x")

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
