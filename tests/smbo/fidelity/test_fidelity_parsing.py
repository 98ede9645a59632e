"""Early stopping by name, by {name: settings}, and as JSON values."""

import pytest

from smbo.errors import ProblemError
from smbo.fidelity import (
    Asha,
    ByModel,
    Hyperband,
    MedianStopping,
    as_early_stopping,
    early_stopping_from_json,
    early_stopping_to_json,
)

RULES = {"asha": Asha(4), "hyperband": Hyperband(2.5), "model": ByModel(), "median": MedianStopping(3, 2.0)}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_comes_back_from_json(name):
    stored = early_stopping_to_json(RULES[name])
    assert list(stored) == [name]
    assert early_stopping_from_json(stored) == RULES[name]


@pytest.mark.parametrize("name", RULES)
def test_a_name_stands_for_the_rule_with_its_defaults(name):
    assert as_early_stopping(name) == as_early_stopping({name: None}) == type(RULES[name])()


def test_an_unknown_rule_or_setting_is_refused_with_those_that_there_are():
    with pytest.raises(ProblemError, match="early_stopping='best'; there are asha"):
        as_early_stopping("best")
    with pytest.raises(ProblemError, match="early_stopping: asha does not take"):
        as_early_stopping({"asha": {"ratio": 3}})
