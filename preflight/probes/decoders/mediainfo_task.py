"""Parse files with libmediainfo: containers that we have no reader for, and a comparison for those that we have."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import pymediainfo

GENERAL_FIELDS: Final = ("format", "duration", "istruncated", "overall_bit_rate", "location", "recorded_location")
TRACK_FIELDS: Final = (
    "track_type", "format", "format_version", "format_profile", "codec_id", "width", "height", "pixel_aspect_ratio",
    "duration", "frame_rate", "frame_rate_mode", "sampling_rate", "channel_s", "encryption", "bit_depth", "bit_rate",
    "format_additionalfeatures", "color_space", "chroma_subsampling", "scan_type", "color_primaries",
    "transfer_characteristics", "hdr_format",
)  # fmt: skip
MAX_TRACKS: Final = 64

pymediainfo.MediaInfo.can_parse()  # loads the library, which must not count as the time of the first file


def tracks(file: BinaryIO, speed: float = 0) -> dict[str, object]:
    """Return libmediainfo's results, under its names and with its types (a number may be a string).

    speed: 0 reads the ends of a file, 0.5 more of it. 1 would read all of it, and never ends for some open files
    (Sorenson Video of 2003). It would end for a path, but libmediainfo gets open files only: it would fetch a URL
    itself, and treat numbered files as one.
    """
    found = pymediainfo.MediaInfo.parse(file, parse_speed=speed).to_data()["tracks"]
    general: dict[str, Any] = next((track for track in found if track.get("track_type") == "General"), {})
    streams = [track for track in found if track.get("track_type") in ("Video", "Audio", "Image")]
    return {
        "general": {name: general[name] for name in GENERAL_FIELDS if name in general},
        "tracks": [{name: track[name] for name in TRACK_FIELDS if name in track} for track in streams[:MAX_TRACKS]],
    }
