"""`nmt init`: writes a first recipe for a user's own files."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nmt.cli.arguments import path_option, refuse_existing_file
from nmt.cli.inputs import STANDARD
from nmt.cli.program import next_commands
from nmt.errors import UserError
from nmt.languages import common_stem, known_code, language_name, languages_of_pair, languages_of_table

if TYPE_CHECKING:
    from nmt.data.survey import Survey
    from nmt.recipe.fit import Fit, Machine, Text
    from nmt.recipe.starter import Plan, TextFiles

_PATH = click.Path(path_type=Path)
_SAYS_LITTLE = ("train", "training", "corpus", "data", "text", "parallel", "bitext", "")


@click.command()
@click.argument("files", nargs=-1, required=True, type=_PATH, metavar="TRAIN.SOURCE TRAIN.TARGET | TRAIN.TSV")
@click.option("--validation", nargs=2, type=_PATH, metavar="SOURCE TARGET", help="Validation set.  [default: held out]")
@click.option(
    "--test",
    "tests",
    nargs=2,
    multiple=True,
    type=_PATH,
    metavar="SOURCE TARGET",
    help="Test set to translate and score at the end; repeat the option for several.",
)
@click.option("--source", help="Code of the source language.  [default: from the file names]")
@click.option("--target", help="Code of the target language.  [default: from the file names]")
@path_option("-o", "--output", help="Recipe to write, or a folder for it; -: standard output.  [default: this folder]")
@click.option("--force", is_flag=True, help="Replace an existing recipe.")
def command(
    files: tuple[Path, ...],
    validation: tuple[Path, Path] | None,
    tests: tuple[tuple[Path, Path], ...],
    source: str | None,
    target: str | None,
    output: Path | None,
    force: bool,
) -> None:
    """Write a recipe for your own text: two aligned files, or one file of tab-separated pairs.

    \b
    nmt init train.en train.fr
    nmt init train.en.gz train.de.gz --validation dev.en dev.de --test news.en news.de -o recipes
    nmt init pairs.tsv --source en --target fr

    Counts the lines, takes the languages from the file names, and fits vocabulary, model, dropout, batch, warm-up and
    updates to the amount of text and to this machine; the recipe gives the reasons.
    """
    if len(files) > 2:
        raise UserError("nmt init", "two files, or one of tab-separated pairs", f"{len(files)} files", _MORE)
    languages = _languages(files, source, target)
    _refuse_soon(output, force)
    surveys = [_survey(of_set) for of_set in (files, *((validation,) if validation else ()), *tests)]
    from nmt.recipe.fit import fitted

    text, machine = _text(surveys[0], files), _machine()
    fit = fitted(text, machine)
    recipe = _recipe_path(output, f"transformer_{fit.size}.yaml")
    plan = _plan(languages, files, validation, tests)
    if recipe != STANDARD:
        refuse_existing_file(recipe, force)
    _write(recipe, plan, text, machine, fit)
    if recipe != STANDARD:
        _show(recipe, plan, text, machine, fit)


_MORE = "Add further training text as another line of `corpus.training` in the recipe."


def _languages(files: Sequence[Path], source: str | None, target: str | None) -> tuple[str, str]:
    """The two languages, as given or else as in the file names.

    Raises:
        UserError: a language is neither given nor in a file name, or both are the same.
    """
    found = languages_of_table(files[0]) if len(files) == 1 else languages_of_pair(*files)
    given = (source or (found[0] if found else None), target or (found[1] if found else None))
    names = " and ".join(file.name for file in files)
    missing = [option for option, code in zip(("--source", "--target"), given, strict=True) if not code]
    if missing:
        expected = "file names that contain their languages, such as train.en and train.fr"
        raise UserError(names, expected, "others", f"Name the languages: {' '.join(f'{o} CODE' for o in missing)}.")
    codes = tuple(known_code(code) or code for code in given if code)
    if codes[0] == codes[1]:
        raise UserError(names, "two languages", f"{codes[0]} twice", "Name the languages: --source CODE --target CODE.")
    return codes[0], codes[1]


def _refuse_soon(output: Path | None, force: bool) -> None:
    """Refuses a named recipe that exists, before gigabytes are read."""
    if output is not None and output != STANDARD and not _is_folder(output):
        refuse_existing_file(output, force)


def _recipe_path(output: Path | None, name: str) -> Path:
    if output is None:
        return Path(name)
    return output / name if _is_folder(output) else output


def _is_folder(output: Path) -> bool:
    return output != STANDARD and (output.is_dir() or output.suffix not in (".yaml", ".yml"))


def _survey(files: Sequence[Path]) -> Survey:
    from data_prep.files import TextFiles as CorpusFiles
    from nmt.data.survey import survey

    named = CorpusFiles(tsv=files[0]) if len(files) == 1 else CorpusFiles(source=files[0], target=files[1])
    return survey(files, named.rows(sides=2))


def _text(training: Survey, files: Sequence[Path]) -> Text:
    from nmt.recipe.fit import FEWEST_PAIRS, Text

    if training.pairs < FEWEST_PAIRS:
        where = " and ".join(map(str, files))
        raise UserError(where, f"at least {FEWEST_PAIRS} pairs of lines to learn from", str(training.pairs))
    both = training.source.merged(training.target)
    return Text(training.pairs, len(both.words), len(both.characters))


def _machine() -> Machine:
    import torch

    from nmt.inference.workers import default_workers
    from nmt.recipe.fit import Machine

    return Machine(default_workers(), torch.cuda.is_available())


def _plan(
    languages: tuple[str, str], files: TextFiles, validation: TextFiles | None, tests: Sequence[tuple[Path, Path]]
) -> Plan:
    from nmt.recipe.starter import Plan

    stem = common_stem(files[0], files[-1])
    label = _word("files" if stem.lower() in _SAYS_LITTLE else stem, "files")
    named: dict[str, TextFiles] = {}
    for number, pair in enumerate(tests, 1):
        name = _word(common_stem(*pair), "test")
        named[name if name not in (*named, "train", "validation") else f"{name}_{number}"] = pair
    return Plan(*languages, label, files, validation, named)


def _word(text: str, otherwise: str) -> str:
    """The text reduced to characters that are safe in a folder name."""
    return re.sub(r"[^A-Za-z0-9_.-]", "", text).lstrip("_.-") or otherwise


def _write(recipe: Path, plan: Plan, text: Text, machine: Machine, fit: Fit) -> None:
    from nmt.output import write_atomically
    from nmt.recipe.starter import starter_recipe

    folder = Path() if recipe == STANDARD else recipe.parent
    written = starter_recipe(plan, text, machine, fit, folder)
    if recipe == STANDARD:
        sys.stdout.write(written)
        return
    with write_atomically(recipe) as file:
        file.write(written)


def _show(recipe: Path, plan: Plan, text: Text, machine: Machine, fit: Fit) -> None:
    """Prints the decisions, their reasons, and the next commands."""
    from nmt.recipe.starter import described

    held = "as given" if plan.validation else f"{fit.validation_pairs} pairs, held out"
    rows = {
        "languages": f"{language_name(plan.source)} ({plan.source}) to {language_name(plan.target)} ({plan.target})",
        "text": f"{text.pairs:,} pairs of lines, {text.words:,} distinct words in the lines that were read",
        "model": f"Transformer, {fit.size}, dropout {fit.dropout}: for this much text, on {described(machine)}",
        "vocabulary": f"{fit.vocabulary:,} pieces",
        "training": f"at most {fit.updates:,} updates of {fit.batch_tokens:,} pieces, {fit.warmup:,} of them warm-up",
        "validation": held,
        "tests": ", ".join(plan.tests) or "none; --test SOURCE TARGET adds one",
    }
    for heading, row in rows.items():
        click.echo(f"{heading:<11} {row}")
    click.echo(f"\n{recipe} gives the reasons. Next:\n{next_commands(recipe)}")
