"""What Optimizer and Study answer alike, and the names that a user sees of them."""

from __future__ import annotations

from smbo import LevelSet, Optimizer, Problem, Real, Study

ANSWERS = {
    "best",
    "contour",
    "explain",
    "optimum",
    "pareto",
    "predict",
    "problem",
    "recipe",
    "recommend",
    "table",
    "termination",
    "to_pandas",
    "trials",
    "tune",
}
OF_OPTIMIZER = {"ask", "change_space", "log", "promote", "replay", "report", "seed", "space", "tell"}
OF_STUDY = {
    "add_many",
    "ask",
    "budget",
    "change_space",
    "close",
    "import_table",
    "is_stopped",
    "load",
    "name",
    "names",
    "open",
    "promote",
    "replay",
    "report",
    "retry",
    "space_changes",
    "run",
    "seed",
    "spent",
    "stop",
    "tell",
    "trial",
}


def shown(thing):
    return {name for name in dir(thing) if not name.startswith("_")}


def test_a_user_sees_these_names_and_no_others(tmp_path):
    assert shown(Optimizer({"x": (0.0, 1.0)})) == ANSWERS | OF_OPTIMIZER
    with Study.open(f"sqlite:///{tmp_path}/s.db", "s", {"x": (0.0, 1.0)}) as study:
        assert shown(study) == ANSWERS | OF_STUDY


SPACE = {"x": Real(0.0, 10.0), "scale": Real(1e-3, 1e3, log=True)}


def designed(problem, n, measure, recipe="gp"):
    """Return an optimizer that was told noise-free results at points of a design."""
    optimizer = Optimizer(problem, recipe, seed=1)
    for point in Optimizer(SPACE, "sobol", seed=1).ask(n):
        optimizer.tell(point.params, measure(**point.params))
    return optimizer


def test_an_optimizer_says_as_a_study_does_that_a_level_is_known(tmp_path):
    problem = Problem(SPACE, level_set=LevelSet(5.0, tolerance=0.05))
    optimizer = designed(problem, 24, lambda x, scale: x, recipe="auto")
    with Study.open(f"sqlite:///{tmp_path}/s.db", "s", problem) as study:
        study.add_many(
            [trial.params for trial in optimizer.trials], [t.params["x"] for t in optimizer.trials]
        )
        assert "the contour is known" in study.termination()
        assert optimizer.termination() == study.termination()
