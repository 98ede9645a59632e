"""The front door: every name is there, and what is heavy waits until it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import smbo
from smbo import errors


@pytest.mark.parametrize("name", smbo.__all__)
def test_every_public_name_is_there(name):
    assert getattr(smbo, name) is not None
    assert name in dir(smbo)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Optimiser"):
        _ = smbo.Optimiser


def test_each_name_that_types_are_checked_with_is_there_at_run_time_and_from_the_same_module():
    tree = ast.parse(Path(smbo.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    declared = {name.name: each.module for each in block.body for name in each.names}
    assert declared == smbo._HOMES
    assert sorted(declared) == smbo.__all__


def test_every_error_is_a_public_name():
    found = {name for name, each in vars(errors).items() if isinstance(each, type)}
    assert found <= set(smbo.__all__)


def test_studies_load_on_first_use_only():
    code = (
        "import sys, smbo; print('smbo.study' in sys.modules); smbo.Study; print('smbo.study' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.split() == ["False", "True"]
