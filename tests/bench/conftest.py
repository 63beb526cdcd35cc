"""The benchmarks are no tests, and import frameworks."""

from __future__ import annotations

collect_ignore_glob = ["*.py"]
