"""The training objective, built with the search's sampler and with GLEU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from nmt.evaluation.gleu import gleus, words
from nmt.evaluation.tokenization import DEFAULT
from nmt.inference.precision import with_precision
from nmt.models.base import EncoderDecoder
from nmt.search import Sampling
from nmt.search.sampling import Drawn, draw_samples
from nmt.tokenizer.base import Tokenizer, TokenizerPair
from nmt.training import Training
from nmt.training.objectives import Objective
from nmt.training.objectives.base import Reward, Sampler, Tools, Unit


def make_objective(training: Training, tokenizers: TokenizerPair, tokenizer_name: str = DEFAULT) -> Objective:
    """The objective that a recipe's `training` minimises.

    Args:
        training: the training options.
        tokenizers: the model's tokenizers.
        tokenizer_name: sacrebleu tokenizer that splits text into words.
    """
    tools = Tools(
        label_smoothing=training.label_smoothing,
        batch_tokens=max(training.batch_tokens // training.micro_batches, 1),
        sampler=make_sampler,
        gleu=lambda unit: make_gleu(unit, tokenizers.target, tokenizer_name),
    )
    return training.objective.build(tools)


def make_sampler(*, samples: int, temperature: float, max_length_factor: float, max_length_offset: int) -> Sampler:
    """The search's sampling, in fp32."""
    settings = Sampling(
        n_best=samples,
        temperature=temperature,
        max_length_factor=max_length_factor,
        max_length_offset=max_length_offset,
    )

    def sample(
        model: EncoderDecoder[Any, Any], source: Tensor, source_mask: Tensor, keys: npt.NDArray[np.uint64]
    ) -> Drawn:
        return draw_samples(with_precision(model, "fp32"), source, source_mask, keys, settings)

    return sample


def make_gleu(unit: Unit, tokenizer: Tokenizer, tokenizer_name: str = DEFAULT) -> Reward:
    """GLEU of each hypothesis over words of the detokenised text, or over the tokenizer's pieces."""

    def text(ids: Sequence[int]) -> list[str]:
        return words(tokenizer.decode(ids), tokenizer_name)

    def of_words(hypotheses: Sequence[Sequence[int]], reference: Sequence[int]) -> list[float]:
        return gleus(map(text, hypotheses), text(reference))

    return of_words if unit == "words" else gleus
