"""Test facts that only the whole file gives: durations of streams whose header states none."""

from __future__ import annotations

import struct
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from preflight import check
from preflight.checker import examine, plan_for
from preflight.media import Media
from preflight.probes import flac, probe
from preflight.probes.decode import DECODE_LIMITS, decode_check
from preflight.probes.libraries import run_mediainfo
from preflight.sources.http import HttpOptions
from preflight.sources.memory import MemorySource
from tests.servers.hostile import hostile

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers import _mpeg, avi
from makers._ebml import UNKNOWN, audio, ebml, element, info, number, segment, tracks, video
from makers._mp4 import blank, fragmented, movie

from tests.rows import each_row


def added_facts(data: bytes) -> dict[str, Any]:
    """Return the facts that a deep check adds or changes."""
    source = MemorySource(data, "clip")
    before = probe(source)
    after = decode_check(source, before, DECODE_LIMITS).media
    names = Media._fields
    return {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}


def by_url(data: bytes, name: str, look_deep: bool) -> Media:
    """Return the facts of a file that a real server sends."""
    with hostile({name: data}) as server:
        plan = plan_for("atlas", deep=look_deep, http=HttpOptions(allow_private=True))
        media = examine(server.url(f"file/{name}"), plan).media
    assert media is not None
    return media


def block(track: int, at: int, size: int = 40) -> bytes:
    return element(0xA3, bytes([0x80 | track]) + struct.pack(">h", at) + b"\x80", bytes(size))


def group(track: int, at: int, duration: int) -> bytes:
    return element(
        0xA0, element(0xA1, bytes([0x80 | track]) + struct.pack(">h", at) + b"\0", b"x"), number(0x9B, duration)
    )


def cluster(start: int, *blocks: bytes, size: int | None = None) -> bytes:
    return element(0x1F43B675, number(0xE7, start), *blocks, size=size)


def live(*clusters: bytes, doc_type: str = "webm", rate: int | None = None, behind: bytes = b"") -> bytes:
    """Return a recording of video and audio without a duration."""
    head = (info(None), tracks(video(codec="V_VP8", frame_ns=rate), audio(codec="A_OPUS")))
    return ebml(doc_type) + segment(*head, *clusters, size=UNKNOWN) + behind


def recording(seconds: int, size: int | None = UNKNOWN, start: int = 0, payload: int = 40) -> list[bytes]:
    """Return 25 frames/s in clusters of one second."""
    pictures = [block(1, at, payload) for at in range(0, 1000, 40)]
    return [cluster(start + 1000 * second, *pictures, size=size) for second in range(seconds)]


class TestMatroska:
    @each_row("size", [UNKNOWN, None], ids=["streamed", "sized"])
    @each_row("doc_type", ["webm", "matroska"])
    def test_live_recording_is_read_to_its_last_cluster(self, size: int | None, doc_type: str) -> None:
        data = live(*recording(40, size), doc_type=doc_type)
        assert probe(MemorySource(data)).duration is None
        facts = added_facts(data)
        assert facts["duration"] == pytest.approx(40.0)
        assert facts["frames"] == 1000
        assert facts["bit_rate"] == round(len(data) * 8 / 40.0)

    def test_stated_duration_of_the_last_block_counts(self) -> None:
        assert added_facts(live(cluster(0, block(1, 0), group(1, 1000, 500))))["duration"] == pytest.approx(1.5)

    def test_longest_track_gives_duration(self) -> None:
        data = live(cluster(0, block(1, 0), block(2, 0), block(1, 40), *(block(2, at) for at in range(20, 3000, 20))))
        assert added_facts(data)["duration"] == pytest.approx(3.0)

    def test_late_start_is_not_counted_in_duration(self) -> None:
        assert added_facts(live(*recording(5, start=3_600_000)))["duration"] == pytest.approx(5.0)

    def test_frame_rate_gives_duration_of_the_last_frame(self) -> None:
        assert added_facts(live(cluster(0, block(1, 0)), rate=500_000_000))["duration"] == pytest.approx(0.5)

    def test_appended_file_is_not_counted(self) -> None:
        assert added_facts(live(*recording(2), behind=live(*recording(9))))["duration"] == pytest.approx(2.0)

    def test_truncated_file_has_duration_of_present_blocks(self) -> None:
        data = live(*recording(10))
        assert added_facts(data[: len(data) // 2])["duration"] == pytest.approx(5.0, abs=0.1)

    @each_row("clusters", [[], [cluster(0)], [cluster(0, block(9, 0))], [b"\xff" * 500]])
    def test_recording_without_blocks_has_no_duration(self, clusters: list[bytes]) -> None:
        assert "duration" not in added_facts(live(*clusters))

    def test_elements_of_zero_length_are_bounded(self) -> None:
        began = time.process_time()
        added_facts(live(cluster(0, *[element(0xA0)] * 200_000)))
        assert time.process_time() - began < 10

    def test_recording_by_url_gets_duration(self) -> None:
        data = live(*recording(60, payload=4000))
        assert by_url(data, "live.webm", False).duration is None
        assert by_url(data, "live.webm", True).duration == pytest.approx(60.0)


def test_mp3_with_estimated_duration_is_counted() -> None:
    """Test three samples of one bit rate, with another rate between them."""
    usual, other = _mpeg.frame(64), _mpeg.frame(32)
    data = usual * 400 + other * 400 + usual * 400 + other * 400 + usual * 400
    media = probe(MemorySource(data))
    assert "estimated_duration" in media.notes
    facts = added_facts(data)
    assert facts["duration"] == pytest.approx(_mpeg.seconds(2000))
    assert "estimated_duration" not in facts["notes"]
    assert abs((media.duration or 0) - facts["duration"]) > 5


class TestFlac:
    def streamed(self, samples: int, rate: int = 8000, block_size: int = 1024) -> bytes:
        """Return what an encoder writes into a pipe: it cannot seek back to state the length."""
        packed = rate << 44 | 15 << 36
        info_block = struct.pack(">HH3x3x", block_size, block_size) + packed.to_bytes(8, "big") + bytes(16)
        frames = [self.frame(number, block_size) for number in range(samples // block_size)]
        if samples % block_size:
            frames.append(self.frame(len(frames), samples % block_size))
        return b"fLaC\x80\0\0\x22" + info_block + b"".join(frames)

    def frame(self, number: int, samples: int) -> bytes:
        coded = chr(number).encode() if number < 0xD800 else b""
        header = b"\xff\xf8\x74\x08" + coded + struct.pack(">H", samples - 1)
        return header + bytes([flac._crc8(header)]) + bytes(9)

    @each_row("samples", [1024, 5000, 8000 * 20, 8000 * 300 + 7])
    def test_last_frame_gives_duration_of_streamed_flac(self, samples: int) -> None:
        data = self.streamed(samples)
        assert probe(MemorySource(data)).duration is None
        assert added_facts(data)["duration"] == pytest.approx(samples / 8000)

    def test_bytes_that_look_like_a_frame_are_ignored(self) -> None:
        data = self.streamed(5000)
        assert added_facts(data + b"\xff\xf8\x74\x08\x7f\x03\xff\x00" * 9)["duration"] == pytest.approx(5000 / 8000)

    def test_accidental_frame_header_is_ignored(self) -> None:
        data = self.streamed(5000) + self.frame(50_000, 1024)
        assert added_facts(data)["duration"] == pytest.approx(5000 / 8000)

    def test_flac_without_frames_has_no_duration(self) -> None:
        assert "duration" not in added_facts(self.streamed(0) + bytes(500))


class TestAvi:
    def streamed(self, count: int, unsized: bool) -> bytes:
        """Return what a recorder writes into a pipe: no frame count, and lists without size."""
        pictures = b"".join(avi_chunk(b"00dc", bytes(41)) + avi_chunk(b"01wb", bytes(20)) for _ in range(count))
        header = avi.listing(b"hdrl", avi.main(0), avi.video(0), avi.audio(0))
        body = header + avi_list(b"movi", pictures, unsized)
        return b"RIFF" + struct.pack("<I", 0xFFFFFFFF if unsized else 4 + len(body)) + b"AVI " + body

    @each_row("unsized", [False, True])
    def test_frames_are_counted_if_header_states_none(self, unsized: bool) -> None:
        data = self.streamed(100, unsized)
        media = probe(MemorySource(data))
        assert (media.duration, media.fps) == (None, 25.0)
        assert added_facts(data)["frames"] == 100
        assert added_facts(data)["duration"] == pytest.approx(4.0)

    def test_avi_without_frames_has_no_duration(self) -> None:
        assert "duration" not in added_facts(self.streamed(0, True))


def avi_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


def avi_list(name: bytes, body: bytes, unsized: bool) -> bytes:
    return b"LIST" + struct.pack("<I", 0xFFFFFFFF if unsized else 4 + len(body)) + name + body


def test_fragments_without_index_are_read_completely_by_url() -> None:
    film = blank(((2400, 1000),))
    data = fragmented(film._replace(samples=(bytes(2000),) * 2400), parts=100)
    local = probe(MemorySource(data)).duration
    assert local == pytest.approx(100.0)
    assert by_url(data, "clip.mp4", False).duration is None
    assert by_url(data, "clip.mp4", True).duration == pytest.approx(local)


def test_longer_telemetry_track_is_not_a_disagreement() -> None:
    """libmediainfo includes a camera's telemetry track in the duration of the file."""
    telemetry = blank(((312, 1000),))._replace(
        handler=b"meta", entry=struct.pack(">I4s6xH", 16, b"gpmd", 1), size=(0, 0), samples=(b"\0" * 8,) * 312
    )
    data = movie(blank(((288, 1000),)), telemetry, ticks=12000).replace(b"smhd", b"nmhd")
    said = run_mediainfo(MemorySource(data), DECODE_LIMITS, 0.5)
    assert (said.media.duration, said.longest_track) == (13.0, 12.0)
    report = check(data, "atlas", deep=True)
    assert report.media is not None
    assert report.media.duration == 12.0
    assert "probe_disagreement" not in [finding.code for finding in report.findings]


def test_known_facts_are_not_replaced() -> None:
    data = movie(blank())
    assert added_facts(data) == {}
