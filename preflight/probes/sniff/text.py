"""Recognize text that is sent by mistake: web pages, SVG, XML, JSON, plain text in any encoding.

HTML is recognized as browsers do (WHATWG MIME Sniffing 7.1).
"""

from __future__ import annotations

import codecs
import re
from typing import Final

TEXT_BYTES: Final = 2048

_ENCODINGS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""UTF-32 first: its little-endian mark begins with that of UTF-16."""
_CONTROL: Final = re.compile("[\0-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f\ufffe\uffff]")
"""Characters that no text contains, whatever its language."""
_HTML: Final = re.compile(
    "a|b|body|br|center|div|font|form|h1|head|html|iframe|img|link|main|meta|p|script|section|span|style|table|title|ul"
)
_TAG: Final = re.compile(r"<(?:[a-z_][\w.-]*:)?([a-z_][\w.-]*)(?=[\s/>]|$)")
_JSON: Final = re.compile(r'\{\s*(?:"|\}|$)|\[\s*(?:["{\[\]\d-]|true|false|null|$)')
_DOCTYPE: Final = re.compile(r"<!doctype\s*(html|svg)(?![\w-])")
_BLANK: Final = "\ufeff \t\r\n\f"
_BLANKS: Final = re.compile(f"[{_BLANK}]*")
_MIN_CHARS: Final = 16
"""Characters that a text without a byte-order mark must have before an encoding is assumed."""


def sniff_text(head: bytes) -> str | None:
    """Return html, svg, xml, json, pdf or text; None if the bytes, the first `TEXT_BYTES` of a source, are not text."""
    head = head[:TEXT_BYTES]
    if b"%PDF-" in head[:1024]:
        return "pdf"  # readers accept it within these bytes (PDF 1.7, implementation note 13)
    text = _decode_any(head)
    if text is None or _CONTROL.search(text):
        return None
    text = text.strip(_BLANK).lower()
    if text.startswith("<"):
        return _markup(text)
    if _JSON.match(text):
        return "json"
    return "text" if text else None


def _decode_any(head: bytes) -> str | None:
    for mark, encoding in _ENCODINGS:
        if head.startswith(mark):
            return _decode(head[len(mark) :], encoding)
    if b"\0" in head:
        return _decode_utf16(head)
    text = _decode(head, "utf-8")
    if text is not None:
        return text
    # It may be in an 8-bit or East Asian encoding, in which at least half of the bytes are printable ASCII.
    plain = sum(32 <= byte < 127 or byte in b"\t\n\r" for byte in head)
    return head.decode("latin-1") if len(head) >= _MIN_CHARS and plain * 2 >= len(head) else None


def _decode_utf16(head: bytes) -> str | None:
    """Decode UTF-16 without a byte-order mark: every second byte is zero if the text is mostly ASCII."""
    if len(head) < 2 * _MIN_CHARS:
        return None
    for encoding, high, low in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if high.count(0) * 10 >= len(high) * 9 and low.count(0) == 0:
            return _decode(head, encoding)
    return None


def _decode(data: bytes, encoding: str) -> str | None:
    """Return the text, whose last character may be incomplete; None if it is in another encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None


def _markup(text: str) -> str:
    """Return the format by the first element after declarations, comments and the document type."""
    kind, at = "text", 0
    while text.startswith("<", at):
        if text.startswith("<?xml", at):
            kind, end = "xml", text.find("?>", at)
        elif text.startswith("<!--", at):
            end = text.find("-->", at)
        elif text.startswith("<!doctype", at):
            named = _DOCTYPE.match(text, at)
            if named:
                return named[1]
            kind, end = "xml", _end_of_doctype(text, at)
        elif text.startswith("<?", at):
            end = text.find("?>", at)
        else:
            return _by_root(_TAG.match(text, at), kind)
        if end < 0:
            return kind
        blanks = _BLANKS.match(text, text.index(">", end) + 1)
        at = blanks.end() if blanks else len(text)
    return kind


def _by_root(root: re.Match[str] | None, kind: str) -> str:
    if root is None:
        return kind
    if root[1] == "svg":
        return "svg"
    return "html" if _HTML.fullmatch(root[1]) else kind


def _end_of_doctype(text: str, at: int) -> int:
    """Return the first `>` outside of the brackets in which entities are declared."""
    bracket, end = text.find("[", at), text.find(">", at)
    if 0 <= bracket < end:
        closed = text.find("]", bracket)
        return -1 if closed < 0 else text.find(">", closed)
    return end
