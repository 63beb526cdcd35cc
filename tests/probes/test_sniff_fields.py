"""Formats that are recognised by several fields: boxes, bitmaps, icons, text, JPEG behind other bytes."""

from __future__ import annotations

from struct import pack

from preflight.probes.sniff import sniff
from preflight.sources.memory import MemorySource
from tests.rows import each_row


def seen(data: bytes) -> str | None:
    return sniff(MemorySource(data))


def box(kind: bytes, body: bytes = b"\0" * 40) -> bytes:
    return pack(">I4s", 8 + len(body), kind) + body


class TestBoxes:
    @each_row("kind", [b"moov", b"mdat", b"moof", b"styp", b"sidx", b"free", b"skip", b"wide", b"pnot"])
    def test_a_box_without_a_brand_begins_a_film(self, kind: bytes) -> None:
        assert seen(box(kind)) == "mp4"

    @each_row(
        ("major", "compatible", "name"),
        [
            (b"isom", b"mif1", "mp4"),
            (b"3gp5", b"heic", "mp4"),
            (b"M4VP", b"mif1", "mp4"),
            (b"heic", b"isom", "heif"),
            (b"jp2 ", b"mif1", "jp2"),
            (b"crx ", b"isom", "cr3"),
            (b"????", b"isom", "mp4"),
            (b"????", b"isommif1", "heif"),
            (b"????", b"mif1isom", "heif"),
        ],
    )
    def test_the_major_brand_decides_before_the_others(self, major: bytes, compatible: bytes, name: str) -> None:
        ftyp = box(b"ftyp", major + b"mif1" + compatible)
        assert seen(ftyp + box(b"mdat")) == name

    def test_brands_end_with_their_box(self) -> None:
        assert seen(box(b"ftyp", b"????\0\0\0\0isom") + b"mif1mif1") == "mp4"

    @each_row("kind", [b"uuid", b"udta", b"PICT", b"\xa9xyz", b"abcd"])
    def test_an_unusual_first_box_is_followed_by_a_known_one(self, kind: bytes) -> None:
        assert seen(box(kind, b"\1" * 700) + box(b"moov")) == "mp4"
        assert seen(box(kind, b"\1" * 700) + box(b"ftyp", b"heic\0\0\0\0")) == "heif"
        assert seen(box(kind, b"\1" * 700) + box(b"abcd")) is None
        assert seen(box(kind, b"") + box(b"moov")) == "mp4"

    @each_row("kind", [b"ab\x1fd", b"ab\x7fd", b"ab\xa8d", b"ab\xaad"])
    def test_box_types_are_printable(self, kind: bytes) -> None:
        assert seen(box(kind, b"\1" * 700) + box(b"moov")) is None

    def test_a_size_below_that_of_a_header_is_no_box(self) -> None:
        assert seen(pack(">I4s", 7, b"uuid") + b"\1" * 900) is None


class TestBitmaps:
    @staticmethod
    def bitmap(extent: int, planes: int = 7, reserved: bytes = b"\0\0\0") -> bytes:
        return b"BM" + b"\1" * 12 + bytes((extent,)) + reserved + b"\1" * 8 + pack("<H", planes) + b"\1" * 40

    def test_information_headers_that_exist(self) -> None:
        known = {12, 16, 40, 52, 56, 64, 108, 124}
        for extent in range(256):
            assert (seen(self.bitmap(extent)) == "bmp") is (extent in known), extent
            assert (seen(self.bitmap(extent, 1)) == "bmp") is (extent in known or extent >= 16), extent
            assert seen(self.bitmap(extent, 0x0101)) == ("bmp" if extent in known else None), extent

    def test_the_length_of_the_header_is_below_256(self) -> None:
        for place in range(3):
            reserved = bytes(place == at for at in range(3))
            assert seen(self.bitmap(40, reserved=reserved)) is None

    def test_an_array_begins_with_another_header(self) -> None:
        assert seen(b"BA" + b"\1" * 12 + self.bitmap(40)) == "bmp"
        assert seen(b"BA" + b"\1" * 13 + self.bitmap(40)) is None

    def test_26_bytes_are_needed(self) -> None:
        assert seen(self.bitmap(40)[:26]) == "bmp"
        assert seen(self.bitmap(40)[:25]) is None


class TestIcons:
    @staticmethod
    def icon(
        count: int = 1, kind: int = 1, high: int = 0, reserved: int = 0, offset: int = 22, colours: int = 0
    ) -> bytes:
        entry = bytes((48, 48, colours, reserved)) + pack("<HHII", 1, 24, 900, offset)
        return b"\0\0" + pack("<H", kind) + bytes((count, high)) + entry + b"\1" * 40

    @each_row(
        ("fields", "name"),
        [
            ({}, "ico"),
            ({"kind": 2}, "ico"),
            ({"kind": 3}, None),
            ({"kind": 0}, None),
            ({"count": 255}, "ico"),
            ({"count": 0}, None),
            ({"high": 1}, None),
            ({"reserved": 1}, None),
            ({"offset": 21}, None),
            ({"offset": 0x10116}, "ico"),
            ({"count": 16, "offset": 0x106}, "ico"),
            ({"offset": 1 << 24}, None),
            ({"colours": 255}, "ico"),
        ],
    )
    def test_fields_of_the_first_entry(self, fields: dict[str, int], name: str | None) -> None:
        assert seen(self.icon(**fields)) == name

    def test_22_bytes_are_needed(self) -> None:
        assert seen(self.icon()[:22]) == "ico"
        assert seen(self.icon()[:21]) is None


class TestPackets:
    @each_row(("start", "packet"), [(0, 188), (4, 192)])
    def test_two_sync_bytes_are_enough_in_a_short_file(self, start: int, packet: int) -> None:
        data = b"\1" * start + (b"\x47" + b"\1" * (packet - 1)) * 3
        assert seen(data) == "mpegts"
        assert seen(data[: start + packet + 1]) == "mpegts"
        assert seen(data[: start + packet]) is None
        for at in (start, start + packet, start + 2 * packet):
            assert seen(data[:at] + b"\x46" + data[at + 1 :]) is None

    @each_row(
        ("mark", "name"),
        [(0x44, "mpeg"), (0x7F, "mpeg"), (0xC4, None), (0x40, None), (0x21, "mpeg"), (0x2F, "mpeg"), (0x20, None)],
    )
    def test_a_pack_header_has_marker_bits(self, mark: int, name: str | None) -> None:
        assert seen(b"\0\0\1\xba" + bytes((mark,))) == name


class TestText:
    @each_row(("count", "name"), [(15, None), (16, "text")])
    def test_a_text_of_unknown_encoding_has_16_characters(self, count: int, name: str | None) -> None:
        assert seen(b"\xe9" + b"a" * (count - 1)) == name

    @each_row(("plain", "name"), [(50, "text"), (49, None)])
    def test_half_of_it_is_printable(self, plain: int, name: str | None) -> None:
        assert seen(b"\xe9" * (100 - plain) + b"a" * plain) == name

    @each_row("encoding", ["utf-16-le", "utf-16-be"])
    @each_row(("count", "name"), [(15, None), (16, "text")])
    def test_two_byte_text_without_a_mark_has_16_characters(self, encoding: str, count: int, name: str | None) -> None:
        assert seen(("a" * count).encode(encoding)) == name

    @each_row("encoding", ["utf-16-le", "utf-16-be"])
    @each_row(("foreign", "name"), [(10, "text"), (11, None)])
    def test_nine_of_ten_of_its_characters_are_ascii(self, encoding: str, foreign: int, name: str | None) -> None:
        assert seen(("a" * (100 - foreign) + "你" * foreign).encode(encoding)) == name

    @each_row("control", [0, 1, 8, 0x0B, 0x0E, 0x1A, 0x1C, 0x1F, 0x7F])
    def test_control_characters_are_not_text(self, control: int) -> None:
        assert seen(b"plain words of text" + bytes((control,)) + b"and more of them") is None

    @each_row("control", [0x09, 0x0A, 0x0C, 0x0D, 0x1B])
    def test_blanks_and_escapes_are_text(self, control: int) -> None:
        assert seen(b"plain words of text" + bytes((control,)) + b"and more of them") == "text"

    @each_row(("before", "name"), [(1019, "pdf"), (1020, None)])
    def test_a_pdf_begins_in_the_first_kibibyte(self, before: int, name: str | None) -> None:
        assert seen(b"\1" * before + b"%PDF-1.7") == name

    @each_row(
        ("text", "name"),
        [
            ("<!-- a --><svg>", "svg"),
            ("<!-- a -->\n\t<html>", "html"),
            ("<!doctype a [<!entity b 'c'>]><svg>", "svg"),
            ("<!doctype a [<!entity b 'c'>", "xml"),
            ("<!doctype a [ ] x ><svg>", "svg"),
            ("<!doctype htmlx><svg>", "svg"),
            ("<?a?><?xml version='1'?><rss>", "xml"),
            ("<?xml version='1'?><html><?php a ?></html>", "html"),
            ("<?php a ?><svg><?php b ?></svg>", "svg"),
            ("<!-- a --><svg><!-- b --></svg>", "svg"),
            ("<!doctype a><svg><!doctype b></svg>", "svg"),
            ("<?xml version='1'", "xml"),
            ("<x:svg/>", "svg"),
            ("<h1>", "html"),
            ("<h2>", "text"),
            ("< svg>", "text"),
            ("<svg", "svg"),
            ("<!-- a -->words", "text"),
        ],
    )
    def test_markup_by_its_first_element(self, text: str, name: str) -> None:
        assert seen(text.encode()) == name


class TestJpegBehindOtherBytes:
    @staticmethod
    def jpeg(marker: int = 0xE0, length: int = 16, following: bytes = b"\xff\xdb") -> bytes:
        return b"\xff\xd8\xff" + bytes((marker,)) + pack(">H", length) + b"\1" * (length - 2) + following

    @each_row("lead", [b"\1" * 9, b"\1" * 500])
    @each_row("length", [2, 16, 0x0102, 5000])
    def test_two_segments_follow_one_another(self, lead: bytes, length: int) -> None:
        assert seen(lead + self.jpeg(length=length)) == "jpeg"
        assert seen(lead + self.jpeg(length=length, following=b"\xfe\xdb")) is None
        assert seen(lead + self.jpeg(length=length, following=b"\xff\xbf")) is None
        assert seen(lead + self.jpeg(length=length, following=b"\xff\xc0")) == "jpeg"
        assert seen(lead + self.jpeg(length=length, following=b"\xff")) is None

    @each_row(("marker", "name"), [(0xC0, "jpeg"), (0xBF, None), (0xFE, "jpeg")])
    def test_the_first_segment_has_a_marker(self, marker: int, name: str | None) -> None:
        assert seen(b"\1" * 9 + self.jpeg(marker)) == name

    def test_dicom_and_raws_of_fujifilm_carry_jpeg_themselves(self) -> None:
        assert seen(b"\1" * 128 + b"DICM" + self.jpeg()) is None
        assert seen(b"\1" * 128 + b"DICN" + self.jpeg()) == "jpeg"
        assert seen(b"FUJIFILM" + b"\1" * 90 + self.jpeg()) is None


@each_row(
    ("at", "mark", "name"),
    [(257, b"ustar", "tar"), (258, b"ustar", None), (25, b"ARECOYK", "camera_raw"), (26, b"ARECOYK", None)],
)
def test_signatures_that_stand_further_on(at: int, mark: bytes, name: str | None) -> None:
    assert seen((b"\1" * at + mark).ljust(600, b"\1")) == name


@each_row(("form", "name"), [(b"WAVE", "wav"), (b"WEBP", "webp"), (b"AVI ", "avi"), (b"ACON", None)])
def test_riff_is_known_by_its_form(form: bytes, name: str | None) -> None:
    for word in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        assert seen(word + b"\1" * 4 + form + b"\1" * 40) == name
    assert seen(b"FORM" + b"\1" * 4 + b"AIFC" + b"\1" * 40) == "aiff"
    assert seen(b"FORM" + b"\1" * 4 + form + b"\1" * 40) is None
