"""`tox -e package`: build the wheel, install it into an empty environment, check the fixtures with it.

Needs a package index, so it is no part of the usual tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        subprocess.run([sys.executable, "-m", "build", "--outdir", folder, str(ROOT)], check=True)
        (wheel,) = out.glob("*.whl")
        names = set(zipfile.ZipFile(wheel).namelist())
        wanted = {"preflight/py.typed", *(f"preflight/_rules/{rule.name}" for rule in (ROOT / "rules").glob("*.toml"))}
        assert wanted <= names, f"the wheel lacks {wanted - names}"
        assert not any(name.startswith(("tests/", "fixtures/")) for name in names), "the wheel holds tests"
        venv.create(out / "empty", with_pip=True)
        python = out / "empty" / "bin" / "python"
        subprocess.run([str(python), "-m", "pip", "install", "-q", str(wheel)], check=True)
        command = [
            str(python.with_name("preflight")),
            "check",
            str(ROOT / "fixtures"),
            "--for",
            "all",
            "--format",
            "json",
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        summary = json.loads(done.stdout)["summary"]
        assert done.returncode == 1, done.stderr
        assert done.stderr == ""
        assert summary["by_rules"]["atlas"]["pass"] >= 15, summary
        print(f"{wheel.name}: {summary['files']} fixtures checked from the wheel alone")


if __name__ == "__main__":
    main()
