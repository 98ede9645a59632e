"""Asynchronous successive halving (ASHA) and Hyperband's brackets: which trial is promoted to which fidelity.

The best 1 / eta of the trials with a result at a rung are promoted, without waiting for the rung to fill.

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
from smbo.plain_values import finite_number, make_fields_plain, shown


def ratio(rule: PromotionRule, fidelity: Fidelity) -> float:
    """Return the ratio of successive rungs: ``eta``, or what a model's rungs have without one."""
    if rule.eta is not None:
        return rule.eta
    return math.sqrt(3.0) if fidelity.resumes and not fidelity.averages else 3.0


def _check_eta(rule: PromotionRule) -> None:
    make_fields_plain(rule, "eta")
    eta = finite_number(rule.eta)
    if eta is None or not eta > 1:
        raise ProblemError(f"eta={shown(rule.eta)}: one trial in eta is promoted, so give a number above 1")


@dataclass(frozen=True)
class Asha:
    """Asynchronous successive halving: one trial in ``eta`` is promoted to ``eta`` times the fidelity.

    Args:
        eta: ratio of successive rungs and of their sizes, > 1.

    Raises:
        ProblemError: eta is no number above 1.

    >>> Asha(eta=3).rungs(Fidelity(1, 27), number=0)
    (1, 3, 9, 27)
    """

    eta: float = 3.0

    def __post_init__(self) -> None:
        _check_eta(self)

    def rungs(self, fidelity: Fidelity, number: int) -> tuple[float, ...]:
        """Return the fidelities of a new trial's evaluations, ascending: the same for all trials."""
        del number
        return fidelity.rungs(self.eta)


@dataclass(frozen=True)
class Hyperband:
    """Successive halving from several lowest fidelities side by side, where it is not known which suffices.

    Bracket s leaves out the s lowest rungs and halves among its own trials.  Each trial's bracket
    follows from its number, in the proportions of the synchronous algorithm: all brackets grow side
    by side, and no trial waits for a bracket to fill.

    Args:
        eta: ratio of successive rungs and of their sizes, > 1.

    Raises:
        ProblemError: eta is no number above 1.

    >>> [Hyperband(eta=3).rungs(Fidelity(1, 9), number)[0] for number in range(6)]
    [1, 3, 1, 9, 1, 3]
    """

    eta: float = 3.0

    def __post_init__(self) -> None:
        _check_eta(self)

    def rungs(self, fidelity: Fidelity, number: int) -> tuple[float, ...]:
        """Return the fidelities of a new trial's evaluations, ascending: those of its bracket."""
        n_rungs = len(fidelity.rungs(self.eta))
        order = _bracket_order(n_rungs, self.eta)
        return fidelity.rungs(self.eta, start=order[number % len(order)])


@dataclass(frozen=True)
class ByModel:
    """A multi-fidelity model decides which trial is promoted and at which fidelity a new point begins.

    By expected improvement per cost (``smbo.proposal.promotion_by_model``).  A promotion is to ``eta``
    times the fidelity at once.

    Args:
        eta: ratio of successive rungs, > 1; None for 3 where fidelities are averages or evaluations begin
            anew, and the root of 3 of learning curves: short steps let the model give up one on the way.

    Raises:
        ProblemError: eta is no number above 1.

    >>> ByModel(eta=10).rungs(Fidelity(1, 100), number=7)
    (1, 10, 100)
    """

    eta: float | None = None

    def __post_init__(self) -> None:
        if self.eta is not None:
            _check_eta(self)

    def rungs(self, fidelity: Fidelity, number: int) -> tuple[float, ...]:
        """Return the fidelities of a new trial's evaluations, ascending, before there is a model."""
        del number
        return fidelity.rungs(ratio(self, fidelity))


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
        # the bracket furthest behind its share; of equals the one with the lowest first rung
        chosen = max(range(n_rungs), key=lambda s: (credit[s], -s))
        credit[chosen] -= 1.0
        order.append(chosen)
    return tuple(order)


@dataclass(frozen=True)
class RungResults:
    """The results of one trial at the rungs that it has reached.

    Attributes:
        number: of the trial.
        values: by fidelity, not empty, minimised; infinite where the evaluation failed or was infeasible.
        is_paused: whether the trial waits at its highest fidelity to be promoted.
    """

    number: int
    values: Mapping[float, float]
    is_paused: bool


@dataclass(frozen=True)
class Promotion:
    """The decision to promote a trial, with the trial's rank at its rung.

    Attributes:
        number: of the trial.
        fidelity, next_fidelity: at which the trial paused, and at which it is evaluated next.
        rank: of the trial at its rung, 1 the best.
        n_rung: how many trials had a result at that rung.
    """

    number: int
    fidelity: float
    next_fidelity: float
    rank: int
    n_rung: int


def promotion(rule: PromotionRule, fidelity: Fidelity, trials: Iterable[RungResults]) -> Promotion | None:
    """Return the next promotion, None if no trial qualifies yet.

    Of the n trials with a result at a rung the best n / eta qualify.  Promoted is the best qualifying
    trial not promoted yet, of the highest rung that has one.
    """
    members = _by_rung(rule, fidelity, trials)
    for bracket, rung in sorted(members, key=lambda place: (-place[1], place[0])):
        if rung == fidelity.high:
            continue
        ranked = members[bracket, rung]
        quota = int(len(ranked) / ratio(rule, fidelity) + 1e-9)
        # promoted trials may have dropped out of the best since: somewhat more than 1 / eta are promoted
        for index, trial in enumerate(ranked[:quota]):
            if _can_be_promoted(trial, rung):
                return _promoted(trial, rung, bracket, index + 1, len(ranked))
    return None


def last_promotion(
    rule: PromotionRule, fidelity: Fidelity, trials: Sequence[RungResults]
) -> Promotion | None:
    """Return the next promotion when no new trials are to come and none is running.

    As ``promotion``; and if that finds none, and no trial has reached the highest fidelity yet, the best
    trial of the highest rung that any has reached: a search must not end without a value at the
    highest fidelity.
    """
    found = promotion(rule, fidelity, trials)
    if found is not None or any(math.isfinite(each.values.get(fidelity.high, math.inf)) for each in trials):
        return found
    by_rung = _by_rung(rule, fidelity, trials)
    for rung in sorted({rung for _, rung in by_rung if rung < fidelity.high}, reverse=True):
        ranked = sorted(
            (_key(trial, rung), bracket, trial)
            for (bracket, at), members in by_rung.items()
            if at == rung
            for trial in members
            if _can_be_promoted(trial, rung)
        )
        if ranked:
            _, bracket, trial = ranked[0]
            members = by_rung[bracket, rung]
            return _promoted(trial, rung, bracket, members.index(trial) + 1, len(members))
    return None


_Bracket = tuple[float, ...]  # its rungs, ascending


def _by_rung(
    rule: PromotionRule, fidelity: Fidelity, trials: Iterable[RungResults]
) -> dict[tuple[_Bracket, float], list[RungResults]]:
    """Return the trials with a result at each rung of each bracket, best first."""
    found: dict[tuple[_Bracket, float], list[RungResults]] = {}
    rungs = fidelity.rungs(ratio(rule, fidelity))
    for trial in trials:
        # the lowest fidelity determines the bracket, also where the trial got another number than planned
        bracket = tuple(rung for rung in rungs if rung >= min(trial.values))
        for rung in bracket:
            if rung in trial.values:
                found.setdefault((bracket, rung), []).append(trial)
    for (_, rung), members in found.items():
        members.sort(key=lambda trial: _key(trial, rung))
    return found


def _key(trial: RungResults, rung: float) -> tuple[float, int]:
    return (trial.values[rung], trial.number)


def _can_be_promoted(trial: RungResults, rung: float) -> bool:
    return trial.is_paused and rung == max(trial.values) and math.isfinite(trial.values[rung])


def _promoted(trial: RungResults, rung: float, bracket: _Bracket, rank: int, n_rung: int) -> Promotion:
    following = bracket[bracket.index(rung) + 1]
    return Promotion(trial.number, rung, following, rank, n_rung)
