"""The page of a study or a tune, its parts, and its numbers and verdicts in words."""
