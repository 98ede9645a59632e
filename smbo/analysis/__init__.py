"""What a study or an optimizer says of itself: summary, Pareto set, contours, explanation."""
