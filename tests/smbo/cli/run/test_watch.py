"""The watch of a run says what stands in the way, once."""


def test_a_budget_in_costs_that_nobody_tells_is_remarked_upon(folder):
    folder.job("budget: {trials: 5, cost: 60}")
    assert folder.smbo("run", "job.yaml").output.count("no evaluation has told a cost") == 1
