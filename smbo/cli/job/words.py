"""Misspelt words in job files and on the command line."""

from __future__ import annotations


def close_matches(word: str, known: list[str]) -> str:
    """Return "; did you mean …?" for a misspelt word, "" where nothing is near."""
    import difflib

    close = difflib.get_close_matches(word[:100], known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
