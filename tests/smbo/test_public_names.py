"""The front door: every name is there, and what is heavy waits until it is used."""

import subprocess
import sys

import pytest

import smbo


@pytest.mark.parametrize("name", smbo.__all__)
def test_every_public_name_is_there(name):
    assert getattr(smbo, name) is not None
    assert name in dir(smbo)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Optimiser"):
        _ = smbo.Optimiser


def test_studies_load_on_first_use_only():
    code = (
        "import sys, smbo; print('smbo.study' in sys.modules); smbo.Study; print('smbo.study' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.split() == ["False", "True"]
