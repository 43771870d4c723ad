"""The recipe: one YAML file that says what everything is set to. Nothing below this package sees one."""

from nmt.recipe.recipe import Recipe, load_recipe

__all__ = ["Recipe", "load_recipe"]
