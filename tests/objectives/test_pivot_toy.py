"""The objective pivot-toy: its data, its hand-written gradients, its settings and a short training."""

import math
import pickle

import numpy as np
import pytest
from scipy.stats import ks_2samp

from smbo.problem import Confirmable, Context, EvaluationFailed, ObjectiveError
from smbo_objectives.pivot_toy import PivotToy, networks, toy, training
from smbo_objectives.pivot_toy.objective import PAPER_POINT, SCHEDULES
from smbo_objectives.pivot_toy.training import Schedule

torch = pytest.importorskip("torch")

TINY = Schedule(
    n_train=2000,
    n_validation=1000,
    classifier_epochs=2,
    classifier_batch=64,
    adversary_epochs=1,
    pretraining_rate=0.05,
    batch=100,
    n_ks=2000,
    n_reports=5,
)
POINT = {**PAPER_POINT, "r_steps": 7, "iterations": 10}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(SCHEDULES, "quick", TINY)
    return PivotToy(schedule="quick", device="cpu")


def test_the_samples_have_the_moments_of_the_recipe():
    n = 200_000
    sample = toy.draw(n, np.random.default_rng(1))
    signal = sample.y[:, 0] == 1
    # five standard errors of a mean of n/2 values of variance 2 at most
    tolerance = 5 * math.sqrt(2 / (n / 2))
    assert signal.mean() == pytest.approx(0.5, abs=tolerance)
    assert sample.x[~signal].mean(0) == pytest.approx([0.0, 0.0], abs=tolerance)
    assert sample.x[signal].mean(0) == pytest.approx([1.0, 1.0], abs=tolerance)
    assert np.cov(sample.x[~signal].T) == pytest.approx(np.array([[1, -0.5], [-0.5, 1]]), abs=4 * tolerance)
    assert np.cov(sample.x[signal].T) == pytest.approx(np.array([[1, 0], [0, 2]]), abs=4 * tolerance)
    assert np.corrcoef(sample.x[signal, 1], sample.z[signal, 0])[0, 1] == pytest.approx(0.5**0.5, abs=0.02)


def test_at_a_held_z_only_the_signal_moves():
    sample = toy.draw(100_000, np.random.default_rng(1), z=-1.0)
    signal = sample.y[:, 0] == 1
    assert (sample.z == -1.0).all()
    assert sample.x[signal].mean(0) == pytest.approx([1.0, 0.0], abs=0.03)
    assert sample.x[~signal].mean(0) == pytest.approx([0.0, 0.0], abs=0.03)


def test_the_ks_distance_agrees_with_scipy_ties_included():
    rng = np.random.default_rng(3)

    for n, m in ((50, 70), (1000, 900)):
        first, second = rng.normal(size=n).round(1), rng.normal(0.3, size=m).round(1)
        assert toy.ks_distance(first, second) == pytest.approx(ks_2samp(first, second).statistic, rel=1e-12)


def networks_in_double(seed):
    """Return a classifier and an adversary with all parameters away from zero, and a batch for them."""
    rng = np.random.default_rng(seed)
    f = [torch.from_numpy(rng.normal(0, 0.5, p.shape)) for p in networks.classifier(7, rng, "cpu")]
    r = [torch.from_numpy(rng.normal(0, 0.5, p.shape)) for p in networks.adversary(6, rng, "cpu")]
    sample = toy.draw(33, rng)
    return f, r, [torch.from_numpy(c.astype(float)) for c in (sample.x, sample.y, sample.z)]


def moved_by_autograd(parameters, loss, rate):
    free = [p.clone().requires_grad_() for p in parameters]
    gradients = torch.autograd.grad(loss(free), free)
    return [p - rate * g for p, g in zip(parameters, gradients, strict=True)]


def assert_same(parameters, expected):
    for p, e in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(p.numpy(), e.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_the_classifiers_step_is_the_gradient_of_its_loss():
    f, _, (x, y, _) = networks_in_double(1)
    expected = moved_by_autograd(f, lambda p: networks.classifier_loss(p, x, y), 0.3)
    networks.step_classifier(f, x, y, 0.3)
    assert_same(f, expected)


def test_the_adversarys_step_is_the_gradient_of_its_loss():
    f, r, (x, _, z) = networks_in_double(2)
    s = networks.score(f, x)
    expected = moved_by_autograd(r, lambda p: networks.adversary_loss(p, s, z), 0.3)
    networks.step_adversary(r, s, z, 0.3)
    assert_same(r, expected)


def test_the_pivots_step_climbs_the_adversarys_loss_and_leaves_the_adversary_alone():
    f, r, (x, y, z) = networks_in_double(3)
    held = [p.clone() for p in r]

    def loss(p):
        return networks.classifier_loss(p, x, y) - 50.0 * networks.adversary_loss(r, networks.score(p, x), z)

    expected = moved_by_autograd(f, loss, 0.1)
    networks.step_pivot(f, r, (x, y, z), 50.0, 0.1)
    assert_same(f, expected)
    assert_same(r, held)


def test_the_adversarys_density_integrates_to_one():
    f, r, (x, _, _) = networks_in_double(4)
    s = networks.score(f, x[:1])
    z, step = np.linspace(-40.0, 40.0, 4001, retstep=True)
    density = [float(torch.exp(-networks.adversary_loss(r, s, torch.tensor([[at]])))) for at in z]
    assert sum(density) * step == pytest.approx(1.0, abs=1e-6)


def test_a_training_reports_and_measures(tiny):
    reports = []
    context = Context(seed=5, report=lambda step, value: reports.append((step, value)))
    outcome = tiny.problem.outcome(tiny.evaluate(POINT, context))
    assert [step for step, _ in reports] == [2, 4, 6, 8, 10]
    assert reports[-1][1] == outcome.value == outcome.metrics["loss"]
    assert set(outcome.metrics) == {"L_f", "L_r", "ks", "loss"}


def test_the_seed_fixes_a_training_to_the_last_bit(tiny):
    first, again, other = (tiny.evaluate(POINT, Context(seed=s)).metrics for s in (5, 5, 6))
    assert first == again != other


def test_the_number_of_torchs_threads_is_as_before_after_a_training(tiny):
    before = torch.get_num_threads()
    tiny.evaluate(POINT, Context(seed=5))
    assert torch.get_num_threads() == before


def test_distance_beyond_the_target_is_charged(tiny, monkeypatch):
    metrics = tiny.evaluate(POINT, Context(seed=5)).metrics
    assert metrics["ks"] > tiny.ks_target
    assert metrics["loss"] == pytest.approx(metrics["L_f"] + 5.0 * (metrics["ks"] - tiny.ks_target))


def test_without_a_penalty_the_distance_is_an_outcome_constraint(tiny):
    objective = PivotToy(schedule="quick", device="cpu", penalty=None)
    outcome = objective.problem.outcome(objective.evaluate(POINT, Context(seed=5)))
    assert outcome.value == outcome.metrics["L_f"]
    assert objective.problem.is_feasible(outcome) == (outcome.metrics["ks"] <= 0.05)


def test_a_training_that_diverges_is_a_failed_evaluation(tiny):
    with pytest.raises(EvaluationFailed, match="diverged"):
        tiny.evaluate({**POINT, "lr_f": 1e30}, Context(seed=5))


def test_the_stream_of_batches_passes_over_every_row_once_before_any_twice():
    rows = torch.arange(10)
    stream = training._Stream((rows,), 3, np.random.default_rng(0))
    seen = torch.cat([stream.take(2)[0], stream.take(3)[0], stream.take(5)[0]]).numpy()
    for start in range(0, 30, 10):
        assert sorted(seen[start : start + 10]) == list(range(10))


def test_the_baseline_lies_in_the_space_of_each_schedule():
    for schedule in ("paper", "quick"):
        objective = PivotToy(schedule=schedule)
        assert isinstance(objective, Confirmable)
        assert objective.problem.space.contains(objective.confirmation().baseline)
    assert PivotToy().confirmation().baseline == PAPER_POINT


def test_an_objective_pickles_with_its_settings():
    again = pickle.loads(pickle.dumps(PivotToy(schedule="quick", penalty=None, device="cpu")))
    assert again.problem.value_name == "L_f"
    assert again.schedule_name == "quick"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedule": "slow"}, "schedule='slow'"),
        ({"ks_target": 0.0}, r"ks_target=0\.0"),
        ({"penalty": -1}, "penalty=-1"),
        ({"n_threads": 0}, "n_threads=0"),
        ({"confirmation_repeats": 1}, "confirmation_repeats=1"),
        ({"device": 3}, "device=3"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(settings, words):
    with pytest.raises(ObjectiveError, match=words):
        PivotToy(**settings)


@pytest.mark.torch
def test_the_adversary_makes_the_scores_forget_z_in_the_quick_schedule():
    objective = PivotToy(schedule="quick", device="cpu")
    point = {**PAPER_POINT, "r_steps": 100, "iterations": 60}
    history = objective.train(point, Context(seed=1)).history
    assert history[0].loss_f < 0.47
    assert history[0].ks > 0.2
    assert history[-1].ks < 0.1
    assert history[-1].loss_f < 0.68 < toy.ENTROPY_OF_Z


def test_the_figure_is_drawn(tiny, tmp_path):
    (figure,) = tiny.figures(tmp_path, {"recommended": [(POINT, None)]})
    assert figure.stem.with_suffix(".png").stat().st_size > 10_000
    assert figure.stem.with_suffix(".pdf").stat().st_size > 5_000


def test_a_training_that_was_put_down_goes_on_as_if_it_had_not_been(tiny, tmp_path, monkeypatch):
    tiny = PivotToy(schedule="quick", device="cpu", iterations_as_fidelity=True)
    point = {name: value for name, value in POINT.items() if name != "iterations"}
    (first := tmp_path / "first").mkdir()
    (second := tmp_path / "second").mkdir()
    whole = tiny.train(point, Context(seed=3, fidelity=10))
    tiny.evaluate(point, Context(seed=3, fidelity=4, folder=first))

    def refuse(*_):
        raise AssertionError("trained from the beginning again")

    monkeypatch.setattr(training, "_pretrain", refuse)
    resumed = tiny.train(point, Context(seed=3, fidelity=10, folder=second, checkpoint=first))
    assert resumed.history[-1] == whole.history[-1]
    assert all(torch.equal(mine, other) for mine, other in zip(resumed.final, whole.final, strict=True))
    assert (second / "training.npz").exists()  # and can be taken up once more


def test_with_climb_the_turns_are_the_fidelity_and_no_parameter():
    toy = PivotToy(schedule="quick", iterations_as_fidelity=True)
    assert toy.problem.fidelity.name == "iterations"
    assert "iterations" not in toy.problem.space.names
    assert toy.confirmation().fidelity == toy.problem.fidelity.high
    with pytest.raises(ObjectiveError, match="iterations_as_fidelity"):
        PivotToy(iterations_as_fidelity=1)
