"""Evaluate an objective in any process, and load installed objectives by name."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from smbo.errors import ObjectiveError, Pruned
from smbo.problem import Context, Objective, Outcome, Returned, as_outcome
from smbo.space.json_values import from_plain
from smbo.training_data import Array
from smbo_scheduler.jobs import JobContext

ENTRY_POINTS = "smbo.objectives"

# The forms of an objective that a study takes: an object with ``evaluate``, a function of the point, or of
# the point and its context, or the name of an installed one.
AnyObjective: TypeAlias = "Objective | Callable[..., Returned] | ObjectiveSpec"

# An objective's settings as (kind, settings) -> the objective, one per process: an objective may
# hold gigabytes of events, and a worker evaluates it again and again.
_loaded: dict[str, Objective] = {}


@dataclass(frozen=True)
class ObjectiveSpec:
    """An installed objective and its settings; resolved in each process that evaluates it.

    Attributes:
        kind: name in the entry-point group ``smbo.objectives``.
        settings: keyword arguments of its constructor; plain JSON values.
        folders: where its modules may be beside Python's own places; absolute, and the same on
            every worker.
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    folders: tuple[str, ...] = ()

    def load(self) -> Objective:
        """Return the objective, made once per process.

        Raises:
            ObjectiveError: see ``load_objective``.
        """
        key = repr((self.kind, sorted(self.settings.items()), self.folders))
        if key not in _loaded:
            # a worker of a user's own cluster was not started in the job's folder
            _put_first(self.folders)
            _loaded[key] = load_objective(self.kind, self.settings)
        return _loaded[key]


def _put_first(folders: tuple[str, ...]) -> None:
    """Have Python look for modules in these folders before all others."""
    sys.path[:] = [*folders, *(folder for folder in sys.path if folder not in folders)]


@dataclass(frozen=True)
class Evaluator:
    """Evaluates jobs whose payload is {"params", "seed", "fidelity"}; pickles if its objective does.

    Args:
        objective: what to evaluate.

    Raises:
        ObjectiveError: it is no objective.
    """

    objective: AnyObjective

    def __post_init__(self) -> None:
        if not isinstance(self.objective, ObjectiveSpec):
            _as_function(self.objective)

    def __call__(self, payload: Mapping[str, Any], job_context: JobContext) -> dict[str, Any]:
        """Return the outcome as plain JSON values, or raise what the objective raises.

        The outcome of a pruned evaluation holds the last value reported, and is marked as pruned.
        """
        objective = self.objective
        evaluate = _as_function(objective.load() if isinstance(objective, ObjectiveSpec) else objective)
        params = {name: from_plain(value) for name, value in payload["params"].items()}
        checkpoint = payload.get("checkpoint")
        reports = _Reports(job_context)
        context = Context(
            seed=payload["seed"],
            folder=job_context.folder,
            fidelity=payload.get("fidelity"),
            checkpoint=None if checkpoint is None else Path(checkpoint),
            report=reports.report,
            should_stop=reports.should_stop,
        )
        try:
            outcome = as_outcome(evaluate(params, context))
        except Pruned:
            outcome, reports.is_told_to_stop = Outcome(), True
        found = outcome_to_json(outcome)
        if reports.is_told_to_stop:
            return {**found, "value": reports.last, "pruned": True}
        return {**found, "folder": str(job_context.folder)}


class _Reports:
    """Passes intermediate values to the job's context, and a request to stop to the objective."""

    def __init__(self, job_context: JobContext) -> None:
        self._job_context = job_context
        self.last: float | None = None
        self.is_told_to_stop = False

    def report(self, step: float, value: float) -> None:
        """Report an intermediate value; raise Pruned if the evaluation is to stop."""
        self._job_context.report(step, value)
        self.last = float(value)
        if self.should_stop():
            raise Pruned(f"ended early at step {step:g}")

    def should_stop(self) -> bool:
        """Return whether the evaluation is to stop."""
        self.is_told_to_stop = self.is_told_to_stop or self._job_context.is_asked_to_stop()
        return self.is_told_to_stop


def payload_of(
    params: Mapping[str, Any], seed: int, fidelity: float | None, checkpoint: str | None = None
) -> dict[str, Any]:
    """Return the payload of an Evaluator's job; ``params`` as ``Space.point_to_json`` gives them."""
    payload = {"params": dict(params), "seed": seed, "fidelity": fidelity}
    return payload if checkpoint is None else {**payload, "checkpoint": checkpoint}


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain values (NaN and infinities stay floats)."""
    return {
        "value": None if outcome.value is None else float(outcome.value),
        "sem": None if outcome.sem is None else float(outcome.sem),
        "cost": None if outcome.cost is None else float(outcome.cost),
        "metrics": {str(name): float(value) for name, value in outcome.metrics.items()},
        "sems": {str(name): float(sem) for name, sem in outcome.sems.items()},
        "outputs": _to_list(outcome.outputs),
        "outputs_variance": _to_list(outcome.outputs_variance),
    }


def outcome_from_json(data: Mapping[str, Any]) -> Outcome:
    """Return the outcome that ``outcome_to_json`` wrote."""
    return Outcome(
        value=data["value"],
        sem=data["sem"],
        cost=data["cost"],
        metrics=dict(data["metrics"]),
        sems=dict(data.get("sems", {})),  # absent in what an earlier version left in a spool
        outputs=_from_list(data["outputs"]),
        outputs_variance=_from_list(data["outputs_variance"]),
    )


def installed_objectives() -> dict[str, EntryPoint]:
    """Return the installed objectives by name, sorted; nothing is imported."""
    return {each.name: each for each in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name)}


def load_objective(kind: str, settings: Mapping[str, Any]) -> Objective:
    """Return an installed objective, constructed from its settings.

    Raises:
        ObjectiveError: none of that name is installed, it cannot be imported, or it does not take
            the settings; the message lists the installed ones or the settings it takes.
    """
    installed = installed_objectives()
    if kind not in installed:
        raise ObjectiveError(f"no objective {kind!r}{_meant(kind, installed)}; installed: {_list(installed)}")
    try:
        make = installed[kind].load()
    except (ImportError, AttributeError) as error:
        raise ObjectiveError(
            f"objective {kind!r} cannot be loaded: {error}; is its extra installed? "
            "pip install 'smbo[hep]' or 'smbo[torch]'"
        ) from error
    _check_settings(kind, make, settings)
    objective = make(**settings)
    if not callable(getattr(objective, "evaluate", None)):
        raise ObjectiveError(f"objective {kind!r}: {make!r} has no method evaluate(params, context)")
    return objective


def _check_settings(kind: str, make: Callable[..., Any], settings: Mapping[str, Any]) -> None:
    """Refuse settings that a constructor does not take, before it is called."""
    # Catching its TypeError instead would blame the settings for a mistake inside it.
    signature = inspect.signature(make)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    taken = {name: each for name, each in signature.parameters.items() if each.kind in named}
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in signature.parameters.values())
    for name in settings:
        if name not in taken and not takes_any:
            raise ObjectiveError(
                f"objective {kind!r} has no setting {name!r}{_meant(name, taken)}; it takes: {_list(taken)}"
            )
    missing = [
        name
        for name, each in taken.items()
        if each.default is inspect.Parameter.empty and name not in settings
    ]
    if missing:
        raise ObjectiveError(f"objective {kind!r} needs the setting {missing[0]!r}; it takes: {_list(taken)}")


def _as_function(objective: Any) -> Callable[[Mapping[str, Any], Context], Returned]:
    """Return an objective as a function of the point and its context."""
    evaluate = getattr(objective, "evaluate", None)
    function: Callable[..., Returned] = evaluate if callable(evaluate) else objective
    if not callable(function) or (isinstance(objective, type) and evaluate is not None):
        raise ObjectiveError(
            f"{objective!r} is no objective; give a function of (params) or (params, context), "
            "or an object with a method evaluate(params, context)"
        )
    if _takes_context(function):
        return function
    return lambda params, _context: function(params)


def _takes_context(function: Callable[..., Any]) -> bool:
    """Return whether a function takes a second positional argument, or insists on one."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # built-in functions may have none
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    slots = [each for each in parameters if each.kind in positional]
    required = [each for each in slots if each.default is inspect.Parameter.empty]
    if not slots and not any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters):
        raise ObjectiveError(f"{function!r} takes no point; an objective is a function of (params)")
    if len(required) > 2:
        names = ", ".join(each.name for each in required)
        raise ObjectiveError(
            f"{function!r} needs ({names}); an objective takes (params) or (params, context)"
        )
    # a second parameter with a default of its own is the user's, unless it is called context
    return len(required) == 2 or (len(slots) > 1 and slots[1].name == "context")


def _meant(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _list(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "none"


def _to_list(vector: Array | None) -> list[float] | None:
    return None if vector is None else np.asarray(vector, dtype=np.float64).tolist()


def _from_list(values: Any) -> Array | None:
    return None if values is None else np.asarray(values, dtype=np.float64)
