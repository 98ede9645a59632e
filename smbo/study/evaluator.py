"""Evaluate an objective in any process, and load installed objectives by name."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from smbo.errors import ObjectiveError, ProblemError, Pruned
from smbo.plain_values import as_number, shown
from smbo.problem import (
    Call,
    ChecksProblem,
    Context,
    HasFiles,
    HasRequirements,
    Objective,
    Outcome,
    Problem,
    Returned,
    as_outcome,
    call_of,
)
from smbo.space.json_values import from_plain
from smbo.training_data import Array
from smbo_scheduler.jobs import JobContext

ENTRY_POINTS = "smbo.objectives"
_LOG = logging.getLogger(__name__)
_logged: set[str] = set()  # names of entries that are no metrics, once a process

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
        dimensions: names of all dimensions of the space; those of each point if empty.

    Raises:
        ObjectiveError: it is no objective.
    """

    objective: AnyObjective
    dimensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.objective, ObjectiveSpec):
            _call(self.objective, self.dimensions or None)

    def prepare(self) -> None:
        """Load an installed objective before the first evaluation, with the modules that it imports.

        Raises:
            ObjectiveError: see ``ObjectiveSpec.load``.
        """
        if isinstance(self.objective, ObjectiveSpec):
            self.objective.load()

    def files(self) -> Sequence[Path]:
        """Return the files that an installed objective names (see ``HasFiles``)."""
        objective = self.objective
        loaded = objective.load() if isinstance(objective, ObjectiveSpec) else objective
        return loaded.files() if isinstance(loaded, HasFiles) else ()

    def __call__(self, payload: Mapping[str, Any], job_context: JobContext) -> dict[str, Any]:
        """Return the outcome as plain JSON values, or raise what the objective raises.

        The outcome of a pruned evaluation holds the last value reported, and is marked as pruned.
        """
        objective = self.objective
        loaded = objective.load() if isinstance(objective, ObjectiveSpec) else objective
        params = {name: from_plain(value) for name, value in payload["params"].items()}
        # a parameter that was added to the space since the run began must not be left out of the call
        dimensions = self.dimensions and tuple(dict.fromkeys((*self.dimensions, *params)))
        checkpoint = payload.get("checkpoint")
        reports = _Reports(job_context)
        context = Context(
            seed=payload["seed"],
            folder=job_context.folder,
            fidelity=payload.get("fidelity"),
            checkpoint=None if checkpoint is None else Path(checkpoint),
            report=reports.report,
            should_stop=reports.should_stop,
            dimensions=dimensions,
        )
        evaluate = _call(loaded, dimensions or tuple(params))
        try:
            returned, left_out = _without_texts(evaluate(params, context))
            outcome = as_outcome(returned)
        except Pruned:
            outcome, left_out, reports.is_told_to_stop = Outcome(), {}, True
        found = outcome_to_json(outcome)
        if left_out:
            found["left_out"] = left_out
        if reports.is_told_to_stop:
            return {**found, "value": reports.last, "pruned": True}
        return {**found, "folder": str(job_context.folder)}


def _without_texts(returned: Returned) -> tuple[Returned, dict[str, str]]:
    """Return a mapping of metrics without entries that are no numbers, and how these look.

    What was measured beside them is kept: a study that names one of them says so (``results.concluded``).
    """
    if not isinstance(returned, Mapping):
        return returned, {}
    kept, left_out = {}, {}
    for name, value in returned.items():
        try:
            as_outcome({name: value})
        except ProblemError:
            left_out[str(name)] = repr(value)[:80]
            if str(name) not in _logged:
                _logged.add(str(name))
                _LOG.warning("result: %s is %.80r, no number; it is not among the metrics", name, value)
        else:
            kept[name] = value
    return kept, left_out


class _Reports:
    """Passes intermediate values to the job's context, and a request to stop to the objective."""

    def __init__(self, job_context: JobContext) -> None:
        self._job_context = job_context
        self.last: float | None = None
        self.is_told_to_stop = False

    def report(self, step: float, value: float) -> None:
        """Report an intermediate value; raise Pruned if the evaluation is to stop.

        Raises:
            ProblemError: step or value is no number.
        """
        try:
            step, value = as_number(step), as_number(value)
        except ValueError as error:
            raise ProblemError(f"report({shown(step)}, {shown(value)}): {error}") from None
        self._job_context.report(step, value)
        self.last = value
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


def check_objective(objective: AnyObjective, problem: Problem) -> str | None:
    """Refuse an objective that cannot evaluate the points of a problem.

    Returns:
        How its function is called, if by the names of the dimensions: "evaluate(x, y)"; else None.

    Raises:
        ObjectiveError: its arguments, placeholders or settings do not go with the problem, or a module that
            it needs is not installed.
    """
    if isinstance(objective, ObjectiveSpec):
        return check_loaded(objective.load(), problem)
    call = _call(objective, problem.space.names, problem.space.conditional)
    said = None if isinstance(objective, type) else check_loaded(objective, problem)
    return str(call) if call.by_name else said


def check_loaded(objective: object, problem: Problem, *, is_here: bool = True) -> str | None:
    """Refuse an objective that an ``ObjectiveSpec`` has made, as ``check_objective`` does.

    Args:
        is_here: whether it is evaluated on this machine, with the packages that are installed here.
    """
    if is_here and isinstance(objective, HasRequirements):
        refuse_missing_modules(objective)
    return objective.check_problem(problem) if isinstance(objective, ChecksProblem) else None


def refuse_missing_modules(objective: HasRequirements) -> None:
    """Refuse an objective that needs a module which is not installed.

    Raises:
        ObjectiveError: with what to install.
    """
    for module, what in objective.requirements().items():
        if importlib.util.find_spec(module) is None:
            raise ObjectiveError(
                f"the objective needs {module}, which is not installed; pip install '{what}'"
            )


def _call(objective: Any, names: Sequence[str] | None, conditional: Sequence[str] = ()) -> Call:
    """Return how an objective, an object with ``evaluate`` or a function, is called."""
    evaluate = getattr(objective, "evaluate", None)
    function: Callable[..., Returned] = evaluate if callable(evaluate) else objective
    if not callable(function) or (isinstance(objective, type) and evaluate is not None):
        raise ObjectiveError(
            f"{objective!r} is no objective; give a function of (params), of (params, context) or of the "
            "dimensions by name, or an object with such a method evaluate"
        )
    return call_of(function, names, conditional=conditional)


def _meant(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _list(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "none"


def _to_list(vector: Array | None) -> list[float] | None:
    return None if vector is None else np.asarray(vector, dtype=np.float64).tolist()


def _from_list(values: Any) -> Array | None:
    return None if values is None else np.asarray(values, dtype=np.float64)
