"""Frozen parts are those that were named, whatever name a shared matrix is called by."""

from __future__ import annotations

import pytest
import torch

from nmt.errors import UserError
from nmt.models.freezing import freeze
from nmt.models.transformer import Transformer
from nmt.training.flat import FlatParameters


def model() -> Transformer:
    small = Transformer.Config(model_dim=8, feedforward_dim=8, heads=2, encoder_layers=2, decoder_layers=11)
    return small.build(12, 12)


def frozen(parts: list[str]) -> set[str]:
    made = model()
    freeze(made, parts)
    return {name for name, parameter in made.named_parameters() if not parameter.requires_grad}


def test_a_part_is_all_that_is_below_it_and_nothing_beside_it() -> None:
    names = [name for name, _ in model().named_parameters()]
    assert frozen(["encoder"]) == {name for name in names if name.startswith("encoder.")}
    assert frozen(["decoder.1"]) == {name for name in names if name.startswith("decoder.1.")}  # not decoder.10
    assert frozen(["encoder.0", "decoder.3.feedforward.inner.bias"]) == {
        *(name for name in names if name.startswith("encoder.0.")),
        "decoder.3.feedforward.inner.bias",
    }


def test_a_shared_matrix_is_frozen_by_any_of_its_names() -> None:
    assert frozen(["output"]) == frozen(["target_embedding"]) == frozen(["source_embedding"]) != set()


def test_an_unknown_part_is_answered_with_the_parts_there_are() -> None:
    with pytest.raises(UserError, match="source_embedding, .*decoder"):
        freeze(model(), ["encoder", "decodre"])


def test_something_must_be_left_to_train() -> None:
    with pytest.raises(UserError, match="something left to train"):
        freeze(model(), ["encoder", "decoder", "source_embedding"])


def test_frozen_weights_take_no_part_in_an_update_but_are_saved() -> None:
    made = model()
    freeze(made, ["encoder", "source_embedding"])
    before = {name: parameter.detach().clone() for name, parameter in made.named_parameters()}
    flat = FlatParameters(made, extra=0)
    source = torch.tensor([[4, 5, 3]])
    mask = torch.ones_like(source, dtype=torch.bool)
    made.decode(source, mask, made.encode(source, mask)).logits.square().sum().backward()
    flat.values.data -= flat.gradients
    changed = {name for name, parameter in made.named_parameters() if not torch.equal(parameter, before[name])}
    assert changed
    assert all(name.startswith("decoder.") for name in changed)
    assert {name for name in flat.others if name in before} == {
        name for name in before if name.startswith(("encoder.", "source_embedding."))
    }
