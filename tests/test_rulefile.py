"""A user's rule file: problems are reported with file, line and the nearest correct word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight import catalog
from preflight.errors import RuleFileError
from preflight.formats import AUDIO_CODECS, VIDEO_CODECS
from preflight.judge import judge
from preflight.media import Media
from preflight.probes import codec_names, libraries
from preflight.probes.matroska import tracks as matroska_tracks
from preflight.rulecheck import validate_file
from preflight.rulefile import RuleFile, find_problems, read_rule_file
from preflight.rulefile.model import json_schema
from preflight.ruleset import BASES
from preflight.toml import LineIndex
from tests.rows import each_row

HEAD = """\
title = "Mine: pictures"
stage = "register"
source = "https://example.com/limits"
as_of = 2026-11-20
basis = "published"
"""
SMALL = HEAD + "[image]\nwidth = { min = 300 }\n"


def problems(text: str) -> list[str]:
    return find_problems(RuleFile("mine.toml", text, tomllib.loads(text)))


def written(folder: Path, text: str, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_valid_file_has_no_problems() -> None:
    assert problems(SMALL) == []


@each_row(
    ("lines", "said"),
    [
        ("[video]\npixel = { max = 3 }", "mine.toml:7: Unknown fact 'pixel' in [video]. Did you mean 'pixels'?"),
        ("[video]\ncodec = {}", "mine.toml:7: Unknown fact 'codec' in [video]. Did you mean 'video_codec'?"),
        (
            "[audio]\nwidth = { max = 3 }",
            "mine.toml:7: Unknown fact 'width' in [audio]. Choose one of format, mime, size, ",
        ),
        ("[vidoe]", "mine.toml:6: Unknown key 'vidoe'. Did you mean 'video'?"),
        (
            "[image]\nwidth = { minimum = 3 }",
            "mine.toml:7: Unknown key 'minimum' in [image] width. Did you mean 'min'?",
        ),
        (
            "[image]\nwidth = { max = 9, lenient = { mx = 3 } }",
            "mine.toml:7: Unknown key 'mx' in [image] width lenient. Did you mean 'max'?",
        ),
        (
            '[image]\nsize = { max = "30 Mb" }',
            "mine.toml:7: [image] size max: unknown unit 'Mb'. Choose one of B, kB, KB, MB, GB, KiB, MiB, GiB.",
        ),
        (
            '[video]\nfps = { max = "60 Hz" }',
            "mine.toml:7: [video] fps max: unexpected unit 'Hz'. Write a number without a unit.",
        ),
        ("[image]\nwidth = { min = true }", "mine.toml:7: [image] width min: true is not a number. Write one."),
        ("[image]\nwidth = { min = nan }", "mine.toml:7: [image] width min: nan is not a finite number. Write one."),
        (
            "[image]\nwidth = 300",
            "mine.toml:7: [image] width is 300. Write a table such as { min = 300, max = 6000 }.",
        ),
        (
            '[image]\nformat = { any_of = "png" }',
            'mine.toml:7: [image] format any_of is \'png\'. Write a list such as ["mp4", "mov"].',
        ),
        ("[image]\nformat = { any_of = [] }", "mine.toml:7: [image] format any_of is empty. List at least one value."),
        (
            '[image]\nformat = { min = "png" }',
            "mine.toml:7: Unknown key 'min' in [image] format. Choose one of any_of, lenient, note, hint, ",
        ),
        (
            '[image]\nformat = { any_of = ["png",\n  "jpg"] }',
            "mine.toml:8: [image] format any_of: unknown format 'jpg'. Did you mean 'jpeg'?",
        ),
        (
            '[image]\nformat = { any_of = ["mp3"] }',
            "mine.toml:7: [image] format any_of: 'mp3' is not a format of images. Remove it.",
        ),
        (
            '[video]\nvideo_codec = { any_of = ["h265"] }',
            "mine.toml:7: [video] video_codec any_of: unknown value 'h265'. Did you mean 'hevc'?",
        ),
        (
            "[video]\nstreamable = { any_of = [1] }",
            "mine.toml:7: [video] streamable any_of is 1. Write true or false.",
        ),
        (
            "[video]\nduration = { min = 20, max = 15 }",
            "mine.toml:7: [video] duration: min 20 and max 15 exclude every value. Change one of them.",
        ),
        (
            "[video]\nduration = { above = 15, max = 15 }",
            "mine.toml:7: [video] duration: above 15 and max 15 exclude every value. Change one of them.",
        ),
        (
            "[video]\nduration = { min = 2, above = 1 }",
            "mine.toml:7: [video] duration: min and above are both lower bounds. Keep one.",
        ),
        (
            '[audio]\nsize = { max = "15 MiB", lenient = { max = "15 MB" } }',
            "mine.toml:7: [audio] size: lenient max 15 MB is stricter than max 15 MiB. Make it wider.",
        ),
        (
            "[audio]\nduration = { max = 15, lenient = { below = 15 } }",
            "mine.toml:7: [audio] duration: lenient below 15 is stricter than max 15. Make it wider.",
        ),
        (
            "[audio]\nduration = { max = 15, lenient = { max = 15 } }",
            "mine.toml:7: [audio] duration: lenient max 15 is the limit itself. Make it wider or remove it.",
        ),
        (
            "[audio]\nduration = { max = 15, lenient = { min = 1 } }",
            "mine.toml:7: [audio] duration: lenient min widens a side that the limit does not have. Remove it.",
        ),
        (
            '[audio]\nformat = { any_of = ["mp3", "wav"], lenient = { any_of = ["mp3", "aac"] } }',
            "mine.toml:7: [audio] format: lenient any_of lacks wav. Repeat all values of any_of in it.",
        ),
        (
            "[audio]\nduration = {}",
            "mine.toml:7: [audio] duration: the limit accepts everything. Give a bound, any_of or ",
        ),
        (
            "[audio]\nchannels = { any_of = [1], max = 2 }",
            "mine.toml:7: [audio] channels: any_of and bounds exclude each other. Keep one.",
        ),
        (
            "[video]\n[[video.when]]\nfps = { max = 30 }",
            "mine.toml:7: [[video.when]]: there is no condition. Add",
        ),
        (
            '[video]\n[[video.when]]\nformat = "mov"\n[[video.when]]\nformat = "mp4"\nfsp = {}',
            "mine.toml:11: Unknown key 'fsp' in [[video.when]]. Did you mean 'fps'?",
        ),
        ("[data_uri]\nkind = []", "mine.toml:7: Unknown key 'kind' in [data_uri]. Did you mean 'kinds'?"),
        (
            '[data_uri]\nkinds = ["images"]',
            "mine.toml:7: [data_uri] kinds: unknown value 'images'. Did you mean 'image'?",
        ),
        (
            "[data_uri]\nkinds = []\n[data_uri.image]\nsize = { max = 9 }",
            "mine.toml:8: [data_uri.image] limits a kind that kinds does not list. Add it to kinds.",
        ),
        (
            "[data_uri.image]\nwidth = { max = 9 }",
            "mine.toml:7: Unknown key 'width' in [data_uri.image]. Choose one of size, base64_size, url_length.",
        ),
        (
            "[request.video]\nfile = { max = 3 }",
            "mine.toml:7: Unknown key 'file' in [request.video]. Did you mean 'files'?",
        ),
        (
            '[request]\ncompanions = { audio = ["pictures"] }',
            "mine.toml:7: [request.companions] audio: unknown value 'pictures'. Choose one of image, video, audio.",
        ),
        ("[url]\nhttps = {}", "mine.toml:7: Unknown fact 'https' in [url]. Choose one of scheme, host, "),
        ("[asset]\nname = { max_length = 0 }", "mine.toml:7: [asset] name max_length is 0. "),
        (
            "[image]\nwidth = false",
            "mine.toml:7: [image] width = false removes nothing, as the file extends no other. Delete it.",
        ),
        (
            '[[examples]]\nverdict = "ok"\nfacts = { kind = "image" }',
            "mine.toml:7: [[examples]] verdict: unknown value 'ok'. Choose one of pass, fail, unknown.",
        ),
        (
            '[[examples]]\nverdict = "fail"\nfacts = { kind = "image", pixels = 4 }',
            "mine.toml:8: Unknown fact 'pixels' in [[examples]] facts. Give width and height.",
        ),
        (
            '[[examples]]\nverdict = "fail"\nfacts = { width = 4.5 }',
            "mine.toml:8: [[examples]] facts width is 4.5. Write a whole number.",
        ),
        (
            '[[examples]]\nverdict = "fail"\ncodes = ["fps_low"]\nfacts = {}',
            "mine.toml:8: [[examples]] codes: unknown value 'fps_low'. Did you mean 'fps_too_low'?",
        ),
    ],
)
def test_problem_is_reported_with_line_and_remedy(lines: str, said: str) -> None:
    found = problems(HEAD + lines)
    assert any(problem.startswith(said) for problem in found), found


@each_row(
    ("line", "said"),
    [
        ('as_of = "2026-11-20"', "as_of is '2026-11-20'. Write a day such as 2026-11-20, without quotes."),
        (
            "as_of = 2026-11-20T10:00:00",
            "as_of is 2026-11-20 10:00:00. Write a day such as 2026-11-20, without quotes.",
        ),
        ('stage = "registr"', "stage: unknown value 'registr'. Did you mean 'register'?"),
        (
            'basis = "guessed"',
            f"basis: unknown value 'guessed'. Choose one of {', '.join(BASES)}.",
        ),
        ("title = 3", "title is 3. Write text in quotes."),
        ('title = ""', "title is empty. Write text."),
        ('not_checked = "faces"', 'not_checked is \'faces\'. Write a list such as ["mp4", "mov"].'),
    ],
)
def test_required_keys_are_validated(line: str, said: str) -> None:
    key = line.partition(" ")[0]
    kept = "".join(f"{old}\n" for old in HEAD.splitlines() if not old.startswith(key))
    assert f"mine.toml:{kept.count(chr(10)) + 1}: {said}" in problems(f"{kept}{line}\n[image]\n")


def test_all_problems_are_reported_in_the_order_of_the_file() -> None:
    found = problems('titel = "x"\n[image]\nwidth = { mni = 3 }\nhieght = { max = 3 }\n')
    assert [problem.split(": ", 1)[0] for problem in found] == ["mine.toml"] * 5 + [f"mine.toml:{n}" for n in (1, 3, 4)]
    assert found[0] == 'mine.toml: title is missing. Add it: "Service: what of it"; messages name the service.'


def test_file_without_a_section_is_refused() -> None:
    assert problems(HEAD) == ["mine.toml: No kind of media is accepted. Add a section: [image], [video] or [audio]."]


def test_empty_section_accepts_all_files_of_its_kind(tmp_path: Path) -> None:
    rules = catalog.load(written(tmp_path, HEAD + "[audio]\n"))
    assert judge(Media(kind="audio", format="ogg"), rules).verdict == "pass"
    assert judge(Media(kind="image", format="png"), rules).verdict == "fail"


def test_sizes_may_lack_a_unit_and_durations_may_have_one(tmp_path: Path) -> None:
    rules = catalog.load(written(tmp_path, HEAD + '[audio]\nsize = { max = 1_000 }\nduration = { max = "2 min" }\n'))
    assert judge(Media(kind="audio", size=1000, duration=120.0), rules).verdict == "pass"
    assert judge(Media(kind="audio", size=1001, duration=120.1), rules).verdict == "fail"


class TestFile:
    def test_missing_file_is_reported(self, tmp_path: Path) -> None:
        path = str(tmp_path / "gone.toml")
        assert validate_file(path) == [f"{path}: Cannot be read: No such file or directory."]

    def test_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.toml").mkdir()
        assert "Cannot be read: Is a directory." in validate_file(str(tmp_path / "a.toml"))[0]

    def test_text_that_is_not_utf_8_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "latin.toml"
        path.write_bytes(b'stage = "register"\ntitle = "Caf\xe9"\n')
        assert validate_file(str(path)) == [f"{path}:2: Not UTF-8 text. Save the file as UTF-8."]

    def test_byte_order_mark_is_accepted(self, tmp_path: Path) -> None:
        path = tmp_path / "windows.toml"
        path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
        assert validate_file(str(path)) == []

    def test_invalid_toml_is_refused_with_its_line(self, tmp_path: Path) -> None:
        path = written(tmp_path, HEAD + "[image\n")
        assert validate_file(path)[0].startswith(f"{path}:6: Not TOML: ")
        path = written(tmp_path, HEAD + '[image]\nwidth = {\n\n\n"', "unfinished.toml")
        assert validate_file(path)[0].startswith(f"{path}:")

    def test_deeply_nested_file_is_refused(self, tmp_path: Path) -> None:
        path = written(tmp_path, "a = " + "[" * 100_000)
        assert "nested more than 16 deep" in validate_file(path)[0]

    def test_large_file_is_refused(self, tmp_path: Path) -> None:
        path = written(tmp_path, "#" * (1 << 20) + "\n")
        assert validate_file(path) == [f"{path}: The file is larger than 1 MiB. Give a smaller one."]

    def test_control_characters_in_the_file_name_are_escaped(self, tmp_path: Path) -> None:
        path = written(tmp_path, SMALL + "x = 1\n", "a\x1b[31m.toml")
        assert "a\\x1b[31m.toml:8: " in validate_file(path)[0]


class TestExtends:
    def test_limits_of_the_child_replace_those_of_the_parent(self, tmp_path: Path) -> None:
        base = catalog.load("atlas")
        mine = catalog.load(
            written(tmp_path, 'extends = "atlas"\naudio = false\n[video]\nfps = false\nduration = { max = 60 }\n')
        )
        assert set(mine.sections) == {"image", "video"}
        assert mine.sections["image"].limits == base.sections["image"].limits
        limits = {limit.fact: limit for limit in mine.sections["video"].limits}
        assert "fps" not in limits
        assert (limits["duration"].low, limits["duration"].high) == (None, 60)
        assert limits["pixels"] == next(limit for limit in base.sections["video"].limits if limit.fact == "pixels")
        assert (mine.as_of, mine.source_url) == (base.as_of, base.source_url)

    def test_examples_are_not_inherited(self, tmp_path: Path) -> None:
        assert validate_file(written(tmp_path, 'extends = "atlas"\nvideo = false\n')) == []

    def test_path_is_relative_to_the_file_that_names_it(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        written(tmp_path, SMALL, "base.toml")
        written(tmp_path / "sub", 'extends = "../base.toml"\n[image]\nheight = { min = 9 }\n', "middle.toml")
        top = written(tmp_path, 'extends = "sub/middle.toml"\n', "top.toml")
        assert [limit.fact for limit in catalog.load(top).sections["image"].limits] == ["width", "height"]

    def test_request_limits_are_inherited(self, tmp_path: Path) -> None:
        text = (
            'extends = "seedance-2.0"\n[request]\nvideo = { files = { max = 1 } }\naudio = { total_duration = false }\n'
        )
        request = catalog.load(written(tmp_path, text)).request
        assert request is not None
        facts = {kind: [limit.fact for limit in limits] for kind, limits in request.limits.items()}
        assert facts == {"image": ["files"], "video": ["files", "total_duration"], "audio": ["files"]}
        assert request.limits["video"][0].high == 1

    def test_default_limits_on_urls_can_be_removed(self, tmp_path: Path) -> None:
        path = written(tmp_path, 'extends = "runway"\n[url]\nexpires_in = false\nredirects = false\n')
        facts = {limit.fact for limit in catalog.load(path).url}
        assert "public" in facts
        assert not facts & {"expires_in", "redirects"}

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("atlsa", ":2: Unknown rule set 'atlsa'. Did you mean 'atlas'?"),
            ("./gone.toml", "gone.toml not found. Check the path."),
            ("mine.toml", "mine.toml is extended already. Remove the reference."),
            ("sub/../mine.toml", "mine.toml is extended already. Remove the reference."),
        ],
    )
    def test_invalid_reference_is_reported_with_its_line(self, tmp_path: Path, name: str, said: str) -> None:
        (tmp_path / "sub").mkdir()
        found = validate_file(written(tmp_path, f'# mine\nextends = "{name}"\n', "mine.toml"))
        assert len(found) == 1
        assert found[0].endswith(said)
        assert "mine.toml:2: " in found[0]

    def test_circular_extends_over_several_files_is_refused(self, tmp_path: Path) -> None:
        written(tmp_path, 'extends = "b.toml"\n', "a.toml")
        written(tmp_path, 'extends = "./c.toml"\n', "b.toml")
        written(tmp_path, 'extends = "../' + tmp_path.name + '/a.toml"\n', "c.toml")
        assert "c.toml:1: Circular extends: " in validate_file(str(tmp_path / "a.toml"))[0]

    def test_problems_of_the_extended_file_name_that_file(self, tmp_path: Path) -> None:
        written(tmp_path, SMALL + "x = 1\n", "base.toml")
        found = validate_file(written(tmp_path, 'extends = "base.toml"\n'))
        assert found == [
            f"{tmp_path / 'base.toml'}:8: Unknown fact 'x' in [image]." + found[0].partition("[image].")[2]
        ]


class TestExamples:
    def test_unexpected_verdict_is_reported_with_its_findings(self, tmp_path: Path) -> None:
        path = written(tmp_path, SMALL + '[[examples]]\nverdict = "pass"\nfacts = { kind = "image", width = 299 }\n')
        assert validate_file(path) == [
            f"{path}: [[examples]] 1: the verdict is fail, not pass; width 299 px: below the 300 px that Mine accepts"
        ]

    def test_unexpected_codes_are_reported(self, tmp_path: Path) -> None:
        text = '[[examples]]\nverdict = "fail"\ncodes = ["height_too_small"]\nfacts = { kind = "image", width = 299 }\n'
        found = validate_file(written(tmp_path, SMALL + text))
        assert "the codes are width_too_small, not height_too_small" in found[0]

    def test_examples_are_not_judged_when_the_file_is_used(self, tmp_path: Path) -> None:
        path = written(tmp_path, SMALL + '[[examples]]\nverdict = "pass"\nfacts = { kind = "image", width = 299 }\n')
        assert catalog.load(path).name == path


class TestSchema:
    SCHEMA = json_schema()
    VALID = jsonschema.Draft202012Validator(SCHEMA)

    @staticmethod
    def instance(text: str) -> Any:
        return json.loads(json.dumps(tomllib.loads(text), default=str))

    def test_is_a_schema_of_the_2020_12_draft(self) -> None:
        assert self.SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        jsonschema.Draft202012Validator.check_schema(self.SCHEMA)

    @each_row("name", catalog.names())
    def test_accepts_the_built_in_files(self, name: str) -> None:
        text = Path(catalog.folder(), f"{name}.toml").read_text(encoding="utf-8")
        self.VALID.validate(self.instance(text))

    @each_row(
        "lines",
        [
            "[image]\npixel = { max = 3 }",
            "[image]\nwidth = { mni = 3 }",
            '[image]\nformat = { any_of = ["mp3"] }',
            '[image]\nsize = { max = "30 Mb" }',
            '[video]\nvideo_codec = { any_of = ["h265"] }',
            "[video]\n[[video.when]]\nfps = { max = 3 }",
            "[request.video]\nfile = { max = 3 }",
            '[image]\n[variants."a:b".image]',
            "[image]\n[roles.First]",
            '[image]\n[roles.last]\nrequires = ["First frame"]',
            '[image]\n[[image.when]]\nsize = ["> 3 MB"]\nwidth = { max = 3 }',
        ],
    )
    def test_refuses_what_validation_refuses(self, lines: str) -> None:
        with pytest.raises(jsonschema.ValidationError):
            self.VALID.validate(self.instance(HEAD + lines))

    def test_required_keys_may_be_missing_only_with_extends(self) -> None:
        with pytest.raises(jsonschema.ValidationError):
            self.VALID.validate({"image": {}})
        self.VALID.validate({"extends": "atlas", "video": False})

    def test_describes_every_key_for_editors(self) -> None:
        for name in ("ImageSection", "VideoSection", "AudioSection", "Url", "NumberLimit"):
            for word, entry in self.SCHEMA["$defs"][name]["properties"].items():
                assert entry.get("description") or "$ref" in entry, (name, word)
        assert "null" not in json.dumps(self.SCHEMA)


class TestLines:
    TEXT = '''\
# a [comment] = "x"
title = "a # b"
"quoted key" = """
[not.a.table]
x = 1
"""
a.b.c = 3
[one]
x = { y = [ 1,
  { z = 2 }, [
    3 ] ], "w" = 'a = b' }
[[many]]
v = 1979-05-27 07:32:00
[[many]]
v = [
  "a", # [[many]]
  "b",
]
[many.inside]
q = 1.5
'''

    @each_row(
        ("path", "line"),
        [
            (("title",), 2),
            (("quoted key",), 3),
            (("a", "b", "c"), 7),
            (("one",), 8),
            (("one", "x", "y"), 9),
            (("one", "x", "y", 1, "z"), 10),
            (("one", "x", "y", 2, 0), 11),
            (("one", "x", "w"), 11),
            (("many", 0), 12),
            (("many", 0, "v"), 13),
            (("many", 1, "v"), 15),
            (("many", 1, "v", 1), 17),
            (("many", 1, "inside", "q"), 20),
            (("many", 1, "nowhere"), 14),
            (("nowhere",), 1),
        ],
    )
    def test_finds_every_key(self, path: tuple[str | int, ...], line: int) -> None:
        tomllib.loads(self.TEXT)
        assert LineIndex(self.TEXT).line_of(path) == line

    @given(st.text(alphabet="ab.=[]{},\"'#\n\\ 1-", max_size=60))
    def test_indexing_ends_for_any_text(self, text: str) -> None:
        """It is only used on text that tomllib accepts, but must never hang."""
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return
        assert 1 <= LineIndex(text).line_of(("a",)) <= 1 + text.count("\n")


def test_every_codec_of_the_readers_is_allowed_in_rule_files() -> None:
    tables = [
        *(codec_names.VIDEO_ENTRIES, codec_names.AUDIO_ENTRIES, codec_names.FOURCCS),
        *(codec_names.VIDEO_OBJECT_TYPES, codec_names.AUDIO_OBJECT_TYPES),
        *(libraries._VIDEO_CODECS, libraries._AUDIO_CODECS),
        *(matroska_tracks._VIDEO_CODECS, matroska_tracks._AUDIO_CODECS),
        *(codec_names.FORMAT_TAGS,),
    ]
    named = {codec for table in tables for codec in table.values()}
    assert named - {*VIDEO_CODECS, *AUDIO_CODECS} == set()


def test_reading_an_invalid_file_raises_with_all_problems(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL + "x = 1\ny = 2\n")
    with pytest.raises(RuleFileError) as raised:
        read_rule_file(path)
    assert len(raised.value.problems) == 2
    assert str(raised.value) == "\n".join(raised.value.problems)


def test_pydantic_is_loaded_only_for_files_of_users(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL)
    program = "import sys; from preflight import catalog; catalog.load({!r}); print('pydantic' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    for name, loaded in (("atlas", "False"), (path, "True")):
        command = [sys.executable, "-c", program.format(name)]
        assert subprocess.run(command, capture_output=True, text=True, env=environment).stdout.strip() == loaded
