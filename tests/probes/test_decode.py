"""Test deep checks: what decoding shows beyond the header, and where a library's result is not used."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from preflight.errors import SourceChanged
from preflight.media import Media
from preflight.probes import decode, probe
from preflight.probes.decode import DECODE_LIMITS, DecodeResult, decode_check
from preflight.probes.libraries import LibraryResult
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers.avi import audio, film, main, video

from tests.rows import each_row


def looked_at(data: bytes) -> DecodeResult:
    source = MemorySource(data)
    return decode_check(source, probe(source))


def codes(data: bytes) -> list[str]:
    return [code for code, _ in looked_at(data).problems]


def noise(width: int = 64, height: int = 48) -> Image.Image:
    """Return pixels that hardly compress, so that the data is long enough to be damaged."""
    pixels = bytes(n * n * 7919 >> 7 & 255 for n in range(width * height * 3))
    return Image.frombytes("RGB", (width, height), pixels)


def saved(form: str, **options: Any) -> bytes:
    if form == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    out = io.BytesIO()
    noise().save(out, form, **options)
    return out.getvalue()


def animated(form: str, count: int = 4, **options: Any) -> bytes:
    frames = [Image.new("RGB", (32, 24), (60 * n, 0, 200)) for n in range(count)]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:], duration=250, **options)
    return out.getvalue()


FORMS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("GIF", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("AVIF", {}),
    ("HEIF", {}),
]


@each_row(("form", "options"), FORMS)
def test_intact_picture_has_no_problems(form: str, options: dict[str, Any]) -> None:
    assert looked_at(saved(form, **options)).problems == ()


@each_row(("form", "options"), FORMS)
@each_row("share", [0.5, 0.9])
def test_truncated_picture_has_one_problem(form: str, options: dict[str, Any], share: float) -> None:
    data = saved(form, **options)
    source = MemorySource(data[: int(len(data) * share)])
    media = probe(source)
    found = {code for code, _ in decode_check(source, media).problems} | set(media.notes)
    assert found & {"truncated", "corrupt"}


def test_truncated_picture_is_reported_as_truncated() -> None:
    for form in ("JPEG", "PNG", "GIF", "BMP"):
        assert codes(saved(form)[:-1000]) == ["truncated"], form


def test_changed_byte_in_png_pixels_is_corruption() -> None:
    data = bytearray(saved("PNG"))
    data[len(data) // 2] ^= 0xFF
    assert codes(bytes(data)) == ["corrupt"]


def test_png_with_valid_checksums_and_invalid_pixels_is_corrupt() -> None:
    data = saved("PNG")
    at = data.index(b"IDAT") + 4
    length = int.from_bytes(data[at - 8 : at - 4])
    body = bytes(length)
    assert codes(data[:at] + body + zlib.crc32(b"IDAT" + body).to_bytes(4) + data[at + length + 4 :]) == ["corrupt"]


@each_row("form", ["GIF", "WEBP", "PNG", "AVIF"])
def test_frames_of_animations_are_counted_and_timed(form: str) -> None:
    found = looked_at(animated(form))
    assert (found.media.frames, found.media.duration, found.problems) == (4, 1.0, ())


def test_still_picture_before_an_animation_is_not_a_frame() -> None:
    found = looked_at(animated("PNG", default_image=True))
    assert (found.media.frames, found.problems) == (3, ())


def test_pages_are_counted_and_have_no_duration() -> None:
    out = io.BytesIO()
    noise().save(out, "TIFF", save_all=True, append_images=[noise(16, 16), noise(90, 20)])
    found = looked_at(out.getvalue())
    assert (found.media.frames, found.media.duration, found.problems) == (3, None, ())


@each_row("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
@each_row("orientation", [1, 3, 6])
def test_orientation_is_not_a_disagreement(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert looked_at(saved(form, exif=exif)).problems == ()


def test_wrong_header_is_a_disagreement() -> None:
    source = MemorySource(saved("PNG"))
    media = probe(source)
    wrong = media._replace(stored_width=63, format="gif", frames=7)
    details = [detail for code, detail in decode_check(source, wrong).problems if code == "probe_disagreement"]
    assert details == [
        "format: the header says gif, Pillow PNG",
        "size: the header says 63×48, Pillow 64×48",
        "frames: the header says 7, Pillow 1",
    ]


def test_unsupported_coding_is_not_a_fault_of_the_file() -> None:
    data = bytearray(saved("BMP"))
    data[28] = 2
    assert codes(bytes(data)) == ["decode_unsupported"]


def test_run_length_coded_bitmap_may_end_before_its_last_row() -> None:
    head = struct.pack("<2sIHHI", b"BM", 60, 0, 0, 58)
    info = struct.pack("<IiiHHIIiiII", 40, 640, 480, 1, 8, 1, 2, 0, 0, 1, 0)
    assert codes(head + info + bytes(4) + b"\x00\x01") == ["decode_unsupported"]


def test_picture_above_the_bomb_limit_is_decoded() -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 10_000)).save(out, "PNG")
    assert looked_at(out.getvalue()).problems == ()


@pytest.mark.slow
def test_jpeg_above_the_bomb_limit_is_decoded() -> None:
    assert looked_at_jpeg_of(200).problems == ()


def looked_at_jpeg_of(megapixels: int) -> DecodeResult:
    out = io.BytesIO()
    Image.new("L", (1000 * megapixels // 10, 10_000)).save(out, "JPEG", quality=1)
    return looked_at(out.getvalue())


def test_picture_above_the_memory_limit_is_a_crash_not_corruption() -> None:
    whole = saved("WEBP", lossless=True)
    source, huge = MemorySource(whole[:-900]), probe(MemorySource(whole))._replace(width=40_000, height=40_000)
    why = "the decoder may not take the memory that 1,600,000,000 pixels need"
    assert decode_check(source, huge).problems == (("probe_crashed", why),)


@cache
def large_png() -> bytes:
    """Return a picture whose pixels take 108 MB."""
    out = io.BytesIO()
    Image.new("RGB", (6000, 6000)).save(out, "PNG", compress_level=1)
    return out.getvalue()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux counts address space")
def test_decoder_memory_is_limited() -> None:
    source = MemorySource(large_png())
    assert [
        code for code, _ in decode_check(source, probe(source), DECODE_LIMITS._replace(memory=64 << 20)).problems
    ] == ["probe_crashed"]


def test_decoder_time_is_limited() -> None:
    source = MemorySource(large_png())
    found = decode_check(source, probe(source), DECODE_LIMITS._replace(seconds=0.02))
    assert found.problems == (("probe_timeout", "the decoder was stopped after 0.02 s"),)


def test_source_error_is_raised() -> None:
    class Changing(MemorySource):
        def read_at(self, offset: int, length: int) -> bytes:
            raise SourceChanged(self.name)

    with pytest.raises(SourceChanged):
        decode_check(Changing(b"x"), CLIP)


def test_non_media_is_not_decoded() -> None:
    assert looked_at(b"<html>") == DecodeResult(Media(format="html", size=6))


def test_only_truncated_video_is_reported_as_truncated() -> None:
    whole = film(main(), video(), audio())
    assert "truncated" not in codes(whole)
    assert "truncated" in codes(whole[:-40])


def answering(monkeypatch: pytest.MonkeyPatch, **said: Any) -> None:
    """Make libmediainfo and mutagen both return these facts."""

    def told(*_: object, **__: object) -> LibraryResult:
        return LibraryResult(Media(**said))

    monkeypatch.setattr(decode, "run_mediainfo", told)
    monkeypatch.setattr(decode, "run_mutagen", told)


CLIP = Media(
    kind="video",
    format="mp4",
    width=480,
    height=640,
    stored_width=640,
    stored_height=480,
    duration=10.0,
    video_codec="h264",
    audio_codec="aac",
    sample_rate=48000,
)


def disagreeing(ours: Media) -> list[str]:
    return [detail.partition(":")[0] for _, detail in decode_check(MemorySource(b"x"), ours).problems]


def test_video_facts_are_compared_as_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    same = {"kind": "video", "stored_width": 640, "stored_height": 480, "width": 640, "height": 480}
    answering(monkeypatch, **same, duration=10.15, video_codec="h264", audio_codec="aac", sample_rate=24000)
    assert disagreeing(CLIP) == []
    answering(monkeypatch, **{**same, "stored_width": 320}, duration=12.0, video_codec="hevc", audio_codec="none")
    assert disagreeing(CLIP) == ["stored_width", "video_codec", "audio_codec", "duration"]


def test_unknown_facts_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, kind="video")
    assert disagreeing(CLIP) == []
    answering(monkeypatch, kind="video", duration=3.0, video_codec="av1")
    assert disagreeing(CLIP._replace(duration=None, video_codec=None)) == []


@pytest.mark.parametrize("note", ["fragmented", "edit_list", "estimated_duration", "truncated"])
def test_durations_that_libraries_get_wrong_are_not_compared(monkeypatch: pytest.MonkeyPatch, note: str) -> None:
    answering(monkeypatch, kind="video", duration=40.0)
    assert disagreeing(CLIP) == ["duration"]
    assert disagreeing(CLIP._replace(notes=(note,))) == []


def test_duration_of_all_ones_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, kind="video", duration=4294967.295)
    assert disagreeing(CLIP) == []


def test_size_is_not_compared_if_libmediainfo_may_mean_another_track(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, kind="video", stored_width=64, stored_height=48, video_codec="mjpeg")
    assert disagreeing(CLIP._replace(notes=("multiple_video_tracks",))) == []
    assert disagreeing(Media(kind="audio", format="m4a", video_codec="none", notes=("cover_art",))) == []


def test_cropped_size_of_libmediainfo_is_not_a_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, kind="video", stored_width=310, stored_height=220)
    cropped = CLIP._replace(format="mkv", width=310, height=220)
    assert disagreeing(cropped) == []
    assert disagreeing(cropped._replace(width=640)) == ["stored_width"]


def test_durations_of_compressed_and_streamed_wav_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, kind="audio", duration=48_696.0, audio_codec="adpcm", notes=("truncated",))
    assert disagreeing(Media(kind="audio", format="wav", duration=5.0, audio_codec="pcm")) == []


def test_libmediainfo_truncation_is_ignored_for_containers_without_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, kind="video", notes=("truncated",))
    assert disagreeing(CLIP._replace(format="webm")) == []
    assert len(disagreeing(CLIP)) == 1


def test_decoded_gif_is_animated_only_with_several_frames() -> None:
    one = saved("GIF", loop=0)
    assert "animated" in probe(MemorySource(one)).notes
    assert looked_at(one).media.notes == ()
    hidden = animated("GIF", comment=bytes(100) * 50)
    assert probe(MemorySource(hidden)).notes == ("read_limit",)
    assert looked_at(hidden).media.notes == ("animated",)
