"""The files that the sandbox serves under its own origin: `Hosting`."""

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
"""Path prefix of hosted files: `/files/TOKEN/NAME`."""
_HOSTS: Final = ("127.0.0.1", "localhost")
_MAX_NAME_BYTES: Final = 200
"""File systems accept 255 bytes, and a token precedes the name."""


class Hosting:
    """Files behind unguessable URLs. Paths are read when requested; bytes are stored in a folder until `close`."""

    def __init__(self) -> None:
        self.origin = ""
        self._lock = threading.Lock()
        self._paths: dict[tuple[str, str], str] = {}
        self._folder: str | None = None

    def host(self, file: str | os.PathLike[str] | bytes, name: str | None = None) -> str:
        """Return a new URL, ending in `name`, for a local file or bytes. Raise `UsageError` for anything else."""
        token = secrets.token_urlsafe(24)
        if isinstance(file, bytes):
            name = _file_name(name or "file")
            path = os.path.join(self._temporary_folder(), f"{token}.{name}")
            with open(path, "wb") as kept:
                kept.write(file)
        else:
            path = os.path.abspath(file)
            name = _file_name(name or path)
            if not os.path.isfile(path):
                raise UsageError(f"{os.fspath(file)} is not a file. Only files can be hosted.")
        with self._lock:
            self._paths[token, name] = path
        return f"{self.origin}{FILES}/{token}/{quote(name)}"

    def path(self, token: str, name: str) -> str | None:
        """Return the path of the file behind the last two parts of a URL, or None."""
        with self._lock:
            return self._paths.get((token, name))

    def path_behind(self, url: str) -> str | None:
        """Return the path of the file behind a URL of this origin, empty if there is none; None for other origins."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return None
        if parts.scheme != "http" or parts.hostname not in _HOSTS or port != urlsplit(self.origin).port:
            return None
        start, _, name = unquote(parts.path).rpartition("/")
        return self.path(start.removeprefix(f"{FILES}/"), name) or ""

    def close(self) -> None:
        """Forget all URLs and delete the stored bytes."""
        with self._lock:
            folder, self._folder = self._folder, None
            self._paths.clear()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _temporary_folder(self) -> str:
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.mkdtemp(prefix="preflight-sandbox-")
            return self._folder


def _file_name(name: str) -> str:
    name = os.path.basename(name.replace("\\", "/").rstrip("/")).replace("\0", "")
    return name.encode("utf-8", "replace")[-_MAX_NAME_BYTES:].decode("utf-8", "ignore") or "file"
