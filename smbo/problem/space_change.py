"""Change the space of a problem whose trials go on: the problem in the new space, and the change in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from smbo.errors import ProblemError, SpaceError
from smbo.problem.problem import Problem
from smbo.space import Space
from smbo.space.changes import continued, differences
from smbo.trial import Trial

# what of a problem is made of points of its space
_OF_POINTS = frozenset({"space", "try_first", "transfer"})


def with_space(
    problem: Problem,
    given: Problem | Space | Mapping[str, Any],
    defaults: Mapping[str, Any] | None,
    trials: Sequence[Trial],
) -> tuple[Problem, tuple[str, ...]]:
    """Return a problem with another space, and what changes in words; () where nothing does.

    Args:
        given: the new space; or the new problem, which differs in its space, its points to try first and
            its source studies only.
        defaults: values that new parameters have had so far, by name.
        trials: all so far.

    Raises:
        SpaceError: a parameter cannot be changed so, or a default is missing or does not fit.
        ProblemError: the new problem differs in something else.
    """
    if isinstance(given, Problem):
        stored, wanted = problem.to_json(), given.to_json()
        for name in sorted((stored.keys() | wanted.keys()) - _OF_POINTS):
            if stored.get(name) != wanted.get(name):
                raise ProblemError(
                    f"change_space: {name} is {stored.get(name)!r} in the study and {wanted.get(name)!r} in "
                    "the problem given; only the space can change, another problem is another study"
                )
    space = given.space if isinstance(given, Problem) else given if isinstance(given, Space) else Space(given)
    new = continued(problem.space, space, defaults, len(trials))
    said = differences(problem.space, new)
    first, sources = problem.try_first, problem.transfer
    if isinstance(given, Problem):
        first, sources = given.try_first, given.transfer
        if given.to_json().get("try_first") != problem.to_json().get("try_first"):
            said.append(f"points to try first: {len(first)}, before {len(problem.try_first)}")
    if not said:
        return problem, ()
    now = [new.in_present_terms(trial.params) for trial in trials]
    for trial, point in zip(trials, now):
        if missing := new.without(point):
            name = missing[0]
            raise SpaceError(
                f"{name} has no value at trial {trial.number}, which was made without it; say which it has "
                f"had so far: defaults={{{name!r}: value}}, or `smbo run JOB --change-space --default "
                f"{name}=VALUE`"
            )
    moved = [new.in_present_terms(point) for point in first]
    inside = [point for point in moved if new.contains(point)]
    if len(inside) < len(moved):
        said.append(
            f"points to try first: {len(moved) - len(inside)} of {len(moved)} are outside, and left out"
        )
    sources = [replace(each, points=[*map(new.in_present_terms, each.points)]) for each in sources]
    changed = replace(problem, space=new, try_first=inside, transfer=sources)
    if outside := sum(not new.contains(point) for point in now):
        said.append(
            f"{outside} of {len(now)} trials are outside of the new space: they stay in the study and inform "
            "its model near by, and none of them is recommended"
        )
    return changed, (*said, *changed.refused)
