"""A door whose framework is not installed says which extra to install."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("module", "framework"), [("optuna", "optuna"), ("gest", "gest_api")])
def test_without_its_framework_a_door_names_the_extra(module, framework):
    code = f"import sys; sys.modules[{framework!r}] = None; import smbo.integrations.{module}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert f"ImportError: the {'sampler' if module == 'optuna' else 'gest-api'}" in run.stderr
    assert f"pip install 'smbo[{module}]'" in run.stderr
