"""`[tool.preflight]` and preflight.toml: where they are found, what they may say, and what wins over them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from preflight import UsageError, config
from preflight.ledger import Ledger
from tests.conftest import Run


@pytest.fixture
def project(tmp_path: Path, fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's top folder with media and a folder below; the present folder is the top."""
    top = tmp_path / "project"
    (top / ".git").mkdir(parents=True)
    (top / "media").mkdir()
    (top / "src" / "deep").mkdir(parents=True)
    shutil.copy(fixtures / "accepted/picture.png", top / "media/good.png")
    shutil.copy(fixtures / "accepted/clip-15.1-s.mp4", top / "media/clip.mp4")
    shutil.copy(fixtures / "refused/png-too-narrow.png", top / "media/narrow.png")
    monkeypatch.chdir(top)
    return top


def pyproject(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(f'[project]\nname = "x"\n\n[tool.preflight]\n{text}\n', encoding="utf-8")
    return path


def sources(run: Run, cwd: Path, *words: str) -> dict[str, str]:
    """Source → verdict of `preflight check …` without a word of what and by what."""
    done = run("check", "--format", "jsonl", *words, cwd=cwd)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["source"]: row["verdict"] for row in rows}


class TestFound:
    def test_rules_and_paths_need_not_be_written_any_more(self, run: Run, project: Path) -> None:
        pyproject(project, 'rules = ["atlas"]\npaths = ["media"]')
        verdicts = {"media/clip.mp4": "pass", "media/good.png": "pass", "media/narrow.png": "fail"}
        assert sources(run, project) == verdicts

    def test_upwards_with_paths_as_seen_from_where_one_stands(self, run: Run, project: Path) -> None:
        pyproject(project, 'rules = "atlas"\npaths = ["media/*.png"]')
        assert sources(run, project / "src/deep") == {
            "../../media/good.png": "pass",
            "../../media/narrow.png": "fail",
        }

    def test_preflight_toml_holds_before_pyproject_and_the_nearest_before_all(self, project: Path) -> None:
        pyproject(project, 'rules = "atlas"')
        assert config.load() == (str(project / "pyproject.toml"), {"rules": ["atlas"]})
        (project / "preflight.toml").write_text('rules = "fal"')
        assert config.load() == (str(project / "preflight.toml"), {"rules": ["fal"]})
        pyproject(project / "src", 'rules = "runway"')
        assert config.load(str(project / "src/deep")) == (str(project / "src/pyproject.toml"), {"rules": ["runway"]})

    def test_pyproject_without_the_table_is_skipped(self, project: Path) -> None:
        pyproject(project, 'rules = "atlas"')
        (project / "src/pyproject.toml").write_text('[project]\nname = "preflight-user"\n')
        found = config.load(str(project / "src"))
        assert found is not None
        assert found.path == str(project / "pyproject.toml")

    def test_folders_above_the_repository_are_not_searched(self, project: Path) -> None:
        (project.parent / "preflight.toml").write_text('rules = "atlas"')
        assert config.load() is None

    def test_folders_above_the_home_folder_are_not_searched(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        (home / "work").mkdir(parents=True)
        monkeypatch.setenv("HOME", str(home))
        (tmp_path / "preflight.toml").write_text('rules = "atlas"')
        assert config.load(str(home / "work")) is None
        (home / "preflight.toml").write_text('rules = "atlas"')
        assert config.load(str(home / "work")) is not None

    def test_folder_with_the_name_of_a_configuration_is_skipped(self, project: Path) -> None:
        (project / "preflight.toml").mkdir()
        assert config.load() is None

    def test_rule_file_is_relative_to_the_configuration(self, run: Run, project: Path) -> None:
        (project / "mine.toml").write_text(
            'extends = "atlas"\ntitle = "Mine: pictures"\nstage = "register"\nsource = "https://example.com"\n'
            'as_of = 2026-11-20\nbasis = "published"\n[image]\nwidth = { min = 700 }'
        )
        pyproject(project, 'rules = "mine.toml"\npaths = ["media/good.png"]')
        assert sources(run, project / "src") == {"../media/good.png": "fail"}

    def test_rule_sets_may_be_variants_and_stages(self, run: Run, project: Path) -> None:
        (project / "mine.toml").write_text('extends = "atlas"\n[variants.wide.image]\nwidth = { min = 700 }')
        pyproject(project, 'rules = "mine.toml:wide"\npaths = ["media/good.png"]')
        assert sources(run, project / "src") == {"../media/good.png": "fail"}
        pyproject(project, 'rules = "stage:transcribe"\npaths = ["media/good.png"]')
        assert sources(run, project / "src") == {"../media/good.png": "fail"}
        pyproject(project, 'rules = "stages:register"\npaths = ["media/good.png"]')
        assert run("check", cwd=project).returncode == 2

    def test_list_is_relative_to_the_configuration(self, run: Run, project: Path) -> None:
        (project / "chosen.txt").write_text(str(project / "media/good.png"))
        pyproject(project, 'rules = "atlas"\npaths = ["@chosen.txt"]')
        assert sources(run, project / "src") == {str(project / "media/good.png"): "pass"}


class TestPrecedence:
    def test_command_line_options_take_precedence(self, run: Run, project: Path) -> None:
        pyproject(project, 'rules = "atlas"\npaths = ["media"]\nexclude = ["*.png"]\nstrict = true')
        assert sources(run, project) == {"media/clip.mp4": "fail"}
        assert sources(run, project, "--no-strict") == {"media/clip.mp4": "pass"}
        assert sources(run, project, "--for", "fal", "--no-strict", "--exclude", "c*", "media/good.png")
        assert sources(run, project, "--exclude", "c*") == {"media/good.png": "pass", "media/narrow.png": "fail"}

    def test_no_config_ignores_configuration_files(self, run: Run, project: Path) -> None:
        pyproject(project, 'rules = "atlas"\nignore = ["width_too_small"]')
        assert sources(run, project, "media/narrow.png") == {"media/narrow.png": "pass"}
        assert sources(run, project, "media/narrow.png", "--for", "atlas", "--no-config") == {
            "media/narrow.png": "fail"
        }
        assert "Missing option '--for'" in run("check", "media", "--no-config", cwd=project).stderr

    def test_ignored_codes_of_the_configuration_are_announced(self, run: Run, project: Path) -> None:
        path = pyproject(project, 'rules = "atlas"\nignore = ["width_too_small"]')
        done = run("check", "media/narrow.png", cwd=project)
        assert done.stderr == f"{path} ignores width_too_small\n"
        assert run("check", "media/narrow.png", "--ignore", "width_too_small", cwd=project).stderr == ""

    def test_unknown_of_the_configuration_decides_the_exit_code_and_is_announced(self, run: Run, project: Path) -> None:
        path = pyproject(project, 'rules = "atlas"\nunknown = "pass"')
        done = run("check", "gone.png", cwd=project)
        assert (done.returncode, done.stderr) == (0, f"{path} makes unknown verdicts exit with 0\n")
        assert run("check", "gone.png", "--unknown", "fail", cwd=project).returncode == 1

    def test_pattern_that_matches_folders_and_their_files_lists_each_file_once(self, run: Run, project: Path) -> None:
        pyproject(project, 'rules = "atlas"\npaths = ["media/**"]')
        printed = run("check", "--format", "jsonl", cwd=project).stdout.splitlines()
        names = [json.loads(line)["source"] for line in printed]
        assert sorted(names) == ["media/clip.mp4", "media/good.png", "media/narrow.png"]

    def test_probe_takes_the_keys_that_it_has_an_option_for(self, run: Run, project: Path) -> None:
        pyproject(project, 'rules = "atlas"\npaths = ["media"]\ninclude = ["*.mp4"]\njobs = 1\ntimeout = 5')
        (row,) = [json.loads(line) for line in run("probe", "--format", "jsonl", cwd=project).stdout.splitlines()]
        assert row["format"] == "mp4"

    def test_without_a_target_the_message_names_the_configuration(self, run: Run, project: Path) -> None:
        done = run("check", "--for", "atlas", cwd=project)
        assert done.returncode == 2
        assert "Missing argument 'TARGET…'" in done.stderr
        assert "[tool.preflight]" in done.stderr


class TestRegistering:
    """`submit` and `assets` read the account and its rate, and nothing else."""

    def test_account_of_the_configuration_is_the_default(self, run: Run, project: Path) -> None:
        pyproject(project, 'account = "studio"\nrules = "runway"\npaths = ["media"]\nstrict = true')
        given = ("media/good.png", "--to", "atlas", "--sandbox", "--ledger", "ledger.sqlite", "--no-wait")
        done = run("submit", *given, cwd=project)
        assert done.returncode == 0, done.stderr
        with Ledger(str(project / "ledger.sqlite")) as ledger:
            assert [(entry.source, entry.account) for entry in ledger.entries()] == [("media/good.png", "studio")]

        def account(*words: str, **variables: str) -> str:
            """Return the count that `assets list` prints, with the account whose assets it lists."""
            given = ("assets", "list", "--ledger", "ledger.sqlite", *words)
            done = run(*given, cwd=project, env={**os.environ, **variables})
            return done.stderr.replace(" in the ledger ledger.sqlite", "").partition(":")[0].partition(";")[0].strip()

        assert account() == "1 asset (account studio)"
        assert account(PREFLIGHT_ACCOUNT="agency") == "0 assets (account agency)"
        assert account("--account", "other", PREFLIGHT_ACCOUNT="agency") == "0 assets (account other)"
        assert account("--no-config") == "1 asset"

    def test_wrong_configuration_stops_the_command_before_anything_is_sent(self, run: Run, project: Path) -> None:
        path = pyproject(project, 'rate = "3"')
        done = run("submit", "media/good.png", "--to", "atlas", "--sandbox", cwd=project)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"preflight: {path}:5: rate = '3' is invalid. Write auto, published, or registrations such as 3/min or "
            "30/s.\n--no-config ignores configuration files.\n"
        )

    def test_unusable_account_is_refused(self, run: Run, project: Path) -> None:
        pyproject(project, 'account = " x"')
        done = run("submit", "media/good.png", "--to", "atlas", "--sandbox", cwd=project)
        assert (done.returncode, done.stdout) == (2, "")
        assert "The account ' x' cannot be used. Give --account a name of 1 to 64 printable characters" in done.stderr


class TestWrong:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('rule = "atlas"', "Unknown key 'rule'. Did you mean 'rules'?"),
            ('endpoint = "https://example.com"', "Unknown key 'endpoint'. Choose one of rules, "),
            ('rules = "atlass"', "rules: unknown rule set 'atlass'. Did you mean 'atlas'?"),
            ("rules = 7", "rules = 7 is invalid. Write a string, or a list of strings."),
            ('ignore = ["fps_low"]', "ignore: unknown finding code 'fps_low'. Did you mean 'fps_too_low'?"),
            ('strict = "yes"', "strict = 'yes' is invalid. Write true or false."),
            ("jobs = 0", "jobs = 0 is invalid. Write a whole number from 1 to 256."),
            ("jobs = true", "jobs = True is invalid. Write a whole number"),
            ("timeout = 0", "timeout = 0 is invalid. Write seconds, from 0.1 to 86,400."),
            (
                'paths = ["https://example.com/a.png"]',
                "is not a file, folder, glob or @list. Give it on the command line.",
            ),
            ('paths = ["-"]', "is not a file, folder, glob or @list. Give it on the command line."),
            ('unknown = "maybe"', 'unknown = \'maybe\' is invalid. Write "fail" or "pass".'),
            ('paths = [""]', "Write a string, or a list of strings."),
            ("account = 7", "account = 7 is invalid. Write the name of an account."),
            ('rate = "3/hour"', "rate = '3/hour' is invalid. Write auto, published, or registrations such as 3/min"),
            ("rate = 3", "rate = 3 is invalid. Write auto, "),
            ('ledger = "l.sqlite"', "Unknown key 'ledger'. Choose one of rules, "),
        ],
    )
    def test_message_names_file_line_and_remedy(self, project: Path, text: str, said: str) -> None:
        path = pyproject(project, f"deep = false\n{text}")
        with pytest.raises(UsageError) as caught:
            config.load()
        assert str(caught.value).startswith(f"{path}:6: ")
        assert said in str(caught.value)

    def test_configuration_cannot_name_hosts_keys_and_files_to_write(self) -> None:
        assert set(config.KEYS) == {
            *("rules", "paths", "include", "exclude", "select", "ignore"),
            *("strict", "deep", "unknown", "jobs", "timeout", "user_agent", "account", "rate"),
        }

    def test_invalid_configuration_exits_with_2_and_mentions_no_config(self, run: Run, project: Path) -> None:
        path = pyproject(project, 'rule = "atlas"')
        done = run("check", "media", "--for", "atlas", cwd=project)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"preflight: {path}:5: Unknown key 'rule'. Did you mean 'rules'?\n"
            "--no-config ignores configuration files.\n"
        )
        assert run("check", "media", "--for", "atlas", "--no-config", cwd=project).returncode == 1

    @pytest.mark.parametrize("text", ["[tool.preflight\n", "[tool.preflight]\nrules = \xff"])
    def test_file_that_is_not_toml_is_refused(self, project: Path, text: str) -> None:
        (project / "pyproject.toml").write_bytes(text.encode("latin-1"))
        with pytest.raises(UsageError, match=r"pyproject\.toml:\d: Not (TOML|UTF-8 text)"):
            config.load()

    def test_value_instead_of_the_table_is_refused(self, project: Path) -> None:
        (project / "pyproject.toml").write_text('tool.preflight = "atlas"')
        with pytest.raises(UsageError, match=r"tool\.preflight is not a table"):
            config.load()

    def test_removed_current_folder_has_no_configuration(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        gone = project / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert config.load() is None
