"""Codes for what a file is, and for what limits say of it."""

from __future__ import annotations

from typing import Final

from preflight.codes.code import Code, bound, choice, seen
from preflight.codes.notes import NOTES

_RESIZE: Final = "Resize it; for a picture both sides and the ratio have bounds of their own."

OF_MEDIA: Final[dict[str, Code]] = {
    # what a limit says of a fact
    "format_unsupported": choice(
        "Format not accepted",
        "The content is in a format that the service does not take, whatever the file is called. Convert it.",
    ),
    "width_too_small": bound("Too narrow", f"The displayed width is below the bound. {_RESIZE}"),
    "width_too_large": bound("Too wide", f"The displayed width is above the bound. {_RESIZE}"),
    "height_too_small": bound("Too low", f"The displayed height is below the bound. {_RESIZE}"),
    "height_too_large": bound("Too high", f"The displayed height is above the bound. {_RESIZE}"),
    "aspect_ratio_too_small": bound("Too tall a shape", "Displayed width / height is too small. Crop or pad it."),
    "aspect_ratio_too_large": bound("Too wide a shape", "Displayed width / height is too large. Crop or pad it."),
    "pixel_count_too_small": bound(
        "Too few pixels", "The bound is on width × height, the total of pixels, not on a side. Scale it up."
    ),
    "pixel_count_too_large": bound(
        "Too many pixels",
        "The bound is on width × height, the total of pixels: 927,408 is 834×1112, not 927 by 408. Scale it down.",
    ),
    "file_size_too_small": bound("File too small", "The file has fewer bytes than the service takes."),
    "file_size_too_large": bound("File too large", "The file has more bytes than the service takes. Compress it."),
    "duration_too_short": bound("Too short", "It plays for less time than the service takes."),
    "duration_too_long": bound("Too long", "It plays for more time than the service takes. Cut it."),
    "fps_too_low": bound("Too few frames per second", "The average frame rate is below the bound. Convert it."),
    "fps_too_high": bound("Too many frames per second", "The average frame rate is above the bound. Convert it."),
    "video_codec_unsupported": choice(
        "Video codec not accepted", "The container is right, the coding of the picture is not. Transcode it."
    ),
    "audio_codec_unsupported": choice(
        "Audio codec not accepted", "The container is right, the coding of the sound is not. Transcode the sound."
    ),
    "audio_track_required": Code(
        "error", "No sound", "The service wants a video with a sound track.", "{what}: {service} requires a sound track"
    ),
    "audio_track_forbidden": Code(
        "error", "Has sound", "The service wants a silent video.", "{what} {value}: {service} wants no sound track"
    ),
    "value_too_low": bound("Below the bound", "A measured value is below what the service takes."),
    "value_too_high": bound("Above the bound", "A measured value is above what the service takes."),
    "value_not_accepted": choice("Not accepted", "A property of the file is not among those that the service takes."),
    # what the content says
    "kind_not_accepted": Code(
        "error",
        "Kind not accepted",
        "The rule set has no section for this kind of media: the service does not take it here.",
        "{value}: {service} takes {limit} here",
    ),
    "type_mismatch": Code(
        "error", "Not the stated type", "The content is of another kind than was stated for it. State the right one."
    ),
    "camera_raw": Code(
        "error",
        "Camera raw",
        "The file holds a camera's unprocessed sensor data, which services do not decode. Export a JPEG. "
        "A rule set whose `format` limit lists the format accepts it.",
        "format {value}: a camera raw file, which {service} is not known to decode",
    ),
    "format_undetectable": Code(
        "error",
        "Not recognised",
        "The content is empty or in no format that preflight, and most likely the service, recognises.",
    ),
    "fact_unknown": Code(
        "unknown",
        "Could not be read",
        "A limit needs a fact that the file does not tell. Unknown is not a pass: look at the file with --deep, or "
        "write it anew with a usual encoder.",
        "{what} could not be read{reason}: {service} accepts {limit}",
    ),
    "truncated": Code(
        "error", "Cut off", "The file ends before its own structure does. Copy or download it again, whole."
    ),
    "no_moov": seen(
        "error",
        "No moov box",
        NOTES["no_moov"],
    ),
    "no_media_data": seen("error", "No media data", NOTES["no_media_data"]),
    "nothing_shown": seen(
        "error",
        "Nothing is shown",
        NOTES["nothing_shown"],
    ),
    "corrupt": Code(
        "error",
        "Does not decode",
        "A decoder could not decode the complete file, and a second check confirms the damage. Export the file again.",
    ),
    "decode_unconfirmed": Code(
        "warning",
        "Did not decode here",
        "A library could not decode the complete file, but no other check finds damage in it. "
        "The library may be at fault: open the file with another program.",
    ),
    "decode_unsupported": Code(
        "note",
        "Not decoded",
        "The decoder library does not support the coding of this file, so only its header was checked.",
    ),
    "probe_disagreement": Code(
        "warning",
        "Library disagrees",
        "A decoding library measured another value than the header states; the service may measure either.",
    ),
    "probe_timeout": Code("unknown", "Took too long", "What read this file did not finish in time and was stopped."),
    "probe_crashed": Code("unknown", "Crashed", "The process that read this file died or ran out of memory."),
    "read_limit": Code(
        "unknown", "Not read to the end", "A decoder wants more of the source than may be read, or to know its size."
    ),
    "extension_mismatch": Code(
        "note",
        "Misleading extension",
        "The name promises another format than the content has. Services that go by the content do not mind.",
    ),
}
