"""From a recipe to a scored model: stages in a run directory, each repeated only if its content changes."""
