"""The Python blocks of these pages run as they stand, one after the other of a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.parametrize(
    "page",
    [
        "constraints.md",
        "context.md",
        "extending.md",
        "failures.md",
        "fidelity.md",
        "knowledge.md",
        "level_sets.md",
        "noise.md",
        "optuna.md",
        "scikit_optimize.md",
        "several_objectives.md",
        "spaces.md",
    ],
)
def test_a_page_is_true(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    assert capsys.readouterr().out
