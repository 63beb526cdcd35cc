"""The one form that a provider takes: a file in multipart/form-data (RFC 7578)."""

from __future__ import annotations

import re
from email.message import Message
from typing import Final

from preflight.sandbox.ask import Refusal

_PARTS: Final = 100


def file_of(body: bytes, content_type: str, field: str) -> tuple[str, bytes]:
    """Name and bytes of the file in `field`. Raises `Refusal`."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise Refusal(400, "InvalidParameter", "the request body is not multipart/form-data")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    # All that lies between two delimiters is one part; the first needs no line before it (RFC 2046 5.1.1).
    first = -2 if body.startswith(delimiter[2:]) else body.find(delimiter)
    end = first + len(delimiter)
    for _ in range(_PARTS):
        after = body.find(delimiter, end) if first != -1 else -1
        if after < 0:
            break
        head, blank, _rest = body[end : min(after, end + 8192)].partition(b"\r\n\r\n")
        name, file_name = _names(head)
        if blank and name == field:
            return file_name or "file", body[end + len(head) + 4 : after]
        end = after + len(delimiter)
    raise Refusal(400, f"MissingParameter.{field}", f"the form has no file in {field}")


def _names(head: bytes) -> tuple[str, str]:
    match = re.search(rb"(?im)^content-disposition:(.*)$", head)
    header = Message()
    header["Content-Disposition"] = match[1].decode("utf-8", "replace").strip() if match else ""
    names = [header.get_param(word, "", "content-disposition") for word in ("name", "filename")]
    name, file_name = (value if isinstance(value, str) else "" for value in names)
    return name, file_name
