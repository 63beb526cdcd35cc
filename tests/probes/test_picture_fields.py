"""BMP, GIF, WebP, PNG and JPEG: every field of their headers, and how far each is looked for."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from struct import pack

from probing import RemoteSource, counted, facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._exif import exif

from preflight.media import Media
from preflight.probes import probe
from tests.rows import each_row


def size(media: Media) -> tuple[int | None, int | None]:
    return media.width, media.height


class TestBmp:
    @staticmethod
    def bmp(
        width: int = 7,
        height: int = 5,
        depth: int = 24,
        *,
        extent: int = 40,
        planes: int = 1,
        compression: int = 0,
        masks: bytes = b"",
        start: int = 200,
        there: int = 1000,
    ) -> bytes:
        if extent == 12:
            info = pack("<IHHHH", 12, width, height, planes, depth)
        else:
            info = pack("<IiiHHI", extent, width, height, planes, depth, compression).ljust(40, b"\7")
        info = info.ljust(extent, b"\0")[:extent]
        info = info[:40] + masks + info[40 + len(masks) :] if masks else info
        return (b"BM" + pack("<IHHI", 0, 0, 0, start) + info).ljust(there, b"\0")

    @each_row(("width", "height"), [(0x0102, 0x0304), (0x01020304, 1), (1, 0x01020304)])
    def test_size_of_32_bits(self, width: int, height: int) -> None:
        assert size(facts(self.bmp(width, height, compression=1))) == (width, height)
        assert size(facts(self.bmp(width, -height, compression=1))) == (width, height)

    def test_the_largest_height_is_possible(self) -> None:
        assert facts(self.bmp(7, 0x7FFFFFFF, compression=1)).notes == ()

    @each_row("dimensions", [(0, 5), (-7, 5), (7, 0), (7, -0x80000000)])
    def test_a_size_that_is_impossible_is_a_bad_header(self, dimensions: tuple[int, int]) -> None:
        media = facts(self.bmp(*dimensions))
        assert media.notes == ("bad_header",)
        assert (media.width is None) is (dimensions[0] <= 0)

    def test_the_short_header_has_a_size_of_16_bits(self) -> None:
        media = facts(self.bmp(0x0102, 0x0304, 1, extent=12, there=40_000))
        assert (size(media), media.notes, media.has_alpha) == ((0x0102, 0x0304), (), False)

    @each_row("depth", range(70))
    def test_depths_that_exist(self, depth: int) -> None:
        bad = depth not in (1, 2, 4, 8, 16, 24, 32, 64)
        assert facts(self.bmp(depth=depth)).notes == (("bad_header",) if bad else ())

    @each_row(("planes", "bad"), [(0, True), (1, False), (2, True)])
    def test_there_is_one_plane(self, planes: int, bad: bool) -> None:
        assert (facts(self.bmp(planes=planes)).notes == ("bad_header",)) is bad

    @each_row(
        ("width", "height", "depth", "length"),
        [
            (7, 5, 24, 24 * 4 + 21),
            (8, 5, 24, 120),
            (7, 1, 1, 1),
            (9, 3, 1, 10),
            (3, 2, 32, 24),
            (5, 2, 4, 7),
            (1, 5, 8, 17),
        ],
    )
    def test_rows_are_padded_to_four_bytes_except_the_last(
        self, width: int, height: int, depth: int, length: int
    ) -> None:
        for compression, extent in ((0, 40), (3, 40), (3, 52), (3, 56), (3, 108), (3, 124), (6, 56)):
            options = {"compression": compression, "extent": extent}
            assert facts(self.bmp(width, height, depth, there=200 + length, **options)).notes == ()
            assert facts(self.bmp(width, height, depth, there=199 + length, **options)).notes == ("truncated",)

    @each_row(("compression", "extent"), [(1, 20), (1, 40), (2, 40), (4, 40), (3, 64), (6, 64)])
    def test_compressed_pixels_have_no_length(self, compression: int, extent: int) -> None:
        assert facts(self.bmp(depth=8, compression=compression, extent=extent, there=90)).notes == ()

    def test_a_header_of_less_than_20_bytes_states_no_compression(self) -> None:
        data = bytearray(self.bmp(extent=16, there=316))
        data[30:34] = pack("<I", 1)
        assert facts(bytes(data)).notes == ("truncated",)

    @each_row("compression", [4, 5])
    def test_embedded_pictures_need_no_depth(self, compression: int) -> None:
        media = facts(self.bmp(depth=0, compression=compression))
        assert (media.notes, media.has_alpha) == ((), None)
        assert facts(self.bmp(depth=0, compression=compression, extent=64)).has_alpha is False

    @each_row(
        ("compression", "extent", "mask", "alpha"),
        [
            (3, 56, 0xFF000000, True),
            (3, 108, 1, True),
            (3, 56, 0, False),
            (3, 52, 0xFF000000, False),
            (3, 64, 0xFF000000, False),
            (6, 40, 0xFF000000, True),
            (0, 56, 0xFF000000, False),
        ],
    )
    def test_alpha_is_a_fourth_mask(self, compression: int, extent: int, mask: int, alpha: bool) -> None:
        masks = pack("<IIII", 0xFF, 0xFF00, 0xFF0000, mask)
        data = self.bmp(depth=32, extent=extent, compression=compression)
        data = data[:54] + masks + data[70:]
        assert facts(data).has_alpha is alpha
        assert facts(data[:70] + b"\xff" + data[71:]).has_alpha is alpha

    @each_row(
        ("depth", "bits", "model"),
        [
            (1, 1, "palette"),
            (4, 4, "palette"),
            (8, 8, "palette"),
            (16, 5, "rgb"),
            (24, 8, "rgb"),
            (32, 8, "rgb"),
            (64, 16, "rgb"),
        ],
    )
    def test_bits_of_a_color_or_of_an_index(self, depth: int, bits: int, model: str) -> None:
        for extent in (12, 40, 124):
            media = facts(self.bmp(depth=depth, extent=extent))
            assert (media.bit_depth, media.color_model) == (bits, model)

    @each_row("extent", [40, 52, 56, 64, 108, 124])
    def test_headers_with_a_color_space_state_srgb(self, extent: int) -> None:
        for space in (b"BGRs", b" niW", b"KNIL"):
            media = facts(self.bmp(extent=extent)[:70] + space + self.bmp(extent=extent)[74:])
            assert (media.primaries is not None) is (extent in (108, 124) and space != b"KNIL")

    @each_row(("extent", "least"), [(12, 26), (40, 30)])
    def test_a_cut_header(self, extent: int, least: int) -> None:
        data = self.bmp(extent=extent)
        assert facts(data[:least]).width == 7
        assert facts(data[: least - 1]).width is None

    def test_an_array_of_bitmaps_begins_with_another_header(self) -> None:
        data = b"BA" + bytes(12) + self.bmp(0x0102, 0x0304, compression=1)
        assert size(facts(data)) == (0x0102, 0x0304)


class TestGif:
    @staticmethod
    def screen(width: int = 7, height: int = 5, flags: int = 0, aspect: int = 0) -> bytes:
        palette = bytes(3 << (flags & 7) + 1) if flags & 0x80 else b""
        return b"GIF89a" + pack("<HHBBB", width, height, flags, 0, aspect) + palette

    @staticmethod
    def frame(width: int = 9, height: int = 6, flags: int = 0, blocks: tuple[int, ...] = (5, 255)) -> bytes:
        palette = bytes(3 << (flags & 7) + 1) if flags & 0x80 else b""
        data = b"".join(bytes((length,)) + b"\x2c" * length for length in blocks)
        return b"\x2c" + pack("<HHHHB", 1, 2, width, height, flags) + palette + b"\2" + data + b"\0"

    @staticmethod
    def control(flags: int) -> bytes:
        return b"\x21\xf9\x04" + pack("<BHB", flags, 10, 0) + b"\0"

    def test_size_of_the_screen(self) -> None:
        media = facts(self.screen(0x0102, 0x0304) + self.frame() + b";")
        assert (size(media), media.frames, media.notes) == ((0x0102, 0x0304), 1, ())

    def test_a_screen_of_no_size_is_as_large_as_its_picture(self) -> None:
        media = facts(self.screen(0, 0) + self.frame(0x0102, 0x0304) + b";")
        assert size(media) == (0x0102, 0x0304)
        assert size(facts(self.screen(0, 5) + self.frame(0x0102, 0x0304) + b";")) == (0x0102, 5)

    @each_row("flags", [0, 0x07, 0x80, 0x81, 0x83, 0x86, 0x87, 0xF7])
    def test_palettes_of_every_size_are_skipped(self, flags: int) -> None:
        assert facts(self.screen(flags=flags) + self.frame() + b";").frames == 1
        assert facts(self.screen() + self.frame(flags=flags) + self.frame() + b";").frames == 2

    @each_row(("aspect", "ratio"), [(0, None), (1, 0.25), (49, 1.0), (255, 270 / 64)])
    def test_pixel_ratio(self, aspect: int, ratio: float | None) -> None:
        assert facts(self.screen(aspect=aspect) + self.frame() + b";").pixel_aspect_ratio == ratio

    @each_row(("flags", "alpha"), [(0, False), (1, True), (0xFE, False), (0xFF, True)])
    def test_transparency_is_that_of_the_first_picture(self, flags: int, alpha: bool) -> None:
        assert facts(self.screen() + self.control(flags) + self.frame() + b";").has_alpha is alpha
        later = facts(self.screen() + self.frame() + self.control(flags) + self.frame() + b";")
        assert (later.has_alpha, later.frames) == (False, 2)
        assert facts(self.screen() + self.control(1) + self.control(flags) + self.frame() + b";").has_alpha is alpha

    @each_row("name", [b"NETSCAPE2.0", b"ANIMEXTS1.0"])
    def test_a_film_repeats_itself(self, name: bytes) -> None:
        loop = b"\x21\xff\x0b" + name + b"\x03\x01\0\0\0"
        long = self.frame(blocks=(255,) * 12)
        assert facts(self.screen() + loop + long + b";").notes == ("animated",)
        assert facts(self.screen() + loop + self.frame() + b";").notes == ()
        assert facts(self.screen() + self.frame() + loop + long).notes == ("animated",)
        assert facts(self.screen() + self.frame() + loop).notes == ("animated",)
        assert facts(self.screen() + loop + self.frame() + self.control(0)).notes == ("animated",)
        other = loop.replace(name, b"NETSCAPE3.0")
        assert facts(self.screen() + other + long + b";").notes == ()
        assert facts(self.screen() + b"\x21\xfe\x0b" + name + b"\0" + long + b";").notes == ()
        assert facts(self.screen() + self.frame(blocks=(255,) * 9) + b"\x21\xfe\x0b" + name + b"\0" + b"?").notes == ()
        assert facts(self.screen() + self.frame(blocks=(255,) * 9) + loop[:3] + b"SOMETHING.0" + loop[14:]).notes == ()

    @each_row("count", [1, 2, 3])
    def test_pictures_in_the_first_bytes_are_counted(self, count: int) -> None:
        media = facts(self.screen() + self.frame() * count + b";")
        assert (media.frames, media.notes) == (count, ("animated",) if count > 1 else ())
        open_end = facts(self.screen() + self.frame() * count)
        assert (open_end.frames, open_end.notes) == (None, ("animated",) if count > 1 else ())

    def test_what_is_no_block_ends_the_count(self) -> None:
        assert facts(self.screen() + self.frame() + b"?" + self.frame() + b";").frames is None
        assert facts(self.screen() + b"?" + self.frame() + b";").notes == ("bad_header",)

    @each_row(("length", "limited"), [(2500, False), (2600, True)])
    def test_the_first_picture_is_among_the_first_bytes(self, length: int, limited: bool) -> None:
        comment = b"\x21\xfe" + (b"\x63" + b"q" * 99) * (length // 100) + b"\0"
        media = facts(self.screen() + comment + self.frame() + b";")
        assert (media.notes == ("read_limit",), media.has_alpha is None) == (limited, limited)

    @each_row("cut", [3, 9])
    def test_a_file_that_ends_before_its_picture_is_cut(self, cut: int) -> None:
        assert facts(self.screen() + self.frame()[:cut]).notes == ("truncated",)
        assert facts(self.screen() + self.frame()[:10]).notes == ()
        assert facts(self.screen()[:12]).width is None


class TestWebp:
    @staticmethod
    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + pack("<I", len(data)) + data + b"\0" * (len(data) & 1)

    def riff(self, *chunks: bytes, more: int = 0) -> bytes:
        body = b"WEBP" + b"".join(chunks)
        return b"RIFF" + pack("<I", len(body) + more) + body

    def lossy(self, width: int = 7, height: int = 5, scale: int = 0, first: int = 0) -> bytes:
        frame = bytes((first, 7, 7)) + b"\x9d\x01\x2a" + pack("<HH", scale << 14 | width, scale << 14 | height)
        return self.chunk(b"VP8 ", frame + b"\7" * 20)

    def lossless(self, width: int = 7, height: int = 5, alpha: int = 0, mark: int = 0x2F) -> bytes:
        bits = width - 1 | height - 1 << 14 | alpha << 28
        return self.chunk(b"VP8L", bytes((mark,)) + pack("<I", bits) + b"\7" * 21)

    def extended(self, flags: int, width: int = 7, height: int = 5) -> bytes:
        canvas = bytes((flags, 7, 7, 7)) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        return self.chunk(b"VP8X", canvas)

    @each_row(("width", "height"), [(1, 1), (0x0102, 0x0304), (0x3FFF, 0x2FFF)])
    def test_sizes_of_14_bits(self, width: int, height: int) -> None:
        for scale in (0, 1, 3):
            media = facts(self.riff(self.lossy(width, height, scale)))
            assert (size(media), media.has_alpha, media.frames) == ((width, height), False, 1)
        for alpha in (0, 1):
            media = facts(self.riff(self.lossless(width, height, alpha)))
            assert (size(media), media.has_alpha) == ((width, height), bool(alpha))
        assert size(facts(self.riff(self.lossless(0x4000, 0x4000)))) == (0x4000, 0x4000)

    @each_row(("width", "height"), [(1, 1), (0x010203, 0x040506), (1 << 24, 1 << 24)])
    def test_canvas_of_24_bits(self, width: int, height: int) -> None:
        assert size(facts(self.riff(self.extended(0, width, height), self.lossy()))) == (width, height)

    @each_row(
        ("flags", "alpha", "frames", "notes"),
        [
            (0x10, True, 1, ()),
            (0xEF & ~0x0A, False, 1, ()),
            (0x02, False, None, ("animated",)),
            (0x12, True, None, ("animated",)),
        ],
    )
    def test_flags_of_the_canvas(self, flags: int, alpha: bool, frames: int | None, notes: tuple[str, ...]) -> None:
        media = facts(self.riff(self.extended(flags), self.lossy()))
        assert (media.has_alpha, media.frames, media.notes) == (alpha, frames, notes)

    def test_other_beginnings_are_a_bad_header(self) -> None:
        for picture in (
            self.lossy(first=1),
            self.lossless(mark=0x2E),
            self.lossy().replace(b"\x9d\x01\x2a", b"\x9d\x01\x2b"),
            self.lossy(0),
            self.lossy(7, 0),
        ):
            assert facts(self.riff(picture)).notes == ("bad_header",)

    @each_row(("missing", "notes"), [(-2, ("trailing_data",)), (-1, ()), (0, ()), (1, ("truncated",))])
    def test_the_file_is_as_long_as_it_states(self, missing: int, notes: tuple[str, ...]) -> None:
        assert facts(self.riff(self.lossy(), more=missing)).notes == notes

    @each_row("order", ["<", ">"])
    @each_row("length", [20, 21, 3000])
    def test_orientation_behind_the_picture(self, order: str, length: int) -> None:
        block = self.chunk(b"EXIF", exif(6, order))
        picture = self.chunk(b"VP8 ", self.lossy()[8:18] + bytes(length))
        media = facts(self.riff(self.extended(8), picture, block))
        assert (size(media), media.orientation) == ((5, 7), 6)
        assert facts(self.riff(self.extended(0), picture, block)).orientation is None
        assert facts(self.riff(self.extended(8), picture)).orientation is None
        assert facts(self.riff(self.extended(8), picture) + block).orientation is None

    @each_row(("count", "limited"), [(62, False), (64, True)])
    def test_64_chunks_are_looked_at_for_orientation(self, count: int, limited: bool) -> None:
        data = self.riff(self.extended(8), *[self.chunk(b"ABCD", b"xxx")] * count, self.chunk(b"EXIF", exif(6)))
        media = facts(data)
        assert (media.orientation == 6, "read_limit" in media.notes) == (not limited, limited)

    @each_row(("before", "found"), [(0, True), (63, True), (64, False)])
    def test_64_chunks_are_looked_at_for_the_picture(self, before: int, found: bool) -> None:
        media = facts(self.riff(*[self.chunk(b"ABCD", b"x" * 19)] * before, self.lossy()))
        assert (media.width == 7) is found

    def test_orientation_of_a_film_is_in_the_last_bytes(self) -> None:
        frames = [self.chunk(b"ANMF", b"x" * 301)] * 20
        block = self.chunk(b"EXIF", exif(6))
        for behind, found in (
            (b"", True),
            (self.chunk(b"XMP ", b"x" * 301), True),
            (self.chunk(b"XMP ", b"x" * 2000), False),
        ):
            data = self.riff(self.extended(0x0A), *frames, block, behind)
            assert facts(data).orientation == (6 if found else None)
        assert facts(self.riff(self.extended(0x0A), *frames, block, b"??")).orientation is None

    @each_row(("picture", "least"), [("lossy", 30), ("lossless", 25)])
    def test_a_cut_first_chunk(self, picture: str, least: int) -> None:
        data = self.riff(getattr(self, picture)())
        assert facts(data[:least]).width == 7
        assert facts(data[: least - 1]).width is None


def part(kind: bytes, data: bytes = b"") -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))


def png(
    *before: bytes,
    width: int = 7,
    height: int = 5,
    depth: int = 8,
    colour: int = 2,
    data: bytes = b"",
    behind: bytes = b"",
) -> bytes:
    header = part(b"IHDR", pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + (data or part(b"IDAT", b"x" * 20)) + behind + part(b"IEND")
    )


class TestPng:
    @each_row(("width", "height"), [(0x01020304, 0x05060708), (1, 1), (0xFFFFFFFF, 1)])
    def test_size_of_32_bits(self, width: int, height: int) -> None:
        media = facts(png(width=width, height=height))
        assert (size(media), media.notes) == ((width, height), ())

    @each_row(("width", "height"), [(0, 5), (7, 0)])
    def test_a_size_of_zero_is_a_bad_header(self, width: int, height: int) -> None:
        media = facts(png(width=width, height=height))
        assert (size(media), media.notes) == ((width or None, height or None), ("bad_header",))

    def test_depths_that_go_with_a_colour_type(self) -> None:
        allowed = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
        for colour in range(8):
            for depth in range(18):
                media = facts(png(colour=colour, depth=depth))
                assert (media.notes == ()) is (depth in allowed.get(colour, ())), (colour, depth)
                assert media.has_alpha is bool(colour & 4)

    def test_a_wrong_checksum_is_a_bad_header(self) -> None:
        data = png()
        for at in range(29, 33):
            assert facts(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]).notes == ("bad_header",)

    def test_transparency_in_a_chunk_of_its_own(self) -> None:
        assert facts(png(part(b"tRNS", b"\0\0"))).has_alpha is True
        assert facts(png(data=part(b"IDAT", b"x") + part(b"tRNS", b"\0\0"))).has_alpha is False

    @each_row(
        ("across", "down", "ratio"),
        [
            (0x01020304, 0x02030405, 0x01020304 / 0x02030405),
            (0, 1, None),
            (1, 0, None),
            (0x7FFFFFFF, 1, 0x7FFFFFFF),
            (0x80000000, 1, None),
            (1, 0x80000000, None),
        ],
    )
    def test_pixel_ratio(self, across: int, down: int, ratio: float | None) -> None:
        assert facts(png(part(b"pHYs", pack(">IIB", across, down, 1)))).pixel_aspect_ratio == ratio
        first = part(b"pHYs", pack(">IIB", 2, 1, 1))
        assert facts(png(first, part(b"pHYs", pack(">IIB", across, down, 1)))).pixel_aspect_ratio == 2.0
        assert facts(png(part(b"pHYs", pack(">IH", 2, 1)))).pixel_aspect_ratio is None

    def test_chromaticities_are_numbers_of_32_bits(self) -> None:
        srgb = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
        assert facts(png(part(b"cHRM", pack(">8I", *srgb)))).primaries == "bt709"
        for place in range(2, 8):
            other = pack(">8I", *(number + (0x01000000 if at == place else 0) for at, number in enumerate(srgb)))
            assert facts(png(part(b"cHRM", other))).primaries == "other"

    @each_row(("frames", "notes"), [(1, ()), (2, ("animated",)), (0x01020304, ("animated",))])
    def test_frames_of_an_animation(self, frames: int, notes: tuple[str, ...]) -> None:
        media = facts(png(part(b"acTL", pack(">II", frames, 0))))
        assert (media.frames, media.notes) == (frames, notes)
        assert facts(png(part(b"acTL", pack(">II", 2, 0)), part(b"acTL", pack(">II", 3, 0)))).frames == 2

    @each_row("order", ["<", ">"])
    def test_orientation_before_and_behind_the_picture(self, order: str) -> None:
        block = part(b"eXIf", exif(6, order))
        for data in (
            png(block),
            png(behind=block),
            png(behind=part(b"tEXt", b"a\0b") + block),
            png(block, part(b"eXIf", exif(3))),
        ):
            media = facts(data)
            assert (size(media), media.orientation, media.notes) == ((5, 7), 6, ())

    @each_row("name", [b"Raw profile type exif\0", b"Raw profile type APP1\0"])
    def test_orientation_in_a_raw_profile(self, name: bytes) -> None:
        text = b"\nexif\n      40\n" + exif(6).hex().encode()
        lines = b"\n".join(text[at : at + 40] for at in range(0, 0, 40)) or text
        for chunk in (part(b"tEXt", name + lines), part(b"zTXt", name + b"\0" + zlib.compress(lines))):
            assert facts(png(chunk)).orientation == 6
        assert facts(png(part(b"tEXt", b"Raw profile type iptc\0" + text))).orientation is None
        assert facts(png(part(b"zTXt", name + b"\0" + b"????"))).orientation is None
        assert facts(png(part(b"tEXt", name + b"\nexif\n 40\nxyz"))).orientation is None
        odd = b"\nexif\n      40\n" + exif(6).hex().encode() + b"4"
        assert facts(png(part(b"tEXt", name + odd))).orientation == 6
        assert facts(png(part(b"tEXt", name + text), part(b"eXIf", exif(3)))).orientation == 3

    @each_row("lengths", [[20], [20, 20, 20, 7], [20] * 40, [20] * 40 + [1], [20, 30, 20, 30], [30, 20, 20]])
    def test_chunks_behind_picture_data_of_any_lengths(self, lengths: list[int]) -> None:
        data = b"".join(part(b"IDAT", b"x" * length) for length in lengths)
        block = part(b"eXIf", exif(6))
        for make in (facts, lambda data: probe(RemoteSource(data))):
            assert make(png(data=data)).notes == ()
            assert make(png(data=data, behind=block)).orientation == 6
            assert make(png(data=data, behind=part(b"tEXt", b"x" * 90) + block)).orientation == 6
            assert make(png(data=data)[:-12]).notes == ("truncated",)
            assert make(png(data=data)[:-20]).notes == ("truncated",)

    def test_bytes_behind_the_end_are_noted(self) -> None:
        assert facts(png(data=part(b"IDAT", b"x" * 20) * 2) + b"?" * 5).notes == ("trailing_data",)
        assert facts(png(behind=part(b"tEXt", b"x")) + b"?").notes == ("trailing_data",)

    def test_apples_halves_are_found_by_their_offset(self) -> None:
        first, second = part(b"IDAT", b"x" * 400), part(b"IDAT", b"y" * 300) * 3
        mark = part(b"iDOT", pack(">7I", 2, 0, 7, 40, 7, 7, len(first) + 40))
        media = facts(png(part(b"CgBI", b"1234"), mark, data=first + second, behind=part(b"eXIf", exif(6))))
        assert (media.orientation, media.notes) == (6, ("apple_cgbi",))

    def test_a_chunk_that_is_none_ends_the_header(self) -> None:
        for wrong in (b"\x80\0\0\0tEXt", b"\0\0\0\1tE1t"):
            data = png()[:33] + wrong + bytes(90)
            assert facts(data).notes == ("bad_header",)
        longest = png()[:33] + b"\x7f\xff\xff\xfftEXt" + bytes(90)
        assert facts(longest).notes == ("truncated",)

    def test_a_cut_header_keeps_whole_numbers(self) -> None:
        assert (facts(png()[:23]).width, facts(png()[:23]).notes) == (None, ("truncated",))
        assert (facts(png()[:24]).width, facts(png()[:24]).has_alpha) == (7, None)
        assert facts(png()[:33]).has_alpha is False

    @each_row(("tail", "found"), [(900, True), (1100, False)])
    def test_orientation_of_a_film_is_in_the_last_bytes(self, tail: int, found: bool) -> None:
        control = part(b"acTL", pack(">II", 2, 0))
        block = part(b"eXIf", exif(6))
        media = facts(
            png(control, behind=part(b"fdAT", b"x" * 900) + block + part(b"tEXt", b"x" * (tail - len(block))))
        )
        assert (media.orientation, media.notes) == (6 if found else None, ("animated",))
        assert facts(png(control)[:-4]).notes == ("truncated", "animated")


def marked(marker: int, data: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(data) + 2) + data


def frame(width: int = 7, height: int = 5, depth: int = 8, components: int = 3, marker: int = 0xC0) -> bytes:
    return marked(marker, pack(">BHHB", depth, height, width, components) + b"\1\x11\0" * components)


SCAN = marked(0xDA, b"\1\1\0\0\x3f\0")
END = b"x" * 20 + b"\xff\xd9"


def jpeg(*segments: bytes, before: bytes = b"", scan: bytes = SCAN + END) -> bytes:
    return before + b"\xff\xd8" + b"".join(segments) + scan


class TestJpeg:
    @each_row(("width", "height"), [(0x0102, 0x0304), (65535, 65535), (1, 1)])
    def test_size_of_the_frame(self, width: int, height: int) -> None:
        media = facts(jpeg(frame(width, height)))
        assert (size(media), media.notes) == ((width, height), ())

    def test_markers_of_frames(self) -> None:
        frames = {*range(0xC0, 0xD0), 0xDE, 0xF7} - {0xC4, 0xC8, 0xCC}
        for marker in range(0xC0, 0xFF):
            if not 0xD0 <= marker <= 0xDA:
                media = facts(jpeg(frame(marker=marker)))
                assert (media.width == 7) is (marker in frames), hex(marker)
                if marker in frames:
                    assert (media.notes == ()) is (marker in (0xC0, 0xC1, 0xC2)), hex(marker)

    @each_row(
        ("depth", "components", "notes"),
        [
            (8, 1, ()),
            (8, 3, ()),
            (12, 3, ("uncommon_coding",)),
            (8, 4, ("cmyk",)),
            (16, 4, ("uncommon_coding", "cmyk")),
        ],
    )
    def test_depth_and_components(self, depth: int, components: int, notes: tuple[str, ...]) -> None:
        assert facts(jpeg(frame(depth=depth, components=components))).notes == notes

    def test_a_frame_whose_length_does_not_fit_is_none(self) -> None:
        for data in (frame()[:-1] + b"", frame() + b"?"):
            wrong = data[:2] + pack(">H", len(data) - 2) + data[4:]
            assert facts(jpeg(wrong)).width is None
        assert size(facts(jpeg(frame(), frame(9, 9)))) == (7, 5)

    @each_row("order", ["<", ">"])
    def test_the_first_exif_block_counts(self, order: str) -> None:
        block = marked(0xE1, b"Exif\0\0" + exif(6, order))
        other = marked(0xE1, b"Exif\0\0" + exif(3))
        for segments in (
            (block, frame()),
            (frame(), block),
            (block, other, frame()),
            (marked(0xE1, b"Exif\0\0??"), block, frame()),
        ):
            media = facts(jpeg(*segments))
            assert (size(media), media.orientation) == ((5, 7), 6)
        assert facts(jpeg(marked(0xE2, b"Exif\0\0" + exif(6)), frame())).orientation is None

    @each_row(("across", "down", "ratio"), [(0x0102, 0x0304, 0x0102 / 0x0304), (0, 1, None), (1, 0, None)])
    def test_pixel_ratio_of_jfif(self, across: int, down: int, ratio: float | None) -> None:
        segment = marked(0xE0, b"JFIF\0\1\2\1" + pack(">HH", across, down) + b"\0\0")
        assert facts(jpeg(segment, frame())).pixel_aspect_ratio == ratio
        assert facts(jpeg(marked(0xE0, b"JFXX\0\1\2\1" + pack(">HH", 2, 1)), frame())).pixel_aspect_ratio is None
        assert facts(jpeg(marked(0xE1, b"JFIF\0\1\2\1" + pack(">HH", 2, 1)), frame())).pixel_aspect_ratio is None

    @each_row(
        ("marker", "data", "note"),
        [
            (0xE2, b"MPF\0", "multi_picture"),
            (0xE2, b"urn:iso:std:iso:ts:21496:-1\0", "gain_map"),
            (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x xmlns='http://ns.adobe.com/hdr-gain-map/1.0/'>", "gain_map"),
            (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>", None),
            (0xE1, b"MPF\0", None),
            (0xE2, b"http://ns.adobe.com/xap/1.0/\0http://ns.adobe.com/hdr-gain-map/", None),
            (0xE3, b"MPF\0", None),
        ],
    )
    def test_further_pictures_are_noted(self, marker: int, data: bytes, note: str | None) -> None:
        assert facts(jpeg(marked(marker, data + b"?" * 40), frame())).notes == ((note,) if note else ())

    @each_row(("lead", "found"), [(b"?" * 9, True), (b"\1" * 500, True), (b"\1" * 520, False)])
    def test_foreign_bytes_before_the_start(self, lead: bytes, found: bool) -> None:
        media = facts(jpeg(frame(), before=lead))
        assert (media.width == 7) is found
        if found:
            assert media.notes == ("leading_garbage",)

    def test_fill_bytes_and_restarts_between_segments_are_skipped(self) -> None:
        for filler in (b"\xff", b"\xff" * 30, b"\xff\xd0", b"\xff\xd7" * 3):
            assert facts(jpeg(filler, frame())).notes == ()

    @each_row(("count", "notes"), [(1, ("bad_header",)), (64, ("bad_header",)), (65, ("bad_header", "read_limit"))])
    def test_damage_between_segments_is_noted(self, count: int, notes: tuple[str, ...]) -> None:
        damaged = (b"??" + marked(0xE5, b"xx")) * count
        assert facts(jpeg(marked(0xE5, b""), damaged, frame())).notes == notes

    @each_row(("gap", "found"), [(65_000, True), (66_000, False)])
    def test_a_gap_of_64_kib_is_searched(self, gap: int, found: bool) -> None:
        assert (facts(jpeg(marked(0xE5, b"x"), b"?" * gap, frame())).width == 7) is found

    @each_row("end", [b"\xff\xd9", b"\xff\xd8"])
    def test_an_end_before_the_scan_is_a_bad_header(self, end: bytes) -> None:
        assert facts(jpeg(marked(0xE5, b"x"), end, frame())).notes == ("bad_header",)
        assert facts(jpeg(frame(), scan=b"")).notes == ("truncated",)

    def test_the_height_may_stand_behind_the_scan(self) -> None:
        lines = b"\xff\xdc\0\4\x01\x02"
        for data in (b"x" * 20, b"\xff\0" * 90, b"x" * 200_000, b"\xff\xd3" * 40):
            media = facts(jpeg(frame(7, 0), scan=SCAN + data + lines + END))
            assert size(media) == (7, 0x0102)
        for wrong in (b"\xff\xdc\0\5\x01\x02", b"\xff\xda\0\4\x01\x02"):
            assert facts(jpeg(frame(7, 0), scan=SCAN + b"x" * 20 + wrong + END)).height is None
        assert facts(jpeg(frame(7, 0), scan=SCAN + b"x" * 20)).height is None

    @each_row("length", [10, 1000, 1100, 5000, 200_000])
    def test_a_file_that_ends_in_its_scan_is_cut(self, length: int) -> None:
        coded = bytes(range(255)) * (length // 255) + bytes(range(length % 255))
        coded = coded.replace(b"\xff", b"\xff\0")
        coded = b"\xff\0".join(coded[at : at + 300] for at in range(0, len(coded), 300)) + b"\xff\0x"
        assert facts(jpeg(frame(), scan=SCAN + coded)).notes == ("truncated",)
        assert facts(jpeg(frame(), scan=SCAN + coded + b"\xff\xd9")).notes == ()
        assert facts(jpeg(frame(), scan=SCAN + coded + b"\xff\xd9" + b"?" * 3000)).notes == ()
        assert facts(jpeg(frame(), scan=SCAN + b"\xff\xd9" + coded)).notes == ()

    def test_a_plain_picture_costs_its_head_and_its_end(self) -> None:
        _, source = counted(jpeg(frame(), scan=SCAN + b"x" * 100_000 + b"\xff\xd9"))
        assert len(source.distant) == 1

    @each_row(("count", "limited"), [(16_382, False), (16_384, True)])
    def test_segments_are_bounded(self, count: int, limited: bool) -> None:
        media = facts(jpeg(frame(), marked(0xE5, b"") * count))
        assert ("read_limit" in media.notes) is limited
