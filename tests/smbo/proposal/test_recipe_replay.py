"""Every named recipe gives the same proposals again: in any order of tell, and in another process."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from smbo.history.encode import encode
from smbo.optimizer import Optimizer
from smbo.problem import Problem
from smbo.proposal.presets import PRESETS, preset, recipe_to_json
from smbo.proposal.request import ProposalRequest
from smbo.proposal.suggest import proposal_rng, suggest
from smbo.space import Space

SPACE = {"x": (0.0, 1.0), "y": (0.1, 10.0, "log-uniform"), "n": (1, 30), "m": ["a", "b", "c"]}
WIDE = {f"x{i}": (0.0, 1.0) for i in range(11)}


def value_of(params):
    return sum(float(v) ** 2 if isinstance(v, int | float) else len(str(v)) for v in params.values())


FOR_ONE_OBJECTIVE = [name for name in PRESETS if name not in ("pareto", "grid")]  # a grid is used up


def told(recipe, space, *, backwards=False, n=4, size=7):
    """Return an optimizer after n batches of a size, each told in order or backwards; two stay open."""
    optimizer = Optimizer(space, recipe, seed=3)
    for _ in range(n):
        batch = optimizer.ask(size)
        answered = batch[:-1]
        for trial in reversed(answered) if backwards else answered:
            if trial.number == 9:
                optimizer.tell(trial, status="failed")
            else:
                optimizer.tell(trial, value_of(trial.params))
    return optimizer


@pytest.mark.parametrize("name", FOR_ONE_OBJECTIVE)
def test_the_order_of_tell_changes_nothing(name):
    forth, back = told(name, SPACE), told(name, SPACE, backwards=True)
    assert [t.params for t in forth.ask(3)] == [t.params for t in back.ask(3)]
    assert [t.params for t in forth.trials] == [t.params for t in back.trials]


@pytest.mark.parametrize("name", FOR_ONE_OBJECTIVE)
def test_a_batch_beside_pending_points_comes_out_the_same_bits_in_any_order_of_tell(name):
    space = {f"x{i}": (0.0, 1.0) for i in range(3)}
    forth, back = told(name, space), told(name, space, backwards=True)
    assert len([t for t in forth.trials if not t.state.is_final]) == 4
    again = Optimizer.replay(space, forth.log, name, seed=3)
    batches = [[t.params for t in optimizer.ask(8)] for optimizer in (forth, back, again)]
    assert batches[0] == batches[1] == batches[2]


SCRIPT = textwrap.dedent(
    """
    import json, sys
    from smbo.history.encode import encode
    from smbo.proposal.request import ProposalRequest
    from smbo.proposal.suggest import proposal_rng, suggest
    from smbo.optimizer import Optimizer
    from smbo.proposal.presets import recipe_from_json
    from smbo.space import Space
    from smbo.problem import Problem
    from smbo.trial import Trial, TrialState

    given = json.load(sys.stdin)
    trials = [Trial(t["number"], t["params"], t["seed"], TrialState(t["state"]), value=t["value"],
                    feasible=t["feasible"]) for t in given["trials"]]
    problem = Problem(Space.from_json(given["space"]))
    recipe, data = recipe_from_json(given["recipe"]), encode(problem, trials)
    request = ProposalRequest(problem, recipe, data, 3, proposal_rng(3, len(trials)), given["memory"])
    points, memory = suggest(request)
    print(json.dumps([[float(v).hex() if isinstance(v, float) else v for v in p.values()] for p in points]))
    print(json.dumps(memory))
    """
)


@pytest.mark.parametrize("name", FOR_ONE_OBJECTIVE)
@pytest.mark.parametrize("space", [SPACE, WIDE], ids=["mixed", "wide"])
def test_another_process_with_nothing_but_the_stored_memory_proposes_the_same_bits(name, space):
    optimizer = told(name, space)
    given = {
        "recipe": recipe_to_json(preset(name)),
        "space": Space(space).to_json(),
        "memory": optimizer._memory,
        "trials": [
            {
                "number": t.number,
                "params": dict(t.params),
                "seed": t.seed,
                "state": t.state.value,
                "value": t.value,
                "feasible": t.feasible,
            }
            for t in optimizer.trials
        ],
    }
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    points, memory = answer.stdout.splitlines()
    here, memory_here = suggest(
        ProposalRequest(
            Problem(Space(space)),
            preset(name),
            encode(Problem(Space(space)), optimizer.trials),
            3,
            proposal_rng(3, len(optimizer.trials)),
            optimizer._memory,
        )
    )
    assert json.loads(points) == [
        [float(v).hex() if isinstance(v, float) else v for v in p.values()] for p in here
    ]
    assert json.loads(memory) == json.loads(json.dumps(memory_here))
    # ... and it is what the optimizer goes on with, whatever it holds in memory by now
    assert [dict(t.params) for t in optimizer.ask(3)] == here


@pytest.mark.parametrize("name", FOR_ONE_OBJECTIVE)
def test_a_log_replays_to_the_same_trials(name):
    optimizer = told(name, SPACE, n=3)
    again = Optimizer.replay(SPACE, optimizer.log, name, seed=3)
    assert [(t.number, t.params, t.seed) for t in again.trials] == [
        (t.number, t.params, t.seed) for t in optimizer.trials
    ]
    assert json.dumps(again._memory) == json.dumps(optimizer._memory)


@pytest.mark.parametrize("name", FOR_ONE_OBJECTIVE)
def test_memory_is_plain_json_and_proposals_do_not_change_it(name):
    optimizer = told(name, SPACE, n=3)
    before = json.dumps(optimizer._memory)
    first = suggest(
        ProposalRequest(
            optimizer.problem,
            optimizer.recipe,
            encode(optimizer.problem, optimizer.trials),
            2,
            proposal_rng(3, 21),
            optimizer._memory,
        )
    )
    assert json.dumps(optimizer._memory) == before
    again = suggest(
        ProposalRequest(
            optimizer.problem,
            optimizer.recipe,
            encode(optimizer.problem, optimizer.trials[::-1]),
            2,
            proposal_rng(3, 21),
            json.loads(before),
        )
    )
    assert first[0] == again[0]
    data = encode(optimizer.problem, optimizer.trials)
    units = optimizer.space.to_unit(first[0])
    np.testing.assert_array_equal(optimizer.space.snap(units), units)
    assert not (units[:, None] == data.points[None]).all(axis=2).any()
