"""The process of one run of a study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from nmt.errors import UserError
from nmt.pipeline.run import prepare, run
from nmt.recipe import Recipe
from nmt.study.events import EventReporter, Failed, Finished
from nmt.study.plan import Cell


def task_of(cell: Cell, *, only_prepare: bool) -> str:
    """The task of a run's process, for `work`."""
    recipe = cell.recipe.model_dump(mode="json")
    return json.dumps({"recipe": recipe, "runs": str(cell.runs), "only_prepare": only_prepare})


def work(task: TextIO, events: TextIO, log: TextIO) -> None:
    """Reads a task and runs it.

    Args:
        task: the text of `task_of`.
        events: receives the events.
        log: receives log lines.

    Raises:
        UserError: the run has failed; an event has said so.
    """
    given: Mapping[str, Any] = json.load(task)
    recipe, runs = Recipe.model_validate(given["recipe"]), Path(given["runs"])
    reporter = EventReporter(events, log)
    try:
        if given["only_prepare"]:
            prepare(recipe, runs, reporter)
            reporter.send(Finished())
        else:
            done = run(recipe, runs, reporter)
            paths = {name: str(path.absolute()) for name, path in done.references.items()}
            reporter.send(Finished(paths))
    except UserError as error:
        reporter.send(Failed(str(error)))
        raise
