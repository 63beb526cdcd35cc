"""Ratios against peers in one run: `tox -e bench`, or `python -m tests.bench.run [NAME …]` with names of `BENCHMARKS`.

Over the core files of the corpus that PREFLIGHT_CORPUS names; without it over `fixtures/`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.bench import clients, files, fix_times, growth, processes, rates, resume, submit, uploads, urls

BENCHMARKS: dict[str, Callable[[], None]] = {
    "files": files.main,
    "growth": growth.main,
    "urls": urls.main,
    "rates": rates.main,
    "submit": submit.main,
    "clients": clients.main,
    "resume": resume.main,
    "processes": processes.main,
    "uploads": uploads.main,
    "fix": fix_times.main,
}


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"there is no benchmark {unknown[0]!r}: {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
