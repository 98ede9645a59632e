"""The hand-written gradients of classifier and adversary against automatic differentiation."""

from __future__ import annotations

import numpy as np
import pytest

from smbo_objectives.pivot_toy import networks, toy

torch = pytest.importorskip("torch")


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
