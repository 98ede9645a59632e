"""Charts of the observables, groups of equivalent observables, and a tune as Pythia's command file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from smbo.problem import ObservableAxes, RunCard
from smbo_objectives.pythia_ee.hadron_symbols import SYMBOLS
from smbo_objectives.pythia_ee.quantities import QUANTITIES
from smbo_objectives.pythia_ee.spaces import PARAMETERS
from smbo_objectives.pythia_ee.tables import PDG_MEANS, Observable

__all__ = ["card", "charts", "density_label", "once", "source_name"]

PROCESS = "e⁺e⁻ → Z → hadrons, √s = 91.2 GeV"

# Observables of the same particles on another axis, or a number and its mean, would be counted twice.
_TWINS = (
    ("x_p_charged", "xi_p_charged"),
    ("charged_multiplicity", "mean_charged_multiplicity"),
    ("pt_in_sphericity_gev", "pt_in_thrust_gev"),
    ("pt_out_sphericity_gev", "pt_out_thrust_gev"),
    ("abs_rapidity_thrust", "abs_rapidity_sphericity"),
    *(
        (f"x_p_charged_{word}", f"xi_p_charged_{word}", f"mean_n_charged_{word}")
        for word in ("uds", "c", "b", "all")
    ),
    ("x_p_charged_uds", "x_p_charged_all"),
)


def charts(observables: Sequence[Observable], names: Sequence[str]) -> list[ObservableAxes]:
    """Return a chart for each observable, under its requested name."""
    return [_chart(observable, name) for observable, name in zip(observables, names, strict=True)]


def once(observables: Sequence[Observable], names: Sequence[str]) -> list[list[str]]:
    """Return groups of names that are the same measurement: by the same experiment, of the same particles."""
    known = {(o.source, o.name): name for o, name in zip(observables, names, strict=True)}
    sources = dict.fromkeys(o.source for o in observables)
    groups = [[known[s, twin] for twin in twins if (s, twin) in known] for s in sources for twins in _TWINS]
    return [group for group in groups if len(group) > 1]


def card(params: Mapping[str, Any], remarks: Sequence[str]) -> RunCard:
    """Return the settings as a command file for ``Pythia::readFile``."""
    lines = [f"! {line}".rstrip() for remark in remarks for line in remark.splitlines() or [""]]
    width = max((len(PARAMETERS[name].setting) for name in params), default=0)
    lines += [f"{PARAMETERS[name].setting:<{width}} = {value!r}" for name, value in params.items()]
    return RunCard("tune.cmnd", "\n".join(lines) + "\n")


def density_label(label: str) -> str:
    """Return the label of a density in the quantity of the label's first formula, up to an equals sign.

    A quantity in GeV, as the label says in brackets, has a density in 1/GeV.
    """
    symbol = label.split("$")[1].split("=")[0]
    symbol = f"({symbol})" if re.search(r"[-/]", symbol) else symbol
    unit = r" [GeV$^{-1}$]" if label.endswith("[GeV]") else ""
    return rf"$1/N\ \mathrm{{d}}n/\mathrm{{d}}{symbol}$" + unit


def source_name(observable: Observable) -> str:
    """Return experiment and year of an observable: "ALEPH 1996"."""
    experiment, _, year = observable.source.partition("_")
    return f"{experiment.upper()} {year.replace('_', ' ')}".strip()


def _chart(observable: Observable, name: str) -> ObservableAxes:
    if observable.name == PDG_MEANS:
        bins = tuple(SYMBOLS.get(hadron, hadron) for hadron in observable.hadron_names)
        return ObservableAxes(
            name,
            observable.low,
            observable.high,
            title=source_name(observable),
            process=PROCESS,
            y_label="mean number per event",
            log_y=True,
            bins=bins,
        )
    quantity = QUANTITIES[observable.name]
    if quantity.kind == "mean":
        return ObservableAxes(
            name,
            observable.low,
            observable.high,
            title=source_name(observable),
            process=PROCESS,
            y_label="mean number per event",
            bins=(quantity.label,) * observable.n_bins,
        )
    return ObservableAxes(
        name,
        observable.low,
        observable.high,
        title=source_name(observable),
        family=quantity.family,
        process=PROCESS,
        x_label=quantity.label,
        y_label="probability" if quantity.kind == "probability" else density_label(quantity.label),
        log_x=quantity.log_x,
        log_y=quantity.log_y,
    )
