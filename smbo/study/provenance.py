"""Provenance of proposals: the inputs of each, so that it can be computed again.

A proposal is a function of the problem, the recipe, the seed and of its provenance: the log up to a
sequence number (the watermark), the recipe's memory, the number of its first trial, and the points that
had been proposed before it but were not in the log yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.proposal.suggest import proposal_rng, suggest
from smbo.space import Point
from smbo.store.records import StudyRecord, dump_json
from smbo.training_data import TrainingData
from smbo.trial import Trial

JsonPoint = Mapping[str, Any]


@dataclass(frozen=True)
class Proposed:
    """Points for the next trials, and the inputs that they were proposed from.

    Attributes:
        points: JSON values, one per trial.
        first_number: of the trial that the first point was proposed for.
        watermark: sequence number of the last change that the proposal takes into account.
        before: memory of the recipe before the proposal.
        memory: of the recipe after it.
        beside: points proposed before these, for the numbers before ``first_number``, that were
            not asked for at the watermark.
        fixed: values that all of the points were to have.
        present: values from which steps were limited.
    """

    points: tuple[JsonPoint, ...]
    first_number: int
    watermark: int
    before: Mapping[str, Any]
    memory: Mapping[str, Any]
    beside: tuple[JsonPoint, ...] = ()
    fixed: JsonPoint = field(default_factory=dict)
    present: JsonPoint = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the proposal, unique in its study."""
        parts = [self.first_number, len(self.points), self.watermark, self.before, list(self.beside)]
        parts += [dict(each) for each in (self.fixed, self.present) if each]
        return hashlib.sha256(dump_json(parts).encode()).hexdigest()[:16]

    def origins(self, start: int, stop: int, *, is_whole: bool) -> list[dict[str, Any]]:
        """Return the provenance of points ``start`` to ``stop`` for the log, one mapping each.

        Args:
            is_whole: whether the first mapping has the inputs of the whole proposal; once a
                proposal is enough.
        """
        origins: list[dict[str, Any]] = [
            {"proposal": self.name, "index": index} for index in range(start, stop)
        ]
        if is_whole and origins:
            origins[0] |= {
                "first": self.first_number,
                "n": len(self.points),
                "watermark": self.watermark,
                "memory": dict(self.before),
                "beside": [dict(point) for point in self.beside],
            }
            if self.fixed:
                origins[0]["fixed"] = dict(self.fixed)
            if self.present:
                origins[0]["present"] = dict(self.present)
        return origins


def propose_trials(
    problem: Problem,
    recipe: Recipe,
    record: StudyRecord,
    trials: Sequence[Trial],
    n: int,
    *,
    beside: Sequence[JsonPoint] = (),
    fixed: Point | None = None,
) -> Proposed:
    """Return a proposal of n points, made from a study as it stands.

    Args:
        record, trials: of one moment; the record's memory as of the points ``beside``.
        beside: points proposed before, and not asked for yet.
        fixed: values that all of the points are to have, as of ``fixing.checked``.

    Raises:
        SpaceExhausted, SpaceError, NumericalError: see ``smbo.proposal.propose.propose``.
    """
    first = record.next_number + len(beside)
    data = encode(problem, [*trials, *proposed_trials(problem, beside, first)])
    return propose_from(problem, recipe, record, data, n, beside=beside, fixed=fixed)


def propose_from(
    problem: Problem,
    recipe: Recipe,
    record: StudyRecord,
    data: TrainingData,
    n: int,
    *,
    beside: Sequence[JsonPoint] = (),
    fixed: Point | None = None,
    present: Point | None = None,
) -> Proposed:
    """Return the proposal of ``propose_trials`` from encoded training data, ``beside`` among it."""
    first = record.next_number + len(beside)
    rng = proposal_rng(record.seed, first)
    points, after = suggest(
        ProposalRequest(problem, recipe, data, n, rng, record.memory, fixed or {}, present or {})
    )
    return Proposed(
        points=tuple(problem.space.point_to_json(point) for point in points),
        first_number=first,
        watermark=record.last_seq,
        before=record.memory,
        memory=after,
        beside=tuple(beside),
        fixed=problem.space.point_to_json(fixed or {}),
        present=problem.space.point_to_json(present or {}),
    )


def proposed_trials(problem: Problem, beside: Sequence[JsonPoint], first: int) -> list[Trial]:
    """Return points that are not asked for yet as trials under way, numbered up to ``first``."""
    return [
        Trial(number, problem.space.point_from_json(dict(point)), seed=0)
        for number, point in enumerate(beside, first - len(beside))
    ]
