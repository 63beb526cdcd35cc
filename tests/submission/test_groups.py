"""Groups: named, found or made, and made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from preflight.errors import AccountRefused, SourceError, UsageError
from preflight.hosts import LocalFile
from preflight.ledger import Ledger
from preflight.sandbox import Sandbox
from preflight.submission.recover import account_key
from tests.submission.sending import Sender, unique_picture

GROUPED = ["agt", "byteplus", "volcengine"]


@pytest.fixture(params=GROUPED)
def grouped(request: pytest.FixtureRequest, box: Sandbox, tmp_path: Path) -> Sender:
    return Sender(box, request.param, tmp_path)


def groups_of(sender: Sender) -> list[str]:
    return [group.id for group in sender.box.groups(sender.name) if group.name == sender.group]


def test_missing_group_error_lists_the_groups(grouped: Sender, box: Sandbox) -> None:
    with grouped.opened() as provider:
        made = provider.api.create_group(f"{grouped.mark}-heroes")
    before = box.stats.calls[grouped.name, "register"]
    with pytest.raises(UsageError, match=r"Name one with group=\. It has .*") as raised:
        grouped.one(grouped.picture(), group=None)
    assert f"{grouped.mark}-heroes ({made.id})" in str(raised.value)
    assert box.stats.calls[grouped.name, "register"] == before


def test_new_group_name_creates_a_group_that_the_next_run_uses(grouped: Sender) -> None:
    assert {submission.outcome for submission in grouped.many(grouped.pictures(6))} == {"active"}
    (made,) = groups_of(grouped)
    assert {asset.group for asset in grouped.assets()} == {made}
    assert grouped.one(grouped.picture()).outcome == "active"
    assert groups_of(grouped) == [made]
    assert {entry.group_id for entry in grouped.entries()} == {made}


def test_group_is_created_only_if_a_file_goes_into_it(grouped: Sender, box: Sandbox, tmp_path: Path) -> None:
    def calls() -> int:
        return box.stats.calls[grouped.name, "create_group"]

    before, picture = calls(), grouped.picture()
    rejected = tmp_path / "rejected.png"
    rejected.write_bytes(b"no picture")
    assert grouped.one(rejected).outcome == "rejected"
    assert grouped.one(tmp_path / "missing.png").outcome == "rejected"

    class Refusing:
        def put(self, file: LocalFile) -> str:
            raise SourceError("upload_failed", f"{file.name} was not hosted.")

    class Changing:
        def put(self, file: LocalFile) -> str:
            url = grouped.host.put(file)
            unique_picture(picture)
            return url

    assert grouped.one(picture, host=Refusing()).code == "upload_failed"
    assert grouped.one(picture, host=Changing()).code == "source_changed"
    assert calls() == before
    assert grouped.entries() == []
    puts = grouped.host.puts
    made = grouped.many([rejected, picture, picture])
    assert [submission.outcome for submission in made] == ["rejected", "active", "active"]
    assert calls() == before + 1
    assert grouped.host.puts - puts in (1, 2), "the one that creates the group may not be the one that registers"
    assert grouped.one(picture).reused
    assert calls() == before + 1


def test_group_may_be_named_by_its_id(grouped: Sender) -> None:
    with grouped.opened() as provider:
        made = provider.api.create_group(str(grouped.group)).id
    submission = grouped.one(grouped.picture(), group=made)
    assert submission.asset is not None
    assert grouped.assets()[0].group == made
    assert len(groups_of(grouped)) == 1


@pytest.mark.parametrize("is_known", [True, False])
def test_id_of_a_deleted_group_creates_no_group(grouped: Sender, box: Sandbox, is_known: bool) -> None:
    """Whether an unknown id is one is seen where ids have a shape of their own."""
    with grouped.opened() as provider:
        group = provider.api.create_group(f"{grouped.group}-old").id
        if is_known:
            assert grouped.one(grouped.picture(), group=group).outcome == "active"
        elif not group.startswith("group-"):
            pytest.skip("its ids look like names")
        provider.api.delete_group(group)
    calls = box.stats.calls[grouped.name, "create_group"], grouped.host.puts, grouped.registered()
    with pytest.raises(UsageError, match=rf"has no group with the id {group}\. Give another group="):
        grouped.one(grouped.picture("-new"), group=group)
    assert calls == (box.stats.calls[grouped.name, "create_group"], grouped.host.puts, grouped.registered())


def test_ambiguous_group_name_is_refused_with_the_ids(grouped: Sender) -> None:
    with grouped.opened() as provider:
        ids = [provider.api.create_group(str(grouped.group)).id for _ in range(2)]
    with pytest.raises(UsageError, match="has 2 groups called") as raised:
        grouped.one(grouped.picture())
    assert all(id_ in str(raised.value) for id_ in ids)
    assert grouped.assets() == []


def test_other_groups_are_other_assets(grouped: Sender) -> None:
    picture = grouped.picture()
    assert not grouped.one(picture).reused
    assert not grouped.one(picture, group=f"{grouped.group}-2").reused
    assert grouped.one(picture).reused
    assert len(grouped.assets()) == 2


@pytest.mark.parametrize("fault", ["lose-after", "error-after", "lose-before", "error-before"])
def test_group_is_created_once_after_a_lost_response(grouped: Sender, box: Sandbox, fault: str) -> None:
    box.faults.on(fault, action="create_group", provider=grouped.name, call=1)
    assert grouped.one(grouped.picture()).outcome == "active"
    assert len(groups_of(grouped)) == 1


def test_intended_group_is_looked_up_before_it_is_created(
    grouped: Sender, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The intent is in the ledger; the group does not show in the list at once."""
    with grouped.opened() as provider:
        place = (account_key(provider), str(grouped.group))
        with Ledger(str(grouped.folder / "ledger.sqlite")) as ledger:
            ledger.write_group(*place, None)
            assert ledger.is_group_intended(*place)
        made = provider.api.create_group(str(grouped.group)).id
    listed = grouped.provider.api.list_groups
    looks = 0

    def late(self: object, **options: object) -> object:
        nonlocal looks
        looks += 1
        page = listed(self, **options)  # type: ignore[arg-type]
        return page if looks > 3 else type(page)(())

    monkeypatch.setattr(grouped.provider.api, "list_groups", late)
    assert grouped.one(grouped.picture()).outcome == "active"
    assert groups_of(grouped) == [made]


def test_group_that_is_refused_leaves_no_intent(grouped: Sender, box: Sandbox) -> None:
    box.faults.on("403", action="create_group", provider=grouped.name)
    submission = grouped.one(grouped.picture())
    assert (submission.outcome, submission.code) == ("error", "access_denied")
    assert isinstance(submission.error, AccountRefused)
    with Ledger(str(grouped.folder / "ledger.sqlite")) as ledger, grouped.opened() as provider:
        place = (account_key(provider), str(grouped.group))
        assert not ledger.is_group_intended(*place)
    assert grouped.assets() == []


def test_long_group_name_is_refused_before_sending(grouped: Sender, box: Sandbox) -> None:
    with pytest.raises(UsageError, match="up to 64 characters"):
        grouped.one(grouped.picture(), group="g" * 65)
    assert grouped.host.puts == 0


def test_group_of_a_provider_without_groups_is_refused(box: Sandbox, tmp_path: Path) -> None:
    for name in ("atlas", "sunra", "crun", "agentsflare"):
        sender = Sender(box, name, tmp_path / name)
        with pytest.raises(UsageError, match=r"has no groups\. Leave group= out"):
            sender.one(sender.picture(), group="heroes")


def test_wrong_group_is_refused_before_targets_are_read(grouped: Sender) -> None:
    def targets() -> Iterator[str]:
        raise AssertionError("nothing is to be read")
        yield ""

    with pytest.raises(UsageError):
        grouped.many(targets(), group=None)  # type: ignore[arg-type]
