"""Pooling over whole texts: all positions vote, none is special, and the end is not one of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from nmt.data.batch import collate
from nmt.models.pooled_classifier import PooledClassifier
from nmt.nn.mixers import Attention, CircularConvolution
from nmt.tokenizer.base import SPECIAL

VOCABULARY, LABELS = 12, 7
TEXT = [5, 9, 4, 4, 11, 7, 6, 10, 8]


def classifier(**options: Any) -> PooledClassifier:
    torch.manual_seed(0)
    model = PooledClassifier.Config.model_validate({"model_dim": 16, "layers": 3, **options}).build(VOCABULARY, LABELS)
    return model.double().eval()


@torch.no_grad()
def logits(model: PooledClassifier, text: list[int], label: list[int] | None = None) -> Tensor:
    """[T, V] for one text."""
    batch = collate([text], [label or [4]])
    output = model.decode(batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask))
    return output.logits[0]


def test_a_rotated_text_has_the_same_logits() -> None:
    model = classifier()
    for shift in range(1, len(TEXT)):
        rotated = TEXT[shift:] + TEXT[:shift]
        torch.testing.assert_close(logits(model, rotated), logits(model, TEXT), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "options", [{"encoder_mixer": {"kind": "circular_convolution", "padding": "zero"}}, {"positions": "sinusoidal"}]
)
def test_with_zeros_beyond_the_ends_or_with_positions_it_has_others(options: dict[str, object]) -> None:
    model = classifier(**options)
    assert not torch.allclose(logits(model, TEXT[1:] + TEXT[:1])[0], logits(model, TEXT)[0])


def test_logits_are_the_mean_of_those_of_all_positions() -> None:
    model = classifier()
    source = torch.tensor([[*TEXT, SPECIAL.eos]])
    words = source != SPECIAL.eos
    with torch.no_grad():
        of_positions = model.output(model.read(source, words))[0, : len(TEXT)]
    torch.testing.assert_close(logits(model, TEXT)[0], of_positions.mean(0), atol=1e-12, rtol=0)


def test_what_follows_the_label_depends_on_the_label_and_not_on_the_text() -> None:
    model = classifier()
    assert torch.equal(logits(model, TEXT, [4])[1], logits(model, [5], [4])[1])
    assert not torch.equal(logits(model, TEXT, [5])[1], logits(model, TEXT, [4])[1])
    assert torch.equal(logits(model, TEXT, [5])[0], logits(model, TEXT, [4])[0])


def test_every_position_has_the_same_share_and_the_end_none() -> None:
    batch = collate([[5, 6, 7, 8], [9, 10], []], [[4], [4], [4]])
    memory = classifier().encode(batch.source, batch.source_mask)
    assert memory.shares.tolist() == [[0.25, 0.25, 0.25, 0.25, 0], [0.5, 0.5, 0, 0, 0], [1, 0, 0, 0, 0]]


def test_an_empty_text_is_read_as_its_end() -> None:
    model = classifier()
    with torch.no_grad():
        expected = model.output(model.read(torch.tensor([[SPECIAL.eos]]), torch.ones(1, 1, dtype=torch.bool)))[0, 0]
    torch.testing.assert_close(logits(model, [])[0], expected)


def test_layers_without_feedforward_blocks_norms_and_positions_are_those_of_the_paper() -> None:
    """x + relu(conv(x)) and nothing else: the weights of three layers, kernel 3, 16 channels."""
    counts = {name: parameter.numel() for name, parameter in classifier().layers.named_parameters()}
    assert sum(counts.values()) == 3 * (3 * 16 * 16 + 16 + 16)  # directions, lengths and biases
    model = classifier(layers=1)
    source = torch.tensor([TEXT])
    words = torch.ones_like(source, dtype=torch.bool)
    x = model.source_embedding(source)
    before, after = x.roll(1, 1), x.roll(-1, 1)
    mixer = model.layers[0].mixer
    assert isinstance(mixer, CircularConvolution)
    convolved = mixer.linear(torch.cat([before, x, after], -1))
    torch.testing.assert_close(model.read(source, words), x + convolved.relu())


def test_a_width_that_is_no_multiple_of_the_heads_is_refused() -> None:
    with pytest.raises(ValidationError, match="model_dim must be a multiple of heads, but 10 is not one of 4"):
        PooledClassifier.Config(model_dim=10)


def test_layers_may_alternate() -> None:
    model = classifier(
        encoder_mixer={"kind": "alternating", "mixers": [{"kind": "circular_convolution"}, {"kind": "attention"}]}
    )
    mixers = [type(layer.mixer) for layer in model.layers]
    assert mixers == [CircularConvolution, Attention, CircularConvolution]
