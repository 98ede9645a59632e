"""Space changes in a running study: every driver searches the new space, and the log keeps its points."""

import numpy as np
import pytest

from smbo import Budget, Categorical, LevelSet, Optimizer, Problem, Study, TransferSource
from smbo.errors import AskError, ProblemError, SpaceError, StudyMismatch, TellError, UnknownTrial
from smbo.fidelity import Fidelity
from smbo.store.records import StaleProposal
from smbo.study.prefetch import PrefetchRequest, ProposerFactory

OLD = {"x": (0.0, 1.0), "y": (0.0, 1.0), "act": ["a", "b"]}
NEW = {"x": (0.4, 0.8), "y": (0.0, 1.0), "act": ["b", "c"], "m": (0.0, 1.0)}


def objective(params):
    levels = {"a": 0.0, "b": 0.1, "c": 0.05}
    squares = (params["x"] - 0.3) ** 2 + (params["y"] - 0.6) ** 2 + (params.get("m", 0.0) - 0.2) ** 2
    return squares + levels[params["act"]]


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/studies.db"


def told(study, n, f=objective):
    """Ask for n trials one by one, tell them, and return their points."""
    points = []
    for _ in range(n):
        trial = study.ask()
        assert study.problem.space.contains(trial.params)
        study.tell(trial, f(trial.params))
        points.append(dict(trial.params))
    return points


def test_all_drivers_search_the_new_space_and_trials_in_flight_are_told(url):
    with Study.open(url, "s", OLD, seed=3) as study, Study.load(url, "s") as other:
        told(study, 9)
        before = study.trials
        pending = other.ask(2)
        said = study.change_space(NEW, {"m": 0.0})
        assert said[1] == "act: added 'c'; retired 'a'"
        assert study.change_space(NEW) == ()  # nothing to do, and nothing recorded
        points = told(other, 4) + told(study, 2)
        assert {point["act"] for point in points} <= {"b", "c"}
        other.tell(pending[0], objective(pending[0].params))
        study.tell(pending[1].number, objective(pending[1].params))
        assert [trial.value for trial in study.trials[:9]] == [trial.value for trial in before]
        assert all(trial.params["m"] == 0.0 for trial in study.trials[:9])
        for best in (study.best.params, other.recommend().params):
            assert study.problem.space.contains(best)
        (change,) = study.space_changes
        assert (change.first_number, change.said) == (11, said)
        for each in (study, other):
            replayed = each.replay()
            assert (replayed.n_trials, replayed.difference) == (17, None)


def test_a_study_that_was_killed_after_the_change_goes_on_as_one_that_was_not(url, tmp_path):
    points = []
    for name, reopens in (("kept", False), ("killed", True)):
        study = Study.open(url, name, OLD, seed=5)
        told(study, 7)
        study.change_space(NEW, {"m": 0.0})
        if reopens:
            study.close()
            study = Study.open(url, name, NEW)
        points.append(told(study, 4))
        study.close()
    assert points[0] == points[1]


def test_the_model_learns_from_points_outside(url):
    with Study.open(url, "s", OLD, seed=3) as study:
        told(study, 12)
        study.change_space(NEW, {"m": 0.0})
        # of the new space one point is known or two; alone they would call for a design
        assert "12 evaluations" in str(study.explain()) or "modelled" in str(study.explain())
        assert min(map(objective, told(study, 4))) < 0.12  # near (0.4, 0.6, c, ·): 0.06 to 0.1


def test_nothing_outside_is_recommended_even_if_nothing_else_is_known(url):
    with Study.open(url, "s", {"x": (0.0, 1.0)}, seed=1) as study:
        for x in (0.1, 0.2, 0.3):
            study.tell({"x": x}, x)
        study.change_space({"x": (0.5, 1.0)})
        assert study.best is None
        with pytest.raises(TellError, match="no evaluation is complete; 3 trials are outside"):
            study.recommend()
        told(study, 1, lambda params: params["x"])
        assert study.recommend().number == 3


def test_a_proposal_made_before_the_change_is_stale(url):
    with Study.open(url, "s", OLD, seed=3) as study, Study.load(url, "s") as other:
        told(study, 6)
        propose = ProposerFactory(url, "s", study.problem, study.recipe)()
        early = propose(PrefetchRequest(2))
        other.change_space(NEW, {"m": 0.0})
        with pytest.raises(StaleProposal, match="the space has changed"):
            study._driver.ask_proposed("test", early, 0, 2)
        late = propose(PrefetchRequest(2))
        trials = study._driver.ask_proposed("test", late, 0, 2)
        assert all(study.problem.space.contains(trial.params) for trial in trials)
        assert study.replay().difference is None


def test_a_run_goes_on_in_the_new_space(url):
    with Study.open(url, "s", OLD, seed=3, budget=Budget(trials=14)) as study, Study.load(url, "s") as other:
        numbers = []

        def changing(params):
            numbers.append(len(numbers))
            if len(numbers) == 7:
                other.change_space(NEW, {"m": 0.0})
            return objective(params)

        assert str(study.run(changing).why) == "budget"
        assert all(study.problem.space.contains(trial.params) for trial in study.trials[7:])


def test_an_evaluation_by_names_is_not_called_without_a_new_parameter(url):
    with Study.open(url, "s", OLD, seed=3, budget=Budget(trials=12)) as study, Study.load(url, "s") as other:

        def by_names(x, y, act):
            if x and len(other.trials) == 4:
                other.change_space(NEW, {"m": 0.0})
            return objective({"x": x, "y": y, "act": act})

        report = study.run(by_names)
        assert str(report.why) == "broken"
        assert "there is no argument for 'm'" in report.error


def test_a_study_opens_with_its_present_space_only(url):
    with Study.open(url, "s", OLD, seed=3) as study:
        told(study, 2)
    with pytest.raises(StudyMismatch, match=r"space: x: real .* is now .*--change-space"):
        Study.open(url, "s", NEW)
    with Study.load(url, "s") as study:
        study.change_space(NEW, {"m": 0.0})
    with pytest.raises(StudyMismatch, match="space: x: "):
        Study.open(url, "s", OLD)
    with Study.open(url, "s", NEW) as study:
        assert len(study.problem.space.earlier) == 1
        told(study, 2)
    with pytest.raises(StudyMismatch) as refused:
        Study.open(url, "s", Problem(NEW, maximize=True))
    assert "change-space" not in str(refused.value)


def test_callable_constraints_survive_a_change_by_another_driver(url):
    from smbo.space import Space

    def holds(point):
        return point["x"] + point["y"] <= 1.0

    with Study.open(url, "s", Space(OLD, constraints=[holds]), seed=3) as study:
        told(study, 6)
        with Study.load(url, "s") as other:
            other.change_space(Space({**OLD, "act": ["a", "b", "c"]}, constraints=[holds]))
        assert all(point["x"] + point["y"] <= 1.0 for point in told(study, 4))


def test_a_missing_default_is_asked_for(url):
    with Study.open(url, "s", OLD, seed=3) as study:
        study.change_space({**OLD, "first": (0, 3)})  # without trials, none is needed
        told(study, 1)
        with pytest.raises(SpaceError, match=r"m has no value at trial 0.*--default m=VALUE"):
            study.change_space({**OLD, "first": (0, 3), "m": (0.0, 1.0)})
        assert len(study.space_changes) == 1


def test_fixed_values_are_of_the_present_space(url):
    with Study.open(url, "s", OLD, seed=3) as study, Study.load(url, "s") as other:
        told(study, 3)
        study.change_space(NEW, {"m": 0.0})
        with pytest.raises(AskError, match="act='a'"):
            other.ask(fixed={"act": "a"})
        assert other.ask(fixed={"act": "c"}).params["act"] == "c"
        stranger = Optimizer(OLD, seed=8).ask()
        with pytest.raises(UnknownTrial):
            study.tell(stranger, 1.0)


def test_points_to_try_first_and_sources_come_along(url):
    xs = np.linspace(0, 1, 11)
    source = TransferSource([{"x": x} for x in xs], (xs - 0.3) ** 2)
    problem = Problem({"x": (0.0, 1.0)}, try_first=[{"x": 0.05}, {"x": 0.9}, {"x": 0.55}], transfer=[source])
    with Study.open(url, "s", problem, seed=3) as study:
        told(study, 1, lambda params: (params["x"] - 0.3) ** 2)
        said = study.change_space({"x": (0.25, 0.95), "m": (0.0, 1.0)}, {"m": 0.5})
        assert "points to try first: 1 of 3 are outside, and left out" in said
        assert {point["m"] for point in study.problem.transfer[0].points} == {0.5}
        points = told(study, 5, lambda params: (params["x"] - 0.3) ** 2 + params["m"])
        assert points[:2] == [{"x": 0.9, "m": 0.5}, {"x": 0.55, "m": 0.5}]


def ladder(params, fidelity):
    return (params["x"] - 0.3) ** 2 + 1.0 / fidelity


@pytest.mark.parametrize("stopping", ["asha", "model"])
def test_only_trials_inside_are_promoted(url, stopping):
    problem = Problem({"x": (0.0, 1.0)}, fidelity=Fidelity(1, 9), early_stopping=stopping)
    with Study.open(url, "s", problem, seed=3) as study:
        for _ in range(9):
            trial = study.ask()
            study.tell(trial, ladder(trial.params, trial.fidelity))
        study.change_space({"x": (0.6, 1.0)})
        for _ in range(12):
            trial = study.ask()
            assert trial.params["x"] >= 0.6
            study.tell(trial, ladder(trial.params, trial.fidelity))
        while (trial := study.promote()) is not None:
            study.tell(trial, ladder(trial.params, trial.fidelity))
        assert study.best.params["x"] >= 0.6
        assert study.recommend().params["x"] >= 0.6
        assert study.replay().difference is None


@pytest.mark.parametrize(
    ("problem", "result"),
    [
        (
            Problem({"x": (0.0, 1.0)}, objectives={"f": "min", "g": "max"}),
            lambda x: {"f": (x - 0.3) ** 2, "g": x},
        ),
        (Problem({"x": (0.0, 1.0)}, constraints=["c >= 0"]), lambda x: {"value": x, "c": 0.8 - x}),
        (Problem({"x": (0.0, 1.0)}, level_set=LevelSet(0.5, of=["v"])), lambda x: {"v": x**2}),
    ],
    ids=["objectives", "constraint", "level set"],
)
def test_other_kinds_of_problems_change_their_space(problem, result):
    optimizer = Optimizer(problem, seed=2)
    for _ in range(7):
        trial = optimizer.ask()
        optimizer.tell(trial, result(trial.params["x"]))
    optimizer.change_space({"x": (0.5, 1.2), "y": (0.0, 1.0)}, {"y": 0.5})
    for _ in range(4):
        trial = optimizer.ask()
        assert 0.5 <= trial.params["x"] <= 1.2
        optimizer.tell(trial, result(trial.params["x"]))
    if problem.level_set is None:
        assert optimizer.best.params["x"] >= 0.5
        assert optimizer.recommend().params["x"] >= 0.5
    else:
        assert np.isfinite(list(optimizer.contour().misclassified.values())).all()
    again = Optimizer.replay(problem, optimizer.log, seed=2)
    assert again.ask().params == optimizer.ask().params


def test_only_the_space_of_a_problem_changes():
    optimizer = Optimizer(Problem(OLD), seed=1)
    with pytest.raises(ProblemError, match="maximize is False in the study and True"):
        optimizer.change_space(Problem(NEW, maximize=True))


def test_a_plateau_is_counted_anew_in_a_wider_space():
    problem = Problem({"x": (0.0, 1.0)}, termination={"plateau": 4})
    optimizer = Optimizer(problem, seed=1)
    while optimizer.termination() is None:
        trial = optimizer.ask()
        optimizer.tell(trial, round((trial.params["x"] - 2.0) ** 2, 2))
    optimizer.change_space({"x": (0.0, 3.0)})
    assert optimizer.termination() is None
    optimizer.tell({"x": 0.0}, 4.0)  # nothing gained, for the first time in this space
    assert optimizer.termination() is None
    values = []
    while optimizer.termination() is None:
        trial = optimizer.ask()
        values.append(optimizer.tell(trial, round((trial.params["x"] - 2.0) ** 2, 2)).value)
    assert len(values) >= 4
    assert min(values) == optimizer.best.value < 0.1


def test_a_context_may_be_observed_in_a_wider_range_and_not_become_a_constant():
    problem = Problem({"gain": (0.0, 1.0), "warmth": (0.0, 40.0)}, context=["warmth"])
    optimizer = Optimizer(problem, seed=1)
    for warmth in (1.0, 20.0, 39.0):
        optimizer.tell(optimizer.ask(context={"warmth": warmth}), warmth)
    optimizer.change_space({"gain": (0.0, 1.0), "warmth": (0.0, 60.0)})
    assert optimizer.ask(context={"warmth": 55.0}).params["warmth"] == 55.0
    with pytest.raises(ProblemError, match="'warmth' is constant"):
        optimizer.change_space({"gain": (0.0, 1.0), "warmth": 20.0})


def test_step_limits_lead_from_a_point_outside_back_to_the_space():
    sizes = Categorical(["s", "m", "l"], ordered=True)
    problem = Problem({"x": (0.0, 1.0), "size": sizes}, step_limits={"x": 0.3, "size": 1})
    optimizer = Optimizer(problem, seed=1)
    optimizer.tell({"x": 0.4, "size": "l"}, 1.0)
    optimizer.change_space({"x": (0.5, 1.0), "size": Categorical(["s", "m"], ordered=True)})
    trial = optimizer.ask()
    assert 0.5 <= trial.params["x"] <= 0.7
    assert trial.params["size"] == "m"
    optimizer.change_space({"x": (4.0, 5.0), "size": Categorical(["s", "m"], ordered=True)})
    with pytest.raises(AskError, match=r"the present x=.* is outside of the space, further than its step"):
        optimizer.ask()
