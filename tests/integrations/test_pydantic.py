"""Annotated types whose media must pass, and the errors of pydantic for others."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Hashable, Sequence
from enum import StrEnum
from pathlib import Path, PurePath
from typing import IO, Annotated, Any, BinaryIO, Literal, NewType, Optional, TypeVar

import pytest
from pydantic import AnyHttpUrl, BaseModel, Field, FilePath, SecretStr, TypeAdapter, ValidationError

import preflight
from preflight import Passes, UsageError
from preflight.catalog import load
from preflight.integrations.requirement import Requirement
from tests.rows import each_row

PASSING = Path("fixtures/accepted/picture.png")
NARROW = Path("fixtures/refused/png-too-narrow.png")
SOUND = Path("fixtures/accepted/sound.wav")


class Pipe(io.RawIOBase):
    """An endless upload that cannot seek and counts the bytes read from it."""

    def __init__(self, head: bytes = b"", size: int = 1 << 40) -> None:
        self._head, self._size = head, size
        self.taken = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._head[self.taken : self.taken + size]
        piece += bytes(min(size, self._size - self.taken) - len(piece))
        self.taken += len(piece)
        return piece


class Upload:
    """An upload like Starlette's: a file, and the name that the client gave."""

    def __init__(self, file: Any, filename: str | None) -> None:
        self.file, self.filename = file, filename


def errors(kind: Any, value: Any) -> list[Any]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return caught.value.errors()


class TestValues:
    def test_validated_path_is_unchanged(self) -> None:
        assert TypeAdapter(Annotated[Path, Passes("atlas")]).validate_python(str(PASSING)) == PASSING

    def test_bytes_and_uploads_are_validated(self) -> None:
        data = PASSING.read_bytes()
        assert TypeAdapter(Annotated[bytes, Passes("atlas")]).validate_python(data) == data
        upload = Upload(io.BytesIO(data), "a.png")
        upload.file.seek(7)
        assert TypeAdapter(Annotated[Upload, Passes("atlas")]).validate_python(upload) is upload
        assert upload.file.tell() == 7

    def test_url_is_fetched_and_errors_hide_its_secret(self) -> None:
        (error,) = errors(Annotated[AnyHttpUrl, Passes("atlas")], "http://127.0.0.1/a.png?X-Amz-Signature=hidden")
        assert error["type"] == "address_not_public"
        assert "hidden" not in str(error)

    def test_unknown_rule_set_is_reported_when_the_type_is_defined(self) -> None:
        with pytest.raises(UsageError, match="Did you mean 'atlas'"):
            Passes("atlass")

    def test_value_that_is_not_a_media_source_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError, match="int cannot be checked"):
            Passes("atlas").report(7)


class Color(StrEnum):
    RED = "fixtures/accepted/picture.png"


class Note(BaseModel):
    name: str


FileName = NewType("FileName", str)
Folder = NewType("Folder", Path)
Text = TypeVar("Text", bound=str)
Either = TypeVar("Either", Path, str)
Anything = TypeVar("Anything")


class TestTypes:
    @each_row(
        "annotation",
        [
            str,
            Any,
            object,
            str | Path,
            str | None,
            Path | str | None,
            Optional[str],  # noqa: UP045 - the other way to write it
            list[str],
            list[str | Path],
            list[list[str]],
            tuple[Path, str],
            tuple[str, ...],
            set[str],
            dict[str, Path],
            Sequence[str],
            Sequence,
            Hashable,
            list,
            tuple,
            Annotated[str, Field(max_length=9)],
            list[Annotated[Path | str, Field()]],
            Literal["a.png"],
            Color,
            FileName,
            Text,
            Either,
            Anything,
            list[FileName],
            SecretStr,
            list["str"],
            "str",
            Note,
        ],
        ids=str,
    )
    def test_str_anywhere_in_the_type_is_rejected_when_it_is_defined(self, annotation: Any) -> None:
        with pytest.raises(UsageError, match="Passes cannot"):
            TypeAdapter(Annotated[annotation, Passes("atlas")])

    @each_row(
        ("annotation", "value"),
        [
            pytest.param(Path | None, PASSING, id="path or none"),
            pytest.param(Path | None, None, id="none"),
            pytest.param(PurePath, PASSING, id="pure path"),
            pytest.param(FilePath, PASSING, id="existing file"),
            pytest.param(Folder, PASSING, id="new type"),
            pytest.param(list[list[Path]], [[PASSING], []], id="nested lists"),
            pytest.param(tuple[Path, ...], (PASSING, PASSING), id="tuple"),
            pytest.param(set[Path], {PASSING}, id="set"),
            pytest.param(Upload, Upload(io.BytesIO(PASSING.read_bytes()), "a.png"), id="upload"),
            pytest.param(Path | bytes, PASSING.read_bytes(), id="path or bytes"),
        ],
    )
    def test_paths_bytes_and_uploads_are_validated_in_any_nesting(self, annotation: Any, value: Any) -> None:
        assert TypeAdapter(Annotated[annotation, Passes("atlas")]).validate_python(value) == value

    def test_error_location_names_nested_list_index(self) -> None:
        (error,) = errors(Annotated[list[tuple[Path, ...]], Passes("atlas")], [(PASSING,), (PASSING, NARROW)])
        assert error["loc"] == (1, 1)

    @pytest.mark.parametrize("value", ["/etc/passwd", "http://127.0.0.1/a.png", 7, {"a": PASSING}])
    def test_unsupported_value_of_unknown_type_is_a_validation_error(self, value: Any) -> None:
        with pytest.raises(ValidationError) as caught:
            Passes("atlas")._validated(value)
        (error,) = caught.value.errors()
        assert error["type"] == "not_a_media_source"
        assert "passwd" not in str(error)


class TestFiles:
    @pytest.mark.parametrize("kind", [IO[bytes], BinaryIO])
    def test_open_file_of_any_class_is_checked(self, kind: Any) -> None:
        media = TypeAdapter(Annotated[kind, Passes("atlas")])
        with PASSING.open("rb") as file:
            assert media.validate_python(file) is file
        (error,) = errors(Annotated[kind, Passes("atlas")], io.BytesIO(b"no picture"))
        assert error["type"] == "format_unsupported"
        for other in (str(PASSING), PASSING, b"bytes"):
            (error,) = errors(Annotated[kind, Passes("atlas")], other)
            assert error["type"] == "not_a_media_source"


class TestWithin:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        inside = tmp_path / "inside"
        (inside / "deep").mkdir(parents=True)
        shutil.copy(PASSING, inside / "deep" / "a.png")
        shutil.copy(PASSING, tmp_path / "secret.png")
        (tmp_path / "inside-too").mkdir()
        shutil.copy(PASSING, tmp_path / "inside-too" / "a.png")
        (inside / "link.png").symlink_to(tmp_path / "secret.png")
        (inside / "up").symlink_to(tmp_path)
        (inside / "good.png").symlink_to(inside / "deep" / "a.png")
        return inside

    def test_links_within_the_folder_are_accepted(self, folder: Path) -> None:
        media = TypeAdapter(Annotated[Path, Passes("atlas", within=folder)])
        for name in ("deep/a.png", "good.png", "deep/../deep/a.png", "up/inside/deep/a.png"):
            assert media.validate_python(folder / name) == folder / name

    @pytest.mark.parametrize(
        "name", ["../secret.png", "link.png", "up/secret.png", "../inside-too/a.png", "/etc/passwd", "../gone", "a\0b"]
    )
    def test_path_outside_the_folder_is_rejected_whether_or_not_it_exists(self, folder: Path, name: str) -> None:
        (error,) = errors(Annotated[Path, Passes("atlas", within=folder)], folder / name)
        assert (error["type"], error["ctx"]["severity"]) == ("path_outside", "error")
        assert error["msg"] == "the path is outside the folder from which files are accepted here"

    def test_path_in_bytes_is_confined_too(self, folder: Path) -> None:
        class BytesPath:
            def __init__(self, path: Path) -> None:
                self.path = os.fsencode(path)

            def __fspath__(self) -> bytes:
                return self.path

        passes = Passes("atlas", within=folder)
        assert passes.report(BytesPath(folder / "deep" / "a.png")).verdict == "pass"
        assert passes.report(BytesPath(folder / "link.png")).verdict == "fail"

    def test_too_long_path_is_rejected_without_being_resolved(self, folder: Path) -> None:
        began = time.process_time()
        (error,) = errors(Annotated[Path, Passes("atlas", within=folder)], folder / ("a/" * 100_000))
        assert error["type"] == "path_outside"
        assert time.process_time() - began < 1

    def test_missing_file_in_the_folder_is_not_found(self, folder: Path) -> None:
        (error,) = errors(Annotated[Path, Passes("atlas", within=folder)], folder / "gone.png")
        assert error["type"] == "not_found"

    def test_nothing_outside_is_opened(self, folder: Path) -> None:
        pipe = folder.parent / "pipe"
        os.mkfifo(pipe)
        report = Passes("atlas", within=folder).report(pipe)
        assert (report.verdict, report.bytes_read) == ("fail", 0)

    def test_folder_must_exist_when_the_type_is_defined(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="is not a folder"):
            Passes("atlas", within=tmp_path / "gone")


class TestErrors:
    def test_name_that_is_not_utf_8_is_shown_escaped(self, tmp_path: Path) -> None:
        path = tmp_path / os.fsdecode(b"\xff.png")
        (error,) = errors(Annotated[Path, Passes("atlas")], path)
        assert error["type"] == "not_found"
        assert error["input"].endswith("\\udcff.png")
        shutil.copy(PASSING, path)
        assert TypeAdapter(Annotated[Path, Passes("atlas")]).validate_python(path) == path

    def test_each_finding_is_an_error_at_its_field(self) -> None:
        class Job(BaseModel):
            pictures: list[Annotated[Path, Passes("atlas")]]
            sound: Annotated[Path, Passes("atlas")] | None = None

        with pytest.raises(ValidationError) as caught:
            Job.model_validate({"pictures": [PASSING, NARROW], "sound": "fixtures/refused/wav-too-long.wav"})
        first, second = caught.value.errors()
        assert (first["loc"], first["type"]) == (("pictures", 1), "width_too_small")
        assert first["msg"] == "width 299 px: below the 300 px that Atlas Cloud accepts"
        assert {key: first["ctx"][key] for key in ("rules", "fact", "value", "limit", "severity")} == {
            "rules": "atlas",
            "fact": "width",
            "value": 299,
            "limit": {"min": 300, "max": 6000},
            "severity": "error",
        }
        assert "300×401" in first["ctx"]["hint"]
        assert (second["loc"], second["type"]) == (("sound",), "duration_too_long")
        assert json.loads(caught.value.json())[0]["input"] == str(NARROW)

    def test_all_findings_are_errors(self) -> None:
        rules = Annotated[Path, Passes(["atlas", "agentsflare"])]
        assert [error["ctx"]["rules"] for error in errors(rules, NARROW)] == ["atlas", "agentsflare"]

    def test_finding_of_several_rule_sets_is_one_error(self, tmp_path: Path) -> None:
        (error,) = errors(Annotated[Path, Passes("atlas,volcengine")], tmp_path / "gone.png")
        assert error["type"] == "not_found"

    def test_unknown_is_an_error_and_a_warning_is_one_if_strict(self) -> None:
        (error,) = errors(Annotated[bytes, Passes("atlas")], PASSING.read_bytes()[:60])
        assert error["ctx"]["severity"] == "unknown"
        clip = Path("fixtures/accepted/clip-15.1-s.mp4")
        TypeAdapter(Annotated[Path, Passes("atlas")]).validate_python(clip)
        (error,) = errors(Annotated[Path, Passes("atlas", strict=True)], clip)
        assert error["ctx"]["severity"] == "warning"

    def test_braces_in_a_name_are_not_placeholders(self, tmp_path: Path) -> None:
        gone = tmp_path / "{rules}{message}.png"
        (error,) = errors(Annotated[Path, Passes("atlas")], gone)
        assert error["msg"] == f"{gone} does not exist. Check the path."

    def test_error_does_not_contain_the_bytes(self) -> None:
        (error,) = errors(Annotated[bytes, Passes("atlas")], b"\xff" * 10_000)
        assert error["input"] == "<bytes>"


class TestSizes:
    def test_size_limit_is_the_largest_size_that_all_rule_sets_accept(self) -> None:
        assert Requirement("atlas").size_limit == 50 << 20  # a clip, with a warning
        assert Requirement("atlas,agentsflare").size_limit == Requirement("agentsflare").size_limit
        assert Requirement("atlas", max_bytes=1000).size_limit == 1000

    def test_rule_set_without_a_limit_for_one_kind_has_no_size_limit(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine.toml"
        mine.write_text(
            'title = "Mine: all"\nstage = "register"\nsource = "https://example.com"\nas_of = 2026-11-20\n'
            'basis = "published"\n[image]\nsize = { max = "1 MB" }\n[audio]\nduration = { max = 5 }\n'
        )
        assert Requirement(str(mine)).size_limit is None
        assert Requirement([str(mine), load("atlas")]).size_limit == Requirement("atlas").size_limit

    def test_max_bytes_must_be_a_size(self) -> None:
        with pytest.raises(UsageError, match="max_bytes=0 is not a number"):
            Passes("atlas", max_bytes=0)

    @pytest.mark.parametrize(
        "value", [PASSING, PASSING.read_bytes(), Upload(io.BytesIO(PASSING.read_bytes()), "a.png")]
    )
    def test_larger_upload_is_rejected_unread(self, value: Any) -> None:
        report = Passes("atlas,fal", max_bytes=100).report(value)
        assert report.bytes_read == 0
        assert {finding.code for finding in report.findings} == {"file_size_too_large"}
        assert report.verdict == "fail"

    def test_upload_of_exactly_max_bytes_is_accepted(self) -> None:
        data = PASSING.read_bytes()
        assert Passes("atlas", max_bytes=len(data)).report(Upload(Pipe(data, len(data)), "a.png")).passed

    def test_reading_stops_for_an_upload_of_unknown_size(self) -> None:
        pipe = Pipe(PASSING.read_bytes())
        (finding,) = Passes("atlas", max_bytes=5000).report(Upload(pipe, "a.png")).findings
        assert finding.code == "file_size_too_large"
        assert "5,000 bytes" in finding.message
        assert pipe.taken == 5001

    def test_rule_set_limits_the_size_without_max_bytes(self) -> None:
        pipe = Pipe(PASSING.read_bytes())
        assert Passes("atlas").report(pipe).verdict == "fail"
        assert pipe.taken == (50 << 20) + 1


def test_passes_is_exported_without_loading_pydantic() -> None:
    assert preflight.Passes is Passes
