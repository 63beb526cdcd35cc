"""Assets that are registered: identified, renamed, deleted, restored and listed; entries that are settled."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import AssetNotFound, ProviderError, UsageError
from preflight.ledger import Entry
from preflight.providers import Asset
from preflight.submission.manage import (
    AssetFilter,
    AssetListing,
    AssetManager,
    LedgerSync,
    SyncResult,
    active_entry,
    entries_of,
    provider_of,
    unchanged_file,
)
from preflight.submission.recover import RecoveryWindow
from preflight.submission.register import content_of_file
from tests.rows import each_row
from tests.submission.memory import Memory, PlainApi, lost, not_found, refused


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path, needs_group=False) as memory:
        yield memory


@pytest.fixture
def manager(memory: Memory) -> AssetManager:
    return AssetManager(memory.provider, memory.ledger, clock=memory.clock)


class TestEntriesOf:
    @each_row("word", ["asset-1", "asset://asset-1", "ASSET://asset-1", "Asset://asset-1", "NAME", "SOURCE"])
    def test_entry_is_found_by_id_reference_name_and_source(self, tmp_path: Path, word: str) -> None:
        with Memory(tmp_path) as memory:
            entry = memory.ledger.by_asset("atlas", "asset-1") or memory.enter("asset-1", source="a picture.png")
            memory.ledger.by_asset("atlas", "asset-2") or memory.enter("asset-2")
            word = {"NAME": entry.name, "SOURCE": entry.source}.get(word, word)
            assert entries_of(memory.ledger, word) == [entry]
            assert entries_of(memory.ledger, word, "atlas") == [entry]
            assert entries_of(memory.ledger, word, "sunra") == []

    def test_reference_is_found_as_providers_write_it_and_as_it_is_given(self, memory: Memory) -> None:
        entry = memory.enter("asset-1", reference="Asset://asset-1")
        assert entries_of(memory.ledger, "asset://asset-1") == [entry]
        entry = memory.enter("asset-2", reference="ASSET://asset-2")
        assert entries_of(memory.ledger, "ASSET://asset-2") == [entry]

    def test_source_is_found_by_the_url_that_was_redacted(self, memory: Memory) -> None:
        entry = memory.enter("asset-1", source="https://cdn.example/a.png?token=…")
        assert entries_of(memory.ledger, "https://cdn.example/a.png?token=secret") == [entry]

    def test_source_is_found_by_text_that_was_escaped(self, memory: Memory) -> None:
        entry = memory.enter("asset-1", source="odd\\u202ename.png")
        assert entries_of(memory.ledger, "odd\u202ename.png") == [entry]

    def test_newest_entry_comes_first(self, memory: Memory) -> None:
        entries = [memory.enter(f"asset-{number}", source="a.png") for number in range(3)]
        assert entries_of(memory.ledger, "a.png") == entries[::-1]


class TestProviderOf:
    def test_provider_of_the_only_entry_is_returned(self, memory: Memory) -> None:
        memory.enter("asset-1", source="a.png")
        memory.enter("asset-2", source="a.png")
        memory.enter("other", account=memory.account._replace(provider="sunra"))
        assert (provider_of(memory.ledger, "a.png"), provider_of(memory.ledger, "other")) == ("atlas", "sunra")

    def test_unknown_word_is_refused(self, memory: Memory) -> None:
        with pytest.raises(UsageError, match=r"has no asset 'b\.png'\. Give its provider with to=\.") as caught:
            provider_of(memory.ledger, "b.png")
        assert caught.value.parameters == ("to",)

    def test_word_of_two_providers_is_refused_with_both(self, memory: Memory) -> None:
        memory.enter("asset-1", source="a.png")
        memory.enter("asset-2", source="a.png", account=memory.account._replace(provider="sunra"))
        with pytest.raises(UsageError, match=r"'a\.png' is registered at atlas and sunra\. Choose one with to=\."):
            provider_of(memory.ledger, "a.png")

    def test_message_shows_words_redacted_and_cut(self, memory: Memory) -> None:
        for word, shown in (("n" * 130, f"'{'n' * 120}'"), ("https://h.example/a?token=s3cr3t", "token=…'")):
            with pytest.raises(UsageError) as caught:
                provider_of(memory.ledger, word)
            assert f"{shown}. Give" in str(caught.value)


class TestIdentify:
    @each_row("gone, expected", [(False, "asset-2"), (True, "asset-1")])
    def test_word_means_what_exists_unless_the_deleted_one_is_asked_for(
        self, tmp_path: Path, gone: bool, expected: str
    ) -> None:
        with Memory(tmp_path) as memory:
            first = memory.ledger.by_asset("atlas", "asset-1") or memory.enter("asset-1", source="a", state="gone")
            second = memory.ledger.by_asset("atlas", "asset-2") or memory.enter("asset-2", source="a")
            manager = AssetManager(memory.provider, memory.ledger, clock=memory.clock)
            entry = {one.asset_id: one for one in (first, second)}[expected]
            assert manager.identify("a", gone=gone) == (expected, entry)

    def test_existing_asset_is_the_default(self, memory: Memory, manager: AssetManager) -> None:
        memory.enter("asset-1", source="a", state="gone")
        memory.enter("asset-2", source="a")
        assert manager.identify("a")[0] == "asset-2"

    @each_row("state, gone", [("gone", False), ("active", True), ("failed", True), ("processing", False)])
    def test_only_asset_is_meant_in_any_state(self, tmp_path: Path, state: str, gone: bool) -> None:
        with Memory(tmp_path) as memory:
            entry = memory.enter(f"asset-{state}", state=state)
            manager = AssetManager(memory.provider, memory.ledger, clock=memory.clock)
            assert manager.identify(entry.name, gone=gone) == (entry.asset_id, entry)

    def test_newest_of_several_attempts_with_one_id_is_returned(self, memory: Memory, manager: AssetManager) -> None:
        memory.enter("asset-1", content="sha256:1", attempt=1, source="a")
        newest = memory.enter("asset-1", content="sha256:1", attempt=2, source="a")
        assert manager.identify("a") == ("asset-1", newest)

    @each_row("count", [2, 10, 11, 13])
    def test_several_assets_are_refused_with_ten_ids(self, tmp_path: Path, count: int) -> None:
        with Memory(tmp_path) as memory:
            entries = [memory.enter(f"asset-{count}-{number}", source=f"a{count}") for number in range(count)]
            manager = AssetManager(memory.provider, memory.ledger, clock=memory.clock)
            ids = ", ".join(entry.asset_id or "" for entry in entries[::-1][:10])
            with pytest.raises(UsageError) as caught:
                manager.identify(f"a{count}")
            assert str(caught.value) == f"'a{count}' means {count} assets. Give the id of one: {ids}."

    def test_open_entry_has_no_id(self, memory: Memory, manager: AssetManager) -> None:
        entry = memory.enter(None, source="a")
        with pytest.raises(UsageError, match=r"'a' has no id: whether it is registered is not known.*`assets sync`"):
            manager.identify("a")
        asset = memory.enter("asset-1", source="a")
        assert manager.identify("a") == ("asset-1", asset)
        assert memory.ledger.current(entry) == entry

    @each_row(
        "word, asset_id",
        [
            ("asset-9", "asset-9"),
            ("asset://asset-9", "asset-9"),
            ("ASSET://asset-9", "asset-9"),
            ("asset://asset://x", "asset://x"),
            ("123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        ],
    )
    def test_words_that_the_ledger_does_not_know_are_ids(self, tmp_path: Path, word: str, asset_id: str) -> None:
        with Memory(tmp_path) as memory:
            manager = AssetManager(memory.provider, memory.ledger, clock=memory.clock)
            assert manager.identify(word) == (asset_id, None)

    @each_row("word", ["b.png", "clip.MP4", "picture-0123456789ab"])
    def test_unknown_name_is_not_taken_for_an_id(self, tmp_path: Path, word: str) -> None:
        with Memory(tmp_path) as memory:
            manager = AssetManager(memory.provider, memory.ledger, clock=memory.clock)
            with pytest.raises(UsageError, match=r"has no asset '.*'\. Give the asset's id\."):
                manager.identify(word)

    def test_word_must_be_text(self, manager: AssetManager) -> None:
        with pytest.raises(UsageError, match="The asset is of the type int"):
            manager.identify(7)  # type: ignore[arg-type]

    def test_asset_of_another_provider_is_refused(self, memory: Memory, manager: AssetManager) -> None:
        for name, asset_id in (("volcengine", "v-1"), ("sunra", "s-1")):
            memory.enter(asset_id, source="a", account=memory.account._replace(provider=name))
        with pytest.raises(UsageError, match=r"'s-1' is an asset of Sunra.*, not of Atlas.* Give to=sunra") as caught:
            manager.identify("s-1")
        assert caught.value.parameters == ("to",)
        with pytest.raises(UsageError, match=r"'a' is an asset of Sunra.* Give to=sunra"):
            manager.identify("a")

    @each_row(
        "place, message, parameter",
        [
            (
                {"origin": "https://else.example"},
                r"'a' was registered at https://else\.example, not at .*\. Give endpoint=https://else\.example\.",
                "endpoint",
            ),
            ({"account": "second"}, r"the account 'second', not 'default'\. Name it with account=second\.", "account"),
            ({"project": "films"}, r"in the project 'films', not in ''\. Choose it with project=films\.", "project"),
        ],
    )
    def test_asset_that_was_registered_elsewhere_is_refused(
        self, tmp_path: Path, place: dict[str, str], message: str, parameter: str
    ) -> None:
        with Memory(tmp_path / parameter) as memory:
            memory.enter("asset-1", source="a", account=memory.account._replace(**place))
            manager = AssetManager(memory.open(account="default"), memory.ledger, clock=memory.clock)
            with pytest.raises(UsageError, match=message) as caught:
                manager.identify("a")
            assert caught.value.parameters == (parameter,)
            # An id is sent: this account may see the asset too.
            assert manager.identify("asset-1") == ("asset-1", None)

    def test_asset_of_the_default_endpoint_is_refused_at_another(self, memory: Memory) -> None:
        memory.enter("asset-1", source="a")
        elsewhere = memory.open(endpoint="https://else.example", account="default")
        manager = AssetManager(elsewhere, memory.ledger, clock=memory.clock)
        with pytest.raises(UsageError, match=r"not at https://else\.example\. Leave endpoint= out\."):
            manager.identify("a")

    def test_newest_registration_is_named(self, memory: Memory) -> None:
        for account in ("second", "third"):
            memory.enter(f"of-{account}", source="a", account=memory.account._replace(account=account))
        manager = AssetManager(memory.open(account="default"), memory.ledger, clock=memory.clock)
        with pytest.raises(UsageError, match="account=third"):
            manager.identify("a")


class TestGet:
    def test_asset_is_recorded_as_it_is_now(self, memory: Memory, manager: AssetManager) -> None:
        memory.both("asset-1", state="processing")
        managed = manager.get("asset-1")
        assert managed.asset == memory.api.assets["asset-1"]
        assert managed.entry is not None
        assert (managed.entry.state, memory.ledger.current(managed.entry)) == ("active", managed.entry)

    def test_asset_that_the_ledger_does_not_know_has_no_entry(self, memory: Memory, manager: AssetManager) -> None:
        asset = memory.api.add("asset-1")
        assert (manager.get("asset-1").asset, manager.get("asset-1").entry) == (asset, None)
        assert list(memory.ledger.entries()) == []

    def test_missing_asset_is_recorded_as_gone(self, memory: Memory, manager: AssetManager) -> None:
        memory.both("asset-0")
        entry = memory.enter("asset-1")
        for word in ("asset-1", "asset-2"):
            with pytest.raises(AssetNotFound):
                manager.get(word)
        assert [one.state for one in memory.ledger.entries()] == ["active", "gone"]
        assert memory.ledger.latest(entry.registration) is not None


class TestRename:
    @pytest.mark.parametrize("known", [True, False])
    def test_asset_and_entry_get_the_name(self, memory: Memory, manager: AssetManager, known: bool) -> None:
        memory.both("asset-1") if known else memory.api.add("asset-1")
        managed = manager.rename("asset-1", "new")
        assert (managed.asset.name, memory.api.assets["asset-1"].name) == ("new", "new")
        assert [entry.name for entry in memory.ledger.entries()] == (["new"] if known else [])
        assert (managed.entry is not None and managed.entry.name == "new") == known

    @each_row("late", [True, False])
    def test_lost_response_is_decided_by_the_asset(self, tmp_path: Path, late: bool) -> None:
        with Memory(tmp_path) as memory:
            entry = memory.both(f"asset-{late}")
            memory.api.failures["rename"] = [lost()]
            memory.api.late = {"rename"} if late else set()
            manager = AssetManager(memory.provider, memory.ledger, clock=memory.clock)
            if late:
                assert manager.rename(entry.name, "new").asset.name == "new"
            else:
                with pytest.raises(ProviderError, match="lost"):
                    manager.rename(entry.name, "new")
                assert memory.ledger.current(entry) == entry
            assert memory.api.calls == ["get", "rename", "get"]

    def test_refusal_is_raised_without_another_call(self, memory: Memory, manager: AssetManager) -> None:
        entry = memory.both("asset-1")
        memory.api.failures["rename"] = [refused()]
        with pytest.raises(ProviderError, match="refused"):
            manager.rename("asset-1", "new")
        assert memory.api.calls == ["get", "rename"]
        assert memory.ledger.current(entry) == entry


class TestDelete:
    @pytest.mark.parametrize("known", [True, False])
    def test_asset_is_deleted_and_its_entry_gone(self, memory: Memory, manager: AssetManager, known: bool) -> None:
        memory.both("asset-1") if known else memory.api.add("asset-1")
        managed = manager.delete("asset-1")
        assert (managed.asset.id, list(memory.api.assets), list(memory.api.trash)) == ("asset-1", [], ["asset-1"])
        assert [entry.state for entry in memory.ledger.entries()] == (["gone"] if known else [])
        assert managed.entry == (next(iter(memory.ledger.entries())) if known else None)

    @each_row(
        "error, late, raises",
        [(lost(), True, False), (lost(), False, True), (refused(), False, True), (not_found(), False, False)],
    )
    def test_error_is_decided_by_the_asset(
        self, tmp_path: Path, error: ProviderError, late: bool, raises: bool
    ) -> None:
        with Memory(tmp_path) as memory:
            entry = memory.both(f"asset-{next(memory.api.numbers)}-{type(error).__name__}-{late}")
            memory.api.failures["delete"] = [error]
            memory.api.late = {"delete"} if late else set()
            manager = AssetManager(memory.provider, memory.ledger, clock=memory.clock)
            if raises:
                with pytest.raises(type(error)):
                    manager.delete(entry.name)
            else:
                manager.delete(entry.name)
            current = memory.ledger.current(entry)
            assert current is not None
            assert current.state == ("active" if raises else "gone")
            assert memory.api.calls == ["get", "delete", *["get"] * error.ambiguous]


class TestRestore:
    @pytest.mark.parametrize("known", [True, False])
    def test_asset_is_restored_and_recorded(self, memory: Memory, manager: AssetManager, known: bool) -> None:
        memory.both("asset-1") if known else memory.api.add("asset-1")
        manager.delete("asset-1")
        managed = manager.restore("asset-1")
        assert (managed.asset, memory.api.trash) == (memory.api.assets["asset-1"], {})
        assert [entry.state for entry in memory.ledger.entries()] == (["active"] if known else [])
        assert (managed.entry is not None) == known

    def test_name_means_the_deleted_asset(self, memory: Memory, manager: AssetManager) -> None:
        first = memory.both("asset-1", source="a")
        manager.delete("a")
        second = memory.both("asset-2", source="a")
        assert manager.restore("a").asset.id == "asset-1"
        assert [entry.state for entry in memory.ledger.entries()] == ["active", "active"]
        assert [entry.asset_id for entry in memory.ledger.entries()] == [first.asset_id, second.asset_id]

    @each_row("error, late, raises", [(lost(), True, False), (lost(), False, True), (refused(), False, True)])
    def test_error_is_decided_by_the_asset(
        self, tmp_path: Path, error: ProviderError, late: bool, raises: bool
    ) -> None:
        with Memory(tmp_path) as memory:
            entry = memory.both(f"asset-{type(error).__name__}-{late}")
            manager = AssetManager(memory.provider, memory.ledger, clock=memory.clock)
            manager.delete(entry.name)
            memory.api.failures["restore"] = [error]
            memory.api.late = {"restore"} if late else set()
            memory.api.calls.clear()
            if raises:
                with pytest.raises(type(error)):
                    manager.restore(entry.name)
            else:
                manager.restore(entry.name)
            current = memory.ledger.current(entry)
            assert current is not None
            assert current.state == ("gone" if raises else "active")
            assert memory.api.calls == ["restore", *["get"] * (2 if late else error.ambiguous)]


def test_provider_without_a_capability_says_which(tmp_path: Path) -> None:
    with Memory(tmp_path, PlainApi) as memory:
        memory.both("asset-1")
        manager = AssetManager(memory.provider, memory.ledger, clock=memory.clock)
        calls: dict[str, Callable[[], object]] = {
            "rename": lambda: manager.rename("asset-1", "new"),
            "delete": lambda: manager.delete("asset-1"),
            "restore": lambda: manager.restore("asset-1"),
            "list": lambda: AssetListing(memory.provider, AssetFilter()),
            "list trash": lambda: AssetListing(memory.provider, AssetFilter(), trash=True),
        }
        for action, call in calls.items():
            with pytest.raises(UsageError, match=rf"has no call for {action}\. Choose a provider that has one"):
                call()
        assert memory.api.calls == []


class TestFilter:
    @each_row(
        "selected, expected",
        [
            (AssetFilter(), True),
            (AssetFilter(group_id="another"), True),
            (AssetFilter(state="active"), True),
            (AssetFilter(state="failed"), False),
            (AssetFilter(kind="image"), True),
            (AssetFilter(kind="video"), False),
            (AssetFilter(name="ic"), True),
            (AssetFilter(name="IC"), False),
            (AssetFilter(state="active", kind="video"), False),
            (AssetFilter(state="failed", kind="image"), False),
            (AssetFilter(state="active", kind="image", name="x"), False),
            (AssetFilter(state="failed", name="ic"), False),
            (AssetFilter(kind="video", name="ic"), False),
            (AssetFilter(state="active", kind="image", name="picture"), True),
        ],
    )
    def test_all_given_filters_must_match(self, selected: AssetFilter, expected: bool) -> None:
        assert selected.selects("picture", "image", "active") == expected

    @each_row("name, expected", [(None, True), ("", True), ("a", False)])
    def test_asset_without_a_name_matches_no_part_of_a_name(self, name: str | None, expected: bool) -> None:
        assert AssetFilter(name=name).selects(None, "image", "active") == expected


class TestListing:
    def listed(self, memory: Memory, selected: AssetFilter, **options: Any) -> list[str]:
        listing = AssetListing(memory.provider, selected, clock=memory.clock, **options)
        return [asset.id for asset in listing.all()]

    def fill(self, memory: Memory) -> None:
        memory.api.add("a", name="one", kind="image", group="g-1")
        memory.api.add("b", name="two", kind="video", group="g-1", status="failed")
        memory.api.add("c", name="one more", kind="image", group="g-2")

    @each_row(
        "selected, expected",
        [
            (AssetFilter(), "abc"),
            (AssetFilter(group_id="g-1"), "ab"),
            (AssetFilter(state="failed"), "b"),
            (AssetFilter(kind="image"), "ac"),
            (AssetFilter(name="one"), "ac"),
            (AssetFilter(group_id="g-1", name="one"), "a"),
        ],
    )
    @pytest.mark.parametrize("filters", [{"group", "status", "name"}, {"group"}])
    def test_filters_hold_whether_or_not_the_provider_has_them(
        self, tmp_path: Path, filters: set[str], selected: AssetFilter, expected: str
    ) -> None:
        with Memory(tmp_path, filters=frozenset(filters)) as memory:
            self.fill(memory)
            assert "".join(self.listed(memory, selected)) == expected

    def test_group_of_a_provider_without_groups_is_refused(self, tmp_path: Path) -> None:
        with Memory(tmp_path, filters=frozenset({"name"})) as memory:
            self.fill(memory)
            with pytest.raises(UsageError, match=r"has no groups\. Leave group= out\.") as caught:
                self.listed(memory, AssetFilter(group_id="g-1"))
            assert caught.value.parameters == ("group",)
            assert self.listed(memory, AssetFilter()) == ["a", "b", "c"]

    def test_trash_is_listed_without_a_group(self, memory: Memory) -> None:
        self.fill(memory)
        memory.api.delete("a")
        memory.api.delete("b")
        assert self.listed(memory, AssetFilter(), trash=True) == ["a", "b"]
        assert self.listed(memory, AssetFilter(kind="video"), trash=True) == ["b"]
        assert self.listed(memory, AssetFilter(), trash=False) == self.listed(memory, AssetFilter()) == ["c"]
        with pytest.raises(UsageError, match=r"A trash cannot be filtered by group") as caught:
            self.listed(memory, AssetFilter(group_id="g-1"), trash=True)
        assert caught.value.parameters == ("group",)

    @pytest.mark.parametrize("trash", [True, False])
    def test_page_has_the_selected_items_of_one_page(self, memory: Memory, trash: bool) -> None:
        self.fill(memory)
        if trash:
            for asset_id in "abc":
                memory.api.delete(asset_id)
        listing = AssetListing(memory.provider, AssetFilter(kind="image"), trash=trash, size=2, clock=memory.clock)
        first = listing.page("1")
        assert ([asset.id for asset in first.items], first.next) == (["a"], "2")
        assert [asset.id for asset in listing.page("2").items] == ["c"]

    def test_names_that_a_list_leaves_out_are_read_only_for_a_filter_by_name(self, tmp_path: Path) -> None:
        with Memory(tmp_path, filters=frozenset({"group"}), lists_partly=True) as memory:
            self.fill(memory)
            read = memory.api.list

            def partly(**query: Any) -> Any:
                page = read(**query)
                return replace(page, items=tuple(replace(item, name=None) for item in page.items))

            memory.api.list = partly  # type: ignore[method-assign]
            assert self.listed(memory, AssetFilter(kind="image")) == ["a", "c"]
            assert memory.api.calls == ["list"]
            assert self.listed(memory, AssetFilter(name="one more")) == ["c"]
            assert Counter(memory.api.calls) == {"list": 2, "get": 3}


class TestActiveEntry:
    def test_only_active_assets_with_an_id_count(self, memory: Memory) -> None:
        for state in ("processing", "failed", "gone"):
            memory.enter(f"asset-{state}", source="a", state=state)
        memory.enter(None, source="a", state="active")
        assert active_entry(memory.ledger, "a", "atlas") is None
        entry = memory.enter("asset-1", source="a")
        assert active_entry(memory.ledger, "a", "atlas") == entry
        assert active_entry(memory.ledger, "a", "sunra") is None
        assert active_entry(memory.ledger, "b", "atlas") is None

    @each_row(
        "origin, account, expected",
        [
            ("", "", True),
            ("", None, True),
            (None, "", True),
            (None, None, True),
            ("https://else.example", None, False),
            (None, "second", False),
            ("", "second", False),
            ("https://else.example", "", False),
        ],
    )
    def test_origin_and_account_select(
        self, tmp_path: Path, origin: str | None, account: str | None, expected: bool
    ) -> None:
        """An empty text stands for the place of the entry."""
        with Memory(tmp_path) as memory:
            entry = memory.ledger.by_asset("atlas", "asset-1") or memory.enter("asset-1")
            where = entry.origin if origin == "" else origin, entry.account if account == "" else account
            found = active_entry(memory.ledger, "asset-1", "atlas", origin=where[0], account=where[1])
            assert found == (entry if expected else None)

    def test_newest_of_two_entries_of_one_asset_is_returned(self, memory: Memory) -> None:
        memory.enter("asset-1")
        newest = memory.enter("asset-1")
        assert active_entry(memory.ledger, "asset-1", "atlas") == newest

    @each_row("count", [2, 10, 12])
    def test_several_assets_are_refused_with_ten_ids(self, tmp_path: Path, count: int) -> None:
        with Memory(tmp_path) as memory:
            entries = [memory.enter(f"asset-{count}-{number}", source=f"a{count}") for number in range(count)]
            ids = ", ".join(entry.asset_id or "" for entry in entries[::-1][:10])
            with pytest.raises(UsageError) as caught:
                active_entry(memory.ledger, f"a{count}", "atlas")
            assert str(caught.value) == f"'a{count}' means {count} assets. Give the id of one: {ids}."

    def test_message_shows_the_url_redacted(self, memory: Memory) -> None:
        for number in range(2):
            memory.enter(f"asset-{number}", source="https://cdn.example/a.png?token=…")
        with pytest.raises(UsageError, match=r"'https://cdn\.example/a\.png\?token=…' means 2 assets"):
            active_entry(memory.ledger, "https://cdn.example/a.png?token=secret", "atlas")


def test_file_is_unchanged_while_it_has_the_same_bytes(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    entry = memory.enter("asset-1", source=str(path), content=content_of_file(str(path)).identity)
    assert unchanged_file(entry) == str(path)
    path.write_bytes(b"two")
    assert unchanged_file(entry) is None
    path.unlink()
    assert unchanged_file(entry) is None
    assert unchanged_file(replace(entry, source=str(tmp_path))) is None


def test_unreadable_file_counts_as_changed(memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "isfile", lambda path: True)
    assert unchanged_file(memory.enter("asset-1", source=str(tmp_path))) is None


class TestPending:
    def test_open_and_processing_entries_are_pending(self, memory: Memory) -> None:
        for state in ("active", "processing", "failed", "gone"):
            memory.enter(f"asset-{state}", state=state)
        memory.enter(None, state="unknown")
        memory.enter(None)
        memory.enter(None, account=memory.account._replace(provider="sunra"))
        sync = LedgerSync(memory.provider, memory.ledger, clock=memory.clock)
        assert [entry.state for entry in sync.pending()] == ["intended", "unknown", "processing"]
        assert [entry.state for entry in sync.pending(active=True)] == ["intended", "unknown", "processing", "active"]

    def test_entries_of_other_accounts_are_not_mine(self, memory: Memory) -> None:
        mine = memory.enter("asset-1")
        others = [
            memory.enter("asset-2", account=memory.account._replace(**place))
            for place in ({"account": "second"}, {"project": "films"}, {"origin": "https://else.example"})
        ]
        provider = memory.open(account="default")
        sync = LedgerSync(provider, memory.ledger, clock=memory.clock)
        assert [sync.is_mine(entry) for entry in (mine, *others)] == [True, False, False, False]


class TestSettle:
    def settle(self, memory: Memory, *entries: Entry, window: float = 60.0) -> list[SyncResult]:
        sync = LedgerSync(memory.provider, memory.ledger, clock=memory.clock, window=RecoveryWindow(window))
        return list(sync.settle(entries or sync.pending()))

    def test_lost_entry_gets_the_asset_that_is_listed(self, memory: Memory) -> None:
        lost_ones = [memory.enter(None, state=state) for state in ("intended", "unknown")]
        for number, entry in enumerate(lost_ones):
            memory.api.add(f"asset-{number}", name=entry.name, kind="image")
        results = self.settle(memory)
        assert [(one.found, one.entry.asset_id, one.message) for one in results] == [
            ("active", "asset-0", None),
            ("active", "asset-1", None),
        ]
        assert [entry.state for entry in memory.ledger.entries()] == ["active", "active"]

    def test_lost_entry_that_is_not_listed_was_never_registered(self, memory: Memory) -> None:
        memory.enter(None)
        memory.time.now += 100
        (result,) = self.settle(memory)
        assert (result.found, result.message) == ("absent", "It was never registered. The next submit registers it.")
        assert list(memory.ledger.entries()) == []

    def test_entry_without_a_name_stays_unknown(self, memory: Memory) -> None:
        entry = memory.enter(None)
        memory.time.now += 100
        memory.provider.sends_names = False
        (result,) = self.settle(memory)
        assert (result.found, result.entry.state, result.entry.error_code) == ("unknown", "unknown", "unknown_outcome")
        assert result.message is not None
        assert "was sent no name" in result.message
        assert memory.ledger.current(entry) == result.entry

    def test_entry_that_cannot_be_looked_up_stays_unknown(self, tmp_path: Path) -> None:
        with Memory(tmp_path, recover_by=None) as memory:
            entry = memory.enter(None)
            (result,) = self.settle(memory)
            assert (result.found, result.entry.state) == ("unknown", "unknown")
            assert "has no list to look it up in" in (result.message or "")
            assert (memory.api.calls, memory.ledger.current(entry)) == ([], result.entry)

    @pytest.mark.parametrize("recover_by", [None, "name"])
    @each_row(
        "state, found",
        [
            ("active", "active"),
            ("processing", "processing"),
            ("failed", "failed"),
            ("gone", "gone"),
            ("refused", "unknown"),
            (None, "absent"),
        ],
    )
    def test_entry_that_another_run_settled_is_left_alone(
        self, tmp_path: Path, recover_by: str | None, state: Any, found: str
    ) -> None:
        with Memory(tmp_path, recover_by=recover_by) as memory:
            entry = memory.enter(None)
            if state is None:
                memory.ledger.forget(entry)
            else:
                memory.ledger.write(replace(entry, state=state, asset_id="asset-1"))
            now = memory.ledger.current(entry)
            (result,) = self.settle(memory, entry)
            assert (result.found, result.message) == (found, "Another run settled it.")
            assert (result.entry, memory.ledger.current(entry)) == (now or entry, now)

    def test_open_and_settled_entries_are_distinguished(self, memory: Memory) -> None:
        first, second = memory.enter(None), memory.enter(None)
        memory.api.add("asset-2", name=second.name, kind="image")
        memory.ledger.write(replace(first, state="active", asset_id="asset-1"))
        results = self.settle(memory, first, second)
        assert [(one.entry.asset_id, one.message) for one in results] == [
            ("asset-1", "Another run settled it."),
            ("asset-2", None),
        ]

    @each_row("age, found", [(0.0, "processing"), (29.9, "processing"), (30.0, "gone"), (31.0, "gone")])
    def test_missing_asset_is_gone_after_half_a_minute(self, tmp_path: Path, age: float, found: str) -> None:
        with Memory(tmp_path) as memory:
            entry = memory.enter(f"asset-{age}", state="processing")
            memory.time.now += age
            (result,) = self.settle(memory, entry)
            assert result.found == found
            assert (result.entry.state, result.message) == (
                ("gone", "It is gone. The next submit registers it again.")
                if found == "gone"
                else ("processing", "It is not visible yet.")
            )

    @each_row(
        "status, found, message",
        [
            ("active", "active", None),
            ("processing", "processing", None),
            ("unknown", "processing", None),
            ("failed", "failed", "too small"),
        ],
    )
    def test_asset_is_recorded_as_it_is_now(self, tmp_path: Path, status: Any, found: str, message: str | None) -> None:
        with Memory(tmp_path) as memory:
            entry = memory.both(f"asset-{status}", state="processing")
            there = memory.api.assets[entry.asset_id or ""]
            memory.api.assets[there.id] = replace(there, status=status, error_message=message)
            (result,) = self.settle(memory, entry)
            assert (result.found, result.message, result.entry.asset_id) == (found, message, entry.asset_id)
            assert memory.ledger.current(entry) == result.entry

    def test_provider_that_fails_is_unreachable_for_one_entry(self, memory: Memory) -> None:
        entries = [memory.both(f"asset-{number}") for number in range(2)]
        memory.api.failures["get"] = [lost("GetAsset")]
        results = self.settle(memory, *entries)
        assert Counter(one.found for one in results) == {"unreachable": 1, "active": 1}
        (failed,) = (one for one in results if one.found == "unreachable")
        assert (failed.message, failed.entry) == ("GetAsset: lost", memory.ledger.current(failed.entry))

    def test_sixteen_entries_are_read_at_once(self, memory: Memory) -> None:
        entries = [memory.enter(f"asset-{number}") for number in range(40)]
        begun, go, names, get = threading.Semaphore(0), threading.Event(), set(), memory.api.get

        def blocked(asset: str) -> Asset:
            names.add(threading.current_thread().name)
            begun.release()
            go.wait(20)
            return get(asset)

        def release() -> None:
            for _ in range(16):
                begun.acquire(timeout=20)
            time.sleep(0.02)  # a seventeenth thread would begin meanwhile
            go.set()

        memory.api.get = blocked  # type: ignore[method-assign]
        helper = threading.Thread(target=release)
        helper.start()
        results = self.settle(memory, *entries)
        helper.join()
        assert (len(results), len(names)) == (40, 16)

    def test_stopped_caller_neither_waits_for_a_call_nor_begins_one(self, memory: Memory) -> None:
        entries = [memory.both(f"asset-{number}") for number in range(60)]
        go, calls, late, get = threading.Event(), [], [], memory.api.get

        def blocked(asset: str) -> Asset:
            calls.append(asset)
            if asset != "asset-0" and not go.wait(10):
                late.append(asset)
            return get(asset)

        memory.api.get = blocked  # type: ignore[method-assign]
        sync = LedgerSync(memory.provider, memory.ledger, clock=memory.clock)
        with closing(sync.settle(entries)) as results:  # type: ignore[type-var]
            assert next(results).entry.asset_id == "asset-0"
        go.set()
        for thread in threading.enumerate():
            if thread.name.startswith("preflight-sync"):
                thread.join(20)
        assert late == []
        assert len(calls) <= 1 + 16

    def test_result_is_a_json_object(self, memory: Memory) -> None:
        entry = memory.enter("asset-1")
        result = SyncResult(entry, "gone", "It is gone.")
        assert result.as_json() == {"found": "gone", "message": "It is gone.", "entry": entry.as_json()}


class TestAdopt:
    @pytest.fixture
    def sync(self, memory: Memory) -> LedgerSync:
        return LedgerSync(memory.provider, memory.ledger, clock=memory.clock)

    @each_row("named", [True, False])
    def test_asset_with_the_name_or_without_one_is_recorded(self, tmp_path: Path, named: bool) -> None:
        with Memory(tmp_path) as memory:
            entry = memory.enter(None, state="unknown")
            memory.api.add(f"asset-{named}", name=entry.name if named else None)
            sync = LedgerSync(memory.provider, memory.ledger, clock=memory.clock)
            result = sync.adopt(entry, f"asset-{named}")
            assert (result.found, result.entry.asset_id) == ("active", f"asset-{named}")
            assert memory.ledger.current(entry) == result.entry

    def test_asset_with_another_name_is_refused(self, memory: Memory, sync: LedgerSync) -> None:
        entry = memory.enter(None, state="unknown")
        memory.api.add("asset-1", name="another")
        with pytest.raises(UsageError, match=rf"asset-1 is called 'another', not '{entry.name}': it is another asset"):
            sync.adopt(entry, "asset-1")
        assert memory.ledger.current(entry) == entry

    def test_asset_of_another_entry_is_refused(self, memory: Memory, sync: LedgerSync) -> None:
        entry = memory.enter(None, state="unknown", content="sha256:1")
        other = memory.both("asset-1")
        with pytest.raises(UsageError, match=rf"asset-1 already belongs to another entry \({other.name}\)"):
            sync.adopt(entry, "asset-1")
        attempt = memory.both("asset-2", content="sha256:1", attempt=2)
        with pytest.raises(UsageError, match=rf"asset-2 already belongs to another entry \({attempt.name}\)"):
            sync.adopt(entry, "asset-2")
        assert memory.ledger.current(entry) == entry

    def test_asset_may_be_adopted_again_by_its_own_entry(self, memory: Memory, sync: LedgerSync) -> None:
        entry = memory.both("asset-1", state="processing")
        assert sync.adopt(entry, "asset-1").found == "active"
