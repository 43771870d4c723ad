"""The features that models give: log-probabilities of hypotheses and of sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from nmt.bundle import Metadata, check_task, load_bundle, read_metadata
from nmt.errors import UserError
from nmt.evaluation.tokenization import tokenizer
from nmt.inference.options import TranslationOptions
from nmt.inference.precision import with_precision
from nmt.inference.reranking.candidates import MOST, Candidates
from nmt.inference.reranking.table import DECIMALS, LENGTH, FeatureTable
from nmt.inference.reranking.weights import LANGUAGE_MODEL, LIST_SCORE, MODEL, REVERSE_MODEL, numbered
from nmt.inference.scoring import score_ids
from nmt.nn.twin import evaluating
from nmt.options import Task
from nmt.text import clean_line, is_blank
from nmt.tokenizer.base import TokenizerPair

_WINDOW_HYPOTHESES = 1024
"""Hypotheses sorted into batches together, in whole lines: enough for even batches, few enough to show progress."""


@dataclass(frozen=True)
class Scorer:
    """A model that gives a feature."""

    name: str
    """The feature's name."""
    kind: str
    """`model`, `reverse_model` or `language_model`."""
    directory: Path
    """The model directory."""

    def line_scores(
        self, sources: Sequence[str], candidates: Candidates, options: TranslationOptions, device: torch.device
    ) -> Iterator[list[float]]:
        """Yields the log-probabilities of each line's hypotheses; loads the model at the first.

        log P(hypothesis, EOS | source) of a model, log P(source, EOS | hypothesis) of a reverse model, and
        log P(hypothesis, EOS) of a language model; 0 for a blank source, whose only hypothesis is certain.

        Args:
            sources: the N source lines.
            candidates: their hypotheses.
            options: precision and batch size.
            device: for the model.

        Raises:
            UserError: the model cannot be loaded, or a probability is not finite.
        """
        bundle = load_bundle(self.directory, device)
        model = evaluating(with_precision(bundle.model, options.precision))
        lines = zip(sources, candidates.groups(), strict=True)
        while window := _window(lines):
            asked = [(source, text) for source, texts in window if not is_blank(source) for text in texts]
            given, scored = _ids(self.kind, bundle.tokenizers, asked)
            found = map(sum, score_ids(model, given, scored, options.batch_tokens))
            for source, texts in window:
                scores = [0.0] if is_blank(source) else list(islice(found, len(texts)))
                if not (np.abs(scores) <= MOST).all():
                    expected = "finite log-probabilities"
                    raise UserError(str(self.directory), expected, "others", "Has its training diverged?")
                yield scores


def scorers(models: Iterable[Path], reverse_models: Iterable[Path], language_models: Iterable[Path]) -> list[Scorer]:
    """The scorers of these model directories, in this order, after checks that need no loading.

    Each model has its own feature, so that tuning weighs it; equal weights for models of a kind are a product of
    experts.

    Raises:
        UserError: one is not a model directory, has another task, or translates in another direction.
    """
    found = [
        Scorer(numbered(kind, index), kind, directory)
        for kind, directories in ((MODEL, models), (REVERSE_MODEL, reverse_models), (LANGUAGE_MODEL, language_models))
        for index, directory in enumerate(directories)
    ]
    known = [read_metadata(scorer.directory) for scorer in found]
    for scorer, metadata in zip(found, known, strict=True):
        task: Task = "language_model" if scorer.kind == LANGUAGE_MODEL else "translation"
        fix = "MODEL and --reverse-model take translation models, --language-model takes language models."
        check_task(metadata, task, str(scorer.directory), fix)
    direct = next((metadata for scorer, metadata in zip(found, known, strict=True) if scorer.kind == MODEL), None)
    if direct is not None:
        for scorer, metadata in zip(found, known, strict=True):
            _check_direction(scorer, metadata, direct)
    return found


def feature_table(candidates: Candidates, columns: Sequence[tuple[str, Sequence[float]]], words: str) -> FeatureTable:
    """The table of these features and the length.

    Args:
        candidates: the M hypotheses.
        columns: names and M values of features.
        words: sacrebleu's name of the tokenizer that counts words.
    """
    split = tokenizer(words)
    length = [float(len(split(text).split())) for text in candidates.texts]
    values = np.array([values for _, values in columns] + [length], dtype=np.float64).T  # [F, M] -> [M, F]
    names = (*(name for name, _ in columns), LENGTH)
    return FeatureTable(candidates, names, np.round(values, DECIMALS) + 0.0, words)  # no -0.0


def list_column(candidates: Candidates) -> list[tuple[str, Sequence[float]]]:
    """The feature of the scores in the n-best list; empty if it has none."""
    return [] if candidates.scores is None else [(LIST_SCORE, candidates.scores)]


def language_of(found: Iterable[Scorer]) -> str:
    """The language of the hypotheses according to the models; empty if they do not know it."""
    known = ((scorer.kind, read_metadata(scorer.directory)) for scorer in found)
    languages = (one.source_language if kind == REVERSE_MODEL else one.target_language for kind, one in known)
    return next(filter(None, languages), "")


def _ids(
    kind: str, tokenizers: TokenizerPair, pairs: Sequence[tuple[str, str]]
) -> tuple[list[list[int]], list[list[int]]]:
    """The token ids that a model of this kind reads and scores, for each pair of source and hypothesis.

    Unlike `score_lines`, a language model scores blank hypotheses too: it would have to write EOS at once.
    """
    if kind == REVERSE_MODEL:
        pairs = [(text, source) for source, text in pairs]
    read = [[] if kind == LANGUAGE_MODEL else tokenizers.source.encode(clean_line(line)) for line, _ in pairs]
    return read, [tokenizers.target.encode(clean_line(line)) for _, line in pairs]


def _window(lines: Iterator[tuple[str, tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    window: list[tuple[str, tuple[str, ...]]] = []
    hypotheses = 0
    for line in lines:
        window.append(line)
        hypotheses += len(line[1])
        if hypotheses >= _WINDOW_HYPOTHESES:
            break
    return window


def _check_direction(scorer: Scorer, metadata: Metadata, direct: Metadata) -> None:
    """Notices a reverse model in the direction of the model, and a language model of the source language.

    Raises:
        UserError: it is one.
    """
    source, target = direct.source_language, direct.target_language
    if not source or not target or source == target:
        return
    got = f"one from {metadata.source_language} to {metadata.target_language}"
    if scorer.kind == REVERSE_MODEL and (metadata.source_language, metadata.target_language) == (source, target):
        raise UserError(str(scorer.directory), f"a reverse model, from {target} to {source}", got)
    if scorer.kind == LANGUAGE_MODEL and metadata.target_language == source:
        raise UserError(str(scorer.directory), f"a language model of {target}", f"one of {source}")
