"""Servers that refuse, redirect, let wait and never end."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import unquote

from tests.servers.registry import BEHAVIOURS, behaviour
from tests.servers.talk import Talk

TINY: Final = 0.05
"""s between two bytes of a server that takes its time."""


@behaviour
def endless_redirect(talk: Talk) -> None:
    """A redirect with a body without end."""
    talk.keep = False
    talk.head("302 Found", {"Location": f"/file/{talk.rest}"})
    talk.forever(b"\0" * 65536)


@behaviour
def continues(talk: Talk) -> None:
    """100 Continue, again and again."""
    talk.keep = False
    talk.forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


@behaviour
def head_refused(talk: Talk) -> None:
    """403 to HEAD, as with a URL that is presigned for GET."""
    if talk.request.method == "HEAD":
        talk.answer("403 Forbidden")
    else:
        talk.give_range(talk.data)


@behaviour
def head_not_allowed(talk: Talk) -> None:
    if talk.request.method == "HEAD":
        talk.answer("405 Method Not Allowed")
    else:
        talk.give_range(talk.data)


@behaviour
def head_answered(talk: Talk) -> None:
    """`/head-answered/501/file`: that status to HEAD."""
    code, _, name = talk.rest.partition("/")
    if talk.request.method == "HEAD":
        talk.answer(f"{code} Of Some Kind")
    else:
        talk.give_range(talk.server.files[name])


@behaviour
def answered(talk: Talk) -> None:
    """`/answered/203/file`: the whole file with that status."""
    code, _, name = talk.rest.partition("/")
    talk.answer(f"{code} Of Some Kind", talk.server.files[name])


@behaviour
def cookie_wall(talk: Talk) -> None:
    """Redirects to itself until its cookie comes back."""
    if "who=me" in talk.request.headers.get("cookie", ""):
        talk.give_range(talk.data)
    else:
        talk.answer("302 Found", b"", {"Location": talk.request.path, "Set-Cookie": "who=me; Path=/"})


@behaviour
def attachment(talk: Talk) -> None:
    """A file that is to be saved under another name."""
    headers = {"Content-Disposition": 'attachment; filename="film.exe"', "Content-Type": "image/png"}
    talk.give_range(talk.data, headers)


@behaviour
def head_hangs(talk: Talk) -> None:
    if talk.request.method == "HEAD":
        talk.server.ending.wait(30)
    else:
        talk.give_range(talk.data)


@behaviour
def head_lies(talk: Talk) -> None:
    if talk.request.method == "HEAD":
        talk.head("200 OK", {"Content-Length": 5})
    else:
        talk.give_range(talk.data)


@behaviour
def loop(talk: Talk) -> None:
    talk.answer(
        "302 Found", b"", {"Location": f"/{'pool' if talk.request.path[1:5] == 'loop' else 'loop'}/{talk.rest}"}
    )


BEHAVIOURS["pool"] = loop


@behaviour
def hops(talk: Talk) -> None:
    """`/hops/3/file`: three redirects."""
    left, _, name = talk.rest.partition("/")
    place = f"/file/{name}" if left == "1" else f"/hops/{int(left) - 1}/{name}"
    talk.answer("301 Moved Permanently", b"<p>moved</p>", {"Location": place})


@behaviour
def to(talk: Talk) -> None:
    """`/to/https://…`: a redirect to exactly there."""
    talk.answer("307 Temporary Redirect", b"", {"Location": talk.rest})


@behaviour
def drip(talk: Talk) -> None:
    """The body byte by byte."""
    talk.keep = False
    talk.head("200 OK", {"Content-Length": len(talk.data)})
    for byte in talk.data:
        if talk.server.ending.wait(TINY):
            return
        talk.body(bytes((byte,)))


@behaviour
def drip_headers(talk: Talk) -> None:
    talk.keep = False
    talk.raw(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    talk.forever(b"x", TINY)


@behaviour
def silent(talk: Talk) -> None:
    """Takes the request and never answers."""
    talk.keep = False
    talk.server.ending.wait(30)


@behaviour
def stalls(talk: Talk) -> None:
    """Half of the answer, then nothing, but the connection stays."""
    talk.keep = False
    talk.head("200 OK", {"Content-Length": len(talk.data)})
    talk.body(talk.data[: len(talk.data) // 2])
    talk.server.ending.wait(30)


@behaviour
def stalls_chunked(talk: Talk) -> None:
    """The same without a length."""
    talk.keep = False
    talk.head("200 OK", {"Transfer-Encoding": "chunked"})
    talk.raw(b"%x\r\n" % len(talk.data))
    talk.body(talk.data[: len(talk.data) // 2])
    talk.server.ending.wait(30)


@behaviour
def hangs_up_once(talk: Talk) -> None:
    """Ends the connection without a word, the first time."""
    if talk.turn == 0:
        talk.keep = False
    else:
        talk.give_range(talk.data)


@behaviour
def busy(talk: Talk) -> None:
    """`/busy/429/7/file`: that status with Retry-After 7 the first time, then fine."""
    status, after, name = talk.rest.split("/", 2)
    if talk.turn == 0:
        talk.answer(f"{status} Busy", b"later", {"Retry-After": unquote(after)} if after != "-" else {})
    else:
        talk.give_range(talk.server.files[name])


@behaviour
def status(talk: Talk) -> None:
    """`/status/403/anything`."""
    code = talk.rest.partition("/")[0]
    page = b"" if code in ("204", "304") else b"<p>no</p>"  # these have no body (RFC 9110 6.4.1)
    talk.answer(f"{code} Of Some Kind", page, {"Content-Type": "text/html"})


@behaviour
def store(talk: Talk) -> None:
    """403 with an object store's XML, which repeats what was signed."""
    code = talk.rest.partition("/")[0]
    text = f"<Error><Code>{code}</Code><AWSAccessKeyId>AKIASECRETSECRET</AWSAccessKeyId></Error>"
    talk.head("403 Forbidden", {"Transfer-Encoding": "chunked", "Content-Type": "application/xml"})
    talk.raw(b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text.encode()))


@behaviour
def needs(talk: Talk) -> None:
    """`/needs/user-agent/Mozilla/file`: 403 unless that header holds that word."""
    header, word, name = talk.rest.split("/", 2)
    if word in talk.request.headers.get(header, ""):
        talk.give_range(talk.server.files[name])
    else:
        talk.answer("403 Forbidden", b"<p>no</p>", {"Content-Type": "text/html"})


@behaviour
def needs_or_other(talk: Talk) -> None:
    """`/needs-or-other/referer/me/file/other`: the other file unless that header holds that word."""
    header, word, name, other = talk.rest.split("/")
    given = word in talk.request.headers.get(header, "")
    talk.give_range(talk.server.files[name if given else other])


@behaviour
def challenges(talk: Talk) -> None:
    """`/challenges/403/HEADER=VALUE/page`: a CDN's challenge in place of the file."""
    status, said, name = talk.rest.split("/")
    header, _, value = said.partition("=")
    headers = {"Content-Type": "text/html", **({header: value} if header else {})}
    talk.answer(f"{status} Of Some Kind", talk.server.files[name], headers)


@behaviour
def echoes(talk: Talk) -> None:
    """Repeats the header X-Key in a Content-Type, an ETag or the target of a redirect."""
    key = talk.request.headers.get("x-key", "")
    where, _, name = talk.rest.partition("/")
    if where == "location":
        talk.answer("302 Found", b"", {"Location": f"ftp://h.example/{key}"})
    else:
        talk.give_range(talk.server.files[name], {"Content-Type": f"text/{key}", "ETag": f'"{key}"'})


@behaviour
def page(talk: Talk) -> None:
    """A web page with 200."""
    talk.answer("200 OK", talk.data, {"Content-Type": "text/html; charset=utf-8"})


@behaviour
def cookie(talk: Talk) -> None:
    """Sets a cookie and gives the file."""
    talk.give_range(talk.data, {"Set-Cookie": "who=me; Path=/"})


@behaviour
def trickle(talk: Talk) -> None:
    """`/trickle/10000/file`: ranges, at so many bytes a second from the first byte on."""
    talk.keep = False
    rate, _, name = talk.rest.partition("/")
    data = talk.server.files[name]
    first, last = talk.request.span or (0, len(data) - 1)
    part = data[first : last + 1]
    at = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
    talk.head("206 Partial Content", {"Content-Length": len(part), "Content-Range": at})
    step = max(1, int(rate) // 20)
    due = time.monotonic()
    for begin in range(0, len(part), step):
        talk.body(part[begin : begin + step])
        due += 0.05  # on a busy machine, too, as many bytes a second
        if talk.server.ending.wait(max(0.0, due - time.monotonic())):
            return


@behaviour
def thinks(talk: Talk) -> None:
    """Waits before the first byte of the body, then sends all at once."""
    part = talk.data[: 32 << 10]
    headers = {"Content-Length": len(part), "Content-Range": f"bytes 0-{len(part) - 1}/{len(talk.data)}"}
    talk.head("206 Partial Content", headers)
    talk.server.ending.wait(0.5)
    talk.body(part)
