"""Compare the fixtures of camera raws with exiftool."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from preflight.probes import probe
from preflight.sources.local import LocalSource

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")


def agrees(fixtures: Path, names: list[str]) -> None:
    """Assert that exiftool has the same format, MIME type and size as stored for each of these files."""
    wanted = ["-FileType", "-MIMEType", "-ImageSize", "-RawImageCroppedSize"]
    paths = [str(fixtures / name) for name in names]
    done = subprocess.run(["exiftool", "-json", "-n", *wanted, *paths], capture_output=True, timeout=60, check=True)
    said = json.loads(done.stdout)
    assert len(said) == len(names)
    for name, theirs in zip(names, said, strict=True):
        media = probe(LocalSource(fixtures / name))
        size = theirs.get("ImageSize") or theirs.get("RawImageCroppedSize") or "None None"
        assert f"{media.stored_width} {media.stored_height}" == size.replace("x", " "), name
        known = {"camera_raw": "raw"}.get(media.format or "", media.format)
        assert (media.mime, known) == (theirs["MIMEType"], theirs["FileType"].lower()), name
