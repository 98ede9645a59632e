"""The tree of errors is as it is drawn, and an error survives a journey between processes."""

import inspect
import pickle
import re

from smbo import errors
from smbo.errors import EvaluationFailed, SmboError


def drawn():
    """Return {name: parent} as the module's docstring draws it."""
    parents, above = {}, {}
    for line in errors.__doc__.splitlines():
        found = re.match(r"((?: {4}|│ {3}|[├└]── )+)(\w+)", line)
        if found:
            depth, name = len(found[1]) // 4, found[2]
            parents[name], above[depth] = above.get(depth - 1), name
    return parents


def test_the_tree_of_the_docstring_is_the_tree_of_the_classes():
    classes = [each for _, each in inspect.getmembers(errors, inspect.isclass)]
    parents = {
        each.__name__: next((base.__name__ for base in each.__bases__ if issubclass(base, SmboError)), None)
        for each in classes
    }
    assert drawn() == parents


def test_a_failed_evaluation_brings_its_reason_back_from_another_process():
    error = pickle.loads(pickle.dumps(EvaluationFailed("exit 3 of events.sh", reason="crash")))
    assert (str(error), error.reason) == ("exit 3 of events.sh", "crash")
    assert EvaluationFailed("exit 3 of events.sh").reason == "exit 3 of events.sh"
