"""What a URL has to be, and what is said of one that is not."""

from __future__ import annotations

import pytest

from preflight.errors import SourceError
from preflight.sources.http import HttpSource
from preflight.sources.urls import parse


def test_the_parts_of_a_url() -> None:
    assert parse("https://me:pw@H.example:8443/a b?c") == ("https", "h.example", 8443, False, True, True)
    assert parse("http://[::1]/") == ("http", "::1", 80, True, False, False)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", "data:image/png;base64,… is the file itself"),
        ("ftp://h.example/a", "has the scheme ftp"),
        ("s3://bucket/a.png", "presigned"),
        ("gs://bucket/a.png", "presigned"),
        ("file:///etc/passwd", "give its path"),
        ("h.example/a.png", "write https://"),
        ("https:/h.example/a", "names no host"),
        ("https:h.example", "names no host"),
        ("https://", "names no host"),
        ("https://:443/a", "names no host"),
        ("https://h.example:99999/a", "cannot be read"),
        ("https://h.example:port/a", "cannot be read"),
        ("https://[::1/a", "cannot be read"),
        ("https://h.example/a\r\nX-Evil: 1", "control characters"),
        (" https://h.example/a", "spaces"),
        ("https://h.example/" + "a" * 70_000, "70,018 characters"),
        ("https://" + "a" * 64 + ".example/", "its host cannot be read"),
        ("https://*.example/", "its host cannot be read"),
    ],
)
def test_what_is_no_url_to_fetch_from_is_refused_with_what_to_do(url: str, sentence: str) -> None:
    source = HttpSource(url)
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 10)
    if caught.value.code != "connection_failed":  # a label of 64 letters is only a name that nobody has
        assert caught.value.code == "url_invalid"
        assert sentence in str(caught.value)
    assert source.requests == 0 or caught.value.code == "connection_failed"
    assert source.delivery.url_length == len(url)
    with pytest.raises(SourceError):
        _ = source.size
