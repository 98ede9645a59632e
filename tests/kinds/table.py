"""The table of seventeen kinds: try every pair of them, and hold each against random search.

    python tests/kinds/table.py                                   # every pair works, or has no meaning
    python tests/kinds/table.py --pairs "level set x noise"       # these alone
    python tests/kinds/table.py --draw 12 --by 2026-12-01         # as many, drawn as CI does on that day
    python tests/kinds/table.py --beats-random --seeds 0-9        # adds rows to tests/kinds/rows.jsonl.gz
    python tests/kinds/table.py --print                           # the table of the kept rows, as in the docs

A pair works if ask/tell, a study that is closed and opened again, and a job that is killed and resumed
propose the same points.  The exit code is 1 if one does not, or loses to random search in more than two of
ten seeds.
"""

from __future__ import annotations

import argparse
import random
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from kept_rows import append_row, pack, read_rows
from runs_of_pairs import faults_of, searched
from seventeen import KINDS, MEANINGLESS, Case, pairs

from smbo.errors import ProblemError, RecipeError

ROWS = Path(__file__).with_name("rows.jsonl.gz")
# Of ten seeds; of others the same share.
LEAST_WINS = 8
FULL = 20.0  # cost of a search, in evaluations in full


def named(pair: Sequence[str]) -> str:
    """Return a pair as one word, "a x b"."""
    return " x ".join(pair)


def meaningful() -> list[tuple[str, str]]:
    """Return the pairs that have a meaning."""
    return [pair for pair in pairs() if frozenset(pair) not in MEANINGLESS]


def drawn(n: int, by: str) -> list[tuple[str, str]]:
    """Return n pairs with a meaning, drawn at random by a word, such as a date."""
    return random.Random(by).sample(meaningful(), n)


def tried(pair: Sequence[str]) -> list[str]:
    """Return what is wrong with a pair, in words."""
    try:
        return faults_of(Case(tuple(pair)))
    except (ProblemError, RecipeError) as error:
        return [f"refused: {error}"]
    except Exception:
        return [traceback.format_exc(limit=-3)]


def raced(job: tuple[tuple[str, ...], int]) -> dict[str, Any]:
    """Return the row of one search beside random search."""
    pair, seed = job
    row: dict[str, Any] = {"pair": named(pair), "seed": seed}
    try:
        ours, of_random, cost = searched(Case(pair), seed, FULL)
    except Exception as error:
        return {**row, "error": f"{type(error).__name__}: {error}"}
    return {**row, "smbo": round(ours, 6), "random": round(of_random, 6), "cost": round(cost, 3)}


def wins(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """Return, by pair, how often the search was better, and how many seeds there are."""
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        won, n = found.get(row["pair"], (0, 0))
        found[row["pair"]] = won + ("error" not in row and row["smbo"] < row["random"]), n + 1
    return found


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the table as Markdown: in how many seeds each pair beats random search."""
    known = wins(rows)
    lines = [
        f"| | kind | {' | '.join(map(str, range(1, len(KINDS) + 1)))} |",
        "|---" * (len(KINDS) + 2) + "|",
    ]
    for row, one in enumerate(KINDS, 1):
        cells = [_cell(one, other, known) for other in KINDS]
        lines.append(f"| {row} | {one} | {' | '.join(cells)} |")
    reasons: dict[str, list[str]] = {}
    for pair in pairs():
        if (reason := MEANINGLESS.get(frozenset(pair))) is not None:
            reasons.setdefault(reason, []).append(named(pair))
    lines += ["", *(f"- **{'; '.join(these)}**: {reason}." for reason, these in reasons.items())]
    return "\n".join(lines) + "\n"


def _cell(one: str, other: str, known: Mapping[str, tuple[int, int]]) -> str:
    if one == other:
        return " "
    if frozenset((one, other)) in MEANINGLESS:
        return "-"
    won, n = known.get(named((one, other)), known.get(named((other, one)), (0, 0)))
    return f"{won}" if n == 10 else f"{won}/{n}" if n else "?"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", nargs="+", metavar="'A x B'", help="only these")
    parser.add_argument("--draw", type=int, metavar="N", help="so many, drawn at random")
    parser.add_argument("--by", default="", help="what they are drawn by, such as a date")
    parser.add_argument("--beats-random", action="store_true", help="race against random search instead")
    parser.add_argument("--seeds", default="0-9", help="of the races, first-last")
    parser.add_argument("--rows", type=Path, default=ROWS, help="where the rows of the races are kept")
    parser.add_argument("--print", action="store_true", help="print the table of the kept rows alone")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if given.print:
        print(table(read_rows(given.rows)), end="")
        return 0
    chosen = drawn(given.draw, given.by) if given.draw else meaningful()
    if given.pairs:
        chosen = [tuple(text.split(" x ")) for text in given.pairs]
    with ProcessPoolExecutor(given.processes) as pool:
        return _race(pool, chosen, given) if given.beats_random else _try(pool, chosen)


def _try(pool: ProcessPoolExecutor, chosen: Sequence[tuple[str, ...]]) -> int:
    n_faulty = 0
    for pair, faults in zip(chosen, pool.map(tried, chosen)):
        n_faulty += bool(faults)
        print(f"{named(pair)}: {'; '.join(faults) or 'works'}", flush=True)
    for pair in pairs():
        if (reason := MEANINGLESS.get(frozenset(pair))) is not None:
            print(f"{named(pair)}: no meaning: {reason}")
    print(f"{len(chosen) - n_faulty} of {len(chosen)} pairs work, {len(MEANINGLESS)} have no meaning")
    return int(n_faulty > 0)


def _race(pool: ProcessPoolExecutor, chosen: Sequence[tuple[str, ...]], given: argparse.Namespace) -> int:
    first, last = (int(each) for each in given.seeds.split("-"))
    kept = {(row["pair"], row["seed"]) for row in read_rows(given.rows)}
    jobs = [(pair, seed) for seed in range(first, last + 1) for pair in chosen]
    for row in pool.map(raced, [job for job in jobs if (named(job[0]), job[1]) not in kept]):
        print(row, flush=True)
        append_row(given.rows, row)
    rows = read_rows(given.rows)
    if given.rows.suffix == ".gz":
        pack(given.rows, sorted(rows, key=lambda row: (row["pair"], row["seed"])))
    print(table(rows))
    found = {pair: each for pair, each in wins(rows).items() if pair in {named(one) for one in chosen}}
    lost = {pair: each for pair, each in found.items() if each[0] < LEAST_WINS / 10 * each[1]}
    for pair, (won, n) in lost.items():
        print(f"{pair}: better than random search in {won} of {n} seeds only")
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
