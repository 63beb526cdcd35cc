"""Finding codes for sources that cannot be read, and for how a server delivers a URL."""

from __future__ import annotations

from typing import Final

from preflight.codes.code import Code, bound_code, choice_code, fixed_code

_SERVER: Final = (
    "The file itself was not read. Try again later; if the problem persists, ask the operator of the server."
)

SOURCE_CODES: Final[dict[str, Code]] = {
    # sources that cannot be read
    "not_found": Code("unknown", "Not found", "There is no file at this path."),
    "no_media": Code("unknown", "Nothing to check", "The folder contains no media files."),
    "unreadable_line": Code("unknown", "Line not readable", "A line of a list does not name a target."),
    "not_a_file": Code("unknown", "Not a file", "The path is not that of a regular file."),
    "not_a_media_source": Code("error", "Not a media source", "The value is not a path, a URL, bytes or an open file."),
    "path_outside": Code(
        "error", "Outside the folder", "The path is outside the folder from which files are accepted."
    ),
    "permission_denied": Code("unknown", "Not readable", "The user has no permission to read the file."),
    "unreadable": Code("unknown", "Not readable", "The system could not read the file."),
    "source_changed": Code("unknown", "Changed while read", "The file changed twice while it was being read."),
    "asset_reference": Code(
        "unknown",
        "Registered asset",
        "`asset://…` refers to an asset registered with a service. In a request it counts as a file of its kind.",
    ),
    "internal_error": Code(
        "unknown", "Internal error", "A fault of preflight. Please report it, with the file if possible."
    ),
    # delivery by a server
    "url_invalid": Code("error", "Not a usable URL", "Services fetch http and https URLs with a host name."),
    "data_uri_invalid": Code("error", "Not a usable data URI", "Its content cannot be decoded. Encode the file again."),
    "data_uri_not_accepted": Code(
        "error",
        "Data URI not accepted",
        "The service fetches this kind of file from a server. Host the file and give its http(s) URL.",
        "{what} as a data URI: {service} accepts {limit}",
    ),
    "url_too_long": bound_code("URL too long", "The URL has more characters than the service accepts."),
    "scheme_unsupported": choice_code("Scheme not accepted", "The service does not fetch URLs with this scheme."),
    "host_is_ip": Code(
        "error",
        "Host is an IP address",
        "The service fetches only from host names.",
        "host is an IP address: {service} fetches from domain names only",
    ),
    "address_not_public": Code(
        "error",
        "Not on the public internet",
        "The host's address is private, local or reserved: the service cannot reach it. Host the file publicly.",
        "host is not on the public internet: {service} cannot fetch from it",
    ),
    "download_failed": Code(
        "error", "Cannot be downloaded", "The server refused the file to preflight and would refuse it to the service."
    ),
    "automated_client_refused": Code(
        "error",
        "Refuses automated clients",
        "The server refuses automated clients by a bot challenge, User-Agent or Referer, and a service's fetcher is "
        "one. Host the file where any client may fetch it.",
    ),
    "web_page": Code(
        "error",
        "A web page, not the file",
        "The URL leads to a page, not to the file. Use a direct link to the file.",
        "the URL returns a web page ({value}) instead of the file: {service} fetches the bytes at the URL",
    ),
    "url_expired": Code(
        "error",
        "Link expired",
        "The signature of the URL has expired or expires soon. Sign the URL again.",
        "the URL {value}{note}",
    ),
    "redirects_too_many": bound_code("Too many redirects", "The service does not follow that many. Use the final URL."),
    "too_many_redirects": Code("error", "Redirect loop", "The URL redirects in a loop or too often."),
    "redirect_refused": Code("error", "Redirect refused", "The URL redirects to an address that is not safe to fetch."),
    "head_fails": Code(
        "error",
        "HEAD does not work",
        "The service sends HEAD first, which presigned GET URLs refuse. Host the file where HEAD is allowed.",
        "HEAD fails although GET works: {service} sends a HEAD request first",
    ),
    "ranges_missing": Code(
        "error",
        "No Range support",
        "The server does not support Range requests.",
        "{what}: {service} needs Range requests",
    ),
    "download_slow": Code(
        "warning",
        "Slow host",
        "At the measured rate, the download takes longer than the service waits. Host the file on a faster server.",
        "at the measured rate, the download takes {value}: {service} waits {limit}{note}. Host it on a faster server",
    ),
    "content_type_unsupported": choice_code(
        "Content-Type not accepted", "The server declares a type that the service does not accept. Correct it."
    ),
    "content_type_mismatch": Code(
        "note",
        "Content-Type is wrong",
        "The server declares another type than that of the content. Correct it.",
        "the Content-Type is not that of the content: {service} requires the correct one",
    ),
    "content_length_missing": Code(
        "error",
        "No Content-Length",
        "The server does not state the size of the file.",
        "Content-Length is missing: {service} requires it",
    ),
    "too_much_to_read": Code(
        "unknown",
        "Too much to read",
        "The needed parts of the file lie beyond the bytes or requests that are allowed for one URL.",
    ),
    "rate_limited": Code("unknown", "Rate limited", _SERVER),
    "server_error": Code("unknown", "Server error", _SERVER),
    "connection_failed": Code("unknown", "No connection", _SERVER),
    "tls_failed": Code("unknown", "No secure connection", "The TLS connection failed or the certificate is not valid."),
    "timed_out": Code("unknown", "Timed out", _SERVER),
    "response_invalid": Code(
        "unknown", "Invalid response", "The server's response violates HTTP. Host the file elsewhere."
    ),
    # remarks on a URL; whether they matter is up to the [url] section of a rule set
    "plain_http": fixed_code("note", "No TLS", "the URL is http: others can read and change the file in transit"),
    "no_ranges": fixed_code("note", "No Range support", "the server does not support Range requests"),
    "length_missing": fixed_code("note", "No Content-Length", "the server does not state the size of the file"),
    "length_wrong": fixed_code(
        "warning", "Lengths differ", "the server states two different sizes of the file, so a fetch may fail"
    ),
    "redirected_host": fixed_code("note", "Redirect to another host", "the URL redirects to another host"),
    "insecure_redirect": fixed_code(
        "warning", "Redirect to http", "the URL redirects from https to http, which many clients refuse"
    ),
    "mixed_addresses": fixed_code(
        "warning", "Some addresses are private", "some of the host's addresses are not public"
    ),
    "credentials_in_url": fixed_code("warning", "Password in the URL", "the URL contains a user name and password"),
    "url_unescaped": fixed_code("warning", "URL not escaped", "the URL has characters that must be percent-encoded"),
    "etag_varies": fixed_code(
        "note",
        "ETag varies",
        "the server sends a new ETag with each response for the same content: clients cannot resume or cache it",
    ),
    "content_encoded": fixed_code(
        "warning",
        "Compressed in transit",
        "the server compresses the file although it was asked not to: Content-Length is not the size of the file, and "
        "a client that does not decompress it receives different bytes",
    ),
    "custom_headers_needed": fixed_code(
        "warning",
        "Custom headers needed",
        "the server returns this file only with the user agent or headers of this call, which services do not send",
    ),
    "retried": fixed_code("note", "Retried", "the first request failed, so it was repeated"),
}
