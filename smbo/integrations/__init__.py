"""smbo inside other frameworks, one file each; a framework is imported by its own file alone."""
