"""Contextual variables of a durable study: runs that observe them, corrections, keys and replay."""

from __future__ import annotations

import pytest

from smbo import Budget, Problem, Study
from smbo.errors import AlreadyTold, AskError

SPACE = {"gain": (0.0, 1.0), "temperature": (0.0, 40.0), "mode": ["dry", "wet"]}
PROBLEM = Problem(SPACE, context=["temperature", "mode"])


class Weather:
    def __init__(self):
        self.n_looks = 0

    def __call__(self):
        self.n_looks += 1
        return {"temperature": 7.0 * self.n_looks % 40, "mode": ["dry", "wet"][self.n_looks % 2]}


def warmer(params):
    """Measure half a degree more than was observed at the ask."""
    return {
        "value": (params["gain"] - params["temperature"] / 40) ** 2,
        "temperature": min(params["temperature"] + 0.5, 40.0),
    }


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/s.db"


def test_a_run_looks_at_the_context_before_each_ask_and_goes_on_in_another_process(url):
    weather = Weather()
    with Study.open(url, "s", PROBLEM, seed=1, budget=Budget(trials=12)) as study:
        study.run(warmer, n_trials=8, context=weather)
        assert weather.n_looks == 8
    with Study.load(url, "s") as study:
        assert study.problem.context == ("temperature", "mode")
        study.run(warmer, context=weather)
        observed = [trial.params["temperature"] for trial in study.trials]
        assert observed == [7.0 * number % 40 + 0.5 for number in range(1, 13)]
        assert study.replay().difference is None
        assert study.replay().n_trials == 12
        assert study.recommend({"temperature": 20.0, "mode": "wet"}).params["mode"] == "wet"


def test_a_correction_is_recorded_once_and_pending_points_are_replayed_as_asked(url):
    with Study.open(url, "s", PROBLEM, seed=1) as study:
        study.run(warmer, n_trials=6, context=Weather())
        here = {"temperature": 3.0, "mode": "dry"}
        batch = study.ask(2, context=here, key="k")
        assert [trial.params for trial in study.ask(2, context=here, key="k")] == [t.params for t in batch]
        between = study.ask(context={"temperature": 9.0, "mode": "wet"})
        for _ in range(2):
            assert study.tell(batch[0], 1.0, context={"mode": "wet"}).params["mode"] == "wet"
        for other in (None, {"mode": "dry"}):
            with pytest.raises(AlreadyTold):
                study.tell(batch[0], 2.0, context=other)
        study.tell(batch[1], 0.5, context={"temperature": 4.0})
        study.tell(between, 0.2)
        last = study.ask(context=here)
        assert study.tell({"gain": 0.5, **here}, 0.7).number == last.number + 1
        study.tell(last.number + 1, 0.7)
        assert study.replay().difference is None
    with Study.load(url, "s") as study:
        assert study.trial(batch[0].number).params["mode"] == "wet"


def test_a_run_without_a_usable_context_says_so(url):
    with Study.open(url, "s", PROBLEM, seed=1) as study:
        with pytest.raises(AskError, match=r"\['temperature', 'mode'\] is observed"):
            study.run(warmer)
        with pytest.raises(AskError, match="'mode' is observed, and its present value is missing"):
            study.run(warmer, n_trials=1, context=lambda: {"temperature": 3.0})
        assert not study.trials
    with (
        Study.open(url, "t", {"x": (0.0, 1.0)}, seed=1) as study,
        pytest.raises(AskError, match="has no context"),
    ):
        study.run(lambda params: params["x"], context=Weather())
