"""The recipe: one YAML file with every setting of a system. Lower packages never see a recipe."""

from nmt.recipe.recipe import Recipe, load_recipe

__all__ = ["Recipe", "load_recipe"]
