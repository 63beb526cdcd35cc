"""The one registry of finding codes and of notes: what each means and what to do about it.

The words are the upstream's own where it has one (`PixelCountTooLarge` → `pixel_count_too_large`), so that a
provider's failure can be laid beside ours.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Severity = Literal["error", "unknown", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "unknown", "warning", "note")
"""From grave to slight."""


class Code(NamedTuple):
    """One kind of finding.

    severity     what it is where a rule set does not say otherwise
    title        two or three words
    explanation  what it means, and what to do
    template     the message, filled by `str.format` from what the finder gives; `{message}`: the finder writes it
    """

    severity: Severity
    title: str
    explanation: str
    template: str = "{message}"


_BOUND: Final = "{what} {value}: {sentence}{note}"
_CHOICE: Final = "{what} {value}: {service} accepts {limit}{note}"


def _bound(title: str, explanation: str) -> Code:
    return Code("error", title, explanation, _BOUND)


def _choice(title: str, explanation: str) -> Code:
    return Code("error", title, explanation, _CHOICE)


def _seen(severity: Severity, title: str, sentence: str) -> Code:
    """A code whose message is always the same sentence."""
    return Code(severity, title, f"{sentence[0].upper()}{sentence[1:]}.", sentence)


_RESIZE: Final = "Resize it; for a picture both sides and the ratio have bounds of their own."
_SERVER: Final = "Nothing is known of the file itself. Try again later; if it stays so, ask who runs the server."

CODES: Final[dict[str, Code]] = {
    # what a limit says of a fact
    "format_unsupported": _choice(
        "Format not accepted",
        "The content is in a format that the service does not take, whatever the file is called. Convert it.",
    ),
    "width_too_small": _bound("Too narrow", f"The displayed width is below the bound. {_RESIZE}"),
    "width_too_large": _bound("Too wide", f"The displayed width is above the bound. {_RESIZE}"),
    "height_too_small": _bound("Too low", f"The displayed height is below the bound. {_RESIZE}"),
    "height_too_large": _bound("Too high", f"The displayed height is above the bound. {_RESIZE}"),
    "aspect_ratio_too_small": _bound("Too tall a shape", "Displayed width / height is too small. Crop or pad it."),
    "aspect_ratio_too_large": _bound("Too wide a shape", "Displayed width / height is too large. Crop or pad it."),
    "pixel_count_too_small": _bound(
        "Too few pixels", "The bound is on width × height, the total of pixels, not on a side. Scale it up."
    ),
    "pixel_count_too_large": _bound(
        "Too many pixels",
        "The bound is on width × height, the total of pixels: 927,408 is 834×1112, not 927 by 408. Scale it down.",
    ),
    "file_size_too_small": _bound("File too small", "The file has fewer bytes than the service takes."),
    "file_size_too_large": _bound("File too large", "The file has more bytes than the service takes. Compress it."),
    "duration_too_short": _bound("Too short", "It plays for less time than the service takes."),
    "duration_too_long": _bound("Too long", "It plays for more time than the service takes. Cut it."),
    "fps_too_low": _bound("Too few frames per second", "The average frame rate is below the bound. Convert it."),
    "fps_too_high": _bound("Too many frames per second", "The average frame rate is above the bound. Convert it."),
    "video_codec_unsupported": _choice(
        "Video codec not accepted", "The container is right, the coding of the picture is not. Transcode it."
    ),
    "audio_codec_unsupported": _choice(
        "Audio codec not accepted", "The container is right, the coding of the sound is not. Transcode the sound."
    ),
    "audio_track_required": Code(
        "error", "No sound", "The service wants a video with a sound track.", "{what}: {service} requires a sound track"
    ),
    "audio_track_forbidden": Code(
        "error", "Has sound", "The service wants a silent video.", "{what} {value}: {service} wants no sound track"
    ),
    "value_too_low": _bound("Below the bound", "A measured value is below what the service takes."),
    "value_too_high": _bound("Above the bound", "A measured value is above what the service takes."),
    "value_not_accepted": _choice("Not accepted", "A property of the file is not among those that the service takes."),
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
    "no_moov": _seen(
        "error",
        "No movie box",
        "the movie box is missing: a segment alone, or a recording or an upload that was not finished",
    ),
    "no_media_data": _seen(
        "error", "Nothing to play", "tracks are described, but nothing of them is in the file: there is nothing to play"
    ),
    "corrupt": Code("error", "Does not decode", "A decoder could not decode the whole file. Write it anew."),
    "probe_disagreement": Code(
        "warning",
        "Library disagrees",
        "A decoding library measured another value than the header states; the service may measure either.",
    ),
    "probe_timeout": Code(
        "unknown", "Took too long", "A decoder did not finish with this file in time and was stopped."
    ),
    "probe_crashed": Code("unknown", "Decoder crashed", "A decoder died or ran out of memory over this file."),
    "read_limit": Code(
        "unknown", "Not read to the end", "A decoder wants more of the source than may be read, or to know its size."
    ),
    "extension_mismatch": Code(
        "note",
        "Misleading extension",
        "The name promises another format than the content has. Services that go by the content do not mind.",
    ),
    # why a source cannot be read
    "not_found": Code("unknown", "Not there", "No file has this path."),
    "no_media": Code("unknown", "Nothing to check", "A folder has no file that could be media."),
    "unreadable_line": Code("unknown", "Line not readable", "A line of a list names no target."),
    "not_a_file": Code("unknown", "Not a file", "The path names something that has no content of its own."),
    "permission_denied": Code("unknown", "Not readable", "This user may not read the file."),
    "unreadable": Code("unknown", "Not readable", "The system could not read the file."),
    "source_changed": Code("unknown", "Changed while read", "The bytes changed twice while they were being read."),
    "internal_error": Code("unknown", "A fault of preflight", "Please report it with the file, if you can."),
    # what a URL's server does
    "url_invalid": Code("error", "Not a usable URL", "Services fetch by http or https from a host name."),
    "url_too_long": _bound("URL too long", "The service takes URLs up to a number of characters."),
    "scheme_unsupported": _choice("Scheme not accepted", "The service's fetcher does not speak this scheme."),
    "host_is_ip": Code(
        "error",
        "Host is an address",
        "The service fetches from host names only.",
        "host is an IP address: {service} fetches from domain names only",
    ),
    "address_not_public": Code(
        "error",
        "Not on the public internet",
        "The host's address is private, local or reserved: the service cannot reach it. Host the file publicly.",
        "host is not on the public internet: {service} cannot fetch from it",
    ),
    "download_failed": Code("error", "Cannot be downloaded", "The service would be refused the file as we were."),
    "web_page": Code(
        "error",
        "A web page, not the file",
        "The URL leads to a page that shows or asks for something. Use a link to the raw bytes.",
        "a web page ({value}) is answered in place of the file: {service} fetches the bytes behind the URL",
    ),
    "url_expired": Code(
        "error",
        "Link expired",
        "The signature in the URL is no longer valid, or not for long. Sign it anew.",
        "the URL {value}{note}",
    ),
    "redirects_too_many": _bound("Too many redirects", "The service's fetcher does not follow them. Use the last URL."),
    "too_many_redirects": Code("error", "Redirects without end", "The URL redirects in a circle or too often."),
    "redirect_refused": Code("error", "Redirect refused", "The URL redirects to where no fetcher should follow."),
    "head_fails": Code(
        "error",
        "HEAD does not work",
        "The service asks with HEAD first. Presigned GET URLs refuse it: host the file where HEAD is allowed.",
        "HEAD is not answered as GET is: {service} begins with a HEAD request",
    ),
    "ranges_missing": Code(
        "error", "No Range support", "The server cannot give parts of a file.", "{what}: {service} needs Range requests"
    ),
    "content_type_unsupported": _choice("Content-Type not accepted", "The server declares another type of content."),
    "content_type_mismatch": Code(
        "note",
        "Content-Type is wrong",
        "The server declares another type than the content has. Set it right.",
        "the Content-Type is not that of the content: {service} requires the right one",
    ),
    "content_length_missing": Code(
        "error",
        "No Content-Length",
        "The server does not say how long the file is.",
        "Content-Length is missing: {service} requires it",
    ),
    "too_much_to_read": Code(
        "unknown",
        "Too far inside",
        "What is needed stands behind more bytes, or in more places, than may be fetched of one URL.",
    ),
    "rate_limited": Code("unknown", "Server is busy", _SERVER),
    "server_error": Code("unknown", "Server failed", _SERVER),
    "connection_failed": Code("unknown", "No connection", _SERVER),
    "tls_failed": Code("unknown", "No secure connection", "The server's certificate or TLS could not be used."),
    "timed_out": Code("unknown", "Too slow", _SERVER),
    "response_invalid": Code("unknown", "Answer not usable", "The server broke the rules of HTTP. Host it elsewhere."),
    # what else a user should know of a URL; whether it matters is for a rule set's [url] to say
    "plain_http": _seen("note", "No TLS", "the URL is http: what is fetched can be read and changed on its way"),
    "no_ranges": _seen("note", "No Range support", "the server cannot give parts of the file"),
    "length_missing": _seen("note", "No length", "the server does not say how long the file is"),
    "length_wrong": _seen("warning", "Lengths differ", "the server states two lengths of the file: a fetch may fail"),
    "redirected_host": _seen("note", "Redirect to another host", "the URL redirects to another host"),
    "insecure_redirect": _seen("warning", "Redirect to http", "the URL redirects from https to http: many refuse that"),
    "mixed_addresses": _seen("warning", "Some addresses are private", "some of the host's addresses are not public"),
    "credentials_in_url": _seen("warning", "Password in the URL", "the URL holds a user and a password"),
    "url_unescaped": _seen("warning", "URL not escaped", "the URL has characters that must be percent-encoded"),
    "retried": _seen("note", "Took several tries", "the server did not answer the first try: several were made"),
    # several files used together
    "too_many_files": _bound("Too many files", "One request takes a limited number of files of this kind."),
    "too_few_files": _bound("Too few files", "One request needs a number of files of this kind."),
    "total_duration_too_long": _bound("Too long together", "The files of this kind play too long together."),
    "total_duration_too_short": _bound("Too short together", "The files of this kind are too short together."),
    "total_size_too_large": _bound("Too large together", "The files have too many bytes together."),
    "total_size_too_small": _bound("Too small together", "The files have too few bytes together."),
    "companion_required": Code(
        "error", "Needs a companion", "This kind of file is only taken together with one of another kind."
    ),
    "file_not_accepted": Code(
        "error", "One of the files", "A file of the request does not pass on its own, so the request does not."
    ),
    "file_unknown": Code(
        "unknown", "One of the files", "Of a file of the request it is not known whether it passes on its own."
    ),
    # what only a provider can say of a file
    "content_restricted": Code(
        "error",
        "Restricted content",
        "The provider's rules forbid what the file shows: a protected character, a trademark, a known person. Use "
        "another file, or ask the provider if you hold the rights.",
    ),
    "sensitive_content": Code(
        "error",
        "Sensitive content",
        "The provider's moderation refuses what the file shows or says; a real person's face counts, where consent "
        "was not proven. Use another file, or the provider's way to prove consent.",
    ),
    "face_mismatch": Code(
        "error",
        "Another face",
        "The face is not the one that the group was made for. Put the file into the group of its own person.",
    ),
    "transcoding_failed": Code(
        "error", "Could not be transcoded", "The provider could not decode the file. Write it anew; see --deep."
    ),
    "moderation_failed": Code(
        "unknown", "Moderation broke down", "The provider could not look at the content. Registering again may succeed."
    ),
    "provider_internal": Code(
        "unknown", "Provider's own fault", "The provider failed over the file. Registering again may succeed."
    ),
    "provider_rejected": Code(
        "error", "Rejected by the provider", "The provider gives no reason that preflight knows; its own words follow."
    ),
    # what keeps a file that passes from being an active asset
    "upload_failed": Code(
        "unknown", "Not hosted", "The file could not be put where the provider fetches it. Nothing was registered."
    ),
    "unknown_outcome": Code(
        "unknown",
        "Outcome not known",
        "The answer to the registration was lost, and the asset could not be looked up: it may exist, so it is not "
        "registered again. Settle it with `assets sync` or `assets forget`.",
    ),
    "deadline": Code(
        "unknown", "Still processing", "The provider takes longer than was waited for. The same command polls on."
    ),
    "asset_gone": Code(
        "unknown", "Gone at the provider", "The asset was registered and is no longer there. The next run registers it."
    ),
    "ledger_error": Code(
        "unknown", "Ledger not usable", "What is registered could not be kept. The message says what stands in its way."
    ),
}

_BOUND_CODES: Final[dict[str, tuple[str, str]]] = {
    "aspect_ratio": ("aspect_ratio_too_small", "aspect_ratio_too_large"),
    "duration": ("duration_too_short", "duration_too_long"),
    "expires_in": ("url_expired", "url_expired"),
    "files": ("too_few_files", "too_many_files"),
    "fps": ("fps_too_low", "fps_too_high"),
    "height": ("height_too_small", "height_too_large"),
    "pixels": ("pixel_count_too_small", "pixel_count_too_large"),
    "redirects": ("value_too_low", "redirects_too_many"),
    "size": ("file_size_too_small", "file_size_too_large"),
    "total_duration": ("total_duration_too_short", "total_duration_too_long"),
    "total_size": ("total_size_too_small", "total_size_too_large"),
    "url_length": ("value_too_low", "url_too_long"),
    "width": ("width_too_small", "width_too_large"),
}
_CHOICE_CODES: Final[dict[str, str]] = {
    "audio_codec": "audio_codec_unsupported",
    "content_type": "content_type_unsupported",
    "content_type_matches": "content_type_mismatch",
    "format": "format_unsupported",
    "head_ok": "head_fails",
    "host_is_ip": "host_is_ip",
    "page": "web_page",
    "public": "address_not_public",
    "ranges": "ranges_missing",
    "scheme": "scheme_unsupported",
    "video_codec": "video_codec_unsupported",
}


def bound_codes(fact: str) -> tuple[str, str]:
    """The codes for a value of `fact` below its lower and above its upper bound."""
    return _BOUND_CODES.get(fact, ("value_too_low", "value_too_high"))


def choice_code(fact: str) -> str:
    """The code for a value of `fact` that is not among those accepted."""
    return _CHOICE_CODES.get(fact, "value_not_accepted")


NOTES: Final[dict[str, str]] = {
    "animated": "it has several frames; where their number is not said, only --deep counts them",
    "apple_cgbi": "a PNG in the variant that Xcode writes: only Apple's own software opens it",
    "av1_coded": "the brand says HEIF, the picture is coded in AV1: not every HEIF decoder takes it",
    "bad_header": "a header field contradicts the format's specification; some decoders refuse the file",
    "cover_art": "it carries a picture that is not a video",
    "edit_list": "an edit list cuts or shifts what is played; the duration is what is played",
    "estimated_duration": "the duration follows from the bit rate of sampled frames: no header states it",
    "extension_mismatch": "the name promises another format than the content has",
    "fragmented": "the film is stored in fragments",
    "gain_map": "it carries a gain map (HDR) beside the picture",
    "late_start": "its first frame stands more than a second after zero; some readers count that into the duration",
    "leading_garbage": "foreign bytes stand before the first byte of the format",
    "multi_picture": "it carries several pictures (MPO); the first is the picture",
    "multiple_video_tracks": "it has several video tracks; the first that is played is described",
    "no_media_data": "tracks are described, but no media data is in the file",
    "no_moov": "the movie box is missing: a segment alone, or a recording or an upload that was not finished",
    "trailing_data": "foreign bytes follow after the end of the format",
    "truncated": "the file ends before its own structure does",
    "uncommon_coding": "a coding that many decoders refuse: arithmetic, lossless, hierarchical or not 8 bits deep",
}
"""What a reader saw and a user should know: the words of `Media.notes`."""
