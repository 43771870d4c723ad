"""Models with random weights and batches for them, for the laws that every model obeys."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from nmt.data.batch import Batch, collate
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.nn.cells.nc_gru import ModReLU
from nmt.tokenizer.base import SPECIAL

VOCABULARY = 23
Model = EncoderDecoder[Any, Any]


def random_model(config: ModelConfig) -> Model:
    """A model that hides no error.

    Biases and the padding token's vector are random too: as zeros they would hide what padding does. And the logits
    differ enough for an error anywhere to show.
    """
    torch.manual_seed(7)
    model: Model = config.build(VOCABULARY, VOCABULARY).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
            elif "embedding" in name:
                torch.nn.init.normal_(parameter[SPECIAL.pad], std=float(parameter.std()))
    without_jumps(model)
    logits, _ = teacher_forced(model, batch_of([([5, 6, 7], [8, 9]), ([10], [11, 12])]))
    assert logits.std() > 0.1
    return model


@torch.no_grad()
def without_jumps(module: nn.Module) -> None:
    """Makes activations continuous that jump at 0 for some biases, where rounding would decide the result."""
    for part in module.modules():
        if isinstance(part, ModReLU):
            part.bias.copy_(-part.bias.abs())


sentence = st.lists(st.integers(4, VOCABULARY - 1), min_size=1, max_size=9)
pairs = st.lists(st.tuples(sentence, sentence), min_size=1, max_size=4)


def batch_of(examples: list[tuple[list[int], list[int]]]) -> Batch:
    return collate([source for source, _ in examples], [target for _, target in examples])


@torch.no_grad()
def teacher_forced(model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
    output = model.decode(
        batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask), need_attention=True
    )
    assert output.attention is not None
    return output.logits, output.attention


def pad_source(batch: Batch, left: int, right: int) -> Batch:
    def widen(x: Tensor, value: int | bool) -> Tensor:
        return torch.nn.functional.pad(x, (left, right), value=value)

    return Batch(
        widen(batch.source, SPECIAL.pad),
        widen(batch.source_mask, False),
        batch.target_input,
        batch.target_output,
        batch.target_mask,
    )
