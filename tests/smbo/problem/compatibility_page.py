"""Write docs/compatibility.md to the standard output: ``python tests/smbo/problem/compatibility_page.py``."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from kinds_of_problem import problem_of

from smbo.errors import RecipeError
from smbo.problem.compatibility import KINDS, pairs, refusal
from smbo.proposal.compatibility import check_recipe
from smbo.proposal.presets import PRESETS, preset
from smbo.proposal.recipe import Recipe

_HEAD = """# What goes with what

Every pair of kinds of problem, as `smbo.problem.compatibility` has them; `Problem` refuses the others with
the reason below. Three kinds at once go together where each pair does. This page is written by
`python tests/smbo/problem/compatibility_page.py`, and `tests/smbo/problem/test_problem_compatibility.py`
tries every pair.

`+` supported, `-` refused, `r` refused with recipe `auto` (another recipe may do), blank: the two are
alternatives of one argument.
"""

_OF_PAIRS = """
`python tests/kinds/table.py` tries each of these pairs: by ask and tell, in a study that is closed and opened
again, and as a job that is killed and resumed, which all propose the same points. `--beats-random` holds it
against random search at the same cost (20 evaluations in full, of a function with a known answer): below is
in how many of ten seeds it is better, or of as many as were run.
""".lstrip()


def recipe_for(kinds: Collection[str], name: str = "auto") -> Recipe:
    """Return a recipe by name, with replication where that is among the kinds."""
    return preset({name: {"replication": True}} if "replication" in kinds else name)


def refused_by_recipe(kinds: Collection[str], name: str = "auto") -> str | None:
    """Return why a recipe does not serve problems of these kinds; None where it does."""
    try:
        check_recipe(problem_of(kinds), recipe_for(kinds, name))
    except RecipeError as error:
        return str(error)
    return None


def _mark(one: str, other: str) -> str:
    if not {(one, other), (other, one)} & set(pairs()):
        return " "
    found = refusal(one, other)
    if found is not None:
        return "-"
    return "r" if refused_by_recipe((one, other)) else "+"


def page() -> str:
    """Return the page as Markdown."""
    lines = [_HEAD, "| | kind | how it is written | " + " | ".join(map(str, range(1, len(KINDS) + 1))) + " |"]
    lines.append("|" + "---|" * (len(KINDS) + 3))
    for number, (one, written) in enumerate(KINDS.items(), 1):
        marks = " | ".join(_mark(one, other) for other in KINDS)
        lines.append(f"| {number} | {one} | `{written}` | {marks} |")
    refused = [(pair, found) for pair in pairs() if (found := refusal(*pair))]
    reasons = [(pair, found.reason.format(objectives="f, g")) for pair, found in refused]
    lines += ["", "## Refused with every recipe", "", *_by_reason(reasons)]
    by_recipe = [
        (pair, why) for pair in pairs() if refusal(*pair) is None and (why := refused_by_recipe(pair))
    ]
    lines += ["", "## Refused with recipe `auto`", "", *_by_reason(by_recipe)]
    lines += ["", "## Which recipe serves what", ""]
    lines += [
        "A recipe serves every kind that is not named beside it.",
        "",
        "| recipe | refuses |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {', '.join(_unserved(name)) or 'nothing'} |" for name in PRESETS]
    sys.path[:0] = [str(Path(__file__).parents[2] / name) for name in ("kinds", "benchmarks")]
    from kept_rows import read_rows
    from table import ROWS, table

    lines += ["", "## Seventeen kinds in pairs", "", _OF_PAIRS, table(read_rows(ROWS)).rstrip()]
    return "\n".join(lines) + "\n"


def _by_reason(refused: Sequence[tuple[tuple[str, str], str]]) -> list[str]:
    """Return a line for each reason, with the pairs that are refused for it."""
    named: dict[str, list[str]] = {}
    for pair, reason in refused:
        named.setdefault(reason, []).append(" and ".join(pair))
    return [f"- **{'; '.join(names)}**: {reason}." for reason, names in named.items()]


def _unserved(name: str) -> list[str]:
    """Return the kinds that a recipe refuses; of one for several objectives: beside those."""
    if not _is_refused((), name):
        return [kind for kind in KINDS if _is_refused((kind,), name)]
    several = [pair for pair in pairs() if "several objectives" in pair and refusal(*pair) is None]
    return [
        "one objective",
        *(min({*pair} - {"several objectives"}) for pair in several if _is_refused(pair, name)),
    ]


def _is_refused(kinds: Collection[str], name: str) -> bool:
    try:
        return refused_by_recipe(kinds, name) is not None
    except RecipeError:  # the recipe's name takes no replication
        return True


if __name__ == "__main__":
    print(page(), end="")
