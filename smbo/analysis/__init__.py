"""Read-only results of a study or an optimizer: summary, Pareto set, contours, explanation."""
