"""The objective pythia-ee: its settings, its value, and what Pythia itself answers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from smbo.problem import Confirmable, Context, EvaluationFailed, ObjectiveError
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.generator import Generator, pythia_seed
from smbo_objectives.pythia_ee.histograms import Histograms
from smbo_objectives.pythia_ee.spaces import PARAMETERS, SPACES, default_point

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


def test_every_named_space_lies_within_what_pythia_accepts_and_holds_names_that_it_knows():
    for ranges in SPACES.values():
        for name, (low, high) in ranges.items():
            assert PARAMETERS[name].low <= low < high <= PARAMETERS[name].high
    assert {name: len(ranges) for name, ranges in SPACES.items()} == {
        "ee3": 3,
        "ee6": 6,
        "ee6n": 6,
        "ee20": 20,
    }


def test_the_default_tune_lies_in_each_space():
    for space in SPACES:
        problem = PythiaEE(space=space).problem
        assert problem.space.contains(PythiaEE(space=space).confirmation().baseline)
        assert problem.sign == 1.0


def test_seeds_stay_within_what_pythia_takes():
    assert [pythia_seed(s) for s in (0, 899_999_999, 900_000_000)] == [1, 900_000_000, 1]
    assert 1 <= pythia_seed(2**63) <= 900_000_000


def test_the_objective_pickles_and_is_rated(objective):
    copy = pickle.loads(pickle.dumps(objective))
    assert copy.problem.to_json() == objective.problem.to_json()
    assert isinstance(objective, Confirmable)


@pytest.mark.pythia
def test_pythias_own_defaults_and_ranges_are_the_tables():
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    for parameter in PARAMETERS.values():
        entry = pythia.settings
        assert entry.isParm(parameter.setting)
        assert entry.parm(parameter.setting) == parameter.default
        assert pythia.readString(f"{parameter.setting} = {parameter.low}")
        assert pythia.readString(f"{parameter.setting} = {parameter.high}")
        assert not pythia.readString(f"{parameter.setting} = {parameter.low - 0.01}")
        assert not pythia.readString(f"{parameter.setting} = {parameter.high + 0.01}")


@pytest.mark.pythia
def test_the_same_seed_gives_the_same_result_and_another_seed_another(objective):
    first, again = (objective.evaluate(MONASH, Context(seed=3)) for _ in range(2))
    other = objective.evaluate(MONASH, Context(seed=4))
    assert first.value == again.value
    assert (first.outputs == again.outputs).all()
    assert first.sem == again.sem
    assert (first.outputs != other.outputs).any()


@pytest.mark.pythia
def test_the_histograms_do_not_depend_on_the_batch_size(objective):
    results = []
    for batch_size in (1_000, 333):
        histograms = Histograms(objective.observables, 1_000)
        for sample in Generator(MONASH, seed=5).batches(1_000, batch_size):
            histograms.fill(sample)
        results.append(histograms)
    for one, two in zip(results[0].leave_one_out(), results[1].leave_one_out(), strict=True):
        assert (one.values == two.values).all()
        assert (one.variances == two.variances).all()


@pytest.mark.pythia
@pytest.mark.parametrize(
    ("params", "error", "said"),
    [
        ({"sigma": 1.5}, EvaluationFailed, "StringPT:sigma"),
        ({"sigma": float("nan")}, EvaluationFailed, "StringPT:sigma"),
        ({"sigm": 0.3}, ObjectiveError, "sigm"),
        ({"sigma": "0.3\nBeams:eCM = 200"}, ObjectiveError, "number"),
    ],
)
def test_what_pythia_does_not_take_fails_instead_of_being_booked_for_the_default(
    objective, params, error, said
):
    with pytest.raises(error, match=said):
        objective.evaluate(params, Context(seed=1))


@pytest.mark.pythia
def test_a_run_that_goes_on_to_more_events_is_what_one_run_of_all_of_them_is(objective, tmp_path):
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first = objective.evaluate(MONASH, Context(seed=5, fidelity=500, folder=folders[0]))
    steps = []
    context = Context(
        seed=5,
        fidelity=1_500,
        folder=folders[1],
        checkpoint=folders[0],
        report=lambda step, value: steps.append(step),
    )
    went_on = objective.evaluate(MONASH, context)
    at_once = objective.evaluate(MONASH, Context(seed=5, fidelity=1_500))
    assert first.metrics["n_events"] == 500
    assert steps == [1_500]
    assert went_on.value == at_once.value
    assert went_on.sem == at_once.sem
    assert (went_on.outputs == at_once.outputs).all()
    assert (went_on.outputs_variance == at_once.outputs_variance).all()


def test_a_checkpoint_of_other_observables_or_more_events_is_refused(objective, tmp_path):
    objective.evaluate(MONASH, Context(seed=5, fidelity=300, folder=tmp_path))
    other = PythiaEE(observables=["sphericity"])
    with pytest.raises(ObjectiveError, match="start the trial anew"):
        other.evaluate(MONASH, Context(seed=5, fidelity=600, checkpoint=tmp_path))
    with pytest.raises(ObjectiveError, match="300 events"):
        objective.evaluate(MONASH, Context(seed=5, fidelity=200, checkpoint=tmp_path))


def test_fidelity_is_the_number_of_events_and_each_batch_is_reported(objective):
    reports = []
    context = Context(seed=2, fidelity=2_500, report=lambda step, value: reports.append((step, value)))
    outcome = objective.evaluate(MONASH, context)
    assert outcome.metrics["n_events"] == 2_500
    assert [step for step, _ in reports] == [2_000, 2_500]
    assert reports[-1][1] == outcome.value


@pytest.mark.pythia
def test_the_value_is_the_weighted_mean_of_the_terms_over_the_returned_bins():
    weights = {"sphericity": 3.0, "charged_multiplicity": 0.5}
    objective = PythiaEE(
        events=500, observables=["sphericity", "charged_multiplicity", "pdg_means"], weights=weights
    )
    outcome = objective.evaluate(MONASH, Context(seed=2))
    start, expected = 0, 0.0
    for observable, name in zip(objective.observables, objective.metric_names, strict=True):
        bins = slice(start, start + observable.n_bins)
        start += observable.n_bins
        variance = observable.errors**2 + (0.05 * observable.values) ** 2 + outcome.outputs_variance[bins]
        term = np.mean((outcome.outputs[bins] - observable.values) ** 2 / variance)
        assert outcome.metrics[name] == pytest.approx(term)
        expected += weights.get(observable.name, 1.0) * term / 3
    assert start == len(outcome.outputs)
    assert outcome.value == pytest.approx(expected)


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


class Refusing:
    """Stands in for Pythia: takes every setting, then fails to start, or on every event."""

    def __init__(self, starts: bool) -> None:
        self._starts = starts

    def readString(self, _line: str) -> bool:
        return True

    def init(self) -> bool:
        return self._starts

    def nextBatch(self, _n_events: int) -> list[object]:
        return []


@pytest.mark.parametrize(("starts", "said"), [(False, "^init: "), (True, "^events: .* failed")])
def test_a_generator_that_does_not_start_or_keeps_failing_fails_the_evaluation(
    objective, monkeypatch, starts, said
):
    import pythia8mc

    monkeypatch.setattr(pythia8mc, "Pythia", lambda *_: Refusing(starts))
    with pytest.raises(EvaluationFailed, match=said):
        objective.evaluate(MONASH, Context(seed=1))


@pytest.mark.pythia
def test_the_returned_error_is_the_spread_over_seeds():
    objective = PythiaEE(events=500)
    outcomes = [objective.evaluate(MONASH, Context(seed=seed)) for seed in range(24)]
    spread = np.std([outcome.value for outcome in outcomes], ddof=1)
    told = np.sqrt(np.mean([outcome.sem**2 for outcome in outcomes]))
    # 24 draws tell a spread to 15 %, and the jackknife of a square is some tens of per cent off
    assert 0.5 < told / spread < 2
