"""Outputs of fixes: complete or not there, nothing replaced unless asked, nothing left behind."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from preflight.errors import OutputError, PreflightError
from preflight.fixer import outputs
from preflight.fixer.outputs import OutputFile, OutputRefused, link_or_copy, move_without_replacing
from tests.rows import each_row

AS_ROOT = os.geteuid() == 0


def write(destination: Path, data: bytes, *, overwrite: bool = False) -> None:
    with OutputFile(str(destination), overwrite=overwrite) as output:
        output.write(data)
        output.publish()


def listed(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class TestOutputFile:
    def test_output_has_its_name_only_when_it_is_published(self, tmp_path: Path) -> None:
        with OutputFile(str(tmp_path / "clip.mp4")) as output:
            (partial,) = listed(tmp_path)
            assert partial.startswith(".clip.preflight-")
            assert partial.endswith(".partial.mp4")
            assert output.path == str(tmp_path / partial)
            output.publish()
        assert listed(tmp_path) == ["clip.mp4"]

    def test_failure_leaves_neither_the_file_nor_its_new_folders(self, tmp_path: Path) -> None:
        with OutputFile(str(tmp_path / "a/b/clip.mp4")) as output:
            assert Path(output.path).exists()
        assert listed(tmp_path) == []

    def test_folder_that_another_output_uses_stays_after_a_failure(self, tmp_path: Path) -> None:
        with OutputFile(str(tmp_path / "a/clip.mp4")):
            write(tmp_path / "a/other.mp4", b"other")
        assert listed(tmp_path) == ["a", "a/other.mp4"]

    def test_unfinished_file_of_a_thread_is_removed_for_good(self, tmp_path: Path) -> None:
        with OutputFile(str(tmp_path / "a/clip.mp4")) as output:
            outputs.discard_unfinished()
            assert listed(tmp_path) == []
            with pytest.raises(OutputError):
                output.write(b"data")
            with pytest.raises(OutputError):
                output.publish()
        assert listed(tmp_path) == []

    def test_existing_file_is_not_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "clip.mp4").write_bytes(b"before")
        with pytest.raises(OutputRefused, match=r"clip.mp4 exists and is not overwritten. Give another path, or"):
            write(tmp_path / "clip.mp4", b"after")
        assert (tmp_path / "clip.mp4").read_bytes() == b"before"
        assert listed(tmp_path) == ["clip.mp4"]

    def test_file_that_appears_meanwhile_is_not_replaced(self, tmp_path: Path) -> None:
        with OutputFile(str(tmp_path / "clip.mp4")) as output:
            (tmp_path / "clip.mp4").write_bytes(b"meanwhile")
            with pytest.raises(OutputRefused, match="exists"):
                output.publish()
        assert (tmp_path / "clip.mp4").read_bytes() == b"meanwhile"
        assert listed(tmp_path) == ["clip.mp4"]

    def test_overwriting_keeps_the_permissions_of_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "clip.mp4").write_bytes(b"before")
        (tmp_path / "clip.mp4").chmod(0o640)
        write(tmp_path / "clip.mp4", b"after", overwrite=True)
        assert (tmp_path / "clip.mp4").read_bytes() == b"after"
        assert (tmp_path / "clip.mp4").stat().st_mode & 0o777 == 0o640

    def test_overwriting_a_link_leaves_what_it_leads_to(self, tmp_path: Path) -> None:
        (tmp_path / "kept.mp4").write_bytes(b"kept")
        (tmp_path / "clip.mp4").symlink_to(tmp_path / "kept.mp4")
        write(tmp_path / "clip.mp4", b"after", overwrite=True)
        assert (tmp_path / "kept.mp4").read_bytes() == b"kept"
        assert (tmp_path / "clip.mp4").read_bytes() == b"after"

    @pytest.mark.parametrize("link", [os.link, os.symlink])
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_source_is_never_replaced(self, tmp_path: Path, overwrite: bool, link: Callable[..., None]) -> None:
        (tmp_path / "clip.mov").write_bytes(b"source")
        link(tmp_path / "clip.mov", tmp_path / "clip.mp4")
        output = OutputFile(str(tmp_path / "clip.mp4"), overwrite=overwrite, source=str(tmp_path / "clip.mov"))
        with pytest.raises(OutputRefused, match=r"clip.mp4 is the source itself. Give another path."):
            output.__enter__()
        assert listed(tmp_path) == ["clip.mov", "clip.mp4"]

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_folder_is_never_replaced(self, tmp_path: Path, overwrite: bool) -> None:
        (tmp_path / "clip.mp4").mkdir()
        with pytest.raises(OutputRefused, match=r"clip.mp4 is a folder. Give another path."):
            write(tmp_path / "clip.mp4", b"after", overwrite=overwrite)

    def test_permissions_follow_the_umask(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            write(tmp_path / "clip.mp4", b"data")
        finally:
            os.umask(before)
        assert (tmp_path / "clip.mp4").stat().st_mode & 0o777 == 0o640

    @pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
    def test_folder_without_permission_is_refused_with_a_remedy(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(OutputRefused, match=r"cannot be written \(Permission denied\). Give another path."):
                write(tmp_path / "clip.mp4", b"data")
        finally:
            tmp_path.chmod(0o700)

    def test_file_in_place_of_a_folder_is_refused_with_a_remedy(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(OutputRefused, match=r"cannot be written \(Not a directory\). Give another path."):
            write(tmp_path / "file/clip.mp4", b"data")
        assert listed(tmp_path) == ["file"]

    @each_row(
        ("number", "said"),
        [
            (errno.ENOSPC, "clip.mp4 cannot be written to the end (No space left on device). Free space, or"),
            (errno.EROFS, "clip.mp4 cannot be written (Read-only file system). Give another path."),
        ],
    )
    def test_file_system_that_takes_nothing_is_reported(self, tmp_path: Path, number: int, said: str) -> None:
        def refuse(*_: object) -> int:
            raise OSError(number, os.strerror(number))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outputs.os, "open", refuse)
            with pytest.raises(PreflightError, match=re.escape(said)):
                write(tmp_path / "a/clip.mp4", b"data")
        assert listed(tmp_path) == []

    @pytest.mark.parametrize("name", ["-x.mp4", "a\nb.mp4", 'it\'s "one".mp4', "é" * 120 + ".mp4", "x" * 251 + ".mp4"])
    def test_any_file_name_works(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / name, b"data")
        assert listed(tmp_path) == [name]


class TestMove:
    def test_only_one_of_many_gets_the_name(self, tmp_path: Path) -> None:
        def attempt(number: int) -> bool:
            try:
                write(tmp_path / "clip.mp4", str(number).encode())
            except OutputRefused:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            done = list(threads.map(attempt, range(24)))
        assert done.count(True) == 1
        assert (tmp_path / "clip.mp4").read_text() == str(done.index(True))
        assert listed(tmp_path) == ["clip.mp4"]

    @pytest.mark.parametrize("renames", [True, False])
    def test_file_systems_without_links_replace_nothing_either(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: bool
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(outputs.os, "link", refuse)
        if not renames:
            monkeypatch.setattr(outputs, "_rename_without_replacing", lambda *_: False)
        (tmp_path / "a").write_bytes(b"a")
        move_without_replacing(str(tmp_path / "a"), str(tmp_path / "b"))
        assert (tmp_path / "b").read_bytes() == b"a"
        (tmp_path / "c").write_bytes(b"c")
        with pytest.raises(FileExistsError):
            move_without_replacing(str(tmp_path / "c"), str(tmp_path / "b"))
        assert (tmp_path / "b").read_bytes() == b"a"
        assert listed(tmp_path) == ["b", "c"]


class TestOthers:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        path = tmp_path / "in/clip.mp4"
        path.parent.mkdir()
        path.write_bytes(bytes(range(256)) * 300)
        os.utime(path, ns=(10**18, 10**18 + 7))
        return path

    def test_skipped_file_makes_no_folder(self, tmp_path: Path, source: Path) -> None:
        link_or_copy(str(source), str(tmp_path / "out/clip.mp4"), "skip")
        assert not (tmp_path / "out").exists()

    def test_link_is_a_hard_link(self, tmp_path: Path, source: Path) -> None:
        link_or_copy(str(source), str(tmp_path / "out/a/clip.mp4"), "link")
        assert (tmp_path / "out/a/clip.mp4").samefile(source)
        assert not (tmp_path / "out/a/clip.mp4").is_symlink()

    def test_link_to_a_link_is_one_to_its_file(self, tmp_path: Path, source: Path) -> None:
        (tmp_path / "in/link.mp4").symlink_to("clip.mp4")
        link_or_copy(str(tmp_path / "in/link.mp4"), str(tmp_path / "out/link.mp4"), "link")
        assert (tmp_path / "out/link.mp4").samefile(source)

    def test_link_on_another_file_system_is_symbolic(
        self, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.link

        def link(first: str, second: str, **options: bool) -> None:
            if first == str(source):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            real(first, second, **options)

        monkeypatch.setattr(outputs.os, "link", link)
        link_or_copy(str(source), str(tmp_path / "out/clip.mp4"), "link")
        assert (tmp_path / "out/clip.mp4").readlink() == source
        assert listed(tmp_path / "out") == ["clip.mp4"]

    def test_copy_has_the_bytes_and_the_time_of_the_source(self, tmp_path: Path, source: Path) -> None:
        link_or_copy(str(source), str(tmp_path / "out/clip.mp4"), "copy")
        copy = tmp_path / "out/clip.mp4"
        assert copy.read_bytes() == source.read_bytes()
        assert not copy.samefile(source)
        assert copy.stat().st_mtime_ns == source.stat().st_mtime_ns

    def test_copy_works_where_the_kernel_does_not_copy(
        self, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(outputs.os, "copy_file_range", raising=False)
        link_or_copy(str(source), str(tmp_path / "out/clip.mp4"), "copy")
        assert (tmp_path / "out/clip.mp4").read_bytes() == source.read_bytes()

    @pytest.mark.parametrize("others", ["link", "copy"])
    def test_repetition_changes_nothing(self, tmp_path: Path, source: Path, others: outputs.OthersAction) -> None:
        out = tmp_path / "out/clip.mp4"
        link_or_copy(str(source), str(out), others)
        before = out.stat()
        link_or_copy(str(source), str(out), others)
        assert out.stat().st_ino == before.st_ino

    def test_another_file_of_that_name_stays(self, tmp_path: Path, source: Path) -> None:
        (tmp_path / "clip.mp4").write_bytes(b"another")
        with pytest.raises(PreflightError, match="exists and is not overwritten"):
            link_or_copy(str(source), str(tmp_path / "clip.mp4"), "copy")
        assert (tmp_path / "clip.mp4").read_bytes() == b"another"
