"""A batch of events as flat arrays, with event shapes computed on first use and cached.

Event shapes: sphericity (Bjorken & Brodsky 1970), thrust (Farhi 1977; Brandt et al. 1964), hemisphere masses
and broadenings (Catani et al. 1992), Durham jet resolution (Catani et al. 1991).  Momenta in GeV.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smbo.problem import ObjectiveError
from smbo_objectives.pythia_ee.thrust import Thrust, thrust

__all__ = ["BEAM_ENERGY_GEV", "Hemispheres", "Particles", "Sample", "Sphericity"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

BEAM_ENERGY_GEV = 45.6

# Charged particles that do not decay within a metre; the weakly decaying hyperons decay by Pythia's
# default, and are listed for settings that make them stable.
_CHARGED_STABLE = (11, 13, 211, 321, 2212, 3112, 3222, 3312, 3334)
_OUTGOING = 23  # Pythia's status of outgoing particles of the hardest process, negative after their evolution
_LARGEST_ID = 10_000  # of the particles looked up in tables; larger ids are excited or exotic states


@dataclass(frozen=True, eq=False)
class Particles:
    """Some particles of a batch.

    Attributes:
        event: number of the event within the batch, shape (m,), ascending.
        momentum: GeV, shape (m, 3).
        energy: GeV, shape (m,).
    """

    event: Index
    momentum: Array
    energy: Array

    @cached_property
    def p(self) -> Array:
        """|p| in GeV, shape (m,)."""
        return np.sqrt(np.einsum("mi,mi->m", self.momentum, self.momentum))

    def along(self, axes: Array) -> Array:
        """Return each particle's momentum component along its event's axis, (n, 3) -> (m,)."""
        return np.einsum("mi,mi->m", self.momentum, axes[self.event])


@dataclass(frozen=True, eq=False)
class Sphericity:
    """Eigenvalues, descending, shape (n, 3), and eigenvectors, [n, :, k] for the k-th."""

    values: Array
    axes: Array


@dataclass(frozen=True, eq=False)
class Hemispheres:
    """Masses and broadenings of both halves of n events, each (n, 2), the larger one first."""

    mass_squared_over_evis_squared: Array
    broadening: Array


@dataclass(frozen=True, eq=False)
class Sample:
    """A batch of n events, one row per entry of the event records.

    Attributes:
        n_events: n.
        event: number of the entry's event within the batch, shape (e,).
        pdg_id, status: shape (e,); status > 0 is final.
        first_daughter, last_daughter: row of the daughters in these arrays, -1 for none, shape (e,).
        momentum, energy: GeV, shapes (e, 3) and (e,).
        weights: of each event at other settings, shape (n, g); None without variations.
    """

    n_events: int
    event: Index
    pdg_id: Index
    status: Index
    first_daughter: Index
    last_daughter: Index
    momentum: Array
    energy: Array
    weights: Array | None = None

    @cached_property
    def all_charged(self) -> Particles:
        """Charged final particles of every event."""
        table = np.zeros(_LARGEST_ID, dtype=bool)
        table[list(_CHARGED_STABLE)] = True
        return self._take(np.flatnonzero((self.status > 0) & table[self._species]))

    @cached_property
    def flavour(self) -> Index:
        """The quark that the Z decays to, 1 (d) to 5 (b), 0 where there is none, shape (n,)."""
        quarks = (np.abs(self.status) == _OUTGOING) & (self._species >= 1) & (self._species <= 5)
        found = np.zeros(self.n_events, dtype=np.int64)
        np.maximum.at(found, self.event[quarks], self._species[quarks])
        return found

    @cached_property
    def n_charged(self) -> Index:
        """Charged multiplicity, shape (n,)."""
        return np.bincount(self.all_charged.event, minlength=self.n_events)

    @cached_property
    def has_shape(self) -> NDArray[np.bool_]:
        """Whether an event has the two charged particles that its shape needs, shape (n,)."""
        return np.asarray(self.n_charged >= 2)

    @cached_property
    def charged(self) -> Particles:
        """Charged final particles of the events with a shape; these events are renumbered without gaps."""
        every = self.all_charged
        kept = self.has_shape[every.event]
        number = np.cumsum(self.has_shape) - 1
        return Particles(number[every.event[kept]], every.momentum[kept], every.energy[kept])

    @cached_property
    def shape_event(self) -> Index:
        """Number in the batch of each event that has a shape, shape (k,)."""
        return np.flatnonzero(self.has_shape)

    @cached_property
    def offsets(self) -> Index:
        """Start of each shaped event in ``charged``, shape (k + 1,)."""
        return np.concatenate([[0], np.cumsum(self.n_charged[self.has_shape])])

    @cached_property
    def sphericity(self) -> Sphericity:
        """Sphericity: eigenvalues and eigenvectors of the quadratic momentum tensor."""
        momentum = self.charged.momentum
        tensor = self._tensor(np.ones(len(momentum)))
        values, axes = np.linalg.eigh(tensor)
        return Sphericity(values[:, ::-1], axes[:, :, ::-1])

    @cached_property
    def linear_tensor(self) -> Array:
        """Momentum tensor with each particle weighted by 1/|p|, of unit trace, shape (k, 3, 3)."""
        p = self.charged.p
        return self._tensor(np.divide(1.0, p, out=np.zeros_like(p), where=p > 0))

    @cached_property
    def thrust(self) -> Thrust:
        """Thrust of the shaped events."""
        counts = np.diff(self.offsets)
        if counts.size == 0:
            return Thrust(*(np.zeros(0) for _ in range(3)), *(np.zeros((0, 3)) for _ in range(3)))
        padded = np.zeros((counts.size, counts.max(), 3))
        rank = np.arange(len(self.charged.event)) - self.offsets[self.charged.event]
        padded[self.charged.event, rank] = self.charged.momentum
        return thrust(padded)

    @cached_property
    def hemispheres(self) -> Hemispheres:
        """Masses and broadenings of the two halves."""
        charged, axis, n = self.charged, self.thrust.axis, self.shape_event.size
        along = charged.along(axis)
        half = 2 * charged.event + (along < 0)
        four = [np.bincount(half, charged.energy, 2 * n)]
        four += [np.bincount(half, charged.momentum[:, i], 2 * n) for i in range(3)]
        squared = four[0] ** 2 - four[1] ** 2 - four[2] ** 2 - four[3] ** 2
        visible = np.bincount(charged.event, charged.energy, n)
        across = np.sqrt(np.maximum(charged.p**2 - along**2, 0.0))
        width = np.bincount(half, across, 2 * n).reshape(n, 2)
        total = np.bincount(charged.event, charged.p, n)
        masses = np.maximum(squared, 0.0).reshape(n, 2) / visible[:, None] ** 2
        return Hemispheres(-np.sort(-masses, axis=1), -np.sort(-width / (2 * total[:, None]), axis=1))

    @cached_property
    def durham_y23(self) -> Array:
        """Resolution at which three jets become two, Durham algorithm, shape (k,).

        Raises:
            ObjectiveError: FastJet is not installed.
        """
        try:
            import awkward
            import fastjet
        except ImportError as error:
            raise ObjectiveError(f"pythia-ee: {error}; install smbo[hep], or leave the jets out") from error
        # publications must cite FastJet (arXiv:1111.6097); its banner is kept out of a worker's output
        fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
        charged = self.charged
        columns = [*charged.momentum.T, charged.energy]
        content = awkward.contents.RecordArray(
            [awkward.contents.NumpyArray(np.ascontiguousarray(column)) for column in columns],
            ["px", "py", "pz", "E"],
            parameters={"__record__": "Momentum4D"},
        )
        events = awkward.contents.ListOffsetArray(awkward.index.Index64(self.offsets), content)
        cluster = fastjet.ClusterSequence(
            awkward.Array(events), fastjet.JetDefinition0Param(fastjet.ee_kt_algorithm)
        )
        return np.asarray(cluster.exclusive_ymerge_max(2), dtype=np.float64)

    def hadrons(self, pdg_ids: Sequence[int]) -> Particles:
        """Return all hadrons of these kinds, with their antiparticles, decayed or not, each counted once."""
        table = np.zeros(_LARGEST_ID, dtype=bool)
        table[list(pdg_ids)] = True
        rows = np.flatnonzero(table[self._species])
        return self._take(rows[~self._is_copied(rows)])

    def hadron_counts(self, groups: Sequence[Sequence[int]]) -> Index:
        """Return how many hadrons of each group each event has, shape (n, number of groups).

        An id may be in several groups.
        """
        table = np.zeros((_LARGEST_ID, len(groups)), dtype=np.int64)
        for column, group in enumerate(groups):
            table[list(group), column] = 1
        rows = np.flatnonzero(np.any(table, axis=1)[self._species])
        rows = rows[~self._is_copied(rows)]
        row, group_number = np.nonzero(table[self._species[rows]])
        cell = self.event[rows[row]] * len(groups) + group_number
        return np.bincount(cell, minlength=self.n_events * len(groups)).reshape(self.n_events, len(groups))

    @cached_property
    def _species(self) -> Index:
        """|PDG id|, 0 for those too large to be looked up."""
        species = np.abs(self.pdg_id)
        species[species >= _LARGEST_ID] = 0
        return species

    def _is_copied(self, rows: Index) -> NDArray[np.bool_]:
        """Return whether a row's particle is copied to a daughter of the same id."""
        copied = np.zeros(rows.size, dtype=bool)
        for daughters in (self.first_daughter[rows], self.last_daughter[rows]):
            copied |= (daughters >= 0) & (self.pdg_id[daughters] == self.pdg_id[rows])
        return copied

    def _take(self, rows: Index) -> Particles:
        return Particles(self.event[rows], self.momentum[rows], self.energy[rows])

    def _tensor(self, weights: Array) -> Array:
        """Return sum w p_i p_j over the charged particles of each shaped event, of unit trace."""
        charged, n = self.charged, self.shape_event.size
        tensor = np.empty((n, 3, 3))
        for i in range(3):
            for j in range(i, 3):
                products = weights * charged.momentum[:, i] * charged.momentum[:, j]
                tensor[:, i, j] = tensor[:, j, i] = np.bincount(charged.event, products, n)
        return tensor / np.trace(tensor, axis1=1, axis2=2)[:, None, None]
