"""Definitions of the observables: the quantity that fills each histogram.

Names are those of the data tables.  All quantities are of charged final-state particles, except for the
spectra of identified hadrons.  Definitions as in the measurements cited in data/README.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smbo_objectives.pythia_ee.sample import BEAM_ENERGY_GEV, Particles, Sample

__all__ = ["QUANTITIES", "Entries", "Kind", "Quantity"]

Array = NDArray[np.float64]

Kind = Literal["density", "probability", "mean"]


@dataclass(frozen=True, eq=False)
class Entries:
    """Values to be filled into a histogram, and the event of each within the batch; shapes (m,)."""

    event: NDArray[np.int64]
    values: Array

    def of(self, counted: NDArray[np.bool_]) -> Entries:
        """Return the entries of the counted events, a mask of shape (n,)."""
        if counted.all():
            return self
        kept = counted[self.event]
        return Entries(self.event[kept], self.values[kept])


@dataclass(frozen=True)
class Quantity:
    """Definition of an observable.

    Attributes:
        entries: function from a batch to the entries of the histogram.
        kind: "density": entries per event and unit of the axis; "probability": entries per event in each
            bin; "mean": the mean over events of the one entry that each has.
        label: label of the axis, in matplotlib's mathtext.
        log_y: whether contents span decades.
        log_x: whether the axis spans decades.
        family: group of observables drawn together.
        flavours: flavours of the quarks that the Z decays to in counted events.  None: all events.
    """

    entries: Callable[[Sample], Entries]
    kind: Kind
    label: str
    log_y: bool = True
    log_x: bool = False
    family: str = "Event shapes"
    flavours: tuple[int, ...] | None = None

    def counted(self, sample: Sample) -> NDArray[np.bool_]:
        """Return which events count, shape (n,)."""
        if self.flavours is None:
            return np.ones(sample.n_events, dtype=bool)
        return np.isin(sample.flavour, self.flavours)


def _shape(of_events: Callable[[Sample], Array]) -> Callable[[Sample], Entries]:
    """Make entries of a number per event that has a shape."""
    return lambda sample: Entries(sample.shape_event, of_events(sample))


def _spectrum(of_particles: Callable[[Sample, Particles], Array]) -> Callable[[Sample], Entries]:
    """Make entries of a number per charged particle of the events that have a shape."""

    def entries(sample: Sample) -> Entries:
        charged = sample.charged
        return Entries(sample.shape_event[charged.event], of_particles(sample, charged))

    return entries


def _minus_log(values: Array) -> Array:
    """Return -ln v, infinity for v = 0, which is beyond every last bin."""
    return -np.log(values, out=np.full_like(values, -np.inf), where=values > 0)


def _x_p(particles: Particles) -> Array:
    return particles.p / BEAM_ENERGY_GEV


def _all_charged(of_particles: Callable[[Particles], Array]) -> Callable[[Sample], Entries]:
    """Make entries of every charged particle of all events, as no axis is needed."""
    return lambda sample: Entries(sample.all_charged.event, of_particles(sample.all_charged))


def _rapidity(particles: Particles, axes: Array) -> Array:
    """Return |y| along the axes, with the true energies."""
    along = np.abs(particles.along(axes))
    # E - |p_z| of a light, fast particle is subject to rounding; it must stay above zero
    return 0.5 * np.log((particles.energy + along) / np.maximum(particles.energy - along, 1e-12))


def _hadrons(
    pdg_ids: Sequence[int], of_particles: Callable[[Particles], Array]
) -> Callable[[Sample], Entries]:
    def entries(sample: Sample) -> Entries:
        particles = sample.hadrons(pdg_ids)
        return Entries(particles.event, of_particles(particles))

    return entries


def _c_parameter(sample: Sample) -> Array:
    # 3 (l1 l2 + l2 l3 + l3 l1) of a tensor with unit trace, without its eigenvalues
    return 1.5 * (1.0 - np.einsum("nij,nij->n", sample.linear_tensor, sample.linear_tensor))


def _central(limit: float) -> Callable[[Sample], Entries]:
    """Make entries of the number of charged particles per event with |y| below a limit."""

    def entries(sample: Sample) -> Entries:
        inside = _rapidity(sample.charged, sample.thrust.axis) < limit
        events = sample.shape_event[sample.charged.event[inside]]
        counts = np.bincount(events, minlength=sample.n_events)
        return Entries(np.arange(sample.n_events), counts.astype(np.float64))

    return entries


def _multiplicity(sample: Sample) -> Entries:
    return Entries(np.arange(sample.n_events), sample.n_charged.astype(np.float64))


def _event_shapes() -> dict[str, Quantity]:
    def density(of_events: Callable[[Sample], Array], label: str, log_y: bool = True) -> Quantity:
        return Quantity(_shape(of_events), "density", label, log_y)

    return {
        "sphericity": density(lambda s: 1.5 * s.sphericity.values[:, 1:].sum(axis=1), "$S$"),
        "aplanarity": density(lambda s: 1.5 * s.sphericity.values[:, 2], "$A$"),
        "planarity": density(lambda s: s.sphericity.values[:, 1] - s.sphericity.values[:, 2], "$P$"),
        "one_minus_thrust": density(lambda s: 1.0 - s.thrust.value, "$1-T$"),
        "thrust_major": density(lambda s: s.thrust.major, r"$T_\mathrm{major}$"),
        "thrust_minor": density(lambda s: s.thrust.minor, r"$T_\mathrm{minor}$"),
        "oblateness": density(lambda s: s.thrust.major - s.thrust.minor, "$O$"),
        "c_parameter": density(_c_parameter, "$C$"),
        "d_parameter": density(lambda s: 27.0 * np.linalg.det(s.linear_tensor), "$D$"),
        "minus_ln_y3_durham": density(lambda s: _minus_log(s.durham_y23), r"$-\ln y_3$"),
        "heavy_jet_mass_sq_over_s": density(
            lambda s: s.hemispheres.mass_squared_over_evis_squared[:, 0], r"$M_H^2/E_\mathrm{vis}^2$"
        ),
        "heavy_mass_sq_over_evis2": density(
            lambda s: s.hemispheres.mass_squared_over_evis_squared[:, 0], r"$M_H^2/E_\mathrm{vis}^2$"
        ),
        "light_mass_sq_over_evis2": density(
            lambda s: s.hemispheres.mass_squared_over_evis_squared[:, 1], r"$M_L^2/E_\mathrm{vis}^2$"
        ),
        "mass_diff_sq_over_evis2": density(
            lambda s: -np.diff(s.hemispheres.mass_squared_over_evis_squared, axis=1)[:, 0],
            r"$(M_H^2-M_L^2)/E_\mathrm{vis}^2$",
        ),
        "b_max": density(lambda s: s.hemispheres.broadening[:, 0], r"$B_\mathrm{max}$"),
        "b_min": density(lambda s: s.hemispheres.broadening[:, 1], r"$B_\mathrm{min}$"),
        "b_sum": density(lambda s: s.hemispheres.broadening.sum(axis=1), r"$B_\mathrm{sum}$"),
        "b_diff": density(lambda s: -np.diff(s.hemispheres.broadening, axis=1)[:, 0], r"$B_\mathrm{diff}$"),
    }


def _charged_spectra() -> dict[str, Quantity]:
    def density(entries: Callable[[Sample], Entries], label: str, log_y: bool = True) -> Quantity:
        return Quantity(entries, "density", label, log_y)

    return {
        "x_p_charged": Quantity(_all_charged(_x_p), "density", "$x_p$", log_x=True),
        "xi_p_charged": density(
            _all_charged(lambda particles: _minus_log(_x_p(particles))), r"$\xi_p=-\ln x_p$", log_y=False
        ),
        "abs_rapidity_thrust": density(
            _spectrum(lambda s, charged: _rapidity(charged, s.thrust.axis)), r"$|y_T|$", log_y=False
        ),
        "abs_rapidity_sphericity": density(
            _spectrum(lambda s, charged: _rapidity(charged, s.sphericity.axes[:, :, 0])),
            r"$|y_S|$",
            log_y=False,
        ),
        "pt_in_sphericity_gev": density(
            _spectrum(lambda s, charged: np.abs(charged.along(s.sphericity.axes[:, :, 1]))),
            r"$p_{\perp,\mathrm{in}}$ [GeV]",
        ),
        "pt_out_sphericity_gev": density(
            _spectrum(lambda s, charged: np.abs(charged.along(s.sphericity.axes[:, :, 2]))),
            r"$p_{\perp,\mathrm{out}}$ [GeV]",
        ),
        "pt_in_thrust_gev": density(
            _spectrum(lambda s, charged: np.abs(charged.along(s.thrust.major_axis))),
            r"$p_{\perp,\mathrm{in}}$ (thrust) [GeV]",
        ),
        "pt_out_thrust_gev": density(
            _spectrum(lambda s, charged: np.abs(charged.along(s.thrust.minor_axis))),
            r"$p_{\perp,\mathrm{out}}$ (thrust) [GeV]",
        ),
        "charged_multiplicity": Quantity(_multiplicity, "probability", r"$N_\mathrm{ch}$"),
        "mean_charged_multiplicity": Quantity(
            _multiplicity, "mean", r"$\langle N_\mathrm{ch}\rangle$", log_y=False
        ),
        **{
            f"mean_nch_absy_lt_{limit}": Quantity(
                _central(limit), "mean", rf"$\langle N_\mathrm{{ch}}(|y|<{limit})\rangle$", log_y=False
            )
            for limit in (0.5, 1.0, 1.5, 2.0)
        },
    }


def _by_flavour() -> dict[str, Quantity]:
    """Return the charged particles of events by the quark that the Z decays to (OPAL 1998)."""
    found: dict[str, Quantity] = {}
    for word, flavours in (("uds", (1, 2, 3)), ("c", (4,)), ("b", (5,)), ("all", None)):
        symbol = f"({word})"
        found |= {
            f"x_p_charged_{word}": Quantity(
                _all_charged(_x_p), "density", f"$x_p$ {symbol}", log_x=True, flavours=flavours
            ),
            f"xi_p_charged_{word}": Quantity(
                _all_charged(lambda particles: _minus_log(_x_p(particles))),
                "density",
                rf"$\xi_p=-\ln x_p$ {symbol}",
                log_y=False,
                flavours=flavours,
            ),
            f"mean_n_charged_{word}": Quantity(
                _multiplicity,
                "mean",
                rf"$\langle N_\mathrm{{ch}}\rangle$ {symbol}",
                log_y=False,
                flavours=flavours,
            ),
        }
    return found


def _identified_spectra() -> dict[str, Quantity]:
    in_momentum = {
        "x_p_pi_charged": ((211,), r"\pi^\pm"),
        "x_p_k_charged": ((321,), r"K^\pm"),
        "x_p_proton": ((2212,), "p"),
        "x_p_pi0": ((111,), r"\pi^0"),
        "x_p_k0": ((130, 310), "K^0"),
        "x_p_lambda": ((3122,), r"\Lambda"),
        "x_p_rho0": ((113,), r"\rho^0"),
        "x_p_omega782": ((223,), r"\omega"),
        "x_p_kstar892_0": ((313,), "K^{*0}"),
        "x_p_phi": ((333,), r"\phi"),
    }
    in_energy = {
        "x_e_eta": ((221,), r"\eta"),
        "x_e_etaprime": ((331,), r"\eta'"),
        "x_e_xi_minus": ((3312,), r"\Xi^-"),
        "x_e_sigma1385_charged": ((3114, 3224), r"\Sigma(1385)^\pm"),
        "x_e_xi1530_0": ((3324,), r"\Xi(1530)^0"),
        "x_e_kstar892_charged": ((323,), r"K^{*\pm}"),
    }
    photons = _hadrons((22,), lambda particles: _minus_log(_x_p(particles)))
    return {
        **{
            name: Quantity(_hadrons(ids, _x_p), "density", f"$x_p({symbol})$", log_x=True)
            for name, (ids, symbol) in in_momentum.items()
        },
        **{
            name: Quantity(
                _hadrons(ids, lambda particles: particles.energy / BEAM_ENERGY_GEV),
                "density",
                f"$x_E({symbol})$",
                log_x=True,
            )
            for name, (ids, symbol) in in_energy.items()
        },
        "xi_p_photon": Quantity(photons, "density", r"$\xi_p(\gamma)$", log_y=False),
    }


def _in_family(family: str, quantities: Mapping[str, Quantity]) -> dict[str, Quantity]:
    return {name: replace(quantity, family=family) for name, quantity in quantities.items()}


QUANTITIES: Mapping[str, Quantity] = {
    **_in_family("Event shapes", _event_shapes()),
    **_in_family("Charged particles", _charged_spectra()),
    **_in_family("By the quark of the Z", _by_flavour()),
    **_in_family("Identified hadrons", _identified_spectra()),
}
