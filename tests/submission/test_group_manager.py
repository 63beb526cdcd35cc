"""Groups of an account: found by name or id, created once, renamed, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from preflight.clock import Clock
from preflight.errors import AccountRefused, ProviderError, RateLimited, Stopped, UsageError
from preflight.providers import Group, Page
from preflight.rates import InFlight
from preflight.submission.groups import GroupManager
from tests.rows import each_row
from tests.submission.memory import Memory, PlainApi, lost, not_found, refused


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path) as memory:
        yield memory


@pytest.fixture
def manager(memory: Memory) -> GroupManager:
    return GroupManager(memory.provider, memory.ledger, clock=memory.clock)


def count(memory: Memory, call: str) -> int:
    return memory.api.calls.count(call)


class TestValidate:
    @each_row(
        "needs, name, message",
        [
            (True, None, r"registers an asset into a group\. Name one with group=\. It has none yet; a new name"),
            (False, "heroes", r"has no groups\. Leave group= out\."),
            (True, "", r"the group is empty\. Give group= a name or an id\."),
            (True, " ", r"the group is empty\. Give group= a name or an id\."),
            (True, "heroes", None),
            (False, None, None),
        ],
    )
    def test_group_is_required_exactly_where_it_is_needed(
        self, tmp_path: Path, needs: bool, name: str | None, message: str | None
    ) -> None:
        with Memory(tmp_path, needs_group=needs) as memory:
            manager = GroupManager(memory.provider, memory.ledger, clock=memory.clock)
            if message is None:
                manager.validate(name)
            else:
                with pytest.raises(UsageError, match=message) as caught:
                    manager.validate(name)
                assert caught.value.parameters == ("group",)

    def test_missing_group_is_a_wrong_call_also_if_groups_cannot_be_listed(
        self, memory: Memory, manager: GroupManager
    ) -> None:
        memory.api.failures["list_groups"] = [refused("ListAssetGroups")]
        with pytest.raises(UsageError, match=r"Name one with group=\. Those that exist cannot be listed\. .*Groups"):
            manager.validate(None)

    def test_provider_without_groups_resolves_no_group(self, tmp_path: Path) -> None:
        with Memory(tmp_path, needs_group=False) as memory:
            assert GroupManager(memory.provider, memory.ledger, clock=memory.clock).resolve(None) is None
            assert memory.api.calls == []

    def test_provider_without_groups_is_refused(self, tmp_path: Path) -> None:
        with Memory(tmp_path, PlainApi) as memory:
            manager = GroupManager(memory.provider, memory.ledger, clock=memory.clock)
            for call in (manager.all, lambda: manager.find("heroes"), lambda: manager.page(None)):
                with pytest.raises(UsageError, match=r"has no groups\. Choose a provider that has them"):
                    list(call())  # type: ignore[call-overload]

    @each_row("groups, dots", [(1, ""), (19, ""), (20, ""), (21, " …"), (22, " …"), (40, " …")])
    def test_message_lists_at_most_twenty_groups(self, tmp_path: Path, groups: int, dots: str) -> None:
        with Memory(tmp_path, page_size=50) as memory:
            made = [memory.api.add_group(f"g{number}") for number in range(groups)]
            with pytest.raises(UsageError) as caught:
                GroupManager(memory.provider, memory.ledger, clock=memory.clock).validate(None)
            listed = ", ".join(f"{group.name} ({group.id})" for group in made[:20])
            assert str(caught.value).endswith(f"It has {listed}{dots}.")

    def test_message_reads_no_page_more_than_it_shows(self, tmp_path: Path) -> None:
        with Memory(tmp_path, page_size=21) as memory:
            for number in range(30):
                memory.api.add_group(f"g{number}")
            with pytest.raises(UsageError):
                GroupManager(memory.provider, memory.ledger, clock=memory.clock).validate(None)
            assert memory.api.calls == ["list_groups"]

    def test_group_without_a_name_is_listed_by_its_id(self, memory: Memory, manager: GroupManager) -> None:
        memory.api.add_group(None, group_id="g-unnamed")
        memory.api.add_group("her\noes", group_id="g-odd")
        with pytest.raises(UsageError, match=r"\(no name\) \(g-unnamed\), her\\noes \(g-odd\)\."):
            manager.validate(None)


class TestResolve:
    def test_group_is_found_by_name_and_by_id(self, memory: Memory, manager: GroupManager) -> None:
        memory.api.add_group("villains")
        group = memory.api.add_group("heroes")
        memory.api.add_group("extras")
        assert manager.resolve("heroes") == manager.resolve(group.id) == group.id
        assert count(memory, "create_group") == 0
        assert memory.ledger.group_ids("heroes") == {group.id}

    def test_known_group_is_looked_up_again_after_a_minute(self, memory: Memory, manager: GroupManager) -> None:
        first = memory.api.add_group("heroes").id
        second = "g-second"
        assert manager.resolve("heroes") == first
        del memory.api.groups[first]
        memory.api.add_group("heroes", group_id=second)
        memory.time.now += 59.9
        assert (manager.resolve("heroes"), count(memory, "list_groups")) == (first, 1)
        memory.time.now += 0.1
        assert (manager.resolve("heroes"), count(memory, "list_groups")) == (second, 2)
        memory.time.now += 59.9
        assert (manager.resolve("heroes"), count(memory, "list_groups")) == (second, 2)

    @pytest.mark.parametrize("started", [0.0, 30.0, 1_000_000.0])
    def test_first_look_up_does_not_depend_on_the_time_of_the_start(
        self, memory: Memory, manager: GroupManager, started: float
    ) -> None:
        memory.time.now = started
        group = memory.api.add_group("heroes").id
        assert manager.resolve("heroes") == group

    def test_missing_group_is_created_after_the_callers_work(self, memory: Memory, manager: GroupManager) -> None:
        seen: list[int] = []
        made = manager.resolve("heroes", lambda: seen.append(count(memory, "create_group")))
        assert (seen, list(memory.api.groups), made) == ([0], [made], made)
        assert manager.resolve("heroes", lambda: seen.append(1)) == made
        assert seen == [0]

    def test_error_of_the_callers_work_prevents_the_creation(self, memory: Memory, manager: GroupManager) -> None:
        def fail() -> None:
            raise OSError

        with pytest.raises(OSError):  # noqa: PT011 - its own
            manager.resolve("heroes", fail)
        assert memory.api.groups == {}

    def test_two_groups_of_a_name_are_refused_with_their_ids(self, memory: Memory, manager: GroupManager) -> None:
        ids = [memory.api.add_group("heroes").id for _ in range(2)]
        message = rf"has 2 groups called 'heroes'\. Give the id of one: {ids[0]}, {ids[1]}\."
        for call in (manager.resolve, manager.find):
            with pytest.raises(UsageError, match=message):
                call("heroes")

    @each_row("name", ["group-20261128171656-a1b2c", "g-used"])
    def test_id_that_does_not_exist_creates_no_group(self, tmp_path: Path, name: str) -> None:
        with Memory(tmp_path) as memory:
            memory.enter("asset-1", group="g-used")
            manager = GroupManager(memory.provider, memory.ledger, clock=memory.clock)
            with pytest.raises(UsageError, match=rf"has no group with the id {name}\. Give another group=\.") as caught:
                manager.resolve(name)
            assert caught.value.parameters == ("group",)
            assert memory.api.groups == {}

    def test_name_that_is_too_long_is_refused_before_the_callers_work(self, manager: GroupManager) -> None:
        with pytest.raises(UsageError, match="up to 64 characters"):
            manager.resolve("g" * 65, pytest.fail)

    def test_messages_cut_long_names(self, memory: Memory, manager: GroupManager) -> None:
        name = "n" * 130
        with pytest.raises(UsageError, match=f"has no group '{name[:120]}'"):
            manager.find(name)
        memory.api.add_group(name)
        memory.api.add_group(name)
        with pytest.raises(UsageError, match=f"2 groups called '{name[:120]}'"):
            manager.find(name)


class TestCreationOnce:
    """A group is created once, whatever becomes of the responses."""

    @pytest.mark.parametrize("late", [True, False])
    @pytest.mark.parametrize("times", [1, 2])
    def test_lost_response_leaves_one_group(
        self, memory: Memory, manager: GroupManager, late: bool, times: int
    ) -> None:
        memory.api.failures["create_group"] = [lost()] * times
        if late:
            memory.api.late.add("create_group")
        made = manager.resolve("heroes")
        assert list(memory.api.groups) == [made]
        assert memory.ledger.group_ids("heroes") == {made}
        assert count(memory, "create_group") == (1 if late else times + 1)

    def test_third_lost_response_ends_the_attempts(self, memory: Memory, manager: GroupManager) -> None:
        memory.api.failures["create_group"] = [lost()] * 4
        with pytest.raises(ProviderError):
            manager.resolve("heroes")
        assert (count(memory, "create_group"), memory.api.groups) == (3, {})
        assert not memory.ledger.is_group_intended(memory.account, "heroes")

    def test_third_response_may_be_lost_after_its_effect(self, memory: Memory, manager: GroupManager) -> None:
        memory.api.failures["create_group"] = [lost(), lost(), None]
        assert manager.resolve("heroes") in memory.api.groups
        memory.api.late.add("create_group")
        memory.api.failures["create_group"] = [lost()]
        assert manager.resolve("villains") in memory.api.groups

    def test_intent_of_a_killed_run_is_looked_up_before_the_call(self, memory: Memory, manager: GroupManager) -> None:
        memory.ledger.write_group(memory.account, "heroes", None)
        look_ups = 0
        read = manager.all

        def late(size: int | None = None) -> Iterator[Group]:
            nonlocal look_ups
            look_ups += 1
            if look_ups == 3:
                memory.api.add_group("heroes", group_id="g-late")
            return read(size)

        manager.all = late  # type: ignore[method-assign]
        assert manager.resolve("heroes") == "g-late"
        assert count(memory, "create_group") == 0

    def test_without_an_intent_the_list_is_read_once(self, memory: Memory, manager: GroupManager) -> None:
        manager.resolve("heroes")
        assert memory.api.calls == ["list_groups", "create_group"]
        assert memory.time.slept == []

    @each_row("error", [refused(), Stopped()])
    def test_refusal_and_stop_leave_no_intent(self, tmp_path: Path, error: Exception) -> None:
        with Memory(tmp_path) as memory:
            memory.api.failures["create_group"] = [error]  # type: ignore[list-item]
            with pytest.raises(type(error)):
                GroupManager(memory.provider, memory.ledger, clock=memory.clock).resolve("heroes")
            assert not memory.ledger.is_group_intended(memory.account, "heroes")
            assert (count(memory, "create_group"), count(memory, "list_groups")) == (1, 1)

    def test_throttled_creation_is_repeated(self, memory: Memory, manager: GroupManager) -> None:
        throttled = RateLimited("slow", provider="atlas", call="CreateGroup", reason="rate_limited")
        memory.api.failures["create_group"] = [throttled, throttled]
        assert manager.resolve("heroes") in memory.api.groups
        assert count(memory, "create_group") == 3

    def test_creation_counts_as_in_flight(self, memory: Memory) -> None:
        in_flight = InFlight()
        manager = GroupManager(memory.provider, memory.ledger, clock=memory.clock, in_flight=in_flight)
        create, idle = memory.api.create_group, []

        def watched(name: str, *, description: str | None = None) -> Group:
            idle.append((in_flight.is_idle, memory.ledger.is_group_intended(memory.account, name)))
            return create(name, description=description)

        memory.api.create_group = watched  # type: ignore[method-assign]
        manager.resolve("heroes")
        assert idle == [(False, True)]
        assert in_flight.is_idle
        in_flight.close()
        with pytest.raises(Stopped):
            manager.resolve("villains")
        assert not memory.ledger.is_group_intended(memory.account, "villains")

    def test_create_refuses_a_name_that_is_taken(self, memory: Memory, manager: GroupManager) -> None:
        memory.api.add_group("villains")
        group = memory.api.add_group("heroes")
        with pytest.raises(UsageError, match=rf"has a group 'heroes' already \({group.id}\)\. Use that one"):
            manager.create("heroes")
        made = manager.create("extras", "who else is there")
        assert (made.name, made.description) == ("extras", "who else is there")
        assert memory.api.groups[made.id] == made


class TestFind:
    def test_id_comes_before_a_name(self, memory: Memory, manager: GroupManager) -> None:
        group = memory.api.add_group("heroes")
        other = memory.api.add_group(group.id)
        assert manager.find(group.id) == group
        assert manager.find(other.id) == other
        assert manager.find("heroes") == group

    def test_missing_group_is_refused_with_those_that_exist(self, memory: Memory, manager: GroupManager) -> None:
        with pytest.raises(UsageError, match=r"has no group 'heroes'\. It has none\."):
            manager.find("heroes")
        group = memory.api.add_group("villains")
        with pytest.raises(UsageError, match=rf"has no group 'heroes'\. It has villains \({group.id}\)\."):
            manager.find("heroes")

    @pytest.mark.parametrize("word", [None, 7, b"heroes"])
    def test_group_is_given_as_text(self, memory: Memory, manager: GroupManager, word: object) -> None:
        with pytest.raises(UsageError, match="The group is of the type"):
            manager.find(word)  # type: ignore[arg-type]
        assert memory.api.calls == []

    def test_get_returns_the_group_as_it_is_now(self, memory: Memory, manager: GroupManager) -> None:
        group = memory.api.add_group("heroes")
        listed = manager.find("heroes")
        memory.api.list_groups = lambda **_: Page((listed,))  # type: ignore[method-assign]
        memory.api.groups[group.id] = replace(group, description="new")
        for word in ("heroes", group.id):
            assert manager.get(word).description == "new"

    def test_get_finds_a_group_that_is_not_listed(self, memory: Memory, manager: GroupManager) -> None:
        group = memory.api.add_group("heroes")
        memory.api.list_groups = lambda **_: Page(())  # type: ignore[method-assign]
        assert manager.get(group.id) == group
        with pytest.raises(UsageError, match="has no group 'villains'"):
            manager.get("villains")

    def test_pages_have_the_size_that_is_asked_for(self, memory: Memory, manager: GroupManager) -> None:
        for number in range(5):
            memory.api.add_group(f"g{number}")
        page = manager.page(None, 2)
        assert ([group.name for group in page.items], page.next) == (["g0", "g1"], "2")
        assert [group.name for group in manager.page("3", 2).items] == ["g4"]
        assert len(list(manager.all(2))) == 5
        assert count(memory, "list_groups") == 5


class TestRename:
    @each_row(
        "name, description, expected",
        [("new", None, ("new", "old text")), (None, "text", ("old", "text")), ("new", "text", ("new", "text"))],
    )
    def test_only_what_is_given_changes(
        self, tmp_path: Path, name: str | None, description: str | None, expected: tuple[str, str]
    ) -> None:
        with Memory(tmp_path) as memory:
            group = memory.api.add_group("old", "old text")
            changed = GroupManager(memory.provider, memory.ledger, clock=memory.clock).rename("old", name, description)
            there = memory.api.groups[group.id]
            assert (changed.id, changed.name, changed.description) == (group.id, *expected)
            assert (there.name, there.description) == expected

    def test_ledger_has_the_new_name(self, memory: Memory, manager: GroupManager) -> None:
        group = memory.api.add_group("old").id
        assert manager.resolve("old") == group
        manager.rename(group, None, "text")
        assert (memory.ledger.group_ids("old"), manager.resolve("old")) == ({group}, group)
        manager.rename(group, "new")
        assert (memory.ledger.group_ids("old"), memory.ledger.group_ids("new")) == (set(), {group})
        assert manager.resolve("old") != group

    def test_group_that_is_described_keeps_what_is_known(self, memory: Memory, manager: GroupManager) -> None:
        group = memory.api.add_group("heroes").id
        manager.resolve("heroes")
        reads = count(memory, "list_groups")
        manager.rename("heroes", None, "text")
        assert manager.resolve("heroes") == group
        assert count(memory, "list_groups") == reads + 1, "one to find it, none to resolve it again"

    @pytest.mark.parametrize("late", [True, False])
    @each_row("change", [("new", None), (None, "text"), ("new", "text")])
    def test_lost_response_is_decided_by_the_group_itself(
        self, tmp_path: Path, late: bool, change: tuple[str | None, str | None]
    ) -> None:
        with Memory(tmp_path) as memory:
            memory.api.groups.clear()
            group = memory.api.add_group("old", "old text")
            memory.api.failures["update_group"] = [lost()]
            if late:
                memory.api.late.add("update_group")
            manager = GroupManager(memory.provider, memory.ledger, clock=memory.clock)
            if late:
                assert manager.rename("old", *change) == memory.api.groups[group.id]
            else:
                with pytest.raises(ProviderError, match="lost"):
                    manager.rename("old", *change)
                assert memory.api.groups[group.id] == group
            assert count(memory, "get_group") == 1

    def test_refusal_is_raised_without_another_call(self, memory: Memory, manager: GroupManager) -> None:
        group = memory.api.add_group("old").id
        memory.api.failures["update_group"] = [refused()]
        with pytest.raises(ProviderError, match="refused"):
            manager.rename("old", "new")
        assert memory.api.calls == ["list_groups", "update_group"]
        assert memory.ledger.group_ids("new") == set()
        assert memory.api.groups[group].name == "old"


class TestCount:
    def test_assets_of_the_group_are_counted_with_one_item(self, memory: Memory, manager: GroupManager) -> None:
        group = memory.api.add_group("heroes")
        for number in range(3):
            memory.api.add(f"asset-{number}", group=group.id)
        memory.api.add("other", group="g-other")
        sizes, read = [], memory.api.list

        def watched(**query: object) -> object:
            sizes.append(query["size"])
            return read(**query)  # type: ignore[arg-type]

        memory.api.list = watched  # type: ignore[method-assign, assignment]
        assert (manager.count_assets(group), sizes) == (3, [1])

    def test_nothing_is_counted_if_the_provider_cannot_count(self, tmp_path: Path) -> None:
        for api, filters in ((PlainApi, {"group"}), (None, {"name"}), (PlainApi, set[str]())):
            options = {} if api is None else {"api": api}
            with Memory(tmp_path, filters=frozenset(filters), **options) as memory:
                manager = GroupManager(memory.provider, memory.ledger, clock=memory.clock)
                assert manager.count_assets(Group("g-1", "atlas")) is None
                assert memory.api.calls == []


class TestDelete:
    def test_entries_of_the_group_are_gone_in_every_account(self, memory: Memory, manager: GroupManager) -> None:
        group = memory.api.add_group("heroes")
        manager.resolve("heroes")
        mine = [memory.enter(f"asset-{number}", group=group.id) for number in range(2)]
        second = memory.enter("asset-2", group=group.id, account=memory.account._replace(account="second"))
        earlier = memory.enter("asset-3", group=group.id, state="gone")
        kept = [
            memory.enter("asset-4", group="g-other"),
            memory.enter("asset-5", group=group.id, account=memory.account._replace(project="other")),
            memory.enter("asset-6", group=group.id, account=memory.account._replace(provider="sunra")),
        ]
        assert manager.delete(group) == 3
        assert memory.api.groups == {}
        states = {entry.asset_id: entry.state for entry in memory.ledger.entries()}
        assert {states[entry.asset_id] for entry in [*mine, second, earlier]} == {"gone"}
        assert {states[entry.asset_id] for entry in kept} == {"active"}
        assert memory.ledger.current(earlier) == earlier, "what was gone before is not written again"
        assert memory.ledger.group_ids("heroes") == set()
        assert manager.resolve("heroes") != group.id

    def test_group_without_entries_counts_none(self, memory: Memory, manager: GroupManager) -> None:
        assert manager.delete(memory.api.add_group("heroes")) == 0

    def test_group_that_is_gone_already_is_deleted(self, memory: Memory, manager: GroupManager) -> None:
        memory.enter("asset-1", group="g-1")
        memory.api.failures["delete_group"] = [not_found("Delete")]  # type: ignore[list-item]
        assert manager.delete(Group("g-1", "atlas")) == 1

    @pytest.mark.parametrize("late", [True, False])
    def test_lost_response_is_decided_by_the_list(self, memory: Memory, manager: GroupManager, late: bool) -> None:
        memory.api.add_group("villains")
        group = memory.api.add_group("heroes")
        entry = memory.enter("asset-1", group=group.id)
        memory.api.failures["delete_group"] = [lost()]
        if late:
            memory.api.late.add("delete_group")
            assert manager.delete(group) == 1
        else:
            with pytest.raises(ProviderError, match="lost"):
                manager.delete(group)
            assert memory.ledger.current(entry) == entry

    def test_refusal_keeps_the_entries(self, memory: Memory, manager: GroupManager) -> None:
        entry = memory.enter("asset-1", group="g-1")
        error = AccountRefused("no", provider="atlas", call="DeleteGroup", reason="access_denied")
        memory.api.failures["delete_group"] = [error]
        with pytest.raises(AccountRefused):
            manager.delete(Group("g-1", "atlas"))
        assert memory.ledger.current(entry) == entry
        assert memory.api.calls == ["delete_group"]


def test_waits_use_the_clock_that_is_given(memory: Memory) -> None:
    class Ended(Exception):
        pass

    def sleep(seconds: float) -> None:
        raise Ended

    clock = Clock(monotonic=memory.clock.monotonic, wall=memory.clock.wall, sleep=sleep)
    memory.api.failures["create_group"] = [lost()]
    with pytest.raises(Ended):
        GroupManager(memory.provider, memory.ledger, clock=clock).resolve("heroes")
