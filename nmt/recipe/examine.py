"""Checks a recipe against the files it names, and its settings for plausibility, before any work starts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nmt.data.pairs import ParallelFiles, row_writer, text_at
from nmt.data.survey import NamedText, Survey, survey
from nmt.documents import KeyPath
from nmt.errors import UserError
from nmt.languages import base_code, known_code, language_name, languages_of_pair, languages_of_table
from nmt.recipe.fit import held_out, vocabulary_that_surely_trains
from nmt.recipe.load import locate_keys
from nmt.recipe.overrides import Overrides
from nmt.recipe.problems import raise_all
from nmt.recipe.recipe import Recipe
from nmt.recipe.task import without_effect
from nmt.tokenizer.sentencepiece import SentencePieceOptions

FIRST = 10_000
"""Pairs to read of each text where the check must be quick."""
_MOST_TO_TRY = 50_000
"""Largest training text, in pairs, on which a vocabulary is trained as a test, which takes seconds."""

Where = Callable[[KeyPath], str]
"""File, line and name of a key, in words."""


@dataclass
class Findings:
    """Results of examining a recipe."""

    mistakes: list[UserError] = field(default_factory=list)
    """Errors that would end the run."""
    suspicions: list[UserError] = field(default_factory=list)
    """Settings that are probably not intended."""


def examine(recipe: Recipe, path: Path, overrides: Overrides, most: int | None = None) -> Findings:
    """Checks the files that a recipe names, and whether its settings make sense.

    Files that a corpus downloads or generates are not checked.

    Args:
        recipe: the loaded recipe.
        path: its file, for messages.
        overrides: the overrides it was loaded with, for messages.
        most: read at most this many pairs of each text; None reads all, and tests a doubtful vocabulary size by
            training the tokenizer.
    """
    where, found = locate_keys(path, overrides), Findings()
    surveys: dict[KeyPath, Survey] = {}
    for text in recipe.corpus.named_texts:
        key = ("corpus", *text.key)
        try:
            surveys[text.key] = survey(text.paths, text.rows(), most)
        except UserError as error:
            at_fault = UserError(f"{where(key)}: {error.where}", error.expected, error.got, error.fix)
            found.mistakes.append(at_fault)
        found.suspicions += _languages_of(recipe, text, where(key))
    found.suspicions += _codes(recipe, where)
    for doubt in (
        *recipe.training.schedule.conflicts(recipe.training.updates),
        *recipe.model.output.doubts(("model", *recipe.model.output_path), recipe.training.label_smoothing),
        *without_effect(recipe),
    ):
        found.suspicions.append(UserError(where(doubt.keys[0]), doubt.expected, doubt.got, doubt.fix))
    training = [text for text in recipe.corpus.named_texts if text.trains]
    if training and all(text.key in surveys for text in training):
        whole = all(surveys[text.key].whole for text in training)
        pairs = sum(surveys[text.key].pairs for text in training)
        if whole:
            found.suspicions += _vocabulary(recipe, pairs, where)
            _held_out(recipe, pairs, where, found)
        if whole and most is None and not found.mistakes:
            found.mistakes += _tried(recipe, training, surveys, pairs, where)
    return found


def raise_mistakes(found: Findings, path: Path) -> None:
    """Raises:
    UserError: with every mistake, if there are any.
    """
    raise_all(found.mistakes, str(path))


def _languages_of(recipe: Recipe, text: NamedText, where: str) -> Iterator[UserError]:
    """File names that suggest other languages than the recipe's, or the two swapped."""
    table = len(text.paths) == 1
    told = languages_of_table(text.paths[0]) if table else languages_of_pair(text.paths[0], text.paths[1])
    if told is None or table:  # columns are often in another order than the languages in the file name
        return
    wanted = recipe.corpus.languages
    names, codes = [base_code(code) for code in told], [base_code(known_code(code) or code) for code in wanted]
    if names == codes or not all(map(known_code, wanted)):
        return
    expected = f"a source in {language_name(wanted[0])} and a target in {language_name(wanted[1])}"
    got = f"file names that suggest {language_name(told[0])} and {language_name(told[1])}"
    fix = "Swap the two files." if names == codes[::-1] else "Check corpus.source and corpus.target."
    yield UserError(where, expected, got, fix)


def _sides(recipe: Recipe) -> Iterator[tuple[str, str]]:
    languages = recipe.corpus.languages
    return zip(("source", "target")[-len(languages) :], languages, strict=True)


def _codes(recipe: Recipe, where: Where) -> Iterator[UserError]:
    """Languages given by name where a code is expected."""
    for side, language in _sides(recipe):
        code = known_code(language)
        if code and base_code(code) != base_code(language):
            fix = f"Did you mean `{code}`? The code determines how text is split into sentences and words."
            yield UserError(where(("corpus", side)), "a language code", repr(language), fix)


def _vocabulary(recipe: Recipe, pairs: int, where: Where) -> Iterator[UserError]:
    options = recipe.tokenizer
    if isinstance(options, SentencePieceOptions) and options.vocabulary_size > max(pairs, 1000):
        yield UserError(
            where(("tokenizer", "vocabulary_size")),
            f"fewer pieces than the {pairs:,} {recipe.corpus.unit} of training text",
            f"{options.vocabulary_size:,}",
            "Most pieces would be too rare to be learnt; `nmt init` proposes a size that fits.",
        )


def _held_out(recipe: Recipe, pairs: int, where: Where, found: Findings) -> None:
    """Checks the number of pairs held out of the training text for validation."""
    most = recipe.corpus.held_out
    if 2 * most > pairs:
        key = where(("corpus", "validation_pairs"))
        expected = f"at most half of the {pairs:,} training {recipe.corpus.unit}"
        fix = f"Lower it ({held_out(pairs)} would do), or set corpus.validation to files."
        found.mistakes.append(UserError(key, expected, f"{most:,}", fix))
    elif 10 * most > pairs > 10 * held_out(pairs):
        key = where(("corpus", "validation_pairs"))
        expected = f"a small part of the {pairs:,} training {recipe.corpus.unit}"
        fix = f"Training does without them; {held_out(pairs)} would be enough."
        found.suspicions.append(UserError(key, expected, f"{most:,}", fix))


def _tried(
    recipe: Recipe, training: Sequence[NamedText], surveys: dict[KeyPath, Survey], pairs: int, where: Where
) -> Iterator[UserError]:
    """SentencePiece's error for a vocabulary size that the text may not support, found by training on it."""
    options = recipe.tokenizer
    if not isinstance(options, SentencePieceOptions) or pairs > _MOST_TO_TRY:
        return
    source, target = surveys[training[0].key].source, surveys[training[0].key].target
    for text in training[1:]:
        source, target = source.merged(surveys[text.key].source), target.merged(surveys[text.key].target)
    alone = recipe.corpus.source is None
    sides = [source.merged(target)] if options.joint or alone else [source, target]
    if all(
        2 * len(side.characters) + 260 <= options.vocabulary_size
        and options.vocabulary_size <= vocabulary_that_surely_trains(len(side.words), len(side.characters))
        for side in sides
    ):
        return
    with tempfile.TemporaryDirectory() as folder:
        files = text_at(Path(folder), "text", recipe.corpus.languages)
        with row_writer(files) as write:
            for text in training:
                for row in text.rows():
                    write(row)
        try:
            if isinstance(files, ParallelFiles):
                options.train(files.source, files.target, Path(folder))
            else:
                options.train_alone(files.target, Path(folder))
        except UserError as error:
            expected = error.expected if error.where == "tokenizer.vocabulary_size" else "a size that the text supports"
            names = ("the source", "the target") if len(files.sides) == 2 else ("the text",)
            for path, name in zip(files.sides, names, strict=True):
                expected = expected.replace(str(path), name)
            yield UserError(where(("tokenizer", "vocabulary_size")), expected, error.got, error.fix)
