"""Where responses end: chunk sizes, lengths, codings and heads as in RFC 9112, and what is refused."""

from __future__ import annotations

import pytest

from preflight.errors import SourceError
from preflight.net.response import InvalidResponse, _frame, is_chunked
from tests.rows import each_row
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, Open

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HELLO = b"\x89PNG5678"


def refusal(server: Server, open_url: Open, answer: bytes) -> str:
    server.files["answer"] = answer
    source = open_url("raw/answer", retries=0)
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 100)
    assert caught.value.code == "response_invalid"
    assert source.requests == 1
    return str(caught.value)


def given(server: Server, open_url: Open, answer: bytes) -> bytes:
    server.files["answer"] = answer
    return open_url("raw/answer", retries=0).read_at(0, 100)


@each_row(
    "size",
    [
        *(b"-1", b"-0", b"+8", b"0x8", b"0X8", b"1_0", b" 8", b"\t8", b"8 8", b"8\x0b", b"", b";a=b"),
        *(b"8h", b"g", b"8\0", b"8,8", b"\xd9\xa1", b"8.0", b"1e+1", b"0" * 17 + b"8", b"F" * 16, b"4000000000001"),
        *(b"F" * 4000, b"8\rx", b"8;" + b"x" * 4093),
    ],
)
def test_chunk_size_other_than_hexadecimal_digits_is_refused(server: Server, open_url: Open, size: bytes) -> None:
    assert "not valid HTTP" in refusal(server, open_url, CHUNKED + size + b"\r\n" + HELLO + b"\r\n0\r\n\r\n")


@each_row(
    "size",
    [
        b"8",
        b"08",
        b"0000000000000008",
        b"8  ",
        b"8\t",
        b"8;",
        b"8;a=b",
        b'8;a="b;c"',
        b"8 ;a",
        b"8\t; a = b",
        b"8;" + b"x" * 3000,
        b"8;" + b"x" * 4092,
    ],
)
def test_chunk_size_with_zeros_or_extensions_is_accepted(server: Server, open_url: Open, size: bytes) -> None:
    assert given(server, open_url, CHUNKED + size + b"\r\n" + HELLO + b"\r\n0\r\n\r\n") == HELLO


@each_row("end", [b"0\r\n\r\n", b"000\r\n\r\n", b"0;a=b\r\n\r\n", b"0\r\nX-Sum: 1\r\nContent-Length: 3\r\n\r\n"])
def test_trailers_are_ignored(server: Server, open_url: Open, end: bytes) -> None:
    assert given(server, open_url, CHUNKED + b"8\r\n" + HELLO + b"\r\n" + end) == HELLO


@each_row("end", [b"8\n" + HELLO + b"\r\n", b"8\r\n" + HELLO + b"\n", b"8\r\n" + HELLO + b"X\r\n", b"4\r\n" + HELLO])
def test_chunk_longer_than_its_size_is_refused(server: Server, open_url: Open, end: bytes) -> None:
    refusal(server, open_url, CHUNKED + end + b"0\r\n\r\n")


@each_row("cut", [b"", b"8", b"8\r\n", b"8\r\n\x89PNG", b"8\r\n" + HELLO, b"8\r\n" + HELLO + b"\r\n0\r\n"])
def test_interrupted_chunked_body_is_reported_as_truncated(server: Server, open_url: Open, cut: bytes) -> None:
    server.files["answer"] = CHUNKED + cut
    with pytest.raises(SourceError, match="sends less than it announces"):
        open_url("raw/answer", retries=0).read_at(0, 100)


@each_row("length", ["-1", "+8", "8 8", "8, 8", "8,9", "0x8", "8.0", "1_0", "", "eight", "9" * 19, "\u00b2", "8;"])
def test_length_other_than_a_decimal_number_is_refused(server: Server, open_url: Open, length: str) -> None:
    head = OK + f"Content-Length: {length}\r\n\r\n".encode("latin-1")
    assert "Content-Length" in refusal(server, open_url, head + HELLO)


def test_lengths_that_contradict_each_other_are_refused(server: Server, open_url: Open) -> None:
    head = OK + b"Content-Length: 8\r\nContent-Length: 4\r\n\r\n"
    assert "invalid Content-Length '8, 4'" in refusal(server, open_url, head + HELLO)
    folded = OK + b"Content-Length: 8\r\n 4\r\n\r\n"
    assert "invalid Content-Length '8 4'" in refusal(server, open_url, folded + HELLO)


def test_repeated_identical_content_length_is_accepted(server: Server, open_url: Open) -> None:
    assert given(server, open_url, OK + b"Content-Length: 8\r\nContent-Length: 8\r\n\r\n" + HELLO + b"more") == HELLO


@each_row(
    "coding",
    [
        "gzip, chunked",
        "gzip",
        "chunked, chunked",
        "chunked, gzip",
        "xchunked",
        "chunked;q=1",
        "\x0bchunked",
        "chunked\x01",
    ],
)
def test_unrequested_transfer_coding_is_refused(server: Server, open_url: Open, coding: str) -> None:
    head = OK + f"Transfer-Encoding: {coding}\r\n\r\n".encode("latin-1")
    assert "unrequested transfer coding" in refusal(server, open_url, head + b"8\r\n" + HELLO + b"\r\n0\r\n\r\n")


def test_message_shows_at_most_40_characters_of_a_coding() -> None:
    with pytest.raises(InvalidResponse) as caught:
        is_chunked(["x" * 20, "y" * 30])
    assert str(caught.value).endswith(f"'{'x' * 20}, {'y' * 18}'")


@each_row(
    "fields",
    [
        *(b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED", b"Transfer-Encoding:\t chunked \t"),
        *(b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding: identity, chunked", b"Transfer-Encoding: ,chunked,"),
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        *(b"Content-Length: 3\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 300"),
    ],
)
def test_chunked_body_is_joined_from_its_chunks(server: Server, open_url: Open, fields: bytes) -> None:
    head = OK + fields + b"\r\n\r\n"
    assert given(server, open_url, head + b"8\r\n" + HELLO + b"\r\n0\r\n\r\n") == HELLO


@pytest.mark.parametrize("fields", [b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding:\r\n", b""])
def test_identity_transfer_coding_is_ignored(server: Server, open_url: Open, fields: bytes) -> None:
    assert given(server, open_url, OK + fields + b"Content-Length: 8\r\n\r\n" + HELLO + b"8\r\n") == HELLO
    assert given(server, open_url, OK + fields + b"\r\n" + HELLO) == HELLO


@each_row(
    ("line", "says"),
    [
        *(
            (line, "not begin with a status line")
            for line in (b"HELLO", b"", b"HTTP/2 200 OK", b"HTTP/1.1", b"HTTP/1.1 20 OK", b"ICY 200")
        ),
        *(
            (line, "not begin with a status line")
            for line in (b"HTTP/1.1 2000 OK", b"HTTP/1.1 -20 OK", b"HTTP/1.1 20x", b"HTTP/0.9 200 OK")
        ),
        *(
            (line, "not begin with a status line")
            for line in (b"HTTP/1.1 099 OK", b"http/1.1 200 OK", b" HTTP/1.1 200 OK", b"HTTP/11 200")
        ),
        (b"HTTP/1.1 200 O\0K", "a NUL"),
        (b"HTTP/1.1 200 OK\rContent-Length: 4", "a bare CR"),
        (b"HTTP/1.1 200 " + b"x" * 9000, "a header line of more than 8191 bytes"),
        (b"HTTP/1.1 101 Switching Protocols", "switches to another protocol"),
    ],
)
def test_invalid_status_line_is_refused(server: Server, open_url: Open, line: bytes, says: str) -> None:
    assert says in refusal(server, open_url, line + b"\r\nContent-Length: 8\r\n\r\n" + HELLO)


@each_row(
    "line",
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1  200  \xc3\xa9",
        b"HTTP/1.9 200 ?",
    ],
)
def test_reason_phrase_is_ignored(server: Server, open_url: Open, line: bytes) -> None:
    for end in (b"\r\n", b"\n"):
        head = line + end + b"Content-Length: 8" + end + end
        assert given(server, open_url, head + HELLO) == HELLO


@each_row(
    ("fields", "says"),
    [
        (b"no colon here", "without a name"),
        (b": value", "without a name"),
        (b" folded", "begins with whitespace"),
        (b"X: a\0b", "a NUL"),
        (b"X: a\rContent-Length: 4", "a bare CR"),
        (b"Content-Length : 8", "invalid header name"),
        (b"Transfer-Encoding\t: chunked", "invalid header name"),
        (b"\r\n".join(b"X-%d: x" % number for number in range(101)), "more than 100 headers"),
        (b"X: " + b"x" * 70_000, "65536 bytes"),
        (b"\r\n".join(b"X-%d: %s" % (number, b"x" * 1000) for number in range(90)), "65536 bytes of headers"),
        (b"\r\n".join(b"X-%d: x" % number for number in range(200_000)), "more than 100 headers"),
    ],
)
def test_invalid_header_section_is_refused(server: Server, open_url: Open, fields: bytes, says: str) -> None:
    assert says in refusal(server, open_url, OK + fields + b"\r\nContent-Length: 8\r\n\r\n" + HELLO)


def test_folded_and_misnamed_headers_are_read_as_rfc_9112_says(server: Server, open_url: Open) -> None:
    fields = b'Content-Type: image/png;\r\n\t charset=x\r\nX Y: z\r\nX-Control: \x1b[2J\r\nETag:\r\n  "a"\r\n'
    server.files["answer"] = OK + fields + b"Content-Length: 8\r\n\r\n" + HELLO
    source = open_url("raw/answer")
    assert source.read_at(0, 100) == HELLO
    assert (source.delivery.content_type, source.delivery.etag) == ("image/png", '"a"')


@each_row("status", [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 ?"])
def test_interim_responses_are_skipped(server: Server, open_url: Open, status: bytes) -> None:
    interim = b"HTTP/1.1 " + status + b"\r\nLink: </x>\r\nContent-Length: 4\r\n\r\n"
    assert given(server, open_url, interim * 20 + OK + b"Content-Length: 8\r\n\r\n" + HELLO) == HELLO


def test_interrupted_head_is_retried(server: Server, open_url: Open) -> None:
    server.files["answer"] = OK + b"Content-Length: 8\r\nX: y"
    source = open_url("raw/answer", retries=1)
    with pytest.raises(SourceError, match="without a complete response"):
        source.read_at(0, 100)
    assert source.requests == 3, "once more, and then without Range"


@pytest.mark.parametrize("behaviour", ["file", "chunked"])
def test_connection_is_reused(server: Server, open_url: Open, behaviour: str) -> None:
    source = open_url(f"{behaviour}/{NAME}")
    assert source.read_at(0, 10) == DATA[:10]
    assert source.read_at(290_000, 20_000) == DATA[290_000:]
    assert server.connections == 1


@pytest.mark.parametrize("behaviour", ["answers-twice", "length-and-chunks"])
def test_surplus_bytes_do_not_answer_the_next_request(server: Server, open_url: Open, behaviour: str) -> None:
    source = open_url(f"{behaviour}/{NAME}")
    for place in (0, 100_000, 200_000):
        assert source.read_at(place, 10) == DATA[place : place + 10]
    assert server.connections == source.requests == 3


def test_body_after_head_does_not_answer_the_next_request(server: Server, open_url: Open) -> None:
    from preflight.media import Need

    source = open_url(f"head-with-body/{NAME}", need=Need(head=True))
    for place in (0, 100_000, 200_000):
        assert source.read_at(place, 10) == DATA[place : place + 10]
    assert source.delivery.head_ok


@each_row(
    ("version", "status", "fields", "has_body", "kept"),
    [
        (11, 200, {"Content-Length": "5"}, True, True),
        (11, 200, {"Content-Length": "5", "Connection": "keep-alive, Close"}, True, False),
        (11, 200, {"Transfer-Encoding": "chunked"}, True, True),
        (11, 200, {"Transfer-Encoding": "chunked", "Content-Length": "5"}, True, True),
        (11, 200, {"Transfer-Encoding": "identity", "Content-Length": "5"}, True, False),
        (11, 200, {}, True, False),
        (11, 200, {}, False, True),
        (11, 204, {}, False, False),
        (11, 304, {}, False, False),
        (10, 200, {"Content-Length": "5"}, True, False),
        (10, 200, {"Content-Length": "5", "Connection": "Keep-Alive"}, True, True),
        (10, 200, {"Transfer-Encoding": "chunked", "Connection": "keep-alive"}, True, False),
        (10, 200, {"Connection": "keep-alive"}, True, False),
    ],
)
def test_connection_is_kept_where_the_end_of_the_body_is_certain(
    version: int, status: int, fields: dict[str, str], has_body: bool, kept: bool
) -> None:
    assert _frame(version, status, list(fields.items()), has_body=has_body).keep_alive is kept
