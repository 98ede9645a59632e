"""Text that somebody else wrote, with the characters that would act on what shows it made visible."""

from __future__ import annotations

import unicodedata

_SEPARATORS = ("Zl", "Zp")  # of lines and paragraphs


def visible(text: str) -> str:
    r"""Return text with control and format characters as escapes; line breaks and tabs stay.

    Control characters drive a terminal, format characters reverse the text beside them (U+202E) or hide in
    it, surrogates cannot be written.

    >>> print(visible("a\x1b[2J\u202eb"))
    a\x1b[2J\u202eb
    """
    if text.isprintable():
        return text
    return "".join(_shown(letter) for letter in text)


def visible_line(text: str) -> str:
    r"""Return text on one line: line breaks and tabs as escapes too.

    >>> print(visible_line("a\nb"))
    a\nb
    """
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def _shown(letter: str) -> str:
    kind = unicodedata.category(letter)
    is_harmless = letter in "\n\t" or not (kind.startswith("C") or kind in _SEPARATORS)
    return letter if is_harmless else letter.encode("unicode_escape").decode("ascii")
