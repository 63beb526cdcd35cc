"""The table of `tests.bench.fixes`: by rule set, what failed, what was fixed, and who disagrees."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

from tests.bench.fix_times import LONG, MAX_EXTRA, MAX_RATIO, Times

Record = dict[str, Any]
UNDECODED = "cannot be decoded"
COLUMNS = (
    "failing",
    "no plan",
    "damaged",
    "fixable",
    "fixed",
    "share",
    "no engine",
    "disputed",
    "unopened",
    "SSIM",
    "unknown",
    "fault",
)
"""`damaged`: no tool decodes the source; `disputed` by the independent judge; `unopened` by another tool.

`no engine`: of the fixable files that were not fixed, those that ffmpeg does not decode either.
"""


def show(records: list[Record]) -> None:
    """Print the table, and the reasons why files were not fixed."""
    print(f"\n{'':18}" + "".join(f"{name:>10}" for name in COLUMNS))
    names = list(dict.fromkeys(record["rules"] for record in records))
    for name in sorted(names):
        _row(name, [record for record in records if record["rules"] == name])
    _row("all", records)
    for name, found in causes(records).items():
        print(f"\n{name}")
        for cause, members in sorted(found.items(), key=lambda each: -len(each[1])):
            print(f"{len(members):6}  {cause}")
    _times([Times(*record["times"]) for record in records if record.get("times")])


def _row(name: str, records: list[Record]) -> None:
    outcomes = Counter(record.get("outcome") for record in records)
    fixed = [record for record in records if record.get("outcome") == "fixed"]
    damaged = sum(is_undecoded(record) and not record["decodes"] for record in records)
    undecoded = [record for record in records if is_undecoded(record) and record["decodes"]]
    no_engine = sum(not record["engine"] for record in undecoded)
    fixable = len(fixed) + len(undecoded)
    alike = [record["ssim"] for record in fixed if record["ssim"] is not None]
    cells = (
        sum(record.get("verdict") == "fail" for record in records),
        outcomes["not_fixable"] + outcomes["failed"] - damaged - len(undecoded),
        damaged,
        fixable,
        len(fixed),
        f"{len(fixed) / fixable if fixable else 1:.1%}",
        no_engine,
        sum(is_disputed(record) for record in fixed),
        sum(bool(record["opened"]) for record in fixed),
        f"{median(alike) if alike else 0:.4f}",
        outcomes["unknown"],
        outcomes["fault"],
    )
    print(f"{name:18}" + "".join(f"{cell:>10}" for cell in cells))


def is_undecoded(record: Record) -> bool:
    """Return whether a file could be fixed, but was not: its data could not be decoded, or the result did not pass."""
    said = [message for _, message in record.get("obstacles") or ()]
    return record.get("outcome") == "failed" or any(UNDECODED in message for message in said)


def is_disputed(record: Record) -> bool:
    """Return whether preflight, or the judge that shares nothing with it, refuses a result."""
    return record["after"] != "pass" or record["other"]["verdict"] == "fail"


def causes(records: Iterable[Record]) -> dict[str, dict[str, list[Record]]]:
    """Return the records that need a look, by kind of trouble and by cause."""
    found: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        for kind, cause in _troubles(record):
            found.setdefault(kind, {}).setdefault(_plain(cause), []).append(record)
    return found


def _troubles(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the kind and the cause of each trouble with one file and rule set."""
    outcome = record.get("outcome")
    if outcome in ("failed", "fault", "unknown"):
        yield outcome if record.get("decodes", True) else "damaged", str(record["problem"])
    elif outcome == "not_fixable" and is_undecoded(record):
        kind = "damaged" if not record["decodes"] else "undecoded" if record["engine"] else "no engine"
        yield kind, str(record["problem"])
    elif outcome == "not_fixable":
        yield from (("not fixable", f"{parameter or 'no option'}: {words}") for parameter, words in record["obstacles"])
        if not record["obstacles"]:
            yield "not fixable", " ".join(sorted(set(record["codes"])))
    elif outcome == "fixed":
        yield from _of_result(record)
    if len(record.get("left", ())) > (outcome == "fixed"):
        yield "left behind", f"more than the output, if any ({outcome})"


def _of_result(record: Record) -> Iterator[tuple[str, str]]:
    if is_disputed(record):
        yield "disputed", f"{record['after']} by preflight, otherwise {record['other']['wrong']}"
    for tool, problem in record["opened"].items():
        yield "not opened", f"{tool}: {problem}"
    if record["max_size"] and record["size"] > record["max_size"]:
        yield "larger than the limit", f"{record['size']} of {record['max_size']}"


def _plain(text: str) -> str:
    """Return a message with # for each number and each file name, so that the same cause has the same text."""
    text = re.sub(r"\S*/\S+", "FILE", text)
    return re.sub(r"\d[\d.,]*", "#", text)[:160]


def _times(all_times: list[Times]) -> None:
    if not all_times:
        return
    long = [times.command / times.bare for times in all_times if times.bare >= LONG]
    short = [times.command - times.bare for times in all_times if times.bare < LONG]
    print(f"\n{len(long)} calls of ffmpeg of {LONG:g} s or more, {len(short)} shorter ones; without the proof")
    if long:
        print(f"  whole command: {median(long):.2f} × in the median, {max(long):.2f} × at most")
    if short:
        print(f"  whole command: + {median(short):.2f} s in the median, + {max(short):.2f} s at most")
    print(f"  proof: {median(times.proof for times in all_times):.2f} s in the median")
    print(f"  {sum(not times.is_allowed for times in all_times)} over {MAX_RATIO} × or + {MAX_EXTRA} s")
