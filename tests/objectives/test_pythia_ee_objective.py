"""The objective pythia-ee: its settings, its value, and what Pythia itself answers."""

from __future__ import annotations

import gzip
import pickle

import numpy as np
import pytest

from smbo.problem import Confirmable, Context, ObjectiveError
from smbo_objectives.pythia_ee import PythiaEE, tables
from smbo_objectives.pythia_ee.histograms import Prediction
from smbo_objectives.pythia_ee.spaces import SPACES, default_point

MONASH = default_point(SPACES["ee6n"])


@pytest.fixture(scope="module")
def objective() -> PythiaEE:
    return PythiaEE(events=1_000)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"space": "ee7"}, "ee6n"),
        ({"space": {"aLund": [0, 1]}}, "ee6n"),
        ({"events": 0}, "events is 0"),
        ({"events": 50}, "100 events or more"),
        ({"events": 2.5}, "2.5"),
        ({"events": True}, "True"),
        ({"data": "aleph_1996"}, "list of names"),
        ({"data": ["aleph_1997"]}, "aleph_1996"),
        ({"data": ["../data/aleph_1996"]}, "neither shipped"),
        ({"data": []}, "no observables"),
        ({"observables": []}, "no observables"),
        ({"observables": ["thrust"]}, "one_minus_thrust"),
        ({"observables": ["b_sum"]}, "none of the data files"),
        ({"observables": ["sphericity", "aleph_1996/sphericity"]}, "twice"),
        ({"hadrons": ["Graviton"]}, "Graviton"),
        ({"weights": {"thrust": 2.0}}, "thrust"),
        ({"weights": {"sphericity": -1.0}}, "-1.0"),
        ({"observables": ["sphericity"], "weights": {"sphericity": 0}}, "zero"),
        ({"theory_uncertainty": float("nan")}, "nan"),
        ({"theory_uncertainty": "5%"}, "5%"),
        ({"confirmation_repeats": 0}, "confirmation_repeats"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_with_a_message_that_shows_it(settings, said):
    with pytest.raises(ObjectiveError, match="pythia-ee") as caught:
        PythiaEE(**settings)
    assert said in str(caught.value)


def test_a_table_that_is_not_of_the_form_is_refused_with_its_path(tmp_path):
    for number, text in enumerate(
        [
            "a,b\n1,2\n",
            "",
            "table,observable,bin_lo,bin_hi,value,err_lo,err_hi\nd1,sphericity,0,1,x,1,1\n",
            "table,observable,bin_lo,bin_hi,value,err_lo,err_hi\nd1,sphericity,1,0,1,1,1\n",
            "table,observable,bin_lo,bin_hi,value,err_lo,err_hi\nd1,sphericity,0,1,nan,1,1\n",
        ]
    ):
        path = tmp_path / f"table{number}.csv"
        path.write_text(text)
        with pytest.raises(ObjectiveError, match=f"table{number}.csv"):
            PythiaEE(data=[str(path)], observables=["sphericity"])


def test_the_default_observables_are_fourteen_of_aleph_and_twenty_means(objective):
    *shapes, means = objective.observables
    assert [o.source for o in shapes] == ["aleph_1996"] * 14
    # 346 bins: the count that the comparison figures of the specification are for
    assert sum(o.n_bins for o in shapes) == 346
    assert means.name == "pdg_means"
    assert means.n_bins == 20


def test_the_objective_pickles_and_is_rated(objective):
    copy = pickle.loads(pickle.dumps(objective))
    assert copy.problem.to_json() == objective.problem.to_json()
    assert isinstance(objective, Confirmable)


@pytest.mark.pythia
def test_the_same_seed_gives_the_same_result_and_another_seed_another(objective):
    first, again = (objective.evaluate(MONASH, Context(seed=3)) for _ in range(2))
    other = objective.evaluate(MONASH, Context(seed=4))
    assert first.value == again.value
    assert (first.outputs == again.outputs).all()
    assert first.sem == again.sem
    assert (first.outputs != other.outputs).any()


def test_fidelity_is_the_number_of_events_and_each_batch_is_reported(objective):
    reports = []
    context = Context(seed=2, fidelity=2_500, report=lambda step, value: reports.append((step, value)))
    outcome = objective.evaluate(MONASH, context)
    assert outcome.metrics["n_events"] == 2_500
    assert [step for step, _ in reports] == [2_000, 2_500]
    assert reports[-1][1] == outcome.value


@pytest.mark.pythia
def test_the_default_tune_describes_the_data_as_well_as_it_is_known_to(objective):
    outcome = objective.evaluate(MONASH, Context(seed=7, fidelity=5_000))
    # 20.53 at 200,000 events; the multiplicity's spread of 6.2 per event makes 0.088 at 5,000: four of those
    assert outcome.metrics["mean_n_charged"] == pytest.approx(20.53, abs=0.35)
    # 1.07 over many seeds with a spread of 0.16: four of those
    assert outcome.value == pytest.approx(1.07, abs=0.64)
    # the estimate of that spread is itself one draw of a jackknife with ten blocks
    assert 0.05 < outcome.sem < 0.5


@pytest.mark.pythia
def test_a_wrong_coupling_is_seen_at_once(objective):
    off = objective.evaluate({**MONASH, "alphaSvalue": 0.16}, Context(seed=7))
    default = objective.evaluate(MONASH, Context(seed=7))
    assert off.value > 2 * default.value


HEAD = "observable,bin_lo,bin_hi,value,err_lo,err_hi\n"


@pytest.mark.parametrize("dead", ["0,0,0", "nan,1,1", "1,nan,1"])
def test_a_bin_of_a_table_that_cannot_count_does_not_cost_the_observable(tmp_path, dead):
    path = tmp_path / "own.csv"
    path.write_text(HEAD + f"sphericity,0,0.1,8,1,1\nsphericity,0.1,0.2,{dead}\nbroken,1,0,x,1,1\n")
    objective = PythiaEE(data=[str(path)], observables=["sphericity"])
    assert objective.problem.loss.weights.tolist() == [1.0, 0.0]
    assert objective.remarks[0].endswith("1 of 2 in sphericity")
    predictions = [Prediction(np.array([7.0, 5.0]), np.array([1.0, 1.0]))]
    terms = objective._loss.terms(predictions)
    assert objective._loss.value(terms) == pytest.approx(1 / (1 + (0.05 * 8) ** 2 + 1))


def test_weights_of_bins_count_in_the_value_and_in_the_loss_alike():
    weights = {"sphericity@0:0.1": 3.0, "sphericity#0": 0.0, "aplanarity": 0.5}
    objective = PythiaEE(observables=["sphericity", "aplanarity"], weights=weights)
    loss = objective.problem.loss
    outputs = 1.1 * loss.data
    predictions = [
        Prediction(part, np.zeros(len(part))) for part in np.split(outputs, [objective.observables[0].n_bins])
    ]
    value = objective._loss.value(objective._loss.terms(predictions))
    assert value == pytest.approx(float(loss.of(outputs)))
    assert loss.weights[0] == 0.0


def test_tables_are_read_in_the_dialects_of_all_tables(tmp_path):
    shipped = tables.DATA_FOLDER / "aleph_1996.csv"
    path = tmp_path / "own.csv.gz"
    path.write_bytes(gzip.compress(("\ufeff# ALEPH\n" + shipped.read_text().replace(",", "; ")).encode()))
    own, known = (PythiaEE(data=[data], observables=["sphericity"]) for data in (str(path), "aleph_1996"))
    np.testing.assert_array_equal(own.problem.loss.data, known.problem.loss.data)
    np.testing.assert_array_equal(own.problem.loss.errors, known.problem.loss.errors)
    means = tmp_path / "means.csv"
    means.write_text((tables.DATA_FOLDER / "pdg_2008.csv").read_text().replace(",", "\t"))
    assert PythiaEE(data=[str(means)], observables=["pdg_means"]).observables[0].n_bins == 20
