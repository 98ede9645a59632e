"""The figure of a training."""

from __future__ import annotations

import pytest
from tiny_training import POINT

pytest.importorskip("torch")


def test_the_figure_is_drawn(tiny, tmp_path):
    (figure,) = tiny.figures(tmp_path, {"recommended": [(POINT, None)]})
    assert figure.stem.with_suffix(".png").stat().st_size > 10_000
    assert figure.stem.with_suffix(".pdf").stat().st_size > 5_000
