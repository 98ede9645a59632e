"""A job that compares histograms: what does not count is said once, and a text costs nothing."""

from __future__ import annotations

DATA = """observable;bin_lo;bin_hi;value;error
/REF/A/d01;0;1;10,5;1
/REF/A/d01;1;2;0;0
"""
PROGRAM = """#!/bin/sh
head=observable,bin_lo,bin_hi,value,error
printf "$head\\n/A/d01,0,1,%s,1\\n/A/d01,1,2,nan,nan\\nother,0,1,x,1\\n" "$1" > "$2"
"""


def test_bins_that_do_not_count_are_said_once_before_the_run(folder):
    folder.write("data.csv", "\ufeff" + DATA)
    folder.write("program.sh", PROGRAM).chmod(0o755)
    folder.job(
        "objective:",
        "  command:",
        '    argv: [./program.sh, "{x}", "{result}"]',
        "    histograms: {data: data.csv, file: out.csv, theory_uncertainty: 0}",
        "space: {x: {real: [5.0, 15.0]}}",
        "budget: {trials: 3}",
    )
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    assert result.output.count("bins of the data that do not count") == 1
    assert "1 of 2 in /A/d01" in result.output
    assert "3 complete" in result.output


def test_a_text_that_a_function_returns_beside_its_value_costs_nothing(folder):
    folder.write("tagged.py", 'def evaluate(params):\n    return {"value": params["x"], "tag": "abc"}\n')
    folder.job("objective: {python: tagged:evaluate}")
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    assert "4 complete" in result.output
