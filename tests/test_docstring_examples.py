"""The examples in the docstrings of public classes run as they are written."""

from __future__ import annotations

import doctest
import importlib
import inspect
import sys

import numpy as np
import pytest

import smbo

PACKAGES = (
    "smbo",
    "smbo.space",
    "smbo.problem",
    "smbo.fidelity",
    "smbo.tuning",
    "smbo.surrogates",
    "smbo.acquisition",
)


def public_classes() -> dict[str, type]:
    """Return the classes that the packages export, by their full name."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            part = getattr(module, name)
            if inspect.isclass(part):
                found[f"{part.__module__}.{part.__qualname__}"] = part
    return found


CLASSES = public_classes()


def examples_of(kind: type) -> list[doctest.DocTest]:
    module = sys.modules[kind.__module__]
    # an example is written for users: what smbo exports comes before the module's own imports
    names = vars(module) | {"np": np, "smbo": smbo} | {name: getattr(smbo, name) for name in smbo.__all__}
    return [test for test in doctest.DocTestFinder().find(kind, globs=dict(names)) if test.examples]


@pytest.mark.parametrize("name", CLASSES)
def test_the_examples_of_a_public_class_run(name):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    for test in examples_of(CLASSES[name]):
        runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)


@pytest.mark.parametrize("name", smbo.__all__)
def test_a_public_class_shows_an_example(name):
    kind = getattr(smbo, name)
    if not inspect.isclass(kind) or issubclass(kind, Exception) or getattr(kind, "_is_protocol", False):
        return
    # a recipe in one line stands for an example where tests/smbo/acquisition/test_base.py runs it
    is_shown = "Example: ``" in (kind.__doc__ or "")
    assert is_shown or any(test.name == kind.__name__ for test in examples_of(kind)), (
        f"{name} shows no example"
    )
