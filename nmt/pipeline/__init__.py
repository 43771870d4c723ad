"""From a recipe to a scored model: stages in a run directory, each redone only when its content changes."""
