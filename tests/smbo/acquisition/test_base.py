"""What holds of every acquisition."""

from __future__ import annotations

import re
from dataclasses import is_dataclass

import pytest

import smbo.acquisition
import smbo.surrogates
from smbo import Recipe
from smbo.training_data import Serves

ACQUISITIONS = [
    each for name in smbo.acquisition.__all__ if is_dataclass(each := getattr(smbo.acquisition, name))
]


def _named(package):
    """Return what a package hands on, which it loads on first use."""
    return {name: getattr(package, name) for name in package.__all__}


@pytest.mark.parametrize("kind", ACQUISITIONS, ids=lambda kind: kind.__name__)
def test_the_example_of_an_acquisition_is_a_recipe_with_it(kind):
    (text,) = re.findall(r"Example: ``(.+)``", kind.__doc__)
    recipe = eval(text, {"Recipe": Recipe} | _named(smbo.acquisition) | _named(smbo.surrogates))
    assert type(recipe.acquisition) is kind


@pytest.mark.parametrize("kind", ACQUISITIONS, ids=lambda kind: kind.__name__)
def test_every_acquisition_says_what_it_serves(kind):
    assert isinstance(kind(), Serves)
    assert kind().serves
