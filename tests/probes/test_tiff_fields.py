"""TIFF, EXIF and camera raws: entries of every type in both byte orders, chains of directories, makers' own tables."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from struct import pack
from typing import ClassVar

from probing import RemoteSource, facts, orientation_at, orientation_of

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._ifd import BYTE, LONG, SHORT, Entry, Place, ifds, image, preview, text

from preflight.media import Media
from preflight.probes import probe
from preflight.probes.tiff.directory import LITTLE_ENDIAN, Directory
from preflight.probes.window import FIRST_RESPONSE_BYTES
from preflight.sources.memory import MemorySource
from tests.rows import each_row

CFA = 32803
LETTERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q", 6: "b", 8: "h", 9: "i", 17: "q"}
"""TIFF 6.0 section 2, BigTIFF: integer types."""


def tiff(*entries: tuple[int, int, list[int]], order: str = "<", big: bool = False, behind: bytes = b"") -> bytes:
    """A file of one directory with values of these types, in this order of entries."""
    word, room = ("Q", 8) if big else ("I", 4)
    head = (b"II" if order == "<" else b"MM") + pack(order + "H", 43 if big else 42)
    head += pack(order + "HHQ", 8, 0, 16) if big else pack(order + "I", 8)
    length = (8 if big else 2) + (20 if big else 12) * len(entries) + room
    lines, values = b"", b""
    for tag, kind, numbers in entries:
        value = pack(f"{order}{len(numbers)}{LETTERS[kind]}", *numbers)
        if len(value) > room:
            value, values = pack(order + word, len(head) + length + len(values)), values + value
        lines += pack(f"{order}HH{word}", tag, kind, len(numbers)) + value.ljust(room, b"\0")
    count = pack(order + ("Q" if big else "H"), len(entries))
    return head + count + lines + pack(order + word, 0) + values + behind


class TestEntries:
    @each_row("order", ["<", ">"])
    @each_row("big", [False, True])
    @each_row("kind", sorted(LETTERS))
    def test_sizes_of_every_integer_type(self, order: str, big: bool, kind: int) -> None:
        width = {"B": 0x71, "b": 0x71, "H": 0x0102, "h": 0x0102}.get(LETTERS[kind], 0x01020304)
        media = facts(tiff((256, kind, [width]), (257, kind, [width - 1]), order=order, big=big))
        assert (media.width, media.height, media.notes) == (width, width - 1, ())

    @each_row("order", ["<", ">"])
    @each_row("kind", [2, 5, 7, 10, 11, 12, 14, 19])
    def test_other_types_are_not_integers(self, order: str, kind: int) -> None:
        data = tiff((256, 3, [7]), (257, 3, [5]), order=order)
        at = data.index(pack(order + "HH", 256, 3)) + 2
        assert facts(data[:at] + pack(order + "H", kind) + data[at + 2 :]).width is None

    @each_row("kind", [6, 8, 9, 17])
    def test_negative_sizes_are_not_known(self, kind: int) -> None:
        assert facts(tiff((256, kind, [-5]), (257, kind, [5]))).width is None

    @each_row(("values", "width"), [([7, 9], 7), ([0, 9], None), ([1, 9], 1), ([7, 9, 11], 7)])
    def test_the_first_of_several_values_counts(self, values: list[int], width: int | None) -> None:
        for kind in (3, 4, 16):
            assert facts(tiff((256, kind, values), (257, kind, [5]))).width == width

    @each_row("orientation", range(10))
    def test_orientation_turns_the_picture(self, orientation: int) -> None:
        media = facts(tiff((256, 3, [7]), (257, 3, [5]), (274, 3, [orientation])))
        turned = 5 <= orientation <= 8
        assert (media.width, media.height) == ((5, 7) if turned else (7, 5))
        assert (media.stored_width, media.stored_height) == (7, 5)
        assert media.orientation == (orientation if 1 <= orientation <= 8 else None)

    @each_row(
        ("extra", "alpha"),
        [([0], False), ([1], True), ([2], True), ([3], False), ([0] * 15 + [2], True), ([0] * 16 + [2], False)],
    )
    def test_alpha_is_among_the_first_16_extra_samples(self, extra: list[int], alpha: bool) -> None:
        assert facts(tiff((256, 3, [7]), (257, 3, [5]), (338, 3, extra))).has_alpha is alpha

    @each_row(
        ("formats", "noted"),
        [([1], False), ([2], False), ([3], True), ([4], False), ([5], True), ([6], True), ([1, 1, 3], True)],
    )
    def test_samples_that_are_not_integers_are_noted(self, formats: list[int], noted: bool) -> None:
        media = facts(tiff((256, 3, [7]), (257, 3, [5]), (339, 3, formats)))
        assert (media.notes == ("uncommon_coding",)) is noted

    @each_row(("count", "limited"), [(4094, False), (4095, True)])
    def test_4096_entries_are_read(self, count: int, limited: bool) -> None:
        media = facts(tiff((256, 3, [7]), (257, 3, [5]), *[(40_000, 3, [1])] * count))
        assert (media.width, media.notes) == (7, ("read_limit",) if limited else ())
        assert media.frames == (None if limited else 1)

    @each_row("entries", [80, 85, 86, 200])
    def test_directories_longer_than_the_first_read_are_read_to_their_end(self, entries: int) -> None:
        fillers = [(40_000 + number, 3, [1]) for number in range(entries - 2)]
        media = facts(tiff(*fillers, (256, 3, [7]), (257, 3, [5])))
        assert (media.width, media.height, media.frames) == (7, 5, 1)

    def test_a_cut_directory_is_read_as_far_as_it_goes(self) -> None:
        data = tiff((256, 3, [7]), (257, 3, [5]), (274, 3, [6]))
        end = 8 + 2 + 36
        for cut, notes, orientation in (
            (end, (), 6),
            (end - 1, ("truncated",), None),
            (end - 12, ("truncated",), None),
        ):
            media = facts(data[:cut])
            assert (media.stored_width, media.notes, media.orientation) == (7, notes, orientation)
            assert media.has_alpha is (None if notes else False)


class TestPictureData:
    def strips(
        self, offsets: list[int], lengths: list[int], compression: int, tags: tuple[int, int], size: int
    ) -> Media:
        entries = [(256, 3, [7]), (257, 3, [5]), (259, 3, [compression]), (tags[0], 4, offsets), (tags[1], 4, lengths)]
        return facts(tiff(*entries).ljust(size, b"\0"))

    @each_row("tags", [(273, 279), (324, 325)])
    @each_row("compression", [1, 5])
    def test_the_last_strip_or_tile_must_be_there(self, tags: tuple[int, int], compression: int) -> None:
        for offsets, lengths, whole in (
            ([200], [100], True),
            ([200], [101], compression == 1),
            ([300], [0], False),
            ([299], [1], True),
            ([200, 250], [99, 50], True),
            ([200, 250], [99, 51], compression == 1),
            ([200, 300], [99, 0], False),
            ([900, 250], [99, 50], True),  # the last one is what is looked at
        ):
            media = self.strips(offsets, lengths, compression, tags, 300)
            assert (media.notes == ()) is whole, (offsets, lengths)

    def test_over_http_lengths_are_not_fetched(self) -> None:
        entries = [(256, 3, [7]), (257, 3, [5]), (259, 3, [5]), (273, 4, [200]), (279, 4, [101])]
        assert probe(RemoteSource(tiff(*entries).ljust(300, b"\0"))).notes == ()

    def test_a_thumbnail_of_a_cut_file_has_no_size(self) -> None:
        for subfile, width in ((1, None), (0, 7), (2, 7), (3, 7)):
            entries = [(254, 4, [subfile]), (256, 3, [7]), (257, 3, [5]), (273, 4, [9999])]
            media = facts(tiff(*entries))
            assert (media.width, media.notes) == (width, ("truncated",))


class TestPages:
    @each_row("big", [False, True])
    @each_row("order", ["<", ">"])
    @each_row(("count", "frames"), [(1, 1), (2, 2), (64, 64), (65, None)])
    def test_directories_are_counted(self, big: bool, order: str, count: int, frames: int | None) -> None:
        chain = [(page, page + 1) for page in range(count - 1)]
        media = facts(ifds(*[image(7, 5, 1)] * count, order=order, big=big, chain=chain))
        assert media.frames == frames
        assert media.notes == (() if frames else ("read_limit",))

    @each_row(("count", "frames"), [(8, 8), (9, None)])
    def test_over_http_fewer_are_counted(self, count: int, frames: int | None) -> None:
        chain = [(page, page + 1) for page in range(count - 1)]
        assert probe(RemoteSource(ifds(*[image(7, 5, 1)] * count, chain=chain))).frames == frames

    def test_a_chain_that_leads_back_ends(self) -> None:
        assert facts(ifds(*[image(7, 5, 1)] * 3, chain=((0, 1), (1, 2), (2, 1)))).frames == 3
        assert facts(ifds(*[image(7, 5, 1)] * 3, chain=((0, 0),))).frames == 1

    def test_an_empty_directory_ends_the_chain(self) -> None:
        assert facts(ifds(image(7, 5, 1), [], image(7, 5, 1), chain=((0, 1), (1, 2)))).frames == 1


def exif(*entries: bytes, order: str = "<", start: int = 8, behind: bytes = b"") -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + pack(order + "I", start)
    return head.ljust(start, b"\7") + pack(order + "H", len(entries)) + b"".join(entries) + behind


class TestExif:
    KINDS: ClassVar = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}

    @each_row(("kind", "order"), list(product(sorted(KINDS), "<>")))
    def test_orientation_of_every_integer_type(self, kind: int, order: str) -> None:
        for value in range(10):
            number = pack(order + self.KINDS[kind], value)
            after = pack(order + "HHI", 0x0707, 3, 1) + b"\7" * 4
            block = exif(pack(order + "HHI", 274, kind, 1) + number.ljust(4, b"\7"), after, order=order)
            expected = value if 1 <= value <= 8 else None
            assert orientation_of(block) == expected
            assert orientation_of(b"Exif\0\0" + block) == expected
            assert orientation_at(MemorySource(b"?" * 9 + block), 9, len(block)) == expected
            assert orientation_at(MemorySource(b"?" * 9 + b"Exif\0\0" + block), 9, len(block) + 6) == expected

    def test_other_types_and_counts_are_not_an_orientation(self) -> None:
        for kind, count in ((2, 1), (5, 1), (7, 1), (3, 0), (3, 2), (3, 0x01000001)):
            assert orientation_of(exif(pack("<HHIH2x", 274, kind, count, 6))) is None

    @each_row(("before", "found"), [(0, True), (1, True), (255, True), (256, False)])
    def test_256_entries_are_looked_at(self, before: int, found: bool) -> None:
        block = exif(*[pack("<HHIH2x", 100, 3, 1, 6)] * before, pack("<HHIH2x", 274, 3, 1, 6))
        assert orientation_of(block) == (6 if found else None)
        assert orientation_at(MemorySource(block), 0, len(block)) == (6 if found else None)

    @each_row("start", [8, 12, 490, 600, 5000])
    def test_the_directory_may_stand_anywhere(self, start: int) -> None:
        block = exif(pack("<HHIH2x", 274, 3, 1, 6), start=start)
        assert orientation_of(block) == 6
        assert orientation_at(MemorySource(b"?" * 7 + block), 7, len(block)) == 6
        assert orientation_at(MemorySource(b"?" * 7 + block), 7, len(block) - 1) is None

    def test_entries_beyond_those_stated_do_not_count(self) -> None:
        block = exif(pack("<HHIH2x", 100, 3, 1, 1), behind=pack("<HHIH2x", 274, 3, 1, 6))
        assert orientation_of(block) is None

    @each_row("mark", [b"II\0*", b"MM*\0", b"JJ*\0"])
    def test_another_byte_order_mark_is_no_block(self, mark: bytes) -> None:
        assert orientation_of(mark + exif(pack("<HHIH2x", 274, 3, 1, 6))[4:]) is None
        assert orientation_at(MemorySource(mark + bytes(90)), 0, 94) is None


def thumbnail(make: str, *entries: Entry, subfile: int = 1) -> list[Entry]:
    return [*image(160, 120, 2, subfile=subfile), text(271, make), *entries]


def subs(*directories: int) -> Entry:
    return (330, LONG, [Place(number) for number in directories])


class TestRawsLikeTiff:
    @each_row(
        ("make", "name"),
        [
            ("PENTAX Corporation", "pef"),
            ("asahi optical", "pef"),
            ("RICOH", "pef"),
            ("SEIKO EPSON CORP.", "erf"),
            ("EPSON", "erf"),
            ("Hasselblad", "3fr"),
            ("KODAK", "kdc"),
            ("EASTMAN KODAK COMPANY", "kdc"),
            ("Leaf", "mos"),
            ("Mamiya-OP", "mef"),
            ("NIKON CORPORATION", "nef"),
            ("Phase One", "iiq"),
            ("SAMSUNG", "srw"),
            ("SONY", "arw"),
            ("Unheard", "camera_raw"),
        ],
    )
    def test_format_by_maker(self, make: str, name: str) -> None:
        media = facts(ifds(thumbnail(make, subs(1)), image(600, 400, CFA)))
        assert (media.format, media.width, media.height) == (name, 600, 400)

    @each_row(
        ("coding", "name"),
        [
            (32767, "arw"),
            (32770, "srw"),
            (32772, "srw"),
            (32867, "kdc"),
            (34713, "nef"),
            (65000, "dcr"),
            (65535, "pef"),
        ],
    )
    def test_format_by_coding(self, coding: int, name: str) -> None:
        assert facts(ifds(thumbnail("Unheard", subs(1)), image(600, 400, CFA, coding))).format == name
        assert facts(ifds(thumbnail("Unheard", subs(1)), image(600, 400, 2, coding))).format == name
        assert facts(ifds([*image(160, 120, 2), subs(1)], image(600, 400, 2, coding))).format == "tiff"
        for other in (coding - 1, coding + 1):
            if other not in (65534, 65536):
                assert facts(ifds(thumbnail("Unheard", subs(1)), image(600, 400, CFA, other))).format == "camera_raw"

    @each_row(("photometric", "raw"), [(32803, True), (34892, True), (32802, False), (32804, False), (34893, False)])
    def test_sensor_data_by_its_photometric_interpretation(self, photometric: int, raw: bool) -> None:
        media = facts(ifds(thumbnail("NIKON", subs(1)), image(600, 400, photometric)))
        assert (media.width == 600) is raw

    @each_row("tag", [33421, 33422])
    @each_row(
        ("photometric", "raw"),
        [(None, True), *((number, number not in (2, 3, 5, 6, 8, 9, 10)) for number in range(12))],
    )
    def test_a_pattern_marks_sensor_data_unless_the_picture_is_rendered(
        self, tag: int, photometric: int | None, raw: bool
    ) -> None:
        media = facts(ifds(thumbnail("NIKON", subs(1)), [*image(600, 400, photometric), (tag, BYTE, [1, 2, 3, 4])]))
        assert (media.width == 600) is raw

    def test_the_largest_picture_in_full_resolution_counts(self) -> None:
        data = ifds(
            thumbnail("NIKON", subs(1, 2, 3)), image(900, 900, 2), image(700, 500, CFA, subfile=1), image(600, 400, CFA)
        )
        assert facts(data).width == 600
        data = ifds(thumbnail("NIKON", subs(1, 2)), image(300, 900, CFA, subfile=1), image(600, 400, CFA, subfile=1))
        assert facts(data).width == 300

    @each_row("subfile", [0, 1])
    def test_directories_behind_a_thumbnail_are_looked_at(self, subfile: int) -> None:
        first = thumbnail("NIKON", subfile=subfile)
        data = ifds(
            first, preview(), preview(), preview(), image(600, 400, CFA), chain=((0, 1), (1, 2), (2, 3), (3, 4))
        )
        assert (facts(data).width == 600) is (subfile == 1)
        far = ifds(first, *[preview()] * 4, image(600, 400, CFA), chain=((0, 1), (1, 2), (2, 3), (3, 4), (4, 5)))
        assert facts(far).width != 600

    @each_row(("count", "found"), [(32, True), (33, False)])
    def test_32_subifds_are_read(self, count: int, found: bool) -> None:
        data = ifds(thumbnail("NIKON", subs(*range(1, count + 1))), *[preview()] * (count - 1), image(600, 400, CFA))
        media = facts(data)
        assert (media.format, media.width == 600) == ("nef", found)

    @each_row(("count", "found"), [(4, True), (5, False)])
    def test_over_http_four_subifds_are_read(self, count: int, found: bool) -> None:
        data = ifds(thumbnail("NIKON", subs(*range(1, count + 1))), *[preview()] * (count - 1), image(600, 400, CFA))
        assert (probe(RemoteSource(data)).width == 600) is found

    def test_a_dng_without_sensor_data_has_the_size_of_its_finished_picture(self) -> None:
        version: Entry = (50706, BYTE, [1, 4, 0, 0])
        media = facts(
            ifds(
                [*image(160, 120, 2, subfile=1), version, subs(1, 2)], image(300, 200, 2, subfile=1), image(600, 400, 2)
            )
        )
        assert (media.format, media.width) == ("dng", 600)
        alone = facts(ifds([*image(160, 120, 2, subfile=1), version]))
        assert (alone.format, alone.width) == ("dng", None)

    def test_orientation_is_that_of_the_first_directory(self) -> None:
        media = facts(ifds(thumbnail("NIKON", subs(1), (274, SHORT, [6])), [*image(600, 400, CFA), (274, SHORT, [3])]))
        assert (media.orientation, media.width, media.height) == (6, 400, 600)

    @each_row("order", ["<", ">"])
    def test_marks_behind_the_header(self, order: str) -> None:
        settings: list[Entry] = [(40962, LONG, [0x010203]), (40963, LONG, [0x0405])]
        raw = b"Raw\0" if order == ">" else b"\0waR"
        for mark, name in (
            (b"CR\2\0\0\0\0\0", "cr2"),
            (b"CR\3\0\0\0\0\0", "cr2"),
            (b"\xba\xb0\xac\xbb\0\0\0\0", "camera_raw"),
            ((b"MMMM" if order == ">" else b"IIII") + raw, "iiq"),
        ):
            data = ifds([*image(160, 120, 2), (34665, LONG, [Place(1)])], settings, order=order, mark=mark)
            media = facts(data)
            assert (media.format, media.width, media.height) == (name, 0x010203, 0x0405)
        other = ifds([*image(160, 120, 2), (34665, LONG, [Place(1)])], settings, order=order, mark=b"CR\4\0\0\0\0\0")
        assert (facts(other).format, facts(other).width) == ("tiff", 160)
        foreign = ifds([*image(160, 120, 2)], order=order, mark=(b"MMMM" if order == ">" else b"IIII") + b"Rax\0")
        assert facts(foreign).format == "tiff"

    def test_a_cut_raw_is_noted(self) -> None:
        whole = ifds(thumbnail("NIKON", subs(1)), image(600, 400, CFA, 34713))
        assert facts(whole).notes == ("camera_raw",)
        assert facts(whole[:-1]).notes == ("camera_raw", "truncated")

    def test_a_thumbnail_whose_subifd_is_lost_is_a_raw_of_its_maker(self) -> None:
        standard: Entry = (37398, BYTE, [1, 0, 0, 0])
        far: Entry = (330, LONG, [0x00FFFFFF])
        media = facts(ifds(thumbnail("NIKON", far, standard)))
        assert (media.format, media.width, media.notes) == ("nef", None, ("camera_raw", "truncated"))
        assert facts(ifds(thumbnail("NIKON", far))).format == "tiff"
        assert facts(ifds(thumbnail("Unheard", far, standard))).format == "tiff"
        assert facts(ifds(thumbnail("NIKON", far, standard, subfile=0))).format == "tiff"

    def test_sonys_private_data_marks_a_raw(self) -> None:
        private: Entry = (50740, BYTE, [1, 0, 0, 0])
        assert facts(ifds(thumbnail("SONY", private))).format == "arw"
        assert facts(ifds(thumbnail("NIKON", private))).format == "tiff"

    @each_row("order", ["<", ">"])
    def test_orf_and_rw2_are_known_by_their_magic(self, order: str) -> None:
        for magic in (b"IIRO", b"IIRS") if order == "<" else (b"MMOR",):
            media = facts(ifds(image(0x0102, 0x0304, 2), order=order, magic=magic))
            assert (media.format, media.width, media.height) == ("orf", 0x0102, 0x0304)

    @each_row(
        ("borders", "size"),
        [
            ((0x11, 0x22, 0x333, 0x444), (0x422, 0x322)),
            ((10, 10, 10, 20), (None, None)),
            ((10, 10, 20, 10), (None, None)),
            ((10, 10, 11, 11), (1, 1)),
        ],
    )
    def test_rw2_has_the_size_within_its_borders(self, borders: tuple[int, ...], size: tuple[int | None, ...]) -> None:
        entries: list[Entry] = [(tag, SHORT, [value]) for tag, value in zip((4, 5, 6, 7), borders, strict=True)]
        media = facts(ifds(entries, magic=b"IIU\0"))
        assert (media.format, (media.width, media.height)) == ("rw2", size)
        assert facts(ifds(entries[:3], magic=b"IIU\0")).width is None


class TestRawContainers:
    @staticmethod
    def raf(
        *entries: tuple[int, bytes], count: int | None = None, jpeg: bytes = b"", length: int | None = None
    ) -> bytes:
        table = pack(">I", len(entries) if count is None else count)
        table += b"".join(pack(">HH", tag, len(value)) + value for tag, value in entries)
        places = pack(">IIII", 200, 7, 0x1234, len(table) if length is None else length)
        data = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\7") + places
        return data.ljust(200, b"\0") + jpeg.ljust(0x1234 - 200, b"\0") + table

    @each_row(
        ("entries", "size"),
        [
            ([(0x111, pack(">HH", 0x0304, 0x0102))], (0x0102, 0x0304)),
            ([(0x100, pack(">HH", 5, 6)), (0x111, pack(">HH", 0x0304, 0x0102))], (0x0102, 0x0304)),
            ([(0x100, pack(">HH", 0x0304, 0x0102))], (0x0102, 0x0304)),
            ([(0x110, pack(">HH", 5, 6)), (0x101, pack(">HH", 5, 6))], (None, None)),
            ([(0x111, pack(">HH", 9, 8)), (0x111, pack(">HH", 5, 6))], (8, 9)),
            ([(0x121, b"?" * 300), (0x111, pack(">HH", 9, 8))], (8, 9)),
            ([(0x111, pack(">HH", 0, 8))], (8, None)),
        ],
    )
    def test_raf_lists_its_sizes(self, entries: list[tuple[int, bytes]], size: tuple[int | None, ...]) -> None:
        media = facts(self.raf(*entries))
        assert (media.format, (media.width, media.height)) == ("raf", size)

    def test_raf_entries_beyond_the_count_or_the_table_do_not_count(self) -> None:
        entries = [(0x121, b"????"), (0x111, pack(">HH", 9, 8))]
        assert facts(self.raf(*entries, count=1)).width is None
        assert facts(self.raf(*entries, length=19)).width is None
        assert facts(self.raf(*entries, length=20)).width == 8
        assert facts(self.raf((0x121, b"?" * 1008), (0x111, pack(">HH", 9, 8)))).width == 8
        assert facts(self.raf((0x121, b"?" * 1009), (0x111, pack(">HH", 9, 8)))).width is None

    @each_row("orientation", [1, 6, 8])
    def test_raf_is_turned_as_its_jpeg_says(self, orientation: int) -> None:
        block = b"Exif\0\0" + exif(pack("<HHIH2x", 274, 3, 1, orientation), start=300)
        jpeg = b"\xff\xd8\xff\xe1" + pack(">H", len(block) + 2) + block
        media = facts(self.raf((0x111, pack(">HH", 9, 8)), jpeg=jpeg))
        assert media.orientation == orientation
        for wrong in (
            b"\xff\xd8\xff\xe2" + jpeg[4:],
            jpeg[:6] + b"Exix" + jpeg[10:],
            jpeg[:4] + pack(">H", 20) + jpeg[6:],
        ):
            assert facts(self.raf((0x111, pack(">HH", 9, 8)), jpeg=wrong)).orientation is None

    @staticmethod
    def mrw(*blocks: tuple[bytes, bytes], length: int | None = None) -> bytes:
        body = b"".join(kind + pack(">I", len(value)) + value for kind, value in blocks)
        return b"\0MRM" + pack(">I", len(body) if length is None else length) + body + bytes(40)

    PRD = b"21860002" + pack(">HHHH", 7, 7, 0x0304, 0x0102) + bytes(8)
    TTW = exif(pack("<HHIH2x", 274, 3, 1, 6))

    def test_mrw_has_blocks_for_size_and_orientation(self) -> None:
        for blocks in (
            [(b"\0PRD", self.PRD), (b"\0TTW", self.TTW)],
            [(b"\0TTW", self.TTW), (b"\0PRD", self.PRD)],
            [(b"\0PAD", b"?" * 300), (b"\0PRD", self.PRD), (b"\0WBG", b"?"), (b"\0TTW", self.TTW)],
        ):
            media = facts(self.mrw(*blocks))
            assert (media.format, media.stored_width, media.stored_height, media.orientation) == (
                "mrw",
                0x0102,
                0x0304,
                6,
            )

    def test_mrw_blocks_are_bounded(self) -> None:
        prd, pad = (b"\0PRD", self.PRD), (b"\0PAD", b"?")
        assert facts(self.mrw(*[pad] * 7, prd)).width == 0x0102
        assert facts(self.mrw(*[pad] * 8, prd)).width is None
        assert facts(self.mrw(pad, prd, length=9)).width is None
        assert facts(self.mrw(pad, prd, length=10)).width == 0x0102

    @each_row(("version", "at"), [(2, 28), (3, 28), (4, 40), (5, 40)])
    @each_row(("degrees", "orientation"), [(0, 1), (90, 6), (180, 3), (270, 8), (-90, 8), (360, 1), (45, None)])
    def test_x3f_states_size_and_rotation(self, version: int, at: int, degrees: int, orientation: int | None) -> None:
        data = b"FOVb" + pack("<HH", 7, version)
        data = data.ljust(at, b"\7") + pack("<IIi", 0x01020304, 0x05060708, degrees) + bytes(40)
        media = facts(data)
        assert (media.format, media.stored_width, media.stored_height) == ("x3f", 0x01020304, 0x05060708)
        assert media.orientation == orientation

    @staticmethod
    def heap(order: str, *entries: tuple[int, bytes], before: bytes = b"") -> bytes:
        values, lines = before, b""
        for tag, value in entries:
            lines += pack(order + "HII", tag, len(value), len(values))
            values += value
        return values + pack(order + "H", len(entries)) + lines + pack(order + "I", len(values))

    @each_row("order", ["<", ">"])
    @each_row(("degrees", "orientation"), [(0, 1), (90, 6), (-90, 8), (10, None)])
    def test_crw_has_a_heap_in_a_heap(self, order: str, degrees: int, orientation: int | None) -> None:
        image_ = pack(order + "IIIi", 0x01020304, 0x05060708, 7, degrees) + bytes(12)
        properties = self.heap(order, (0x1807, b"????"), (0x1810, image_), (0x1811, b"????"), before=b"?" * 5)
        whole = self.heap(order, (0x2005, b"?" * 70), (0x300A, properties), before=b"?" * 9)
        head = (b"II" if order == "<" else b"MM") + pack(order + "I", 26) + b"HEAPCCDR" + bytes(12)
        media = facts(head + whole)
        assert (media.format, media.stored_width, media.stored_height) == ("crw", 0x01020304, 0x05060708)
        assert media.orientation == orientation
        other = self.heap(order, (0x300B, properties))
        assert facts(head + other).width is None
        without = self.heap(order, (0x300A, self.heap(order, (0x1811, image_))))
        assert facts(head + without).width is None


@each_row(
    ("start", "length", "is_near"),
    [
        (0, FIRST_RESPONSE_BYTES, True),
        (0, FIRST_RESPONSE_BYTES + 1, False),
        (50_000, 1024, True),
        (50_000, 1025, False),
        (51_023, 1, True),
        (49_999, 10, False),
        (60_000, 10, False),
    ],
)
def test_bytes_of_the_head_and_behind_a_directory_are_near(start: int, length: int, is_near: bool) -> None:
    assert Directory(RemoteSource(bytes(100_000)), LITTLE_ENDIAN, 50_000).is_near(start, length) is is_near
    local = Directory(MemorySource(bytes(100_000)), LITTLE_ENDIAN, 50_000)
    assert local.is_near(start, length)
    assert local.is_near(start, 100_000 - start)
    assert not local.is_near(start, 100_001 - start)
