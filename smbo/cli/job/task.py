"""The task of a job file: the objective that it names, and the problem to solve."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smbo.cli.job.document import Document
from smbo.cli.job.fixed import fixed_of
from smbo.cli.job.hints import KeyPath, dimension_hint, in_job_words
from smbo.cli.job.observed import Observe, observer
from smbo.cli.job.schema import JobFile
from smbo.cli.job.transfer import fitting_rows, transfer_sources
from smbo.cli.job.words import close_matches
from smbo.errors import (
    ExpressionError,
    JobFileError,
    ObjectiveError,
    PointError,
    ProblemError,
    RecipeError,
    SpaceError,
)
from smbo.problem import HasLoss, HasProblem, Loss, Objective, Problem
from smbo.proposal.compatibility import check_recipe
from smbo.proposal.presets import preset
from smbo.space import Point, Space
from smbo.space.expressions import Expression
from smbo.space.formula_names import about_names
from smbo.space.parsing import as_dimension
from smbo.study.evaluator import ObjectiveSpec, check_loaded, installed_objectives, load_objective

# The setting of an objective that runs programs: in which folder.  In a job file, relative to that file.
_WORKING_FOLDER = "cwd"

# Keys of a job that make up a problem, and the pattern of each in the problem's messages.
_WORDS = {
    **{key: key for key in ("objectives", "maximize", "constraints", "reference", "weights", "termination")},
    **{key: key for key in ("try_first", "fidelity", "early_stopping")},
    "level_set": "level[ _]set",
    "transfer": "transfer",
    "context": "context",
    "step_limits": "step_limits",
}


@dataclass(frozen=True, eq=False)
class Task:
    """The objective and the problem of a job, loaded and checked.

    Attributes:
        spec: names the objective in any process.
        objective: the objective here, in this process.
        problem: what is to be solved.
        fixed: values that new trials of this run are to have.
        observe: returns the present values of the contextual variables; None without any.
        refused: rows of source studies that do not fit the space, and why.
        called: how the objective's function is called, where it is by the names of the dimensions.
    """

    spec: ObjectiveSpec
    objective: Objective
    problem: Problem
    fixed: Point
    observe: Observe | None = None
    refused: tuple[str, ...] = ()
    called: str | None = None


def load_task(job: JobFile, document: Document, folder: Path) -> Task:
    """Return the task of a job; its modules may be in ``folder``.

    Raises:
        JobFileError: the objective is unknown or wrongly set up, the space makes no sense, a
            formula does not parse, the recipe is unknown, no point has the fixed values; with
            file, line and key.
    """
    _check_recipe(job, document)
    spec = _beside(_objective_spec(job, document), folder.resolve())
    (kind,) = job.objective
    try:
        objective = load_objective(spec.kind, spec.settings)
    except ObjectiveError as error:
        raise _at(document, ("objective", kind), error) from None
    problem, refused = _problem(job, document, objective, kind, folder)
    try:
        check_recipe(problem, preset(job.recipe), job.recipe)
    except RecipeError as error:
        raise _at(document, ("recipe",), error) from None
    try:
        called = check_loaded(objective, problem, is_here=job.cluster.is_here)
    except ObjectiveError as error:
        raise _at(document, ("objective", kind), error) from None
    if problem.context and job.context is None:
        raise JobFileError(
            f"{document.name}: the objective's context {list(problem.context)} is observed; say where its "
            "values come from: `context: {command: [...]}` or `context: {python: module:function}`"
        )
    fixed = fixed_of(job, document, problem.space)
    observe = observer(job.context, document, folder)
    return Task(spec, objective, problem, fixed, observe, tuple(refused), called)


def find_modules_beside(folder: Path) -> None:
    """Let objectives be imported from a folder, here and in every process started from here."""
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if place not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([place, *(path for path in paths if path)])


def _at(document: Document, path: KeyPath, error: Exception) -> JobFileError:
    return document.error(path, in_job_words(str(error)))


def _check_recipe(job: JobFile, document: Document) -> None:
    try:
        preset(job.recipe)
    except RecipeError as error:
        raise _at(document, ("recipe",), error) from None


def _objective_spec(job: JobFile, document: Document) -> ObjectiveSpec:
    ((kind, settings),) = job.objective.items()
    installed = installed_objectives()
    if kind not in installed:
        meant = close_matches(kind, sorted(installed)) or f"; installed are {', '.join(sorted(installed))}"
        raise JobFileError(f"{document.place(('objective', kind))}: no such objective{meant}")
    if settings is None:
        settings = {}
    if not isinstance(settings, Mapping):
        settings = {_first_parameter(kind, document): settings}
    return ObjectiveSpec(kind, dict(settings))


def _beside(spec: ObjectiveSpec, folder: Path) -> ObjectiveSpec:
    """Return a spec whose modules and programs are found beside the job file, on any worker."""
    settings = dict(spec.settings)
    if _WORKING_FOLDER in _parameters(spec.kind):
        given = settings.get(_WORKING_FOLDER)
        if given is None or isinstance(given, str):  # anything else is the objective's to refuse
            settings[_WORKING_FOLDER] = str(folder / (given or ""))
    return ObjectiveSpec(spec.kind, settings, folders=(str(folder),))


def _parameters(kind: str) -> list[str]:
    """Return the names of an objective's settings, none where that cannot be told."""
    try:
        return list(inspect.signature(installed_objectives()[kind].load()).parameters)
    except (ImportError, AttributeError, ValueError, TypeError):  # said better when it is made
        return []


def _first_parameter(kind: str, document: Document) -> str:
    """Return the setting that a bare value stands for: `python: m:f` is `python: {function: m:f}`."""
    names = _parameters(kind)
    if not names:
        raise JobFileError(f"{document.place(('objective', kind))}: write its settings as a mapping")
    return names[0]


def _problem(
    job: JobFile, document: Document, objective: Objective, kind: str, folder: Path
) -> tuple[Problem, list[str]]:
    """Return the problem: each part as the job says, else as the objective's own problem does.

    Also why rows of source studies are refused.
    """
    own = objective.problem if isinstance(objective, HasProblem) else None
    space, measured = _space_and_outcome_constraints(job, document, kind, own)
    fidelity = None if job.fidelity is None else job.fidelity.fidelity()
    values = _values(job, objective, own)
    try:
        problem = Problem(
            space,
            constraints=measured,
            fidelity=own.fidelity if fidelity is None and own is not None else fidelity,
            early_stopping=job.early_stopping if job.early_stopping or own is None else own.early_stopping,
            try_first=_try_first(job, document, space, own),
            termination=job.termination if job.termination or own is None else own.termination,
            context=_context(job, own),
            step_limits=_step_limits(job, own),
            **values,
        )
        sources = transfer_sources(job, problem, document, folder)
        kept, refused = fitting_rows(sources, problem, document)
        return (replace(problem, transfer=kept) if kept else problem), refused
    except (ProblemError, ExpressionError) as error:
        raise _at(document, (_key_named(error, document) or "objectives",), error) from None


def _space_and_outcome_constraints(
    job: JobFile, document: Document, kind: str, own: Problem | None
) -> tuple[Space, list[Any]]:
    """Return the space with the constraints on its parameters, and the constraints on what is measured."""
    if job.space is not None:
        dimensions = _dimensions(job, document)
    elif own is not None:
        dimensions = dict(own.space.dimensions)
    else:
        raise JobFileError(
            f"{document.name}: {kind!r} does not know where to search; add the key 'space', such as "
            "`space: {x: {real: [0, 1]}}`"
        )
    on_parameters: list[Any]
    measured: list[Any]
    on_parameters, measured = _split_constraints(job, document, frozenset(dimensions))
    if own is not None:
        # a space in the job file replaces the objective's whole, with the constraints on it
        on_parameters = [*(own.space.constraints if job.space is None else ()), *on_parameters]
        # one that both name is one constraint: as two its probability would count twice
        measured = list(dict.fromkeys([*own.constraints, *measured]))
    try:
        space = Space(dimensions, constraints=on_parameters)
        if space.feasible is not None:
            space.feasible.refuse_impossible()
        return space, measured
    except SpaceError as error:
        raise _at(document, ("constraints",) if job.constraints else ("space",), error) from None


def _step_limits(job: JobFile, own: Problem | None) -> Mapping[str, float] | None:
    is_own = job.step_limits is None and own is not None and job.space is None
    return own.step_limits if is_own and own is not None else job.step_limits


def _context(job: JobFile, own: Problem | None) -> Sequence[str]:
    """Return the names of the contextual variables: the job's where it has any, else the objective's."""
    if job.context is not None and job.context.parameters:
        return job.context.parameters
    if own is not None and job.space is None and own.context:
        return own.context
    if job.context is not None:
        raise ProblemError("context: name the `parameters` of the space that are observed")
    return ()


def _values(job: JobFile, objective: Objective, own: Problem | None) -> dict[str, Any]:
    """Return the keywords of a problem that say which values count, and how."""
    values: dict[str, Any] = {
        "objectives": job.objectives,
        "maximize": job.maximize,
        "level_set": None if job.level_set is None else job.level_set.level_set(),
        "reference": job.reference,
        "weights": job.weights,
    }
    if job.objectives is not None or job.maximize or job.level_set is not None:
        return values
    if own is None:
        return {**values, "loss": _own_loss(objective)}
    for name in ("objectives", "maximize", "loss", "level_set"):
        values[name] = getattr(own, name)
    for name in ("reference", "weights"):
        values[name] = getattr(own, name) if values[name] is None else values[name]
    return values


def _key_named(error: Exception, document: Document) -> str | None:
    """Return which of the job's keys a problem's message names first; None if it names none."""
    keys = {key: word for key, word in _WORDS.items() if key in document.data}
    found = {key: re.search(rf"\b{word}\b", str(error)) for key, word in keys.items()}
    places = {key: match.start() for key, match in found.items() if match is not None}
    return min(places, key=places.__getitem__, default=None)


def _own_loss(objective: Objective) -> Loss | None:
    """Return the loss of an objective that knows no space but compares bins with data, None without one."""
    return objective.loss if isinstance(objective, HasLoss) and isinstance(objective.loss, Loss) else None


def _try_first(
    job: JobFile, document: Document, space: Space, own: Problem | None
) -> list[Mapping[str, Any]]:
    """Return the points to try first: the job's where it names any, else the objective's."""
    for index, point in enumerate(job.try_first):
        try:
            space.check(point)
        except PointError as error:
            raise _at(document, ("try_first", index), error) from None
    return list(job.try_first or ([] if own is None or job.space is not None else own.try_first))


def _dimensions(job: JobFile, document: Document) -> dict[str, Any]:
    dimensions: dict[str, Any] = {}
    for name, form in (job.space or {}).items():
        place = ("space", name)
        if not name.isprintable() or not name.strip():
            raise JobFileError(f"{document.place(('space',))}: {name!r} cannot name a parameter")
        if isinstance(form, list) and len(form) == 2 and all(_is_number(end) for end in form):
            raise JobFileError(
                f"{document.place(place)}: {form} could be a range or two choices; write "
                f"{{real: {form}}}, {{integer: {form}}} or {{choice: {form}}}"
            )
        try:
            # one at a time, so that an error is shown at its line; conditions are left to the whole
            plain = {k: v for k, v in form.items() if k != "active_when"} if isinstance(form, dict) else form
            as_dimension(name, plain)
        except SpaceError as error:
            raise document.error(place, f"{_without_name(name, error)}{dimension_hint(form)}") from None
        dimensions[name] = form
    try:
        return dict(Space(dimensions).dimensions)
    except SpaceError as error:
        raise _at(document, ("space",), error) from None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _without_name(name: str, error: SpaceError) -> str:
    return str(error).removeprefix(f"{name}: ")


def _split_constraints(
    job: JobFile, document: Document, names: frozenset[str]
) -> tuple[list[str], list[str]]:
    """Return the constraints on parameters, and those on what is measured."""
    known, measured = [], []
    for index, text in enumerate(job.constraints):
        place = ("constraints", index)
        try:
            used = Expression.parse(text).names
        except ExpressionError as error:
            meant = about_names(text, names)
            raise JobFileError(f"{document.place(place)}: {error}{meant}") from None
        if used <= names:
            known.append(text)
        elif used.isdisjoint(names):
            measured.append(text)
        else:
            raise JobFileError(
                f"{document.place(place)}: {text!r} mixes parameters {sorted(used & names)} with "
                f"{sorted(used - names)}; write it on one kind, and return the metric that it needs"
                f"{about_names(text, names)}"
            )
    return known, measured
