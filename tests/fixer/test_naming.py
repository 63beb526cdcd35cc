"""Names of outputs: beside the source or mirrored, never two alike, the same ones in each run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.errors import UsageError
from preflight.fixer.naming import LocatedTarget, OutputName, file_name, locate, name_outputs, written_format
from preflight.targets import Item, expand
from tests.rows import each_row

SOURCE_NAMES = st.sampled_from(
    ["a.jpg", "a.heic", "A.JPG", "a.jpeg", "a.heic.jpg", "a.heic-2.jpg", "a", "a.jpg.jpg"]
) | st.text("aA.é\u0301-2", min_size=1, max_size=5).map("{}.jpg".format)


def located(*words: str) -> list[LocatedTarget]:
    return list(locate(words, lambda word: expand([word])))


def folders(*words: str) -> dict[str, str]:
    """The folder below the outputs of each target, by its name."""
    return {each.name: each.folder for each in located(*words)}


def names(*given: str, output: str | None = "out", extension: str = "jpg") -> list[str]:
    targets = [LocatedTarget(Item(name), "", os.path.basename(name)) for name in given]
    return [destination.path_for(extension) for destination in name_outputs(targets, output)]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("media/a.mov", "media/day 1/b.mov", "media/day 1/raw/c.png", "stills/d.heic", "e.mov"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("tree")
class TestPlaces:
    def test_folder_is_mirrored(self) -> None:
        assert folders("media") == {"a.mov": "", "b.mov": "day 1", "c.png": "day 1/raw"}
        assert folders("media/") == folders("media") == folders("./media/day 1/..")

    def test_current_folder_is_mirrored(self) -> None:
        assert folders(".")["c.png"] == "media/day 1/raw"

    def test_several_folders_are_mirrored_separately(self) -> None:
        places = {"a.mov": "media", "b.mov": "media/day 1", "c.png": "media/day 1/raw", "d.heic": "stills", "e.mov": ""}
        assert folders("media", "stills/", "e.mov") == places

    @each_row(
        ("pattern", "places"),
        [
            ("media/*.mov", {"a.mov": ""}),
            ("media/**/*.mov", {"a.mov": "", "b.mov": "day 1"}),
            ("*/*.heic", {"d.heic": "stills"}),
            ("media/day*", {"b.mov": "day 1", "c.png": "day 1/raw"}),
        ],
    )
    def test_pattern_is_mirrored_below_its_part_without_wildcards(self, pattern: str, places: dict[str, str]) -> None:
        assert folders(pattern) == places

    def test_target_that_is_named_twice_is_taken_once(self) -> None:
        assert [each.item.target for each in located("e.mov", "./e.mov", "*.mov")] == ["e.mov"]

    def test_missing_path_stays_a_problem(self, tmp_path: Path) -> None:
        (missing,) = located("none/*.mov")
        assert missing.item.problem is not None


@each_row(
    ("target", "name"),
    [
        ("media/-x.mp4", "-x.mp4"),
        ("a\nb.mov", "a\nb.mov"),
        ("https://example.com/media/b%20c.mov?sig=1", "b c.mov"),
        ("https://example.com/..%2F..%2Fetc%2Fpasswd", "_.._etc_passwd"),
        ("https://example.com/%00%1b[31m.png", "_[31m.png"),
        ("https://example.com/.hidden.mov", "hidden.mov"),
        ("https://example.com/media/", "media"),
        ("https://example.com", "download"),
        ("data:image/png;base64,AAAA", "data"),
    ],
)
def test_name_of_a_source(target: str, name: str) -> None:
    assert file_name(Item(target)) == name


class TestNames:
    def test_output_without_a_folder_is_beside_its_source(self) -> None:
        assert names("media/clip.mov", output=None, extension="mp4") == ["media/clip.fixed.mp4"]
        assert names("clip.mov", output=None, extension="mov") == ["clip.fixed.mov"]
        assert names("v1.2", output=None, extension="mov") == ["v1.2.fixed.mov"]

    def test_url_without_a_folder_is_in_the_current_one(self) -> None:
        item = Item("https://example.com/media/clip.mov")
        (destination,) = name_outputs([LocatedTarget(item, "", file_name(item))], None)
        assert destination.path_for("mp4") == "clip.fixed.mp4"

    def test_own_name_stays_with_the_format(self) -> None:
        assert names("CLIP.JPEG", "b.JPG", "c.png") == ["out/CLIP.JPEG", "out/b.JPG", "out/c.jpg"]

    def test_files_that_differ_only_in_their_extension_get_different_names(self) -> None:
        assert names("a.jpg", "a.heic", "A.png", "b.png") == [
            "out/a.jpg",
            "out/a.heic.jpg",
            "out/A.png.jpg",
            "out/b.jpg",
        ]

    def test_name_that_another_file_has_is_not_taken(self) -> None:
        assert names("a.jpg", "a.heic", "a.heic.png") == ["out/a.jpg", "out/a.heic-2.jpg", "out/a.heic.jpg"]

    def test_files_of_the_same_name_are_numbered(self) -> None:
        assert names("x/a.png", "y/a.png", "z/A.png", extension="png") == [
            "out/a.png",
            "out/a.png-2.png",
            "out/A.png-3.png",
        ]

    def test_marks_and_folders_tell_rule_sets_apart(self) -> None:
        targets = [LocatedTarget(Item("m/a.mov"), "", "a.mov")] * 2
        beside = name_outputs(targets, None, marks=("kling", "x"))
        assert [each.path_for("mp4") for each in beside] == ["m/a.kling.fixed.mp4", "m/a.x.fixed.mp4"]
        below = name_outputs(targets, "out", folders=("kling", "x"))
        assert [each.path_for("mp4") for each in below] == ["out/kling/a.mp4", "out/x/a.mp4"]

    @pytest.mark.parametrize("output", [None, "out"])
    def test_long_names_are_shortened_to_what_a_file_system_takes(self, output: str | None) -> None:
        made = names("é" * 125 + ".mov", "é" * 125 + ".heic", output=output)
        assert len(set(made)) == 2
        assert max(len(os.fsencode(os.path.basename(name))) for name in made) <= 255

    @given(st.lists(SOURCE_NAMES, max_size=8))
    def test_no_two_outputs_are_the_same_file(self, sources: list[str]) -> None:
        targets = [LocatedTarget(Item(f"{number}/{name}"), "", name) for number, name in enumerate(sources)]
        made = name_outputs(targets, "out")
        assert made == name_outputs(targets, "out")
        for extension in ("jpg", "heic"):
            for number, one in enumerate(made):
                others = {other.path_for(e).casefold() for other in made[:number] for e in ("jpg", "heic")}
                assert one.path_for(extension).casefold() not in others


class TestGivenPath:
    def test_given_path_is_kept(self) -> None:
        assert OutputName("", "x", path="out/photo.JPEG").path_for("jpg") == "out/photo.JPEG"

    def test_other_format_is_an_error(self) -> None:
        with pytest.raises(UsageError, match=r"photo.png would be a .jpg file. Give a name that ends with .jpg."):
            OutputName("", "x", path="photo.png").path_for("jpg")

    @each_row(("path", "format_"), [("a.jpg", "jpeg"), ("a.JPEG", "jpeg"), ("b/a.m4v", "m4v"), ("a.mp4", "mp4")])
    def test_extension_names_a_format(self, path: str, format_: str) -> None:
        assert written_format(path) == format_

    @each_row(("path", "said"), [("clip", "has no extension"), ("a.txt", "is not the extension of a media format")])
    def test_path_without_a_media_extension_is_an_error(self, path: str, said: str) -> None:
        with pytest.raises(UsageError, match=said):
            written_format(path)
