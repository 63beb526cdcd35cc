"""HEIF and AVIF: every width of the item tables, properties in their order, and the tracks of sequences."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from struct import pack

from probing import facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._heif import ALPHA, Item, box, clap, full, grid, heif, imir, irot, ispe, overlay

from preflight.media import Media
from preflight.probes import probe
from preflight.probes.isobmff import MAX_BOXES
from preflight.sources.memory import MemorySource
from tests.rows import each_row

SIZE = (0x010203, 0x040506)
"""A size of which each byte is another."""


def plain(*properties: bytes, kind: bytes = b"hvc1", hidden: bool = False) -> Item:
    return Item(kind, b"x" * 40, (ispe(*SIZE), *properties), hidden)


def stored(media: Media) -> tuple[int | None, int | None]:
    return media.stored_width, media.stored_height


def shown(media: Media) -> tuple[int | None, int | None]:
    return media.width, media.height


class TestBrands:
    @each_row(
        ("brands", "kind", "name"),
        [
            ((b"heic",), b"hvc1", "heic"),
            ((b"heim",), b"hvc1", "heic"),
            ((b"hevs",), b"hvc1", "heic"),
            ((b"avif",), b"av01", "avif"),
            ((b"avio",), b"av01", "avif"),
            ((b"mif1",), b"hvc1", "heic"),
            ((b"mif1",), b"hev1", "heic"),
            ((b"mif1",), b"avc1", "heif"),
            ((b"mif2", b"heic"), b"avc1", "heif"),
            ((b"vvic", b"heic"), b"avc1", "heic"),
            ((b"vvic", b"avif"), b"avc1", "avif"),
            ((b"avci",), b"avc1", "heif"),
        ],
    )
    def test_format_by_brand_and_coding(self, brands: tuple[bytes, ...], kind: bytes, name: str) -> None:
        assert facts(heif(plain(kind=kind), brands=(brands[0], *brands))).format == name

    def test_only_av1_outside_of_avif_is_noted(self) -> None:
        assert facts(heif(plain(kind=b"av01"))).notes == ("av1_coded",)
        assert facts(heif(plain(kind=b"av01"), brands=(b"avif", b"avif"))).notes == ()
        assert facts(heif(plain(kind=b"avc1"))).notes == ()


class TestItemTables:
    @each_row("wide", [False, True])
    def test_numbers_of_items_have_two_or_four_bytes(self, wide: bool) -> None:
        items = [plain(hidden=True)] * 300 + [Item(b"hvc1", b"x", (ispe(7, 9),))]
        media = facts(heif(*items, primary=301, wide=wide))
        assert (stored(media), media.frames) == ((7, 9), 1)

    def test_large_numbers_of_items_are_told_apart(self) -> None:
        data = heif(plain(), wide=True)
        for kind, skip in ((b"pitm", 4), (b"infe", 4), (b"ipma", 8)):
            at = data.index(kind) + 4 + skip
            data = data[:at] + pack(">I", 0x01020304) + data[at + 4 :]
        assert stored(facts(data)) == SIZE
        at = data.index(b"pitm") + 8
        for other in (0x01020300, 0x01000304, 0x00020304):
            assert stored(facts(data[:at] + pack(">I", other) + data[at + 4 :])) == (None, None)

    def test_without_a_primary_item_there_is_no_size(self) -> None:
        media = facts(heif(plain(), primary=None))
        assert (stored(media), media.has_alpha, media.notes) == ((None, None), None, ("bad_header",))

    def test_the_table_of_items_has_two_widths(self) -> None:
        """ISO/IEC 14496-12 8.11.6: versions 2 and 3 of an entry, 0 and 1 of the table."""
        for table, entry in product((0, 1), (2, 3)):
            number = pack(">I", 1) if entry == 3 else pack(">H", 1)
            infe = full(b"infe", entry, 0, number, pack(">H", 0), b"hvc1", b"\0")
            iinf = full(b"iinf", table, 0, pack(">I", 1) if table else pack(">H", 1), infe)
            data = heif(plain())
            at = data.index(b"iinf") - 4
            old = int.from_bytes(data[at : at + 4], "big")
            assert facts(resized(data, at, old, iinf)).frames == 1
            hidden = infe.replace(b"infe" + bytes((entry,)) + b"\0\0\0", b"infe" + bytes((entry,)) + b"\0\0\1")
            more = full(b"iinf", table, 0, pack(">I", 2) if table else pack(">H", 2), infe, hidden)
            assert facts(resized(data, at, old, more)).encrypted is False

    @each_row(("protection", "encrypted"), [(0, False), (1, True), (0x0100, True)])
    @each_row("wide", [False, True])
    def test_a_protected_item_is_encrypted(self, protection: int, encrypted: bool, wide: bool) -> None:
        data = heif(plain(), wide=wide)
        at = data.index(b"infe") + 8 + (4 if wide else 2)
        assert facts(data[:at] + pack(">H", protection) + data[at + 2 :]).encrypted is encrypted

    @each_row(
        ("version", "length", "read"), [(2, 12, True), (2, 11, False), (3, 14, True), (3, 13, False), (3, 12, False)]
    )
    def test_an_entry_may_lack_its_name_and_nothing_else(self, version: int, length: int, read: bool) -> None:
        body = pack(">B3x" + ("I" if version == 3 else "H") + "H4s", version, 1, 0, b"hvc1")[:length]
        data = heif(plain())
        at = data.index(b"iinf") - 4
        iinf = full(b"iinf", 0, 0, pack(">H", 1), box(b"infe", body))
        media = facts(resized(data, at, int.from_bytes(data[at : at + 4], "big"), iinf))
        assert media.frames == (1 if read else None)

    def test_a_number_is_followed_by_other_bytes(self) -> None:
        data = heif(plain())
        at = data.index(b"pitm") - 4
        pitm = full(b"pitm", 0, 0, pack(">H", 1), b"\7")
        assert stored(facts(resized(data, at, int.from_bytes(data[at : at + 4], "big"), pitm))) == SIZE

    def test_tables_that_end_early_list_nothing(self) -> None:
        for table, version, left in (
            (b"iloc", 0, 8),
            (b"iloc", 1, 10),
            (b"iloc", 1, 11),
            (b"ipma", 0, 7),
            (b"ipma", 0, 3),
        ):
            data = heif(Item(b"grid", grid(2, 1, *SIZE), (), inside=True))
            at = data.rindex(table) - 4
            cut = box(table, bytes((version,)) + data[at + 9 : at + 8 + left])
            media = facts(resized(data, at, int.from_bytes(data[at : at + 4], "big"), cut))
            assert (stored(media), media.frames) == ((None, None), 1)

    @each_row(("children", "limited"), [(63, False), (64, True)])
    def test_a_large_table_has_64_parts(self, children: int, limited: bool) -> None:
        data = heif(plain())
        at = data.index(b"meta") + 8
        there = sum(data.count(kind) for kind in (b"hdlr", b"pitm", b"iinf", b"iprp", b"iloc"))
        filler = box(b"free", bytes(70_000)) + box(b"free") * (children - there - 1)
        media = facts(resized(data, at, 0, filler))
        assert (stored(media) == SIZE, media.notes == ("read_limit",)) == (not limited, limited)

    def test_what_follows_a_large_table_is_not_a_part_of_it(self) -> None:
        data = heif(plain())
        data = resized(data, data.index(b"meta") + 8, 0, box(b"free", bytes(70_000)))
        at = data.index(b"mdat") - 4
        assert stored(facts(data[:at] + full(b"pitm", 0, 0, pack(">H", 2)) + data[at:])) == SIZE

    def test_entries_of_old_versions_name_no_picture(self) -> None:
        data = heif(plain())
        at = data.index(b"infe") + 4
        for version in (0, 1, 4):
            media = facts(data[:at] + bytes((version,)) + data[at + 1 :])
            assert (media.frames, media.encrypted) == (None, None)


def resized(data: bytes, at: int, length: int, new: bytes) -> bytes:
    """`new` in place of `length` bytes at `at`, inside of `meta`, which grows; the picture's place is not corrected."""
    place = data.index(b"meta") - 4
    size = int.from_bytes(data[place : place + 4], "big") + len(new) - length
    return data[:place] + pack(">I", size) + data[place + 4 : at] + new + data[at + length :]


class TestProperties:
    @each_row("wide", [False, True])
    @each_row("count", [1, 60, 126])
    def test_properties_are_named_by_their_place(self, wide: bool, count: int) -> None:
        fillers = tuple(box(b"free", bytes((number,))) for number in range(count))
        item = Item(b"hvc1", b"x", (*fillers, ispe(*SIZE), irot(1)))
        media = facts(heif(item, wide=wide or count > 125))
        assert (stored(media), shown(media), media.rotation) == (SIZE, SIZE[::-1], 270)

    def test_places_above_127_need_two_bytes(self) -> None:
        fillers = tuple(box(b"free", pack(">H", number)) for number in range(300))
        others = [Item(b"hvc1", b"x", fillers[first : first + 100], hidden=True) for first in (0, 100, 200)]
        media = facts(heif(*others, Item(b"hvc1", b"x", (ispe(*SIZE),)), primary=4, wide=True))
        assert stored(media) == SIZE

    @each_row(
        ("turns", "rotation"),
        [((0,), 0), ((1,), 270), ((2,), 180), ((3,), 90), ((1, 1), 180), ((3, 3), 180), ((5,), 270)],
    )
    def test_quarter_turns_count_against_the_clock(self, turns: tuple[int, ...], rotation: int) -> None:
        media = facts(heif(plain(*map(irot, turns))))
        assert media.rotation == rotation
        assert shown(media) == (SIZE[::-1] if sum(turns) % 2 else SIZE)

    def test_properties_apply_in_their_order(self) -> None:
        assert shown(facts(heif(plain(clap(100, 30), irot(1))))) == (30, 100)
        assert shown(facts(heif(plain(irot(1), clap(100, 30))))) == (100, 30)
        assert shown(facts(heif(plain(imir(0), clap(100, 30), imir(1))))) == (100, 30)

    @each_row(
        ("fractions", "size"),
        [
            ((199, 2, 61, 2), (100, 31)),
            ((197, 2, 59, 2), (99, 30)),
            ((100, 3, 101, 3), (33, 34)),
            ((1, 3, 30, 1), None),
            ((100, 0, 30, 1), None),
            ((100, 1, 30, 0), None),
            ((0x01000000, 1, 30, 1), (SIZE[0], 30)),
            ((100, 1, 0x01000000, 1), (100, SIZE[1])),
        ],
    )
    def test_a_clean_aperture_is_rounded_to_pixels(
        self, fractions: tuple[int, ...], size: tuple[int, int] | None
    ) -> None:
        aperture = box(b"clap", pack(">8I", *fractions, 0, 1, 0, 1))
        assert shown(facts(heif(plain(aperture)))) == (size or SIZE)

    def test_a_cut_aperture_is_not_applied(self) -> None:
        assert shown(facts(heif(plain(box(b"clap", pack(">4I", 100, 1, 30, 1)))))) == (100, 30)
        assert shown(facts(heif(plain(box(b"clap", pack(">4I", 100, 1, 30, 1)[:15]))))) == SIZE

    @each_row(("width", "height"), [(0, 9), (9, 0)])
    def test_an_extent_of_zero_is_no_size(self, width: int, height: int) -> None:
        assert stored(facts(heif(Item(b"hvc1", b"x", (ispe(width, height),))))) == (None, None)


class TestDerivedPictures:
    @each_row(
        ("payload", "kind", "size"),
        [
            (grid(2, 1, *SIZE), b"grid", SIZE),
            (pack(">4B2H", 0, 0, 0, 1, 0x0102, 0x0304), b"grid", (0x0102, 0x0304)),
            (pack(">4B2H", 0, 2, 0, 1, 0x0102, 0x0304), b"grid", (0x0102, 0x0304)),
            (pack(">4B2I", 0, 3, 0, 1, *SIZE), b"grid", SIZE),
            (pack(">4B2I", 0, 1, 0, 1, 0, 9), b"grid", None),
            (pack(">4B2I", 0, 1, 0, 1, 9, 0), b"grid", None),
            (overlay(0x0102, 0x0304, (0, 0)), b"iovl", (0x0102, 0x0304)),
            (pack(">2B4H2I", 0, 1, 7, 7, 7, 7, *SIZE), b"iovl", SIZE),
        ],
    )
    @each_row("inside", [False, True])
    def test_grids_and_overlays_state_their_size(
        self, payload: bytes, kind: bytes, size: tuple[int, int] | None, inside: bool
    ) -> None:
        whole = Item(kind, payload, (), False, inside)
        data = heif(whole, plain(hidden=True), references=((b"dimg", 1, 2),))
        assert stored(facts(data)) == (size or (None, None))

    @each_row("cut", range(1, 8))
    def test_a_cut_grid_states_no_size(self, cut: int) -> None:
        whole = pack(">4B2H", 0, 0, 0, 1, 0x0102, 0x0304)
        assert stored(facts(heif(Item(b"grid", whole)))) == (0x0102, 0x0304)
        assert stored(facts(heif(Item(b"grid", whole[:-cut])))) == (None, None)

    @each_row("inside", [False, True])
    @each_row("width", [0, 4, 8])
    def test_the_place_of_a_size_may_follow_an_index(self, inside: bool, width: int) -> None:
        data = heif(
            Item(b"grid", grid(2, 1, *SIZE), (), False, inside), plain(hidden=True), references=((b"dimg", 1, 2),)
        )
        at = data.index(b"iloc") - 4
        length = int.from_bytes(data[at : at + 4], "big")
        place = 0 if inside else data.index(grid(2, 1, *SIZE)) + width - 16  # the second of two rows is left out
        row = pack(">HHHH", 1, inside, 0, 1) + b"\7" * width + pack(">II", place, 16)
        iloc = full(b"iloc", 1, 0, bytes((0x44, width)), pack(">H", 1), row)
        assert stored(facts(resized(data, at, length, iloc))) == SIZE

    @each_row(("place", "read"), [((1 << 62) - 1, True), (1 << 62, False), ((1 << 64) - 1, False)])
    def test_a_place_that_no_file_has_is_not_read(self, place: int, read: bool) -> None:
        asked = []

        class Asked(MemorySource):
            def read_at(self, offset: int, length: int) -> bytes:
                asked.append(offset)
                return super().read_at(offset, length)

        data = heif(Item(b"grid", grid(2, 1, *SIZE)), plain(hidden=True), references=((b"dimg", 1, 2),))
        at = data.index(b"iloc") - 4
        iloc = full(b"iloc", 0, 0, b"\x84\0", pack(">HHHHQI", 1, 1, 0, 1, place, 16))
        probe(Asked(resized(data, at, int.from_bytes(data[at : at + 4], "big"), iloc)))
        assert (place in asked) is read

    @each_row(("depth", "found"), [(6, True), (7, True), (8, False)])
    def test_wrapped_pictures_are_followed_eight_deep(self, depth: int, found: bool) -> None:
        wraps = [Item(b"iden", b"x")] * depth
        references = tuple((b"dimg", number, number + 1) for number in range(1, depth + 1))
        media = facts(heif(*wraps, plain(), references=references))
        assert stored(media) == (SIZE if found else (None, None))

    @each_row("wide", [False, True])
    def test_a_picture_counts_once_with_its_tiles_and_thumbnails(self, wide: bool) -> None:
        items = [Item(b"grid", grid(2, 1, *SIZE), (ispe(*SIZE),)), plain(), plain(), plain(), plain()]
        references = ((b"dimg", 1, range(2, 4)), (b"thmb", 4, 1))
        assert facts(heif(*items, references=references, wide=wide)).frames == 2
        assert facts(heif(*items, references=(*references, (b"cdsc", 5, 1)), wide=wide)).frames == 2
        assert facts(heif(*items, references=(*references, (b"auxl", 5, 1)), wide=wide)).frames == 1
        assert facts(heif(*items, references=(*references, (b"auxl", 5, range(0))), wide=wide)).frames == 1

    def test_the_picture_itself_counts_though_it_is_a_part_of_another(self) -> None:
        items = [Item(b"grid", grid(1, 1, *SIZE), (ispe(*SIZE),)), plain()]
        assert facts(heif(*items, primary=2, references=((b"dimg", 1, 2),))).frames == 2

    def test_hidden_pictures_and_other_items_do_not_count(self) -> None:
        assert facts(heif(plain(), plain(), plain(hidden=True), Item(b"Exif", b"x"))).frames == 2
        assert facts(heif(plain(hidden=True))).frames == 1

    def test_targets_of_a_reference_are_those_that_are_there(self) -> None:
        data = heif(Item(b"grid", b"x", (ispe(*SIZE),)), plain(), plain(), references=((b"dimg", 1, range(2, 4)),))
        assert facts(data).frames == 1
        at = data.index(b"dimg") + 6
        assert facts(data[:at] + b"\0\1" + data[at + 2 :]).frames == 2
        assert facts(data[:at] + b"\xff\xff" + data[at + 2 :]).frames == 1


class TestAlpha:
    @each_row(
        ("name", "alpha"),
        [
            (ALPHA, True),
            (b"urn:mpeg:hevc:2015:auxid:1\0more", True),
            (b"urn:mpeg:avc:2015:auxid:1", True),
            (b"urn:mpeg:hevc:2015:auxid:2\0", False),
            (b"\0" + ALPHA, False),
        ],
    )
    @each_row("wide", [False, True])
    def test_an_auxiliary_picture_of_alpha(self, name: bytes, alpha: bool, wide: bool) -> None:
        plane = plain(full(b"auxC", 0, 0, name))
        assert facts(heif(plain(), plane, references=((b"auxl", 2, 1),), wide=wide)).has_alpha is alpha
        assert facts(heif(plain(), plane, plain(), references=((b"auxl", 2, 3),), wide=wide)).has_alpha is False
        assert facts(heif(plain(), plane, references=((b"thmb", 2, 1),), wide=wide)).has_alpha is False

    @each_row(
        ("components", "alpha"),
        [
            (pack(">I2H", 2, 4, 7), True),
            (pack(">I2H", 1, 4, 7), False),
            (pack(">I2H", 2, 4, 0x0700), False),
            (pack(">IH", 2, 0x8000) + b"u\0" + pack(">H", 7), True),
            (pack(">IH", 2, 0x7FFF) + b"u\0" + pack(">H", 7), False),
            (pack(">IH", 9, 0x8000) + b"uuu", False),
            (pack(">I", 0) + pack(">H", 7), False),
            (pack(">IH", 2, 4) + b"\7", False),
        ],
    )
    def test_components_of_uncompressed_pictures(self, components: bytes, alpha: bool) -> None:
        item = plain(box(b"cmpd", components), kind=b"unci")
        assert facts(heif(item, brands=(b"mif1", b"mif1"))).has_alpha is alpha

    @each_row(("profile", "alpha"), [(b"rgba", True), (b"abgr", True), (b"rgb3", False)])
    def test_profiles_of_uncompressed_pictures(self, profile: bytes, alpha: bool) -> None:
        item = plain(full(b"uncC", 0, 0, profile, bytes(4)), kind=b"unci")
        assert facts(heif(item, brands=(b"mif1", b"mif1"))).has_alpha is alpha


def located(
    version: int, sizes: tuple[int, int, int, int], extents: list[tuple[int, int]], base: int, missing: int
) -> Media:
    """A picture whose place is listed with these widths of offset, length, base and index, `missing` bytes cut off."""
    offset_size, length_size, base_size, index_size = sizes

    def whole(start: int) -> bytes:
        row = pack(">I" if version == 2 else ">H", 1) + (b"\0\0" if version else b"") + b"\0\0"
        row += base.to_bytes(base_size, "big") + pack(">H", len(extents))
        for at, length in extents:
            row += b"\7" * (index_size if version else 0)
            row += (start + at - (base if base_size else 0)).to_bytes(offset_size, "big")
            row += length.to_bytes(length_size, "big")
        widths = bytes((offset_size << 4 | length_size, base_size << 4 | index_size))
        iloc = full(b"iloc", version, 0, widths, pack(">I" if version == 2 else ">H", 1), row)
        data = heif(plain())
        at = data.index(b"iloc") - 4
        return resized(data, at, int.from_bytes(data[at : at + 4], "big"), iloc)

    data = whole(300)
    data = whole(data.index(b"mdat") + 4)
    end = data.index(b"mdat") + 4
    data = data[:end] + bytes(600)
    place = end - 8
    return facts(data[:place] + bytes(4) + data[place + 4 :][: len(data) - place - 4 - missing])


class TestLocations:
    """ISO/IEC 14496-12 8.11.3: where the file ends before the last extent of a picture, it is cut."""

    @each_row("version", [0, 1, 2])
    @each_row("sizes", [(4, 4, 0, 0), (4, 4, 4, 0), (8, 4, 0, 4), (4, 8, 8, 8), (8, 8, 4, 4)])
    @each_row(("extents", "end"), [([(0, 600)], 600), ([(0, 100), (300, 300)], 600), ([(0, 257)], 257)])
    def test_every_width_of_the_table(
        self, version: int, sizes: tuple[int, int, int, int], extents: list[tuple[int, int]], end: int
    ) -> None:
        base = 200 if sizes[2] else 0
        assert located(version, sizes, extents, base, 600 - end).notes == ()
        assert located(version, sizes, extents, base, 600 - end + 1).notes == ("truncated",)


def track(
    version: int = 0,
    handler: bytes = b"pict",
    size: tuple[int, int] = (0x0102, 0x0304),
    matrix: tuple[float, float, float, float] = (1, 0, 0, 1),
    clock: tuple[int, int] = (0x01020304, 0x02030405),
    samples: int = 0x01020304,
    entry: bytes = b"hvc1",
    extra: bytes = b"",
    sizes: bytes = b"stsz",
) -> bytes:
    a, b, c, d = (round(value * 0x10000) for value in matrix)
    times = pack(">QQIIQ" if version else ">IIIII", 0, 0, 1, 0, 7)
    tkhd = full(b"tkhd", version, 3, times, bytes(16), pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30), bytes(8))
    mdhd = full(b"mdhd", version, 0, pack(">QQIQ" if version else ">IIII", 7, 7, *clock), bytes(4))
    look = pack(">6xH16x2H", 1, *size) + bytes(50) + extra
    stsd = full(b"stsd", 0, 0, pack(">I", 1), box(entry, look))
    table = box(b"stbl", stsd, full(sizes, 0, 0, pack(">II", 0x07070707, samples)))
    hdlr = full(b"hdlr", 0, 0, b"\7" * 4, handler, bytes(13))
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, box(b"minf", table)))


def sequence(*tracks: bytes, brands: tuple[bytes, ...] = (b"msf1", b"hevc")) -> Media:
    return facts(box(b"ftyp", brands[0], bytes(4), *brands) + box(b"moov", *tracks) + box(b"mdat", b"x" * 40))


class TestSequences:
    @each_row("version", [0, 1])
    def test_size_frames_and_duration_of_a_track(self, version: int) -> None:
        media = sequence(track(version))
        assert (stored(media), media.frames) == ((0x0102, 0x0304), 0x01020304)
        assert media.duration == 0x02030405 / 0x01020304
        assert media.notes == ("animated",)

    @each_row("version", [0, 1])
    @each_row(
        ("matrix", "rotation"),
        [
            ((1, 0, 0, 1), 0),
            ((0, 1, -1, 0), 90),
            ((-1, 0, 0, -1), 180),
            ((0, -1, 1, 0), 270),
            ((1, 1, 1, 1), None),
            ((2**-16, 0, 0, 2**-16), 0),
            ((0, 2**-16, -(2**-16), 0), 90),
            ((0, 128, -128, 0), 90),
        ],
    )
    def test_a_track_turns_by_quarters(
        self, version: int, matrix: tuple[float, float, float, float], rotation: int | None
    ) -> None:
        media = sequence(track(version, matrix=matrix))
        assert media.rotation == rotation
        assert shown(media) == ((0x0304, 0x0102) if rotation in (90, 270) else (0x0102, 0x0304))

    @each_row("version", [0, 1])
    @each_row("clock", [(0, 5), (5, None)])
    def test_a_clock_that_says_nothing_gives_no_duration(self, version: int, clock: tuple[int, int | None]) -> None:
        scale, ticks = clock
        unknown = (1 << 64 if version else 1 << 32) - 1
        assert sequence(track(version, clock=(scale, unknown if ticks is None else ticks))).duration is None

    @each_row(("frames", "notes"), [(1, ()), (2, ("animated",)), (0, ())])
    def test_more_than_one_frame_is_an_animation(self, frames: int, notes: tuple[str, ...]) -> None:
        assert sequence(track(samples=frames)).notes == notes
        assert sequence(track(samples=frames, sizes=b"stz2")).frames == frames

    @each_row(("handler", "seen"), [(b"pict", True), (b"vide", True), (b"soun", False), (b"auxv", False)])
    def test_the_first_track_of_pictures_counts(self, handler: bytes, seen: bool) -> None:
        media = sequence(track(handler=handler, size=(7, 9)), track())
        assert stored(media) == ((7, 9) if seen else (0x0102, 0x0304))

    @each_row("name", [b"auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0"])
    def test_alpha_is_an_auxiliary_track(self, name: bytes) -> None:
        plane = track(handler=b"auxv", extra=box(b"auxi", bytes(4), name))
        assert sequence(track(), plane).has_alpha is True
        assert sequence(plane, track()).has_alpha is True
        assert sequence(track(extra=box(b"auxi", bytes(4), name))).has_alpha is False
        assert sequence(track(), track(handler=b"auxv")).has_alpha is False

    @each_row(("size", "seen"), [(256 << 10, True), ((256 << 10) + 1, False)])
    def test_tracks_within_256_kib_are_read(self, size: int, seen: bool) -> None:
        plane = track(handler=b"auxv", extra=box(b"auxi", bytes(4), b"auxiliary:alpha\0"))
        filler = box(b"free", bytes(size - 8 - len(track() + plane) + 20))  # `stsz` has 20 bytes
        assert sequence(track(), filler, plane).has_alpha is seen

    def test_a_size_of_zero_is_unknown(self) -> None:
        for size in ((0, 9), (9, 0)):
            assert stored(sequence(track(size=size))) == (None, None)

    @each_row(
        ("entry", "brands", "name"),
        [(b"hvc1", (b"msf1",), "heic"), (b"av01", (b"avis",), "avif"), (b"avc1", (b"msf1",), "heif")],
    )
    def test_format_by_brand_and_sample_entry(self, entry: bytes, brands: tuple[bytes, ...], name: str) -> None:
        assert sequence(track(entry=entry), brands=brands).format == name


class TestSmallPictures:
    """The single box `mini` (ISO/IEC 23008-12 Amd 2)."""

    def mini(self, bits: int) -> Media:
        return facts(box(b"ftyp", b"mif3", b"avif") + box(b"mini", bits.to_bytes(8, "big"), bytes(20)))

    @each_row("size", [(1, 1), (128, 1), (1, 128), (0x55, 0x2B)])
    def test_sizes_of_seven_bits(self, size: tuple[int, int]) -> None:
        media = self.mini((size[0] - 1) << 40 | (size[1] - 1) << 33)
        assert (stored(media), media.frames) == (size, 1)

    @each_row("size", [(1, 1), (32768, 1), (1, 32768), (0x5555, 0x2B2B)])
    def test_sizes_of_fifteen_bits(self, size: tuple[int, int]) -> None:
        assert stored(self.mini(1 << 47 | (size[0] - 1) << 32 | (size[1] - 1) << 17)) == size

    @each_row("orientation", range(1, 9))
    def test_orientation_from_five_on_swaps_the_sides(self, orientation: int) -> None:
        media = self.mini((orientation - 1) << 48 | 9 << 40 | 19 << 33)
        assert shown(media) == ((20, 10) if orientation >= 5 else (10, 20))

    @each_row(("bit", "alpha"), [(58, True), (57, False), (59, False)])
    def test_alpha_is_a_flag(self, bit: int, alpha: bool) -> None:
        assert self.mini(1 << bit).has_alpha is alpha


@each_row(("count", "limited"), [(60, False), (63, True), (70, True)])
def test_64_boxes_are_looked_at(count: int, limited: bool) -> None:
    start = box(b"ftyp", b"heic", bytes(4), b"mif1") + box(b"free") * count
    whole = heif(plain())
    media = facts(start + whole[whole.index(b"meta") - 4 :])
    assert (stored(media) == (None, None)) is limited
    assert ("read_limit" in media.notes) is limited


def test_a_gain_map_is_an_item_or_apples_auxiliary_picture() -> None:
    apple = full(b"auxC", 0, 0, b"urn:com:apple:photo:2020:aux:hdrgainmap\0")
    assert facts(heif(plain(), plain(apple), references=((b"auxl", 2, 1),))).notes == ("gain_map",)
    assert facts(heif(plain(), plain(apple), references=((b"thmb", 2, 1),))).notes == ()
    assert facts(heif(plain(), plain(box(b"auxD", b":hdrgainmap")), references=((b"auxl", 2, 1),))).notes == ()


def test_more_boxes_than_are_looked_at_are_noted() -> None:
    start = box(b"ftyp", b"heic", bytes(4), b"mif1")
    for count, notes in ((MAX_BOXES, ("bad_header",)), (MAX_BOXES + 1, ("read_limit",))):
        properties = box(b"iprp", box(b"ipco", box(b"free") * count))
        assert facts(start + full(b"meta", 0, 0, properties) + box(b"mdat", b"x")).notes == notes
