"""The modules that need mutmut, which only `tox -e mutants` installs, are not collected without it."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("mutmut") else ["copies.py", "generate.py", "run.py"]
