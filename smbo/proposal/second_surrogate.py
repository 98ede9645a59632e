"""When a second surrogate proposes: the first one's word is refuted, or by its own word nothing is left.

Its word is the noise that it learned, which values that repeat refute, and the gain that it promised of its
last proposals, which may be none or never come.  The two surrogates then take turns, so that neither can stop
the search.

With choices beside other axes a search soon stays in one combination of levels: most values are of that one,
their logarithms are likeliest, and next to nothing is expected of others.  The second surrogate looks there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from smbo.acquisition import Acquisition, LogExpectedImprovement, NearRepeat, SecondSurrogate
from smbo.acquisition.base import Search
from smbo.acquisition.second_surrogate import PROMISE, promised_gain
from smbo.proposal.local_surrogate import LocalSurrogate, edge_and_rank
from smbo.proposal.progress import (
    has_given_noise,
    is_probed,
    n_without_gain,
    noise_share,
    repeats_agree,
    scatter,
)
from smbo.surrogates import GP, Memory, Noiseless, Subset
from smbo.training_data import Array, TrainingData

# Shares of learned noise in the values' variance from which values that repeat refute it: at once, or once so
# many evaluations gained nothing.
ROUGH_FROM, ROUGH_WHEN_IDLE = 0.02, 1e-3
# A promise below this share of the scatter of the first values is none, once so many values gained nothing.
LEAST_PROMISE, IDLE = 1e-4, 5
# The same where there are choices: what the best level still promises is little beside what others may have.
LEAST_PROMISE_OF_LEVEL = 1e-2
# After so many evaluations without a gain no promise counts any more.
BROKEN_AFTER = 15
# Of the acquisition that looks for other levels, see ``LogExpectedImprovement``: without one the last digits
# in the best level count for more (tests/benchmarks/regret/run.py --problems tuning/choices).
_MARGIN = 0.1


def promise(search: Search, point: Array) -> dict[str, Any]:
    """Return the entry of the memory that keeps the first surrogate's promise.

    Args:
        search: for its proposal.
        point: its first unit point, (d,).
    """
    unit = scatter(search.data)
    gain = promised_gain(search.posterior, search.data, point)
    # where all values are equal the search is for any that is not, which the first surrogate knows to do
    gain = gain / unit if unit > 0.0 else 1.0
    return {PROMISE: {**search.memory.get(PROMISE, {}), "gain": gain, "n_answers": 0}}


def is_second_turn(data: TrainingData, memory: Memory) -> bool:
    """Return whether the second surrogate proposes next.

    Whichever made the last point goes on if that gained, else the other proposes.  False for a memory
    without the first surrogate's promise, as earlier versions wrote it.
    """
    if PROMISE not in memory:
        return False
    n_answers = memory[PROMISE].get("n_answers", 0)
    if n_without_gain(data) == 0:
        return bool(n_answers)
    # one that expects nothing has less to say
    has_less = is_exhausted(data, memory) or is_idle_in_a_level(data, memory)
    return bool(n_answers < (2 if has_less else 1))


def is_idle_in_a_level(data: TrainingData, memory: Memory) -> bool:
    """Return whether the best combination of levels gains nothing and promises little.

    False where there are no choices, or nothing beside them.
    """
    said, n_idle = memory.get(PROMISE), n_without_gain(data)
    promises_little = said is not None and n_idle >= IDLE and said["gain"] < LEAST_PROMISE_OF_LEVEL
    return _has_choices(data) and scatter(data) > 0.0 and (promises_little or n_idle >= BROKEN_AFTER)


def is_exhausted(data: TrainingData, memory: Memory) -> bool:
    """Return whether the first surrogate itself expects next to nothing of its proposals, and got nothing."""
    said = memory.get(PROMISE)
    return said is not None and n_without_gain(data) >= IDLE and said["gain"] < LEAST_PROMISE


def second_acquisition(
    data: TrainingData, memory: Memory, first: Acquisition
) -> tuple[Acquisition, str] | None:
    """Return the acquisition of a proposal that is not the first surrogate's, and the reason; else None.

    Args:
        memory: of the last proposal.
        first: acquisition of the first surrogate.
    """
    share = noise_share(data, memory)
    if share is None or has_given_noise(data):
        return None
    n_idle = n_without_gain(data)
    is_rough = share >= (ROUGH_FROM if n_idle < IDLE else ROUGH_WHEN_IDLE)
    if is_rough:
        agree = repeats_agree(data)
        if agree is None and not is_probed(data) and _has_continuous(data):
            return NearRepeat(first), (
                "whether that is noise or small structure is seen from a second evaluation beside the best"
            )
        if not agree:
            return None
        why = "values repeat, so that is small structure"
    elif is_exhausted(data, memory):
        why = f"the first one expects to gain {memory[PROMISE]['gain']:.1g} of the first values' scatter"
    elif (n_idle >= BROKEN_AFTER and scatter(data) > 0.0) or is_idle_in_a_level(data, memory):
        why = f"{n_idle} evaluations in a row gained nothing of what the first one promised"
    else:
        return None
    if not is_second_turn(data, memory):
        return None
    # the memory of the second surrogate is that of one process: with choices that of untransformed values
    process = GP(bend_values=not _has_choices(data))
    second = SecondSurrogate(Noiseless(Subset(process)), LogExpectedImprovement(), first)
    if is_idle_in_a_level(data, memory):
        return replace(second, acquisition=LogExpectedImprovement(margin=_MARGIN)), (
            f"second surrogate: {why}, and a process of untransformed values looks for more than a small "
            "gain in all levels, two points of three"
        )
    was_local = memory[PROMISE].get("was_local", False)
    if is_rough and (was_local or n_idle < IDLE):
        return second, f"second surrogate: {why}, and a process without noise takes turns"
    if was_local and is_exhausted(data, memory):
        return (
            second,
            f"second surrogate: {why}, and a process without noise over the whole space takes turns",
        )
    length, rank = edge_and_rank(data, is_exhausted=is_exhausted(data, memory))
    local = LocalSurrogate(replace(second, surrogate=Noiseless(GP(bend_values=False))), length, rank)
    place = "the best" if rank == 0 else f"the best of basin {rank + 1}"
    return local, (
        f"second surrogate: {why}, and a process of the evaluations around {place} takes turns, in a box "
        f"{length:.2g} of the range wide"
    )


def _has_continuous(data: TrainingData) -> bool:
    return bool(np.any([axis.levels is None for axis in data.axes]))


def _has_choices(data: TrainingData) -> bool:
    """Return whether some axes are categorical, and others are not."""
    return 0 < sum(axis.kind == "categorical" for axis in data.axes) < len(data.axes)
