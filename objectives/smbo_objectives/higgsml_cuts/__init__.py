"""Rectangular cuts on the ATLAS HiggsML events: a cut scan with real data and a known optimum."""

from smbo_objectives.higgsml_cuts.objective import HiggsMLCuts

__all__ = ["HiggsMLCuts"]
