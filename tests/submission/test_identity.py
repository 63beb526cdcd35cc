"""What was checked is what is sent; what is the same file is not sent twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from preflight.hosts import LocalFile
from preflight.ledger import Ledger
from preflight.sandbox import Sandbox
from preflight.submission import submitter
from tests.submission.clocks import SPEED, quick_clock, quick_wait
from tests.submission.sending import ACCEPTED, Sender, unique_picture
from tests.submission.web import Web, serving

SIGNED = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=86400&X-Amz-Date={}&X-Amz-Signature={}"


@pytest.fixture(scope="module")
def _web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def web(_web: Web) -> Web:
    _web.each = lambda path, number: None
    return _web


@pytest.fixture(scope="module")
def _box(_web: Web) -> Iterator[Sandbox]:
    with Sandbox(trusted=[_web.origin]) as box:
        yield box


@pytest.fixture
def sent(some: Sender, web: Web) -> str:
    """The path of a picture that is served with a strong ETag."""
    path = f"/{some.mark}.png"
    web.put(path, unique_picture(some.folder / "x.png").read_bytes(), f'"{some.mark}"')
    return path


class TestUrls:
    def test_url_is_registered_as_it_is_and_used_again(self, some: Sender, web: Web, sent: str) -> None:
        first = some.one(web.origin + sent)
        assert (first.outcome, first.message) == ("active", None)
        assert some.assets()[0].url == web.origin + sent
        assert some.one(web.origin + sent).reused
        assert some.registered() == 1

    def test_another_signature_is_the_same_file(self, some: Sender, web: Web, sent: str) -> None:
        one = web.origin + sent + SIGNED.format("20991121T000000Z", "5f2c" * 16)
        other = web.origin + sent + SIGNED.format("20991121T010000Z", "77aa" * 16)
        assert some.one(one).outcome == "active"
        assert some.assets()[0].url == one
        assert some.one(other).reused
        assert some.registered() == 1

    def test_other_parameters_are_another_file(self, some: Sender, web: Web, sent: str) -> None:
        assert not some.one(f"{web.origin}{sent}?width=640").reused
        assert not some.one(f"{web.origin}{sent}?width=320").reused

    def test_another_etag_or_size_is_another_file(self, some: Sender, web: Web, sent: str) -> None:
        some.one(web.origin + sent)
        web.put(sent, web.files[sent], '"two"')
        assert not some.one(web.origin + sent).reused
        web.put(sent, unique_picture(some.folder / "y.png").read_bytes() + b"\0", '"two"')
        assert not some.one(web.origin + sent).reused
        assert some.registered() == 3

    @pytest.mark.parametrize("etag", [None, 'W/"weak"', '""'])
    def test_url_without_strong_etag_is_registered_anew_with_a_note(
        self, some: Sender, web: Web, sent: str, etag: str | None
    ) -> None:
        web.put(sent, web.files[sent], etag)
        for run in (1, 2):
            submission = some.one(web.origin + sent)
            assert (submission.outcome, submission.reused) == ("active", False)
            assert "no strong ETag" in (submission.message or "")
            assert some.registered() == run

    def test_interrupted_url_without_strong_etag_is_resumed(
        self, some: Sender, web: Web, sent: str, box: Sandbox
    ) -> None:
        box.faults.delay = 0.2
        web.put(sent, web.files[sent], None)
        assert some.one(web.origin + sent, wait=False).outcome == "processing"
        assert some.one(web.origin + sent).outcome == "active"
        assert some.registered() == 1

    def test_failure_without_strong_etag_is_not_reused(self, some: Sender, web: Web, sent: str, box: Sandbox) -> None:
        box.faults.fail("PixelCountTooLarge", match=f"{some.mark}*", times=1)
        web.put(sent, web.files[sent], None)
        assert some.one(web.origin + sent).outcome == "failed"
        assert some.one(web.origin + sent).outcome == "active"

    @pytest.mark.parametrize("change", ["etag", "size", "gone"])
    def test_url_that_changes_between_check_and_call_is_not_registered(
        self, some: Sender, web: Web, sent: str, change: str
    ) -> None:
        def changing(path: str, number: int) -> None:
            if path == sent and number == web.seen_before + 2:  # type: ignore[attr-defined]
                if change == "etag":
                    web.put(sent, web.files[sent], '"other"')
                elif change == "size":
                    web.put(sent, web.files[sent] + b"\0", web.etags[sent])
                else:
                    del web.files[sent]

        web.seen_before = web.seen[sent]  # type: ignore[attr-defined]
        web.each = changing
        submission = some.one(web.origin + sent)
        assert submission.outcome == "error"
        assert submission.code == ("download_failed" if change == "gone" else "source_changed")
        assert some.registered() == 0
        assert some.entries() == []


class TestFiles:
    def test_same_content_is_reused_under_another_name_and_path(self, some: Sender, tmp_path: Path) -> None:
        picture = some.picture()
        some.one(picture)
        moved = tmp_path / "elsewhere"
        moved.mkdir()
        assert some.one(picture.rename(moved / "new-name.png")).reused

    def test_file_that_changes_while_it_is_hosted_is_not_registered(self, some: Sender) -> None:
        picture = some.picture()

        class Late:
            def put(self, file: LocalFile) -> str:
                url = some.host.put(file)
                unique_picture(picture)
                return url

        submission = some.one(picture, host=Late())
        assert (submission.outcome, submission.code) == ("error", "source_changed")
        assert some.registered() == 0
        assert some.entries() == []
        assert some.one(picture).outcome == "active"

    def test_file_that_changes_after_it_was_checked_is_not_hosted(
        self, some: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        picture = some.picture()
        whole = submitter.content_of_file

        def change(path: str) -> object:
            content = whole(path)
            picture.write_bytes((ACCEPTED.parent / "refused/png-too-narrow.png").read_bytes())
            return content

        monkeypatch.setattr(submitter, "content_of_file", change)
        submission = some.one(picture)
        assert (submission.outcome, submission.code) == ("rejected", "width_too_small")
        assert some.host.puts == 0

    def test_file_is_compared_right_before_it_is_sent(self, some: Sender) -> None:
        """At three registrations a minute the last of several waits for minutes after it was checked."""
        pictures = some.pictures(2)
        hosted = some.host.put
        begun: list[str] = []

        class Changing:
            def put(self, file: LocalFile) -> str:
                begun.append(file.path)
                return hosted(file)

        def wait(event: threading.Event | threading.Condition, seconds: float | None) -> bool:
            if seconds is not None and seconds > 10 and len(begun) == 2:  # the second one waits for its turn
                deadline = time.monotonic() + 20
                while not some.registered() and time.monotonic() < deadline:  # the first one may still be under way
                    time.sleep(0.01)
                unique_picture(Path(begun[0]))
                unique_picture(Path(begun[1]))
                seconds = 1.0
            return quick_wait(event, seconds)

        start = time.time()  # processes take turns by the time of day, which passes as quickly here
        clock = replace(quick_clock(wait), wall=lambda: start + (time.time() - start) * SPEED)
        made = some.many(pictures, host=Changing(), clock=clock, rate="3/min", group=_made(some))
        assert sorted(submission.outcome for submission in made) == ["active", "error"]
        assert some.registered() == 1

    def test_changed_rule_sets_retry_a_failure(self, some: Sender, box: Sandbox, tmp_path: Path) -> None:
        box.faults.fail("PixelCountTooLarge", match=f"{some.mark}*")
        picture = some.picture()
        some.one(picture)
        mine = tmp_path / "mine.toml"
        mine.write_text(
            'title = "Mine: pictures"\nstage = "register"\nsource = "https://example.com"\nas_of = 2026-11-20\n'
            'basis = "published"\n[image]\nwidth = { min = 7 }\n'
        )
        some.one(picture)
        assert some.registered() == 1
        some.one(picture, rules=str(mine))
        assert some.registered() == 2
        some.one(picture, rules=str(mine))
        assert some.registered() == 2

    def test_warnings_are_kept_with_disagreements_and_fail_under_strict(self, atlas: Sender, box: Sandbox) -> None:
        clip = ACCEPTED / "clip-15.1-s.mp4"
        strict = atlas.one(clip, strict=True)
        assert (strict.outcome, strict.code) == ("rejected", "duration_too_long")
        assert "strict makes a failure" in (strict.message or "")
        box.faults.fail("DurationTooLong", match=f"{atlas.mark}*")
        assert atlas.one(clip, name=atlas.mark).outcome == "failed"
        with Ledger(str(atlas.folder / "ledger.sqlite")) as ledger:
            (disagreement,) = ledger.disagreements()
        assert (disagreement.ours, disagreement.theirs) == ("duration_too_long", "duration_too_long")


def _made(some: Sender) -> str | None:
    if some.group is None:
        return None
    with some.opened() as provider:
        return provider.api.create_group(some.group).id
