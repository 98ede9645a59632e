"""Measured tables, and the observables that are made of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smbo.problem import ObjectiveError
from smbo_objectives.pythia_ee.quantities import QUANTITIES

__all__ = ["DEFAULT_HADRONS", "DEFAULT_OBSERVABLES", "PDG_MEANS", "Observable", "observables", "read_tables"]

Array = NDArray[np.float64]

DATA_FOLDER = Path(__file__).parent / "data"
PDG_MEANS = "pdg_means"

DEFAULT_OBSERVABLES = (
    "sphericity",
    "aplanarity",
    "one_minus_thrust",
    "thrust_minor",
    "minus_ln_y3_durham",
    "heavy_jet_mass_sq_over_s",
    "c_parameter",
    "oblateness",
    "x_p_charged",
    "abs_rapidity_thrust",
    "pt_in_sphericity_gev",
    "pt_out_sphericity_gev",
    "xi_p_charged",
    "charged_multiplicity",
    PDG_MEANS,
)

# Hadrons of the default generator, which has no f0, a0, f1, f2, K2*, Lambda(1520) or excited D and B.
DEFAULT_HADRONS = (
    "PiPlus",
    "Pi0",
    "KPlus",
    "K0",
    "Eta",
    "EtaPrime",
    "Rho770_0",
    "Omega782",
    "KStar892Plus",
    "KStar892_0",
    "Phi1020",
    "P",
    "Lambda",
    "SigmaPlusMinus",
    "Sigma0",
    "XiMinus",
    "Delta1232PlusPlus",
    "Sigma1385PlusMinus",
    "Xi1530_0",
    "OmegaMinus",
)


@dataclass(frozen=True, eq=False)
class Observable:
    """A measured table with the quantity to compare it with.

    Attributes:
        name: name of the quantity in QUANTITIES, or PDG_MEANS.
        source: name of the data file.
        low, high: bin edges, shape (b,); for PDG_MEANS the hadrons' numbers.
        values, errors: the data and their total errors, shape (b,).
        hadrons: for PDG_MEANS, the PDG ids counted for each entry; else empty.
        hadron_names: for PDG_MEANS, their names; else empty.
    """

    name: str
    source: str
    low: Array
    high: Array
    values: Array
    errors: Array
    hadrons: tuple[tuple[int, ...], ...] = ()
    hadron_names: tuple[str, ...] = ()

    @property
    def n_bins(self) -> int:
        """Number of bins (for PDG_MEANS: of hadrons)."""
        return len(self.values)


def read_tables(data: Sequence[str], hadrons: Sequence[str]) -> dict[str, dict[str, Observable]]:
    """Return every observable of the data files, by file name and then by observable.

    Args:
        data: names of the tables shipped with the package, or paths of CSV files of the same form.
        hadrons: rows of a table of mean multiplicities.

    Raises:
        ObjectiveError: a file is missing or not of the form, or has no such hadron.
    """
    return {path.stem: _read(path, hadrons) for path in map(_find, data)}


def observables(tables: Mapping[str, Mapping[str, Observable]], names: Sequence[str]) -> list[Observable]:
    """Return the observables of those names, in that order.

    A name is that in a table, of the first file that has it, or "file/name".

    Raises:
        ObjectiveError: a name is in no file, cannot be computed, or is given twice.
    """
    found = [_pick(tables, name) for name in names]
    if len({(o.source, o.name) for o in found}) < len(found):
        raise ObjectiveError(f"pythia-ee: observables={list(names)} names one twice")
    return found


def default_names(tables: Mapping[str, Mapping[str, Observable]]) -> list[str]:
    """Return the names of DEFAULT_OBSERVABLES that are in the files."""
    held = {name for table in tables.values() for name in table}
    return [name for name in DEFAULT_OBSERVABLES if name in held]


def _pick(tables: Mapping[str, Mapping[str, Observable]], name: str) -> Observable:
    source, _, short = name.rpartition("/")
    if short != PDG_MEANS and short not in QUANTITIES:
        raise ObjectiveError(
            f"pythia-ee: no observable {short!r}; there are {', '.join([PDG_MEANS, *sorted(QUANTITIES)])}"
        )
    for stem, table in tables.items():
        if source in ("", stem) and short in table:
            return table[short]
    raise ObjectiveError(
        f"pythia-ee: observable {name!r} is in none of the data files {sorted(tables)}; "
        "add the file that has it to 'data', or leave it out"
    )


def _find(name: str) -> Path:
    shipped = DATA_FOLDER / f"{name}.csv"
    if Path(name).name == name and shipped.is_file():
        return shipped
    if Path(name).is_file():
        return Path(name)
    known = ", ".join(sorted(path.stem for path in DATA_FOLDER.glob("*.csv")))
    raise ObjectiveError(f"pythia-ee: data file {name!r} is neither shipped ({known}) nor a path of a file")


def _read(path: Path, hadrons: Sequence[str]) -> dict[str, Observable]:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        if rows and "hadron" in rows[0]:
            return {PDG_MEANS: _read_means(path, rows, hadrons)}
        return _read_histograms(path, rows)
    except (KeyError, TypeError, UnicodeDecodeError, csv.Error) as error:
        raise ObjectiveError(
            f"pythia-ee: {path} is not a table of the form in data/README.md: {error!r}"
        ) from error
    except ValueError as error:
        if isinstance(error, ObjectiveError):
            raise
        raise ObjectiveError(f"pythia-ee: {path}: {error}") from error


def _read_histograms(path: Path, rows: Sequence[Mapping[str, str]]) -> dict[str, Observable]:
    groups: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        groups.setdefault(row["observable"], []).append(row)
    if not groups:
        raise ObjectiveError(f"pythia-ee: {path} has no rows")
    return {name: _histogram(path, name, group) for name, group in groups.items()}


def _histogram(path: Path, name: str, rows: Sequence[Mapping[str, str]]) -> Observable:
    def column(key: str) -> Array:
        return np.array([float(row[key]) for row in rows])

    low, high = column("bin_lo"), column("bin_hi")
    # the mean of both sides: none of the shipped tables is asymmetric
    errors = 0.5 * (column("err_lo") + column("err_hi"))
    if (high <= low).any() or (low[1:] < high[:-1] - 1e-9).any():
        raise ObjectiveError(f"pythia-ee: {path}: the bins of {name} are empty, overlap, or do not ascend")
    if not np.isfinite([low, high, column("value"), errors]).all() or (errors < 0).any():
        raise ObjectiveError(f"pythia-ee: {path}: {name} has a value or error that is no measurement")
    return Observable(name, path.stem, low, high, column("value"), errors)


def _read_means(path: Path, rows: Sequence[Mapping[str, str]], hadrons: Sequence[str]) -> Observable:
    at_the_z = {row["hadron"]: row for row in rows if float(row["sqrts_lo_gev"]) == 91.0}
    missing = [name for name in hadrons if name not in at_the_z]
    if missing or not hadrons:
        raise ObjectiveError(f"pythia-ee: hadrons {missing or 'is empty'}: {path} has {', '.join(at_the_z)}")
    chosen = [at_the_z[name] for name in hadrons]
    number = np.arange(len(chosen), dtype=np.float64)
    return Observable(
        PDG_MEANS,
        path.stem,
        number - 0.5,
        number + 0.5,
        np.array([float(row["mean_per_event"]) for row in chosen]),
        np.array([float(row["err"]) for row in chosen]),
        hadrons=tuple(tuple(int(pdg_id) for pdg_id in row["pdg_ids"].split("|")) for row in chosen),
        hadron_names=tuple(hadrons),
    )
