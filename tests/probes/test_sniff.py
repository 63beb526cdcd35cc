"""Test recognition of formats by their first bytes alone."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from preflight.formats import FORMATS
from preflight.probes import READERS
from preflight.probes.sniff import sniff
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers.lookalike import transport_stream

from tests.rows import each_row


def taken_for(data: bytes) -> str | None:
    return sniff(MemorySource(data))


@each_row(
    ("text", "name"),
    [
        ("<!DOCTYPE html><html>", "html"),
        ("<!doctype HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>", "html"),
        ("\n  <html lang=en>", "html"),
        ("<!-- comment --><p>page", "html"),
        ("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>", "html"),
        ("<svg>", "svg"),
        ("<?xml version='1.0'?>\n<svg xmlns='x'/>", "svg"),
        ("<!DOCTYPE svg PUBLIC 'x' 'y'><svg>", "svg"),
        ("<?xml version='1.0'?><!DOCTYPE drawing [<!ENTITY a 'b>'>]><!-- > --><d:svg>", "svg"),
        ("<?xml version='1.0'?><?xml-stylesheet href='x'?><rss>", "xml"),
        ("<!DOCTYPE plist SYSTEM 'x'><plist>", "xml"),
        ("<svgx>", "text"),
        ("<!-- never closed", "text"),
        ("<?php echo 1;", "text"),
        ('{"a": 1}', "json"),
        ("[1, 2]", "json"),
        ("[]", "json"),
        ("{% extends 'base' %}", "text"),
        ("[section]\nkey = value", "text"),
        ("plain words\x1b[0m in colour", "text"),
        ("Grüße, 你好", "text"),
    ],
)
@each_row("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_format_is_recognised_by_its_beginning(text: str, name: str, encoding: str) -> None:
    assert taken_for(text.encode(encoding)) == name


@each_row("encoding", ["latin-1", "cp1252", "shift_jis", "gb18030", "utf-16-le", "utf-16-be"])
def test_text_without_byte_order_mark_is_recognised(encoding: str) -> None:
    words = {"shift_jis": "日本語", "gb18030": "你好"}.get(encoding, "Gruesse")
    assert taken_for((f"{words}: a letter, with some lines\n" * 3).encode(encoding)) == "text"


def test_incomplete_last_character_is_ignored() -> None:
    assert taken_for(b"x" + "ü".encode() * 3000) == "text"


@each_row("data", [b"", b"\0", b" \n", b"\xc2\x03\x8b", bytes(600), b"\xff\xfe#\0\0\0\0\0", b"MZ\x90\0\3\0\0\0"])
def test_unknown_binary_is_not_recognised(data: bytes) -> None:
    assert taken_for(data) is None


@each_row(
    "words", ["Get free stuff", "The free encyclopedia", "The wide screen and a moov", "BM is a word", "GIF is a word"]
)
def test_sentence_is_not_taken_for_a_signature(words: str) -> None:
    assert taken_for(words.encode()) == "text"


def test_pdf_signature_may_follow_other_bytes() -> None:
    assert taken_for(b"\x00\x01junk\n" * 50 + b"%PDF-1.7\n") == "pdf"


def test_archive_of_audio_is_an_archive() -> None:
    head = b"a.mp3" + bytes(252) + b"ustar\x0000"
    assert taken_for(head + bytes(512 - len(head)) + b"\xff\xfb\x90\x00" * 200) == "tar"


@each_row("packet", [188, 192])
def test_transport_stream_is_recognised_by_its_packets(packet: int) -> None:
    data = transport_stream(packet)
    assert taken_for(data) == "mpegts"
    assert taken_for(data[: 2 * packet]) == "mpegts"
    assert taken_for(data[:100]) is None
    assert taken_for(b"G" * 3 + bytes(700)) is None


@each_row(
    ("head", "name"),
    [
        (b"\0\0\1\xba\x44\0\4\0", "mpeg"),
        (b"\0\0\1\xba\x21\0\1\0", "mpeg"),
        (b"\0\0\1\xba\xff\0\1\0", None),
        (b"\0\0\1\0" + b"\1\0\x30\x30\0\0\1\0\x18\0\0\1\0\0\x16\0\0\0", "ico"),
        (b"\0\0\1\0" + b"\0" * 18, None),
        (b"\0\0\1\0" + b"\1\0\x30\x30\0\x77\1\0\x18\0\0\1\0\0\x16\0\0\0", None),
    ],
)
def test_short_signature_alone_is_not_enough(head: bytes, name: str | None) -> None:
    assert taken_for(head + bytes(64)) == name


@given(st.binary(max_size=3000))
def test_any_bytes_give_a_known_name_or_none(data: bytes) -> None:
    name = taken_for(data)
    assert name is None or name in FORMATS or name in READERS


@each_row("piece", [b"<!-->", b"<!---->", b"<?x?>", b"<!doctype a[", b"<", b"{", b" ", b"\xff\xfe"])
def test_hostile_text_is_sniffed_quickly(piece: bytes) -> None:
    begun = time.thread_time()
    taken_for(piece * 3000)
    assert time.thread_time() - begun < 0.1
