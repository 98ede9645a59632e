"""The objective ``pythia-ee``: chi-square of Pythia 8 against measurements of e+e- -> Z -> hadrons at LEP."""

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
from smbo_objectives.histograms import Histogram
from smbo_objectives.pythia_ee import checkpoint
from smbo_objectives.pythia_ee.charts import card, charts, once
from smbo_objectives.pythia_ee.generator import Generator
from smbo_objectives.pythia_ee.histograms import N_BLOCKS, Histograms, Prediction
from smbo_objectives.pythia_ee.reweight import Neighbour, near, neighbours
from smbo_objectives.pythia_ee.spaces import default_point, named_space
from smbo_objectives.pythia_ee.tables import (
    DEFAULT_HADRONS,
    Observable,
    default_names,
    observables,
    read_tables,
)
from smbo_objectives.pythia_ee.value import Loss

__all__ = ["PythiaEE"]

_BATCH_SIZE = 2_000  # events; larger batches exceed the caches, smaller ones have NumPy's overheads
_BASELINE_NAME = "Monash 2013"


class PythiaEE:
    """Chi-square of Pythia 8 against measurements in e+e- -> Z -> hadrons.

    Args:
        space: ee3, ee6n, ee6 or ee20 (``spaces.SPACES``).
        events: number per evaluation; ``context.fidelity`` overrides it.
        data: tables shipped with the package, or paths of files of the same form (CSV, YODA or JSON).
        observables: names in those tables ("name", or "file/name"), and "pdg_means"; None for the
            fourteen charged shapes and spectra of ALEPH 1996 and the PDG means.
        hadrons: rows of the PDG table that make up "pdg_means".
        weights: {observable as named in ``observables``: weight}; 1 for those left out; of ranges and bins
            too (``bin_weights.weights_of_bins``).
        theory_uncertainty: relative, added in quadrature in each bin.
        common_noise: largest number of directions of correlated noise between bins of the same events,
            reported beside the variance of each bin.
        confirmation_events, confirmation_repeats: events and repeats in the check of a recommendation.

    Raises:
        ObjectiveError: an invalid setting.
    """

    def __init__(
        self,
        *,
        space: str = "ee6n",
        events: int = 5_000,
        data: Sequence[str] = ("aleph_1996", "pdg_2008"),
        observables: Sequence[str] | None = None,
        hadrons: Sequence[str] = DEFAULT_HADRONS,
        weights: Mapping[str, Any] | None = None,
        theory_uncertainty: float = 0.05,
        common_noise: int = 0,
        confirmation_events: int = 20_000,
        confirmation_repeats: int = 5,
    ) -> None:
        where = named_space(space)
        self.events = _events("events", events)
        self.confirmation_events = _events("confirmation_events", confirmation_events)
        self.confirmation_repeats = _positive("confirmation_repeats", confirmation_repeats)
        self.common_noise = _non_negative("common_noise", common_noise)
        self.observables, names = _observables(data, observables, hadrons)
        self._names = names
        self.metric_names = _metric_names(self.observables)
        theory = _non_negative("theory_uncertainty", theory_uncertainty)
        data_by_name = {name: each.histogram for name, each in zip(names, self.observables)}
        by_bin = _weights(data_by_name, weights)
        self.remarks = remark_on_bins(data_by_name, by_bin, theory)
        self._loss = Loss.of_bins(self.observables, list(by_bin.values()), theory)
        try:
            self.problem = Problem(where, loss=chi_square(data_by_name, by_bin, theory))
        except ValueError as error:
            raise ObjectiveError(f"pythia-ee: {', '.join(data)}: {error}") from error

    def requirements(self) -> dict[str, str]:
        """Return the modules that event generation needs (see ``HasRequirements``)."""
        modules = ["pythia8mc", "awkward"]
        if any(observable.name == "minus_ln_y3_durham" for observable in self.observables):
            modules.append("fastjet")
        return dict.fromkeys(modules, "smbo[hep]")

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Outcome:
        """Generate events at a point and compare them with the data.

        With a fidelity (events) a checkpoint is written, from which a run with more events resumes: 5,000 and
        then 15,000 equal the 20,000 of one run, bit for bit.

        Returns:
            The value F (``value.Loss``) with its standard error; metrics ``chi2_<observable>`` (mean
            over bins), ``mean_n_charged``, ``n_events``, ``n_failed_events``; outputs: the contents of all
            bins, observable after observable.

        Raises:
            EvaluationFailed: Pythia refuses the point or fails on too many events.
        """
        n_events = self.events if context.fidelity is None else _events("fidelity", context.fidelity)
        generator = Generator(params, context.seed)
        histograms = Histograms(self.observables, n_events)
        checkpoint.load(context.checkpoint, histograms, generator)
        for sample in generator.batches(n_events - histograms.n_filled, _BATCH_SIZE):
            histograms.fill(sample)
            context.report(
                histograms.n_filled, float(self._loss.value(self._loss.terms(histograms.predictions())))
            )
        if context.fidelity is not None and context.folder is not None:
            checkpoint.save(context.folder, histograms, generator)
        return self._outcome(histograms, generator.n_failed)

    def near(self, params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return a nearby point for each parameter that can be reweighted (see ``Reweightable``)."""
        return near(params)

    def neighbours(
        self,
        params: Mapping[str, Any],
        points: Sequence[Mapping[str, Any]],
        context: Context,
        min_effective: float = 0.5,
    ) -> list[Neighbour]:
        """Return the bins at neighbouring points, by reweighting the events of one (see ``reweight``)."""
        n_events = self.events if context.fidelity is None else _events("fidelity", context.fidelity)
        return neighbours(self.observables, params, points, n_events, context.seed, min_effective)

    def confirmation(self) -> Confirmation:
        """Return the check of a recommended point: against the default tune, with more events."""
        return Confirmation(
            baseline=default_point(self.problem.space.names),
            baseline_name=_BASELINE_NAME,
            fidelity=float(self.confirmation_events),
            repeats=self.confirmation_repeats,
        )

    def observable_axes(self) -> list[ObservableAxes]:
        """Return the axes of the observables (see ``Plottable``)."""
        return charts(self.observables, self._names)

    def same_measurement(self) -> list[list[str]]:
        """Return which of the observables are the same measurement."""
        return once(self.observables, self._names)

    def run_card(self, params: Mapping[str, Any], remarks: Sequence[str]) -> RunCard:
        """Return a point as a command file of Pythia."""
        return card(params, remarks)

    def _outcome(self, histograms: Histograms, n_failed: int) -> Outcome:
        predictions = histograms.predictions()
        terms = self._loss.terms(predictions)
        variance = self._loss.jackknife_variance(histograms.leave_one_out())
        metrics = dict(zip(self.metric_names, terms.tolist(), strict=True))
        metrics["mean_n_charged"] = histograms.mean_charged
        metrics["n_events"] = float(histograms.n_filled)
        metrics["n_failed_events"] = float(n_failed)
        return Outcome(
            value=float(self._loss.value(terms)),
            sem=float(np.sqrt(variance)),
            metrics=metrics,
            outputs=np.concatenate([prediction.values for prediction in predictions]),
            outputs_variance=self._errors(histograms, predictions),
        )

    def _errors(self, histograms: Histograms, predictions: Sequence[Prediction]) -> Any:
        """Return the variances of all bins (k,), or with common noise variances and factors (k, 1 + r)."""
        if not self.common_noise:
            return np.concatenate([prediction.variances for prediction in predictions])
        variances, factors = histograms.noise_together(int(self.common_noise))
        return np.column_stack([variances, factors])


def _observables(
    data: Sequence[str], chosen: Sequence[str] | None, hadrons: Sequence[str]
) -> tuple[list[Observable], list[str]]:
    """Return the observables and their requested names."""
    tables = read_tables(_strings("data", data), _strings("hadrons", hadrons))
    names = default_names(tables) if chosen is None else _strings("observables", chosen)
    if not names:
        raise ObjectiveError(f"pythia-ee: no observables; name some of those in {sorted(tables)}")
    return observables(tables, names), names


def _metric_names(chosen: Sequence[Observable]) -> list[str]:
    """Return chi2_<name>, or chi2_<file>_<name> where two files have the same name."""
    names = [observable.name for observable in chosen]
    return [
        # a metric can be named in a constraint, so it is an identifier
        f"chi2_{o.name if names.count(o.name) == 1 else f'{o.source}_{o.name}'}".replace(".", "_")
        for o in chosen
    ]


def _weights(data: Mapping[str, Histogram], weights: Mapping[str, Any] | None) -> dict[str, Any]:
    found = weights_of_bins("pythia-ee", data, weights or {})
    if not any(each.any() for each in found.values()):
        raise ObjectiveError("pythia-ee: all weights are zero; nothing is left to minimise")
    return found


def _strings(name: str, values: Sequence[str]) -> list[str]:
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise ObjectiveError(f"pythia-ee: {name} is {values!r}; write a list of names")
    return list(values)


def _positive(name: str, value: float) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 1:
        raise ObjectiveError(f"pythia-ee: {name} is {value!r}; write a whole number, 1 or more")
    return int(value)


def _events(name: str, value: float) -> int:
    events = _positive(name, value)
    if events < 10 * N_BLOCKS:
        raise ObjectiveError(
            f"pythia-ee: {name} is {events}; the error estimate needs {10 * N_BLOCKS} events or more"
        )
    return events


def _non_negative(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ObjectiveError(f"pythia-ee: {name} is {value!r}; write a number, 0 or more")
    return float(value)
