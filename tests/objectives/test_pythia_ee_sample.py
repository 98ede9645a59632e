"""Event shapes against the same numbers computed another way, and against symmetric events."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from smbo_objectives.pythia_ee.histograms import Histograms
from smbo_objectives.pythia_ee.quantities import QUANTITIES
from smbo_objectives.pythia_ee.sample import BEAM_ENERGY_GEV, Sample
from smbo_objectives.pythia_ee.tables import Observable

PION_MASS = 0.13957
SHAPES = [name for name, quantity in QUANTITIES.items() if quantity.family == "Event shapes"]


def sample_of(events, mass=PION_MASS, pdg_id=211):
    """Return a sample of events that are lists of momenta, all of one kind of particle."""
    counts = [len(event) for event in events]
    momentum = np.concatenate([np.asarray(event, dtype=float).reshape(-1, 3) for event in events])
    n = sum(counts)
    return Sample(
        n_events=len(events),
        event=np.repeat(np.arange(len(events)), counts),
        pdg_id=np.full(n, pdg_id),
        status=np.ones(n, dtype=np.int64),
        first_daughter=np.full(n, -1),
        last_daughter=np.full(n, -1),
        momentum=momentum,
        energy=np.sqrt((momentum**2).sum(axis=1) + mass**2),
    )


@pytest.fixture
def events(rng):
    """Return forty two-jet-like events of two to twelve particles."""
    made = []
    for n in rng.integers(2, 13, size=40):
        momenta = rng.normal(size=(n, 3)) * [1.0, 1.5, 4.0]
        made.append(momenta - momenta.mean(axis=0))
    return made


def brute_thrust(momenta):
    """Return the longest of all signed sums, over the sum of lengths, and its direction."""
    signs = np.array(list(itertools.product([1, -1], repeat=len(momenta))))
    sums = signs @ momenta
    best = sums[np.linalg.norm(sums, axis=1).argmax()]
    length = np.linalg.norm(best)
    return length / np.linalg.norm(momenta, axis=1).sum(), best / length


def test_thrust_is_the_longest_of_all_signed_sums(events):
    found = sample_of(events).thrust
    expected = np.array([brute_thrust(event)[0] for event in events])
    # every signed sum bounds it from below, so only missed maxima could differ
    assert found.value == pytest.approx(expected, rel=1e-12)


def test_thrust_major_is_the_longest_signed_sum_in_the_plane_normal_to_the_thrust_axis(events):
    found = sample_of(events).thrust
    for k, event in enumerate(events):
        total = np.linalg.norm(event, axis=1).sum()
        axis = found.axis[k]
        flat = event - np.outer(event @ axis, axis)
        assert found.major[k] == pytest.approx(
            brute_thrust(flat)[0] * np.linalg.norm(flat, axis=1).sum() / total, rel=1e-9, abs=1e-12
        )
        assert found.minor[k] == pytest.approx(np.abs(event @ found.minor_axis[k]).sum() / total, abs=1e-12)
        axes = np.stack([axis, found.major_axis[k], found.minor_axis[k]])
        assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-12)


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


def test_hemisphere_masses_and_broadenings_are_sums_over_either_side(events):
    sample = sample_of(events)
    for k, event in enumerate(events):
        axis = sample.thrust.axis[k]
        energy = np.sqrt((event**2).sum(axis=1) + PION_MASS**2)
        masses, widths = [], []
        for side in (event @ axis >= 0, event @ axis < 0):
            masses.append(energy[side].sum() ** 2 - (event[side].sum(axis=0) ** 2).sum())
            widths.append(np.linalg.norm(np.cross(event[side], axis), axis=1).sum())
        expected = np.sort(masses)[::-1] / energy.sum() ** 2
        assert sample.hemispheres.mass_squared_over_evis_squared[k] == pytest.approx(expected, abs=1e-9)
        expected = np.sort(widths)[::-1] / (2 * np.linalg.norm(event, axis=1).sum())
        # sqrt(p² - p∥²) of a particle along the axis is the root of a rounding error
        assert sample.hemispheres.broadening[k] == pytest.approx(expected, abs=1e-7)


def naive_y23(momenta, mass=PION_MASS):
    """Return the Durham resolution of three jets by merging the closest pair until three are left."""
    jets = [np.append(p, np.sqrt(p @ p + mass**2)) for p in momenta]
    visible = sum(jet[3] for jet in jets)
    largest = 0.0
    while len(jets) > 2:
        distances = {}
        for i, j in itertools.combinations(range(len(jets)), 2):
            a, b = jets[i], jets[j]
            cosine = a[:3] @ b[:3] / np.linalg.norm(a[:3]) / np.linalg.norm(b[:3])
            distances[i, j] = 2 * min(a[3], b[3]) ** 2 * (1 - cosine)
        (i, j), closest = min(distances.items(), key=lambda item: item[1])
        largest = max(largest, closest / visible**2)
        jets[i] = jets[i] + jets[j]
        del jets[j]
    return largest


def test_the_durham_resolution_is_that_of_merging_pair_by_pair(events):
    expected = [naive_y23(event) for event in events]
    assert sample_of(events).durham_y23 == pytest.approx(expected, rel=1e-6, abs=1e-14)


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


def test_three_particles_in_a_star_have_a_thrust_of_two_thirds():
    angles = 2 * np.pi * np.arange(3) / 3
    star = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    thrust = sample_of([star]).thrust
    assert thrust.value[0] == pytest.approx(2 / 3)
    assert thrust.major[0] == pytest.approx(1 / np.sqrt(3))
    assert thrust.minor[0] == pytest.approx(0, abs=1e-12)


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


def observable(name, edges, **hadrons):
    low, high = np.array(edges[:-1], dtype=float), np.array(edges[1:], dtype=float)
    return Observable(name, "test", low, high, np.ones(len(low)), np.ones(len(low)), **hadrons)


def test_a_density_is_entries_per_event_and_width_whatever_lies_outside(events):
    edges = [0.05, 0.1, 0.2, 0.5]
    histograms = Histograms([observable("x_p_charged", edges)], n_events=len(events))
    histograms.fill(sample_of(events))
    (prediction,) = histograms.predictions()
    x_p = np.linalg.norm(np.concatenate(events), axis=1) / BEAM_ENERGY_GEV
    counts, _ = np.histogram(x_p, edges)
    assert counts.sum() < len(x_p)
    assert prediction.values == pytest.approx(counts / len(events) / np.diff(edges))
    assert prediction.variances == pytest.approx(counts / len(events) ** 2 / np.diff(edges) ** 2)


def test_gaps_between_bins_are_not_filled(events):
    gapped = Observable("x_p_charged", "test", np.array([0.0, 0.1]), np.array([0.05, 0.2]), *np.ones((2, 2)))
    histograms = Histograms([gapped], n_events=len(events))
    histograms.fill(sample_of(events))
    (prediction,) = histograms.predictions()
    x_p = np.linalg.norm(np.concatenate(events), axis=1) / BEAM_ENERGY_GEV
    expected = [np.sum(x_p < 0.05) / 0.05, np.sum((x_p >= 0.1) & (x_p < 0.2)) / 0.1]
    assert prediction.values == pytest.approx(np.array(expected) / len(events))


def test_leaving_a_block_out_is_the_run_without_its_events(events):
    shape = observable("sphericity", [0, 0.2, 0.5, 1.0])
    means = observable("pdg_means", [0, 1], hadrons=((211,),), hadron_names=("PiPlus",))
    histograms = Histograms([shape, means], n_events=len(events))
    histograms.fill(sample_of(events))
    for k in range(10):
        # forty events in ten blocks: four each
        rest = Histograms([shape, means], n_events=36)
        rest.fill(sample_of(events[: 4 * k] + events[4 * (k + 1) :]))
        for left_out, expected in zip(histograms.leave_one_out(), rest.predictions()):
            assert left_out.values[k] == pytest.approx(expected.values)
            assert left_out.variances[k] == pytest.approx(expected.variances)


def test_the_variance_of_a_mean_is_the_sample_variance_over_the_number_of_events(events):
    means = observable("pdg_means", [0, 1], hadrons=((211,),), hadron_names=("PiPlus",))
    histograms = Histograms([means], n_events=len(events))
    histograms.fill(sample_of(events))
    (prediction,) = histograms.predictions()
    counts = np.array([len(event) for event in events])
    assert prediction.values == pytest.approx([counts.mean()])
    assert prediction.variances == pytest.approx([counts.var() / len(events)])


def test_a_hadron_that_is_copied_within_the_record_is_counted_once():
    # rows: B0 -> B0 (oscillation or recoil) -> K*0 K0S; an antiparticle counts as its particle
    sample = Sample(
        n_events=1,
        event=np.zeros(4, dtype=np.int64),
        pdg_id=np.array([511, 511, -313, 310]),
        status=np.array([-83, -84, -91, 91]),
        first_daughter=np.array([1, 2, -1, -1]),
        last_daughter=np.array([1, 3, -1, -1]),
        momentum=np.ones((4, 3)),
        energy=np.full(4, 2.0),
    )
    counts = sample.hadron_counts([(511,), (313,), (130, 310), (310, 313), (211,)])
    assert counts.tolist() == [[1, 1, 1, 2, 0]]
    assert len(sample.hadrons((511,)).energy) == 1
