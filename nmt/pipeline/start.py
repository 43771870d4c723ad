"""The start of a training: fresh weights or those of a model directory, some of them frozen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nmt.bundle import WEIGHTS, model_directory, read_metadata
from nmt.digest import file_digest
from nmt.errors import UserError
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.models.freezing import freeze
from nmt.models.weights import load_weights, read_tensors
from nmt.tokenizer.base import TokenizerPair
from nmt.training import Training


def initial_model(config: ModelConfig, training: Training, tokenizers: TokenizerPair) -> EncoderDecoder[Any, Any]:
    """The model before the first update.

    Raises:
        UserError: the vocabulary lacks a token that the model needs; the weights to start from have another
            architecture, or were trained with another tokenizer.
    """
    model = config.build(tokenizers.source.vocabulary_size, tokenizers.target.vocabulary_size)
    model.meet_tokenizers(tokenizers)
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
    freeze(model, training.freeze)
    return model


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
