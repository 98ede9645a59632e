"""Formulas at random, well and badly formed: each parses and evaluates, or ends in the one class of error.

    python tests/smbo/space/formula_fuzz.py --formulas 100000 --seed 1

Each is parsed, evaluated at a point and at columns, printed, and given to a space and to a problem as a
constraint.  Exit 1 and the formula where one ends in any other exception or takes longer than a second.
"""

from __future__ import annotations

import argparse
import pickle
import random
import sys
import time
import traceback
from collections import Counter

import numpy as np

from smbo.errors import ExpressionError, SmboError
from smbo.problem import Problem
from smbo.space import Space
from smbo.space.expressions import Expression

MOST_SECONDS = 1.0

NAMES = ["x", "n", "mode", "StringZ:aLund", "lambda", "my param", "µ", "1st", "log", "gg → H"]
VALUES = {
    "x": 0.5, "n": 3, "mode": "a", "StringZ:aLund": 0.7, "lambda": 1.5, "my param": -2.0, "µ": 0.0, "1st": 1,
    "log": 2.0, "gg → H": float("nan"),
}  # fmt: skip
COLUMNS = {
    **{name: np.linspace(-1.0, 2.0, 5) for name in NAMES},
    "n": np.arange(5.0),
    "mode": np.array(["a", "b", (1, 2), None, True], dtype=object),
}
WRITTEN = ["x", "n", "mode", "`StringZ:aLund`", "`lambda`", "`my param`", "µ", "`1st`", "`log`", "`gg → H`"]
LITERALS = [
    "0", "1", "-1", "0.5", "1e300", "1e999", "9007199254740993", "'a'", '"b"', "None", "True", "(1, 2)",
    "1_000", "0x1f", "1j", "''", "'\\d'", "'a' 'b'", "b'a'", "f'{x}'", "...",
]  # fmt: skip
SIGNS = "+ - * / // % ** < <= > >= == !="
OPERATORS = [*SIGNS.split(), " and ", " or ", " in ", " is "]
FUNCTIONS = ["abs", "min", "max", "sqrt", "exp", "log", "log10", "open"]
PIECES = "( ) [ ] { } ` ' \" \\ ; : := = @ & | ~ . .. , # $ ! ? ² é lambda 0x 1e x.a x[0]"
JUNK = [
    *PIECES.split(),
    *["\x00", "\n", "\t", "\ud800", "\u202e", "\U0001d501", "\u2018", "9" * 50],
    *["await ", "yield ", "for ", " if ", " else ", "not ", "import os", "__import__('os')"],
]


def formula(random: random.Random, depth: int = 4) -> str:
    """Return a well-formed formula, or one that nearly is."""
    if depth == 0 or random.random() < 0.2:
        return random.choice(WRITTEN if random.random() < 0.7 else LITERALS)
    part = formula(random, depth - 1)
    kind = random.randrange(9)
    if kind < 4:
        return f"{part} {random.choice(OPERATORS)} {formula(random, depth - 1)}"
    if kind == 4:
        return f"({part})"
    if kind == 5:
        return f"{random.choice(['not ', '-', '+', '~'])}{part}"
    if kind == 6:
        rest = ", ".join(formula(random, max(depth - 2, 0)) for _ in range(random.randrange(3)))
        return f"{random.choice(FUNCTIONS)}({part}, {rest})"
    if kind == 7:
        return f"{part} in [{', '.join(random.choices(LITERALS, k=3))}]"
    return f"{part} < {formula(random, depth - 1)} <= {formula(random, depth - 1)}"


def mutated(random: random.Random, text: str) -> str:
    """Return a text with pieces cut out, doubled, swapped, and junk put in."""
    for _ in range(random.randrange(1, 4)):
        here = random.randrange(len(text) + 1)
        there = min(len(text), here + random.randrange(6))
        change = random.choice(
            [random.choice(JUNK), "", text[here:there] * 2, chr(random.randrange(0x10FFFF))]
        )
        text = text[:here] + change + text[there:]
    return text


def repeated(random: random.Random) -> str:
    """Return a piece repeated to be deep, long or large."""
    n = random.choice([3, 39, 41, 100, 500, 2000, 5000])
    piece = random.choice(WRITTEN)
    return random.choice(
        [
            "~" * n + piece,
            "-" * n + piece,
            "not " * n + piece,
            "(" * n + piece + ")" * n,
            "[" * n + piece,
            "{(" * n,
            piece + ".a" * n,
            piece + "[0]" * n,
            piece + "()" * n,
            " + ".join([piece] * n),
            " * ".join([piece] * n) + " < 1",
            " ** ".join([piece] * n),
            "**".join(["9"] * n),
            " < ".join([piece] * n),
            " and ".join([f"{piece} < 1"] * n),
            "abs(" * n + piece + ")" * n,
            "lambda: " * n + piece,
            f"{piece} if {piece} else " * n + piece,
            f"{piece} and (" * n + piece + ")" * n,
            "9" * n,
            "0." + "0" * n + "1 < x",
            "'" + "a" * n + f"' == {piece}",
            f"{piece} in [" + "1, " * n + "]",
            f"{piece} == " + "(" * n + "1," + ")" * n,
            f"max({', '.join([piece] * n)}) < 1",
            "`" * n,
            "f'{" * n,
            "\n" * n + piece,
            "x" * n,
            "x" + ", x" * n,
        ]
    )


def check(text: str) -> str:
    """Return the word for how a formula ended; anything but an error of ours passes through."""
    ending, message = "parsed", ""
    try:
        expression = Expression.parse(text)
        assert pickle.loads(pickle.dumps(expression)) == expression
        assert len(str(expression)) == len(text)
        expression.written(expression.tree)
        for values in (VALUES, COLUMNS):
            try:
                expression.evaluate(values)
            except ExpressionError:
                ending = "does not fit its values"
    except ExpressionError as error:
        ending, message = "no formula", str(error)
    dimensions = dict.fromkeys(NAMES, (-1.0, 2.0)) | {"mode": ["a", "b"], "n": (0, 4)}
    for build in (
        lambda: Space(dimensions, [text]),
        lambda: Problem({"y": (0.0, 1.0)}, constraints=[text]),
    ):
        try:
            build()
            ending = "a constraint"
        except SmboError as error:
            message = max(message, str(error), key=len)
    assert len(message) < 2000, "a message is read by people"
    return ending


def run(n_formulas: int, seed: int) -> Counter[str]:
    """Return how often formulas ended how; exit at the first that ends in another way."""
    generator, endings = random.Random(seed), Counter[str]()
    for _ in range(n_formulas):
        kind = generator.random()
        text = formula(generator) if kind < 0.5 else repeated(generator) if kind > 0.95 else ""
        if not text:
            text = mutated(generator, formula(generator, generator.randrange(1, 5)))
        start = time.process_time()
        try:
            endings[check(text)] += 1
        except Exception:
            print(traceback.format_exc()[-2000:], file=sys.stderr)
            sys.exit(f"the formula was {text[:500]!r} ({len(text)} characters)")
        if (took := time.process_time() - start) > MOST_SECONDS:
            sys.exit(f"{took:.1f} s for {text[:500]!r} ({len(text)} characters)")
    return endings


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--formulas", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(dict(run(options.formulas, options.seed)))
