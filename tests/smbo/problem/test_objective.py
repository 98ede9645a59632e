"""The optional parts of an objective are protocols that an instance fulfils or not."""

from smbo import Problem
from smbo.problem import Confirmable, Confirmation, HasFigures, HasLoss, HasProblem, Plottable, Reweightable


class Bare:
    def evaluate(self, params, context):
        return 0.0


class Full(Bare):
    problem = Problem({"x": (0.0, 1.0)})
    loss = None

    def confirmation(self):
        return Confirmation(baseline={"x": 0.5})

    def figures(self, folder, results):
        return []


def test_an_objective_need_offer_nothing_but_evaluate():
    optional = (Confirmable, HasFigures, HasLoss, HasProblem, Plottable, Reweightable)
    assert not any(isinstance(Bare(), protocol) for protocol in optional)


def test_an_objective_says_by_its_methods_what_it_offers():
    offered = (Confirmable, HasFigures, HasLoss, HasProblem)
    assert all(isinstance(Full(), protocol) for protocol in offered)
    assert not isinstance(Full(), Plottable | Reweightable)
