"""The check that fails a run which leaves files in the temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

LEAVES = "import tempfile\ndef test_it():\n    tempfile.mkstemp(prefix='left-')\n"
CLEAN = "def test_it(tmp_path):\n    (tmp_path / 'x').touch()\n"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (LEAVES, 1, ()),
        (CLEAN, 0, ()),
        pytest.param(LEAVES, 1, ("-n", "1"), marks=pytest.mark.slow),
        pytest.param(CLEAN, 0, ("-n", "2"), marks=pytest.mark.slow),
    ],
)
def test_run_that_leaves_temporary_files_fails(tmp_path: Path, text: str, code: int, words: tuple[str, ...]) -> None:
    (tmp_path / "conftest.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests import temporary\n"
        "temporary.PATIENCE = 0.3\n"
        "from tests.temporary import pytest_configure, pytest_sessionfinish\n"
    )
    (tmp_path / "test_it.py").write_text(text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(("-p", "xdist") if words else ()),
        *words,
        str(tmp_path),
    ]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert ("left files in the temporary folder: left-" in done.stdout) is bool(code)
