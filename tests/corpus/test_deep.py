"""Compare what a deep check finds in the corpus with a table of every expected error, warning and unknown.

`deep_findings.tsv`: path, codes, and who says so: our structure and the independent tools (ffmpeg 5.1, ImageMagick 6.9,
exiftool 12.57, mediainfo 23.04 as command-line tools). A code that is not in the table, and one that is and no longer
appears, both fail. `decode_unconfirmed` stands where no second witness was found.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from preflight.codes import CODES
from preflight.errors import SourceError
from preflight.probes import probe
from preflight.probes.decode import decode_check
from preflight.sources.local import LocalSource

TABLE = Path(__file__).parent / "deep_findings.tsv"


@pytest.fixture(scope="module")
def table() -> dict[str, str]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert all(len(row) == 3 and row[2] for row in rows)
    return {path: codes for path, codes, _ in rows}


def found(path: Path) -> str:
    """Return the codes of a file that are more than a note."""
    source = LocalSource(str(path))
    try:
        codes = {code for code, _ in decode_check(source, probe(source)).problems}
    except SourceError as error:
        codes = {error.code}
    finally:
        source.close()
    return " ".join(sorted(code for code in codes if CODES[code].severity != "note"))


@pytest.fixture(scope="module")
def paths(corpus: Path) -> list[str]:
    manifest = (corpus / "manifest.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [json.loads(line)["path"] for line in manifest]


def unexpected(corpus: Path, paths: Iterable[str], table: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return by path the codes that are found and the expected ones, where they differ."""
    pytest.importorskip("av")
    codes = {path: found(corpus / "files" / path) for path in paths}
    return {path: (ours, table.get(path, "")) for path, ours in codes.items() if ours != table.get(path, "")}


def test_a_quarter_of_the_listed_findings_and_a_hundredth_of_the_other_files_are_as_expected(
    corpus: Path, paths: list[str], table: dict[str, str]
) -> None:
    assert set(table) <= set(paths)
    others = [path for path in paths if path not in table]
    assert unexpected(corpus, [*list(table)[::4], *others[::100]], table) == {}


@pytest.mark.slow
def test_every_deep_finding_is_expected(corpus: Path, paths: list[str], table: dict[str, str]) -> None:
    assert unexpected(corpus, paths, table) == {}
