"""Limit how many bytes of a real file each reader reads."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.corpus.conftest import Row

SMALL = {"png", "gif", "bmp", "webp", "heic", "heif", "avif", "tiff", "wav"}
BUDGET = 4096
GPS_DIRECTORY = 98
"""Bytes that are read of a distant GPS directory."""
MP4_FAMILY = {"mp4", "mov", "m4a", "m4v", "3gp"}

SCATTERED = {"drewnoakes+metadata-extractor-images/363dbe07-Issue_62.png": 6 * 1024}
"""A dozen private chunks precede its picture."""


def top_level(path: Path) -> dict[bytes, int]:
    """Return the sizes of the boxes of a file, by type."""
    data = path.read_bytes()
    sizes: dict[bytes, int] = {}
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1 and at + 16 <= len(data):
            size = struct.unpack_from(">Q", data, at + 8)[0]
        size = size or len(data) - at
        if size < 8:
            break
        sizes[kind] = sizes.get(kind, 0) + size
        at += size
    return sizes


def test_leading_headers_take_under_4_kib(core: list[Row]) -> None:
    for row in core:
        media = row.report.media
        if media is not None and media.format in SMALL:
            assert row.report.bytes_read <= SCATTERED.get(row.path, BUDGET), row.path


def test_jpeg_takes_under_4_kib_unless_it_has_many_segments(core: list[Row]) -> None:
    read = sorted(row.report.bytes_read for row in core if row.report.media and row.report.media.format == "jpeg")
    assert read[int(len(read) * 0.9)] <= BUDGET + GPS_DIRECTORY
    assert read[-1] <= 9 * 1024


def test_mp4_without_fragments_takes_its_moov_and_4_kib(core: list[Row], corpus: Path) -> None:
    met = 0
    for row in core:
        media = row.report.media
        if media is None or media.format not in MP4_FAMILY:
            continue
        boxes = top_level(corpus / "files" / row.path)
        if b"moof" not in boxes and b"moov" in boxes:
            met += 1
            assert row.report.bytes_read <= boxes[b"moov"] + BUDGET, row.path
    assert met > 50
