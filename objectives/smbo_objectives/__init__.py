"""Objectives of real problems, registered in the entry-point group ``smbo.objectives``."""
