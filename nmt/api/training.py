"""From a recipe to a trained model, as a Python program does it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from nmt.cli.console import reporting, stderr_console
from nmt.errors import UserError
from nmt.pipeline.run import RunResult, run
from nmt.recipe import Recipe
from nmt.recipe.overrides import Overrides


def train(
    recipe: Recipe | str | os.PathLike[str] | Mapping[str, Any],
    overrides: Overrides = (),
    *,
    runs: str | os.PathLike[str] | None = None,
    quiet: bool = False,
) -> RunResult:
    """All that a recipe says, as `nmt run`: prepares the data, trains, translates the test sets, scores.

    Everything lies in <runs>/<corpus>_<source>_<target>/<recipe name>/, the same folder as that of `nmt run`: what is
    finished there is reused, and an interrupted training goes on. For one thread at a time, since training draws from
    torch's generator, which it leaves as it was. Ctrl-C is seen by the main thread only.

    Args:
        recipe: path of the YAML file, a mapping of what such a file would hold, or a `Recipe`.
        overrides: of a path or mapping, as for `Recipe.load`: {"training.updates": 500}.
        runs: folder of all runs; None: $NMT_RUNS, or `runs` in the current folder.
        quiet: show no progress; else it is on standard error, live on a terminal.

    Returns:
        The directories of the run and of its model (for `nmt.load`), and the scores by test set.

    Raises:
        UserError: a mistake in the recipe or the data; another run at work in the same folder.
        KeyboardInterrupt: Ctrl-C, once a checkpoint is saved; the same call goes on from it.
    """
    if isinstance(recipe, Recipe):
        if overrides:
            fix = "Give them to Recipe.load, which checks the whole."
            raise UserError("overrides", "none for a Recipe, which is resolved already", str(overrides), fix)
        resolved = recipe
    else:
        resolved = Recipe.load(recipe, overrides)
    folder = Path(os.environ.get("NMT_RUNS", "runs") if runs is None else runs)
    console = stderr_console()
    console.quiet = quiet
    with _torch_as_it_was(), reporting(console) as reporter:
        return run(resolved, folder, reporter)


@contextmanager
def _torch_as_it_was() -> Iterator[None]:
    """Training sets torch's seed and, with several processes, the number of its threads."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            torch.set_num_threads(threads)
