"""Budgets in the user's cost and in units of the fidelity: where asks, promotions and runs end."""

import pytest

from smbo import Budget, Problem, Real, Study
from smbo.errors import BudgetExhausted, StoreError, StudyMismatch
from smbo.fidelity import Fidelity
from smbo.store.budget import Spent, exhausted
from smbo.study.protocol import StopReason

SPACE = {"x": Real(0, 1)}
CLIMBING = Problem(SPACE, fidelity=Fidelity(1, 9, name="epochs"))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.db"


def test_costs_that_are_told_use_the_budget_up(url):
    with Study.open(url, "dear", Problem(SPACE), recipe="random", seed=1, budget=Budget(cost=10)) as study:
        for cost in (4.0, 5.5):
            study.tell(study.ask(), 1.0, cost=cost)
        assert study.spent.cost == 9.5
        study.tell(study.ask(), status="failed", reason="crash", cost=1.0)  # what failed was paid for too
        with pytest.raises(BudgetExhausted, match=r"the cost is 10\.5, and the limit is 10"):
            study.ask()
        assert len(study.trials) == 3
    with Study.open(url, "dear", Problem(SPACE), recipe="random", budget=Budget(cost=20)) as study:
        study.ask()
        with pytest.raises(StudyMismatch, match="cost"):
            Study.open(url, "dear", Problem(SPACE), recipe="random", budget=Budget(cost=15))


def test_a_trial_uses_as_much_fidelity_as_it_has_come_to(url):
    with Study.open(url, "epochs", CLIMBING, recipe="random", seed=1, budget=Budget(fidelity=7)) as study:
        for value in (0.3, 0.2, 0.4):
            study.tell(study.ask(), value)
        assert study.spent.fidelity == 3
        again = study.ask()
        assert (again.number, again.fidelity) == (1, 3)
        assert study.spent.fidelity == 5  # 1 + 3 + 1: it went on from the first
        study.tell(again, 0.1)
        for value in (0.5, 0.6):
            study.tell(study.ask(), value)
        with pytest.raises(BudgetExhausted, match="7 of 7 units of the fidelity"):
            study.ask()


def test_nobody_is_promoted_on_credit(url):
    with Study.open(url, "epochs", CLIMBING, recipe="random", seed=1, budget=Budget(fidelity=3)) as study:
        for value in (0.3, 0.2, 0.4):
            study.tell(study.ask(), value)
        assert study.promote() is None
        with pytest.raises(BudgetExhausted, match="3 of 3 units"):  # nor by one who decided before
            study._driver.store.promote(study._driver.id, 1, 3.0, 1)


def test_a_run_ends_with_the_fidelity_that_it_may_use(url):
    with Study.open(url, "epochs", CLIMBING, recipe="random", seed=1, budget=Budget(fidelity=40)) as study:
        report = study.run(lambda params, context: (params["x"] - 0.3) ** 2 + 0.1 / context.fidelity)
        assert report.why is StopReason.BUDGET
        used = sum(trial.fidelity for trial in study.trials)
        assert study.spent.fidelity == used
        assert 40 <= used < 40 + 9


def test_a_budget_of_fidelity_needs_one_to_count(url):
    with pytest.raises(StoreError, match="fidelity=5"):
        Study.open(url, "none", Problem(SPACE), budget=Budget(fidelity=5))
    for limit in (0, -1, float("inf"), True):
        with pytest.raises(StoreError, match="cost"):
            Budget(cost=limit)


def test_a_budget_without_them_is_stored_as_it_was_before_there_were_any():
    assert set(Budget(trials=3).to_json()) == {"trials", "time_seconds", "failures"}
    assert Budget.from_json(Budget(cost=2.5).to_json()) == Budget(cost=2.5)
    assert exhausted(Budget(cost=2.5), Spent(9, 0, 0.0, cost=2.4)) is None
