"""Files that the sandbox serves under its own origin: `Hosting`."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from preflight.errors import UsageError

FILES: Final = "/files"
"""Where they are: `/files/TOKEN/NAME`."""
_NAME: Final = 200
"""Bytes of a name that are kept: file systems take 255."""


class Hosting:
    """Files by unguessable URLs. A path is served as it is at that time; bytes are kept in a folder until `close`."""

    def __init__(self) -> None:
        self.origin = ""
        self._lock = threading.Lock()
        self._paths: dict[tuple[str, str], str] = {}
        self._folder: str | None = None

    def host(self, file: str | os.PathLike[str] | bytes, name: str | None = None) -> str:
        """The URL of a local file or of bytes; `name`: its last part. Raises `UsageError`."""
        token = secrets.token_urlsafe(24)
        if isinstance(file, bytes):
            name = _last_part(name or "file")
            path = os.path.join(self._kept(), f"{token}.{name}")
            with open(path, "wb") as kept:
                kept.write(file)
        else:
            path = os.path.abspath(file)
            name = _last_part(name or path)
            if not os.path.isfile(path):
                raise UsageError(f"{os.fspath(file)} is no file: only files can be hosted")
        with self._lock:
            self._paths[token, name] = path
        return f"{self.origin}{FILES}/{token}/{quote(name)}"

    def path(self, token: str, name: str) -> str | None:
        """The file behind a URL's two last parts."""
        with self._lock:
            return self._paths.get((token, name))

    def own(self, url: str) -> str | None:
        """The path of a URL under our own origin, decoded; None: it leads elsewhere."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return None
        mine = urlsplit(self.origin)
        same = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost") and port == mine.port
        return unquote(parts.path) if same else None

    def behind(self, own: str) -> str | None:
        """The file behind a path under our own origin."""
        start, _, name = own.rpartition("/")
        return self.path(start.removeprefix(f"{FILES}/"), name)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            folder, self._folder = self._folder, None
            self._paths.clear()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _kept(self) -> str:
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.mkdtemp(prefix="preflight-sandbox-")
            return self._folder


def _last_part(name: str) -> str:
    name = os.path.basename(name.replace("\\", "/").rstrip("/")).replace("\0", "")
    return name.encode("utf-8", "replace")[-_NAME:].decode("utf-8", "ignore") or "file"
