"""Reports: the HTML page of a study or a tune, its parts, and numbers and comparisons in words."""
