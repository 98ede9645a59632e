"""Asynchronous successive halving: the best of a rung go on, and nobody waits for it to fill.

Source: Li et al. (2020), "A System for Massively Parallel Hyperparameter Tuning", algorithm 2 (ASHA);
    Li et al. (2018), "Hyperband", algorithm 1 (brackets); Falkner et al. (2018), "BOHB" (a model
    chooses the points).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from smbo.errors import ProblemError
from smbo.fidelity.fidelity import Fidelity


def _check_eta(eta: float) -> None:
    if isinstance(eta, bool) or not isinstance(eta, int | float) or not 1 < eta < math.inf:
        raise ProblemError(f"eta={eta!r}: a number above 1 is needed; one trial in eta goes on from a rung")


@dataclass(frozen=True)
class Asha:
    """Asynchronous successive halving: one trial in ``eta`` goes on to ``eta`` times the fidelity."""

    eta: float = 3.0

    def __post_init__(self) -> None:
        _check_eta(self.eta)

    def rungs(self, fidelity: Fidelity, number: int) -> tuple[float, ...]:
        """Return the fidelities that a new trial is to climb, ascending."""
        del number  # all trials climb the same ladder
        return fidelity.ladder(self.eta)


@dataclass(frozen=True)
class Hyperband:
    """Successive halving from several lowest fidelities at once, where it is not known which tells enough.

    Bracket s leaves out the s lowest rungs and halves among its own trials.  Each trial's bracket
    follows from its number, in the proportions of the synchronous algorithm: all brackets grow side
    by side, and none is waited for.
    """

    eta: float = 3.0

    def __post_init__(self) -> None:
        _check_eta(self.eta)

    def rungs(self, fidelity: Fidelity, number: int) -> tuple[float, ...]:
        """Return the fidelities that a new trial is to climb, ascending."""
        n_rungs = len(fidelity.ladder(self.eta))
        order = _bracket_order(n_rungs, self.eta)
        return fidelity.ladder(self.eta, start=order[number % len(order)])


@dataclass(frozen=True)
class ByModel:
    """A model decides: which trial goes on, or at which fidelity a new point begins (``promotion_by_model``).

    A trial goes on to ``eta`` times the fidelity at once.
    """

    eta: float = 3.0

    def __post_init__(self) -> None:
        _check_eta(self.eta)

    def rungs(self, fidelity: Fidelity, number: int) -> tuple[float, ...]:
        """Return the fidelities that a new trial is to climb, ascending, before a model knows better."""
        del number
        return fidelity.ladder(self.eta)


PromotionRule: TypeAlias = Asha | Hyperband | ByModel


@lru_cache(maxsize=64)
def _bracket_order(n_rungs: int, eta: float) -> tuple[int, ...]:
    """Return the brackets of successive trials: each as often as its share, spread evenly.

    Bracket s of n starts ceil(n / (n - s) eta^(n - 1 - s)) trials in a round of Hyperband.
    """
    shares = [math.ceil(n_rungs / (n_rungs - s) * eta ** (n_rungs - 1 - s)) for s in range(n_rungs)]
    credit = [0.0] * n_rungs
    order = []
    for _ in range(sum(shares)):
        credit = [have + share / sum(shares) for have, share in zip(credit, shares)]
        # the one that is furthest behind; of equals the one that starts lowest
        chosen = max(range(n_rungs), key=lambda s: (credit[s], -s))
        credit[chosen] -= 1.0
        order.append(chosen)
    return tuple(order)


@dataclass(frozen=True)
class Standing:
    """Where a trial stands on its way up.

    Attributes:
        number: of the trial.
        values: by fidelity, not empty, minimised; infinite where it failed or was infeasible.
        is_paused: whether it waits at its highest fidelity to be promoted.
    """

    number: int
    values: Mapping[float, float]
    is_paused: bool


@dataclass(frozen=True)
class Promotion:
    """A decision that a trial goes on, with what it rests on.

    Attributes:
        number: of the trial.
        fidelity, next_fidelity: where it paused, and where it goes.
        rank: its place in its rung, 1 the best.
        n_rung: how many trials had a result there.
    """

    number: int
    fidelity: float
    next_fidelity: float
    rank: int
    n_rung: int


def promotion(stopping: PromotionRule, fidelity: Fidelity, standings: Iterable[Standing]) -> Promotion | None:
    """Return who goes on next, None if nobody deserves it yet.

    Of the n trials with a result at a rung the best n / eta may go on; the highest rung with one
    that has not gone on yet decides, and there the best of them.
    """
    rungs = _grouped(stopping, fidelity, standings)
    for ladder, level in sorted(rungs, key=lambda place: (-place[1], place[0])):
        if level == fidelity.high:
            continue
        ranked = rungs[ladder, level]
        quota = int(len(ranked) / stopping.eta + 1e-9)
        # at a later time some of the best of then may be so no more: somewhat more than one in eta go on
        for index, standing in enumerate(ranked[:quota]):
            if _may_go_on(standing, level):
                return _promoted(standing, level, ladder, index + 1, len(ranked))
    return None


def last_promotion(
    stopping: PromotionRule, fidelity: Fidelity, standings: Sequence[Standing]
) -> Promotion | None:
    """Return who goes on when no new trials are to come and nothing is under way.

    As ``promotion``; and if that finds nobody, and no trial has reached the highest fidelity yet,
    the best of the highest rung that somebody has reached: a search must not end without a value
    of the kind that it was about.
    """
    found = promotion(stopping, fidelity, standings)
    if found is not None or any(
        math.isfinite(each.values.get(fidelity.high, math.inf)) for each in standings
    ):
        return found
    rungs = _grouped(stopping, fidelity, standings)
    for level in sorted({level for _, level in rungs if level < fidelity.high}, reverse=True):
        ranked = sorted(
            (_key(standing, level), ladder, standing)
            for (ladder, at), members in rungs.items()
            if at == level
            for standing in members
            if _may_go_on(standing, level)
        )
        if ranked:
            _, ladder, standing = ranked[0]
            members = rungs[ladder, level]
            return _promoted(standing, level, ladder, members.index(standing) + 1, len(members))
    return None


_Ladder = tuple[float, ...]


def _grouped(
    stopping: PromotionRule, fidelity: Fidelity, standings: Iterable[Standing]
) -> dict[tuple[_Ladder, float], list[Standing]]:
    """Return the trials with a result at each rung of each ladder, best first."""
    rungs: dict[tuple[_Ladder, float], list[Standing]] = {}
    whole = fidelity.ladder(stopping.eta)
    for standing in standings:
        # where it began says in which bracket it is, also when it got another number than it was meant for
        ladder = tuple(level for level in whole if level >= min(standing.values))
        for level in ladder:
            if level in standing.values:
                rungs.setdefault((ladder, level), []).append(standing)
    for (_, level), members in rungs.items():
        members.sort(key=lambda standing: _key(standing, level))
    return rungs


def _key(standing: Standing, level: float) -> tuple[float, int]:
    return (standing.values[level], standing.number)


def _may_go_on(standing: Standing, level: float) -> bool:
    return standing.is_paused and level == max(standing.values) and math.isfinite(standing.values[level])


def _promoted(standing: Standing, level: float, ladder: _Ladder, rank: int, n_rung: int) -> Promotion:
    following = ladder[ladder.index(level) + 1]
    return Promotion(standing.number, level, following, rank, n_rung)
