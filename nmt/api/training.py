"""The Python interface of training: from a recipe to a trained model."""

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
    """Runs a recipe like `nmt run`: prepares the data, trains, translates the test sets, scores.

    Everything is stored in <runs>/<corpus>_<source>_<target>/<recipe name>/, the same folder as for `nmt run`: finished
    stages are reused, and an interrupted training resumes. Call it from one thread at a time, because training uses
    torch's random generator, whose state is restored afterwards. Only the main thread notices Ctrl-C.

    Args:
        recipe: path of the YAML file, a mapping with the same content, or a `Recipe`.
        overrides: changes to a path or mapping, as for `Recipe.load`: {"training.updates": 500}.
        runs: folder of all runs; None: $NMT_RUNS, or `runs` in the current folder.
        quiet: do not show progress on standard error.

    Returns:
        The directories of the run and of its model (for `nmt.load`), and the scores by test set.

    Raises:
        UserError: there is a mistake in the recipe or the data, or another run is at work in the same folder.
        KeyboardInterrupt: on Ctrl-C, after saving a checkpoint; the same call resumes from it.
    """
    if isinstance(recipe, Recipe):
        if overrides:
            fix = "Pass them to Recipe.load, which validates the whole recipe."
            raise UserError("overrides", "none for a Recipe, which is already resolved", str(overrides), fix)
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
    """Restores torch's seed and number of threads, which training changes (the latter with several processes)."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            torch.set_num_threads(threads)
