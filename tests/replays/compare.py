"""Compare two recordings of record.py, number by number.

    python tests/replays/compare.py A.json B.json [--words] [--strict] [--quiet]

Numbers must be equal to the last bit.  Texts (explanations, reasons, keys of the memory, column names) are
compared apart: a scenario in which they alone differ counts as equal.  --words prints these differences,
--strict counts them.  The exit code is 1 when a scenario differs or is in one recording only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Recording = Mapping[str, Mapping[str, Sequence[Sequence[Any]]]]


def differences(a: Recording, b: Recording, kind: str = "exact") -> dict[str, str]:
    """Return where two recordings first differ, {scenario: text}; empty where they are equal.

    Args:
        a, b: {scenario: {"exact": [[label, value], ...], "words": [[label, text], ...]}}.
        kind: "exact" or "words".
    """
    found = {}
    for name in dict.fromkeys([*a, *b]):
        if name not in a or name not in b:
            found[name] = f"only in {'A' if name in a else 'B'}"
        elif (first := _first_difference(a[name][kind], b[name][kind])) is not None:
            found[name] = first
    return found


def _first_difference(a: Sequence[Sequence[Any]], b: Sequence[Sequence[Any]]) -> str | None:
    for place, (one, other) in enumerate(zip(a, b)):
        if one != other:
            labels = one[0] if one[0] == other[0] else f"{one[0]} / {other[0]}"
            return f"record {place} ({labels})\n      A {_short(one[1])}\n      B {_short(other[1])}"
    if len(a) != len(b):
        return f"{len(a)} and {len(b)} records; the next is {_short(max(a, b, key=len)[min(len(a), len(b))])}"
    return None


def _short(value: Any, most: int = 400) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else text[: most - 1] + "…"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("a", type=Path)
    parser.add_argument("b", type=Path)
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--quiet", action="store_true", help="leave out the equal scenarios")
    options = parser.parse_args()
    a, b = (json.loads(path.read_text()) for path in (options.a, options.b))
    for key in a["meta"]:
        if a["meta"][key] != b["meta"][key]:
            print(f"NOTE {key}: {a['meta'][key]} and {b['meta'][key]}")
    # recordings of some scenarios are compared in these
    wanted = [recording["meta"]["only"] for recording in (a, b)]
    a, b = (
        {name: each for name, each in recording["scenarios"].items() if all(part in name for part in wanted)}
        for recording in (a, b)
    )
    exact, words = differences(a, b), differences(a, b, "words")
    for name in dict.fromkeys([*a, *b]):
        if name in exact:
            print(f"DIFFERS   {name}: {exact[name]}")
        elif not options.quiet:
            print(f"{'words' if name in words else 'equal':10}{name}")
        if name in words and (options.words or options.strict):
            print(f"  words   {name}: {words[name]}")
    n_words = len(words.keys() - exact.keys())
    print(f"{len({*a, *b}) - len(exact)} equal ({n_words} in other words), {len(exact)} differ")
    sys.exit(bool(exact or (options.strict and words)))


if __name__ == "__main__":
    main()
