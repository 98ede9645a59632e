"""The median stopping rule: prune a trial that is worse than half of the others were by the same step.

Source: Golovin et al. (2017), "Google Vizier: A Service for Black-Box Optimization", section 3.2.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from smbo.errors import ProblemError
from smbo.plain_values import as_whole_number, finite_number, make_fields_plain, shown

Reports: TypeAlias = Sequence[tuple[float, float]]  # (step, minimised value) of one trial, by step


@dataclass(frozen=True)
class MedianStopping:
    """Prune a trial whose best value by a step is worse than the median of the others' averages up to it.

    Needs no fidelity, only reports: ``context.report(step, value)``.

    Args:
        n_others: complete trials that must have reached a step before any trial is pruned there, >= 1.
        grace: first step at which a trial may be pruned, >= 0.

    Raises:
        ProblemError: n_others or grace out of range.

    >>> rule = MedianStopping(n_others=2)
    >>> rule.ends([(1, 9.0)], [[(1, 2.0)], [(1, 3.0)]])
    True
    """

    n_others: int = 5
    grace: float = 0.0

    def __post_init__(self) -> None:
        make_fields_plain(self, "n_others", "grace")
        if (as_whole_number(self.n_others) or 0) < 1:
            raise ProblemError(f"n_others={shown(self.n_others)}: a whole number from 1 up is needed")
        grace = finite_number(self.grace)
        if self.grace != float("inf") and (grace is None or grace < 0):
            raise ProblemError(f"grace={shown(self.grace)}: a step from 0 up is needed")

    def ends(self, own: Reports, others: Iterable[Reports]) -> bool:
        """Return whether a trial should end at its latest report.

        Args:
            own: reports of the trial.
            others: of complete trials, in any order.
        """
        if not own or own[-1][0] < self.grace:
            return False
        from statistics import fmean, median  # takes as long to load as the rest of this package

        step = own[-1][0]
        averages = [
            fmean(value for at, value in reports if at <= step)
            for reports in others
            # a trial without reports up to this step cannot be compared with
            if reports and reports[0][0] <= step <= reports[-1][0]
        ]
        if len(averages) < self.n_others:
            return False
        return min(value for _, value in own) > median(averages)
