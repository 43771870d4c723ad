"""`nmt run`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nmt.cli.arguments import recipe_arguments, runs_option
from nmt.cli.examined import load_examined
from nmt.cli.program import program
from nmt.cli.scores import show_scores
from nmt.imports import quick_imports

if TYPE_CHECKING:
    from rich.console import Console

    from nmt.pipeline.run import RunResult
    from nmt.recipe import Recipe


@click.command()
@recipe_arguments
@runs_option
def command(recipe: Path, overrides: tuple[str, ...], runs: Path) -> None:
    """Run all stages of RECIPE: prepare the data, train, translate the test sets, score.

    A language model does not translate; it is measured by how well it predicts the test sets.

    A second run repeats only what is missing or changed, judged by content, not by time.
    """
    from nmt.cli.console import reporting, stdout_console

    resolved = load_examined(recipe, overrides, quick=True)  # before anything slow is imported
    with quick_imports():
        from nmt.pipeline.run import run

    console = stdout_console()
    with reporting(console) as reporter:
        result = run(resolved, runs, reporter)
    if result.scores:
        console.print()
        show_scores(result.scores, console, resolved.evaluation.measures, result.yardsticks)
    _show_samples(result, console)
    _show_topics(resolved.corpus.topics, console)
    _show_next_steps(result, resolved, console)


def _show_samples(result: RunResult, console: Console) -> None:
    whole = not console.is_terminal  # a terminal would break lines within words
    if result.lines:
        console.print("\nLines that it writes:", soft_wrap=whole)
    for line in result.lines:
        console.print(f"  {line}", style="bold", soft_wrap=whole)
    for sample in result.samples:
        console.print()
        console.print(f"source      {sample.source}", soft_wrap=whole)
        console.print(f"reference   {sample.reference}", soft_wrap=whole)
        console.print(f"hypothesis  {sample.hypothesis}", style="bold", soft_wrap=whole)


def _show_topics(topics: Mapping[str, str], console: Console) -> None:
    """Prints the topics that the model knows, as ideas for a first sentence."""
    if not topics:
        return
    console.print()
    console.print("It knows:", soft_wrap=True)
    width = max(map(len, topics))
    for topic, sentence in topics.items():
        console.print(f"  {topic:<{width}}  {sentence}", soft_wrap=True)


def _show_next_steps(result: RunResult, recipe: Recipe, console: Console) -> None:
    sentence = next(iter(recipe.corpus.topics.values()), "")
    sentence = sentence or (result.samples[0].source if result.samples else "…")
    model = shlex.quote(str(result.model))
    console.print()
    console.print(f"Report:      {result.directory / 'report.json'}", soft_wrap=True)
    console.print(f"Model:       {result.model}", soft_wrap=True)
    if recipe.task == "translation":
        console.print("Translate a sentence of your own:", soft_wrap=True)
        console.print(f"  echo {shlex.quote(sentence)} | {program()} translate {model}", soft_wrap=True)
        if recipe.data.joins:
            console.print("Translate documents, with empty lines between them:", soft_wrap=True)
            console.print(f"  {program()} translate {model} --documents FILE", soft_wrap=True)
    else:
        console.print("Generate more lines, or measure how probable a text of your own is:", soft_wrap=True)
        console.print(f"  {program()} generate {model}", soft_wrap=True)
        console.print(f"  {program()} score {model} --target FILE --summary", soft_wrap=True)
