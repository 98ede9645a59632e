"""Charts of the minimum-bias observables."""

from __future__ import annotations

from collections.abc import Mapping

from smbo.problem import ObservableAxes
from smbo_objectives.pythia_pp.tables import Observable

__all__ = ["chart"]

# by kind of observable: label of the axis, of the content, and whether each is logarithmic
_AXES: Mapping[str, tuple[str, str, bool, bool]] = {
    "nch": (r"$n_\mathrm{ch}$", r"$1/N\ \mathrm{d}N/\mathrm{d}n_\mathrm{ch}$", False, True),
    "eta": (r"$\eta$", r"$1/N\ \mathrm{d}n/\mathrm{d}\eta$", False, False),
    "pt": (
        r"$p_\perp$ [GeV]",
        r"$1/N\ \mathrm{d}^2n/(2\pi p_\perp\mathrm{d}\eta\,\mathrm{d}p_\perp)$ [GeV$^{-2}$]",
        True,
        True,
    ),
    "meanpt_vs_nch": (r"$n_\mathrm{ch}$", r"$\langle p_\perp\rangle$ [GeV]", False, False),
}


def chart(observable: Observable) -> ObservableAxes:
    """Return the chart of an observable."""
    x_label, y_label, log_x, log_y = _AXES[observable.kind]
    experiment, _, year = observable.source.partition("_")
    energy = observable.phase.energy_gev / 1000.0
    return ObservableAxes(
        observable.name,
        observable.data.low,
        observable.data.high,
        title=f"{experiment.upper()} {year}, {energy:g} TeV",
        process=f"pp, inelastic, √s = {energy:g} TeV",
        x_label=x_label,
        y_label=y_label,
        log_x=log_x,
        log_y=log_y,
    )
