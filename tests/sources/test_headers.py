"""Headers and bodies of responses, value by value: lengths, ranges, dates, types, chunks and content codings."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.errors import SourceError
from preflight.net.addresses import address_class
from preflight.net.bodies import MAX_CHUNK, DecodedBody, chunk_size, content_codings
from preflight.net.errors import InvalidResponse
from preflight.net.redact import HIDDEN, redact
from preflight.net.response import (
    Part,
    content_length,
    content_range,
    media_type,
    retry_after,
    unsatisfied_range,
)
from preflight.net.urls import expires_at, parse_url
from tests.rows import each_row


@each_row(
    ("text", "part"),
    [
        ("bytes 0-0/1", Part(0, 0, 1)),
        ("bytes 5-9/10", Part(5, 9, 10)),
        ("bytes 5-9/*", Part(5, 9, None)),
        (" BYTES=5-9/10 ", Part(5, 9, 10)),
        ("bytes 5-10/10", None),
        ("bytes 6-5/10", None),
        ("bytes */10", None),
        ("bytes 5-9", None),
        ("items 5-9/10", None),
        ("bytes 5-9/10, 11-12/20", None),
        ("bytes 5-9/1234567890123456789", None),
        ("", None),
    ],
)
def test_content_range_names_first_last_and_total(text: str, part: Part | None) -> None:
    assert content_range(text) == part


@each_row(
    ("text", "total"), [("bytes */0", 0), ("Bytes  */123 ", 123), ("bytes 0-1/2", None), ("*/5", None), ("", None)]
)
def test_an_unsatisfied_range_names_the_total(text: str, total: int | None) -> None:
    assert unsatisfied_range(text) == total


@each_row(
    ("text", "length"),
    [
        ("0", 0),
        (" 12 ", 12),
        ("12, 12", 12),
        ("12, 13", None),
        ("9" * 18, int("9" * 18)),
        ("9" * 19, None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("\u0661", None),
        ("", None),
    ],
)
def test_content_length_is_one_number(text: str, length: int | None) -> None:
    assert content_length(text) == length


@each_row(
    ("text", "now", "seconds"),
    [
        ("0", 0.0, 0.0),
        (" 120 ", 0.0, 120.0),
        ("999999999", 0.0, 999_999_999.0),
        ("1000000000", 0.0, None),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 50.0, 10.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 60.0, 0.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 70.0, 0.0),
        ("Thu, 01 Jan 1970 00:01:00 +0100", 0.0, 0.0),
        ("Thu, 01 Jan 1970 01:01:00 +0100", 0.0, 60.0),
        ("-5", 0.0, None),
        ("soon", 0.0, None),
        ("", 0.0, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, now: float, seconds: float | None) -> None:
    assert retry_after(text, now) == seconds


@each_row(
    ("text", "name"),
    [
        ("image/PNG", "image/png"),
        (" image/png ; charset=x", "image/png"),
        ("a" * 127, "a" * 127),
        ("a" * 128, None),
        ("", None),
        (";x", None),
        ("image/\x07png", None),
    ],
)
def test_content_type_without_its_parameters(text: str, name: str | None) -> None:
    assert media_type(text) == name


@pytest.mark.parametrize(("text", "size"), [(b"0", 0), (b"a", 10), (b"FF", 255), (b"0001f", 31)])
def test_chunk_sizes_are_hexadecimal(text: bytes, size: int) -> None:
    assert chunk_size(text) == size


@each_row("text", [b"", b"-1", b"+1", b"0x1", b"g", b"1 ", b"_1", b"0" * 17, b"4000000000001"])
def test_other_chunk_sizes_are_refused(text: bytes) -> None:
    with pytest.raises(InvalidResponse):
        chunk_size(text)


def test_a_chunk_of_a_pebibyte_is_the_largest() -> None:
    assert chunk_size(b"%x" % MAX_CHUNK) == MAX_CHUNK == 1 << 50
    with pytest.raises(InvalidResponse):
        chunk_size(b"%x" % (MAX_CHUNK + 1))


@each_row(
    ("text", "codings"),
    [("gzip", "gzip"), ("GZIP , br", "gzip, br"), ("identity", ""), ("", ""), ("aws-chunked,deflate", "deflate")],
)
def test_only_codings_that_change_the_bytes_matter(text: str, codings: str) -> None:
    assert content_codings(text) == codings


class Stream:
    """A body in memory."""

    def __init__(self, data: bytes) -> None:
        self.data, self.closed = data, False

    def read(self, length: int) -> bytes:
        piece, self.data = self.data[:length], self.data[length:]
        return piece

    def close(self) -> None:
        self.closed = True


def decoded(data: bytes, coding: str) -> bytes:
    return DecodedBody(Stream(data), coding, "x").read(1 << 24)


def raw_deflate(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


class TestDecodedBodies:
    @given(st.binary(max_size=40_000))
    def test_every_coding_gives_the_content(self, data: bytes) -> None:
        assert decoded(gzip.compress(data), "gzip") == data
        assert decoded(gzip.compress(data), "x-gzip") == data
        assert decoded(zlib.compress(data), "deflate") == data
        assert decoded(raw_deflate(data), "deflate") == data

    def test_members_of_gzip_follow_one_another(self) -> None:
        assert decoded(gzip.compress(b"one") + gzip.compress(b"two"), "gzip") == b"onetwo"
        noise = random.Random(1).randbytes((1 << 14) - 23)  # the first member ends with what is read at once
        for more in range(4):
            member = gzip.compress(noise[more:])
            assert decoded(member + gzip.compress(b"two"), "gzip") == noise[more:] + b"two"
        assert decoded(gzip.compress(b"one") + b"trailing", "gzip") == b"one"
        assert decoded(zlib.compress(b"one") + zlib.compress(b"two"), "deflate") == b"one"

    def test_no_more_is_decoded_than_requested(self) -> None:
        body = DecodedBody(Stream(gzip.compress(bytes(range(250)))), "gzip", "x")
        assert [body.read(length) for length in (1, 9, 0, 500, 5)] == [
            b"\0",
            bytes(range(1, 10)),
            b"",
            bytes(range(10, 250)),
            b"",
        ]

    def test_an_empty_body_is_an_empty_file(self) -> None:
        assert decoded(b"", "gzip") == b""

    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    def test_a_cut_body_is_an_error(self, coding: str) -> None:
        whole = gzip.compress(bytes(5000)) if coding == "gzip" else zlib.compress(bytes(5000))
        with pytest.raises(SourceError):
            decoded(whole[:-9], coding)

    def test_data_that_is_not_compressed_is_an_error(self) -> None:
        with pytest.raises(SourceError, match="is not valid gzip") as caught:
            decoded(b"plain text", "gzip")
        assert caught.value.code == "response_invalid"

    @pytest.mark.parametrize("coding", ["br", "zstd", "compress"])
    def test_other_codings_are_an_error(self, coding: str) -> None:
        with pytest.raises(SourceError, match=f"compressed with {coding}"):
            DecodedBody(Stream(b""), coding, "x")

    def test_data_without_content_is_bounded(self) -> None:
        empty = gzip.compress(b"")
        with pytest.raises(SourceError, match="continues without content"):
            decoded(empty * ((2 << 20) // len(empty)), "gzip")
        assert decoded(empty * ((1 << 19) // len(empty)) + gzip.compress(b"x"), "gzip") == b"x"

    def test_content_that_does_not_compress_is_read_to_its_end(self) -> None:
        content = random.Random(7).randbytes(3 << 20)
        assert decoded(gzip.compress(content, 1), "gzip") == content

    def test_closing_it_closes_the_response(self) -> None:
        stream = Stream(b"")
        DecodedBody(stream, "gzip", "x").close()
        assert stream.closed


class TestTargets:
    """What a request sends of a URL."""

    @each_row(
        ("path", "target"),
        [
            ("", "/"),
            ("?a=b", "/?a=b"),
            ("/a/b?c", "/a/b?c"),
            ("/a b", "/a%20b"),
            ("/a%20b%", "/a%20b%25"),
            ("/a%zz", "/a%25zz"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/../../b", "/b"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a/..b/c.", "/a/..b/c."),
            ("/a/b?c=../d", "/a/b?c=../d"),
            ("/ü?é=%", "/%C3%BC?%C3%A9=%25"),
            ("/a[1]~b!$&'()*+,;=:@", "/a[1]~b!$&'()*+,;=:@"),
        ],
    )
    def test_paths_are_escaped_and_without_dot_segments(self, path: str, target: str) -> None:
        assert parse_url(f"https://h.example{path}").target == target

    @each_row(
        ("url", "authority"),
        [
            ("https://h.example/", "h.example"),
            ("https://h.example:443/", "h.example"),
            ("https://h.example:80/", "h.example:80"),
            ("http://h.example:80/", "h.example"),
            ("http://h.example:443/", "h.example:443"),
            ("http://[::1]:8080/", "[::1]:8080"),
            ("http://bücher.example/", "xn--bcher-kva.example"),
            ("http://h.example:0/", "h.example:0"),
        ],
    )
    def test_authority_omits_the_default_port(self, url: str, authority: str) -> None:
        assert parse_url(url).authority == authority

    @pytest.mark.parametrize(("length", "accepted"), [(65_536, True), (65_537, False)])
    def test_urls_have_at_most_64_kib(self, length: int, accepted: bool) -> None:
        url = "https://h.example/".ljust(length, "a")
        if accepted:
            assert parse_url(url).host == "h.example"
        else:
            with pytest.raises(SourceError, match="65,537 characters"):
                parse_url(url)

    def test_credentials_are_all_before_the_at_sign(self) -> None:
        assert parse_url("https://me:p%40w@h.example/").credentials == "me:p%40w"
        assert parse_url("https://@h.example/").credentials == ""
        assert parse_url("https://h.example/@").credentials is None


class TestExpiry:
    @each_row(
        ("query", "end"),
        [
            ("Expires=123456789&Signature=x", 123_456_789.0),
            ("Expires=12345678&Signature=x", None),
            ("Expires=1767323105000&Signature=x", 1_767_323_105.0),
            ("Expires=17673231050&Signature=x", 17_673_231_050.0),
            ("Expires=100000000000&Signature=x", None),  # the year 5138
            ("Expires=99999999999&Signature=x", 99_999_999_999.0),
            ("Expires=1767323105&exp=1767323100&sig=x", 1_767_323_100.0),
            ("ex=6957365f&hm=x", 1_767_323_231.0),
            ("ex=6957365&hm=x", None),
            ("ex=6957365f&is=x", None),
            ("X-Amz-Date=20260102T030405Z&X-Amz-Expires=999999999", 1_767_323_045.0 + 999_999_999),
            ("X-Amz-Date=20260102T030405Z&X-Amz-Expires=1000000000", None),
            ("X-Amz-Date=20261302T030405Z&X-Amz-Expires=60", None),
            ("X-Amz-Date=20260102T030405&X-Amz-Expires=60", None),
            ("se=2026-01-02&sig=x", 1_767_312_000.0),
            ("se=1969-12-31T23:59:59Z&sig=x", None),
            ("se=1970-01-01T00:00:00Z&sig=x", 0.0),
            ("se=soon&sig=x", None),
            ("q-sign-time=1767323045;1767323105", 1_767_323_105.0),
            ("q-sign-time=1767323045", None),
            ("token=a.b", None),
            ("token=a.b.c.d", None),
            ("token=exp=1767323105~hmac=0", 1_767_323_105.0),
            ("token=xexp=1767323105~hmac=0", None),
        ],
    )
    def test_earliest_expiry_counts(self, query: str, end: float | None) -> None:
        assert expires_at(f"https://h.example/a?{query}") == end

    def test_expiry_in_the_path_is_read(self) -> None:
        assert expires_at("https://h.example/exp=1767323105~hmac=0/a.mp4") == 1_767_323_105.0
        assert expires_at("https://h.example/a.mp4") is None

    def test_first_of_repeated_parameters_counts(self) -> None:
        assert expires_at("https://h.example/a?Expires=1767323105&Expires=1767323999&sig=x") == 1_767_323_105.0


class TestRedaction:
    @each_row(
        ("value", "hidden"),
        [
            ("abcdefghijklmno", False),  # 15 characters
            ("abcdefghijklmnop", False),  # lower case alone
            ("abcdefghijklmnoP", True),
            ("abcdefghijklmno1", True),
            ("ABCDEFGHIJKLMNO1", True),
            ("1234567890123456", False),
            ("12345678901234567890", True),
            ("abcdefghijklmn P", False),
            ("me@h.example", True),
            ("x://y", True),
        ],
    )
    def test_values_that_look_random_are_hidden(self, value: str, hidden: bool) -> None:
        shown = redact(f"https://h.example/a?zz={value}")
        assert shown == f"https://h.example/a?zz={HIDDEN if hidden else value}"

    @pytest.mark.parametrize(
        ("name", "hidden"), [("abcdefghijklmno1", True), ("abcdefghijklmnoP", False), ("X-Abcdefgh-Ijklmnop", False)]
    )
    def test_random_parameter_name_is_hidden(self, name: str, hidden: bool) -> None:
        assert redact(f"https://h.example/a?{name}=1") == f"https://h.example/a?{HIDDEN if hidden else name + '=1'}"

    @each_row(
        ("path", "shown"),
        [
            ("/eyJhbGciOiJIUz.e30.abc/a", f"/{HIDDEN}/a"),
            ("/eyJhbGciOiJIU.e30.abc/a", f"/{HIDDEN}/a"),  # 13 characters
            ("/eyJhbGciOiJI.e30.abc/a", "/eyJhbGciOiJI.e30.abc/a"),
            ("/eyJhbGciOiJIUz.e30/a", "/eyJhbGciOiJIUz.e30/a"),
            ("/eyJhbGciOiJIUz..abc/a", "/eyJhbGciOiJIUz..abc/a"),
            ("/xeyJhbGciOiJIUz.e30.abc.def/a", f"/x{HIDDEN}.def/a"),
            ("/a.eyJhbGciOiJIUz.e30.abc", f"/a.{HIDDEN}"),
            ("/s--abcdefgh--/a", f"/s--{HIDDEN}--/a"),
            ("/s--abcdefg--/a", "/s--abcdefg--/a"),
            ("/a;b=c/d=e", "/a;b=c/d=e"),
            ("/a;token=c/sig=e", f"/a;token={HIDDEN}/sig={HIDDEN}"),
        ],
    )
    def test_tokens_in_the_path_are_hidden(self, path: str, shown: str) -> None:
        assert redact(f"https://h.example{path}") == f"https://h.example{shown}"

    def test_shown_data_uri_has_no_content(self) -> None:
        assert redact("data:,abc") == f"data:,{HIDDEN}"
        assert redact("data:abc") == f"data:{HIDDEN}"
        assert redact("data:" + "a" * 100 + ",x") == "data:" + "a" * 75 + HIDDEN


@each_row(
    ("address", "name"),
    [
        ("2002:0a00:0001::1", "private network"),
        ("2002:0101:0101::1", None),
        ("2001:0:7f00:1::ffff:fefe", "loopback"),  # the Teredo server
        ("2001:0:101:101::80ff:fffe", "loopback"),  # the client, inverted
        ("2001:0:101:101::fefe:fefe", None),
        ("2606:4700::5efe:a00:1", "private network"),
        ("2606:4700::200:5efe:a00:1", "private network"),
        ("2606:4700::5eff:a00:1", None),
        ("::ffff:0:10.0.0.1", "private network"),
        ("64:ff9b::a00:1", "private network"),
        ("64:ff9b::101:101", None),
        ("4000::1", "reserved"),
        ("fe80::1%eth0", "link-local"),
        ("172.15.255.255", None),
        ("172.16.0.0", "private network"),
        ("172.32.0.0", None),
        ("nothing", "not an address"),
    ],
)
def test_addresses_inside_addresses_are_judged(address: str, name: str | None) -> None:
    assert address_class(address) == name
