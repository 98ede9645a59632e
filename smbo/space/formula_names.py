"""Names of any form in formulas: what is no plain word stands in backticks, as in `StringZ:aLund` <= 1."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

from smbo.errors import ExpressionError

# a text in quotes, a name in backticks, or a word
_PARTS = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?P<quoted>[^`]*)`|(?P<word>[^\W\d]\w*)""")
# words of formulas themselves
_OURS = frozenset({"and", "or", "not", "in", "is", "if", "else", "True", "False", "None"})


def with_stand_ins(text: str) -> tuple[str, dict[str, str]]:
    """Return a formula as Python can parse it, and the names that its stand-ins stand for.

    A word with letters beyond ASCII has a stand-in too: Python would normalise it to another name.

    Raises:
        ExpressionError: there is nothing between two backticks.
    """
    prefix = "_name"
    while prefix in text:
        prefix += "_"
    names: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        name = found["word"] if found["quoted"] is None else found["quoted"]
        if name is None or (found["quoted"] is None and name.isascii()):
            return found[0]
        if not name:
            raise ExpressionError(f"{text[:60]!r}: there is no name between the backticks")
        names.setdefault(name, f"{prefix}{len(names)}_")
        return names[name]

    plain = _PARTS.sub(stand_in, text)
    return plain, {stand_in: name for name, stand_in in names.items()}


def in_backticks(name: str) -> str:
    """Return a name as formulas write it.

    >>> in_backticks("x"), in_backticks("StringZ:aLund"), in_backticks("lambda")
    ('x', '`StringZ:aLund`', '`lambda`')
    """
    is_plain = name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
    return name if is_plain else f"`{name}`"


def about_names(text: str, names: Iterable[str]) -> str:
    """Return the end of a message about a formula: which of the known names in it lack their backticks."""
    bare = _PARTS.sub(lambda found: " " if found["word"] is None else found[0], text)
    missed = [
        name for name in sorted(names, key=len, reverse=True) if in_backticks(name) != name and name in bare
    ]
    return f"; write {in_backticks(missed[0])}, with backticks around the name" if missed else ""


def about_syntax(text: str) -> str:
    """Return the end of a message about a formula that does not parse: names that Python cannot read."""
    if text.count("`") % 2:
        return "; a backtick lacks its second one"
    bare = _PARTS.sub(lambda found: " " if found["word"] is None else found[0], text)
    taken = [
        word for word in re.findall(r"[^\W\d]\w*", bare) if keyword.iskeyword(word) and word not in _OURS
    ]
    if taken:
        return f"; a name that is a word of Python stands in backticks: `{taken[0]}`"
    return "; a name of other signs than letters, digits and _ stands in backticks: `my name`"
