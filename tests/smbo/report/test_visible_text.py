"""Text of others is shown, not obeyed."""

import unicodedata

import pytest

from smbo.report.visible_text import visible, visible_line


@pytest.mark.parametrize("text", ["plain", "ünïcödé ΔΣ 漢字", "a\u00a0b\u2009c", "tab\tand\nline", ""])
def test_text_that_does_nothing_is_shown_as_it_is(text):
    assert visible(text) == text


def test_no_character_that_acts_on_what_shows_it_is_left():
    every = "".join(map(chr, range(0x110000)))
    shown = visible(every).replace("\n", "").replace("\t", "")
    kinds = {unicodedata.category(letter) for letter in set(shown)}
    assert not {kind for kind in kinds if kind.startswith("C") or kind in ("Zl", "Zp")}


def test_a_line_is_one_line():
    assert visible_line("a\nb\x1b\u202e\u2028") == "a\\nb\\x1b\\u202e\\u2028"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("χ² = 3\nσ", "χ² = 3\nσ"), ("\x1b]0;title\x07", "\\x1b]0;title\\x07"), ("a\r\u202eb", "a\\r\\u202eb")],
)
def test_text_is_shown_without_what_would_drive_the_terminal(text, shown):
    assert visible(text) == shown
    assert visible(shown) == shown
