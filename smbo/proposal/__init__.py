"""From training data to the next points: recipes, presets, initial designs, strategies, termination."""
