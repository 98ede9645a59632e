"""The objective ``pythia-pp``: chi-square of Pythia 8 against soft pp collisions measured by ATLAS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smbo.problem import (
    Confirmation,
    Context,
    ObjectiveError,
    ObservableAxes,
    Outcome,
    Problem,
    RunCard,
)
from smbo_objectives.bin_weights import chi_square, remark_on_bins, weights_of_bins
from smbo_objectives.pythia_pp.charts import chart
from smbo_objectives.pythia_pp.events import events_of
from smbo_objectives.pythia_pp.histograms import Histograms
from smbo_objectives.pythia_pp.spaces import DEFAULTS, SETTINGS, minimum_bias_space
from smbo_objectives.pythia_pp.tables import observables as chosen_observables

__all__ = ["PythiaPP"]

_LEAST_EVENTS = 100


class PythiaPP:
    """Chi-square of Pythia 8 against charged particles in minimum-bias pp collisions.

    The space is conditional: ``bProfile`` chooses the matter profile of a proton, and thereby the
    parameters of the profile.

    Args:
        events: number per evaluation and energy; ``context.fidelity`` overrides it.
        data: tables shipped with the package (atlas_2010, atlas_2016), or paths of files of the same
            form (CSV, YODA or JSON).
        observables: names in those tables, such as "nch_7tev_pt500_n1"; None for the four of 7 TeV with a
            threshold of 500 MeV.  With two energies or more, ``ecmPow`` is tuned too.
        weights: {observable: weight}; 1 for those left out; of ranges and bins too
            (``bin_weights.weights_of_bins``).
        theory_uncertainty: relative, added in quadrature in each bin.
        common_noise: largest number of directions of correlated noise between bins of the same events, at
            each energy, reported beside the variance of each bin.
        confirmation_events, confirmation_repeats: events and repeats in the check of a recommendation.

    Raises:
        ObjectiveError: an invalid setting.
    """

    def __init__(
        self,
        *,
        events: int = 10_000,
        data: Sequence[str] = ("atlas_2010",),
        observables: Sequence[str] | None = None,
        weights: Mapping[str, Any] | None = None,
        theory_uncertainty: float = 0.05,
        common_noise: int = 0,
        confirmation_events: int = 20_000,
        confirmation_repeats: int = 3,
    ) -> None:
        self.events = _events("events", events)
        self.confirmation_events = _events("confirmation_events", confirmation_events)
        self.confirmation_repeats = confirmation_repeats
        self.common_noise = _non_negative("common_noise", common_noise)
        self.observables = chosen_observables(_strings("data", data), observables)
        self.energies = sorted({each.phase.energy_gev for each in self.observables})
        data_by_name = {each.name: each.data for each in self.observables}
        by_bin = weights_of_bins("pythia-pp", data_by_name, weights or {})
        try:
            self.remarks = remark_on_bins(data_by_name, by_bin, theory_uncertainty)
            self._loss = chi_square(data_by_name, by_bin, theory_uncertainty)
        except (ValueError, TypeError) as error:
            raise ObjectiveError(f"pythia-pp: {error}") from error
        self.problem = Problem(minimum_bias_space(len(self.energies)), loss=self._loss)

    def requirements(self) -> dict[str, str]:
        """Return the modules that event generation needs (see ``HasRequirements``)."""
        return {"pythia8mc": "smbo[hep]", "awkward": "smbo[hep]"}

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Outcome:
        """Generate events at a point, at each energy, and compare them with the data.

        Returns:
            outputs: the contents of all bins, observable after observable; metrics ``chi2_<observable>``
            (mean over bins) and ``n_events`` of each energy.

        Raises:
            EvaluationFailed: Pythia refuses the point or fails on too many events.
        """
        n_events = self.events if context.fidelity is None else _events("fidelity", context.fidelity)
        histograms = Histograms(self.observables)
        for number, energy in enumerate(self.energies):
            # each energy is a run of its own
            seed = context.seed + number * 101_159_353
            for batch in events_of(params, energy, seed, n_events):
                histograms.fill(energy, batch)
        predictions = histograms.predictions()
        outputs = np.concatenate([each.values for each in predictions])
        variances = np.concatenate([each.variances for each in predictions])
        value, sem = self._loss.measured(outputs, variances)
        terms = (outputs - self._loss.data) ** 2 / (self._loss.floor + variances)
        stops = np.cumsum([len(each.data.low) for each in self.observables])[:-1]
        counts = np.split(self._loss.floor > 0.0, stops)
        metrics = {
            f"chi2_{each.name}": float(part[count].mean())
            for each, part, count in zip(self.observables, np.split(terms, stops), counts)
            if count.any()
        }
        metrics["n_events"] = float(n_events)
        errors = variances
        if self.common_noise:
            errors = np.column_stack(histograms.noise_together(self.common_noise))
        return Outcome(value=value, sem=sem, metrics=metrics, outputs=outputs, outputs_variance=errors)

    def confirmation(self) -> Confirmation:
        """Return the check of a recommended point: against the default tune."""
        return Confirmation(
            self.default_point(), "Monash 2013", float(self.confirmation_events), self.confirmation_repeats
        )

    def default_point(self) -> dict[str, Any]:
        """Return the default tune, Monash 2013, as a point of the space."""
        point = {name: DEFAULTS[name] for name in self.problem.space.names}
        return {name: value for name, value in point.items() if not name.startswith("core")}

    def observable_axes(self) -> list[ObservableAxes]:
        """Return the axes of the observables (see ``Plottable``)."""
        return [chart(each) for each in self.observables]

    def same_measurement(self) -> list[list[str]]:
        """Return groups of observables of the same measurement: one has the events of the other."""
        groups: dict[tuple[Any, ...], list[str]] = {}
        for each in self.observables:
            key = (each.source, each.kind, each.phase.energy_gev, each.phase.lowest_pt_gev)
            groups.setdefault(key, []).append(each.name)
        return [names for names in groups.values() if len(names) > 1]

    def run_card(self, params: Mapping[str, Any], remarks: Sequence[str]) -> RunCard:
        """Return a point as a command file of Pythia."""
        lines = [f"! {line}".rstrip() for remark in remarks for line in remark.splitlines() or [""]]
        width = max(len(SETTINGS[name]) for name in params)
        lines += [f"{SETTINGS[name]:<{width}} = {value!r}" for name, value in params.items()]
        return RunCard("tune.cmnd", "\n".join(lines) + "\n")


def _strings(name: str, values: Sequence[str]) -> list[str]:
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise ObjectiveError(f"pythia-pp: {name} is {values!r}; write a list of names")
    return list(values)


def _events(name: str, value: float) -> int:
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    if not is_whole or value < _LEAST_EVENTS:
        raise ObjectiveError(f"pythia-pp: {name} is {value!r}; write a whole number from {_LEAST_EVENTS} up")
    return int(value)


def _non_negative(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ObjectiveError(f"pythia-pp: {name} is {value!r}; write a whole number, 0 or more")
    return value
