"""Test the facts in FLAC's STREAMINFO."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import given
from probing import counted, damaged, facts

from preflight.media import EVERYTHING
from preflight.probes import flac
from preflight.sources import EndOfFile
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mpeg import id3
from makers._ogg import flac_frame, metadata, stream_info
from makers.sound import FIXTURES

SOUND = b"".join(map(flac_frame, range(8)))
OURS = [fixture for fixture in FIXTURES if fixture.name.endswith(".flac")]


def test_only_the_header_is_read() -> None:
    blocks = stream_info(8192, last=False) + metadata(4, bytes(200_000)) + metadata(6, bytes(300_000), last=True)
    media, source = counted(b"fLaC" + blocks + SOUND)
    assert (media.duration, source.bytes_read) == (1.024, 2048 + 4)  # and the header of the block behind the first


def test_leading_tag_is_skipped() -> None:
    media, source = counted(id3(padding=300_000) + b"fLaC" + stream_info(8192) + SOUND)
    assert (media.format, media.duration) == ("flac", 1.024)
    assert source.bytes_read < 4096


def test_more_samples_than_file_can_hold_is_truncation() -> None:
    block = bytearray(stream_info(100 * 1024))
    block[8:11] = (200).to_bytes(3, "big")
    assert facts(b"fLaC" + bytes(block) + SOUND).notes == ("truncated",)
    assert facts(b"fLaC" + bytes(block) + bytes(30_000)).notes == ()


def test_first_block_that_is_not_streaminfo_gives_no_facts() -> None:
    media = facts(b"fLaC" + metadata(4, bytes(40), last=True) + SOUND)
    assert (media.kind, media.duration, media.notes) == ("audio", None, ("bad_header",))
    assert facts(b"fLaC" + stream_info(8192, rate=0) + SOUND).notes == ("bad_header",)


def test_file_that_ends_in_its_header_is_truncated() -> None:
    media = facts(b"fLaC" + stream_info(8192)[:20])
    assert (media.kind, media.format, media.notes) == ("audio", "flac", ("truncated",))


@given(damaged(OURS))
def test_damaged_files_give_facts(data: bytes) -> None:
    try:
        media = flac.read(MemorySource(data), EVERYTHING, "flac")
    except EndOfFile:
        return
    assert media.kind == "audio"
    assert media.duration is None or media.duration > 0
