"""An unknown word is answered with the word that is probably meant, or with those to choose from."""

from __future__ import annotations

import time

from preflight.errors import suggestion
from tests.rows import each_row

KNOWN = ["atlas", "volcengine", "seedance-2.0"]


@each_row("word", ["atals", "ATLAS", "atlass", "at-las"])
def test_nearest_word_is_suggested(word: str) -> None:
    assert suggestion(word, KNOWN) == "Did you mean 'atlas'?"


def test_choices_are_listed_if_no_word_is_near() -> None:
    assert suggestion("quality", KNOWN) == "Choose one of atlas, volcengine, seedance-2.0."


def test_many_choices_are_not_listed() -> None:
    assert suggestion("quality", (f"x{number}" for number in range(25))) == "Check its spelling."


def test_known_meaning_of_a_synonym_is_preferred_to_a_similar_word() -> None:
    assert suggestion("length", ["strength", "duration"], "duration") == "Did you mean 'duration'?"
    assert suggestion("length", ["strength", "size"], "duration") == "Did you mean 'strength'?"


def test_long_words_are_compared_in_bounded_time() -> None:
    start = time.process_time()
    suggestion("a" * 1_000_000, ["a" * 50] * 100)
    assert time.process_time() - start < 1
