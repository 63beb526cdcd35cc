"""Media files as tests, and the fixtures, in runs of pytest like a user's."""

from __future__ import annotations

import shutil
from importlib.metadata import entry_points
from pathlib import Path

import pytest

# Loaded before any run inside this process: each run forgets what it has loaded itself, and would load it anew.
from preflight.integrations import pytest_files, pytest_fix  # noqa: F401

pytest_plugins = ["pytester"]

LIGHT = ["preflight", "preflight.integrations", "preflight.integrations.pytest_plugin", "preflight.version"]
"""The modules of preflight that a start of pytest may load."""

CLIPS = """
title = "Clips: short ones"
stage = "generate"
source = "https://example.com"
as_of = 2026-11-20
basis = "published"
[video]
duration = { max = 10 }
"""


@pytest.fixture(autouse=True)
def _our_plugin_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable other installed plugins, which may load and print anything."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "preflight.integrations.pytest_plugin")


@pytest.fixture
def media(pytester: pytest.Pytester, fixtures: Path) -> Path:
    """Return a folder with a picture that passes, one that fails, a video of unknown duration, and a text file."""
    folder = pytester.mkdir("media")
    shutil.copy(fixtures / "accepted/picture.png", folder / "good.png")
    shutil.copy(fixtures / "accepted/picture.jpg", folder / "named by nobody")
    shutil.copy(fixtures / "refused/png-too-narrow.png", folder / "narrow.png")
    shutil.copy(fixtures / "quirks/webm-live.webm", folder / "live.webm")
    (folder / "readme.txt").write_text("no media, and not called so")
    return folder


def ini(pytester: pytest.Pytester, *lines: str) -> None:
    pytester.makepyprojecttoml("\n".join(["[tool.pytest.ini_options]", *lines]))


def run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-ra", *words)


def test_start_of_pytest_loads_only_the_plugin(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_something(): pass")
    pytester.makeconftest(
        """
        import sys

        def pytest_unconfigure():
            heavy = ("preflight", "click", "pydantic", "requests", "rich", "PIL", "tomllib", "starlette")
            print("loaded:", sorted(name for name in sys.modules if name.split(".")[0] in heavy))
        """
    )
    done = pytester.runpytest_subprocess("-s")
    assert f"loaded: {LIGHT}" in done.outlines


def test_package_registers_the_plugin() -> None:
    (plugin,) = entry_points(group="pytest11", name="preflight")
    assert plugin.value == "preflight.integrations.pytest_plugin"


def test_every_media_file_is_a_test_that_passes_or_fails_with_its_findings(
    pytester: pytest.Pytester, media: Path
) -> None:
    done = run(pytester, "--preflight=atlas", "media", "-v")
    done.assert_outcomes(passed=2, failed=2)
    done.stdout.fnmatch_lines(
        [
            "preflight: atlas (published, read *)",
            "media/good.png::atlas PASSED*",
            "media/named by nobody::atlas PASSED*",
            "*media/narrow.png [[]atlas[]]*",
            "FAIL    media/narrow.png  (png 299×400, *",
            "  error   width 299 px: below the 300 px that Atlas Cloud accepts [[]width_too_small[]]",
            "  plan    scale it to 300*",
            "  fix     preflight fix media/narrow.png --for atlas -o *",
            "FAILED media/narrow.png::atlas - Failed: width_too_small*",
        ]
    )
    done.stdout.no_fnmatch_line("*readme.txt*")
    done.stdout.no_fnmatch_line("*Traceback*")


def test_several_rule_sets_and_rule_files_judge_one_test_a_file(pytester: pytest.Pytester, media: Path) -> None:
    pytester.makefile(
        ".toml",
        mine='extends = "atlas"\ntitle = "Mine: pictures"\nstage = "register"\nsource = "https://example.com"\n'
        'as_of = 2026-11-20\nbasis = "published"\n[image]\nwidth = { min = 700 }',
    )
    done = run(pytester, "--preflight=atlas,./mine.toml", "media/good.png", "-v")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        ["media/good.png::atlas,mine.toml FAILED*", "*mine.toml: width 640 px: below the 700 px*"]
    )


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_plugin_works_with_xdist(pytester: pytest.Pytester, media: Path, workers: str) -> None:
    for number in range(20):
        shutil.copy(media / "good.png", media / f"{number}.png")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", range(8))
        def test_it(preflight_check, number):
            preflight_check.assert_passes(f"media/{number}.png", "atlas")
        """
    )
    done = pytester.runpytest_subprocess("-p", "xdist", "--preflight=atlas", ".", "-n", workers)
    done.assert_outcomes(passed=22 + 8, failed=2)
    done.stdout.fnmatch_lines(["FAILED media/narrow.png::atlas - *width_too_small*"])


class TestIni:
    def test_ini_rules_and_paths_collect_media(self, pytester: pytest.Pytester, media: Path) -> None:
        ini(pytester, 'testpaths = ["tests"]', 'preflight_rules = "atlas"', 'preflight_paths = ["media"]')
        pytester.makepyfile(**{"tests/test_other": "def test_other(): pass"})
        run(pytester).assert_outcomes(passed=3, failed=2)

    def test_only_the_paths_of_the_call_run(self, pytester: pytest.Pytester, media: Path) -> None:
        ini(pytester, 'preflight_rules = "atlas"', 'preflight_paths = ["media"]')
        pytester.makepyfile("def test_other(): pass")
        shutil.copy(media / "good.png", pytester.path / "elsewhere.png")
        run(pytester, "test_only_the_paths_of_the_call_run.py").assert_outcomes(passed=1)
        run(pytester, "media/good.png").assert_outcomes(passed=1)
        run(pytester, ".").assert_outcomes(passed=3, failed=2)  # without elsewhere.png

    def test_ini_rules_without_paths_collect_nothing(self, pytester: pytest.Pytester, media: Path) -> None:
        ini(pytester, 'preflight_rules = "atlas"')
        assert run(pytester).ret == pytest.ExitCode.NO_TESTS_COLLECTED

    def test_remarks_of_passing_files_are_printed(self, pytester: pytest.Pytester, fixtures: Path) -> None:
        shutil.copy(fixtures / "quirks/jpeg-multi-picture.jpg", pytester.path / "a.jpg")
        done = run(pytester, "--preflight=runway", "a.jpg", "-rP")
        done.assert_outcomes(passed=1)
        done.stdout.fnmatch_lines(["*note    multi-picture JPEG (MPO); services may see only the first picture*"])

    def test_strict_makes_warnings_fail(self, pytester: pytest.Pytester, fixtures: Path) -> None:
        shutil.copy(fixtures / "accepted/clip-15.1-s.mp4", pytester.path / "clip.mp4")
        done = run(pytester, "--preflight=atlas", "clip.mp4", "-rP")
        done.assert_outcomes(passed=1)
        done.stdout.fnmatch_lines(["*warning duration 15.125 s*"])
        ini(pytester, "preflight_strict = true")
        run(pytester, "--preflight=atlas", "clip.mp4").assert_outcomes(failed=1)

    def test_unknown_file_fails_unless_it_may_be_skipped(self, pytester: pytest.Pytester, media: Path) -> None:
        pytester.makefile(".toml", clips=CLIPS)
        words = ("--preflight=./clips.toml", "media/live.webm")
        done = run(pytester, *words)
        done.assert_outcomes(failed=1)
        done.stdout.fnmatch_lines(["*fact_unknown*"])
        ini(pytester, 'preflight_unknown = "skip"')
        done = run(pytester, *words)
        done.assert_outcomes(skipped=1)
        done.stdout.fnmatch_lines(["SKIPPED*unknown: duration could not be read*"])

    def test_unreachable_url_fails_unless_it_may_be_skipped(self, pytester: pytest.Pytester, media: Path) -> None:
        (pytester.path / "urls.txt").write_text("media/good.png\nhttp://nobody.invalid/clip.mp4?Signature=hidden\n")
        lines = ['preflight_rules = "atlas"', 'preflight_paths = ["@urls.txt"]', 'preflight_unknown = "skip"']
        ini(pytester, *lines)
        done = run(pytester)
        done.assert_outcomes(passed=1, failed=1)
        done.stdout.fnmatch_lines(["*http://nobody.invalid/clip.mp4*", "*connection_failed*"])
        done.stdout.no_fnmatch_line("*hidden*")
        ini(pytester, *lines, 'preflight_unreachable = "skip"')
        done = run(pytester)
        done.assert_outcomes(passed=1, skipped=1)
        done.stdout.fnmatch_lines(["SKIPPED*unreachable: *"])

    @pytest.mark.parametrize(
        "line",
        [
            *('preflight_paths = ["@/etc/passwd"]', 'preflight_paths = ["../outside"]', 'preflight_paths = ["linked"]'),
            *('preflight_rules = "../outside/clips.toml"', 'preflight_rules = "extends.toml"'),
        ],
    )
    def test_paths_of_the_ini_file_stay_inside_its_repository(
        self, pytester: pytest.Pytester, media: Path, line: str
    ) -> None:
        outside = pytester.path.parent / "outside"
        outside.mkdir(exist_ok=True)
        (outside / "clips.toml").write_text(CLIPS)
        (pytester.path / "linked").symlink_to(outside)
        (pytester.path / "extends.toml").write_text('extends = "../outside/clips.toml"')
        others = [
            other for other in ('preflight_rules = "atlas"', 'preflight_paths = ["media"]') if other[:15] != line[:15]
        ]
        ini(pytester, line, *others)
        done = run(pytester)
        assert done.ret == pytest.ExitCode.USAGE_ERROR
        done.stderr.fnmatch_lines([f"*{line[:15]}*is outside {pytester.path}*Give it on the command line*"])
        option = line.replace('["', "").replace('"]', "").replace('"', "").replace(" ", "")
        done = run(pytester, "-o", option)
        assert done.ret != pytest.ExitCode.USAGE_ERROR

    def test_links_to_files_outside_fail_unread(self, pytester: pytest.Pytester, media: Path, fixtures: Path) -> None:
        (media / "linked.png").symlink_to(fixtures / "accepted/picture.png")
        (pytester.path / "list.txt").write_text(str(fixtures / "accepted/picture.png"))
        ini(pytester, 'preflight_rules = "atlas"', 'preflight_paths = ["media", "@list.txt"]')
        done = run(pytester)
        done.assert_outcomes(passed=2, failed=4)
        done.stdout.fnmatch_lines(["*linked.png is outside*"])
        run(pytester, "--preflight=atlas", "media/linked.png").assert_outcomes(passed=1)

    @pytest.mark.parametrize(
        ("line", "words", "said"),
        [
            ("", ["--preflight=atlass"], "*--preflight: Unknown rule set 'atlass'*Did you mean 'atlas'*"),
            ('preflight_rules = "atlass"', [], "*preflight_rules: Unknown rule set 'atlass'*Did you mean 'atlas'*"),
            ("", [], "*preflight_paths is set without a rule set. Set preflight_rules."),
            ('preflight_paths = ["gone"]', ["--preflight=atlas"], "*preflight_paths: gone does not exist*"),
            (
                'preflight_unknown = "skp"',
                ["--preflight=atlas"],
                "*preflight_unknown = 'skp' is invalid. Write fail or skip.",
            ),
        ],
    )
    def test_invalid_setting_is_reported_before_anything_runs(
        self, pytester: pytest.Pytester, media: Path, line: str, words: list[str], said: str
    ) -> None:
        ini(pytester, line, *(['preflight_paths = ["media"]'] if "paths" not in line else []))
        done = run(pytester, *words)
        assert done.ret == pytest.ExitCode.USAGE_ERROR
        done.stderr.fnmatch_lines([said])
        done.stderr.no_fnmatch_line("*Traceback*")


class TestCheckFixture:
    def test_same_content_is_checked_once_a_session(self, pytester: pytest.Pytester, media: Path) -> None:
        pytester.makepyfile(
            """
            import shutil
            from pathlib import Path

            def test_one(preflight_check, tmp_path):
                first = preflight_check("media/good.png", "atlas")
                copy = tmp_path / "copy.png"
                shutil.copy("media/good.png", copy)
                again = preflight_check(copy, "atlas")
                assert again.media is first.media and again.source == str(copy)
                assert preflight_check(Path("media/good.png").read_bytes(), "atlas").passed

            def test_another(preflight_check):
                assert preflight_check("media/good.png", "atlas") is not preflight_check("media/good.png", "fal")

            def test_a_changed_file_is_another(preflight_check, tmp_path):
                file = tmp_path / "picture.png"
                shutil.copy("media/good.png", file)
                assert preflight_check(file, "atlas").passed
                shutil.copy("media/narrow.png", file)
                assert not preflight_check(file, "atlas").passed

            def test_findings_name_the_file_that_was_asked_for(preflight_check, tmp_path):
                preflight_check("media/narrow.png", "atlas")
                copy = tmp_path / "copy.png"
                shutil.copy("media/narrow.png", copy)
                assert str(copy) in preflight_check(copy, "atlas").results[0].plan.command
            """
        )
        run(pytester).assert_outcomes(passed=4)

    def test_failure_reads_like_the_command_line(self, pytester: pytest.Pytester, media: Path) -> None:
        ini(pytester, 'preflight_rules = "atlas"', 'preflight_unknown = "skip"')
        pytester.makefile(".toml", clips=CLIPS)
        pytester.makepyfile(
            """
            import preflight

            def test_fixture(preflight_check):
                preflight_check.assert_passes("media/narrow.png")

            def test_function():
                preflight.assert_passes("media/narrow.png", "atlas")

            def test_unknown(preflight_check):
                preflight_check.assert_passes("media/live.webm", "./clips.toml")

            def test_a_wrong_path_is_never_skipped(preflight_check):
                preflight_check.assert_passes("media/gone.png")

            def test_no_rules(preflight_check):
                assert preflight_check("media/good.png").passed
            """
        )
        done = run(pytester)
        done.assert_outcomes(passed=1, failed=3, skipped=1)
        done.stdout.fnmatch_lines(
            [
                ">*preflight_check.assert_passes*",
                "E*AssertionError: FAIL    media/narrow.png*",
                "E*error   width 299 px: below the 300 px*",
                "E*  plan    scale it to 300*",
                "E*  fix     preflight fix media/narrow.png --for atlas -o *",
                ">*preflight.assert_passes*",
                "E*AssertionError: FAIL    media/narrow.png*",
                "E*  plan    scale it to 300*",
            ]
        )
        done.stdout.no_fnmatch_line("*checker.py*")  # where it fails is the user's line, not ours

    def test_message_without_rule_set_says_where_to_give_one(self, pytester: pytest.Pytester, media: Path) -> None:
        pytester.makepyfile("def test_it(preflight_check): preflight_check('media/good.png')")
        done = run(pytester)
        done.stdout.fnmatch_lines(["*UsageError: No rule set given. *preflight_rules*"])


class TestFix:
    def test_fixture_returns_a_file_that_passes(self, pytester: pytest.Pytester, media: Path) -> None:
        ini(pytester, 'preflight_rules = "atlas"')
        pytester.makepyfile(
            """
            from pathlib import Path

            import preflight

            def test_made(preflight_fix, tmp_path):
                before = Path("media/narrow.png").read_bytes()
                first, second = preflight_fix("media/narrow.png"), preflight_fix(Path("media/narrow.png"), fit="pad")
                for made in (first, second):
                    assert made.name == "narrow.png" and tmp_path in made.parents
                    assert preflight.check(made, "atlas").passed
                assert first != second
                assert Path("media/narrow.png").read_bytes() == before

            def test_bytes(preflight_fix, tmp_path):
                for source in ("media/narrow.png", "media/good.png"):
                    made = preflight_fix(Path(source).read_bytes(), "atlas")
                    assert made.suffix == ".png" and tmp_path in made.parents
                    assert preflight.check(made, "atlas").passed

            def test_file_that_passes_is_returned(preflight_fix, tmp_path):
                assert preflight_fix("media/good.png") == Path("media/good.png")
                assert list(tmp_path.iterdir()) == []
            """
        )
        run(pytester).assert_outcomes(passed=3)

    def test_test_fails_with_what_prevents_the_fix(self, pytester: pytest.Pytester, media: Path) -> None:
        pytester.makepyfile(
            """
            def test_upscaling(preflight_fix):
                preflight_fix("media/narrow.png", "atlas", max_upscale=1)

            def test_no_media(preflight_fix):
                preflight_fix("media/readme.txt", "atlas")

            def test_missing(preflight_fix):
                preflight_fix("media/gone.png", "atlas")

            def test_wrong_choice(preflight_fix):
                preflight_fix("media/narrow.png", "atlas", fit="stretch")

            def test_no_rules(preflight_fix):
                preflight_fix("media/narrow.png")
            """
        )
        done = run(pytester)
        done.assert_outcomes(failed=5)
        done.stdout.fnmatch_lines(
            [
                "E*AssertionError: FAIL    media/narrow.png*",
                "E*  plan    none: *must be enlarged 1.01 times. max_upscale= allows that.",
                "E*format text: Atlas Cloud accepts*",
                "E*media/gone.png*",
                "E*UsageError: fit='stretch' is not a choice.*",
                "E*UsageError: No rule set given. Call preflight_fix*",
            ]
        )

    def test_unknown_file_is_skipped_if_the_project_says_so(self, pytester: pytest.Pytester, media: Path) -> None:
        ini(pytester, 'preflight_unknown = "skip"')
        pytester.makefile(".toml", clips=CLIPS)
        pytester.makepyfile("def test_it(preflight_fix): preflight_fix('media/live.webm', './clips.toml')")
        run(pytester).assert_outcomes(skipped=1)


def test_sandbox_fixture_has_a_url_and_a_key_and_applies_faults(pytester: pytest.Pytester, media: Path) -> None:
    pytester.makepyfile(
        """
        import urllib.error, urllib.request

        def status(sandbox, key):
            url = sandbox.endpoint("atlas") + "/api/v1/sd/assets"
            try:
                request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
                return urllib.request.urlopen(request).status
            except urllib.error.HTTPError as error:
                return error.code

        def test_it(preflight_sandbox):
            assert preflight_sandbox.endpoint("atlas").startswith("http://127.0.0.1:")
            assert status(preflight_sandbox, "wrong") == 401
            preflight_sandbox.faults.on(503)
            assert status(preflight_sandbox, preflight_sandbox.key("atlas")) in (404, 503)
            assert preflight_sandbox.host("media/good.png").endswith("good.png")

        def test_each_test_has_its_own(preflight_sandbox):
            assert not preflight_sandbox.stats.calls
        """
    )
    run(pytester).assert_outcomes(passed=2)
