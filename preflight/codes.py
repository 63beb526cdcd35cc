"""The one table of finding codes and notes: what each means and what to do about it.

Codes follow the upstream's where it has one (`PixelCountTooLarge` → `pixel_count_too_large`), so that a provider's
failure can be compared with ours.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Severity = Literal["error", "unknown", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "unknown", "warning", "note")
"""From worst to least."""


class Code(NamedTuple):
    """One kind of finding.

    severity     the severity, unless a rule set says otherwise
    title        a few words for headings
    explanation  what it means and what to do
    template     the message, filled by `str.format`; `{message}`: whoever makes the finding writes it
    """

    severity: Severity
    title: str
    explanation: str
    template: str = "{message}"


_BOUND: Final = "{what} {value}: {sentence}{note}"
_CHOICE: Final = "{what} {value}: {service} accepts {limit}{note}"


def _bound(title: str, explanation: str) -> Code:
    """Return a code for a value outside a bound."""
    return Code("error", title, explanation, _BOUND)


def _choice(title: str, explanation: str) -> Code:
    """Return a code for a value that is not among the accepted ones."""
    return Code("error", title, explanation, _CHOICE)


def _fixed(severity: Severity, title: str, sentence: str) -> Code:
    """Return a code whose message is always the same sentence."""
    return Code(severity, title, f"{sentence[0].upper()}{sentence[1:]}.", sentence)


NOTES: Final[dict[str, str]] = {
    "animated": "animation with several frames; services may use only the first frame",
    "apple_cgbi": "PNG in Apple's CgBI variant, written by Xcode; only Apple software opens it",
    "av1_coded": "HEIF file whose picture is coded in AV1; many HEIF decoders cannot open it",
    "bad_header": "a header field contradicts the format's specification; some decoders reject the file",
    "camera_raw": "camera raw file: it contains sensor data, not a finished picture",
    "cmyk": "print colors (CMYK or YCCK); some services refuse them or display them incorrectly",
    "cover_art": "the file has a cover picture, which does not count as video",
    "edit_list": "an edit list cuts or shifts playback; software that ignores it sees another duration",
    "estimated_duration": "no header states the duration; it is estimated from the bit rate",
    "extension_mismatch": "the extension of the file name does not match the format of the content",
    "fragmented": "fragmented MP4, as used for streaming; some services accept only ordinary MP4 files",
    "gain_map": "HDR gain map beside the picture; services may show only the picture without HDR",
    "late_start": "the first frame starts more than a second after zero; some software adds this gap to the duration",
    "leading_garbage": "unknown bytes before the start of the format; some decoders reject the file",
    "multi_picture": "multi-picture JPEG (MPO); services may see only the first picture",
    "multiple_video_tracks": "several video tracks; the limits were checked on the first playable one",
    "no_media_data": "the file describes tracks but has no media data, so nothing can be played",
    "no_moov": "moov box not found: the file is a single segment, or an unfinished recording or upload",
    "nothing_shown": "the edit list starts after the end of the media, so players show nothing",
    "read_limit": "preflight stopped reading at its own limit; the rest of the file was not examined",
    "trailing_data": "unknown bytes after the end of the format",
    "truncated": "the file ends before its own structure does",
    "uncommon_coding": "uncommon coding (arithmetic, lossless, hierarchical or not 8-bit integers); "
    "many decoders cannot open it",
}
"""The meaning of each note, as a sentence."""

_RESIZE: Final = "Resize it; width, height and aspect ratio have limits of their own."
_SERVER: Final = (
    "The file itself was not read. Try again later; if the problem persists, ask the operator of the server."
)

_FINDING_CODES: Final[dict[str, Code]] = {
    # values outside a limit
    "format_unsupported": _choice(
        "Format not accepted",
        "The service does not accept the format of the content, whatever the file is called. Convert it.",
    ),
    "width_too_small": _bound("Width too small", f"The displayed width is below the minimum. {_RESIZE}"),
    "width_too_large": _bound("Width too large", f"The displayed width is above the maximum. {_RESIZE}"),
    "height_too_small": _bound("Height too small", f"The displayed height is below the minimum. {_RESIZE}"),
    "height_too_large": _bound("Height too large", f"The displayed height is above the maximum. {_RESIZE}"),
    "aspect_ratio_too_small": _bound(
        "Aspect ratio too small", "Displayed width / height is below the minimum. Crop or pad it.",
    ),
    "aspect_ratio_too_large": _bound(
        "Aspect ratio too large", "Displayed width / height is above the maximum. Crop or pad it.",
    ),
    "long_side_too_small": _bound("Long side too small", f"The larger side is below the minimum. {_RESIZE}"),
    "long_side_too_large": _bound("Long side too large", f"The larger side is above the maximum. {_RESIZE}"),
    "short_side_too_small": _bound("Short side too small", f"The smaller side is below the minimum. {_RESIZE}"),
    "short_side_too_large": _bound("Short side too large", f"The smaller side is above the maximum. {_RESIZE}"),
    "side_sum_too_small": _bound("Sides too small", f"Width + height is below the minimum. {_RESIZE}"),
    "side_sum_too_large": _bound("Sides too large", f"Width + height is above the maximum. {_RESIZE}"),
    "dimensions_not_accepted": _choice(
        "Dimensions not accepted", "The service accepts only certain pairs of width and height. Resize it.",
    ),
    "pixel_frames_too_many": _bound(
        "Too many pixels in all frames", "Width × height × frames is above the maximum. Scale it down, or cut it.",
    ),
    "pixel_count_too_small": _bound(
        "Too few pixels", "The limit is on width × height, the total number of pixels, not on a side. Scale it up.",
    ),
    "pixel_count_too_large": _bound(
        "Too many pixels",
        "The limit is on width × height, the total number of pixels: 927,408 is 834×1112, not 927 by 408. "
        "Scale it down.",
    ),
    "not_a_multiple": _choice("Not a multiple", "The service accepts only multiples of a number. Resize it."),
    "file_size_too_small": _bound("File too small", "The file has fewer bytes than the service accepts."),
    "file_size_too_large": _bound("File too large", "The file has more bytes than the service accepts. Compress it."),
    "duration_too_short": _bound("Too short", "The playing time is below the minimum of the service."),
    "duration_too_long": _bound("Too long", "The playing time is above the maximum of the service. Cut it."),
    "fps_too_low": _bound("Frame rate too low", "The average frame rate is below the minimum. Convert it."),
    "fps_too_high": _bound("Frame rate too high", "The average frame rate is above the maximum. Convert it."),
    "video_codec_unsupported": _choice(
        "Video codec not accepted", "The service accepts the container but not the video codec. Transcode the video.",
    ),
    "audio_codec_unsupported": _choice(
        "Audio codec not accepted", "The service accepts the container but not the audio codec. Transcode the audio.",
    ),
    "bit_depth_too_low": _bound("Bit depth too low", "The components have fewer bits than required."),
    "bit_depth_too_high": _bound(
        "Bit depth too high", "The components have more bits than the service decodes. Convert it to 8 bits.",
    ),
    "color_model_unsupported": _choice(
        "Color model not accepted", "The service does not accept these components, e.g. CMYK. Convert it to RGB.",
    ),
    "chroma_unsupported": _choice(
        "Chroma subsampling not accepted", "The service does not decode this subsampling. Convert it to 4:2:0.",
    ),
    "color_space_unsupported": _choice(
        "Color space not accepted", "The service expects other primaries or another transfer. Convert it to sRGB.",
    ),
    "hdr_unsupported": _choice(
        "HDR not accepted", "The service expects standard dynamic range. Tone-map it to SDR.",
    ),
    "coding_unsupported": _choice(
        "Picture coding not accepted", "The service does not decode this variant of the format. Export it again.",
    ),
    "scan_unsupported": _choice(
        "Interlacing not accepted", "The service expects whole frames. Deinterlace the video.",
    ),
    "animation_not_accepted": _choice(
        "Animation not accepted", "The service expects a still picture, or an animated one. Save a single frame.",
    ),
    "keyframes_too_rare": _bound(
        "Key frames too rare", "The time between two key frames is above the maximum. Encode with more key frames.",
    ),
    "video_profile_unsupported": _choice(
        "Video profile not accepted", "The service does not decode this profile. Encode the video in an accepted one.",
    ),
    "video_level_too_high": _bound(
        "Video level too high", "The level of the codec is above the maximum. Encode the video at a lower level.",
    ),
    "video_bit_rate_too_low": _bound("Video bit rate too low", "The video track has too few bits per second."),
    "video_bit_rate_too_high": _bound(
        "Video bit rate too high", "The video track has too many bits per second. Encode it at a lower rate.",
    ),
    "audio_profile_unsupported": _choice(
        "Audio profile not accepted", "The service does not decode this profile of AAC. Encode the audio as AAC-LC.",
    ),
    "audio_bit_rate_too_low": _bound("Audio bit rate too low", "The audio track has too few bits per second."),
    "audio_bit_rate_too_high": _bound(
        "Audio bit rate too high", "The audio track has too many bits per second. Encode it at a lower rate.",
    ),
    "video_tracks_too_many": _bound("Too many video tracks", "Keep one video track."),
    "audio_tracks_too_many": _bound("Too many audio tracks", "Keep one audio track."),
    "fragmented_not_accepted": _choice(
        "Fragmented file not accepted", "The service accepts only ordinary MP4 files. Remux the file.",
    ),
    "edit_list_not_accepted": _choice(
        "Edit list not accepted", "An edit list cuts or shifts playback. Encode the file without one.",
    ),
    "location_not_accepted": _choice(
        "Contains a location", "The file says where it was recorded. Remove its GPS metadata.",
    ),
    "audio_track_required": Code(
        "error", "No audio track", "The service requires a video with an audio track.",
        "{what}: {service} requires an audio track",
    ),
    "audio_track_forbidden": Code(
        "error", "Has an audio track", "The service requires a video without audio.",
        "{what} {value}: {service} accepts no audio track",
    ),
    "value_too_low": _bound("Value too low", "A value is below the minimum of the service."),
    "value_too_high": _bound("Value too high", "A value is above the maximum of the service."),
    "value_not_accepted": _choice("Value not accepted", "The service does not accept this property of the file."),
    # what the content is
    "kind_not_accepted": Code(
        "error", "Kind not accepted",
        "The rule set has no section for this kind of media: the service does not accept it here.",
        "{value}: {service} accepts {limit} here",
    ),
    "type_mismatch": Code(
        "error", "Not the stated type", "The content is of another kind than stated. State the correct kind.",
    ),
    "camera_raw": Code(
        "error", "Camera raw",
        "The file holds a camera's unprocessed sensor data, which services do not decode. Export a JPEG. "
        "A rule set whose `format` limit lists the format accepts it.",
        "format {value}: a camera raw file, which {service} is not known to decode",
    ),
    "format_undetectable": Code(
        "error", "Not recognized",
        "The file is empty, or its format is not one that preflight and, most likely, the service recognize.",
    ),
    "fact_unknown": Code(
        "unknown", "Could not be read",
        "A limit needs a fact that the file does not state. Unknown is not a pass: run a deep check, or export the "
        "file again with a common encoder.",
        "{what} could not be read{reason}: {service} accepts {limit}",
    ),
    "truncated": Code("error", "Truncated", "The file ends before its own structure does. Copy or download it again."),
    "no_moov": _fixed("error", "No moov box", NOTES["no_moov"]),
    "no_media_data": _fixed("error", "No media data", NOTES["no_media_data"]),
    "nothing_shown": _fixed("error", "Nothing is shown", NOTES["nothing_shown"]),
    "corrupt": Code(
        "error", "Does not decode",
        "A decoder could not decode the complete file, and a second check confirms the damage. Export the file again.",
    ),
    "decode_unconfirmed": Code(
        "warning", "Did not decode here",
        "A library could not decode the complete file, but no other check finds damage in it. "
        "The library may be at fault. Open the file with another program.",
    ),
    "decode_unsupported": Code(
        "note", "Not decoded",
        "The decoder library does not support the coding of this file, so only its header was checked.",
    ),
    "probe_disagreement": Code(
        "warning", "Library disagrees",
        "A decoding library measured another value than the header states; the service may use either.",
    ),
    "probe_timeout": Code("unknown", "Took too long", "Reading this file did not finish in time and was stopped."),
    "probe_crashed": Code("unknown", "Crashed", "The process that read this file crashed or ran out of memory."),
    "read_limit": Code(
        "unknown", "Not read to the end",
        "A decoder needs more bytes of the source than may be read, or its size, which is unknown.",
    ),
    "extension_mismatch": Code(
        "note", "Misleading extension",
        "The extension belongs to another format than the content. Services that check the content accept it.",
    ),
    "variant_fails": Code(
        "warning", "Fails in a variant",
        "The rule set has variants (models, output resolutions, plans, ways of sending), none of which was chosen, and "
        "the file fails in some of them. Choose one: NAME:VARIANT.",
        "fails in the variant{value}: choose one, such as {limit}",
    ),
    # sources that cannot be read
    "not_found": Code("unknown", "Not found", "There is no file at this path."),
    "no_media": Code("unknown", "Nothing to check", "The folder contains no media files."),
    "unreadable_line": Code("unknown", "Line not readable", "A line of a list does not name a target."),
    "not_a_file": Code("unknown", "Not a file", "The path is not that of a regular file."),
    "not_a_media_source": Code("error", "Not a media source", "The value is not a path, a URL, bytes or an open file."),
    "path_outside": Code(
        "error", "Outside the folder", "The path is outside the folder from which files are accepted.",
    ),
    "permission_denied": Code("unknown", "Not readable", "The user has no permission to read the file."),
    "unreadable": Code("unknown", "Not readable", "The system could not read the file."),
    "source_changed": Code("unknown", "Changed while read", "The file changed twice while it was being read."),
    "asset_reference": Code(
        "unknown", "Registered asset",
        "`asset://…` refers to an asset registered with a service. In a request it counts as a file of its kind.",
    ),
    "internal_error": Code(
        "unknown", "Internal error", "A fault of preflight. Please report it, with the file if possible.",
    ),
    # delivery by a server
    "url_invalid": Code("error", "Not a usable URL", "Services fetch http and https URLs with a host name."),
    "data_uri_invalid": Code("error", "Not a usable data URI", "Its content cannot be decoded. Encode the file again."),
    "data_uri_not_accepted": Code(
        "error", "Data URI not accepted",
        "The service fetches this kind of file from a server. Host the file and give its http(s) URL.",
        "{what} as a data URI: {service} accepts {limit}",
    ),
    "url_too_long": _bound("URL too long", "The URL has more characters than the service accepts."),
    "scheme_unsupported": _choice("Scheme not accepted", "The service does not fetch URLs with this scheme."),
    "host_is_ip": Code(
        "error", "Host is an IP address", "The service fetches only from host names.",
        "host is an IP address: {service} fetches from domain names only",
    ),
    "address_not_public": Code(
        "error", "Not on the public internet",
        "The host's address is private, local or reserved: the service cannot reach it. Host the file publicly.",
        "host is not on the public internet: {service} cannot fetch from it",
    ),
    "download_failed": Code(
        "error", "Cannot be downloaded", "The server refused the file to preflight and would refuse it to the service.",
    ),
    "automated_client_refused": Code(
        "error", "Refuses automated clients",
        "The server refuses automated clients by a bot challenge, User-Agent or Referer, and a service's fetcher is "
        "one. Host the file where any client may fetch it.",
    ),
    "web_page": Code(
        "error", "A web page, not the file", "The URL leads to a page, not to the file. Use a direct link to the file.",
        "the URL returns a web page ({value}) instead of the file: {service} fetches the bytes at the URL",
    ),
    "url_expired": Code(
        "error", "Link expired", "The signature of the URL has expired or expires soon. Sign the URL again.",
        "the URL {value}{note}",
    ),
    "redirects_too_many": _bound("Too many redirects", "The service does not follow that many. Use the final URL."),
    "too_many_redirects": Code("error", "Redirect loop", "The URL redirects in a loop or too often."),
    "redirect_refused": Code("error", "Redirect refused", "The URL redirects to an address that is not safe to fetch."),
    "head_fails": Code(
        "error", "HEAD does not work",
        "The service sends HEAD first, which presigned GET URLs refuse. Host the file where HEAD is allowed.",
        "HEAD fails although GET works: {service} sends a HEAD request first",
    ),
    "ranges_missing": Code(
        "error", "No Range support", "The server does not support Range requests.",
        "{what}: {service} needs Range requests",
    ),
    "download_slow": Code(
        "warning", "Slow host",
        "At the measured rate, the download takes longer than the service waits. Host the file on a faster server.",
        "at the measured rate, the download takes {value}: {service} waits {limit}{note}. Host it on a faster server",
    ),
    "content_type_unsupported": _choice(
        "Content-Type not accepted", "The server declares a type that the service does not accept. Correct it.",
    ),
    "content_type_mismatch": Code(
        "note", "Content-Type is wrong", "The server declares another type than that of the content. Correct it.",
        "the Content-Type is not that of the content: {service} requires the correct one",
    ),
    "content_length_missing": Code(
        "error", "No Content-Length", "The server does not state the size of the file.",
        "Content-Length is missing: {service} requires it",
    ),
    "too_much_to_read": Code(
        "unknown", "Too much to read",
        "The needed parts of the file lie beyond the bytes or requests that are allowed for one URL.",
    ),
    "rate_limited": Code("unknown", "Rate limited", _SERVER),
    "server_error": Code("unknown", "Server error", _SERVER),
    "connection_failed": Code("unknown", "No connection", _SERVER),
    "tls_failed": Code("unknown", "No secure connection", "The TLS connection failed or the certificate is not valid."),
    "timed_out": Code("unknown", "Timed out", _SERVER),
    "response_invalid": Code(
        "unknown", "Invalid response", "The server's response violates HTTP. Host the file elsewhere.",
    ),
    # remarks on a URL; whether they matter is up to the [url] section of a rule set
    "plain_http": _fixed("note", "No TLS", "the URL is http: others can read and change the file in transit"),
    "no_ranges": _fixed("note", "No Range support", "the server does not support Range requests"),
    "length_missing": _fixed("note", "No Content-Length", "the server does not state the size of the file"),
    "length_wrong": _fixed(
        "warning", "Lengths differ", "the server states two different sizes of the file, so a fetch may fail",
    ),
    "redirected_host": _fixed("note", "Redirect to another host", "the URL redirects to another host"),
    "insecure_redirect": _fixed(
        "warning", "Redirect to http", "the URL redirects from https to http, which many clients refuse",
    ),
    "mixed_addresses": _fixed("warning", "Some addresses are private", "some of the host's addresses are not public"),
    "credentials_in_url": _fixed("warning", "Password in the URL", "the URL contains a user name and password"),
    "url_unescaped": _fixed("warning", "URL not escaped", "the URL has characters that must be percent-encoded"),
    "etag_varies": _fixed(
        "note", "ETag varies",
        "the server sends a new ETag with each response for the same content: clients cannot resume or cache it",
    ),
    "content_encoded": _fixed(
        "warning", "Compressed in transit",
        "the server compresses the file although it was asked not to: Content-Length is not the size of the file, and "
        "a client that does not decompress it receives different bytes",
    ),
    "custom_headers_needed": _fixed(
        "warning", "Custom headers needed",
        "the server returns this file only with the user agent or headers of this call, which services do not send",
    ),
    "retried": _fixed("note", "Retried", "the first request failed, so it was repeated"),
    # several files used together
    "too_many_files": _bound("Too many files", "The request has more files of this kind than the service accepts."),
    "too_few_files": _bound("Too few files", "The request has fewer files of this kind than the service requires."),
    "total_duration_too_long": _bound(
        "Total duration too long", "The total duration of the files of this kind is above the maximum.",
    ),
    "total_duration_too_short": _bound(
        "Total duration too short", "The total duration of the files of this kind is below the minimum.",
    ),
    "total_size_too_large": _bound("Total size too large", "The total size of the files is above the maximum."),
    "total_size_too_small": _bound("Total size too small", "The total size of the files is below the minimum."),
    "companion_required": Code(
        "error", "Needs another file", "The service accepts this kind of file only together with one of another kind.",
    ),
    "files_differ": Code(
        "error", "Files differ", "The service accepts files together only if this fact is equal in all of them.",
    ),
    "files_too_different": Code(
        "error", "Files too different",
        "The service accepts files together only if this fact differs by at most a certain factor.",
    ),
    "role_incomplete": Code(
        "error", "Another role is missing", "The service accepts a file in this role only together with another one.",
    ),
    "roles_exclusive": Code(
        "error", "Roles exclude each other", "The service does not accept files in both of these roles in one request.",
    ),
    "role_kind_not_accepted": Code(
        "error", "Wrong kind for the role", "The service accepts other kinds of files in this role.",
    ),
    "asset_not_counted": Code(
        "note", "Asset not counted",
        "The kind of a registered asset, or its share of a total, is unknown to preflight. The service decides.",
    ),
    "file_not_accepted": Code("error", "A file fails", "A file of the request fails on its own, so the request fails."),
    "file_unknown": Code(
        "unknown", "A file is unknown", "It is unknown whether a file of the request passes on its own.",
    ),
    # what only a provider can check
    "content_restricted": Code(
        "error", "Restricted content",
        "The provider's rules forbid the content: a protected character, a trademark, a known person. Use another "
        "file, or ask the provider if you hold the rights.",
    ),
    "sensitive_content": Code(
        "error", "Sensitive content",
        "The provider's moderation refuses the content; this includes the face of a real person without proof of "
        "consent. Use another file, or prove consent as the provider describes.",
    ),
    "face_mismatch": Code(
        "error", "Different face",
        "The face is not that of the person for whom the group was created. Use the group of the right person.",
    ),
    "transcoding_failed": Code(
        "error", "Could not be transcoded",
        "The provider could not decode the file. Export it again; a deep check may find the damage.",
    ),
    "moderation_failed": Code(
        "unknown", "Moderation failed", "The provider could not examine the content. Registering again may succeed.",
    ),
    "provider_internal": Code(
        "unknown", "Provider error", "The provider failed to process the file. Registering again may succeed.",
    ),
    "provider_rejected": Code(
        "error", "Rejected by the provider", "The provider gives no reason that preflight knows; its message follows.",
    ),
    # submissions
    "not_fixed": Code(
        "error", "Not fixed", "It does not pass, and applying its plan did not produce a file that passes.",
    ),
    "not_hosted": Code(
        "error", "Not hosted", "Services fetch by URL, and the call does not say where local files are hosted."
    ),
    "upload_failed": Code(
        "unknown", "Upload failed", "The file could not be uploaded to the host. Nothing was registered.",
    ),
    "unknown_outcome": Code(
        "unknown", "Outcome unknown",
        "The response to the registration was lost and the asset could not be looked up. It may exist, so it is not "
        "registered again. Run `assets sync`, or `assets forget` to register it again.",
    ),
    "deadline": Code(
        "unknown", "Still processing",
        "The provider took longer than the deadline. Run the same command to continue polling.",
    ),
    "asset_gone": Code(
        "unknown", "Asset gone", "The asset was registered but no longer exists. The next run registers it again.",
    ),
    "cancelled": Code(
        "unknown", "Cancelled", "The call was cancelled before the asset was active. The same call continues it.",
    ),
    "ledger_error": Code("unknown", "Ledger error", "The ledger could not be read or written. The message says why."),
}  # fmt: skip
_NOTE_CODES: Final = {
    word: _fixed("note", word.replace("_", " ").capitalize(), sentence)
    for word, sentence in NOTES.items()
    if word not in _FINDING_CODES and word != "cover_art"  # irrelevant to services: only `probe` prints it
}
CODES: Final[dict[str, Code]] = {**_FINDING_CODES, **_NOTE_CODES}
"""Every finding code. A note has a code of its own name, of severity `note` unless it is listed above."""

REMARKS: Final = frozenset((*_NOTE_CODES, "read_limit"))
"""Notes that become findings of severity `note` with every rule set. Other notes have codes of their own."""


def fixed_message(word: str) -> tuple[Severity, str]:
    """Return severity and message of a finding without values: a note, or a code with a fixed message."""
    if word in REMARKS:
        return "note", NOTES[word]
    known = CODES[word]
    return known.severity, known.explanation if "{" in known.template else known.template
