"""A file as the body of a request: its exact bytes, read in any pieces."""

from __future__ import annotations

import io

import pytest

from preflight.errors import SourceChanged
from preflight.net.multipart import Multipart
from tests.rows import each_row


def multipart(data: bytes, size: int | None = None, name: str = "a.png") -> Multipart:
    return Multipart("file", io.BytesIO(data), len(data) if size is None else size, name, "image/png")


def read_all(body: Multipart, length: int) -> bytes:
    return b"".join(iter(lambda: body.read(length), b""))


@each_row("length", [-1, 0, 1, 3, 1 << 20])
def test_body_has_the_file_between_its_boundaries(length: int) -> None:
    body = multipart(b"data" * 30_000)
    size = len(body)
    boundary = body.content_type.removeprefix("multipart/form-data; boundary=")
    whole = read_all(body, length)
    assert (
        whole
        == (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
            f"Content-Type: image/png\r\n\r\n{'data' * 30_000}\r\n--{boundary}--\r\n"
        ).encode()
    )
    assert len(whole) == size


def test_piece_of_the_file_has_at_most_the_length_that_is_asked_for() -> None:
    body = multipart(b"x" * 100_000)
    body.read(1)
    assert [len(body.read(length)) for length in (1, 69_999, 70_000)] == [1, 69_999, 30_000]
    unlimited = multipart(b"x" * 100_000)
    assert max(map(len, unlimited)) == 1 << 16


def test_boundaries_differ() -> None:
    assert multipart(b"").content_type != multipart(b"").content_type


def test_name_is_escaped() -> None:
    assert b'filename="a%22b%0D%0Ac?"' in multipart(b"", name='a"b\r\nc\ud800').read()


def test_bytes_behind_the_size_are_not_sent() -> None:
    body = multipart(b"12345", size=3)
    assert b"123\r\n--" in read_all(body, -1)


def test_file_that_ends_too_early_has_changed() -> None:
    body = multipart(b"12", size=3)
    with pytest.raises(SourceChanged):
        read_all(body, -1)
