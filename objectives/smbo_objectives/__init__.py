"""Real problems to optimise.  Each is found through the entry-point group ``smbo.objectives``."""
