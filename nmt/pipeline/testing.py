"""The last stages: translate the test sets and score the translations, or score the model itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from nmt.bundle import load_bundle
from nmt.data.pairs import ParallelFiles, Text, read_pairs
from nmt.digest import file_digest
from nmt.evaluation.measure import TokenTotals
from nmt.evaluation.measures import OF_LANGUAGE_MODELS, OF_TESTS, MeasureName
from nmt.evaluation.scores import scores, token_measures
from nmt.evaluation.tokenization import DEFAULT
from nmt.inference.fusion import language_model_digests
from nmt.inference.options import TranslationOptions
from nmt.inference.scoring import token_totals
from nmt.inference.stream import translate_stream
from nmt.inference.translator import Translation
from nmt.inference.windows import WINDOW_LINES, windows
from nmt.options import renewed
from nmt.output import write_atomically
from nmt.pipeline.record import Record
from nmt.pipeline.reporter import Reporter
from nmt.pipeline.stage import Stage, run_stage
from nmt.search import SearchConfig
from nmt.text import read_lines

TRANSLATE, TRANSLATE_VERSION = "translate", 1
EVALUATE, EVALUATE_VERSION = "evaluate", 1
SCORES = "scores.json"


@dataclass(frozen=True)
class Sample:
    """One line of a test set and its translation."""

    source: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class ScoredModel:
    """The model that gives the probabilities of references to token measures."""

    directory: Path
    digests: Mapping[str, str]
    """SHA-256 of everything that determines its translations."""
    options: TranslationOptions
    """How lines are grouped into batches."""

    def totals(self, tests: Mapping[str, Text]) -> dict[str, TokenTotals]:
        """Token totals by test set."""
        bundle = load_bundle(self.directory)
        pairs = {name: list(read_pairs(text)) for name, text in tests.items()}
        return {
            name: token_totals(
                bundle.model, bundle.tokenizers, (s for s, _ in of_test), (t for _, t in of_test), self.options
            )
            for name, of_test in pairs.items()
        }


def translate_tests(
    model: Path,
    model_digests: Mapping[str, str],
    search: SearchConfig,
    options: TranslationOptions,
    tests: Mapping[str, ParallelFiles],
    run: Path,
    reporter: Reporter,
) -> Record:
    """Translates the sources into `translate/<test>`, line by line.

    Args:
        model: the model directory.
        model_digests: SHA-256 of everything that determines its translations.
        search: the search options.
        options: how lines are grouped into batches.
        tests: test sets by name, uncleaned, because that is what a user would translate.
        run: the run directory.
        reporter: receives the events.
    """

    def work(directory: Path) -> Mapping[str, Any]:
        bundle = load_bundle(model)

        def translate(lines: list[str]) -> Iterator[Translation]:
            return translate_stream(model, bundle, windows(lines, WINDOW_LINES), search, options, workers=None)

        encode = bundle.tokenizers.target.encode
        return {
            name: _translate(translate, encode, files.source, directory / name, reporter)
            for name, files in tests.items()
        }

    plain = {"search": search.model_dump(mode="json"), "translation": options.model_dump(mode="json")}
    inputs = {
        **model_digests,
        **language_model_digests(options),
        **{f"test {name}": file_digest(files.source) for name, files in tests.items()},
    }
    stage = Stage(TRANSLATE, TRANSLATE_VERSION, plain, inputs, work, renewed=_renewed_translation)
    return run_stage(stage, run, reporter)


def _renewed_translation(record: Record) -> Record:
    recorded = record.options
    options = {
        "search": renewed(SearchConfig, recorded.get("search")),
        "translation": renewed(TranslationOptions, recorded.get("translation")),
    }
    return replace(record, options=options)


def _translate(
    translate: Callable[[list[str]], Iterator[Translation]],
    encode: Callable[[str], list[int]],
    source: Path,
    output: Path,
    reporter: Reporter,
) -> dict[str, float]:
    """Translates a file; returns its size and the speed (including the start of worker processes)."""
    lines = list(read_lines(source))
    start, tokens, note = time.monotonic(), 0, f"lines of {output.name}"
    reporter.progress(0, len(lines), note)
    with write_atomically(output) as handle:
        for number, translation in enumerate(translate(lines), start=1):
            handle.write(translation.text + "\n")
            tokens += len(encode(translation.text)) + 1
            reporter.progress(number, len(lines), note)
    seconds = time.monotonic() - start
    return {
        "lines": len(lines),
        "seconds": seconds,
        "target_tokens": tokens,
        "target_tokens_per_second": tokens / seconds if seconds else 0.0,
    }


def evaluate_tests(
    translations: Mapping[str, str],
    model: ScoredModel,
    tests: Mapping[str, Text],
    tokenize: Callable[[Iterable[str]], str],
    measures: Sequence[MeasureName] | None,
    run: Path,
    reporter: Reporter,
) -> Mapping[str, Any]:
    """Scores `translate/` against the uncleaned references, into `evaluate/scores.json`.

    Args:
        translations: SHA-256 of the translations by test set; empty for a language model, which is scored by how well
            it predicts the text.
        model: the model that translated.
        tests: test sets by name.
        tokenize: chooses the sacrebleu tokenizer for given references.
        measures: measures to compute; None: BLEU, chrF, TER and GLEU of translations, perplexities of a language model.
        run: the run directory.
        reporter: receives the events.

    Returns:
        {test: {"bleu": {"score", "signature", …}, "chrf": …, "ter": …, "lines": …}}
    """
    named = measures or (OF_TESTS if translations else OF_LANGUAGE_MODELS)
    of_tokens = token_measures(named)

    def work(directory: Path) -> Mapping[str, Any]:
        measured = {}
        totals = model.totals(tests) if of_tokens else {}
        for name, text in tests.items():
            hypotheses = list(read_lines(run / TRANSLATE / name)) if name in translations else []
            references = list(read_lines(text.target))
            found = scores(hypotheses, [references], name, tokenizers.get(name, DEFAULT), named, totals.get(name))
            measured[name] = found.json()
            if note := found.concern():
                reporter.log(f"{name}: {note}")
        with write_atomically(directory / SCORES) as handle:
            json.dump(measured, handle, indent=2, ensure_ascii=False)
        return measured

    tokenizers = {name: tokenize(read_lines(tests[name].target)) for name in translations}
    inputs = {f"{TRANSLATE} {name}": digest for name, digest in translations.items()}
    inputs |= {f"reference {name}": file_digest(text.target) for name, text in tests.items()}
    options: dict[str, Any] = {"tokenize": tokenizers}
    if measures is not None or not translations:  # records with the default measures of translations do not name them
        options["measures"] = list(named)
    if of_tokens:
        inputs |= model.digests
        options["precision"] = model.options.precision
    stage = Stage(EVALUATE, EVALUATE_VERSION, options, inputs, work, renewed=_renewed)
    return run_stage(stage, run, reporter).facts


def _renewed(record: Record) -> Record:
    """Converts a record of a version that had only one tokenizer."""
    tests = [name.removeprefix(f"{TRANSLATE} ") for name in record.inputs if name.startswith(f"{TRANSLATE} ")]
    return replace(record, options={"tokenize": dict.fromkeys(tests, DEFAULT), **record.options})


def samples(files: ParallelFiles, hypotheses: Path, count: int) -> list[Sample]:
    """Evenly spaced lines of a test set with their translations."""
    total = sum(1 for _ in read_lines(hypotheses))
    step = max(1, total // max(1, count))
    lines = zip(read_lines(files.source), read_lines(files.target), read_lines(hypotheses), strict=True)
    return [Sample(*line) for line in islice(lines, 0, step * count, step)]
