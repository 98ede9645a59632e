"""Damaged stores, and files that are none, under the commands that read them.

    python tests/chaos/bit_flips.py [--stores 1000] [--seed 1] [--reports 0.1]

Bits are flipped in the file of a store, or values of its rows replaced by others; so are they in databases of
other programs.  Then `smbo status`, `show`, `export` and `db check` are run in this process, and for a share
of the stores the report is written: each ends with a result or with one message, never in a traceback; a
file that is no store is as it was.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from smbo import Budget, Fidelity, Problem, Study
from smbo.cli import main as smbo
from smbo.cli.target import damage_named
from smbo.errors import SmboError
from smbo.store.connect import file_url

NAME = "s"
VALUES = (
    "'abc'",
    "NULL",
    "''",
    "'{'",
    "'[]'",
    "'{}'",
    "'[1,2]'",
    "'null'",
    "-1",
    "7.5",
    "9e999",
    "1e300",
    "99999999999999999",
    "CAST(x'ff00fe' AS TEXT)",
    "x'00'",
    "x''",
    "'weird'",
    "char(27) || '[31m'",
)


def stores(folder: Path) -> list[Path]:
    """Make a sound store of each of several kinds of studies, and databases of other programs."""
    problems: dict[str, Problem] = {
        "one": Problem({"x": (0.0, 1.0), "y": (0.0, 1.0)}),
        "mixed": Problem({"n": (1, 9), "kind": ["a", "b"]}, objectives={"cost": "min", "gain": "max"}),
        "constrained": Problem({"x": (0.0, 1.0)}, constraints=["size >= 0.2"]),
        "climbing": Problem({"x": (0.0, 1.0)}, fidelity=Fidelity(1, 9), early_stopping="asha"),
    }
    paths = []
    for kind, problem in problems.items():
        path = folder / f"{kind}.db"
        with Study.open(path, NAME, problem, "sobol", seed=1, budget=Budget(trials=12)) as study:
            study.run(_measure)
        paths.append(path)
    for mode in ("DELETE", "WAL"):
        paths.append(path := folder / f"foreign-{mode}.db")
        raw = sqlite3.connect(path)
        raw.execute(f"PRAGMA journal_mode = {mode}")
        raw.execute("CREATE TABLE study (name TEXT, note TEXT)")
        raw.executemany("INSERT INTO study VALUES (?, ?)", [(f"n{k}", "x" * 100) for k in range(200)])
        raw.commit()
        raw.close()
    return paths


def _measure(params: dict) -> dict:
    value = float(params.get("x", params.get("n", 0)))
    if 0.4 < value < 0.45:
        raise ValueError("no luck")
    return {"value": value, "cost": value, "gain": -value, "size": value}


def flip_bits(path: Path, rng: random.Random) -> str:
    data = bytearray(path.read_bytes())
    places = [rng.randrange(len(data)) for _ in range(rng.choice([1, 1, 2, 5, 50]))]
    for place in places:
        data[place] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return f"bits of bytes {places[:5]}"


def cut_off(path: Path, rng: random.Random) -> str:
    data = path.read_bytes()
    size = rng.choice([0, 1, 50, 100, rng.randrange(len(data))])
    path.write_bytes(data[:size])
    return f"cut off after {size} bytes"


def change_a_value(path: Path, rng: random.Random) -> str:
    raw = sqlite3.connect(path)
    try:
        raw.execute("PRAGMA ignore_check_constraints = 1")
        tables = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = rng.choice(tables)
        column = rng.choice([row[1] for row in raw.execute(f"PRAGMA table_info({table})")])
        condition = rng.choice(["", "WHERE number = 3", "WHERE number % 2 = 0", "WHERE seq = 4"])
        statement = f"UPDATE OR IGNORE {table} SET {column} = {rng.choice(VALUES)} {condition}"
        try:
            with raw:
                raw.execute(statement)
        except sqlite3.Error:  # no such column there, or one that must not be empty
            return f"nothing ({statement})"
        return statement
    finally:
        raw.close()


DAMAGES: tuple[Callable[[Path, random.Random], str], ...] = (flip_bits, flip_bits, change_a_value, cut_off)


def commands(path: Path, folder: Path) -> dict[str, list[str]]:
    store = ["--store", file_url(path)]
    return {
        "status": ["status", NAME, *store],
        "status --json": ["status", NAME, "--json", *store],
        "show": ["show", NAME, *store],
        "show --trial": ["show", NAME, "--trial", "3", *store],
        "export": ["export", NAME, *store, "-o", str(folder / "out.csv")],
        "check": ["db", "check", file_url(path)],
    }


def write_report(path: Path, folder: Path) -> None:
    """Write the report as a run does at its end."""
    from smbo.report.study import write_report as write

    with damage_named(file_url(path), NAME), Study.load(path, NAME) as study:
        trials = study.trials
        try:
            found = study.recommend()
        except SmboError:
            found = None
        write(folder / "page", name=NAME, problem=study.problem, trials=trials, recommendation=found)


def faults_of(path: Path, folder: Path, *, reports: bool, counts: Counter[str]) -> list[str]:
    """Return what is not as it should be when the commands read a file."""
    before, is_foreign = path.read_bytes(), path.name.startswith("foreign")
    found = []
    for name, words in commands(path, folder).items():
        done = CliRunner().invoke(smbo, words)
        counts[f"{name} exit {done.exit_code}"] += 1
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            trace = "".join(traceback.format_exception(done.exception)[-3:])
            found.append(f"{name}: {type(done.exception).__name__}: {trace[-700:]}")
        elif is_foreign and done.exit_code == 0:
            found.append(f"{name}: took a file that is not ours")
    if reports:
        try:
            write_report(path, folder)
            counts["report written"] += 1
        except SmboError:
            counts["report refused"] += 1
        except Exception as error:
            trace = "".join(traceback.format_exception(error)[-3:])
            found.append(f"report: {type(error).__name__}: {trace[-700:]}")
    if is_foreign and path.read_bytes() != before:
        found.append("a file that is not ours was written to")
    return found


def damage(
    folder: Path, n: int, seed: int, share: float, tell: Callable[[str], None] = lambda _: None
) -> tuple[list[str], Counter[str]]:
    """Return the faults over n damaged files, and how often each command ended in which way."""
    rng = random.Random(seed)
    (sound := folder / "sound").mkdir()
    originals = stores(sound)
    found: list[str] = []
    counts: Counter[str] = Counter()
    for k in range(n):
        (place := folder / f"damaged-{k}").mkdir()
        original = rng.choice(originals)
        shutil.copy(original, path := place / original.name)
        done = rng.choice(DAMAGES)(path, rng)
        reports = rng.random() < share
        for fault in faults_of(path, place, reports=reports, counts=counts):
            found.append(f"{k} {original.stem}, {done}: {fault}")
            tell(found[-1])
        shutil.rmtree(place)
    return found, counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stores", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--reports", type=float, default=0.1, help="share of the stores whose report is written"
    )
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found, counts = damage(
            Path(folder), given.stores, given.seed, given.reports, lambda text: print(text, flush=True)
        )
    for what, n in sorted(counts.items()):
        print(f"  {what}: {n}")
    print(f"{given.stores} stores, {len(found)} faults, {time.monotonic() - began:.0f} s")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
