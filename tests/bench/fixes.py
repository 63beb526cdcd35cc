"""Fix every core file of the corpus for six services, and judge the results without the package: `tox -e fixes`.

`python -m tests.bench.fixes --records FILE` adds one line for each file and rule set, goes on where it was interrupted,
and prints the table of all lines. `--times` also measures the whole command beside the bare call of ffmpeg.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, NamedTuple

import preflight
from preflight.report import Plan
from tests.bench import fixes_table
from tests.bench.fix_times import times_of
from tests.bench.independent import facts_of
from tests.bench.limits import amount, limits_for, opinion, rule_file
from tests.bench.opening import Browser, opened, similarity
from tests.bench.tools import core_files

RULES = ("atlas", "volcengine", "seedance-2.0", "instagram-reels", "tiktok", "x")
RE_ENCODED = {"scale", "transcode", "convert", "change_pixel_format", "compress", "remux", "move_index"}
"""Steps after which a file still looks like its source."""
CHANGED_LOOKS = ("transparency", "HDR", "dynamic range", "frames")
"""Words of losses after which it looks different."""
GENEROUS = {"max_upscale": 64, "extend": "loop", "add_silence": True, "first_picture": True}
"""Choices with which nothing is refused that can be invented."""
DEADLINE = 300
"""s for one file and rule set."""
Record = dict[str, Any]


class Options(NamedTuple):
    """What is the same for all files: choices of the fix, a folder that keeps results, whether times are taken."""

    choices: dict[str, Any]
    keep: Path | None
    times: bool


def fix_one(path: Path, rules: str, options: Options) -> Record:
    """Return the record of one file and rule set."""
    report = preflight.check(str(path), rules)
    (result,) = report.results
    kind = report.media.kind if report.media else None
    record: Record = {"path": str(path), "rules": rules, "kind": kind, "verdict": result.verdict}
    record["decodes"] = decodes(path)
    record["codes"] = [each.code for each in result.findings if each.severity in ("error", "unknown")]
    if result.verdict != "fail":
        return record
    with tempfile.TemporaryDirectory() as name:
        copy = Path(shutil.copyfile(path, Path(name, path.name)))
        start = time.perf_counter()
        fixed = preflight.fix(str(copy), rules, **options.choices)
        record |= {"whole": time.perf_counter() - start, "seconds": fixed.seconds, "proof": fixed.proof_seconds}
        record |= {"outcome": fixed.outcome, "problem": str(fixed.problem) if fixed.problem else None}
        if (plan := fixed.plan) is not None:
            record |= {"steps": [step.action for step in plan.steps], "sentence": plan.sentence, "losses": plan.losses}
            record["obstacles"] = [[each.parameter, each.message] for each in plan.obstacles]
            record["command"] = plan.command
        if fixes_table.is_undecoded(record):
            record["engine"] = ffmpeg_decodes(copy)
        record["left"] = sorted(each.name for each in Path(name).iterdir() if each != copy)
        if fixed.outcome == "fixed":
            record |= judged(Path(fixed.output), rules)
            record["ssim"] = similarity(copy, Path(fixed.output), Path(name)) if looks_alike(plan) else None
            if options.times:
                record["times"] = times_of(copy, rules)
            if options.keep is not None:
                shutil.copyfile(fixed.output, options.keep / f"{rules}-{Path(fixed.output).name}")
    return record


def looks_alike(plan: Plan) -> bool:
    """Return whether a result should look like its source: only encoded again or scaled, without dropping anything."""
    lost = " ".join(plan.losses)
    return {step.action for step in plan.steps} <= RE_ENCODED and not any(word in lost for word in CHANGED_LOOKS)


def judged(output: Path, rules: str) -> Record:
    """Return what preflight, other tools and a browser say about a result."""
    facts = facts_of(output)
    other = opinion(facts, rules)
    section = rule_file(rules).get(str(facts["kind"]), {})
    size = limits_for(section, facts).get("size", {})
    bound = size.get("max", size.get("below"))
    return {
        "after": preflight.check(str(output), rules).verdict,
        "other": other._asdict(),
        "opened": opened(output, facts, browser()).problems if facts["kind"] else {"facts": "not readable"},
        "size": facts["size"],
        "max_size": amount(bound) if bound is not None else None,
        "facts": {name: facts.get(name) for name in ("kind", "format", "dimensions", "duration", "fps", "audio_codec")},
    }


def decodes(path: Path) -> bool:
    """Return whether a tool decodes a file; False only for files of the corpus that none does."""
    return str(path) not in undecodable()


def ffmpeg_decodes(path: Path) -> bool:
    """Return whether ffmpeg decodes a file completely, and without an error."""
    words = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", f"file:{path}", "-f", "null", "-"]
    return not subprocess.run(words, capture_output=True, timeout=DEADLINE, check=False).returncode


@cache
def undecodable() -> frozenset[str]:
    """Return the files of the corpus that no tool decodes, and the pictures whose data ImageMagick calls corrupt."""
    corpus = os.environ.get("PREFLIGHT_CORPUS")
    if not corpus:
        return frozenset()
    rows = map(json.loads, (Path(corpus) / "manifest.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n"))
    return frozenset(str(Path(corpus) / "files" / row["path"]) for row in rows if _is_damaged(row))


def _is_damaged(row: Record) -> bool:
    said = row["oracles"].get("identify") or {}
    return row["decodes"] is False or bool(said.get("full_rc")) or "orrupt" in (said.get("err") or "")


@cache
def browser() -> Browser:
    """Return the browser of this process."""
    folder = Path(tempfile.mkdtemp(prefix="fixes-"))
    Finalize(None, shutil.rmtree, (folder,), {"ignore_errors": True}, exitpriority=0)
    return Browser(folder)


def guarded(path: Path, rules: str, options: Options) -> Record:
    """Return the record of one file and rule set, also where an exception or the deadline ends it."""
    signal.signal(signal.SIGALRM, _expired)
    signal.alarm(DEADLINE)
    try:
        return fix_one(path, rules, options)
    except Exception as error:  # noqa: BLE001 - a fault costs one line of the table
        return {"path": str(path), "rules": rules, "outcome": "fault", "problem": f"{type(error).__name__}: {error}"}
    finally:
        signal.alarm(0)


def _expired(signum: int, frame: object) -> None:
    raise TimeoutError(f"not finished after {DEADLINE} s")


def read(records: Path) -> Iterator[Record]:
    """Yield the records that a file holds; a line that was cut off is done again."""
    if records.exists():
        for line in records.read_text(encoding="utf-8").split("\n"):
            if line.endswith("}"):
                yield json.loads(line)


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rules", default=",".join(RULES))
    parser.add_argument("--every", type=int, default=1, help="only one of so many files")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--records", type=Path, default=Path("fixes.jsonl"))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--containing", default="", help="only files with this in their path")
    parser.add_argument("--generous", action="store_true", help="allow everything that needs an option")
    chosen = parser.parse_args(words)
    options = Options(GENEROUS if chosen.generous else {}, chosen.keep, chosen.times)
    done = {(record["path"], record["rules"]) for record in read(chosen.records)}
    files = [path for path in core_files()[:: chosen.every] if chosen.containing in str(path)]
    wanted = [(path, rules) for path in files for rules in chosen.rules.split(",") if (str(path), rules) not in done]
    with ProcessPoolExecutor(chosen.jobs) as pool, chosen.records.open("a", encoding="utf-8") as lines:
        futures = [pool.submit(guarded, path, rules, options) for path, rules in wanted]
        for future in as_completed(futures):
            print(json.dumps(future.result(), default=str), file=lines, flush=True)
    fixes_table.show(list(read(chosen.records)))


if __name__ == "__main__":
    main(sys.argv[1:])
