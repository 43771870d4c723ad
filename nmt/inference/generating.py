"""Lines drawn at random from a language model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from nmt.data.order import derive_key
from nmt.inference.precision import with_precision
from nmt.models.base import EncoderDecoder
from nmt.nn.twin import evaluating
from nmt.search import Sampling
from nmt.search.sampling import draw_samples
from nmt.text import clean_line
from nmt.tokenizer.base import SPECIAL, Tokenizer

_BATCH_LINES = 64


def generated_lines(
    model: EncoderDecoder[Any, Any], tokenizer: Tokenizer, count: int, sampling: Sampling, prompt: str = ""
) -> Iterator[str]:
    """Yields lines drawn from a language model; the same seed gives the same lines, whatever their number.

    Args:
        model: a language model.
        tokenizer: the model's tokenizer.
        count: number of lines.
        sampling: sampling settings. `max_length_offset` is the maximum number of tokens after the prompt; `n_best` is
            ignored.
        prompt: the beginning of every line.
    """
    model = evaluating(with_precision(model, "auto"))
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    one_each = sampling.model_copy(update={"n_best": 1})
    prefix = tokenizer.encode(clean_line(prompt))
    for start in range(0, count, _BATCH_LINES):
        numbers = range(start, min(start + _BATCH_LINES, count))
        source = torch.full((len(numbers), 1), SPECIAL.eos, device=device)
        keys = np.array([derive_key(sampling.seed, number) for number in numbers], dtype=np.uint64)
        drawn = draw_samples(model, source, torch.ones_like(source, dtype=torch.bool), keys, one_each, prefix=prefix)
        for (ids,) in drawn.texts():
            yield tokenizer.decode(ids)
