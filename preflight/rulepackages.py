"""Find rule files of installed packages: the entry points `preflight.rules`, each naming a package with rule files.

No code of such a package is run. Its rule files are validated like a user's, each time they are loaded.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from preflight.escape import printable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS: Final = "preflight.rules"
"""The group of entry points by which packages add rule sets: any name → the import package with the files."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}(@[0-9-]{4,10})?")


class PackagedFile(NamedTuple):
    """A rule file of an installed package; `package` is its distribution with its version."""

    path: str
    package: str


@cache
def packaged_files() -> dict[str, tuple[PackagedFile, ...]]:
    """Return the rule files of all installed packages by the names of their rule sets."""
    found: dict[str, tuple[PackagedFile, ...]] = {}
    if not _is_any_installed():
        return found
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        for file in _files_of(entry):
            name = os.path.basename(file.path).removesuffix(".toml")
            found[name] = (*found.get(name, ()), file)
    return found


def _is_any_installed() -> bool:
    """Return whether a package on the path has such entry points: importing `importlib.metadata` takes 15 ms."""
    for folder in sys.path:
        with suppress(OSError):
            for name in os.listdir(folder or os.curdir):
                if name.endswith((".dist-info", ".egg-info")):
                    with suppress(OSError), open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:
                        if ENTRY_POINTS.encode() in file.read():
                            return True
    return False


def _files_of(entry: EntryPoint) -> Iterator[PackagedFile]:
    """Yield the rule files beside the modules of a package. Log a warning if it has none."""
    package = "an unknown package"
    if entry.dist is not None:
        package = printable(f"{entry.dist.name[:80]} {entry.dist.version[:40]}")
    files = [
        os.path.join(folder, name)
        for folder in _folders(entry.value)
        for name in sorted(os.listdir(folder))
        if name.endswith(".toml") and _is_name(name.removesuffix(".toml"))
    ]
    if not files:
        import logging

        text = f"The rule sets of {package} cannot be found: {printable(entry.value[:80])} is not a package with them."
        logging.getLogger("preflight").warning("%s Update or uninstall it.", text)
    yield from (PackagedFile(path, package) for path in files)


def _is_name(stem: str) -> bool:
    """Return whether a rule set can have this name: not one with which `--for` means something else."""
    return _NAME.fullmatch(stem) is not None and stem not in ("all", "stage") and not stem.endswith(".toml")


def _folders(module: str) -> list[str]:
    """Return the folders of an import package, without importing it; empty if there is none."""
    from importlib.util import find_spec

    if "." in module or ":" in module:  # a parent package would be imported
        return []
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return []
    locations = spec.submodule_search_locations if spec is not None else None
    return [folder for folder in locations or () if os.path.isdir(folder)]
