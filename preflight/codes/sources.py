"""Codes for why a source cannot be read, and for what a URL's server does."""

from __future__ import annotations

from typing import Final

from preflight.codes.code import Code, bound, choice, seen

_SERVER: Final = "Nothing is known of the file itself. Try again later; if it stays so, ask who runs the server."

OF_SOURCES: Final[dict[str, Code]] = {
    # why a source cannot be read
    "not_found": Code("unknown", "Not there", "No file has this path."),
    "no_media": Code("unknown", "Nothing to check", "A folder has no file that could be media."),
    "unreadable_line": Code("unknown", "Line not readable", "A line of a list names no target."),
    "not_a_file": Code("unknown", "Not a file", "The path names something that has no content of its own."),
    "not_a_media_source": Code("error", "Not a media source", "The value is not a path, a URL, bytes or an open file."),
    "path_outside": Code(
        "error", "Outside the folder", "The path is outside the folder from which files are accepted."
    ),
    "permission_denied": Code("unknown", "Not readable", "This user may not read the file."),
    "unreadable": Code("unknown", "Not readable", "The system could not read the file."),
    "source_changed": Code("unknown", "Changed while read", "The bytes changed twice while they were being read."),
    "asset_reference": Code(
        "unknown",
        "Registered asset",
        "`asset://…` refers to an asset registered with a service. In a request it counts as a file of its kind.",
    ),
    "internal_error": Code("unknown", "A fault of preflight", "Please report it with the file, if you can."),
    # what a URL's server does
    "url_invalid": Code("error", "Not a usable URL", "Services fetch by http or https from a host name."),
    "data_uri_invalid": Code("error", "Not a usable data URI", "Its content cannot be decoded. Encode the file again."),
    "data_uri_not_accepted": Code(
        "error",
        "Data URI not accepted",
        "The service fetches this kind of file from a server. Host the file, and give its http(s) URL.",
        "{what} as a data URI: {service} takes {limit}",
    ),
    "url_too_long": bound("URL too long", "The service takes URLs up to a number of characters."),
    "scheme_unsupported": choice("Scheme not accepted", "The service's fetcher does not speak this scheme."),
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
    "automated_client_refused": Code(
        "error",
        "Refuses automated clients",
        "The server refuses automated clients by a bot challenge, User-Agent or Referer, and a service's fetcher is "
        "one. Host the file where any client may fetch it.",
    ),
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
    "redirects_too_many": bound("Too many redirects", "The service's fetcher does not follow them. Use the last URL."),
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
    "download_slow": Code(
        "warning",
        "Slow host",
        "At the measured rate the download takes longer than the service waits. Host the file on a faster server.",
        "at the measured rate the download takes {value}: {service} waits {limit}{note}. Host it on a faster server",
    ),
    "content_type_unsupported": choice("Content-Type not accepted", "The server declares another type of content."),
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
    "plain_http": seen("note", "No TLS", "the URL is http: what is fetched can be read and changed on its way"),
    "no_ranges": seen("note", "No Range support", "the server cannot give parts of the file"),
    "length_missing": seen("note", "No length", "the server does not say how long the file is"),
    "length_wrong": seen("warning", "Lengths differ", "the server states two lengths of the file: a fetch may fail"),
    "redirected_host": seen("note", "Redirect to another host", "the URL redirects to another host"),
    "insecure_redirect": seen("warning", "Redirect to http", "the URL redirects from https to http: many refuse that"),
    "mixed_addresses": seen("warning", "Some addresses are private", "some of the host's addresses are not public"),
    "credentials_in_url": seen("warning", "Password in the URL", "the URL holds a user and a password"),
    "url_unescaped": seen("warning", "URL not escaped", "the URL has characters that must be percent-encoded"),
    "etag_varies": seen(
        "note",
        "ETag varies",
        "the server sends a new ETag with each response for the same content: clients cannot resume or cache it",
    ),
    "content_encoded": seen(
        "warning",
        "Compressed in transit",
        "the server compresses the file although it was asked not to: Content-Length is not the size of the file, and "
        "a client that does not decompress it receives different bytes",
    ),
    "custom_headers_needed": seen(
        "warning",
        "Custom headers needed",
        "the server gives this file only with the user agent or headers of this call, which services do not send",
    ),
    "retried": seen("note", "Took several tries", "the server did not answer the first try: several were made"),
}
