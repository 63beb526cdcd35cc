"""Limits on files that are used together: conditions on their number, comparisons, roles, sizes in Base64."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import preflight
from preflight.combination import judge_request
from preflight.errors import UsageError
from preflight.judge import judge
from preflight.media import NONE, Media
from preflight.report import Report, Result
from preflight.rulecheck import example_problems, validate_file
from preflight.rulefile import RuleFile, find_problems
from preflight.ruleset import RuleSet, compile_ruleset
from tests.conftest import ROOT, Run
from tests.rows import each_row

HEAD = """\
title = "Mine: clips"
stage = "generate"
source = "https://example.com/limits"
as_of = 2026-11-20
basis = "published"
[image]
[video]
[audio]
"""
IMAGE = Media(kind="image", format="png", size=3_000, width=640, height=480)
VIDEO = Media(kind="video", format="mp4", size=9_000, width=640, height=480, duration=5.0, audio_codec=NONE)
AUDIO = Media(kind="audio", format="mp3", size=1_000, duration=5.0)
PICTURE = ROOT / "fixtures/accepted/picture.png"


def rules(text: str) -> RuleSet:
    table = tomllib.loads(HEAD + text)
    assert find_problems(RuleFile("mine.toml", HEAD + text, table)) == []
    return compile_ruleset("mine", table)


def judged(text: str, *files: Media, roles: dict[int, str] | None = None) -> Result:
    ruleset = rules(text)
    reports = [Report(f"file {at}", each, (judge(each, ruleset),), at) for at, each in enumerate(files)]
    return judge_request(reports, ruleset, roles=roles or {})


def codes(result: Result) -> list[str]:
    return [finding.code for finding in result.findings]


@each_row(
    ("lines", "said"),
    [
        ('[request]\nsame = ["dimension"]', "[request] same: unknown value 'dimension'. Did you mean 'dimensions'?"),
        ("[request.ratios]\nfps = { max = 0.5 }", "[request.ratios] fps max is 0.5. Write 1 or more."),
        ("[[request.when]]\nvideo = { files = { max = 3 } }", "[[request.when]]: there is no condition. Add one such"),
        ("[[request.when]]\nvideo = { files = { min = 3 } }", "[[request.when]]: there is no limit. Add one such as"),
        ("[[request.when]]\nvido = { files = { min = 3 } }", "Unknown key 'vido' in [[request.when]]. Did you mean"),
        ("[roles.last]\nrequire = ['a']", "Unknown key 'require' in [roles.last]. Did you mean 'requires'?"),
        (
            "[[request.when]]\nvideo = { files = { min = 3 }, fps = false }",
            "fps = false removes nothing here.",
        ),
        ("[[request.when]]\nvideo = { files = false }", "files = false removes nothing here. Delete it."),
        ("[request.ratios]\nfps = { max = inf }", "[request.ratios] fps max is inf. Write a finite number."),
        ("[roles.Last]", "the name does not match"),
        ("[[roles]]\nname = 'last'", "roles is a list. Write a table for each name, such as [variants.fast]"),
        ("[roles.last]\nrequires = ['First frame']", "[roles.last] requires: the name does not match"),
        ("[roles.last]\nrequires = ['last']", "[roles.last] requires names the role itself. Remove it."),
        ("[roles.last]\nexcludes = ['last']", "[roles.last] excludes names the role itself. Remove it."),
        ("[roles.last]\nrequires = ['a']\nexcludes = ['a']", "[roles.last]: it requires and excludes a. Remove one"),
        ("[roles.last]\nrequires = ['a']\n[roles.a]\nexcludes = ['last']", "requires: a excludes last. Correct one"),
        ("[roles]\nlast = false", "[roles.last] = false removes nothing, as the file extends no other. Delete it."),
        ('[[examples]]\nverdict = "pass"', "[[examples]]: an example has either facts or files. Give one of them."),
        (
            '[[examples]]\nverdict = "pass"\nfiles = [{ kind = "image", role = "last" }]',
            "[[examples]] files role: unknown role 'last'. Choose one of reference.",
        ),
    ],
)
def test_problems_are_reported_with_remedy(lines: str, said: str) -> None:
    found = find_problems(RuleFile("mine.toml", HEAD + lines, tomllib.loads(HEAD + lines)))
    assert len(found) == 1, found
    assert said in found[0]


@each_row(
    ("lines", "files", "said"),
    [
        (
            'extends = "atlas"\nrequest = false\n',
            '{ kind = "image" }',
            "no limits on files used together.",
        ),
        (
            'extends = "atlas"\n[roles.first]\n',
            '{ kind = "image", role = "frist" }',
            "no role 'frist'. Correct",
        ),
    ],
)
def test_an_example_of_a_request_needs_what_the_extended_file_has(
    lines: str, files: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'{lines}[[examples]]\nverdict = "pass"\nfiles = [{files}]\n')
    (problem,) = validate_file(str(path))
    assert f"[[examples]] 1: the rule set has {said}" in problem


class TestWhen:
    TEXT = """\
[request.image]
files = { max = 7 }
[[request.when]]
video = { files = { min = 1 } }
image = { files = { max = 4 } }
"""

    @each_row(("images", "videos", "verdict"), [(7, 0, "pass"), (8, 0, "fail"), (4, 1, "pass"), (5, 1, "fail")])
    def test_limits_depend_on_what_else_is_in_the_request(self, images: int, videos: int, verdict: str) -> None:
        assert judged(self.TEXT, *[IMAGE] * images, *[VIDEO] * videos).verdict == verdict

    def test_facts_of_each_file_are_limited(self) -> None:
        text = "[[request.when]]\nimage = { files = { above = 2 }, long_side = { max = 600 } }\n"
        assert judged(text, IMAGE, IMAGE).verdict == "pass"
        result = judged(text, IMAGE, IMAGE, Media(kind="image", format="png", width=600, height=600))
        assert codes(result) == ["long_side_too_large"] * 2
        assert result.findings[0].message == "file 0: long side 640 px: above the 600 px that Mine accepts"

    def test_all_conditions_must_hold(self) -> None:
        text = (
            "[[request.when]]\nvideo = { files = { min = 1 } }\naudio = { files = { min = 1 } }\n"
            "all = { files = { max = 2 } }\n"
        )
        assert judged(text, VIDEO, IMAGE, IMAGE).verdict == "pass"
        assert codes(judged(text, VIDEO, AUDIO, IMAGE)) == ["too_many_files"]

    def test_facts_of_files_are_needed(self) -> None:
        text = (
            "[request]\nsame = ['dimensions']\n[[request.when]]\nvideo = { files = { min = 1 }, fps = { max = 30 } }\n"
        )
        assert {"width", "height", "fps"} <= rules(text).facts


def test_variants_in_which_a_request_fails_are_named() -> None:
    text = (
        "[request.image]\nfiles = { max = 3 }\n[variants.small.request.image]\nfiles = { max = 1 }\n[variants.large]\n"
    )
    result = judged(text, IMAGE, IMAGE)
    assert (result.verdict, codes(result)) == ("pass", ["variant_fails"])
    assert result.findings[0].message == "fails in the variant small: choose one, such as mine:large"
    assert judged(text, IMAGE).findings == ()


class TestComparisons:
    def test_files_have_the_same_fact(self) -> None:
        text = '[request]\nsame = ["dimensions"]\n'
        other = Media(kind="image", format="png", width=480, height=640)
        assert judged(text, IMAGE, VIDEO, AUDIO).verdict == "pass"
        result = judged(text, IMAGE, other)
        assert codes(result) == ["files_differ"]
        assert result.findings[0].message == (
            "dimensions 640x480 and 480x640: Mine accepts files together only if all have the same"
        )

    def test_files_are_similar(self) -> None:
        text = "[request.ratios]\naspect_ratio = { max = 1.25 }\n"
        assert judged(text, IMAGE, Media(kind="image", width=640, height=600)).verdict == "pass"
        result = judged(text, IMAGE, Media(kind="image", width=1280, height=720))
        assert codes(result) == ["files_too_different"]
        assert "aspect ratio of one file is 1.333 times that of another: Mine accepts at most 1.25 times" in (
            result.findings[0].message
        )

    def test_what_could_not_be_read_is_unknown(self) -> None:
        for text in ('[request]\nsame = ["width"]\n', "[request.ratios]\nwidth = { max = 2 }\n"):
            result = judged(text, IMAGE, Media(kind="image", format="png"))
            assert (result.verdict, codes(result)) == ("unknown", ["fact_unknown"])


class TestRoles:
    TEXT = """\
[roles.first_frame]
kinds = ["image"]
files = { max = 1 }
excludes = ["reference"]
[roles.last_frame]
requires = ["first_frame"]
format = { any_of = ["png"] }
same = ["dimensions"]
[[examples]]
verdict = "fail"
codes = ["role_incomplete"]
files = [{ kind = "image", format = "png", width = 640, height = 480, role = "last_frame" }]
"""

    @each_row(
        ("roles", "files", "expected"),
        [
            ({0: "first_frame"}, (IMAGE,), []),
            ({0: "first_frame", 1: "last_frame"}, (IMAGE, IMAGE), []),
            ({0: "last_frame"}, (IMAGE,), ["role_incomplete"]),
            ({0: "first_frame"}, (IMAGE, VIDEO), ["roles_exclusive"]),
            ({0: "first_frame", 1: "first_frame"}, (IMAGE, IMAGE), ["too_many_files"]),
            ({0: "first_frame"}, (VIDEO,), ["role_kind_not_accepted"]),
            ({0: "first_frame", 1: "last_frame"}, (IMAGE, Media(kind="image", format="jpeg", width=1, height=1)),
             ["format_unsupported", "files_differ"]),
            ({}, (IMAGE, VIDEO), []),
        ],
    )  # fmt: skip
    def test_roles_are_judged(self, roles: dict[int, str], files: tuple[Media, ...], expected: list[str]) -> None:
        assert codes(judged(self.TEXT, *files, roles=roles)) == expected

    def test_examples_have_files_with_roles(self) -> None:
        assert list(example_problems(rules(self.TEXT))) == []

    @pytest.fixture
    def path(self, tmp_path: Path) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(HEAD + self.TEXT)
        return str(path)

    def test_a_dict_gives_roles(self, path: str) -> None:
        result, reports = preflight.check_request({"first_frame": PICTURE, "last_frame": [PICTURE]}, path)
        assert (result.verdict, len(reports)) == ("pass", 2)
        result, _ = preflight.check_request({"first_frame": PICTURE, "reference": [PICTURE, PICTURE]}, path)
        assert codes(result) == ["roles_exclusive"]

    def test_a_file_that_is_no_media_is_no_registered_asset(self, path: str) -> None:
        result, _ = preflight.check_request({"first_frame": b"text"}, path)
        assert codes(result) == ["file_not_accepted"]

    def test_unknown_roles_are_refused(self, path: str) -> None:
        with pytest.raises(UsageError, match=r"has no role 'last_frme'\. Did you mean 'last_frame'\?"):
            preflight.check_request({"last_frme": PICTURE}, path)
        with pytest.raises(UsageError, match="has type int"):
            preflight.check_request({3: PICTURE}, path)  # type: ignore[dict-item]
        with pytest.raises(UsageError, match=r"seedance-2\.0 has no role"):
            preflight.check_request({"last_frme": PICTURE}, "seedance-2.0")

    def test_the_command_takes_roles(self, path: str, run: Run, tmp_path: Path) -> None:
        call = ["check", f"first_frame={PICTURE}", f"last_frame={PICTURE}", "--for", path, "--together"]
        assert run(*call).returncode == 0
        done = run("check", f"last_frame={PICTURE}", "--for", path, "--together")
        assert done.returncode == 1
        assert "last_frame without first_frame: Mine accepts it only together" in done.stdout
        assert run("check", f"x={PICTURE}", "--for", path, "--together").returncode == 2

    @each_row("words", [["first_frame=image=asset://a"], ["--as", "image", "first_frame=asset://a"]])
    def test_assets_have_roles(self, words: list[str], path: str, run: Run, tmp_path: Path) -> None:
        done = run("check", *words, "asset://b", "--for", path, "--together", cwd=tmp_path)
        assert (done.returncode, "first_frame and reference in one request" in done.stdout) == (1, True), done.stderr

    def test_an_output_over_a_file_with_a_role_is_refused(self, path: str, run: Run, tmp_path: Path) -> None:
        picture = tmp_path / "a.png"
        picture.write_bytes(PICTURE.read_bytes())
        done = run("check", f"first_frame={picture}", "--for", path, "--together", "-o", picture)
        assert done.returncode == 2
        assert picture.read_bytes() == PICTURE.read_bytes()

    def test_a_file_whose_name_looks_like_a_role_is_a_file(self, path: str, run: Run, tmp_path: Path) -> None:
        (tmp_path / "x=a.png").write_bytes(PICTURE.read_bytes())
        assert run("check", "x=a.png", "--for", path, "--together", cwd=tmp_path).returncode == 0


def test_sizes_in_base64_are_limited() -> None:
    assert [Media(size=size).base64_size for size in (0, 1, 3, 4, None)] == [0, 4, 4, 8, None]
    text = (
        "[variants.base64.image]\nbase64_size = { max = 3_000 }\n[request.all]\ntotal_base64_size = { max = 8_000 }\n"
    )
    chosen = compile_ruleset("mine", tomllib.loads(HEAD + text), "base64")
    result = judge(IMAGE, chosen)
    assert codes(result) == ["file_size_too_large"]
    assert "base64_size" in chosen.facts
    assert "size" in chosen.facts
    assert judged(text, IMAGE, IMAGE).verdict == "pass"
    assert codes(judged(text, IMAGE, IMAGE, AUDIO)) == ["total_size_too_large"]


EXAMPLE = """\
title = "Kling: image to video"
stage = "generate"
source = "https://example.com/limits"
as_of = 2026-11-28
basis = "published"            # or mirrored, measured, reported, assumed: the weakest that it rests on
not_checked = ["content policy: only the service decides"]
default_variant = "720p"       # extends = "other" takes over limit by limit; `false` removes one

[image]
format = { any_of = ["jpeg", "png"] }
short_side = { min = 300 }                                   # min/max: the bound passes; above/below: it fails
aspect_ratio = { any_of = ["16:9", "9:16"], within = 0.01 }
width = { multiple_of = 16 }
size = { max = "10 MB", lenient = { max = "50 MB" }, note = "10 MB in the older text" }
bit_depth = { max = 8, otherwise = "converted" }

[video]
format = { any_of = ["mp4", "mov"] }
pixels = { max = 927_408 }
audio_codec = { any_of = ["aac"], required = true }

[[video.when]]                                               # conditions on any fact; all must hold
format = "mov"
audio_codec = { any_of = ["aac", "pcm"] }

[variants.720p]

[variants.1080p.video]                                       # --for kling:1080p
pixels = { max = 2_073_600 }

[request]                                                    # files used together
companions = { audio = ["image", "video"] }
same = ["dimensions"]

[request.image]
files = { max = 7 }

[[request.when]]
video = { files = { min = 1 } }
image = { files = { max = 4 } }

[roles.last_frame]                                           # ROLE=FILE
requires = ["first_frame"]
files = { max = 1 }

[[examples]]
verdict = "fail"
codes = ["short_side_too_small"]
facts = { kind = "image", format = "png", width = 200, height = 300, size = 90_000 }
"""


def test_an_example_of_the_whole_language_is_valid() -> None:
    table = tomllib.loads(EXAMPLE)
    assert find_problems(RuleFile("kling.toml", EXAMPLE, table)) == []
    chosen = compile_ruleset("kling", table)
    assert (chosen.variant, [each.name for each in chosen.variants]) == ("720p", ["kling:1080p"])
    (example,) = table["examples"]
    result = judge(Media(**example["facts"]), chosen)
    assert result.verdict == example["verdict"]
    assert set(example["codes"]) <= set(codes(result))
    reports = [Report("a", IMAGE), *[Report("b", IMAGE)] * 4, Report("c", VIDEO)]
    assert codes(judge_request(reports, chosen)) == ["too_many_files", "files_differ"][:1]
