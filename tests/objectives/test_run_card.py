"""Parameter files are made from templates, with values that are data and nothing else."""

from __future__ import annotations

import pytest

from smbo.problem import Context, ObjectiveError
from smbo_objectives.command import Command
from smbo_objectives.run_card import RunCards


def test_placeholders_are_filled_and_doubled_braces_are_themselves(tmp_path):
    (tmp_path / "run.card.in").write_text("alpha = {alpha}\nmode = {mode}\njson = {{alpha}} {}\n")
    RunCards({"run.card": "run.card.in"}, tmp_path).write(tmp_path, {"alpha": 0.1 + 0.2, "mode": "{alpha}"})
    filled = (tmp_path / "run.card").read_text()
    # every digit arrives, and a value is not filled in turn
    assert filled == "alpha = 0.30000000000000004\nmode = {alpha}\njson = {alpha} {}\n"


def test_a_program_finds_its_card_in_its_folder(tmp_path):
    (tmp_path / "card.in").write_text("{x}\n")
    command = Command(
        ["cat", "{folder}/card.dat"], cards={"card.dat": "card.in"}, cwd=str(tmp_path), result="stdout"
    )
    folder = tmp_path / "attempt"
    folder.mkdir()
    assert command.evaluate({"x": 2.5}, Context(seed=1, folder=folder)).value == 2.5


def test_a_placeholder_that_the_point_lacks_or_that_is_ambiguous_is_an_error_of_the_job(tmp_path):
    (tmp_path / "card.in").write_text("{y} {seed}\n")
    command = Command(["true"], cards={"card.dat": "card.in"}, cwd=str(tmp_path))
    with pytest.raises(ObjectiveError, match="'y'"):
        command.evaluate({"x": 1}, Context(seed=1, folder=tmp_path))
    with pytest.raises(ObjectiveError, match="rename"):
        command.evaluate({"y": 1, "seed": 2}, Context(seed=1, folder=tmp_path))


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ({"../card": "card.in"}, "no name of a file"),
        ({"..": "card.in"}, "no name of a file"),
        ({"card": "nowhere.in"}, "cannot be read"),
        ({"card": 3}, "cannot be read"),
        ("card.in", "write {params.dat"),
    ],
)
def test_cards_that_make_no_sense_are_refused(tmp_path, cards, said):
    (tmp_path / "card.in").write_text("")
    with pytest.raises(ObjectiveError, match=said):
        RunCards(cards, tmp_path)
