"""The Python interface of reranking."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

from nmt.api.lines import checked_lines, checked_references
from nmt.changes import changed
from nmt.errors import UserError
from nmt.evaluation.scores import check_lines
from nmt.evaluation.tokenization import Tokenization, tokenizer_name
from nmt.inference.device import chosen_device
from nmt.inference.options import Precision, TranslationOptions
from nmt.inference.reranking.candidates import candidates_of
from nmt.inference.reranking.options import Tunable, TuningOptions
from nmt.inference.reranking.scoring import feature_table, language_of, scorers
from nmt.inference.reranking.statistics import line_statistics, statistics
from nmt.inference.reranking.table import FeatureTable
from nmt.inference.reranking.tuning import Tuned, tune
from nmt.inference.reranking.weights import RerankingWeights, preset_weights

Directories = Iterable[str | os.PathLike[str]]


def score_n_best(
    source: Iterable[str],
    n_best: Iterable[Iterable[str]],
    *,
    models: Directories = (),
    reverse_models: Directories = (),
    language_models: Directories = (),
    device: str = "auto",
    precision: Precision = "auto",
    batch_tokens: int = 2048,
    tokenize: Tokenization = "auto",
) -> FeatureTable:
    """The features of n-best lists, for `RerankingWeights.best` and `tune_weights`.

    The features are called model, reverse_model, language_model and length; the second model of a kind is model_2.
    Models are loaded one after the other.

    Args:
        source: N lines.
        n_best: the hypotheses of each line, without line feeds and tabs. Equal ones count once; a blank line has one
            blank hypothesis, whatever is given.
        models: model directories: log P(hypothesis | source).
        reverse_models: of models from the target to the source language: log P(source | hypothesis).
        language_models: of language models of the target language, with any tokenizer: log P(hypothesis).
        device: as for `nmt.load`.
        precision: arithmetic; "auto": of the stored weights.
        batch_tokens: tokens in a batch, including padding.
        tokenize: sacrebleu tokenizer that counts words for the length; "auto": by language.

    Raises:
        UserError: there is no model, a model does not fit, or a line that is not blank has no hypothesis.
    """
    sources = list(checked_lines(source, "source"))
    groups = [list(checked_lines(texts, f"n_best, line {number}")) for number, texts in enumerate(n_best, 1)]
    if len(groups) != len(sources):
        raise UserError("n_best", f"{len(sources)} lists of hypotheses, as many as source lines", str(len(groups)))
    if odd := next((text for texts in groups for text in texts if "\n" in text or "\t" in text), None):
        raise UserError("n_best", "hypotheses without line feeds and tabs", repr(odd[:40]))
    found = scorers(*(map(Path, directories) for directories in (models, reverse_models, language_models)))
    if not found:
        raise UserError("models", "a model, a reverse model or a language model", "none")
    plain: list[dict[str, float | None]] = [dict.fromkeys(texts) for texts in groups]
    candidates = candidates_of(plain, False, "n_best", sources, "source")
    options = changed(TranslationOptions(), {"precision": precision, "batch_tokens": batch_tokens})
    chosen = chosen_device(device)
    columns = [
        (scorer.name, [score for line in scorer.line_scores(sources, candidates, options, chosen) for score in line])
        for scorer in found
    ]
    return feature_table(candidates, columns, tokenizer_name(tokenize, language_of(found), candidates.texts))


def tune_weights(
    table: FeatureTable,
    reference: Iterable[str] | Sequence[Sequence[str]],
    *,
    measure: Tunable = "bleu",
    start: RerankingWeights | Mapping[str, float] | None = None,
    seed: int = 1,
    folds: int = 5,
    tokenize: Tokenization = "auto",
) -> Tuned:
    """Searches the weights whose choice scores best on a development set.

    Args:
        table: the features of N lines' hypotheses.
        reference: N reference translations, or a list of several such lists.
        measure: "bleu" or "chrf".
        start: weights that take part in the search; None: 1 for each log-probability.
        seed: the same seed finds the same weights.
        folds: parts for cross-validation, an honest estimate of the gain; 0: none.
        tokenize: sacrebleu tokenizer that BLEU splits text into words with; "auto": that of the table's length, or by
            the references if the table does not know it.

    Raises:
        UserError: texts differ in length, the weights do not fit the table, the measure is another one, or scipy is
            not installed.
    """
    if measure not in get_args(Tunable):
        raise UserError("measure", " or ".join(get_args(Tunable)), repr(measure))
    options = changed(TuningOptions(), {"seed": seed, "folds": folds})
    references = checked_references(reference)
    for lines in references:
        check_lines(lines, [""] * len(table.candidates.sizes), "reference", "the table")
    if start is None:
        start = preset_weights("sum", table.names, "start")
    elif not isinstance(start, RerankingWeights):
        start = changed(RerankingWeights(weights={}), {"weights": dict(start)})
    start = start.counting(table, "start")
    if tokenize == "auto" and table.words:
        tokenize = cast("Tokenization", table.words)
    words = tokenizer_name(tokenize, "", references[0])
    counts = statistics(line_statistics(table.candidates, references, measure, words), measure, words)
    return tune(table, counts, start, options)
