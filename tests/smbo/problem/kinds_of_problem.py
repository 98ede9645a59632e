"""One small problem of each kind in ``smbo.problem.compatibility``, and evaluations of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from smbo import Fidelity, LevelSet, Normal, Outcome, Problem, Real, Space, TransferSource
from smbo.problem import ChiSquare
from smbo.trial import Trial

FIDELITY = Fidelity(1, 9)

# What each kind adds to a problem with one parameter x; kinds of an ask, a recipe or a result add nothing.
ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "maximisation": {"maximize": True},
    "named objective": {"objectives": {"f": "min"}},
    "several objectives": {"objectives": {"f": "min", "g": "min"}},
    "outcome constraints": {"constraints": ["c >= 0.1"]},
    "vector outputs": {"loss": ChiSquare(np.array([0.3, 0.6]), np.array([0.1, 0.1]))},
    "level set": {"level_set": LevelSet(0.1)},
    "fidelity": {"fidelity": FIDELITY},
    "asha": {"fidelity": FIDELITY, "early_stopping": "asha"},
    "hyperband": {"fidelity": FIDELITY, "early_stopping": "hyperband"},
    "model": {"fidelity": FIDELITY, "early_stopping": "model"},
    "median": {"early_stopping": "median"},
    "plateau": {"termination": {"plateau": 20}},
    "left": {"termination": {"left": 1e-9}},
    "step limits": {"step_limits": {"x": 0.2}},
    "points to try first": {"try_first": [{"x": 0.5}]},
    "transfer": {"transfer": [TransferSource([{"x": x} for x in (0.1, 0.4, 0.9)], [0.2, 0.01, 0.3])]},
}


def problem_of(kinds: Collection[str]) -> Problem:
    """Return a problem that is of all these kinds (and of those that one of them cannot be without).

    Raises:
        ProblemError: they do not go together.
    """
    arguments: dict[str, Any] = {}
    for kind in kinds:
        for name, given in ARGUMENTS.get(kind, {}).items():
            has_both = name == "termination" and name in arguments
            arguments[name] = {**arguments[name], **given} if has_both else given
    if "maximisation" in kinds and "objectives" in arguments:
        del arguments["maximize"]
        arguments["objectives"] = dict.fromkeys(arguments["objectives"], "max")
    dimensions: dict[str, Any] = {"x": Real(0, 1, prior=Normal(0.4, 0.1) if "prior" in kinds else None)}
    if "transfer" in kinds and len(arguments.get("objectives", ())) > 1:
        arguments["transfer"] = [_of_several(each) for each in arguments["transfer"]]
    if "conditional dimensions" in kinds:
        dimensions["z"] = Real(0, 1, active_when="x > 0.5")
        # points that are told or tried first have no z where there is none
        if "points to try first" in kinds:
            arguments["try_first"] = [{"x": 0.4}]
        if "transfer" in kinds:
            points = [{"x": 0.1}, {"x": 0.4}, {"x": 0.9, "z": 0.5}]
            arguments["transfer"] = [TransferSource(points, each.values) for each in arguments["transfer"]]
    if "context" in kinds:
        dimensions["t"] = Real(0, 1)
        arguments["context"] = ["t"]
        if "transfer" in kinds:
            arguments["transfer"] = [
                TransferSource([{**point, "t": 0.5} for point in each.points], each.values)
                for each in arguments["transfer"]
            ]
    if {"transfer", "vector outputs"} <= {*kinds} and "several objectives" not in kinds:
        arguments["transfer"] = [_of_outputs(each) for each in arguments["transfer"]]
    known = ["x <= 0.9"] if "known constraints" in kinds else []
    return Problem(Space(dimensions, known), **arguments)


def _of_several(source: TransferSource) -> TransferSource:
    return TransferSource(source.points, dict.fromkeys("fg", source.columns[None]))


def _of_outputs(source: TransferSource) -> TransferSource:
    pairs = zip(source.points, source.columns[None])
    return TransferSource(source.points, outputs=[[value + 0.3, point["x"]] for point, value in pairs])


def evaluated(problem: Problem, kinds: Collection[str], trial: Trial) -> Outcome:
    """Return what an evaluation of such a problem measures; NaN for the second trial of failing ones."""
    x = float(trial.params["x"]) + 0.1 * float(trial.params.get("z", 0.0))
    x_here = x - 0.1 * float(trial.params.get("t", 0.0))
    value = (x_here - 0.3) ** 2 + (0.0 if trial.fidelity is None else 0.1 / trial.fidelity)
    if "failures" in kinds and trial.number == 1:
        value = float("nan")
    cost = 1.0 + x if "costs" in kinds else None
    metrics = {"g": 1.0 - x, "c": x}
    if problem.loss is not None:
        outputs = np.array([value + 0.3, x])
        return Outcome(metrics=metrics, outputs=outputs, outputs_variance=np.full(2, 1e-4), cost=cost)
    if problem.objectives:
        return Outcome(metrics={**metrics, "f": value}, cost=cost)
    return Outcome(value, metrics=metrics, cost=cost)
