"""What holds at every provider: what passes is registered once, polled, remembered, and said as it is."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from preflight.errors import UsageError
from preflight.ledger import Ledger
from preflight.sandbox import Sandbox
from tests.submission.clocks import quick_clock, quick_wait
from tests.submission.sending import ACCEPTED, Sender


def test_passing_file_is_hosted_registered_and_polled(sender: Sender) -> None:
    sender.box.faults.delay = 0.1
    submission = sender.one(sender.picture())
    (stored,) = sender.assets()
    asset = submission.asset
    assert asset is not None
    assert (submission.outcome, submission.code, submission.message, submission.reused) == ("active", None, None, False)
    assert (asset.status, asset.kind, asset.id) == ("active", "image", stored.id)
    assert stored.name == sender.entries()[0].name
    assert (asset.reference or "").startswith("asset://") is (sender.provider.reference is not None)
    assert asset.usage == sender.provider.usage.get("image", sender.provider.usage.get(""))
    assert submission.report is not None
    assert submission.report.passed
    assert sender.host.puts == 1
    assert not [field for field in sender.box.stats.unexpected if field.provider == sender.name]


def test_registered_asset_is_reused_after_one_get(sender: Sender) -> None:
    picture = sender.picture()
    first = sender.one(picture)
    copy = sender.folder / "other-name.png"
    copy.write_bytes(picture.read_bytes())
    gets = sender.box.stats.calls[sender.name, "get"]
    again = sender.one(copy)
    assert (again.outcome, again.reused) == ("active", True)
    assert again.asset is not None
    assert first.asset is not None
    assert again.asset.id == first.asset.id
    assert sender.box.stats.calls[sender.name, "get"] == gets + 1
    assert sender.registered() == sender.host.puts == 1


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_each_kind_is_sent_as_the_providers_type(sender: Sender, kind: str) -> None:
    submission = sender.one(ACCEPTED / {"video": "clip.mp4", "audio": "sound.wav"}[kind], name=sender.mark)
    if kind not in sender.provider.types.values():
        assert (submission.outcome, submission.code) == ("rejected", "kind_not_accepted")
        return
    assert submission.outcome == "active"
    (stored,) = sender.assets()
    assert stored.kind == kind
    assert stored.asset_type in sender.provider.types


def test_rejected_file_is_never_sent(mostly: Sender, box: Sandbox) -> None:
    before = box.stats.calls[mostly.name, "register"]
    bad = ACCEPTED.parent / "refused"
    made = mostly.many([bad / "png-too-narrow.png", bad / "login-page.jpg", "gone.png"])
    assert [submission.outcome for submission in made] == ["rejected"] * 3
    assert [submission.code for submission in made] == ["width_too_small", "format_unsupported", "not_found"]
    assert all(submission.message for submission in made)
    assert box.stats.calls[mostly.name, "register"] == before
    assert mostly.host.puts == 0
    assert mostly.entries() == []


def test_stated_type_that_contradicts_the_content_stops_it(sender: Sender, box: Sandbox) -> None:
    wrong = next((word for word, kind in sender.provider.types.items() if kind == "audio"), None)
    if wrong is None:
        with pytest.raises(UsageError, match="has no type 'Audio'"):
            sender.one(sender.picture(), type="Audio")
        return
    before = box.stats.calls[sender.name, "register"]
    submission = sender.one(sender.picture(), type=wrong)
    assert (submission.outcome, submission.code) == ("rejected", "type_mismatch")
    assert box.stats.calls[sender.name, "register"] == before
    right = next(word for word, kind in sender.provider.types.items() if kind == "image")
    picture = sender.picture()
    assert sender.one(picture, type=right).outcome == "active"
    assert sender.one(picture).reused  # it is the word that is sent where none is asset_type


def test_failure_is_mapped_to_a_finding_and_kept_as_disagreement(sender: Sender, box: Sandbox) -> None:
    box.faults.fail("PixelCountTooLarge", match=f"{sender.mark}*")
    picture = sender.picture()
    submission = sender.one(picture)
    assert (submission.outcome, submission.code) == ("failed", "pixel_count_too_large")
    assert submission.message
    with Ledger(str(sender.folder / "ledger.sqlite")) as ledger:
        (disagreement,) = ledger.disagreements()
    assert (disagreement.provider, disagreement.ours, disagreement.theirs) == (
        sender.name,
        "pass",
        "pixel_count_too_large",
    )
    assert str(picture) in disagreement.source


def test_failure_is_reported_from_the_ledger_until_retried(mostly: Sender, box: Sandbox) -> None:
    box.faults.fail("PixelCountTooLarge", match=f"{mostly.mark}*")
    picture = mostly.picture()
    mostly.one(picture)
    again = mostly.one(picture)
    assert (again.outcome, again.code, again.reused) == ("failed", "pixel_count_too_large", True)
    assert again.message is not None
    assert "retry_failed" in again.message
    assert mostly.registered() == 1
    box.faults.clear()
    assert mostly.one(picture, retry_failed=True).outcome == "active"
    assert mostly.registered() == 2
    assert mostly.one(picture).reused


def test_temporary_failure_is_retried_by_later_runs_up_to_three_times(mostly: Sender, box: Sandbox) -> None:
    box.faults.fail("InternalError", match=f"{mostly.mark}*")
    picture = mostly.picture()
    for run in range(5):
        submission = mostly.one(picture)
        assert (submission.outcome, submission.code) == ("failed", "provider_internal")
        assert mostly.registered() == min(run + 1, 3)
    with Ledger(str(mostly.folder / "ledger.sqlite")) as ledger:
        assert ledger.disagreements() == []  # it says nothing of the file
    names = [entry.name for entry in mostly.entries()]
    assert len(set(names)) == 3


def test_names_are_unique_short_and_begin_as_the_file_is_called(sender: Sender) -> None:
    stem = f"{sender.mark} ä/漢字 & {'long ' * 20}"
    sender.one(sender.picture(), name=sender.mark)
    sender.one(sender.picture(f" ä 漢字 & {'long ' * 20}"))
    first, second = sorted((asset.name for asset in sender.assets()), key=len)
    assert re.fullmatch(rf"{sender.mark}-[0-9a-f]{{12}}", first)
    assert re.fullmatch(rf"{sender.mark}-ä-漢字-.{{1,48}}-[0-9a-f]{{12}}", second)
    assert len(second) <= 61
    with pytest.raises(UsageError, match="Give name= with 1 to 48"):
        sender.one(sender.picture(), name=stem)


def test_unwaited_asset_is_polled_by_the_next_run(mostly: Sender, box: Sandbox) -> None:
    box.faults.delay = 0.2
    picture = mostly.picture()
    submission = mostly.one(picture, wait=False)
    assert (submission.outcome, submission.code) == ("processing", None)
    assert submission.asset is not None
    assert submission.asset.id == mostly.assets()[0].id
    resumed = mostly.one(picture)
    assert (resumed.outcome, resumed.reused) == ("active", True)
    assert mostly.registered() == 1


def test_asset_that_is_not_visible_yet_is_not_gone(some: Sender, box: Sandbox) -> None:
    picture = some.picture()
    some.one(picture, wait=False)
    for call in (1, 2, 3):
        box.faults.on("404", action="get", provider=some.name, call=call)
    assert some.one(picture).outcome == "active"
    assert some.registered() == 1


def test_polling_ends_at_its_deadline_and_goes_on_at_the_next_run(mostly: Sender, box: Sandbox) -> None:
    box.faults.delay = 0.4
    picture = mostly.picture()
    submission = mostly.one(picture, poll_timeout=2)  # a tenth of a second on the quick clock
    assert (submission.outcome, submission.code) == ("processing", "deadline")
    assert "Run the same command again" in (submission.message or "")
    assert mostly.entries()[0].state == "processing"
    assert mostly.one(picture).outcome == "active"
    assert mostly.registered() == 1


def test_asset_that_is_gone_is_registered_again(mostly: Sender, box: Sandbox) -> None:
    picture = mostly.picture()
    first = mostly.one(picture).asset
    assert first is not None
    stored = next(asset for asset in mostly.assets())
    box.forget(mostly.name, stored.id)
    again = mostly.one(picture)
    assert (again.outcome, again.reused) == ("active", False)
    assert again.asset is not None
    assert again.asset.id != first.id
    assert sorted(entry.state for entry in mostly.entries()) == ["active", "gone"]


def test_asset_in_the_trash_is_registered_again(sender: Sender) -> None:
    if "delete" not in sender.provider.can:
        pytest.skip("this provider deletes nothing")
    picture = sender.picture()
    first = sender.one(picture).asset
    assert first is not None
    with sender.opened() as provider:
        provider.api.delete(first.id)
    assert not sender.one(picture).reused
    assert sender.registered() == 2


def test_asset_that_vanishes_while_it_is_polled_is_gone(fewer: Sender, box: Sandbox) -> None:
    box.faults.delay = 60
    picture = fewer.picture()
    fewer.one(picture, wait=False)
    (stored,) = fewer.assets()

    def wait(event: threading.Event | threading.Condition, seconds: float | None) -> bool:
        if isinstance(event, threading.Condition) and any(asset.id == stored.id for asset in fewer.assets()):
            box.forget(fewer.name, stored.id)
        return quick_wait(event, seconds)

    submission = fewer.one(picture, clock=quick_clock(wait))
    assert (submission.outcome, submission.code) == ("error", "asset_gone")
    assert fewer.entries()[0].state == "gone"
    box.faults.clear()
    assert fewer.one(picture).outcome == "active"


def test_same_content_twice_in_a_run_is_one_asset(mostly: Sender) -> None:
    picture = mostly.picture()
    copy = mostly.folder / "copy.png"
    copy.write_bytes(picture.read_bytes())
    made = mostly.many([picture, copy, picture], name=mostly.mark)
    assert {submission.outcome for submission in made} == {"active"}
    assert [submission.source for submission in made] == [str(picture), str(copy), str(picture)]
    assert len({submission.asset.id for submission in made if submission.asset}) == 1
    assert mostly.registered() == 1


def test_refusal_that_names_a_limit_is_a_failure_of_the_file(sender: Sender, box: Sandbox) -> None:
    box.faults.refuse_at_once = True
    box.faults.fail("WidthTooSmall", match=f"{sender.mark}*")
    submission = sender.one(sender.picture())
    assert (submission.outcome, submission.code) == ("failed", "width_too_small")


def test_wrong_key_ends_the_run_for_every_target(sender: Sender) -> None:
    wrong = {name: "wrong-" + value[::-1] for name, value in keys_of_sender(sender).items()}
    pictures = sender.pictures(5)
    if sender.provider.needs_group:
        made = sender.many(pictures, keys=wrong, group="heroes")
    else:
        made = sender.many(pictures, keys=wrong)
    assert [submission.outcome for submission in made] == ["error"] * 5
    assert {submission.code for submission in made} == {"auth"}
    assert all(sender.provider.title in (submission.message or "") for submission in made)
    assert sender.entries() == []
    assert {submission.outcome for submission in sender.many(pictures)} == {"active"}
    assert sender.registered() == 5


def keys_of_sender(sender: Sender) -> dict[str, str]:
    keys: dict[str, str] = sender.options()["keys"]
    return keys


def test_description_is_sent_where_the_provider_takes_one(box: Sandbox, tmp_path: Path) -> None:
    sender = Sender(box, "agt", tmp_path)
    assert sender.one(sender.picture(), description="for season two").outcome == "active"
    assert sender.assets()[0].description == "for season two"
