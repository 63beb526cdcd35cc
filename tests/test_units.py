"""Quantities are parsed from rule files and values are formatted for messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.facts import FACTS, label
from preflight.units import format_span, format_value, parse_quantity
from tests.rows import each_row


@each_row(
    ("fact", "written", "meant"),
    [
        ("size", 30, 30),
        ("size", "30 B", 30),
        ("size", "30 MB", 30_000_000),
        ("size", "30 MiB", 31_457_280),
        ("size", "30MB", 30_000_000),
        ("size", "1.5 GiB", 1_610_612_736),
        ("size", "1_000 kB", 1_000_000),
        ("total_size", "2 KB", 2_000),
        ("content_length", "1 KiB", 1_024),
        ("duration", 15.2, 15.2),
        ("duration", "15 s", 15),
        ("duration", "1500 ms", 1.5),
        ("duration", "2 min", 120),
        ("expires_in", "1 h", 3600),
        ("pixels", 927_408, 927_408),
    ],
)
def test_quantities_are_converted_to_the_unit_of_the_fact(fact: str, written: object, meant: float) -> None:
    assert parse_quantity(written, FACTS[fact].unit) == meant


@each_row(
    ("fact", "written", "said"),
    [
        ("size", "30 Mb", "unknown unit 'Mb'. Choose one of B, kB, KB, MB, GB, KiB, MiB, GiB."),
        ("size", "thirty", "'thirty' is not a number. Write one such as \"30 MB\"."),
        ("size", "30", "'30' is not a number. Write one such as \"30 MB\"."),
        ("duration", "15 sec", "unknown unit 'sec'. Choose one of ms, s, min, h."),
        ("duration", None, 'None is not a number. Write one such as 15 or "15 s".'),
        ("width", "300 px", "unexpected unit 'px'. Write a number without a unit."),
        ("width", True, "true is not a number. Write one."),
    ],
)
def test_invalid_quantities_are_refused_with_a_remedy(fact: str, written: object, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_quantity(written, FACTS[fact].unit)
    assert str(raised.value) == said


@each_row(
    ("fact", "value", "shown"),
    [
        ("pixels", 927_408, "927,408"),
        ("width", 6001, "6,001 px"),
        ("aspect_ratio", 0.4, "0.4"),
        ("aspect_ratio", 640 / 480, "1.333"),
        ("duration", 15.0, "15 s"),
        ("duration", 15.264, "15.264 s"),
        ("fps", 23.976023976, "23.976 fps"),
        ("size", 0, "0 bytes"),
        ("size", 999, "999 bytes"),
        ("size", 30_000_000, "30 MB"),
        ("size", 30_000_001, "30.000001 MB"),
        ("size", 31_457_280, "30 MiB"),
        ("size", 31_457_281, "31.457281 MB"),
        ("size", 1_000_000_001, "1.000000001 GB"),
        ("bit_rate", 128_000, "128,000 bit/s"),
        ("streamable", True, "yes"),
        ("has_alpha", False, "no"),
        ("format", "mp4", "mp4"),
    ],
)
def test_values_are_shown_with_their_unit(fact: str, value: object, shown: str) -> None:
    assert format_value(fact, value) == shown


@given(st.floats(min_value=0.001, max_value=1e6, allow_subnormal=False), st.sampled_from([2.0, 15.0, 15.2, 24.0]))
def test_shown_values_differ_from_the_bound_that_they_exceed(value: float, bound: float) -> None:
    if value != bound:
        assert format_value("duration", value, against=bound) != format_value("duration", bound)


@given(st.integers(min_value=1, max_value=10**13))
def test_sizes_are_shown_to_the_byte(value: int) -> None:
    number, unit = format_value("size", value).split()
    factors = {"bytes": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    assert round(float(number.replace(",", "")) * factors[unit]) == value


def test_labels_of_facts() -> None:
    assert (label("aspect_ratio"), label("fps"), label("width")) == ("aspect ratio", "frame rate", "width")


@each_row(
    ("unit", "size"),
    [
        ("B", 1),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1_024),
        ("MiB", 1_048_576),
        ("GiB", 1_073_741_824),
    ],
)
def test_units_of_sizes_are_decimal_or_binary(unit: str, size: int) -> None:
    for fact in ("size", "total_size", "content_length"):
        assert parse_quantity(f"3 {unit}", FACTS[fact].unit) == 3 * size


@each_row(("unit", "seconds"), [("ms", 0.001), ("s", 1), ("min", 60), ("h", 3600)])
def test_durations_are_converted_to_seconds(unit: str, seconds: float) -> None:
    for fact in ("duration", "total_duration", "download_seconds", "expires_in"):
        assert parse_quantity(f"7 {unit}", FACTS[fact].unit) == 7 * seconds


def test_whole_quantities_are_whole_numbers() -> None:
    assert repr(parse_quantity("2 min", "s")) == "120"
    assert repr(parse_quantity("1500 ms", "s")) == "1.5"
    assert repr(parse_quantity("1.5 kB", "bytes")) == "1500"


@each_row(
    ("value", "against", "shown"),
    [
        (15.1234567, None, "15.123 s"),
        (15.1234567, 15.1234567, "15.123 s"),
        (15.1234567, 15.0, "15.123 s"),
        (15.0000123456, 15, "15.000012 s"),
        (15.00000000123456, 15, "15.000000001 s"),
        (15.0000000000001, 15, "15.0000000000001 s"),
    ],
)
def test_values_have_enough_digits_to_differ_from_the_bound(value: float, against: float, shown: str) -> None:
    assert format_value("duration", value, against=against) == shown


@each_row(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 minutes"),
        (7199, "120 minutes"),
        (7200, "2 hours"),
        (171_001, "48 hours"),
        (172_799, "48 hours"),
        (172_800, "2 days"),
        (59_659_201, "691 days"),
        (59_999_999, "694 days"),
        (6e7, "1.9 years"),
        (31_557_600 * 1e7, "10000000.0 years"),
    ],
)
def test_long_times_are_shown_in_the_largest_fitting_unit(seconds: float, shown: str) -> None:
    assert format_span(seconds) == shown


@each_row(
    ("size", "shown"),
    [
        (1_000, "1 kB"),
        (1_001, "1.001 kB"),
        (1_024, "1 KiB"),
        (2_048, "2 KiB"),
        (999_999, "999.999 kB"),
        (1_000_000, "1 MB"),
        (1_024_000, "1.024 MB"),
        (1_048_576, "1 MiB"),
        (3_145_728, "3 MiB"),
        (999_999_999, "999.999999 MB"),
        (1_000_000_000, "1 GB"),
        (1_073_741_824, "1 GiB"),
        (5_368_709_120, "5 GiB"),
        (1_048_576_000, "1.048576 GB"),
    ],
)
def test_sizes_are_shown_in_the_unit_that_makes_them_short(size: int, shown: str) -> None:
    assert format_value("size", size) == shown
