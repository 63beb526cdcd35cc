"""The ledger's file: what it keeps, who may read it, and what is said where it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from preflight.errors import LedgerError
from preflight.ledger import ENTRY_COLUMNS, Entry, Ledger, RegistrationKey, asset_name, default_path


def key(content: str = "sha256:00", **changes: str) -> RegistrationKey:
    return replace(RegistrationKey("atlas", "https://a.example", "key-1", "", "", "image", content), **changes)


def entry(content: str = "sha256:00", attempt: int = 1, **changes: object) -> Entry:
    one = key(content)
    made = Entry(
        one.digest,
        attempt,
        one.provider,
        one.origin,
        one.account,
        one.project,
        one.group_id,
        one.kind,
        one.content,
        "a.png",
        asset_name("a", one.digest, attempt),
        "rules",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(str(path)) as opened:
        yield opened


class TestFile:
    def test_ledger_files_are_private(self, path: Path, ledger: Ledger) -> None:
        old = os.umask(0)
        try:
            ledger.write(entry())
            with ledger.claim(key()):
                names = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        finally:
            os.umask(old)
        assert names == dict.fromkeys([path.name + end for end in ("", "-wal", "-shm", ".lock")], 0o600)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_readable_ledger_becomes_private(self, path: Path) -> None:
        path.parent.mkdir()
        path.touch(0o644)
        Ledger(str(path)).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize("content", [b"\x89PNG\r\n", b"SQLite format 3\0" + bytes(84)])
    def test_file_that_is_not_a_ledger_is_unchanged(self, tmp_path: Path, content: bytes) -> None:
        other = tmp_path / "picture.png"
        other.write_bytes(content)
        other.chmod(0o644)
        with pytest.raises(LedgerError, match="ledger="):
            Ledger(str(other))
        assert (stat.S_IMODE(other.stat().st_mode), other.read_bytes()) == (0o644, content)

    def test_empty_path_is_not_the_default_one(self) -> None:
        with pytest.raises(LedgerError, match=r"^The ledger  cannot be opened .* give another ledger="):
            Ledger("")

    def test_special_file_is_refused_and_unchanged(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe, 0o644)
        with pytest.raises(LedgerError, match=r"is not a regular file\. .* give another ledger="):
            Ledger(str(pipe))
        assert stat.S_IMODE(pipe.stat().st_mode) == 0o644
        assert [path.name for path in tmp_path.iterdir()] == ["pipe"]

    def test_database_uses_wal_and_full_synchronous(self, path: Path, ledger: Ledger) -> None:
        ledger.write(entry())
        with sqlite3.connect(path) as other:
            assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        other.close()
        assert ledger._database.select("PRAGMA synchronous") == [(2,)]

    def test_default_path_is_in_the_users_data_folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        monkeypatch.setattr("sys.platform", "linux")
        assert default_path() == f"{tmp_path}/preflight/ledger.sqlite"
        with Ledger() as opened:
            assert opened.path == default_path()
            assert Path(opened.path).exists()

    def test_ledger_can_be_opened_concurrently(self, path: Path) -> None:
        together = threading.Barrier(8)
        errors: list[BaseException] = []

        def run(number: int) -> None:
            together.wait()
            try:
                with Ledger(str(path)) as opened:
                    opened.write(entry(f"sha256:{number}"))
            except BaseException as error:  # noqa: BLE001 - a thread's failure is asserted below
                errors.append(error)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        with Ledger(str(path)) as opened:
            assert len(list(opened.entries())) == 8


class TestMessages:
    def test_newer_ledger_is_refused_and_unchanged(self, path: Path) -> None:
        Ledger(str(path)).close()
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA user_version = 99")
        other.close()
        before = path.read_bytes()
        with pytest.raises(LedgerError, match=r"ledger.sqlite was written by a newer preflight \(version 99.*Upgrade"):
            Ledger(str(path))
        assert path.read_bytes() == before

    def test_foreign_file_is_refused_and_unchanged(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_bytes(b"dear diary " * 1000)
        with pytest.raises(LedgerError, match=r"is not a ledger\. Keep this file, and give another ledger="):
            Ledger(str(path))
        assert path.read_bytes() == b"dear diary " * 1000

    def test_another_programs_database_is_not_touched(self, path: Path) -> None:
        path.parent.mkdir()
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE songs (title)")
        other.close()
        before = path.read_bytes()
        with pytest.raises(LedgerError, match="is the database of another program"):
            Ledger(str(path))
        assert path.read_bytes() == before

    def test_damaged_ledger_is_reported_as_damaged(self, path: Path) -> None:
        with Ledger(str(path)) as opened:
            for number in range(300):
                opened.write(entry(f"sha256:{number}"))
        data = bytearray(path.read_bytes())
        data[4096:] = b"\xff" * (len(data) - 4096)
        path.write_bytes(data)
        with pytest.raises(LedgerError, match=r"damaged.*Keep this file"), Ledger(str(path)) as opened:
            list(opened.entries())

    def test_locked_ledger_is_reported_after_the_timeout(self, path: Path) -> None:
        with Ledger(str(path), lock_timeout=0.1) as opened:
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(
                LedgerError, match=r"another program has locked it for more than 0.1 s\)\. End that program"
            ):
                opened.write(entry())
            other.execute("COMMIT")
            other.close()
            opened.write(entry())
            assert opened.latest(key()) is not None

    def test_full_disk_is_reported_and_loses_nothing(self, ledger: Ledger) -> None:
        ledger.write(entry())
        pages = ledger._database.select("PRAGMA page_count")[0][0]
        ledger._database.select(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(LedgerError, match=r"the disk is full\)\. Free space, then repeat the call;"):
            list(map(ledger.write, (entry(f"sha256:{number:0500}") for number in range(500))))
        assert ledger.latest(key()) is not None
        ledger._database.select("PRAGMA max_page_count = 1000000")
        ledger.write(entry("sha256:after"))
        assert ledger.latest(key("sha256:after")) is not None

    @pytest.mark.parametrize("by", ["nothing", "another"])
    def test_file_that_is_gone_is_not_written(self, path: Path, ledger: Ledger, by: str) -> None:
        ledger.write(entry())
        moved = path.rename(path.with_name("moved"))
        if by == "another":
            path.write_bytes(b"")
        with pytest.raises(LedgerError, match="was deleted or replaced while it was open"):
            ledger.write(entry("sha256:01"))
        moved.replace(path)
        ledger.write(entry("sha256:01"))
        assert ledger.latest(key("sha256:01")) is not None

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_folder_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(LedgerError, match="ledger="):
            Ledger(str(tmp_path / "x" / "ledger.sqlite"))
        tmp_path.chmod(0o700)

    def test_folder_as_ledger_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(LedgerError, match=r"Is a directory\)\. .* give another ledger="):
            Ledger(str(tmp_path))

    def test_closed_ledger_raises_ledger_error(self, path: Path) -> None:
        opened = Ledger(str(path))
        opened.close()
        with pytest.raises(LedgerError, match="closed"):
            opened.latest(key())


class TestEntries:
    def test_latest_registration_of_a_key_counts(self, ledger: Ledger) -> None:
        assert ledger.latest(key()) is None
        first = ledger.write(entry())
        assert ledger.latest(key()) == first
        ledger.settle(first, "gone")
        second = ledger.write(entry(attempt=2))
        assert ledger.latest(key()) == second
        ledger.forget(second)
        found = ledger.latest(key())
        assert found is not None
        assert (found.attempt, found.state) == (1, "gone")

    def test_every_part_of_the_key_counts(self) -> None:
        fields = ("provider", "origin", "account", "project", "group_id", "kind", "content")
        assert len({key().digest, *(replace(key(), **{field: "other"}).digest for field in fields)}) == 8

    def test_times_are_kept_in_utc(self, ledger: Ledger) -> None:
        first = ledger.write(entry())
        assert first.created.endswith("Z")
        later = ledger.settle(first, "active")
        assert (later.created, later.updated >= first.updated) == (first.created, True)

    def test_consecutive_failures_are_counted(self, ledger: Ledger) -> None:
        for attempt, (state, rules) in enumerate(
            [("failed", "old"), ("failed", "rules"), ("gone", "rules"), ("failed", "rules"), ("failed", "rules")], 1
        ):
            last = ledger.write(entry(attempt=attempt, state=state, rules_digest=rules))
        assert ledger.count_failures(last) == 2
        assert ledger.count_failures(ledger.write(entry("sha256:1", state="failed"))) == 1

    def test_undecodable_text_is_escaped(self, ledger: Ledger) -> None:
        written = ledger.write(entry(source="caf\udce9.png"))
        assert written.source == "caf\udce9.png"
        found = ledger.latest(key())
        assert found is not None
        assert found.source == r"caf\udce9.png"

    def test_all_entries_stream_with_flat_memory(self, ledger: Ledger) -> None:
        ledger._database.select("PRAGMA synchronous = OFF")
        for number in range(3000):
            ledger.write(entry(f"sha256:{number}", state="active" if number % 2 else "failed"))
        tracemalloc.start()
        count = sum(1 for _ in ledger.entries())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == 3000
        assert peak < 3_000_000
        assert sum(1 for _ in ledger.entries(state="failed")) == 1500
        assert sum(1 for _ in ledger.entries(provider="sunra")) == 0

    def test_concurrent_writes_are_all_committed(self, ledger: Ledger) -> None:
        threads = [
            threading.Thread(target=lambda number=number: ledger.write(entry(f"sha256:{number}")))  # type: ignore[misc]
            for number in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(ledger.entries())) == 40

    def test_changes_that_wait_are_written_in_one_transaction(self, ledger: Ledger) -> None:
        database, statements = ledger._database, []
        with ThreadPoolExecutor(8) as threads:
            with database._lock:
                writes = [threads.submit(ledger.write, entry(f"sha256:{number:02}")) for number in range(8)]
                while len(database._changes) < 8:
                    time.sleep(0.001)
                database._db.set_trace_callback(statements.append)
            for write in writes:
                write.result()
        assert sum(statement.startswith("BEGIN") for statement in statements) == 1
        assert sum(statement.startswith("INSERT") for statement in statements) == 8

    def test_entry_is_json_with_every_field(self, ledger: Ledger) -> None:
        row = ledger.write(entry()).as_json()
        assert row["state"] == "intended"
        assert tuple(row) == ENTRY_COLUMNS


class TestFormat:
    """Files that were written before are read: neither tables nor exports change their columns."""

    ENTRY_COLUMNS = (
        "key",
        "serial",
        "provider",
        "origin",
        "account",
        "project",
        "group",
        "kind",
        "content",
        "source",
        "name",
        "rules",
        "state",
        "asset_id",
        "reference",
        "error_code",
        "error_message",
        "provider_code",
        "created",
        "updated",
        "warnings",
        "url",
    )

    def test_columns_are_those_of_version_3(self, ledger: Ledger, path: Path) -> None:
        with sqlite3.connect(path) as other:
            tables = {
                table: [row[1] for row in other.execute(f"PRAGMA table_info({table})")]
                for table in ("entries", "groups", "disagreements", "accounts", "rates", "fixes")
            }
            version = other.execute("PRAGMA user_version").fetchone()
        other.close()
        assert version == (3,)
        assert tables == {
            "entries": [*self.ENTRY_COLUMNS, "version"],
            "groups": ["provider", "origin", "account", "project", "name", "id"],
            "disagreements": ["key", "serial", "provider", "source", "rules", "ours", "theirs", "message", "at"],
            "accounts": ["provider", "origin", "account", "project", "key_id", "at"],
            "rates": ["provider", "origin", "account", "project", "action", "calls", "per", "at"],
            "fixes": ["key", "original", "options", "fixed", "sentence", "losses", "at"],
        }


class TestNames:
    @pytest.mark.parametrize("stem", ["", "...", "a" * 300, "漢字", "a/b\\c\n\0", "caf\udce9", "-x-", "👩‍👩‍👧 family"])
    def test_names_are_short_and_never_empty(self, stem: str) -> None:
        name = asset_name(stem, key().digest, 1)
        start, _, tail = name.rpartition("-")
        assert 0 < len(start) <= 48
        assert len(tail) == 12
        assert name.encode()
        assert not set(name) & set("/\\\n\0 ")

    def test_each_registration_has_a_name_of_its_own(self) -> None:
        assert len({asset_name("a", key(str(n)).digest, serial) for n in range(20) for serial in (1, 2, 3)}) == 60


@pytest.mark.parametrize(
    ("stem", "begin"),
    [
        ("holiday clip", "holiday-clip-"),
        ("a/b\\c", "a-b-c-"),
        ("..hidden..", "hidden-"),
        ("---", "file-"),
        ("", "file-"),
        ("x" * 48, "x" * 48 + "-"),
        ("x" * 49, "x" * 48 + "-"),
        ("x" * 47 + "..y", "x" * 47 + "-"),
        ("日本", "日本-"),
    ],
)
def test_names_of_assets_keep_a_part_of_the_files_own(stem: str, begin: str) -> None:
    name = asset_name(stem, "ab" * 32, 1)
    assert name[:-12] == begin
    assert len(name) - len(begin) == 12
    assert set(name[-12:]) <= set("0123456789abcdef")


def test_kind_of_the_file_is_without_the_provider_type() -> None:
    assert [entry(kind=kind).media_kind for kind in ("image", "image:Script")] == ["image", "image"]


def test_names_of_assets_differ_with_key_and_attempt() -> None:
    names = {asset_name("a", digest, attempt) for digest in ("00", "01") for attempt in (1, 2, 3)}
    assert len(names) == 6


def test_many_entries_are_listed_once_and_oldest_first(ledger: Ledger) -> None:
    times = [f"2026-01-01T00:00:{second:02}Z" for second in range(3)]
    for number in range(501):
        ledger.write(entry(f"sha256:{number}", created=times[number % 3]))
    listed = list(ledger.entries())
    assert len(listed) == len({one.key for one in listed}) == 501
    assert [one.created for one in listed] == sorted(one.created for one in listed)
    for state, count in (("intended", 501), ("active", 0)):
        assert sum(1 for _ in ledger.entries(state=state)) == count
    assert sum(1 for _ in ledger.entries(provider="atlas")) == 501
    assert sum(1 for _ in ledger.entries(provider="agt")) == 0


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="needs a list of open files")
def test_a_ledger_that_is_closed_holds_no_file(path: Path) -> None:
    Ledger(str(path)).close()
    before = os.listdir("/dev/fd")
    for _ in range(3):
        with Ledger(str(path)) as one, Ledger(str(path)) as other, one.claim(key()):
            other.write(entry())
    assert os.listdir("/dev/fd") == before
