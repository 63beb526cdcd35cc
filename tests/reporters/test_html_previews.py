"""Previews of real media, and files that try to make the decoder do something else."""

from __future__ import annotations

import io
import math
import struct
import wave
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from preflight import processes
from preflight.reporters.html import previews
from preflight.reporters.html.previews import PreviewRequest, make_previews
from preflight.sources.memory import MemorySource
from tests.rows import each_row

av = pytest.importorskip("av")

LARGE = {"edge": 320, "quality": 55}


def preview(path: Path | str, kind: str, format_name: str, turn: int = 0) -> Any:
    return make_previews([PreviewRequest(0, 0, str(path), kind, format_name, turn)], 10**6).get(0)


def picture(coded: str) -> Image.Image:
    image = Image.open(io.BytesIO(b64decode(coded)))
    assert image.format == "WEBP"
    return image


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Return a video of half a second whose first frame is red and whose others are blue."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(12):
            frame = av.VideoFrame.from_image(Image.new("RGB", (640, 360), "red" if number == 0 else "blue"))
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Return a second of a tone of half the amplitude, then a second of silence."""
    path = tmp_path / "sound.wav"
    tone = [round(16384 * math.sin(2 * math.pi * 440 * at / 8000)) for at in range(8000)] + [0] * 8000
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(struct.pack(f"<{len(tone)}h", *tone))
    return path


@each_row("name", ["jpg", "png", "webp", "bmp", "tif", "gif", "heic"])
def test_preview_of_a_picture_is_small(fixtures: Path, name: str) -> None:
    names = {"jpg": "jpeg", "tif": "tiff"}
    shown = picture(preview(fixtures / f"accepted/picture.{name}", "image", names.get(name, name)))
    assert shown.size == (320, 240)


def test_preview_of_a_rotated_picture_is_upright(fixtures: Path) -> None:
    upright = picture(preview(fixtures / "quirks/jpeg-orientation-6.jpg", "image", "jpeg"))
    with Image.open(fixtures / "quirks/jpeg-orientation-6.jpg") as stored:
        assert (upright.width < upright.height) == (stored.width > stored.height)


def test_preview_of_a_truncated_picture_shows_its_part(tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.effect_noise((400, 400), 90).save(whole, "JPEG")
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    assert picture(preview(path, "image", "jpeg")).size == (320, 320)


def test_preview_of_a_video_is_its_first_frame_as_displayed(clip: Path) -> None:
    shown = picture(preview(clip, "video", "mp4"))
    assert shown.size == (320, 180)
    red, green, blue = shown.convert("RGB").getpixel((160, 90))  # type: ignore[misc]
    assert red > 200 > green + blue
    assert picture(preview(clip, "video", "mp4", turn=90)).size == (180, 320)


def test_preview_of_an_audio_file_is_a_waveform(sound: Path) -> None:
    bars = preview(sound, "audio", "wav")
    assert len(bars) == 96
    assert all(48 <= bar <= 52 for bar in bars[2:46])
    assert set(bars[50:]) == {0}


@pytest.mark.parametrize(
    ("kind", "format_name", "data"),
    [
        ("video", "mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
        ("video", "mkv", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("audio", "mp3", b"\xff\xfb\x90\x00" + bytes(40)),
        ("image", "png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        ("image", "png", b"\x89PNG\r\n\x1a\n" + bytes(64)),
        ("image", "svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("video", "mp4", b""),
    ],
)
def test_non_media_file_has_no_preview(tmp_path: Path, kind: str, format_name: str, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert preview(path, kind, format_name) is None


def test_missing_files_and_folders_have_no_preview(tmp_path: Path) -> None:
    assert preview(tmp_path / "gone.png", "image", "png") is None
    assert preview(tmp_path, "image", "png") is None


def test_next_file_has_a_preview_after_one_that_stops_its_decoder(fixtures: Path) -> None:
    data = (fixtures / "accepted/picture.png").read_bytes()
    broken = data[:60] + bytes(40) + data[100:]
    arguments = {"readers": ["PNG"], **LARGE}
    processes.call("picture", MemorySource(broken), previews.LIMITS, **arguments)
    before = set(processes.DECODERS.processes())
    assert processes.call("picture", MemorySource(data), previews.LIMITS, **arguments)
    assert set(processes.DECODERS.processes()) == before


@pytest.mark.parametrize(
    "answer",
    ["PHN2Zz4=", 'UklGR"><img>', "UklGR" + "A" * 100_000, [101], [True], [-1], [], [0] * 300, {"a": 1}, 7, None],
)
def test_answer_that_is_not_a_preview_is_dropped(monkeypatch: pytest.MonkeyPatch, fixtures: Path, answer: Any) -> None:
    monkeypatch.setattr(processes, "call", lambda *_, **__: answer)
    assert preview(fixtures / "accepted/picture.png", "image", "png") is None


def test_pictures_have_previews_without_pyav(monkeypatch: pytest.MonkeyPatch, fixtures: Path, sound: Path) -> None:
    monkeypatch.setattr(previews, "can_decode_av", lambda: False)
    assert preview(sound, "audio", "wav") is None
    assert preview(fixtures / "accepted/picture.png", "image", "png") is not None
