"""Test the names of colors: code points, ICC profiles, chromaticities, exponents."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageCms

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._icc import ADOBE, P3, PROPHOTO, SRGB_CURVE, Colorants, colorants, described, exponent, profile
from makers._icc import SRGB as SRGB_COLORANTS

from preflight.formats import PRIMARIES, TRANSFERS
from preflight.probes.color import SRGB, UNSTATED, Color, from_chromaticities, from_codes, from_gamma, from_profile
from tests.rows import each_row


@each_row(
    ("codes", "color"),
    [
        ((1, 13), SRGB),
        ((9, 16), Color("bt2020", "smpte2084")),
        ((9, 18), Color("bt2020", "arib-std-b67")),
        ((12, 13), Color("smpte432", "iec61966-2-1")),
        ((2, 2), UNSTATED),
        ((0, 255), UNSTATED),
    ],
)
def test_code_points_have_the_names_of_ffprobe(codes: tuple[int, int], color: Color) -> None:
    assert from_codes(*codes) == color


@each_row(("transfer", "hdr"), [("smpte2084", "pq"), ("arib-std-b67", "hlg"), ("bt709", "none"), (None, None)])
def test_transfer_says_whether_it_is_hdr(transfer: str | None, hdr: str | None) -> None:
    assert Color(None, transfer).hdr == hdr


@each_row("version", [2, 4])
@each_row(
    ("name", "color"),
    [
        ("sRGB IEC61966-2.1", SRGB),
        ("Display P3", Color("smpte432", "iec61966-2-1")),
        ("Adobe RGB (1998)", Color("adobe_rgb", "bt470m")),
        ("ProPhoto RGB", Color("prophoto_rgb", "other")),
        ("Rec. ITU-R BT.2100 PQ", Color("bt2020", "smpte2084")),
        ("Rec2100HLG", Color("bt2020", "arib-std-b67")),
        ("sRGB-elle-V2-g10.icc", UNSTATED),
        ("Linear sRGB", UNSTATED),
        ("", UNSTATED),
    ],
)
def test_profile_is_known_by_its_description(name: str, color: Color, version: int) -> None:
    assert from_profile(profile(desc=described(name, version))) == color


@each_row(
    ("rows", "curve", "color"),
    [
        (SRGB_COLORANTS, SRGB_CURVE, SRGB),
        (P3, SRGB_CURVE, Color("smpte432", "iec61966-2-1")),
        (ADOBE, exponent(2.19921875), Color("adobe_rgb", "bt470m")),
        (PROPHOTO, exponent(1.8), Color("prophoto_rgb", "other")),
        (SRGB_COLORANTS, b"curv" + bytes(8), Color("bt709", "linear")),
        (SRGB_COLORANTS, b"curv" + pack(">II16H", 0, 16, *range(0, 65536, 4096)), Color("bt709", None)),
        (((0.45, 0.25, 0.02), *SRGB_COLORANTS[1:]), exponent(2.0), Color("other", "other")),
    ],
)
def test_profile_of_another_name_is_known_by_colorants_and_curve(rows: Colorants, curve: bytes, color: Color) -> None:
    tags = {"desc": described("c2"), **colorants(rows), "rTRC": curve}
    assert from_profile(profile(**tags)) == color


def parametric(kind: int, *parameters: float) -> bytes:
    return b"para" + pack(f">IHH{len(parameters)}i", 0, kind, 0, *(round(value * 65536) for value in parameters))


BT709 = (1 / 0.45, 1 / 1.099, 0.099 / 1.099)


@each_row(
    ("curve", "name"),
    [
        (b"curv" + bytes(8), "linear"),
        (b"curv" + pack(">IIH", 0, 1, 0x0266), "other"),
        (b"curv" + pack(">IIH", 0, 1, 0x0233), "bt470m"),
        (b"curv" + pack(">IIH", 0, 1, 0x0100), "linear"),
        (b"curv" + pack(">IIH", 0, 1, 0x0A00), None),
        (b"curv" + pack(">IIH", 0, 1, 0x09FF), "other"),
        (b"curv" + pack(">IIH", 0, 1, 0), None),
        (b"curv" + pack(">IIH", 0, 2, 0x0233), None),
        (b"curv" + bytes(7), None),
        (parametric(0, 2.2), "bt470m"),
        (parametric(0, 2.8), "bt470bg"),
        (parametric(0, 2.6), "smpte428"),
        (parametric(0, 1), "linear"),
        (parametric(0, 0), "other"),
        (parametric(0, -1), "other"),
        (parametric(0, 10), "other"),
        (parametric(1, *BT709), "bt709"),
        (parametric(1, 2.2, 1, 0), "bt470m"),
        (parametric(2, *BT709, 0), "bt709"),
        (parametric(2, *BT709, 0.1), "other"),
        (parametric(1, 1, 2.2, 0), "other"),
        (parametric(2, 1, 1, -0.1, 0.1), "linear"),
        (b"para\0\0\0\0\1\0\0\0" + bytes(4), None),
        (b"curv\0\0\0\0\1\0\0\0", None),
        (b"curv" + pack(">IIHH", 0, 1, 0x0233, 0xFFFF), "bt470m"),
        (parametric(3, *BT709, 1 / 4.5, 0.081), "bt709"),
        (parametric(4, *BT709, 1 / 4.5, 0.081, 0, 0.5), "bt709"),
        (parametric(4, *BT709, 1 / 4.5, 0.081, 0.1, 0), "other"),
        (parametric(4, *BT709, 1 / 4.5, 0.081, 0, 0)[:-1], None),
        (parametric(3, *BT709, 1 / 4.5, 0.081)[:-1], None),
        (parametric(2, *BT709, 0)[:-1], None),
        (parametric(1, *BT709)[:-1], None),
        (parametric(0, 2.2)[:-1], None),
        (parametric(5, *BT709, 0, 0, 0, 0), None),
        (b"para" + bytes(7), None),
        (b"mft2" + bytes(40), None),
    ],
)
def test_curve_has_the_name_of_ffprobe(curve: bytes, name: str | None) -> None:
    assert from_profile(profile(b"GRAY", kTRC=curve)) == Color(None, name)


@each_row(
    ("primaries", "name"),
    [
        (((0.64, 0.33), (0.3, 0.6), (0.15, 0.06)), "bt709"),
        (((0.64, 0.33), (0.29, 0.6), (0.15, 0.06)), "bt470bg"),
        (((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)), "smpte170m"),
        (((0.708, 0.292), (0.17, 0.797), (0.131, 0.046)), "bt2020"),
        (((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), "smpte432"),
        (((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), "adobe_rgb"),
    ],
)
def test_chromaticities_have_a_name_within_0_004(primaries: tuple[tuple[float, float], ...], name: str) -> None:
    for index in range(3):
        for off, expected in ((0.0035, name), (-0.0035, name), (0.0045, "other"), (-0.0045, "other")):
            moved = [list(primary) for primary in primaries]
            moved[index][1] += off
            assert from_chromaticities([(x, y) for x, y in moved]) == expected
            moved = [list(primary) for primary in primaries]
            moved[index][0] += off
            assert from_chromaticities([(x, y) for x, y in moved]) == expected


@each_row("length", [12, 16, 17, 19, 20])
def test_colorants_are_whole(length: int) -> None:
    tags = {**colorants(P3), "rTRC": SRGB_CURVE}
    tags["rXYZ"] = tags["rXYZ"][:length]
    assert from_profile(profile(**tags)).primaries == ("smpte432" if length == 20 else None)
    for wrong in (b"XYZ\0" + tags["gXYZ"][4:], tags["gXYZ"][:8] + bytes(12)):
        assert from_profile(profile(**{**tags, "gXYZ": wrong})).primaries is None


def test_code_points_in_a_profile_count_before_its_description() -> None:
    tags = {"desc": described("sRGB IEC61966-2.1"), "cicp": b"cicp\0\0\0\0" + bytes((9, 16, 0, 1))}
    assert from_profile(profile(**tags)) == Color("bt2020", "smpte2084")


def test_code_points_in_a_profile_are_whole() -> None:
    tags = {"desc": described("sRGB IEC61966-2.1")}
    for wrong in (b"cicp\0\0\0\0" + bytes((9, 16, 0)), b"cicq\0\0\0\0" + bytes((9, 16, 0, 1))):
        assert from_profile(profile(**tags, cicp=wrong)) == SRGB


@each_row(
    "description",
    [
        b"desc\0\0\0\0" + pack(">I", 11) + b"Display P3\0x",
        b"desc\0\0\0\0" + pack(">I", 10) + b"Display P3x",
        described("Display P3") + "x".encode("utf-16-be"),
        described("\0 Display P3 \0"),
    ],
)
def test_description_ends_with_its_length(description: bytes) -> None:
    assert from_profile(profile(desc=description)) == Color("smpte432", "iec61966-2-1")


@each_row(("before", "is_read"), [(0, True), (38, True), (39, True), (40, False)])
def test_forty_tags_are_read(before: int, is_read: bool) -> None:
    whole = profile(desc=described("Display P3", 2))
    entry, start = whole[132:144], 132 + 12 * (before + 1)
    entry = entry[:4] + pack(">I", start) + entry[8:]
    table = pack(">I", before + 1) + (b"none" + bytes(8)) * before + entry
    color = from_profile(whole[:128] + table + whole[144:])
    assert (color == Color("smpte432", "iec61966-2-1")) is is_read


def test_profile_of_gray_has_a_curve_only() -> None:
    assert from_profile(profile(b"GRAY", kTRC=exponent(2.2))) == Color(None, "bt470m")


def test_profile_of_cmyk_states_no_primaries() -> None:
    assert from_profile(profile(b"CMYK", desc=described("sRGB IEC61966-2.1"))) == UNSTATED


def test_profile_of_little_cms_is_srgb() -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert from_profile(made) == from_profile(made.replace(b"s\0R\0G\0B", b"x\0x\0x\0x")) == SRGB


def test_chromaticities_of_srgb_and_of_a_monitor() -> None:
    assert from_chromaticities(((0.64, 0.33), (0.3, 0.6), (0.15, 0.06))) == "bt709"
    assert from_chromaticities(((0.6500, 0.335), (0.32, 0.62), (0.15, 0.06))) == "other"
    assert from_chromaticities(((0.64, 0.33), (0.0, 0.6), (0.15, 0.06))) is None


@each_row(
    ("gamma", "name"), [(2.2, "bt470m"), (1 / 0.45455, "bt470m"), (2.8, "bt470bg"), (1.0, "linear"), (1.8, "other")]
)
def test_exponent_has_the_name_of_ffprobe(gamma: float, name: str) -> None:
    assert from_gamma(gamma) == name


@given(st.binary(max_size=400), st.integers(0, 700))
def test_any_bytes_of_a_profile_give_known_words(noise: bytes, end: int) -> None:
    whole = profile(desc=described("c2"), **colorants(P3), rTRC=SRGB_CURVE)
    for data in (whole[:end] + noise, whole[:132] + noise, noise):
        color = from_profile(data)
        assert color.primaries in (None, *PRIMARIES)
        assert color.transfer in (None, *TRANSFERS)
