"""Studies: a grid of recipes, settings and seeds, run as ordinary runs and compared by one measure."""
