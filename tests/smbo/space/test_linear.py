"""Linear forms of known constraints."""

from __future__ import annotations

import pytest

from smbo.space.expressions import Expression
from smbo.space.linear import Known, comparisons_of

KNOWN = Known({"k": 2.0}, {"c": Expression.parse("1 - a - b")}, frozenset({"a", "p", "q"}))


def rows(text, logs=False):
    comparisons = comparisons_of(Expression.parse(text), KNOWN)
    if comparisons is None:
        return None
    each = [one.logarithmic if logs else one.linear for one in comparisons]
    return [(dict(row.weights), row.bound, row.strict) for rows in each for row in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b <= 1", [({"a": 1, "b": 1}, 1, False)]),
        ("2 * (a - b) / 4 + 3 > k * b", [({"a": -0.5, "b": 2.5}, 3, True)]),
        ("a < b < 3", [({"a": 1, "b": -1}, 0, True), ({"b": 1}, 3, True)]),
        ("a >= 1 and b <= 2", [({"a": -1}, -1, False), ({"b": 1}, 2, False)]),
        ("abs(a - b) <= 0.5", [({"a": 1, "b": -1}, 0.5, False), ({"a": -1, "b": 1}, 0.5, False)]),
        ("max(a, b) <= 1", [({"a": 1}, 1, False), ({"b": 1}, 1, False)]),
        ("1 <= min(a, 2 * b)", [({"a": -1}, -1, False), ({"b": -2}, -1, False)]),
        ("c >= 0", [({"a": 1, "b": 1}, 1, False)]),
        ("b / a <= 3", [({"b": 1, "a": -3}, 0, False)]),
        ("5 <= b / (a + p)", [({"b": -1, "a": 5, "p": 5}, 0, False)]),
        ("a == 2 * b", [({"a": 1, "b": -2}, 0, False), ({"a": -1, "b": 2}, 0, False)]),
        ("a * b <= 1", []),
        ("abs(a) >= 1", []),
        ("max(a, 5) <= 3", []),
        ("max(a, 2) <= 3", [({"a": 1}, 3, False)]),
        ("a <= 1 or b <= 1", None),
        ("a != b", None),
    ],
)
def test_a_comparison_is_rows_of_weights(text, expected):
    assert rows(text) == expected


def test_a_comparison_of_products_is_a_row_of_logarithms():
    assert rows("p * q**2 <= 1", logs=True) == [({"p": 1, "q": 2}, 0, False)]
    assert rows("p < q", logs=True) == [({"p": 1, "q": -1}, 0, True)]
    assert rows("p / q < b", logs=True) == []


def test_a_sum_of_forty_terms_is_read():
    names = [f"w{i}" for i in range(40)]
    (row,) = rows(" + ".join(names) + " <= 1")
    assert row == (dict.fromkeys(names, 1.0), 1.0, False)
