"""Measured tables, and the observables that are made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smbo.problem import ObjectiveError
from smbo_objectives.delimited import Table, close_to, decoded, read_table
from smbo_objectives.histograms import Histogram
from smbo_objectives.pythia_ee.quantities import QUANTITIES
from smbo_objectives.tables import HistogramFile, ending_of, read_histograms

__all__ = ["DEFAULT_HADRONS", "DEFAULT_OBSERVABLES", "PDG_MEANS", "Observable", "observables", "read_tables"]

Array = NDArray[np.float64]

DATA_FOLDER = Path(__file__).parent / "data"
PDG_MEANS = "pdg_means"
_DELIMITED = (".csv", ".tsv", ".dat")
_LIMIT_BYTES = 100_000_000

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
        values, errors: the data and their total errors, shape (b,); NaN where a bin holds no number.
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

    @classmethod
    def of(cls, name: str, path: Path, histogram: Histogram) -> Observable:
        """Return the observable of a histogram in a file."""
        errors = np.sqrt(histogram.variances)
        source = path.name.split(".")[0]
        return cls(name, source, histogram.low, histogram.high, histogram.values, errors)

    @property
    def histogram(self) -> Histogram:
        """The measured histogram."""
        return Histogram(self.low, self.high, self.values, self.errors**2)

    @property
    def n_bins(self) -> int:
        """Number of bins (for PDG_MEANS: of hadrons)."""
        return len(self.values)


def read_tables(data: Sequence[str], hadrons: Sequence[str]) -> dict[str, Mapping[str, Observable]]:
    """Return every observable of the data files, by file name and then by observable.

    Args:
        data: names of the tables shipped with the package, or paths of files of the same form, or of any
            that ``read_histograms`` reads.
        hadrons: rows of a table of mean multiplicities.

    Raises:
        ObjectiveError: a file is missing or not of the form, or has no such hadron.
    """
    return {path.name.split(".")[0]: _read(path, hadrons) for path in map(_find, data)}


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
            f"pythia-ee: no observable {short!r}; {close_to(short, [PDG_MEANS, *sorted(QUANTITIES)], 100)}"
        )
    for stem, table in tables.items():
        if source in ("", stem) and short in table:
            return table[short]
    held = [each for table in tables.values() for each in table]
    raise ObjectiveError(
        f"pythia-ee: observable {name!r} is in none of the data files {sorted(tables)} "
        f"({close_to(short, held)}); "
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


def _read(path: Path, hadrons: Sequence[str]) -> Mapping[str, Observable]:
    try:
        content = path.read_bytes()
        if ending_of(path.name) in _DELIMITED:
            table = read_table(decoded(content, _LIMIT_BYTES), ("observable", "hadron"))
            if "hadron" in table:
                return {PDG_MEANS: _read_means(path, table, hadrons)}
        found = read_histograms(content, path.name)
    except ObjectiveError:
        raise
    except (OSError, ValueError) as error:
        raise ObjectiveError(f"pythia-ee: {path}: {error} (columns: data/README.md)") from error
    return _Observables(path, found)


class _Observables(Mapping[str, Observable]):
    """The observables of a file, of which one that cannot be read raises when it is asked for."""

    def __init__(self, path: Path, found: HistogramFile) -> None:
        self._path = path
        self._found = found

    def __getitem__(self, name: str) -> Observable:
        try:
            return Observable.of(name, self._path, self._found[name])
        except ValueError as error:
            raise ObjectiveError(f"pythia-ee: {self._path}: {error}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _read_means(path: Path, table: Table, hadrons: Sequence[str]) -> Observable:
    names = table.texts("hadron")
    at_the_z = {names[row]: row for row in np.flatnonzero(table.numbers("sqrts_lo_gev") == 91.0)}
    missing = [name for name in hadrons if name not in at_the_z]
    if missing or not hadrons:
        raise ObjectiveError(f"pythia-ee: hadrons {missing or 'is empty'}: {path} has {', '.join(at_the_z)}")
    chosen = [at_the_z[name] for name in hadrons]
    ids = table.texts("pdg_ids")
    errors = table.numbers("err")[chosen]
    if (errors < 0.0).any():
        raise ValueError(f"err of {hadrons[int(np.argmax(errors < 0.0))]} is negative; an error is not")
    number = np.arange(len(chosen), dtype=np.float64)
    return Observable(
        PDG_MEANS,
        path.name.split(".")[0],
        number - 0.5,
        number + 0.5,
        table.numbers("mean_per_event")[chosen],
        errors,
        hadrons=tuple(tuple(int(pdg_id) for pdg_id in ids[row].split("|")) for row in chosen),
        hadron_names=tuple(hadrons),
    )
