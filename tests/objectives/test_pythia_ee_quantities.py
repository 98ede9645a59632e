"""Event shapes against the same numbers computed another way, and against symmetric events."""

from __future__ import annotations

import numpy as np
import pytest
from pythia_ee_events import PION_MASS, sample_of

from smbo_objectives.pythia_ee.quantities import QUANTITIES

SHAPES = [name for name, quantity in QUANTITIES.items() if quantity.family == "Event shapes"]


def test_sphericity_aplanarity_and_planarity_are_those_of_dense_algebra(events):
    sample = sample_of(events)
    for k, event in enumerate(events):
        small, middle, _ = np.linalg.eigvalsh(event.T @ event / (event**2).sum())
        assert QUANTITIES["sphericity"].entries(sample).values[k] == pytest.approx(1.5 * (small + middle))
        assert QUANTITIES["aplanarity"].entries(sample).values[k] == pytest.approx(1.5 * small, abs=1e-12)
        assert QUANTITIES["planarity"].entries(sample).values[k] == pytest.approx(middle - small, abs=1e-12)


def test_c_and_d_are_those_of_the_eigenvalues_of_the_linear_tensor(events):
    sample = sample_of(events)
    for k, event in enumerate(events):
        p = np.linalg.norm(event, axis=1)
        one, two, three = np.linalg.eigvalsh((event / p[:, None]).T @ event / p.sum())
        c, d = 3 * (one * two + two * three + three * one), 27 * one * two * three
        assert QUANTITIES["c_parameter"].entries(sample).values[k] == pytest.approx(c, abs=1e-12)
        assert QUANTITIES["d_parameter"].entries(sample).values[k] == pytest.approx(d, abs=1e-12)


def test_two_back_to_back_particles_have_no_shape_but_a_line():
    sample = sample_of([[[0, 0, 10.0], [0, 0, -10.0]], [[3.0, 4.0, 0], [-3.0, -4.0, 0]]], mass=0.0)
    for name in set(SHAPES) - {"minus_ln_y3_durham"}:
        assert QUANTITIES[name].entries(sample).values == pytest.approx([0, 0], abs=1e-12), name
    assert np.isposinf(QUANTITIES["minus_ln_y3_durham"].entries(sample).values).all()


def test_six_particles_along_the_axes_are_as_round_as_can_be():
    sample = sample_of([np.vstack([np.eye(3), -np.eye(3)])])
    values = {name: QUANTITIES[name].entries(sample).values[0] for name in SHAPES}
    # T of the octahedron: along (1, 1, 1), 6/sqrt(3) over 6
    assert values["one_minus_thrust"] == pytest.approx(1 - 1 / np.sqrt(3))
    for name in ("sphericity", "c_parameter", "d_parameter"):
        assert values[name] == pytest.approx(1)
    assert values["aplanarity"] == pytest.approx(0.5)
    assert values["planarity"] == pytest.approx(0, abs=1e-12)


def test_no_shape_depends_on_the_event_s_orientation_on_its_neighbours_or_on_the_order_of_particles(
    events, rng
):
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned = [rng.permutation(event) @ turn for event in reversed(events)]
    one, two = sample_of(events), sample_of(turned)
    for name in SHAPES:
        expected = QUANTITIES[name].entries(one).values
        # broadenings of particles along the axis are roots of rounding errors
        assert QUANTITIES[name].entries(two).values[::-1] == pytest.approx(expected, rel=1e-6, abs=1e-7), name


def test_rapidity_is_the_textbook_one_along_the_axis(events):
    sample = sample_of(events)
    entries = QUANTITIES["abs_rapidity_thrust"].entries(sample)
    along = np.einsum("mi,mi->m", np.concatenate(events), sample.thrust.axis[entries.event])
    energy = np.sqrt((np.concatenate(events) ** 2).sum(axis=1) + PION_MASS**2)
    assert entries.values == pytest.approx(np.abs(np.arctanh(along / energy)), rel=1e-9)


def test_an_event_with_fewer_than_two_charged_particles_is_counted_but_has_no_shape(events):
    # rare, and one of them would make LAPACK fail for the whole batch
    mixed = [events[0], [[0, 0, 5.0]], events[1], np.zeros((0, 3))]
    sample = sample_of(mixed)
    entries = QUANTITIES["sphericity"].entries(sample)
    assert list(entries.event) == [0, 2]
    assert entries.values == pytest.approx(QUANTITIES["sphericity"].entries(sample_of(events[:2])).values)
    assert list(sample.n_charged) == [len(events[0]), 1, len(events[1]), 0]
    for quantity in QUANTITIES.values():
        assert np.isin(quantity.entries(sample).event, range(4)).all()


@pytest.mark.parametrize("name", QUANTITIES)
def test_a_batch_without_any_charged_particle_has_entries_of_none(name):
    values = QUANTITIES[name].entries(sample_of([[[0, 0, 1.0]], [[1.0, 0, 0]]], pdg_id=22)).values
    assert np.isfinite(values).all()
