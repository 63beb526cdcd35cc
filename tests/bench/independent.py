"""The facts of a file by ffprobe, exiftool and the boxes of the file, under the names that rule files use.

Nothing here is read by the package, so that a fault of its readers cannot hide one of its fixes. A fact that these
tools do not tell is missing; None is one that they could not read.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from tests.bench.boxes import box_facts

Facts = dict[str, object]

PICTURES = {
    "JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "APNG": "png", "GIF": "gif", "BMP": "bmp", "TIFF": "tiff",
    "BTF": "tiff", "WEBP": "webp", "Extended WEBP": "webp", "HEIC": "heic", "HEIF": "heif", "AVIF": "avif",
}  # fmt: skip
"""exiftool's types of files, and our formats."""
NOT_TURNED = ("heic", "heif", "avif")
"""Formats whose EXIF orientation says nothing: boxes of their own turn the picture."""
CONTAINERS = {"wav": "wav", "mp3": "mp3", "avi": "avi", "flac": "flac", "ogg": "ogg", "aac": "aac", "mpegts": "mpegts"}
"""ffprobe's formats that mean one of ours."""
CODECS = {"amr_nb": "amr", "amr_wb": "amr", "pcm_mulaw": "mulaw", "pcm_alaw": "alaw"}
PROFILES = {"LC": "lc", "HE-AAC": "he", "HE-AACv2": "he_v2", "xHE-AAC": "xhe"}
CHROMAS = {"420": "4:2:0", "422": "4:2:2", "444": "4:4:4", "440": "4:4:0", "411": "4:1:1", "410": "4:1:0"}
TIMEOUT = 60.0


class Exiftool:
    """One process of exiftool that reads file after file."""

    def __init__(self) -> None:
        words = [
            "exiftool",
            "-stay_open",
            "True",
            "-@",
            "-",
            "-common_args",
            "-json",
            "-n",
            "-G1",
            "-api",
            "largefilesupport=1",
        ]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(words, encoding="utf-8", errors="replace", **pipes)
        Finalize(None, self.close, exitpriority=1)  # it does not end by itself when its input ends

    def read(self, path: Path) -> dict[str, Any]:
        """Return the tags of a file by group and name."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path}\n-execute\n")
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if line.startswith("{ready"):
                break
            lines.append(line)
        tags = json.loads("".join(lines) or "[{}]")
        return dict(tags[0])

    def close(self) -> None:
        """End the process."""
        self._process.communicate("-stay_open\nFalse\n", timeout=TIMEOUT)


@cache
def _exiftool() -> Exiftool:
    return Exiftool()


def ffprobe(path: Path, *options: str) -> dict[str, Any]:
    """Return what ffprobe prints of a file; nothing if it cannot open it."""
    words = ["ffprobe", "-v", "error", "-of", "json", *options, f"file:{path}"]
    done = subprocess.run(words, capture_output=True, timeout=TIMEOUT, check=False)
    return json.loads(done.stdout or b"{}") if not done.returncode else {}


def facts_of(path: Path) -> Facts:
    """Return the facts of a file."""
    tags = _exiftool().read(path)
    size = path.stat().st_size
    if (kind := PICTURES.get(str(tags.get("File:FileType")))) is not None:
        return {"size": size, "base64_size": -(-size // 3) * 4, **picture_facts(tags, kind)}
    shown = ffprobe(
        path, "-show_format", "-show_streams", "-show_entries", "packet=stream_index,pts_time,duration_time,size,flags"
    )
    if not shown.get("streams"):
        return {"size": size, "kind": None}
    return {"size": size, "base64_size": -(-size // 3) * 4, **stream_facts(path, shown)}


def _tag(tags: dict[str, Any], *names: str) -> Any:
    """Return the first tag of this name, in any group but that of a preview."""
    for name in names:
        for group in ("File", "PNG", "GIF", "RIFF", "IFD0", "Meta", "QuickTime", "Composite"):
            if (value := tags.get(f"{group}:{name}")) is not None:
                return value
    return None


def picture_facts(tags: dict[str, Any], name: str) -> Facts:
    """Return the facts of a picture by exiftool."""
    width, height = _tag(tags, "ImageWidth"), _tag(tags, "ImageHeight")
    turn = int(_tag(tags, "Rotation") or 0) % 180 != 0
    orientation = tags.get("IFD0:Orientation")
    if name not in NOT_TURNED:
        turn = orientation in (5, 6, 7, 8)
    elif (clean := tags.get("QuickTime:CleanAperture")) is not None:
        width, height = (int(float(side)) for side in clean.split()[:2])
    frames = _tag(tags, "FrameCount", "AnimationFrames") or 1
    facts: Facts = {"kind": "image", "format": name, "frames": frames, "animated": frames > 1, "duration": None}
    facts |= sides(width, height, turned=turn)
    facts["location"] = any(key.endswith(":GPSLatitude") for key in tags)
    depth = _tag(tags, "BitDepth", "BitsPerSample")
    if depth or name == "webp":
        facts["bit_depth"] = int(str(depth or 8).split()[0])
    if frames > 1:
        facts["pixel_frames"] = frames * width * height if width and height else None
    return facts


def sides(width: int | None, height: int | None, *, turned: bool) -> Facts:
    """Return the facts of the displayed size."""
    if not width or not height:
        names = ("width", "height", "long_side", "short_side", "side_sum", "aspect_ratio", "pixels", "dimensions")
        return dict.fromkeys(names)
    width, height = (height, width) if turned else (width, height)
    return {
        "width": width, "height": height, "long_side": max(width, height), "short_side": min(width, height),
        "side_sum": width + height, "aspect_ratio": width / height, "pixels": width * height,
        "dimensions": f"{width}x{height}",
    }  # fmt: skip


def stream_facts(path: Path, shown: dict[str, Any]) -> Facts:
    """Return the facts of a video or audio file by ffprobe."""
    streams = shown["streams"]
    videos = [each for each in streams if each["codec_type"] == "video" and not each["disposition"]["attached_pic"]]
    audios = [each for each in streams if each["codec_type"] == "audio"]
    family = shown["format"]["format_name"]
    facts: Facts = {"kind": "video" if videos else "audio", "format": CONTAINERS.get(family)}
    facts |= {"video_tracks": len(videos), "audio_tracks": len(audios)}
    if family.startswith("mov,"):
        facts |= box_facts(path)
        facts["format"] = _of_brand(str(facts["brand"] or "qt"), is_video=bool(videos))
    elif family.startswith("matroska"):
        facts["format"] = "webm" if b"webm" in path.read_bytes()[:64] else "mkv"
    stated = None if facts.get("fragmented") else _number(shown["format"].get("duration"))
    facts["duration"] = stated or _end(shown["packets"])  # that of fragments is often nonsense
    facts |= video_facts(videos[0], shown["packets"], facts["duration"]) if videos else {"video_codec": "none"}
    facts |= audio_facts(audios[0]) if audios else {"audio_codec": "none"}
    return facts


def _of_brand(brand: str, *, is_video: bool) -> str:
    """Return the format that the major brand of an MP4 or QuickTime file means."""
    known = {"qt": "mov", "M4V": "m4v", "M4VP": "m4v", "M4VH": "m4v", "M4A": "m4a", "M4B": "m4a", "M4P": "m4a"}
    if brand[:2] in ("3g",):
        return "3gp"
    return known.get(brand, "mp4")


def _number(text: Any) -> float | None:
    """Return a number of ffprobe's; a fraction without a denominator is none."""
    above, _, below = str(text or "N/A").partition("/")
    try:
        number = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return number or None


def _spans(packets: list[dict[str, Any]], index: int | None = None) -> list[tuple[float, float, str]]:
    """Return start, end and flags of the packets that are shown, in the order of display."""
    return sorted(
        (float(each["pts_time"]), float(each["pts_time"]) + float(each.get("duration_time", 0)), each["flags"])
        for each in packets
        if "pts_time" in each and index in (None, each["stream_index"]) and "D" not in each["flags"]
    )


def _end(packets: list[dict[str, Any]]) -> float | None:
    spans = _spans(packets)
    return max(end for _, end, _ in spans) - spans[0][0] if spans else None


def video_facts(stream: dict[str, Any], packets: list[dict[str, Any]], duration: object) -> Facts:
    """Return the facts of a track of pictures."""
    turned = any(float(each.get("rotation", 0)) % 180 for each in stream.get("side_data_list", ()))
    facts: Facts = {
        "video_codec": stream.get("codec_name"),
        **sides(stream.get("width"), stream.get("height"), turned=turned),
    }
    spans = _spans(packets, stream["index"])
    span = max(end for _, end, _ in spans) - spans[0][0] if spans else None
    facts["fps"] = round(len(spans) / span, 4) if span else _number(stream.get("avg_frame_rate"))
    facts["frames"] = len(spans) or None
    keys = [start for start, _, flags in spans if "K" in flags]
    facts["keyframe_interval"] = (
        max(after - before for before, after in zip(keys, [*keys[1:], spans[0][0] + span], strict=True))
        if keys and span
        else None
    )
    total = sum(int(each["size"]) for each in packets if each["stream_index"] == stream["index"])
    facts["video_bit_rate"] = round(total * 8 / span) if span else None
    pixels = str(stream.get("pix_fmt") or "")
    facts["chroma"] = CHROMAS.get(pixels.removeprefix("yuvj").removeprefix("yuva").removeprefix("yuv")[:3])
    facts["bit_depth"] = 8 if pixels[-2:] not in ("le", "be") else int(pixels[-4:-2].lstrip("p") or 0)
    if (order := stream.get("field_order", "unknown")) != "unknown":
        facts["scan"] = "progressive" if order == "progressive" else "interlaced"
    facts["transfer"], facts["primaries"] = stream.get("color_transfer"), stream.get("color_primaries")
    facts["video_profile"] = str(stream.get("profile", "")).lower() or None
    ratio = str(stream.get("sample_aspect_ratio", "1:1")).replace(":", "/")
    facts["pixel_aspect_ratio"] = _number(ratio) or 1.0
    return facts


def audio_facts(stream: dict[str, Any]) -> Facts:
    """Return the facts of a track of audio."""
    codec = str(stream.get("codec_name", "unknown"))
    codec = CODECS.get(codec) or next((short for short in ("pcm", "adpcm") if codec.startswith(short)), codec)
    facts: Facts = {
        "audio_codec": codec,
        "channels": stream.get("channels"),
        "audio_bit_rate": _number(stream.get("bit_rate")),
    }
    facts["sample_rate"] = int(stream.get("sample_rate") or 0) or None
    facts["audio_profile"] = PROFILES.get(str(stream.get("profile"))) if codec == "aac" else None
    return facts
