"""Seventeen kinds of problem, each a feature that is added to one function with a known answer.

    case = Case(("failures", "several objectives"))
    case.problem(), case.job("study", folder)                # for ask/tell, and as the keys of a job file
    case.measure(params, seed, fidelity)                     # what an evaluation returns
    case.shortfall(optimizer)                                # how far a search is from the known answer

The function is f = mean(o²) / 2 of outputs o that vanish at one point of the unit square; a second objective
is the same about another point, a level set is where f crosses a level.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from smbo import Fidelity, LevelSet, Normal, Optimizer, Outcome, Problem, Real, Space, TransferSource
from smbo.errors import RecipeError, TellError
from smbo.problem import ChiSquare, EvaluationFailed
from smbo.problem.hypervolume import hypervolume
from smbo.proposal.compatibility import check_recipe
from smbo.proposal.presets import preset
from smbo.trial import Trial, TrialState

KINDS = (
    "failures",
    "outcome constraints",
    "known constraints",
    "several objectives",
    "vector outputs",
    "level set",
    "fidelity by ladder",
    "fidelity by model",
    "early stopping",
    "costs",
    "priors",
    "transfer",
    "replication",
    "termination",
    "batches",
    "conditional",
    "noise",
)

_NO_BEST = "of a level set no point is better than another"
_ONE_RULE = "one argument, early_stopping, decides which trials go on; there is one rule of it in a study"
# Pairs without a meaning, and why.
MEANINGLESS: Mapping[frozenset[str], str] = {
    frozenset(pair): reason
    for *pair, reason in (
        ("fidelity by ladder", "fidelity by model", _ONE_RULE),
        ("fidelity by ladder", "early stopping", _ONE_RULE),
        ("fidelity by model", "early stopping", _ONE_RULE),
        ("level set", "several objectives", f"{_NO_BEST}, by none of several objectives either"),
        ("level set", "vector outputs", f"{_NO_BEST}, and a loss says which outputs are better"),
        ("level set", "priors", f"{_NO_BEST}, and a prior says where the best one is"),
        ("level set", "early stopping", f"{_NO_BEST}, so that no report is worse than the others' median"),
        (
            "level set",
            "termination",
            f"{_NO_BEST}; LevelSet(tolerance=...) is the rule of its end",
        ),
        ("several objectives", "vector outputs", "a loss makes one objective of all outputs"),
        (
            "several objectives",
            "early stopping",
            "a report is one number, and the median of one objective says nothing of the front",
        ),
    )
}

_EPOCHS = Fidelity(1, 9, name="epochs")
_NOISE = 0.05
_LEVEL = 1.5
_REFERENCE = 6.0  # of both objectives
_SIDE = 35  # points of the grid a side, for what is known of a level set
N_REPORTS = 9


def pairs() -> list[tuple[str, str]]:
    """Return every pair of the seventeen kinds, in their order."""
    return list(combinations(KINDS, 2))


@dataclass(frozen=True)
class Case:
    """A problem of some of the kinds.

    Attributes:
        kinds: of ``KINDS``.
    """

    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        assert set(self.kinds) <= set(KINDS), f"no such kind among {self.kinds}"

    def _has(self, *kinds: str) -> bool:
        return bool({*kinds} & {*self.kinds})

    @property
    def has_fidelity(self) -> bool:
        return self._has("fidelity by ladder", "fidelity by model")

    @property
    def sigma(self) -> float:
        """Standard deviation of an evaluation's error."""
        return _NOISE if self._has("noise", "replication") else 0.0

    @property
    def batch(self) -> int:
        return 4 if self._has("batches") else 1

    def problem(self, *, is_plain: bool = False) -> Problem:
        """Return the problem.

        Args:
            is_plain: without what helps a search: fidelity, early stopping, prior, transfer, termination.
        """
        dimensions: dict[str, Any] = {
            "x": Real(0, 1, prior=Normal(0.65, 0.15) if self._has("priors") and not is_plain else None),
            "y": Real(0, 1),
        }
        if self._has("conditional"):
            dimensions["z"] = Real(0, 1, active_when="x > 0.5")
        space = Space(dimensions, self._known_constraints())
        arguments: dict[str, Any] = {"constraints": self._outcome_constraints()}
        if self._has("several objectives"):
            arguments |= {
                "objectives": {"f": "min", "g": "min"},
                "reference": dict.fromkeys("fg", _REFERENCE),
            }
        if self._has("vector outputs"):
            arguments["loss"] = self.loss()
        if self._has("level set"):
            arguments["level_set"] = LevelSet(_LEVEL, of=["f"])
        if is_plain:
            return Problem(space, **arguments)
        if self.has_fidelity:
            arguments["fidelity"] = _EPOCHS
        if stopping := self._early_stopping():
            arguments["early_stopping"] = stopping
        if self._has("termination"):
            arguments["termination"] = self._termination()
        if self._has("transfer"):
            arguments["transfer"] = [self.source()]
        return Problem(space, **arguments)

    def _known_constraints(self) -> list[str]:
        return ["x - y >= 0.15"] if self._has("known constraints") else []

    def _outcome_constraints(self) -> list[str]:
        return ["c <= 1.2"] if self._has("outcome constraints") else []

    def _early_stopping(self) -> str | None:
        names = {"fidelity by ladder": "asha", "fidelity by model": "model", "early stopping": "median"}
        return next((name for kind, name in names.items() if self._has(kind)), None)

    def _termination(self) -> dict[str, Any]:
        return {"plateau": 12, "left": 0.1}

    def loss(self) -> ChiSquare:
        """Return the loss of vector outputs, which is f."""
        k = 3 if self._has("conditional") else 2
        return ChiSquare(np.zeros(k), np.full(k, math.sqrt(2.0)))

    def recipe(self) -> Any:
        """Return the recipe as a job file has it: of costs the one that learns them, where it serves."""
        if self._has("replication"):
            return {"auto": {"replication": True}}
        if self._has("costs"):
            try:
                check_recipe(self.problem(), preset("cost"))
            except RecipeError:
                return "auto"
            return "cost"
        return "auto"

    def job(self, study: str, folder: Path, trials: int) -> dict[str, Any]:
        """Return the keys of a job file, and write the tables and the module that it names."""
        space: dict[str, Any] = {"x": {"real": [0.0, 1.0]}, "y": {"real": [0.0, 1.0]}}
        if self._has("priors"):
            space["x"]["prior"] = {"normal": [0.65, 0.15]}
        if self._has("conditional"):
            space["z"] = {"real": [0.0, 1.0], "active_when": "x > 0.5"}
        job: dict[str, Any] = {
            "study": study,
            "objective": {"python": "measured:evaluate"},
            "space": space,
            "constraints": self._known_constraints() + self._outcome_constraints(),
            "recipe": self.recipe(),
            "budget": {"trials": trials},
            "cluster": {"local": {"workers": 2}} if self._has("batches") else "serial",
            "isolation": "thread",
            "seed": 1,
            "report": False,
        }
        if self._has("several objectives"):
            job |= {"objectives": {"f": "min", "g": "min"}, "reference": dict.fromkeys("fg", _REFERENCE)}
        if self._has("level set"):
            job["level_set"] = {"level": _LEVEL, "of": ["f"]}
        if self.has_fidelity:
            job["fidelity"] = {"low": 1, "high": 9, "name": "epochs"}
        if stopping := self._early_stopping():
            job["early_stopping"] = stopping
        if self._has("termination"):
            job["termination"] = self._termination()
        if self._has("transfer"):
            job["transfer"] = [{"file": "earlier.csv", **self._write_source(folder / "earlier.csv")}]
        (folder / "measured.py").write_text(_MODULE.format(kinds=self.kinds, here=str(Path(__file__).parent)))
        return job

    # what is measured

    def outputs(self, params: Mapping[str, Any], fidelity: float = 9.0, shift: float = 0.0) -> np.ndarray:
        """Return the outputs, which are biased below the highest fidelity."""
        x, y = float(params["x"]) - shift, float(params["y"])
        bias = 0.6 * (1.0 - fidelity / _EPOCHS.high) * math.cos(3.0 * y)
        found = [6.0 * (x - 0.7) + bias, 6.0 * (y - 0.5 + 0.25 * math.sin(6.0 * x))]
        if self._has("conditional"):
            found.append(3.0 * (float(params["z"]) - 0.25) if params.get("z") is not None else 1.2)
        return np.array(found)

    def values(
        self, params: Mapping[str, Any], fidelity: float = 9.0, shift: float = 0.0
    ) -> dict[str, float]:
        """Return both objectives and what the outcome constraint is on, without noise."""
        x, y = float(params["x"]) - shift, float(params["y"])
        others = np.array([6.0 * (x - 0.2), 6.0 * (y - 0.8)])
        f = float(np.mean(self.outputs(params, fidelity, shift) ** 2) / 2.0)
        bias = 0.4 * (1.0 - fidelity / _EPOCHS.high) * math.cos(3.0 * x)
        return {"f": f, "g": float(np.mean(others**2) / 2.0) + bias, "c": x + y}

    def fails(self, params: Mapping[str, Any]) -> bool:
        return self._has("failures") and float(params["x"]) > 0.85

    def measure(self, params: Mapping[str, Any], seed: int, fidelity: float | None = None) -> Outcome:
        """Return the result of an evaluation.

        Raises:
            EvaluationFailed: in the part of the space where evaluations fail.
        """
        if self.fails(params):
            raise EvaluationFailed("beyond x = 0.85")
        at = _EPOCHS.high if fidelity is None else fidelity
        rng = np.random.default_rng([seed, int(at)])
        values = self.values(params, at)
        cost = 1.0 + 4.0 * float(params["x"]) if self._has("costs") else None
        noise = self.sigma * rng.standard_normal(3)
        if self._has("vector outputs"):
            outputs = self.outputs(params, at)
            outputs = outputs + noise[: len(outputs)]
            variance = np.full(len(outputs), max(self.sigma, 1e-3) ** 2)
            metrics = {"c": values["c"]}
            return Outcome(metrics=metrics, outputs=outputs, outputs_variance=variance, cost=cost)
        metrics = {**values, "f": values["f"] + noise[0], "g": values["g"] + noise[1]}
        if self._has("several objectives", "level set"):
            return Outcome(metrics=metrics, cost=cost)
        return Outcome(metrics["f"], metrics=metrics, cost=cost)

    def reports(self, params: Mapping[str, Any], seed: int) -> list[tuple[int, float]]:
        """Return what a trial reports on its way, for early stopping; () for other kinds."""
        if not self._has("early stopping") or self.fails(params):
            return []
        return [
            (step, self.values(params)["f"] + 2.0 * (1 - step / N_REPORTS)) for step in range(1, N_REPORTS)
        ]

    def source(self) -> TransferSource:
        """Return an earlier study, of a function that is shifted."""
        rows = [self._source_row(k) for k in range(12)]
        points = [{name: row[name] for name in ("x", "y", "z") if row.get(name) is not None} for row in rows]
        columns = {name: [row[name] for row in rows] for name in self._measured}
        if self._has("vector outputs"):
            return TransferSource(points, outputs=np.column_stack([*columns.values()]))
        return TransferSource(points, columns if len(columns) > 1 else columns["f"])

    @property
    def _measured(self) -> list[str]:
        """Names of what an earlier study has of each point."""
        if self._has("vector outputs"):
            return [f"o{k}" for k in range(self.loss().n_outputs)]
        return ["f", "g"] if self._has("several objectives") else ["f"]

    def _source_row(self, k: int) -> dict[str, Any]:
        point: dict[str, Any] = {"x": (0.5 + 5 * k % 12) / 12, "y": (0.5 + k) / 12}
        if self._has("known constraints"):
            point["y"] *= 0.8
            point["x"] = min(1.0, max(point["x"], point["y"] + 0.16))
        if self._has("conditional"):
            point["z"] = (0.5 + 7 * k % 12) / 12 if point["x"] > 0.5 else None
        outputs = {f"o{k}": value for k, value in enumerate(self.outputs(point, shift=0.05).tolist())}
        return {**point, **self.values(point, shift=0.05), **outputs}

    def _write_source(self, file: Path) -> dict[str, Any]:
        """Write the earlier study as a table; return how a job file names its columns."""
        rows = [self._source_row(k) for k in range(12)]
        names = [name for name in ("x", "y", "z") if name in rows[0]]
        with file.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([*names, *self._measured])
            for row in rows:
                cells = [row[name] for name in (*names, *self._measured)]
                writer.writerow(["" if cell is None else repr(cell) for cell in cells])
        if self._has("vector outputs"):
            return {"outputs": self._measured}
        return {} if self._has("several objectives", "level set") else {"value": "f"}

    # what is known of it

    def cost_of(self, trial: Trial) -> float:
        """Return what a trial has cost: 1 for an evaluation in full, by its cost where there are costs."""
        cost = 1.0 + 4.0 * trial.params["x"] if self._has("costs") else 1.0
        if trial.fidelity is not None:
            cost *= trial.fidelity / _EPOCHS.high
        return cost

    def is_usable(self, params: Mapping[str, Any]) -> bool:
        """Return whether a point succeeds and meets the outcome constraint, without noise."""
        meets = not self._has("outcome constraints") or params["x"] + params["y"] <= 1.2
        return meets and not self.fails(params)

    def grid(self) -> list[dict[str, float]]:
        """Return usable points of the space, for what is known of a level set."""
        side = (np.arange(_SIDE) + 0.5) / _SIDE
        space, found = self.problem(is_plain=True).space, []
        for x, y in ((float(x), float(y)) for x in side for y in side):
            point = {"x": x, "y": y}
            if self._has("conditional") and x > 0.5:
                point["z"] = round((7.0 * x + 3.0 * y) % 1.0, 6)
            if self.is_usable(point) and space.contains(point):
                found.append(point)
        return found

    def shortfall(self, optimizer: Optimizer, *, has_model: bool = True) -> float:
        """Return how far a search is from the known answer, 0 at best.

        Of one objective the true value of what is recommended (the lowest is 0 or, with constraints, at a
        bound), of several what is missing of the square of the reference by the true front, of a level
        set the share of the space on the wrong side: by the model, or without one as the nearest evaluated
        point is.
        """
        if self._has("level set"):
            points = self.grid()
            if has_model:
                means = optimizer.predict(points).means["f"]
            else:
                done = [trial for trial in optimizer.trials if trial.state is TrialState.COMPLETE]
                known, places = (
                    np.array([[p["x"], p["y"]] for p in each])
                    for each in ([trial.params for trial in done], points)
                )
                nearest = ((places[:, None] - known) ** 2).sum(axis=2).argmin(axis=1)
                means = np.array([trial.metrics["f"] for trial in done])[nearest]
            truth = np.array([self.values(point)["f"] for point in points])
            return float(((means > _LEVEL) != (truth > _LEVEL)).mean())
        if self._has("several objectives"):
            full = [trial for trial in optimizer.trials if trial.state is TrialState.COMPLETE]
            front = [self.values(trial.params) for trial in full if self.is_usable(trial.params)]
            corner = np.full(2, _REFERENCE)
            values = np.array([[each["f"], each["g"]] for each in front]).reshape(-1, 2)
            return float(_REFERENCE**2 - (hypervolume(values, corner) if len(values) else 0.0))
        try:
            best = optimizer.recommend().params
        except TellError:  # no feasible evaluation
            return math.inf
        return self.values(best)["f"] if self.is_usable(best) else math.inf


_MODULE = '''"""The objective of a pair of kinds; written by tests/kinds/seventeen.py."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, {here!r})
from seventeen import Case

CASE = Case({kinds!r})
HERE = Path(__file__).parent


def evaluate(params, context):
    with (HERE / "evaluated.txt").open("a") as file:
        file.write("x")
    kill = HERE / "kill_at.txt"
    if kill.exists() and int(kill.read_text()) == len((HERE / "evaluated.txt").read_text()):
        os.kill(int((HERE / "driver.txt").read_text()), signal.SIGKILL)
    for step, value in CASE.reports(params, context.seed):
        context.report(step, value)
    return CASE.measure(params, context.seed, context.fidelity)


if "vector outputs" in CASE.kinds:
    evaluate.problem = CASE.problem(is_plain=True)
'''


def told(case: Case, optimizer: Any, trials: Iterable[Trial]) -> float:
    """Evaluate trials and tell their results to an optimizer or a study; return what they cost."""
    spent = 0.0
    for trial in trials:
        before = max((rung.fidelity for rung in trial.rungs), default=0.0)
        share = 1.0
        if trial.fidelity is not None:
            share = 1.0 - before / trial.fidelity
        try:
            for step, value in case.reports(trial.params, trial.seed):
                if optimizer.report(trial, step, value):
                    share = step / N_REPORTS
                    optimizer.tell(trial, value, status="pruned")
                    break
            else:
                optimizer.tell(trial, case.measure(trial.params, trial.seed, trial.fidelity))
        except EvaluationFailed as error:
            optimizer.tell(trial, status="failed", reason=str(error))
        spent += share * case.cost_of(trial)
    return spent
