"""What refinement needs besides options: samples by the search's own sampler, and GLEU as their reward."""

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
from nmt.training.refine import Refinement, Refiner, Reward


def make_refiner(training: Training, tokenizers: TokenizerPair, tokenizer_name: str = DEFAULT) -> Refiner | None:
    """The refiner of a recipe's `training.refine`; None where it has none.

    Args:
        training: of the recipe.
        tokenizers: of the model.
        tokenizer_name: what divides text into the words of the reward, by sacrebleu's name.
    """
    options = training.refine
    if options is None:
        return None
    settings = Sampling(
        n_best=options.samples,
        temperature=options.temperature,
        max_length_factor=options.max_length_factor,
        max_length_offset=options.max_length_offset,
    )

    def sample(
        model: EncoderDecoder[Any, Any], source: Tensor, source_mask: Tensor, keys: npt.NDArray[np.uint64]
    ) -> Drawn:
        return draw_samples(with_precision(model, "fp32"), source, source_mask, keys, settings)

    return Refiner(
        options=options,
        sample=sample,
        reward=make_reward(options, tokenizers.target, tokenizer_name),
        label_smoothing=training.label_smoothing,
        batch_tokens=max(training.batch_tokens // training.micro_batches, 1),
    )


def make_reward(options: Refinement, tokenizer: Tokenizer, tokenizer_name: str = DEFAULT) -> Reward:
    """GLEU in the unit that the options name."""

    def text(ids: Sequence[int]) -> list[str]:
        return words(tokenizer.decode(ids), tokenizer_name)

    def of_words(hypotheses: Sequence[Sequence[int]], reference: Sequence[int]) -> list[float]:
        return gleus(map(text, hypotheses), text(reference))

    return of_words if options.unit == "words" else gleus
