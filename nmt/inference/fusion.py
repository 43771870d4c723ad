"""The language model that helps a translation model's search, as the settings of translation name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch

from nmt.bundle import WEIGHTS, check_task, load_bundle, model_directory, read_metadata
from nmt.digest import file_digest
from nmt.errors import UserError
from nmt.inference.options import TranslationOptions
from nmt.inference.precision import with_precision
from nmt.models.base import Decoder
from nmt.models.language.model import LanguageModel
from nmt.nn.twin import evaluating
from nmt.tokenizer.base import Tokenizer


def load_language_model(options: TranslationOptions, tokenizer: Tokenizer, device: torch.device) -> Decoder[Any] | None:
    """The language model that the options name, ready to search with; None if they name none, or its weight is 0.

    Args:
        options: settings of translation.
        tokenizer: the translation model's target tokenizer.
        device: for the model.

    Raises:
        UserError: that is no language model, or it has another tokenizer.
    """
    check_language_model(options)
    if options.language_model is None or options.language_model_weight == 0:
        return None
    bundle = load_bundle(options.language_model, device)
    if bundle.tokenizers.target.digest != tokenizer.digest:
        raise UserError(
            str(options.language_model),
            "a language model with the translation model's target tokenizer",
            "another tokenizer, whose ids stand for other pieces",
            "Train it with `tokenizer: {kind: existing, directory: MODEL}`, MODEL being the translation model.",
        )
    model = cast("LanguageModel[Any]", evaluating(with_precision(bundle.model, options.precision)))  # by its task
    return model.decoder


def check_language_model(options: TranslationOptions) -> None:
    """Notices a wrong `language_model` before the work that comes before the search.

    Raises:
        UserError: it is not the directory of a language model.
    """
    if options.language_model is not None:
        fix = "Train one with `task: language_model` in the recipe."
        check_task(read_metadata(options.language_model), "language_model", str(options.language_model), fix)


def language_model_digests(options: TranslationOptions) -> Mapping[str, str]:
    """SHA-256 of the language model's weights, as an input of a stage."""
    if options.language_model is None:
        return {}
    return {"language model": file_digest(model_directory(options.language_model) / WEIGHTS)}
