"""Targets that do not pass are fixed, hosted and registered, and the ledger knows both files."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import preflight
from preflight import catalog
from preflight.errors import UsageError
from preflight.fixer.ffmpeg import program as ffmpeg_program
from preflight.fixer.pictures import PICTURE_WRITERS
from preflight.fixer.planning import FixGoal, Proposal
from preflight.hosts import LocalFile
from preflight.ledger import FixRecord, Ledger
from preflight.plans.choices import Choices
from preflight.report import Rejected, Report
from preflight.ruleset import compile_ruleset
from preflight.sandbox import Sandbox
from preflight.submission import Submission, fixing, submit_many
from preflight.submission.account import FIX_THREADS
from preflight.submission.fix_folder import FIX_FOLDER_PREFIX
from tests.submission.sending import NARROW, BoxHost, Sender, unique_picture
from tests.submission.waiting import until
from tests.submission.web import Web, serving

REFUSED = NARROW.parent
SOON = 3.0
"""Seconds in which a fix ends on a busy machine that is stopped. The picture takes longer."""
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


class KeepingHost(BoxHost):
    """Hosts at the sandbox; keeps what it was given, and what was in the folders of fixed files meanwhile."""

    def __init__(self, box: Sandbox) -> None:
        super().__init__(box)
        self.files: list[tuple[LocalFile, bytes]] = []

    def put(self, file: LocalFile) -> str:
        self.files.append((file, Path(file.path).read_bytes()))
        return super().put(file)


def made_folders() -> list[str]:
    """The folders of fixed files that exist now."""
    here = tempfile.gettempdir()
    return [os.path.join(here, name) for name in os.listdir(here) if name.startswith(FIX_FOLDER_PREFIX)]


@pytest.fixture(scope="module", autouse=True)
def _temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Temporary files of this process are apart from those of other tests that run at the same time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
        yield


@pytest.fixture(scope="module", name="_web")
def _web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def web(_web: Web) -> Web:
    return _web


@pytest.fixture(scope="module", name="_box")
def _box(_web: Web) -> Iterator[Sandbox]:
    with Sandbox(trusted=[_web.origin]) as box:
        yield box


@pytest.fixture
def narrow(atlas: Sender) -> Path:
    """A picture of its own that is too narrow."""
    return unique_picture(atlas.folder / f"{atlas.mark}.png", NARROW)


@pytest.fixture
def host(atlas: Sender) -> KeepingHost:
    atlas.host = host = KeepingHost(atlas.box)
    return host


def record_of(sender: Sender) -> FixRecord:
    """The only fix in the ledger."""
    with Ledger(str(sender.folder / "ledger.sqlite")) as ledger:
        records = [ledger.fixes.load(entry.key) for entry in ledger.entries()]
    (record,) = [record for record in records if record is not None]
    return record


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def outcome(submission: Submission) -> tuple[str, str | None, bool]:
    return submission.outcome, submission.code, submission.reused


class TestFixedFile:
    def test_result_passes_and_source_stays(
        self, atlas: Sender, host: KeepingHost, narrow: Path, tmp_path: Path
    ) -> None:
        before = narrow.read_bytes()
        submission = atlas.one(narrow, fix=True)
        assert outcome(submission) == ("active", None, False)
        ((file, data),) = host.files
        made = tmp_path / "made.png"
        made.write_bytes(data)
        assert preflight.check(made, "atlas").passed
        assert (file.name, file.mime, file.size, file.temporary) == (narrow.name, "image/png", len(data), True)
        assert narrow.read_bytes() == before
        assert submission.fix is not None
        assert submission.fix.sentence.startswith("scale it to 300")
        assert submission.report is not None
        assert not submission.report.passed
        assert submission.as_json()["fix"]["sentence"] == submission.fix.sentence

    def test_ledger_knows_both_files(self, atlas: Sender, host: KeepingHost, narrow: Path) -> None:
        submission = atlas.one(narrow, fix=True)
        (entry,) = atlas.entries()
        record = record_of(atlas)
        assert entry.is_fixed
        assert entry.content.startswith(f"{sha256(narrow.read_bytes())} ")
        assert (record.original, record.fixed) == (sha256(narrow.read_bytes()), sha256(host.files[0][1]))
        assert submission.fix is not None
        assert (record.sentence, record.losses) == (submission.fix.sentence, submission.fix.losses)

    def test_file_that_passes_is_submitted_as_it_is(self, atlas: Sender, host: KeepingHost) -> None:
        picture = atlas.picture()
        submission = atlas.one(picture, fix=True)
        assert (outcome(submission), submission.fix) == (("active", None, False), None)
        assert (host.files[0][0].path, host.files[0][0].temporary) == (str(picture), False)
        assert atlas.entries()[0].content == sha256(picture.read_bytes())
        assert outcome(atlas.one(picture)) == ("active", None, True)

    def test_folder_is_private_and_exists_only_while_files_are_hosted(
        self, atlas: Sender, host: KeepingHost, narrow: Path
    ) -> None:
        modes = []
        put = host.put
        host.put = lambda file: (modes.append(os.stat(made_folders()[0]).st_mode & 0o777), put(file))[1]  # type: ignore[method-assign]
        atlas.one(narrow, fix=True)
        assert modes == [0o700]
        assert made_folders() == []
        assert not os.path.exists(host.files[0][0].path)

    def test_disk_usage_stays_constant(self, atlas: Sender, host: KeepingHost) -> None:
        count = 2 * FIX_THREADS
        pictures = [unique_picture(atlas.folder / f"{atlas.mark}-{n}.png", NARROW) for n in range(count)]
        held: list[int] = []
        put = host.put

        def slow(file: LocalFile) -> str:
            time.sleep(0.05)
            held.append(len(list(Path(made_folders()[0]).rglob("*.png"))))
            return put(file)

        host.put = slow  # type: ignore[method-assign]
        made = atlas.many(pictures, fix=True)
        assert {outcome(submission) for submission in made} == {("active", None, False)}
        assert len(held) == atlas.registered() == count
        assert max(held) <= FIX_THREADS

    @needs_ffmpeg
    def test_video_is_fixed(self, atlas: Sender, host: KeepingHost, tmp_path: Path) -> None:
        submission = atlas.one(REFUSED / "mp4-ratio-too-large.mp4", fix=True, name=atlas.mark)
        assert outcome(submission) == ("active", None, False)
        (tmp_path / "made.mp4").write_bytes(host.files[0][1])
        assert preflight.check(tmp_path / "made.mp4", "atlas").passed
        assert atlas.entries()[0].kind == "video"

    def test_async_client_fixes_too(self, atlas: Sender, host: KeepingHost, narrow: Path) -> None:
        async def main() -> None:
            async with preflight.AsyncClient("atlas", **atlas.options(fix=True)) as client:
                assert (await client.submit(narrow)).status == "active"

        asyncio.run(asyncio.wait_for(main(), 30))
        assert (len(host.files), made_folders()) == (1, [])


class TestAgain:
    def test_second_run_fixes_and_registers_nothing(self, atlas: Sender, host: KeepingHost, narrow: Path) -> None:
        first, second = atlas.one(narrow, fix=True), atlas.one(narrow, fix=True)
        assert (outcome(second), len(host.files), atlas.registered()) == (("active", None, True), 1, 1)
        assert first.fix is not None
        assert second.fix is not None
        assert (second.fix.sentence, second.fix.losses) == (first.fix.sentence, first.fix.losses)
        assert first.asset is not None
        assert second.asset is not None
        assert second.asset.id == first.asset.id

    def test_other_choices_make_another_file(self, atlas: Sender, host: KeepingHost, narrow: Path) -> None:
        atlas.one(narrow, fix=True)
        assert outcome(atlas.one(narrow, fix=Choices())) == ("active", None, True)
        assert outcome(atlas.one(narrow, fix=Choices(fit="pad"))) == ("active", None, False)
        assert outcome(atlas.one(narrow, fix=True, rules="tiktok")) == ("active", None, False)
        assert len({entry.content for entry in atlas.entries()}) == len(host.files) == atlas.registered() == 3

    def test_asset_that_is_gone_is_fixed_and_registered_once_more(
        self, atlas: Sender, host: KeepingHost, narrow: Path
    ) -> None:
        first = atlas.one(narrow, fix=True)
        assert first.asset is not None
        with atlas.opened() as provider:
            provider.api.delete(first.asset.id)
        for reused in (False, True):
            assert outcome(atlas.one(narrow, fix=True)) == ("active", None, reused)
        assert len(host.files) == atlas.registered() == 2
        assert [entry.state for entry in atlas.entries()] == ["gone", "active"]

    def test_forgotten_asset_is_found_by_its_name_and_not_made_again(
        self, atlas: Sender, host: KeepingHost, narrow: Path
    ) -> None:
        atlas.one(narrow, fix=True)
        os.unlink(atlas.folder / "ledger.sqlite")
        submission = atlas.one(narrow, fix=True)
        assert (outcome(submission), len(host.files), atlas.registered()) == (("active", None, True), 1, 1)

    def test_failed_asset_is_made_again_only_if_asked(
        self, atlas: Sender, host: KeepingHost, narrow: Path, box: Sandbox
    ) -> None:
        box.faults.fail("PixelCountTooLarge", match=f"{atlas.mark}*")
        assert outcome(atlas.one(narrow, fix=True))[0] == "failed"
        box.faults.clear()
        assert outcome(atlas.one(narrow, fix=True))[0] == "failed"
        assert len(host.files) == 1
        assert outcome(atlas.one(narrow, fix=True, retry_failed=True)) == ("active", None, False)
        assert len(host.files) == atlas.registered() == 2


class TestUrls:
    def test_url_is_downloaded_fixed_and_hosted(self, atlas: Sender, host: KeepingHost, web: Web, narrow: Path) -> None:
        url = web.put(f"/{narrow.name}", narrow.read_bytes())
        submission = atlas.one(url, fix=True)
        assert outcome(submission) == ("active", None, False)
        assert host.files[0][0].name == narrow.name
        assert record_of(atlas).original.startswith(f'url:{url}|"one"|')
        assert outcome(atlas.one(url, fix=True)) == ("active", None, True)
        assert len(host.files) == 1

    def test_url_without_etag_is_fixed_in_every_run(
        self, atlas: Sender, host: KeepingHost, web: Web, narrow: Path
    ) -> None:
        url = web.put(f"/{narrow.name}", narrow.read_bytes(), None)
        for _ in range(2):
            submission = atlas.one(url, fix=True)
            assert outcome(submission) == ("active", None, False)
            assert "no strong ETag" in (submission.message or "")
        assert len(host.files) == 2

    def test_large_url_is_not_downloaded(
        self, atlas: Sender, host: KeepingHost, web: Web, narrow: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fixing, "MAX_DOWNLOAD", 50)
        submission = atlas.one(web.put(f"/{narrow.name}", narrow.read_bytes()), fix=True)
        assert outcome(submission) == ("rejected", "not_fixed", False)
        assert "exceeds the download limit of 50 bytes. Submit it as a local file." in (submission.message or "")
        assert (host.files, atlas.registered()) == ([], 0)

    def test_url_needs_a_host(self, atlas: Sender, web: Web, narrow: Path) -> None:
        submission = atlas.one(web.put(f"/{narrow.name}", narrow.read_bytes()), fix=True, host=None)
        assert outcome(submission) == ("rejected", "not_hosted", False)
        assert "The fixed file is a local file" in (submission.message or "")
        assert submission.fix is not None


class TestNotFixed:
    def test_file_that_cannot_be_fixed_is_rejected_with_the_reason(self, atlas: Sender, host: KeepingHost) -> None:
        made = atlas.many([REFUSED / "mp4-too-short.mp4", REFUSED / "notes.wav", "missing.png"], fix=True)
        assert [outcome(submission)[:2] for submission in made] == [
            ("rejected", "duration_too_short"),
            ("rejected", "format_unsupported"),
            ("rejected", "not_found"),
        ]
        assert (host.files, atlas.entries()) == ([], [])
        reason = made[1].report.findings[0].message  # type: ignore[union-attr]
        assert made[1].message == f"{reason}. Give an image, video or audio file."

    def test_without_fix_nothing_is_fixed(self, atlas: Sender, host: KeepingHost, narrow: Path) -> None:
        submission = atlas.one(narrow)
        assert (outcome(submission), submission.fix) == (("rejected", "width_too_small", False), None)
        assert host.files == []

    def test_file_that_changes_meanwhile_is_not_registered(
        self, atlas: Sender, host: KeepingHost, narrow: Path
    ) -> None:
        put = host.put

        def change(file: LocalFile) -> str:
            unique_picture(narrow, NARROW)
            return put(file)

        host.put = change  # type: ignore[method-assign]
        assert outcome(atlas.one(narrow, fix=True)) == ("error", "source_changed", False)
        assert (atlas.registered(), atlas.entries()) == (0, [])

    def test_host_that_fails_leaves_nothing_behind(self, atlas: Sender, host: KeepingHost, narrow: Path) -> None:
        def fail(file: LocalFile) -> str:
            raise RuntimeError("full")

        host.put = fail  # type: ignore[method-assign]
        assert outcome(atlas.one(narrow, fix=True)) == ("error", "upload_failed", False)
        assert (atlas.registered(), made_folders()) == (0, [])

    def test_error_of_ours_affects_one_file(
        self, atlas: Sender, host: KeepingHost, narrow: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(report: Report, aim: FixGoal) -> Proposal:
            raise ValueError("math domain error")

        monkeypatch.setattr(fixing, "propose", fail)
        made = atlas.many([narrow, atlas.picture("-fine")], fix=True)
        assert [outcome(submission)[:2] for submission in made] == [("error", "internal_error"), ("active", None)]

    def test_missing_folder_for_temporary_files_is_an_error_of_each_file(
        self, atlas: Sender, host: KeepingHost, narrow: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(tempfile, "tempdir", str(atlas.folder / "missing"))
            made = atlas.many([narrow, atlas.picture("-fine")], fix=True)
        assert [outcome(submission)[:2] for submission in made] == [("error", "not_fixed"), ("active", None)]
        assert "(No such file or directory). Free space, or set TMPDIR." in (made[0].message or "")
        assert outcome(atlas.one(narrow, fix=True)) == ("active", None, False)

    def test_video_is_an_error_without_ffmpeg_and_pictures_are_fixed(
        self, atlas: Sender, host: KeepingHost, narrow: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(atlas.folder))
        monkeypatch.setattr(ffmpeg_program, "find_spec", lambda name: None)
        clip, picture = atlas.many([REFUSED / "mov-fps-too-low.mov", narrow], fix=True)
        assert outcome(clip) == ("error", "not_fixed", False)
        assert "without ffmpeg on PATH" in (clip.message or "")
        assert outcome(picture) == ("active", None, False)

    def test_result_that_does_not_pass_is_not_registered(
        self, atlas: Sender, host: KeepingHost, tmp_path: Path
    ) -> None:
        """Its header promises more than its data: no picture comes of it."""
        path = tmp_path / "half.png"
        path.write_bytes(NARROW.read_bytes()[:60])
        made = atlas.one(path, fix=True)
        assert made.outcome == "rejected"
        assert (atlas.registered(), host.files, made_folders()) == (0, [], [])

    def test_stated_type_that_is_another_kind_is_not_fixed(
        self, atlas: Sender, host: KeepingHost, narrow: Path
    ) -> None:
        submission = atlas.one(narrow, fix=True, type="Video")
        assert outcome(submission) == ("rejected", "type_mismatch", False)
        assert host.files == []

    def test_call_raises_what_prevents_the_fix(self, atlas: Sender) -> None:
        with (
            preflight.Client("atlas", **atlas.options(fix=True)) as client,
            pytest.raises(Rejected, match="duration 1 s: below the 2 s"),
        ):
            client.submit(REFUSED / "mp4-too-short.mp4")


class TestGroups:
    @pytest.fixture
    def grouped(self, box: Sandbox, tmp_path: Path) -> Sender:
        return Sender(box, "volcengine", tmp_path / "grouped")

    def test_new_group_is_created_only_for_what_can_be_fixed(self, grouped: Sender, box: Sandbox) -> None:
        half = grouped.folder / "half.png"
        half.write_bytes(NARROW.read_bytes()[:60])
        assert grouped.one(half, fix=True).outcome == "rejected"
        assert grouped.group not in {group.name for group in box.groups("volcengine")}
        narrow = unique_picture(grouped.folder / f"{grouped.mark}.png", NARROW)
        assert outcome(grouped.one(narrow, fix=True)) == ("active", None, False)
        assert [group.name for group in box.groups("volcengine")].count(grouped.group or "") == 1
        assert (grouped.host.puts, record_of(grouped).original) == (1, sha256(narrow.read_bytes()))

    def test_another_group_gets_a_file_of_its_own(self, grouped: Sender) -> None:
        narrow = unique_picture(grouped.folder / f"{grouped.mark}.png", NARROW)
        for group in (grouped.group, f"{grouped.group}-2", grouped.group):
            grouped.one(narrow, fix=True, group=group)
        assert (grouped.registered(), grouped.host.puts) == (2, 2)


def large_picture(sender: Sender) -> Path:
    """A picture that takes seconds to fix."""
    path = sender.folder / f"{sender.mark}.png"
    tile = Image.effect_noise((800, 600), 99).convert("RGB")
    tile.resize((4000, 3000)).save(path, compress_level=0)
    return path


class TestStop:
    def test_closed_client_ends_what_it_fixes(self, atlas: Sender, host: KeepingHost) -> None:
        large = large_picture(atlas)
        client = preflight.Client("atlas", **atlas.options(fix=True))
        made: list[Submission] = []
        thread = threading.Thread(target=lambda: made.extend(client.submit_all([large])))
        thread.start()
        until(lambda: any(PICTURE_WRITERS.processes()) and made_folders())
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < SOON
        thread.join()
        assert [submission.outcome for submission in made] == ["cancelled"]
        assert (host.files, made_folders(), PICTURE_WRITERS.processes()) == ([], [], ())
        assert atlas.entries() == []

    @pytest.mark.slow
    def test_cancelled_task_ends_what_it_fixes(self, atlas: Sender, host: KeepingHost) -> None:
        large = large_picture(atlas)

        async def main() -> None:
            async with preflight.AsyncClient("atlas", **atlas.options(fix=True)) as client:
                task = asyncio.create_task(client.submit(large))
                while not (PICTURE_WRITERS.processes() and made_folders()):
                    await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                began = time.monotonic()
            assert time.monotonic() - began < SOON

        asyncio.run(main())
        assert (host.files, made_folders(), PICTURE_WRITERS.processes()) == ([], [], ())

    def test_abandoned_run_leaves_no_folder(self, atlas: Sender, host: KeepingHost) -> None:
        pictures = [unique_picture(atlas.folder / f"{atlas.mark}-{n}.png", NARROW) for n in range(20)]
        with closing(submit_many(pictures, "atlas", **atlas.options(fix=True))) as run:
            assert next(run).outcome == "active"
        assert made_folders() == []
        assert {outcome(each)[0] for each in atlas.many(pictures, fix=True)} == {"active"}
        assert atlas.registered() == 20


class TestDigest:
    """What is made from a file is the same as long as nothing changes that decides it."""

    def digest(self, limits: str = "width = { min = 300 }", title: str = "Mine", **options: Any) -> str:
        text = f"""
            title = "{title}: pictures"
            stage = "register"
            source = "https://example.com"
            as_of = 2026-11-20
            basis = "published"
            [image]
            {limits}
        """
        ruleset = compile_ruleset("mine", tomllib.loads(text))
        return fixing.fix_digest([ruleset], options.pop("choices", Choices()), **{"strict": False} | options)

    def test_texts_do_not_count(self) -> None:
        assert self.digest() == self.digest(title="Another") == self.digest('width = { min = 300, note = "300 px" }')

    @pytest.mark.parametrize(
        "changes",
        [
            {"limits": "width = { min = 301 }"},
            {"limits": 'width = { min = 300, otherwise = "scaled" }'},
            {"strict": True},
            {"choices": Choices(anchor="top")},
        ],
        ids=str,
    )
    def test_digest_covers_every_option(self, changes: dict[str, Any]) -> None:
        assert self.digest(**changes) != self.digest()

    def test_variants_count_and_the_order_of_rule_sets_does_not(self) -> None:
        def digest(rules: str) -> str:
            return fixing.fix_digest(catalog.resolve(rules), Choices(), strict=False)

        variants = [digest(f"amazon-rekognition:{variant}") for variant in ("s3", "faces", "ppe")]
        assert len({*variants, digest("amazon-rekognition"), digest("atlas"), digest("atlas,tiktok")}) == 6
        assert digest("atlas,tiktok") == digest("tiktok,atlas,atlas")


class TestOptions:
    @pytest.mark.parametrize("fix", ["yes", 1, None, {"fit": "pad"}])
    def test_value_of_a_wrong_type_is_refused(self, atlas: Sender, fix: Any) -> None:
        with pytest.raises(UsageError, match=r"fix= is of the type \w+\. Give True, False or Choices\."):
            preflight.Client("atlas", **atlas.options(fix=fix))

    def test_choice_that_does_not_exist_is_refused(self, atlas: Sender) -> None:
        with pytest.raises(UsageError, match="fit='stretch' is not a choice"):
            preflight.Client("atlas", **atlas.options(fix=Choices(fit="stretch")))  # type: ignore[arg-type]

    def test_served_files_cannot_be_fixed(self, atlas: Sender) -> None:
        options = atlas.options(fix=True, host=None, public_base="https://cdn.example")
        with pytest.raises(UsageError, match=r"public_base= is for files that are served already.*Give host= instead"):
            preflight.Client("atlas", **options)
        client = preflight.Client("atlas", **(options | {"fix": False}))
        with client, pytest.raises(UsageError, match="public_base= is for files"):
            list(client.submit_all([NARROW], fix=True))

    def test_one_call_of_a_client_can_fix(self, atlas: Sender, narrow: Path) -> None:
        with preflight.Client("atlas", **atlas.options()) as client:
            (refused,) = client.submit_all([narrow])
            assert refused.outcome == "rejected"
            assert client.submit(narrow, fix=True).status == "active"
