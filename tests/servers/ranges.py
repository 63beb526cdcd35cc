"""Servers that respond to Range with something other than the requested part."""

from __future__ import annotations

from tests.servers.registry import behaviour
from tests.servers.talk import Talk


@behaviour
def range_answered(talk: Talk) -> None:
    """`/range-answered/403/file`: that status, as plain text, to any Range; the file, as video, to a plain GET.

    `nothing`: the connection ends without an answer.
    """
    status, _, name = talk.rest.partition("/")
    if status == "nothing" and talk.request.span is not None:
        talk.keep = False
    elif talk.request.span is None:
        talk.answer("200 OK", talk.server.files[name], {"Content-Type": "video/mp4"})
    else:
        talk.answer(
            f"{status} Of Some Kind", b"" if status in ("204", "304") else b"no", {"Content-Type": "text/plain"}
        )


@behaviour
def range_answered_late(talk: Talk) -> None:
    """`/range-answered-late/403/file`: the same to all but the first range."""
    status, _, name = talk.rest.partition("/")
    if talk.request.span is not None and talk.request.span[0] > 0:
        talk.answer(f"{status} Of Some Kind", b"no")
    else:
        talk.give_range(talk.server.files[name])


def _in_other_words(talk: Talk, status: str, headers: dict[str, object], part: bytes) -> None:
    """The file to a plain GET, to a Range the part in such an answer."""
    if talk.request.span is None:
        talk.answer("200 OK", talk.data)
    else:
        talk.answer(status, part, headers)


@behaviour
def other_range(talk: Talk) -> None:
    """206 with other bytes than were asked for."""
    first, last = talk.request.span or (0, 0)
    part = talk.data[first + 7 : last + 8]
    at = f"bytes {first + 7}-{first + 6 + len(part)}/{len(talk.data)}"
    _in_other_words(talk, "206 Partial Content", {"Content-Range": at}, part)


@behaviour
def nameless_range(talk: Talk) -> None:
    """206 without Content-Range."""
    first, last = talk.request.span or (0, 0)
    _in_other_words(talk, "206 Partial Content", {}, talk.data[first : last + 1])


@behaviour
def several_ranges(talk: Talk) -> None:
    """206 in parts, though a single one was asked for."""
    first, last = talk.request.span or (0, 0)
    part = talk.data[first : last + 1]
    head = f"\r\n--x\r\nContent-Range: bytes {first}-{first + len(part) - 1}/{len(talk.data)}\r\n\r\n".encode()
    kind: dict[str, object] = {"Content-Type": "multipart/byteranges; boundary=x"}
    _in_other_words(talk, "206 Partial Content", kind, head + part + b"\r\n--x--\r\n")


@behaviour
def part_as_whole(talk: Talk) -> None:
    """The part that was asked for, with status 200."""
    first, last = talk.request.span or (0, 0)
    part = talk.data[first : last + 1]
    at = f"bytes {first}-{first + len(part) - 1}/{len(talk.data)}"
    _in_other_words(talk, "200 OK", {"Content-Range": at}, part)


@behaviour
def whole_as_part(talk: Talk) -> None:
    """206 with the whole file, whatever is asked for."""
    at = f"bytes 0-{len(talk.data) - 1}/{len(talk.data)}"
    talk.answer("206 Partial Content", talk.data, {"Content-Range": at})


@behaviour
def capped(talk: Talk) -> None:
    """`/capped/65536/file`: no more than that of a range in one answer."""
    most, _, name = talk.rest.partition("/")
    data = talk.server.files[name]
    first, last = talk.request.span or (0, len(data) - 1)
    part = data[first : min(last + 1, first + int(most))]
    at = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
    talk.answer("206 Partial Content", part, {"Content-Range": at})


@behaviour
def capped_under_a_longer_range(talk: Talk) -> None:
    """`/capped-under-a-longer-range/8192/file`: the same, but Content-Range repeats what was asked for."""
    most, _, name = talk.rest.partition("/")
    data = talk.server.files[name]
    first, last = talk.request.span or (0, len(data) - 1)
    last = min(last, len(data) - 1)
    part = data[first : min(last + 1, first + int(most))]
    talk.answer("206 Partial Content", part, {"Content-Range": f"bytes {first}-{last}/{len(data)}"})


@behaviour
def part_without_bytes(talk: Talk) -> None:
    """206 that names a part and has no body."""
    _in_other_words(talk, "206 Partial Content", {"Content-Range": f"bytes 0-99/{len(talk.data)}"}, b"")
