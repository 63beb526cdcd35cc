"""Servers whose ranges, lengths, headers and bodies are not what they say."""

from __future__ import annotations

from tests.servers.registry import behaviour
from tests.servers.talk import Talk


@behaviour
def file(talk: Talk) -> None:
    """No misbehaviour at all."""
    talk.give_range(talk.data, {"Content-Type": "application/octet-stream"})


@behaviour
def ignores_range(talk: Talk) -> None:
    talk.answer("200 OK", talk.data, {"ETag": '"one"'})


@behaviour
def chunked(talk: Talk) -> None:
    """No Range and no length."""
    talk.head("200 OK", {"Transfer-Encoding": "chunked"})
    if talk.request.method == "HEAD":
        return
    for at in range(0, len(talk.data), 5000):
        piece = talk.data[at : at + 5000]
        talk.raw(b"%x\r\n" % len(piece))
        talk.body(piece)
        talk.raw(b"\r\n")
    talk.raw(b"0\r\n\r\n")


@behaviour
def endless(talk: Talk) -> None:
    talk.keep = False
    talk.head("200 OK")
    talk.body(talk.data)
    talk.forever(b"\0" * 65536)


@behaviour
def endless_part(talk: Talk) -> None:
    """A proper 206 whose body does not stop where it says."""
    talk.keep = False
    first, last = talk.request.span or (0, 0)
    talk.head("206 Partial Content", {"Content-Range": f"bytes {first}-{last}/{len(talk.data)}"})
    talk.body(talk.data[first : last + 1])
    talk.forever(b"\0" * 65536)


@behaviour
def endless_headers(talk: Talk) -> None:
    talk.keep = False
    talk.raw(b"HTTP/1.1 200 OK\r\n")
    talk.forever(b"X-More: " + b"x" * 60000 + b"\r\n")


@behaviour
def many_headers(talk: Talk) -> None:
    talk.answer("200 OK", talk.data, {f"X-{number}": "x" for number in range(300)})


@behaviour
def long_header(talk: Talk) -> None:
    talk.answer("200 OK", talk.data, {"X-Long": "x" * 100_000})


@behaviour
def odd_headers(talk: Talk) -> None:
    """Lines that are no headers, and a name that leads astray."""
    talk.raw(b"HTTP/1.1 206 Partial Content\r\nno colon here\r\nX-Escape: \x1b[2J\r\nContent-Range: bytes 0-9/10\r\n")
    talk.raw(b"Content-Length: 10\r\n\r\n")
    talk.body(b"\x89PNG\r\n\x1a\n\0\0")


@behaviour
def wrong_range(talk: Talk) -> None:
    first, last = talk.request.span or (0, 99)
    part = talk.data[first : last + 1]
    at = f"bytes {first + 7}-{first + 6 + len(part)}/{len(talk.data) + 7}"
    talk.answer("206 Partial Content", part, {"Content-Range": at})


@behaviour
def no_content_range(talk: Talk) -> None:
    talk.answer("206 Partial Content", talk.data[:100])


@behaviour
def unknown_total(talk: Talk) -> None:
    """Ranges of a file whose length it does not tell."""
    first, last = talk.request.span or (0, 0)
    part = talk.data[first : last + 1]
    if not part:
        talk.answer("416 Range Not Satisfiable")
    else:
        talk.answer("206 Partial Content", part, {"Content-Range": f"bytes {first}-{first + len(part) - 1}/*"})


@behaviour
def stingy(talk: Talk) -> None:
    """Gives at most 10,000 bytes of what is asked for, as it may."""
    first, last = talk.request.span or (0, 0)
    part = talk.data[first : min(last + 1, first + 10_000)]
    talk.answer(
        "206 Partial Content", part, {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(talk.data)}"}
    )


@behaviour
def ranges_refused(talk: Talk) -> None:
    """416 to every Range."""
    if talk.request.span is None:
        talk.answer("200 OK", talk.data)
    else:
        talk.answer("416 Range Not Satisfiable")


@behaviour
def until_close(talk: Talk) -> None:
    """HTTP/1.0: no length, the connection's end is the file's."""
    talk.keep = False
    talk.raw(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp4\r\n\r\n")
    talk.body(talk.data)


@behaviour
def odd_encoding(talk: Talk) -> None:
    """What object stores leave in Content-Encoding."""
    talk.give_range(talk.data, {"Content-Encoding": "aws-chunked"})


@behaviour
def cut(talk: Talk) -> None:
    """Half of the answer, then the connection ends."""
    _cut(talk)


@behaviour
def cut_once(talk: Talk) -> None:
    if talk.turn == 0:
        _cut(talk)
    else:
        talk.give_range(talk.data)


@behaviour
def cut_without_ranges(talk: Talk) -> None:
    """No Range, and each time half of what is left breaks off; the third time it comes whole."""
    talk.keep = False
    talk.head("200 OK", {"Content-Length": len(talk.data), "ETag": '"one"'})
    talk.body(talk.data[: len(talk.data) // (3 - min(talk.turn, 2))])


def _cut(talk: Talk) -> None:
    talk.keep = False
    first, last = talk.request.span or (0, len(talk.data) - 1)
    part = talk.data[first : last + 1]
    at = f"bytes {first}-{first + len(part) - 1}/{len(talk.data)}"
    talk.head("206 Partial Content", {"Content-Length": len(part), "Content-Range": at})
    talk.body(part[: len(part) // 2])


@behaviour
def changes_tag(talk: Talk) -> None:
    talk.give_range(talk.data, {"ETag": f'"{talk.turn}"'})


@behaviour
def changes_back(talk: Talk) -> None:
    """Another content of the same size under another ETag for the second request only."""
    data = talk.data[::-1] if talk.turn == 1 else talk.data
    talk.give_range(data, {"ETag": '"two"' if talk.turn == 1 else '"one"'})


@behaviour
def changes_tag_then_no_range(talk: Talk) -> None:
    """The same file under another ETag, and from the third request on no part of it."""
    if talk.turn < 2:
        talk.give_range(talk.data, {"ETag": f'"{talk.turn}"'})
    else:
        talk.answer("416 Range Not Satisfiable", headers={"Content-Range": "bytes */10"})


@behaviour
def changes_content(talk: Talk) -> None:
    """Another content of the same size, with another ETag, from the third request on."""
    data = talk.data if talk.turn < 2 else talk.data[::-1]
    talk.give_range(data, {"ETag": f'"{talk.turn}"'})


@behaviour
def changes_to_no_ranges(talk: Talk) -> None:
    """A part of one file, and from then on all of another of the same size, each answer under another ETag."""
    tag = {"ETag": f'"{talk.turn}"'}
    if talk.turn == 0:
        talk.give_range(talk.data, tag)
    else:
        talk.answer("200 OK", talk.data[::-1], tag)


@behaviour
def changes_date(talk: Talk) -> None:
    date = f"Wed, 21 Oct 2015 07:28:{talk.turn:02} GMT"
    talk.give_range(talk.data, {"ETag": f'"{talk.turn}"', "Last-Modified": date})


@behaviour
def changes_tag_without_ranges(talk: Talk) -> None:
    """The same file under another ETag; the first answer breaks off."""
    talk.keep = False
    data = talk.data
    talk.head("200 OK", {"Content-Length": len(data), "ETag": f'"{talk.turn}"'})
    talk.body(data[: len(data) // 2] if talk.turn == 0 else data)


@behaviour
def changes_size(talk: Talk) -> None:
    talk.give_range(talk.data + b"+" * talk.turn, {"ETag": '"one"'})


@behaviour
def length_too_short(talk: Talk) -> None:
    """Announces fewer bytes than the part it sends."""
    talk.keep = False
    first, last = talk.request.span or (0, 0)
    talk.head("206 Partial Content", {"Content-Length": 100, "Content-Range": f"bytes {first}-{last}/{len(talk.data)}"})
    talk.body(talk.data[first : last + 1])


@behaviour
def length_too_long(talk: Talk) -> None:
    """Announces the whole file's length for a part of it."""
    talk.keep = False
    first, last = talk.request.span or (0, 0)
    at = f"bytes {first}-{last}/{len(talk.data)}"
    talk.head("206 Partial Content", {"Content-Length": len(talk.data), "Content-Range": at})
    talk.body(talk.data[first : last + 1])
    talk.server.ending.wait(30)


@behaviour
def raw(talk: Talk) -> None:
    """The file itself is the answer, with its status line and headers."""
    talk.keep = False
    talk.raw(talk.data)


@behaviour
def no_http(talk: Talk) -> None:
    talk.keep = False
    talk.raw(b"220 mail.test ESMTP\r\n")


_FORGED = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 100000-100009/300000\r\n\r\nforged...."


@behaviour
def cut_and_changed(talk: Talk) -> None:
    """No Range; the first body breaks off, and the next one is another of the same size."""
    talk.keep = False
    data = talk.data if talk.turn == 0 else talk.data[::-1]
    talk.head("200 OK", {"Content-Length": len(data)})
    talk.body(data[: len(data) // 2] if talk.turn == 0 else data)


@behaviour
def slow_chunks(talk: Talk) -> None:
    """64 KiB, then 8 KiB each quarter of a second, in chunks."""
    talk.keep = False
    talk.head("200 OK", {"Transfer-Encoding": "chunked"})
    pieces = [talk.data[: 64 << 10], *(talk.data[at : at + 8192] for at in range(64 << 10, len(talk.data), 8192))]
    for piece in pieces:
        talk.raw(b"%x\r\n%s\r\n" % (len(piece), piece))
        if talk.server.ending.wait(0.25):
            return
    talk.raw(b"0\r\n\r\n")


@behaviour
def answers_twice(talk: Talk) -> None:
    """Sends another answer behind the one that was asked for, at once."""
    first, last = talk.request.span or (0, 0)
    part = talk.data[first : last + 1]
    at = f"bytes {first}-{first + len(part) - 1}/{len(talk.data)}"
    head = f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(part)}\r\nContent-Range: {at}\r\n\r\n"
    talk.body(head.encode() + part + _FORGED)


@behaviour
def length_and_chunks(talk: Talk) -> None:
    """A part in chunks, with a length that ends it elsewhere."""
    first, last = talk.request.span or (0, 0)
    part = talk.data[first : last + 1]
    at = f"bytes {first}-{first + len(part) - 1}/{len(talk.data)}"
    talk.head(
        "206 Partial Content", {"Content-Length": len(part) - 5, "Transfer-Encoding": "chunked", "Content-Range": at}
    )
    talk.body(b"%x\r\n%s\r\n0\r\n\r\n" % (len(part), part))


@behaviour
def head_with_body(talk: Talk) -> None:
    """Answers HEAD with a body, in which an answer is hidden."""
    if talk.request.method == "HEAD":
        talk.body(f"HTTP/1.1 200 OK\r\nContent-Length: {len(talk.data)}\r\n\r\n".encode() + _FORGED)
    else:
        talk.give_range(talk.data)


@behaviour
def heavy_headers(talk: Talk) -> None:
    """60 kB of headers with each part."""
    talk.give_range(talk.data, {"X-Heavy": "x" * 60_000})
