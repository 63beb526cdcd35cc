"""Test colors of pictures whose size a library reads, against Pillow's own files."""

from __future__ import annotations

import io
from struct import pack

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from preflight.formats import COLOR_MODELS
from preflight.probes.picture_headers import ColorFacts, colors_of
from preflight.sources.memory import MemorySource
from tests.rows import each_row


def jpeg_2000(mode: str, *, boxes: bool = True) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (8, 6)).save(out, "JPEG2000", no_jp2=not boxes)
    return out.getvalue()


def colors(data: bytes, name: str) -> ColorFacts:
    return colors_of(MemorySource(data), name)


@each_row(("mode", "depth", "model"), [("RGB", 8, "rgb"), ("L", 8, "gray"), ("I;16", 16, "gray"), ("RGBA", 8, "rgb")])
def test_colors_of_jpeg_2000(mode: str, depth: int, model: str) -> None:
    """ffprobe: rgb24, gray, gray16le, rgba."""
    facts = colors(jpeg_2000(mode), "jp2")
    assert (facts["bit_depth"], facts["color_model"]) == (depth, model)
    assert (facts["primaries"], facts["transfer"], facts["hdr"]) == ("bt709", "iec61966-2-1", "none")


@each_row(("mode", "depth", "model"), [("RGB", 8, None), ("I;16", 16, "gray")])
def test_jpeg_2000_without_boxes_has_no_color_space(mode: str, depth: int, model: str | None) -> None:
    facts = colors(jpeg_2000(mode, boxes=False), "jp2")
    assert (facts["bit_depth"], facts["color_model"], facts["primaries"]) == (depth, model, None)


def box(kind: bytes, body: bytes) -> bytes:
    return pack(">I4s", 8 + len(body), kind) + body


@each_row(
    ("colr", "model", "primaries"),
    [
        (pack(">BBBI", 1, 0, 0, 12), "cmyk", None),
        (pack(">BBBI", 1, 0, 0, 14), "lab", None),
        (pack(">BBBI", 1, 0, 0, 16) + b"\xff", "rgb", "bt709"),
        (pack(">BBBI", 1, 0, 0, 17), "gray", "bt709"),
        (pack(">BBBI", 1, 0, 0, 18), "ycbcr", "bt709"),
        (pack(">BBBI", 1, 0, 0, 19), None, None),
        (pack(">BBBI", 1, 0, 0, (1 << 24) + 16), None, None),
        (b"\2\0\0" + bytes(16) + b"RGB \xff" + bytes(120), "rgb", None),
        (b"\2\0\0" + bytes(16) + b"GRAY" + bytes(120), "gray", None),
        (b"\2\0\0" + bytes(16) + b"CMYK" + bytes(120), None, None),
    ],
)
def test_box_of_colors_in_jpeg_2000(colr: bytes, model: str | None, primaries: str | None) -> None:
    header = box(b"ihdr", pack(">IIHBBBB", 6, 8, 3, 9, 7, 0, 0))
    facts = colors(box(b"jP  ", b"\r\n\x87\n") + box(b"jp2h", header + box(b"colr", colr)), "jp2")
    assert (facts["bit_depth"], facts["color_model"], facts["primaries"]) == (10, model, primaries)
    assert (facts["hdr"], facts["animated"], facts["multi_picture"]) == ("none", False, False)
    indexed = colors(box(b"jp2h", header + box(b"pclr", b"\0") + box(b"colr", colr)), "jp2")
    assert (indexed["color_model"], indexed["primaries"]) == ("palette", primaries)


def test_depth_of_jpeg_2000_may_vary() -> None:
    data = bytearray(jpeg_2000("RGB"))
    data[data.index(b"ihdr") + 14] = 255
    assert colors(bytes(data), "jp2")["bit_depth"] is None


@each_row(
    ("mode", "model"),
    [
        (0, "gray"),
        (1, "gray"),
        (2, "palette"),
        (3, "rgb"),
        (4, "cmyk"),
        (5, None),
        (7, None),
        (8, "gray"),
        (9, "lab"),
        (10, None),
        (0x103, None),
    ],
)
def test_colors_of_photoshop_documents(mode: int, model: str | None) -> None:
    """exiftool's ColorMode: Grayscale, Indexed, RGB, CMYK, Multichannel, Lab."""
    facts = colors(b"8BPS" + pack(">H6xHIIHH", 1, 3, 6, 8, 16, mode) + b"\xff", "psd")
    assert (facts["bit_depth"], facts["color_model"]) == (16, model)


def test_other_formats_have_no_such_header() -> None:
    assert colors(b"\0\0\1\0", "ico") == {}


@given(st.sampled_from(["jp2", "psd"]), st.integers(0, 300), st.binary(max_size=40))
def test_damaged_headers_give_known_words(name: str, end: int, noise: bytes) -> None:
    facts = colors(jpeg_2000("RGB")[:end] + noise, name)
    assert facts["color_model"] in (None, *COLOR_MODELS)
