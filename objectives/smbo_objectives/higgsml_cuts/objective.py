"""The objective ``higgsml-cuts``: seven cuts that maximise a figure of merit of the selected events."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any, Literal

from smbo.problem import Confirmation, Context, Figure, ObjectiveError, Outcome, Problem
from smbo.space import Real, Space
from smbo_objectives.higgsml_cuts import significance
from smbo_objectives.higgsml_cuts.events import Cut, Events, Yields, load

SPACE = Space(
    {
        "mmc_lo": Real(60.0, 125.0),
        "mmc_hi": Real(125.0, 250.0),
        "mt_max": Real(10.0, 150.0),
        "cent_min": Real(-1.45, 1.40),
        "ratio_max": Real(0.5, 6.0),
        "tau_min": Real(20.0, 80.0),
        "sumpt_min": Real(40.0, 400.0),
    }
)

# The best window in the mass alone (steps of 1 GeV), with all other cuts as loose as the space allows.
MASS_WINDOW = {
    "mmc_lo": 96.0,
    "mmc_hi": 158.0,
    "mt_max": 150.0,
    "cent_min": -1.45,
    "ratio_max": 6.0,
    "tau_min": 20.0,
    "sumpt_min": 40.0,
}

FIGURES_OF_MERIT = (
    "ams",
    "s_over_sqrt_b",
    "s_over_sqrt_s_plus_b",
    "asimov",
    "asimov_with_uncertainty",
    "punzi",
)


def cuts_of(params: Mapping[str, Any]) -> tuple[Cut, ...]:
    """Return the cuts of a point, the most selective on typical points first."""
    return (
        Cut("mmc", "lower", params["mmc_lo"]),
        Cut("mmc", "upper", params["mmc_hi"]),
        Cut("mt", "upper", params["mt_max"]),
        Cut("cent", "lower", params["cent_min"]),
        Cut("ratio", "upper", params["ratio_max"]),
        Cut("tau", "lower", params["tau_min"]),
        Cut("sumpt", "lower", params["sumpt_min"]),
    )


@dataclass(frozen=True)
class FigureOfMerit:
    """One number from the yields; higher is better.

    Attributes:
        name: one of FIGURES_OF_MERIT.
        b_reg: added to b by "ams".
        background_uncertainty: relative, or "simulation" for √Σw² of the selected events.
        punzi_a: number of sigmas in "punzi".
    """

    name: str
    b_reg: float
    background_uncertainty: float | Literal["simulation"]
    punzi_a: float

    def __call__(self, yields: Yields, s_total: float) -> float:
        """Return the figure of merit; 0 without background events, where b is unknown."""
        s, b = yields.s, yields.b
        if b <= 0.0:
            return 0.0
        match self.name:
            case "ams":
                return significance.ams(s, b, self.b_reg)
            case "s_over_sqrt_b":
                return significance.s_over_sqrt_b(s, b)
            case "s_over_sqrt_s_plus_b":
                return significance.s_over_sqrt_s_plus_b(s, b)
            case "asimov":
                return significance.asimov(s, b)
            case "asimov_with_uncertainty":
                return significance.asimov_with_uncertainty(s, b, self._b_sigma(yields))
            case "punzi":
                return significance.punzi(s / s_total, b, self.punzi_a)
        raise AssertionError(self.name)

    def _b_sigma(self, yields: Yields) -> float:
        if self.background_uncertainty == "simulation":
            return sqrt(yields.b_variance)
        return self.background_uncertainty * yields.b


class HiggsMLCuts:
    """Cut scan on 22,800 events of the ATLAS HiggsML data set (see data/README.md).

    Seven cuts on six variables; the figure of merit is maximised under the outcome constraint
    that at least ``n_min`` simulated background events pass, below which b is too uncertain.
    The function is piecewise constant, and its maximum on the sample is biased upward: with
    ``half`` set, the figure of merit of the other half is a metric too ("<name>_other_half").

    Args:
        figure_of_merit: one of FIGURES_OF_MERIT.
        n_min: the constraint ``n_background >= n_min``, at least 1.
        half: "even" or "odd" event numbers to optimise on (each event counted twice);
            None for all events.
        b_reg: regularisation of b in "ams".
        background_uncertainty: in "asimov_with_uncertainty": relative to b, or "simulation".
        punzi_a: number of sigmas in "punzi".
        delay_seconds: sleep in each evaluation, to imitate an expensive one.

    Raises:
        ObjectiveError: a setting out of its range.
    """

    def __init__(
        self,
        *,
        figure_of_merit: str = "ams",
        n_min: int = 100,
        half: Literal["even", "odd"] | None = None,
        b_reg: float = 10.0,
        background_uncertainty: float | Literal["simulation"] = 0.05,
        punzi_a: float = 3.0,
        delay_seconds: float = 0.0,
    ) -> None:
        if figure_of_merit not in FIGURES_OF_MERIT:
            raise ObjectiveError(
                f"higgsml-cuts: figure_of_merit={figure_of_merit!r}; "
                f"choose one of {', '.join(FIGURES_OF_MERIT)}"
            )
        if isinstance(n_min, bool) or not isinstance(n_min, int) or n_min < 1:
            raise ObjectiveError(f"higgsml-cuts: n_min={n_min!r}; give a whole number of events, 1 or more")
        if half not in (None, "even", "odd"):
            raise ObjectiveError(f"higgsml-cuts: half={half!r}; write even or odd, or leave it out")
        if background_uncertainty != "simulation":
            _check_number("background_uncertainty", background_uncertainty, "or the word 'simulation'")
        for name, value in (("b_reg", b_reg), ("punzi_a", punzi_a), ("delay_seconds", delay_seconds)):
            _check_number(name, value)
        self.figure_of_merit = FigureOfMerit(figure_of_merit, b_reg, background_uncertainty, punzi_a)
        self.half = half
        self.delay_seconds = delay_seconds
        self.problem = Problem(
            SPACE,
            objectives={figure_of_merit: "max"},
            constraints=[f"n_background >= {n_min}"],
        )

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Outcome:  # noqa: ARG002
        """Return the figure of merit and the yields of a point; the same for every seed."""
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        cuts = cuts_of(params)
        events = load(self.half)
        yields = events.count(cuts)
        metrics = {
            self.figure_of_merit.name: self.score(events, yields),
            "s": yields.s,
            "b": yields.b,
            "b_simulation_error": sqrt(yields.b_variance),
            "n_signal": float(yields.n_signal),
            "n_background": float(yields.n_background),
        }
        if self.half is not None:
            other = load("odd" if self.half == "even" else "even")
            metrics[f"{self.figure_of_merit.name}_other_half"] = self.score(other, other.count(cuts))
        return Outcome(metrics=metrics)

    def score(self, events: Events, yields: Yields) -> float:
        """Return the figure of merit of ``yields`` out of ``events``."""
        return self.figure_of_merit(yields, s_total=float(events.weights[: events.n_signal].sum()))

    def confirmation(self) -> Confirmation:
        """Return the check of a recommendation: one evaluation of its cuts, one of the mass window alone."""
        return Confirmation(baseline=MASS_WINDOW, baseline_name="mass window", repeats=1)

    def figures(
        self, folder: Path, results: Mapping[str, Sequence[tuple[Mapping[str, Any], Outcome]]]
    ) -> list[Figure]:
        """Draw the six distributions with the recommended cuts, and the cut flow."""
        from smbo_objectives.higgsml_cuts import drawing

        cuts = cuts_of(results["recommended"][0][0])
        events = load(self.half)
        return [
            drawing.distributions(events, cuts, folder),
            drawing.cut_flow(events, cuts, partial(self.score, events), self.figure_of_merit.name, folder),
        ]


def _check_number(name: str, value: object, otherwise: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < float("inf"):
        raise ObjectiveError(f"higgsml-cuts: {name}={value!r}; give a number, 0 or more {otherwise}".rstrip())
