"""Suggest the next trials of a study, a pure function of its log: points, fidelities, promotions and seeds.

The optimizer in memory and the durable study are thin shells around these functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from smbo.errors import SpaceExhausted
from smbo.fidelity import ByModel, Promotion
from smbo.history.encode import encode
from smbo.history.promotion import promotion_due
from smbo.history.table import best_trial
from smbo.problem import Problem
from smbo.proposal.propose import Proposal, propose
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.proposal.transfer import with_transfer
from smbo.space import Point
from smbo.surrogates.base import Memory
from smbo.trial import Trial, TrialState

# First entry of the spawn key of a seed, by the purpose of its random numbers.
_FOR_PROPOSALS = 0
_FOR_EVALUATIONS = 1

# Key in the memory: the fidelities at which the points of a proposal begin.
_FIRST_FIDELITIES = "levels"


def suggest(request: ProposalRequest) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the points of the next n trials, in the user's units, and the memory.

    Args:
        request: of a study whose random numbers are those of ``proposal_rng``.

    Raises:
        SpaceExhausted, SpaceError, NumericalError: see ``propose``.
    """
    if request.problem.step_limits and request.n > 1:
        return _in_turn(request)
    problem, proposal = request.problem, _proposal(request)
    carried = proposal.memory
    if isinstance(problem.early_stopping, ByModel):
        from smbo.proposal.promotion_by_model import first_fidelities
        from smbo.proposal.promotion_by_noise import first_fidelities_of_outputs

        first = first_fidelities_of_outputs if problem.judges_by_noise else first_fidelities
        carried = {**carried, _FIRST_FIDELITIES: first(problem, request.data, carried, proposal.points)}
    return request.space.from_unit(proposal.points), carried


def _in_turn(request: ProposalRequest) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return points each of which is a step from the one before: they are evaluated in this order."""
    points: list[dict[str, Any]] = []
    for _ in range(request.n):
        new, memory = suggest(replace(request, n=1))
        points += new
        data = request.data.with_pending(request.problem.space.to_unit(new))
        present = {name: new[0][name] for name in request.problem.step_limits or () if name in new[0]}
        request = replace(request, data=data, memory=memory, present=present)
    return points, dict(request.memory)


def _proposal(request: ProposalRequest) -> Proposal:
    """Return the proposal; with ``ByModel`` the last one is kept: a promotion is compared with it first."""
    is_compared = isinstance(request.problem.early_stopping, ByModel)
    return _compared_before(request) if is_compared else _new_proposal(request)


def _new_proposal(request: ProposalRequest) -> Proposal:
    request = replace(request, recipe=with_transfer(request.problem, request.recipe))
    return propose(request.in_context())


def _compared_before(request: ProposalRequest) -> Proposal:
    state = request.rng.bit_generator.state
    rest = (request.data, request.n, state, request.memory, request.fixed, request.present)
    key = (request.problem, request.recipe, _content(rest))
    known = _last.get("proposal")
    if known is not None and all(old is new for old, new in zip(known[0][:2], key)) and known[0][2] == key[2]:
        return known[1]
    found = _new_proposal(request)
    _last["proposal"] = (key, found)
    return found


# The last proposal with what it was made from: problem and recipe by identity, all else by content.
_last: dict[str, tuple[tuple[Problem, Recipe, bytes], Proposal]] = {}


def _content(value: Any) -> bytes:
    """Return arrays, and values of which arrays are a part, as bytes that are equal for equal ones."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if is_dataclass(value):
        value = tuple(getattr(value, each.name) for each in fields(value))
    return b"|".join(map(_content, value)) if isinstance(value, tuple) else repr(value).encode()


def proposal_rng(seed: int, first_number: int) -> np.random.Generator:
    """Return the generator of a study's proposal whose first trial has this number."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_FOR_PROPOSALS, first_number)))


def first_levels(
    problem: Problem, memory: Memory, first_number: int, start: int, n: int
) -> list[float | None]:
    """Return the fidelities at which n new trials begin.

    Args:
        memory: of their proposal.
        first_number: of the first new trial.
        start: index of the first new trial in that proposal.
    """
    is_by_model = isinstance(problem.early_stopping, ByModel) and _FIRST_FIDELITIES in memory
    if problem.fidelity is not None and is_by_model:
        return [problem.fidelity.as_number(level) for level in memory[_FIRST_FIDELITIES][start : start + n]]
    return [problem.first_fidelity(first_number + index) for index in range(n)]


def next_promotion(
    problem: Problem,
    recipe: Recipe,
    seed: int,
    trials: Sequence[Trial],
    memory: Memory,
    *,
    is_closing: bool = False,
    fixed: Point | None = None,
) -> Promotion | None:
    """Return which trial is promoted to a higher fidelity, None if none is.

    Deterministic in the arguments.

    Args:
        is_closing: whether no new trials are asked for and none is pending.
        fixed: values of the new point that could be evaluated instead, as of ``fixing.checked``.
    """
    has_place = problem.space.is_present
    candidates = [each for each in trials if each.state is not TrialState.PAUSED or has_place(each.params)]
    if not isinstance(problem.early_stopping, ByModel):
        return promotion_due(problem, candidates, is_closing=is_closing)
    if all(trial.state is not TrialState.PAUSED for trial in candidates):
        return None
    data, point = encode(problem, trials), None
    if not is_closing:
        with suppress(SpaceExhausted):
            rng = proposal_rng(seed, len(trials))
            proposal = _proposal(ProposalRequest(problem, recipe, data, 1, rng, memory, fixed or {}))
            point, memory = proposal.points, proposal.memory
    from smbo.proposal.promotion_by_model import promotion_by_gain
    from smbo.proposal.promotion_by_noise import promotion_by_noise

    promotion = promotion_by_noise if problem.judges_by_noise else promotion_by_gain
    found = promotion(problem, candidates, data, memory, point)
    if found is None and is_closing and best_trial(problem, trials) is None:
        return promotion_due(problem, candidates, is_closing=True)
    return found


def trial_seed(study_seed: int, number: int) -> int:
    """Return the seed of a trial's own random numbers, in [0, 2**31).

    No two trials of a study have the same seed: ``number`` is shuffled among the 31-bit numbers by
    steps that can each be undone, in an order that the study's seed sets.
    """
    offset, odd = _shuffle(study_seed)
    mask = 2**31 - 1
    mixed = (number + offset) & mask
    for _ in range(2):
        mixed = (mixed * (odd | 1)) & mask
        mixed ^= mixed >> 16
    return mixed


@lru_cache(maxsize=64)
def _shuffle(study_seed: int) -> tuple[int, int]:
    """Return the two numbers that set the order of a study's trial seeds."""
    sequence = np.random.SeedSequence(study_seed, spawn_key=(_FOR_EVALUATIONS,))
    offset, odd = (int(word) for word in sequence.generate_state(2))
    return offset, odd
