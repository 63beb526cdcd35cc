"""Finding codes for what a file contains, and for values outside a limit."""

from __future__ import annotations

from typing import Final

from preflight.codes.code import Code, bound_code, choice_code, fixed_code
from preflight.codes.notes import NOTES

_RESIZE: Final = "Resize it; width, height and aspect ratio have limits of their own."

MEDIA_CODES: Final[dict[str, Code]] = {
    # values outside a limit
    "format_unsupported": choice_code(
        "Format not accepted",
        "The service does not accept the format of the content, whatever the file is called. Convert it.",
    ),
    "width_too_small": bound_code("Width too small", f"The displayed width is below the minimum. {_RESIZE}"),
    "width_too_large": bound_code("Width too large", f"The displayed width is above the maximum. {_RESIZE}"),
    "height_too_small": bound_code("Height too small", f"The displayed height is below the minimum. {_RESIZE}"),
    "height_too_large": bound_code("Height too large", f"The displayed height is above the maximum. {_RESIZE}"),
    "aspect_ratio_too_small": bound_code(
        "Aspect ratio too small", "Displayed width / height is below the minimum. Crop or pad it."
    ),
    "aspect_ratio_too_large": bound_code(
        "Aspect ratio too large", "Displayed width / height is above the maximum. Crop or pad it."
    ),
    "pixel_count_too_small": bound_code(
        "Too few pixels", "The limit is on width × height, the total number of pixels, not on a side. Scale it up."
    ),
    "pixel_count_too_large": bound_code(
        "Too many pixels",
        "The limit is on width × height, the total number of pixels: 927,408 is 834×1112, not 927 by 408. "
        "Scale it down.",
    ),
    "file_size_too_small": bound_code("File too small", "The file has fewer bytes than the service accepts."),
    "file_size_too_large": bound_code(
        "File too large", "The file has more bytes than the service accepts. Compress it."
    ),
    "duration_too_short": bound_code("Too short", "The playing time is below the minimum of the service."),
    "duration_too_long": bound_code("Too long", "The playing time is above the maximum of the service. Cut it."),
    "fps_too_low": bound_code("Frame rate too low", "The average frame rate is below the minimum. Convert it."),
    "fps_too_high": bound_code("Frame rate too high", "The average frame rate is above the maximum. Convert it."),
    "video_codec_unsupported": choice_code(
        "Video codec not accepted", "The service accepts the container but not the video codec. Transcode the video."
    ),
    "audio_codec_unsupported": choice_code(
        "Audio codec not accepted", "The service accepts the container but not the audio codec. Transcode the audio."
    ),
    "audio_track_required": Code(
        "error",
        "No audio track",
        "The service requires a video with an audio track.",
        "{what}: {service} requires an audio track",
    ),
    "audio_track_forbidden": Code(
        "error",
        "Has an audio track",
        "The service requires a video without audio.",
        "{what} {value}: {service} accepts no audio track",
    ),
    "value_too_low": bound_code("Value too low", "A value is below the minimum of the service."),
    "value_too_high": bound_code("Value too high", "A value is above the maximum of the service."),
    "value_not_accepted": choice_code("Value not accepted", "The service does not accept this property of the file."),
    # what the content is
    "kind_not_accepted": Code(
        "error",
        "Kind not accepted",
        "The rule set has no section for this kind of media: the service does not accept it here.",
        "{value}: {service} accepts {limit} here",
    ),
    "type_mismatch": Code(
        "error", "Not the stated type", "The content is of another kind than stated. State the correct kind."
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
        "Not recognized",
        "The file is empty, or its format is not one that preflight and, most likely, the service recognize.",
    ),
    "fact_unknown": Code(
        "unknown",
        "Could not be read",
        "A limit needs a fact that the file does not state. Unknown is not a pass: run a deep check, or export the "
        "file again with a common encoder.",
        "{what} could not be read{reason}: {service} accepts {limit}",
    ),
    "truncated": Code("error", "Truncated", "The file ends before its own structure does. Copy or download it again."),
    "no_moov": fixed_code("error", "No moov box", NOTES["no_moov"]),
    "no_media_data": fixed_code("error", "No media data", NOTES["no_media_data"]),
    "nothing_shown": fixed_code("error", "Nothing is shown", NOTES["nothing_shown"]),
    "corrupt": Code(
        "error",
        "Does not decode",
        "A decoder could not decode the complete file, and a second check confirms the damage. Export the file again.",
    ),
    "decode_unconfirmed": Code(
        "warning",
        "Did not decode here",
        "A library could not decode the complete file, but no other check finds damage in it. "
        "The library may be at fault. Open the file with another program.",
    ),
    "decode_unsupported": Code(
        "note",
        "Not decoded",
        "The decoder library does not support the coding of this file, so only its header was checked.",
    ),
    "probe_disagreement": Code(
        "warning",
        "Library disagrees",
        "A decoding library measured another value than the header states; the service may use either.",
    ),
    "probe_timeout": Code("unknown", "Took too long", "Reading this file did not finish in time and was stopped."),
    "probe_crashed": Code("unknown", "Crashed", "The process that read this file crashed or ran out of memory."),
    "read_limit": Code(
        "unknown",
        "Not read to the end",
        "A decoder needs more bytes of the source than may be read, or its size, which is unknown.",
    ),
    "extension_mismatch": Code(
        "note",
        "Misleading extension",
        "The extension belongs to another format than the content. Services that check the content accept it.",
    ),
}
