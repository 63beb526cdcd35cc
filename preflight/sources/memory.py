"""Bytes in memory."""

from __future__ import annotations


class MemorySource:
    """A `Source` over bytes (or any bytes-like object, which must not change meanwhile)."""

    requests = 0

    def __init__(self, data: bytes | bytearray | memoryview, name: str = "<bytes>") -> None:
        self.name = name
        self._data = bytes(data)
        self.size: int = len(self._data)  # a view's own length counts its items
        self.bytes_read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        piece = self._data[offset : offset + length]
        self.bytes_read += len(piece)
        return piece

    def verify(self) -> None:
        """Bytes do not change."""

    def close(self) -> None:
        """Nothing to give back."""
