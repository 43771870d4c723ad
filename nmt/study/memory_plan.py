"""The plan of a memory probe: a study of architectures, given on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmt.errors import UserError
from nmt.recipe.document import Document
from nmt.recipe.load import load_options
from nmt.recipe.overrides import Given, Setting, parsed_setting
from nmt.study.options import Study
from nmt.study.plan import Plan, make_plan

_WHERE = "nmt probe memory"
_AXIS = Given("--over", "model.decoder.model_dim=[8, 16, 32]")


def memory_plan(recipe: Path, overrides: Sequence[str], axes: Sequence[str], seeds: int, runs: Path) -> Plan:
    """The plan of all combinations.

    Args:
        recipe: path of a recipe.
        overrides: `key=value` strings, for all architectures.
        axes: `key=[value, ...]` strings, whose combinations are the architectures.
        seeds: number of seeds.
        runs: folder of all runs.

    Raises:
        UserError: a setting or the recipe is wrong.
    """
    settings = [parsed_setting(override) for override in overrides]
    grid = {axis.key: axis.value for axis in map(_axis, axes)}
    data: dict[str, Any] = {
        "name": f"memory_of_{recipe.stem}",
        "recipe": str(recipe),
        "settings": {setting.key: setting.value for setting in settings},
        "systems": {} if grid else {recipe.stem: {}},
        "grid": grid,
        "seeds": list(range(1, seeds + 1)),
        "measure": {"kind": "test", "name": "exact_match"},
    }
    document = Document(_WHERE, data, {})
    return make_plan(load_options(Study, document), document, Path.cwd(), runs)


def _axis(text: str) -> Setting:
    axis = parsed_setting(text, _AXIS)
    if not isinstance(axis.value, list) or not axis.value:
        raise UserError(axis.where, f"a list of values, as in {_AXIS.example}", "something else")
    return axis
