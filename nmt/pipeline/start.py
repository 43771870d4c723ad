"""The start of a training: fresh weights or those of a model directory, some of them frozen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nmt.bundle import WEIGHTS, model_directory, read_metadata
from nmt.data.store import PairStore
from nmt.digest import file_digest
from nmt.errors import UserError
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.models.freezing import freeze
from nmt.models.weights import load_weights, read_tensors
from nmt.nn.output.frequency import order_by_frequency
from nmt.tokenizer.base import SPECIAL, Tokenizer, TokenizerPair
from nmt.training import Training


def initial_model(
    config: ModelConfig, training: Training, tokenizers: TokenizerPair, store: PairStore
) -> EncoderDecoder[Any, Any]:
    """The model before the first update.

    Args:
        config: the model's options.
        training: the training options.
        tokenizers: of both sides.
        store: the training text, for parts of a model that depend on the frequency of tokens.

    Raises:
        UserError: the options do not fit the vocabularies, or these lack a token that the model needs; the weights to
            start from have another architecture, or were trained with another tokenizer.
    """
    sizes = tokenizers.source.vocabulary_size, tokenizers.target.vocabulary_size
    try:
        model = config.build(*sizes)
    except ValueError as error:
        expected = f"options that fit vocabularies of {sizes[0]:,} and {sizes[1]:,} pieces"
        raise UserError("model", expected, str(error)) from None
    if training.start_from:
        known = read_metadata(training.start_from).tokenizer_digests
        for side, tokenizer in (("source", tokenizers.source), ("target", tokenizers.target)):
            if known.get(side) != tokenizer.digest:
                raise UserError(
                    "training.start_from",
                    f"the {side} tokenizer of {training.start_from}",
                    "another one, whose ids stand for other pieces",
                    "Leave the section `tokenizer` out of the recipe.",
                )
        path = model_directory(training.start_from) / WEIGHTS
        load_weights(model, read_tensors(path)[0], str(path))
    else:
        order_by_frequency(model, lambda: _target_counts(store, tokenizers.target))
    model.meet_tokenizers(tokenizers)  # after loading: its options may name other tokens than those of the start
    freeze(model, training.freeze)
    return model


def _target_counts(store: PairStore, tokenizer: Tokenizer) -> Tensor:
    """[V] int64: occurrences of each id as a token to be predicted, EOS included; -1 for those that never are."""
    counts = store.target_counts(tokenizer.vocabulary_size)
    counts[SPECIAL.eos] = len(store)
    counts[SPECIAL.pad] = -1
    counts[SPECIAL.bos] = counts[SPECIAL.bos] or -1  # it separates the sentences of documents
    return torch.from_numpy(counts)


def start_notes(training: Training, languages: tuple[str, str]) -> Iterator[str]:
    """Notes to show before training: a warning if the start model is for other languages."""
    if training.start_from:
        start = read_metadata(training.start_from)
        before = (start.source_language, start.target_language)
        if before != languages:
            does = "translates" if start.source_language else "is a model of"
            were, now = (" to ".join(filter(None, pair)) for pair in (before, languages))
            yield f"note: {training.start_from} {does} {were}, not {now}"


def start_digests(training: Training) -> dict[str, str]:
    """SHA-256 of the weights that training starts from, as an input of the stage."""
    if not training.start_from:
        return {}
    return {"start_from weights": file_digest(model_directory(training.start_from) / WEIGHTS)}


def start_provenance(training: Training) -> dict[str, Any]:
    """Metadata entries about the model that training started from."""
    if not training.start_from:
        return {}
    return {"start_from": str(training.start_from), "frozen": list(training.freeze)}
