"""libmediainfo: the containers that no reader of ours knows, and the second opinion on those that we do."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import pymediainfo

GENERAL: Final = ("format", "duration", "istruncated", "overall_bit_rate")
TRACK: Final = (
    "track_type",
    "format",
    "format_version",
    "format_profile",
    "codec_id",
    "width",
    "height",
    "pixel_aspect_ratio",
    "duration",
    "frame_rate",
    "frame_rate_mode",
    "sampling_rate",
    "channel_s",
    "encryption",
)
MAX_TRACKS: Final = 64

pymediainfo.MediaInfo.can_parse()  # the library itself: loading it is no file's time


def tracks(file: BinaryIO, speed: float = 0) -> dict[str, Any]:
    """What libmediainfo says of a file, under its own names and with its own types (a number may be a string).

    speed: 0 reads the ends of a file, 0.5 more of it. 1 would read all, and never comes to an end on some files
    (Sorenson Video of 2003) when given an open file; a path would, but it is only ever given an open file: it would
    fetch a URL by itself, and take numbered files for one.
    """
    found = pymediainfo.MediaInfo.parse(file, parse_speed=speed).to_data()["tracks"]
    general: dict[str, Any] = next((track for track in found if track.get("track_type") == "General"), {})
    streams = [track for track in found if track.get("track_type") in ("Video", "Audio", "Image")]
    return {
        "general": {name: general[name] for name in GENERAL if name in general},
        "tracks": [{name: track[name] for name in TRACK if name in track} for track in streams[:MAX_TRACKS]],
    }
