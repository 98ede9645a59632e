"""Measured minimum-bias tables, and the phase space that each belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smbo.problem import ObjectiveError
from smbo_objectives.delimited import close_to
from smbo_objectives.histograms import Histogram
from smbo_objectives.tables import HistogramFile, read_histograms

__all__ = ["DEFAULT_OBSERVABLES", "Observable", "Phase", "observables"]

DATA_FOLDER = Path(__file__).parent / "data"
DEFAULT_OBSERVABLES = (
    "nch_7tev_pt500_n1",
    "eta_7tev_pt500_n1",
    "pt_7tev_pt500_n1",
    "meanpt_vs_nch_7tev_pt500_n1",
)
_NAME = re.compile(r"(nch|eta|pt|meanpt_vs_nch)_(\d+)(gev|tev)_pt(\d+)_n(\d+)(_tau300ps)?")


@dataclass(frozen=True)
class Phase:
    """Selection of events and particles.

    Attributes:
        energy_gev: energy of the collision.
        lowest_pt_gev: lowest pT of a particle.
        least_charged: smallest number of such particles in an event.
        with_strange_baryons: whether strange baryons that live less than 300 ps count.
    """

    energy_gev: float
    lowest_pt_gev: float
    least_charged: int
    with_strange_baryons: bool


@dataclass(frozen=True, eq=False)
class Observable:
    """A measured table: name, file, kind ("nch", "eta", "pt", "meanpt_vs_nch") and phase space."""

    name: str
    source: str
    kind: str
    phase: Phase
    data: Histogram


def observables(data: Sequence[str], names: Sequence[str] | None) -> list[Observable]:
    """Return the observables of these names; the four of 7 TeV with 500 MeV for None.

    Args:
        data: names of the tables shipped with the package, or paths of CSV files of the same form.
        names: such as "nch_7tev_pt500_n1".

    Raises:
        ObjectiveError: a file is missing or not of the form, a name is in no file, or given twice.
    """
    found: dict[str, tuple[str, HistogramFile]] = {}
    for file in data:
        source, tables = _read(file)
        found |= {name: (source, tables) for name in tables if name not in found}
    chosen = [name for name in DEFAULT_OBSERVABLES if name in found] if names is None else list(names)
    if not chosen:
        raise ObjectiveError(f"pythia-pp: no observables; name some of {', '.join(found)}")
    if len(set(chosen)) < len(chosen):
        raise ObjectiveError(f"pythia-pp: observables={chosen} names one twice")
    return [_observable(name, found) for name in chosen]


def _observable(name: str, found: Mapping[str, tuple[str, HistogramFile]]) -> Observable:
    parts = _NAME.fullmatch(name)
    if name not in found or parts is None:
        raise ObjectiveError(f"pythia-pp: no observable {name!r} in the data; {close_to(name, found)}")
    kind, energy, unit, lowest, least, short = parts.groups()
    phase = Phase(
        float(energy) * (1000.0 if unit == "tev" else 1.0), float(lowest) / 1000.0, int(least), short is None
    )
    source, tables = found[name]
    try:
        return Observable(name, source, kind, phase, tables[name])
    except ValueError as error:
        raise ObjectiveError(f"pythia-pp: {error}") from None


def _read(name: str) -> tuple[str, HistogramFile]:
    shipped = DATA_FOLDER / f"{name}.csv"
    path = shipped if shipped.is_file() else Path(name)
    try:
        return path.name.split(".")[0], read_histograms(path.read_bytes(), path.name)
    except (OSError, ValueError) as error:
        known = sorted(each.stem for each in DATA_FOLDER.glob("*.csv"))
        raise ObjectiveError(
            f"pythia-pp: data {name!r} cannot be read: {error}; shipped are {', '.join(known)}, "
            "others are paths of files"
        ) from error
