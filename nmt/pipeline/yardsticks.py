"""The scores of a corpus's yardsticks: simple strategies, measured on the test sets as the model is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nmt.bundle import TOKENIZER
from nmt.data.corpus import CorpusOptions, Yardstick
from nmt.data.pairs import ParallelFiles, Text
from nmt.digest import file_digest
from nmt.evaluation.measure import TokenTotals
from nmt.evaluation.measures import OF_LANGUAGE_MODELS, OF_TESTS, MeasureName
from nmt.evaluation.scores import scores, text_measures
from nmt.output import write_atomically
from nmt.pipeline.reporter import Reporter
from nmt.pipeline.stage import Stage, run_stage
from nmt.text import clean_line, read_lines
from nmt.tokenizer import Tokenizer, load_tokenizers

STAGE, VERSION = "yardsticks", 1
SCORES = "scores.json"


def measure_yardsticks(
    corpus: CorpusOptions,
    tests: Mapping[str, Text],
    model: Path,
    tokenize: Callable[[Iterable[str]], str],
    measures: Sequence[MeasureName] | None,
    run: Path,
    reporter: Reporter,
) -> Mapping[str, Any]:
    """Scores what simple strategies make of the test sets, into `yardsticks/scores.json`.

    Measures that read tokens are left out unless the model's tokens are blank-separated words, which are the tokens of
    the strategies.

    Args:
        corpus: gives the strategies; without any, nothing is done.
        tests: test sets by name.
        model: the model directory, for its tokenizers.
        tokenize: chooses the sacrebleu tokenizer for given references.
        measures: measures to compute; None: those of translations or of language models.
        run: the run directory.
        reporter: receives the events.

    Returns:
        {test: {strategy: {"exact_match": {"score", "signature", …}, …, "lines": …}}}
    """
    found = {name: yardsticks for name, text in tests.items() if (yardsticks := corpus.yardsticks(text))}
    if not found:
        return {}
    references = {name: list(read_lines(tests[name].target)) for name in found}
    translated = all(isinstance(tests[name], ParallelFiles) for name in found)
    named: Sequence[MeasureName] = measures or (OF_TESTS if translated else OF_LANGUAGE_MODELS)
    if not all(_is_split_at_blanks(lines, load_tokenizers(model / TOKENIZER).target) for lines in references.values()):
        named = text_measures(named)
    words = {name: tokenize(lines) for name, lines in references.items()}

    def work(directory: Path) -> Mapping[str, Any]:
        measured = {
            name: {
                yardstick.name: scores(
                    [guess.answer for guess in yardstick.guesses],
                    [references[name]],
                    f"{yardstick.name} of {name}",
                    words[name],
                    _measurable(named, yardstick),
                    _totals(yardstick, references[name]),
                ).json()
                for yardstick in yardsticks
            }
            for name, yardsticks in found.items()
        }
        with write_atomically(directory / SCORES) as handle:
            json.dump(measured, handle, indent=2, ensure_ascii=False)
        return measured

    inputs = {f"yardsticks {name}": hashlib.sha256(repr(of).encode()).hexdigest() for name, of in found.items()}
    inputs |= {f"reference {name}": file_digest(tests[name].target) for name in found}
    stage = Stage(STAGE, VERSION, {"measures": list(named), "tokenize": words}, inputs, work)
    return run_stage(stage, run, reporter).facts


def _is_split_at_blanks(lines: Iterable[str], tokenizer: Tokenizer) -> bool:
    """Whether the tokens of each line are its blank-separated words."""
    return all(len(tokenizer.encode(clean_line(line))) == len(line.split()) for line in lines)


def _measurable(named: Sequence[MeasureName], yardstick: Yardstick) -> Sequence[MeasureName]:
    """The measures that the strategy has: no token accuracy unless it is known which tokens it ranks first."""
    if all(guess.correct is not None for guess in yardstick.guesses):
        return named
    return [name for name in named if name != "token_accuracy"]


def _totals(yardstick: Yardstick, references: Sequence[str]) -> TokenTotals:
    """The strategy's sums over the reference tokens."""
    return TokenTotals(
        tokens=sum(len(guess.log_probabilities) for guess in yardstick.guesses),
        correct=sum(guess.correct or 0 for guess in yardstick.guesses),
        log_probability=sum(sum(guess.log_probabilities) for guess in yardstick.guesses),
    ).with_text(references)
