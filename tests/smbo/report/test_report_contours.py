"""The page about level sets runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "level_sets.md"


def test_the_example_of_the_page_runs_and_knows_its_contours():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    contour, evaluate = names["contour"], names["evaluate"]
    for name in ("cls_exp", "cls_obs"):
        points = contour.points(name)
        assert points
        values = [evaluate(point["m1"], point["m2"])[name] for point in points]
        assert max(abs(value - 0.05) for value in values) < 0.03
        assert contour.lines(name)
    assert contour.is_done
