"""Reports that are made before a framework validates, so that validation on the event loop only looks them up.

pydantic validates synchronously, and web frameworks do so on their event loop. Whoever receives an upload can judge it
in a thread first and hand the report over here; there is no argument through which pydantic would carry it.

A requirement is identified by its `Requirement.identity`, since frameworks copy annotations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, Final

from preflight.integrations.uploads import file_of
from preflight.report import Report

CHUNK_SIZE: Final = 1 << 20

_current: Final[ContextVar[PrecomputedReports | None]] = ContextVar("preflight_precomputed", default=None)


class PrecomputedReports:
    """The reports of one request's uploads: by the open file, or by a digest of the content for plain bytes."""

    def __init__(self) -> None:
        self._by_file: dict[tuple[Hashable, int], tuple[object, Report]] = {}
        self._by_content: dict[tuple[Hashable, bytes], Report] = {}

    def add_file(self, requirement: Hashable, file: IO[bytes], report: Report) -> None:
        """Store the report of an open file. The file is kept so that its id stays unique."""
        self._by_file[requirement, id(file)] = (file, report)

    def add_content(self, requirement: Hashable, file: IO[bytes], report: Report) -> None:
        """Store the report of content that will arrive as plain bytes. Reads the file once, from its position."""
        position = file.tell()
        digest = hashlib.blake2b()
        while chunk := file.read(CHUNK_SIZE):
            digest.update(chunk)
        file.seek(position)
        self._by_content[requirement, digest.digest()] = report

    def find(self, requirement: Hashable, value: object) -> Report | None:
        """Return the report of exactly this file or this content, if there is one."""
        if isinstance(value, bytes):
            if not self._by_content:
                return None
            return self._by_content.get((requirement, hashlib.blake2b(value).digest()))
        file, _ = file_of(value)
        found = self._by_file.get((requirement, id(file)))
        return found[1] if found else None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let validation in this task find the reports."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def precomputed_report(requirement: Hashable, value: object) -> Report | None:
    """Return the report that was made before this validation, if any."""
    current = _current.get()
    return None if current is None else current.find(requirement, value)
