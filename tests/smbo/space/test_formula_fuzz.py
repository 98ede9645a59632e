"""A slice of the fuzz of formulas; the whole is a command of its own (tests/README.md)."""

import formula_fuzz
import pytest


def test_formulas_at_random_end_in_a_value_or_in_one_clear_error():
    endings = formula_fuzz.run(400, seed=3)
    assert endings.keys() == {"a constraint", "no formula", "parsed", "does not fit its values"}


def test_the_fuzz_sees_any_other_exception(monkeypatch):
    def broken(_text):
        raise RecursionError

    monkeypatch.setattr(formula_fuzz.Expression, "parse", broken)
    with pytest.raises(SystemExit, match="the formula was"):
        formula_fuzz.run(1, seed=1)
