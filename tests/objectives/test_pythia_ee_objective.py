"""The objective pythia-ee: its settings, its value, and what Pythia itself answers."""

from __future__ import annotations

import pickle

import pytest

from smbo.problem import Confirmable, Context, ObjectiveError
from smbo_objectives.pythia_ee import PythiaEE
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
