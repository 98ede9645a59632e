"""Load a stored study: read its problem, and refuse one that differs from the problem given.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from smbo.errors import DamagedStore, SmboError, StudyMismatch
from smbo.fidelity import ByModel
from smbo.problem import Problem
from smbo.problem.stored_names import with_new_classes, with_new_keys
from smbo.proposal.presets import recipe_from_json, with_new_settings
from smbo.proposal.recipe import Recipe
from smbo.space import Space
from smbo.space.changes import differences as space_differences
from smbo.space.constraints import constraint_name
from smbo.store.records import DAMAGES, StudyRecord

_MOST_SHOWN = 5
_IN_ANOTHER_SPACE = (
    "to go on with its trials in this space, call change_space of the study (from a job file: `smbo run JOB "
    "--change-space`); "
)


def problem_and_recipe(record: StudyRecord) -> tuple[Problem, Recipe]:
    """Return what a stored study is of.

    Raises:
        DamagedStore: what is stored is no problem or no recipe.
        SmboError: it is one that this installation cannot have.
    """
    name = "problem"
    try:
        problem = problem_from_json(record.problem)
        name = "recipe"
        return problem, recipe_from_json(record.recipe)
    except SmboError as error:
        raise type(error)(f"study {record.name}: its {name} cannot be read ({error})") from error
    except DAMAGES as error:
        shown = f"{type(error).__name__}: {error}"
        raise DamagedStore(f"study {record.name}: its {name} cannot be read ({shown})") from error


def problem_from_json(data: Mapping[str, Any]) -> Problem:
    """Return the problem that ``Problem.to_json`` wrote."""
    return Problem.from_json(data)


def with_stored_eta(problem: Problem, record: StudyRecord) -> Problem:
    """Return the problem with the ``eta`` that its study began with, where it states none itself."""
    stored = (with_new_keys(record.problem).get("early_stopping") or {}).get("model")
    if stored is None or problem.early_stopping != ByModel():
        return problem
    return replace(problem, early_stopping=ByModel(**stored))


def renewed(problem: Problem, record: StudyRecord) -> Problem:
    """Return a problem in the space in which it is stored now, with the callables that it has itself."""
    return with_callables_of(problem, problem_from_json(record.problem))


def with_callables_of(problem: Problem, stored: Problem) -> Problem:
    """Return a problem in the space of a stored one, with its own callables where that has them by name."""
    known = {constraint_name(each): each for each in problem.space.constraints}
    rules = [known.get(constraint_name(each), each) for each in stored.space.constraints]
    space = replace(stored.space, constraints=rules)
    return replace(problem, space=space, try_first=stored.try_first, transfer=stored.transfer)


def of_the_study(problem: Problem, stored: Space) -> Problem:
    """Return a user's problem with what a study's space keeps for points of its earlier spaces."""
    if not stored.earlier:
        return problem
    own = problem.space
    return replace(problem, space=replace(stored, dimensions=own.own_dimensions, constraints=own.constraints))


def refuse_mismatch(record: StudyRecord, wanted: Mapping[str, Any], seed: int | None) -> None:
    """Refuse a stored study that differs from the one wanted.

    Args:
        wanted: {"problem": …, "recipe": …} as JSON values.
        seed: None if any will do.

    Raises:
        StudyMismatch: saying what differs.
    """
    recipe = with_new_settings(with_new_classes(record.recipe), wanted["recipe"])
    problem = with_new_keys(record.problem)
    own = {key: value for key, value in problem["space"].items() if key in ("dimensions", "constraints")}
    stored = {"problem": {**problem, "space": own}, "recipe": recipe}
    differences = list(_differences("", stored, wanted))
    if seed is not None and seed != record.seed:
        differences.append(f"seed: stored {record.seed}, now {seed}")
    of_space = [text for text in differences if text.startswith("problem.space")]
    if of_space:
        told = space_differences(Space.from_json(own), Space.from_json(wanted["problem"]["space"]))
        differences = [*(f"space: {text}" for text in told), *(x for x in differences if x not in of_space)]
    if differences:
        is_of_space = all(text.startswith(("space:", "problem.try_first")) for text in differences)
        n_hidden = len(differences) - _MOST_SHOWN
        more = f"; and {n_hidden} more" if n_hidden > 0 else ""
        shown = "; ".join(differences[:_MOST_SHOWN])
        raise StudyMismatch(
            f"study {record.name} is stored already and differs: {shown}{more}; "
            f"{_IN_ANOTHER_SPACE if is_of_space else ''}use another name for another study"
        )


def _differences(path: str, stored: Any, wanted: Any) -> Sequence[str]:
    """Return where two JSON values differ, in words."""
    if isinstance(stored, Mapping) and isinstance(wanted, Mapping):
        return [
            text
            for name in dict.fromkeys([*stored, *wanted])
            for text in _differences(
                f"{path}.{name}".lstrip("."), stored.get(name, _ABSENT), wanted.get(name, _ABSENT)
            )
        ]
    stored, wanted = _as_lists(stored), _as_lists(wanted)
    if type(stored) is type(wanted) and stored == wanted:
        return []
    if isinstance(stored, list) and isinstance(wanted, list) and len(stored) == len(wanted):
        return [
            text
            for index, (old, new) in enumerate(zip(stored, wanted))
            for text in _differences(f"{path}[{index}]", old, new)
        ]
    return [f"{path}: stored {_short(stored)}, now {_short(wanted)}"]


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()


def _as_lists(value: Any) -> Any:
    """Return a value with tuples as lists, as JSON has them."""
    return [_as_lists(each) for each in value] if isinstance(value, list | tuple) else value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
