"""Ask/tell in memory: every trial once, in any order, the same again from its log."""

import copy
import math
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import numpy as np
import pytest

from smbo.acquisition import LogExpectedImprovement
from smbo.errors import (
    AlreadyTold,
    AskError,
    PointError,
    ProblemError,
    RecipeError,
    SmboError,
    SpaceError,
    SpaceExhausted,
    TellError,
    UnknownTrial,
)
from smbo.history.encode import encode
from smbo.optimizer import Optimizer
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.space import Integer, Real, Space
from smbo.surrogates import GP, Forest
from smbo.trial import Trial, TrialState

# a small forest: what is tested here is the asking and telling, not how well it learns
SMALL_FOREST = Recipe(surrogate=Forest(n_trees=8))
RECIPES = ["gp", pytest.param(SMALL_FOREST, id="forest"), "random", "sobol"]
SPACE = {"x": (0.0, 1.0), "y": Real(1e-3, 1.0, log=True), "m": ["a", "b"], "n": (1, 4)}


def bowl(params):
    return (params["x"] - 0.3) ** 2 + math.log10(params["y"]) ** 2 + (params["m"] == "b") + params["n"] / 4


def told(recipe="gp", n=12, seed=1, space=None, **options):
    optimizer = Optimizer(SPACE if space is None else space, recipe, seed, **options)
    for _ in range(n):
        trial = optimizer.ask()
        optimizer.tell(trial, bowl(trial.params))
    return optimizer


def params(trials):
    return [trial.params for trial in trials]


@pytest.mark.parametrize("recipe", RECIPES)
def test_trials_are_numbered_without_gaps_and_stay_in_the_space(recipe):
    optimizer = told(recipe)
    assert [trial.number for trial in optimizer.trials] == list(range(12))
    assert all(optimizer.space.contains(trial.params) for trial in optimizer.trials)
    assert all(trial.state is TrialState.COMPLETE for trial in optimizer.trials)


@pytest.mark.parametrize("recipe", RECIPES)
def test_asking_twice_gives_two_points(recipe):
    optimizer = told(recipe)
    first, second = optimizer.ask(), optimizer.ask()
    assert first.params != second.params
    batch = optimizer.ask(4)
    assert len({repr(trial.params) for trial in (first, second, *batch)}) == 6


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_same_seed_gives_the_same_points_and_another_seed_others(recipe):
    assert params(told(recipe).trials) == params(told(recipe).trials)
    assert params(told(recipe).trials) != params(told(recipe, seed=2).trials)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_order_of_telling_does_not_matter(recipe):
    proposals = []
    for order in list(permutations(range(6)))[::199]:
        optimizer = Optimizer(SPACE, recipe, 3)
        trials = optimizer.ask(6)
        for index in order:
            optimizer.tell(trials[index], bowl(trials[index].params))
        proposals.append(params(optimizer.ask(3)))
    assert all(proposal == proposals[0] for proposal in proposals)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_log_replays_to_the_same_proposals(recipe):
    optimizer = Optimizer(SPACE, recipe, 5)
    batch = optimizer.ask(5)
    optimizer.tell(batch[3], 1.0, sem=0.1, cost=3.0)
    optimizer.tell({"x": 0.1, "y": 0.1, "m": "a", "n": 2}, 0.3)
    optimizer.tell(batch[0], math.nan)
    optimizer.tell(batch[1], 0.2)
    for _ in range(6):
        trial = optimizer.ask()
        optimizer.tell(trial, bowl(trial.params))
    again = Optimizer.replay(SPACE, optimizer.log, recipe, 5)
    assert params(again.trials) == params(optimizer.trials)
    assert params(again.ask(3)) == params(optimizer.ask(3))


def test_a_log_of_another_seed_is_refused():
    with pytest.raises(TellError, match="trial 0 of the log"):
        Optimizer.replay(SPACE, told().log, "gp", seed=99)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))])
def test_a_copy_goes_on_with_the_same_points_and_by_itself(recipe, duplicate):
    optimizer = told(recipe)
    twin = duplicate(optimizer)
    assert twin.ask().params == optimizer.ask().params
    twin.ask()
    assert len(twin.trials) == len(optimizer.trials) + 1


def test_a_shallow_copy_goes_its_own_way():
    optimizer = told(n=3)
    twin = copy.copy(optimizer)
    twin.ask()
    assert len(optimizer.trials) == 3


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_finite_space_is_used_up_without_a_repetition(recipe):
    optimizer = Optimizer({"n": (1, 4), "m": ["a", "b", "c"]}, recipe, 0)
    for _ in range(12):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.params["n"])
    assert len({repr(trial.params) for trial in optimizer.trials}) == 12
    with pytest.raises(SpaceExhausted, match="12"):
        optimizer.ask()


@pytest.mark.parametrize("recipe", RECIPES)
def test_asking_for_more_than_a_finite_space_has_is_refused(recipe):
    with pytest.raises(SpaceExhausted):
        Optimizer({"n": (1, 4)}, recipe, 0).ask(5)


@pytest.mark.parametrize("recipe", RECIPES)
def test_known_constraints_hold_for_every_proposal(recipe):
    space = Space({"a": (0.0, 2.0), "b": (0.0, 2.0)}, ["a + b <= 2", lambda point: point["a"] > 0.1])
    optimizer = Optimizer(space, recipe, 0)
    for _ in range(12):
        trial = optimizer.ask()
        assert trial.params["a"] + trial.params["b"] <= 2
        assert trial.params["a"] > 0.1
        optimizer.tell(trial, -trial.params["a"] - trial.params["b"])


@pytest.mark.parametrize("recipe", RECIPES)
def test_inactive_dimensions_are_absent_from_proposals(recipe):
    space = {"kind": ["tree", "line"], "depth": Integer(1, 9, active_when="kind == 'tree'")}
    optimizer = Optimizer({**space, "z": (0.0, 1.0)}, recipe, 0)
    for _ in range(15):
        trial = optimizer.ask()
        assert ("depth" in trial.params) == (trial.params["kind"] == "tree")
        optimizer.tell(trial, trial.params["z"])


@pytest.mark.parametrize("recipe", RECIPES)
def test_failed_points_are_not_proposed_again(recipe):
    optimizer = Optimizer({"n": (1, 6), "m": ["a", "b"]}, recipe, 0)
    for _ in range(12):
        trial = optimizer.ask()
        if trial.params["m"] == "a":
            optimizer.tell(trial, status="failed", reason="crash")
        else:
            optimizer.tell(trial, trial.params["n"])
    assert len({repr(trial.params) for trial in optimizer.trials}) == 12


def test_a_region_that_fails_is_left_for_one_that_works():
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, "gp", 0)
    for _ in range(30):
        trial = optimizer.ask()
        if trial.params["x"] > 0.5:
            optimizer.tell(trial, status="failed", reason="crash")
        else:
            optimizer.tell(trial, (trial.params["y"] - 0.5) ** 2 - trial.params["x"])
    late = [trial.state is TrialState.FAILED for trial in optimizer.trials[15:]]
    assert sum(late) <= len(late) / 2


@pytest.mark.parametrize("recipe", RECIPES)
def test_everything_failing_does_not_stop_the_asking(recipe):
    optimizer = Optimizer(SPACE, recipe, 0)
    for _ in range(15):
        optimizer.tell(optimizer.ask(), status="failed", reason="crash")
    assert {trial.reason for trial in optimizer.trials} == {"crash"}


def test_a_point_of_ones_own_gets_a_number_and_counts():
    optimizer = Optimizer(SPACE, seed=0)
    pending = optimizer.ask()
    trial = optimizer.tell({"x": 0.5, "y": 0.5, "m": "a", "n": 1}, 0.25)
    assert trial.number == 1
    assert optimizer.best is trial
    assert optimizer.ask().number == 2
    optimizer.tell(pending, 1.0)
    assert optimizer.best is trial


def test_higher_is_better_when_maximising():
    optimizer = told("gp", n=25, space={"x": (0.0, 1.0), "y": (0.1, 1.0), "m": ["a", "b"], "n": (1, 4)})
    mirrored = Optimizer(optimizer.space, "gp", 1, maximize=True)
    for trial in optimizer.trials:
        again = mirrored.ask()
        assert again.params == trial.params
        mirrored.tell(again, -trial.value)
    assert mirrored.best.number == optimizer.best.number
    assert mirrored.recommend().mean == -optimizer.recommend().mean


def test_the_best_trial_is_feasible():
    problem = Problem(Space({"x": (0.0, 1.0)}), objectives={"s": "max"}, constraints=["n >= 100"])
    optimizer = Optimizer(problem, seed=0)
    trials = optimizer.ask(3)
    assert not optimizer.tell(trials[0], {"s": 9.0, "n": 50}).feasible
    assert optimizer.best is None
    with pytest.raises(TellError, match="nothing to recommend"):
        optimizer.recommend()
    optimizer.tell(trials[1], {"s": 1.0, "n": 200})
    optimizer.tell(trials[2], {"s": 2.0, "n": 200})
    assert optimizer.best.number == 2
    assert optimizer.best.value == 2.0
    assert optimizer.best.metrics == {"s": 2.0, "n": 200.0}
    assert optimizer.recommend().number in (1, 2)
    np.testing.assert_array_equal(encode(problem, optimizer.trials).feasible, [False, True, True])
    np.testing.assert_array_equal(encode(problem, optimizer.trials).values, [-9, -1, -2])


def test_the_surrogate_finds_what_random_search_does_not():
    assert told("gp", n=30).best.value < told("random", n=30).best.value


def test_a_recipe_of_ones_own_is_used():
    recipe = Recipe(surrogate=GP(), acquisition=LogExpectedImprovement(), design="halton", n_initial=3)
    assert params(told(recipe).trials) != params(told("gp").trials)


def asked():
    optimizer = Optimizer(SPACE, seed=0)
    return optimizer, optimizer.ask()


def twice():
    optimizer, trial = asked()
    optimizer.tell(trial, 1.0)
    optimizer.tell(trial, 1.0)


def of_another_optimizer():
    optimizer, _ = asked()
    optimizer.tell(Optimizer(SPACE, seed=1).ask(), 1.0)


def tell(*args, problem=None, **options):
    optimizer = Optimizer(problem or SPACE, seed=0)
    return lambda: optimizer.tell(optimizer.ask(), *args, **options)


def tell_point(**point):
    return lambda: Optimizer(SPACE, seed=0).tell(point, 1.0)


CUTS = Problem(Space({"x": (0.0, 1.0)}), objectives={"s": "max"}, constraints=["n >= 100"])

WRONG = {
    "told twice": (twice, AlreadyTold, "trial 0 was told already: value 1.0"),
    "unknown number": (lambda: asked()[0].tell(5, 1.0), UnknownTrial, "trial 5 was never asked for"),
    "negative number": (lambda: asked()[0].tell(-1, 1.0), UnknownTrial, "never asked for"),
    "not a trial": (lambda: asked()[0].tell("0", 1.0), UnknownTrial, "neither a trial"),
    "trial of another optimizer": (of_another_optimizer, UnknownTrial, "trial 0 was asked for at"),
    "trial made up": (lambda: asked()[0].tell(Trial(7, {}, 0), 1.0), UnknownTrial, "trial 7"),
    "no result": (tell(), TellError, "no result"),
    "text": (tell("0.5"), TellError, "'0.5'; a number is needed"),
    "bool": (tell(True), TellError, "True; a number is needed"),
    "array": (tell(np.ones(3)), TellError, "trial 0"),
    "tuple of three": (tell((1.0, 2.0, 3.0)), TellError, "3 entries"),
    "negative sem": (tell(1.0, sem=-1.0), TellError, "negative"),
    "text for sem": (tell(1.0, sem="small"), TellError, "sem='small'"),
    "negative cost": (tell(1.0, cost=-3.0), TellError, "cost=-3.0"),
    "unknown status": (tell(status="bad"), TellError, "'complete', 'failed', 'pruned' or 'cancelled'"),
    "failed with a value": (tell(1.0, status="failed"), TellError, "tell one of them"),
    "reason beside a value": (tell(1.0, reason="why"), TellError, "goes with status='failed'"),
    "missing objective": (tell({"n": 200}, problem=CUTS), TellError, "no 's'"),
    "missing metric": (tell({"s": 2.0}, problem=CUTS), TellError, "lacks"),
    "point: unknown name": (tell_point(z=1), PointError, "'z' is no dimension"),
    "point: missing value": (tell_point(x=0.1), PointError, "is missing"),
    "point: out of bounds": (tell_point(x=2.0, y=0.1, m="a", n=1), PointError, "x=2.0 is outside"),
    "point: unknown category": (tell_point(x=0.2, y=0.1, m="z", n=1), PointError, "none of the choices"),
    "ask for none": (lambda: asked()[0].ask(0), AskError, "from 1 up"),
    "ask for half": (lambda: asked()[0].ask(1.5), AskError, "from 1 up"),
    "unknown recipe": (lambda: Optimizer(SPACE, "gpp"), RecipeError, "no recipe is called 'gpp'"),
    "unknown design": (lambda: Recipe(design="spiral"), RecipeError, "no design is called"),
    "no initial point": (lambda: Recipe(n_initial=0), RecipeError, "n_initial=0"),
    "negative seed": (lambda: Optimizer(SPACE, seed=-1), RecipeError, "seed=-1"),
    "maximize twice": (lambda: Optimizer(CUTS, maximize=True), ProblemError, "maximize"),
    "constraint on a parameter": (
        lambda: Problem({"x": (0.0, 1.0)}, constraints=["x <= 0.5"]),
        ProblemError,
        "give it to the space",
    ),
    "constraint without a comparison": (
        lambda: Problem({"x": (0.0, 1.0)}, constraints=["n"]),
        ProblemError,
        "write one, such as",
    ),
    "known constraint without a comparison": (
        lambda: Space({"x": (0.0, 1.0), "y": (0.0, 1.0)}, constraints=["x + y"]),
        SpaceError,
        "no comparison",
    ),
    "empty space": (lambda: Optimizer({}), SpaceError, "mapping of names"),
    "nothing to recommend": (lambda: asked()[0].recommend(), TellError, "nothing to recommend"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_input_is_refused_with_one_clear_message(case):
    act, error, message = WRONG[case]
    with pytest.raises(error, match=message) as caught:
        act()
    assert isinstance(caught.value, SmboError | ValueError)
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)


def test_a_refused_tell_leaves_everything_as_it_was():
    optimizer, trial = asked()
    with pytest.raises(TellError):
        optimizer.tell(trial, "nonsense")
    assert optimizer.trials == (trial,)
    assert optimizer.tell(trial, 1.0).state is TrialState.COMPLETE


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("sems", [(), (1e-320, 0.2, 1e300)], ids=["no errors", "errors"])
@pytest.mark.parametrize("size", [5e-324, 1e-300, 1.0, 1e155, 1.7e308], ids=str)
def test_values_of_any_size_can_be_told_and_the_next_point_asked(recipe, size, sems):
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, recipe, seed=1)
    for k in range(14):
        x, y = k / 14, (5 * k % 14) / 14
        value = size * (x + y - 1) if k else 1.0
        optimizer.tell({"x": x, "y": y}, value, sem=sems[k % 3] if sems else None)
    assert optimizer.space.contains(optimizer.ask().params)
    assert math.isfinite(optimizer.recommend().mean)
    assert optimizer.best.value == min(trial.value for trial in optimizer.trials if trial.value is not None)


def test_threads_that_ask_and_tell_at_once_get_a_trial_each():
    """Two of them got one number, and the second result was refused."""
    optimizer = Optimizer({"x": (0.0, 1.0)}, recipe="sobol", seed=1)
    together = threading.Barrier(4)

    def work():
        together.wait()
        for _ in range(5):
            trial = optimizer.ask()
            optimizer.tell(trial, trial.params["x"])

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(work) for _ in range(4)]:
            each.result()
    assert [trial.number for trial in optimizer.trials] == list(range(20))
    assert {trial.state for trial in optimizer.trials} == {TrialState.COMPLETE}


def test_an_exception_is_the_reason_of_a_failure_and_anything_else_but_text_is_refused():
    optimizer = Optimizer({"x": (0.0, 1.0)}, seed=1)
    assert (
        optimizer.tell(optimizer.ask(), status="failed", reason=ValueError("no")).reason == "ValueError: no"
    )
    with pytest.raises(TellError, match="reason=3; a text or an exception is needed"):
        optimizer.tell(optimizer.ask(), status="failed", reason=3)


def test_a_row_of_a_table_is_refused_in_one_line_that_says_how_to_give_it():
    pandas = pytest.importorskip("pandas")
    row = pandas.DataFrame([{"x": 0.5, "y": 1.0}]).iloc[0]
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, seed=1)
    with pytest.raises(UnknownTrial, match=r"^.*dict\(row\)\)$"):
        optimizer.tell(row, 1.0)
    assert optimizer.tell(dict(row), 1.0).params == {"x": 0.5, "y": 1.0}


def test_names_that_are_numpys_texts_are_plain_texts():
    (name,) = Optimizer({np.str_("x"): (0.0, 1.0)}, seed=1).ask().params
    assert type(name) is str
