"""A program's result files are read whole or refused, and their JSON becomes an outcome."""

from __future__ import annotations

import os

import numpy as np
import pytest

from smbo.problem import EvaluationFailed
from smbo_objectives.result_parsing import as_number, parse_json, parse_outcome, printable, read_bounded


def test_a_file_is_read_from_an_offset_and_refused_beyond_its_limit(tmp_path):
    (tmp_path / "result.json").write_bytes(b"0123456789")
    assert read_bounded(tmp_path / "result.json", 10, offset=8) == b"89"
    with pytest.raises(EvaluationFailed, match="more than 9 bytes") as caught:
        read_bounded(tmp_path / "result.json", 9)
    assert caught.value.reason == "bad-output"
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "nothing", 9)


def test_a_pipe_in_the_place_of_a_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "result.json")
    with pytest.raises(EvaluationFailed, match="not a regular file"):
        read_bounded(tmp_path / "result.json", 9)


@pytest.mark.parametrize("text", ["half", '{"value": 1, "value": 2}', "[" * 100_000])
def test_json_that_is_broken_or_has_a_key_twice_is_refused(text):
    with pytest.raises(EvaluationFailed, match=r"result\.json is no JSON"):
        parse_json(text, "result.json")


def test_an_object_is_an_outcome_with_vectors_and_metrics():
    found = parse_outcome({"value": 1, "sem": 0.5, "loss": 2, "outputs": [1, 2], "outputs_variance": [3, 4]})
    assert (found.value, found.sem, dict(found.metrics)["loss"]) == (1.0, 0.5, 2.0)
    np.testing.assert_array_equal(found.outputs, [1.0, 2.0])
    assert parse_outcome(7).value == 7.0


@pytest.mark.parametrize("value", [True, "1", None, [1], 10**400])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(EvaluationFailed, match="result: x"):
        as_number("x", value)


def test_control_characters_are_replaced_before_a_text_is_shown():
    assert printable("a\x1b[2J\nb") == "a\N{REPLACEMENT CHARACTER}[2J\nb"


def test_texts_and_flags_beside_a_value_are_no_metrics_and_are_logged_once(caplog, monkeypatch):
    monkeypatch.setattr("smbo_objectives.result_parsing._left_out", set())
    result = {"value": 1.0, "tag": "abc", "ok": True, "path": ["a"], "n": 3, "sem": None, "seed": 10**400}
    for _ in range(2):
        found = parse_outcome(result)
        assert (found.value, found.sem, dict(found.metrics)) == (1.0, None, {"n": 3.0})
    assert [record.args[0] for record in caplog.records] == ["tag", "ok", "path", "seed"]


@pytest.mark.parametrize("result", [{"value": "abc"}, {"value": None}, {"value": 1.0, "sem": "abc"}])
def test_a_value_or_an_error_that_is_no_number_is_refused(result):
    with pytest.raises(EvaluationFailed, match="not a number"):
        parse_outcome(result)


def test_a_byte_order_mark_before_json_is_no_part_of_it():
    assert parse_json('\ufeff{"value": 1}', "result.json") == {"value": 1}
