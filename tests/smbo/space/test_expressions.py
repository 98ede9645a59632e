"""Formulas: what they mean, and that nothing in them is ever run."""

import contextlib
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

from smbo.errors import ExpressionError
from smbo.space.expressions import Expression

MEANINGS = [
    ("a + b <= 2", {"a": 1, "b": 1}, True),
    ("a + b <= 2", {"a": 1, "b": 1.5}, False),
    ("0 < a < b", {"a": 1, "b": 2}, True),
    ("0 < a < b", {"a": 3, "b": 2}, False),
    ("mode == 'a'", {"mode": "a"}, True),
    ("mode != 'a'", {"mode": None}, True),
    ("mode == None", {"mode": None}, True),
    ("mode in ['a', 3, None]", {"mode": 3}, True),
    ("mode in ('a', 'b')", {"mode": "c"}, False),
    ("mode not in ['a', 'b']", {"mode": "c"}, True),
    ("pair == (1, 2)", {"pair": (1, 2)}, True),
    ("pair in [(1, 2), (3, 4)]", {"pair": (3, 4)}, True),
    ("not a > 2 and (b == 1 or b == 2)", {"a": 1, "b": 2}, True),
    ("max(a, b, 3) - min(a, b)", {"a": 1, "b": 2}, 2.0),
    ("abs(-a) + sqrt(4) * exp(0) - log(1) + log10(100)", {"a": 1}, 5.0),
    ("a // 2 + a % 2", {"a": 5}, 3.0),
    ("2 ** 3 ** 2", {}, 512.0),
    ("-2 ** 2", {}, -4.0),
    ("1 / a > 2", {"a": 0}, True),
    ("log(a) < 0", {"a": -1}, False),
    ("log(a) >= 0", {"a": -1}, False),
    ("9 ** 9 ** 9 ** 9", {}, math.inf),
    ("a == 1", {"a": 1.0}, True),
]


@pytest.mark.parametrize(("text", "values", "meaning"), MEANINGS, ids=[row[0] for row in MEANINGS])
def test_a_formula_means_what_it_says(text, values, meaning):
    result = Expression.parse(text).evaluate(values)
    assert result == meaning
    assert type(result) is type(meaning)


@pytest.mark.parametrize("text", [row[0] for row in MEANINGS if row[1]])
def test_rows_give_what_each_gives_alone(text):
    expression = Expression.parse(text)
    rows = [values for other, values, _ in MEANINGS if other == text]
    columns = {}
    for name in expression.names:
        values = [row[name] for row in rows] * 2
        if all(isinstance(value, int | float) for value in values):
            columns[name] = np.array(values, dtype=float)
        else:
            columns[name] = np.empty(len(values), dtype=object)
            for index, value in enumerate(values):
                columns[name][index] = value
    together = expression.evaluate(columns)
    assert together.tolist() == [expression.evaluate(row) for row in rows] * 2


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_arithmetic_agrees_with_python(a, b):
    text = "a * b - (a + 2) / 4 <= b or a - b > 1"
    expected = a * b - (a + 2) / 4 <= b or a - b > 1
    assert Expression.parse(text).evaluate({"a": a, "b": b}) == expected


def test_names_are_those_of_values_not_of_functions():
    assert Expression.parse("max(a, b) < log(c) and a > 0").names == {"a", "b", "c"}


def test_a_formula_pickles():
    expression = pickle.loads(pickle.dumps(Expression.parse("a < 2")))
    assert expression == Expression.parse("a < 2")
    assert expression.evaluate({"a": 1})


HOSTILE = [
    "",
    "a <",
    "a = 1",
    "import os",
    "__import__('os').system('true')",
    "().__class__",
    "a.b",
    "a[0]",
    "open('x')",
    "eval('1')",
    "(lambda: 1)()",
    "[x for x in a]",
    "f'{a}'",
    "a if b else c",
    "a := 1",
    "{'a': 1}",
    "a is None",
    "a & b",
    "a << 2",
    "~a",
    "a @ b",
    "max()",
    "abs(1, 2)",
    "min(*a)",
    "log(x=1)",
    "sqrt",
    "1j * a",
    "b'x' == a",
    "a in b",
    "a in [b]",
    "... == a",
    "(" * 300 + "a" + ")" * 300,
    "-" * 500 + "a",
    "a + " * 60_000 + "a",
    "~" * 500 + "x",
    "x" + ".a" * 500,
    "x" + "[0]" * 500,
    "x" + "()" * 500,
    "not " * 500 + "x",
    "x ** " * 500 + "x",
    "abs(" * 41 + "x" + ")" * 41,
    "x if x else " * 500 + "x",
    "lambda: " * 500 + "x",
    "x in [" + "(" * 50 + "1," + ")" * 50 + "]",
    "x in [9007199254740993]",
    "x == [-9007199254740993]",
    "x @ " * 500 + "x",
    "`x",
    "`` < 1",
    "`sqrt`(x) < 1",
    "`a b`.real < 1",
    "\ud800 < 1",
    "a" * 10_000,
    "9" * 400,
    "a\x00b",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:25]))
def test_what_is_no_formula_is_refused(text):
    with pytest.raises(ExpressionError):
        Expression.parse(text)


@pytest.mark.parametrize("given", [None, 3, b"a < 1", ["a < 1"]])
def test_a_formula_is_a_text(given):
    with pytest.raises(ExpressionError, match="is a text"):
        Expression.parse(given)


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("a < b", {"a": 1}, r"needs \['b'\]"),
        ("a + 1 < 2", {"a": "x"}, "'x' is no number"),
        ("a < 2", {"a": None}, "cannot be evaluated"),
    ],
)
def test_values_that_do_not_fit_are_named(text, values, message):
    with pytest.raises(ExpressionError, match=message):
        Expression.parse(text).evaluate(values)


@pytest.mark.parametrize("n", [43, 300, 1000])
def test_a_sum_of_hundreds_of_terms_is_no_deep_formula(n):
    total = Expression.parse(" + ".join(f"w{k}" for k in range(n)) + " <= 1")
    assert len(total.names) == n
    assert total.evaluate({f"w{k}": 1.0 / n - 1e-9 for k in range(n)})
    assert not total.evaluate({f"w{k}": 1.0 / n + 1e-9 for k in range(n)})
    assert pickle.loads(pickle.dumps(total)) == total
    product = Expression.parse(" * ".join(f"w{k}" for k in range(n)))
    assert product.evaluate({f"w{k}": np.full(3, -1.0) for k in range(n)}).tolist() == [(-1.0) ** n] * 3


def test_a_long_sum_is_evaluated_from_the_left():
    values = {"a": 1e308, "b": 1e308, "c": -1e308}
    assert Expression.parse("a + b + c").evaluate(values) == math.inf
    assert Expression.parse("a + (b + c)").evaluate(values) == 1e308
    assert Expression.parse("2 - 3 - 4 * 5 / 2 // 3 % 2").evaluate({}) == 2 - 3 - 4 * 5 / 2 // 3 % 2


ANY_NAMES = ["StringZ:aLund", "lambda", "my param", "1st", "x.y", "gg → H", "µ", "ﬁt", "log", "abs", "a-b"]


@pytest.mark.parametrize("name", [*ANY_NAMES, "True", "it's", 'a"b', "(x", "and", "Größe", "x²"])
def test_a_name_of_any_form_stands_in_backticks(name):
    formula = Expression.parse(f"0 < `{name}` <= 1 and x + `{name}` < 2 and abs(`{name}`) < 5")
    assert formula.names == {"x", name}
    assert formula.evaluate({"x": 0.5, name: 0.7})
    assert not formula.evaluate({"x": 0.5, name: 1.2})
    again = Expression.parse(formula.written(formula.tree))
    assert again.names == formula.names
    assert pickle.loads(pickle.dumps(formula)).names == formula.names


def test_a_word_with_letters_beyond_ascii_is_the_very_name():
    # Python's own parser makes the Greek letter of the micro sign, and "fit" of the ligature
    assert Expression.parse("µ + ﬁt + größe < 1").names == {"µ", "ﬁt", "größe"}


def test_backticks_and_words_in_a_text_are_text():
    formula = Expression.parse("mode == 'a `b` µ' or mode == \"`c`\"")
    assert formula.names == {"mode"}
    assert formula.evaluate({"mode": "a `b` µ"})
    assert formula.evaluate({"mode": "`c`"})


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("lambda <= 1", "`lambda`"),
        ("0 < class < 1", "`class`"),
        ("my param <= 1", "backticks"),
        ("`my param <= 1", "second one"),
        ("a => 1", "write '>='"),
    ],
)
def test_a_name_that_cannot_be_read_is_refused_with_the_backticks(text, hint):
    with pytest.raises(ExpressionError, match=hint):
        Expression.parse(text)


def test_an_escape_without_a_meaning_is_no_warning(recwarn):
    assert Expression.parse(r"mode == '\d'").evaluate({"mode": r"\d"})
    for text in ("0or x", "1µ < 2", "1`x` < 2"):  # a number that ends in a word
        with contextlib.suppress(ExpressionError):
            Expression.parse(text)
    assert not list(recwarn)


def test_a_formula_may_go_over_several_lines_with_comments():
    text = "  a + b  # both\n  <= 1\nand a > 0  # and one\n"
    formula = Expression.parse(text)
    assert formula.evaluate({"a": 0.5, "b": 0.5})
    assert not formula.evaluate({"a": -0.5, "b": 0.5})
    with pytest.raises(ExpressionError, match="never opened"):
        Expression.parse("a) <\n (b")
