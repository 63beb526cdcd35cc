"""Servers that compress bodies although no compression was requested."""

from __future__ import annotations

import gzip
import zlib

from tests.servers.registry import behaviour
from tests.servers.talk import Talk


@behaviour
def compressed(talk: Talk) -> None:
    talk.answer("200 OK", gzip.compress(talk.data), {"Content-Encoding": "gzip"})


@behaviour
def compressed_with(talk: Talk) -> None:
    """`/compressed-with/deflate/file`: that coding, whatever is asked for; to what zlib cannot do the file as it is."""
    coding, _, name = talk.rest.partition("/")
    data = talk.server.files[name]
    raw = zlib.compressobj(wbits=-15)
    coded = {
        "gzip": gzip.compress(data),
        "x-gzip": gzip.compress(data[:100_000]) + gzip.compress(b"") + gzip.compress(data[100_000:]) + b"padding",
        "deflate": zlib.compress(data),
        "raw-deflate": raw.compress(data) + raw.flush(),
    }.get(coding, data)
    talk.answer("200 OK", coded, {"Content-Encoding": coding.removeprefix("raw-")})


@behaviour
def compressed_parts(talk: Talk) -> None:
    """Ranges of the compressed file."""
    talk.give_range(gzip.compress(talk.data, mtime=0), {"Content-Encoding": "gzip"})


@behaviour
def compressed_chunks(talk: Talk) -> None:
    """Compressed while it is sent, so that there is no length at all."""
    talk.head("200 OK", {"Transfer-Encoding": "chunked", "Content-Encoding": "gzip"})
    coded = gzip.compress(talk.data)
    for at in range(0, len(coded), 5000):
        talk.raw(b"%x\r\n%s\r\n" % (len(coded[at : at + 5000]), coded[at : at + 5000]))
    talk.raw(b"0\r\n\r\n")


@behaviour
def compressed_cut(talk: Talk) -> None:
    """Half of the compressed file, in an answer that is whole."""
    coded = gzip.compress(talk.data)
    talk.answer("200 OK", coded[: len(coded) // 2], {"Content-Encoding": "gzip"})


@behaviour
def garbled_coding(talk: Talk) -> None:
    """`/garbled-coding/gzip/file`: the file as it is, under the name of that coding."""
    coding, _, name = talk.rest.partition("/")
    talk.answer("200 OK", talk.server.files[name], {"Content-Encoding": coding})


@behaviour
def bomb(talk: Talk) -> None:
    """Gigabytes of zeros behind the file, without end."""
    talk.keep = False
    talk.head("200 OK", {"Content-Encoding": "gzip"})
    coder = zlib.compressobj(wbits=31)
    talk.body(coder.compress(talk.data) + coder.flush(zlib.Z_FULL_FLUSH))
    talk.forever((coder.compress(bytes(1 << 20)) + coder.flush(zlib.Z_FULL_FLUSH)) * 64)


@behaviour
def hollow(talk: Talk) -> None:
    """Members of a gzip body that hold nothing, without end."""
    talk.keep = False
    talk.head("200 OK", {"Content-Encoding": "gzip"})
    talk.forever(gzip.compress(b"") * 3000)
