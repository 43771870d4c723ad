"""Every weight of the other toolkit ends as one of ours, or the user is told which does not."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nmt.errors import UserError
from nmt.interop.renaming import Rule, rename

RULES = (
    Rule("embedding", ("embed.weight",), torch.neg),
    Rule("layer.{}.input", ("layers.{}.q", "layers.{}.k")),
    Rule("layer.{}.norm", ("layers.{}.norm",), optional=True),
    Rule("norm", ("norm",), optional=True),
)


def weights(layers: int = 2) -> dict[str, Tensor]:
    names = ["embed.weight", *(f"layers.{layer}.{part}" for layer in range(layers) for part in "qk")]
    return {name: torch.randn(2, 3) for name in names}


def renamed(state: dict[str, Tensor], ignored: tuple[str, ...] = ("*.version",)) -> dict[str, Tensor]:
    return rename(state, RULES, ignored, "model.pt", "a model")


def complaint(state: dict[str, Tensor]) -> str:
    with pytest.raises(UserError) as raised:
        renamed(state)
    assert raised.value.where == "model.pt"
    return raised.value.got


@given(layers=st.integers(0, 12))
def test_layers_are_counted_and_parts_joined(layers: int) -> None:
    state = weights(layers)
    ours = renamed(state)
    assert ours.keys() == {"embedding", *(f"layer.{layer}.input" for layer in range(layers))}
    assert torch.equal(ours["embedding"], -state["embed.weight"])
    for layer in range(layers):
        parts = [state[f"layers.{layer}.{part}"] for part in "qk"]
        assert torch.equal(ours[f"layer.{layer}.input"], torch.cat(parts))


def test_what_only_some_models_have_is_taken_where_it_is() -> None:
    ours = renamed({**weights(), "layers.1.norm": torch.ones(2), "norm": torch.ones(2)})
    assert "layer.0.norm" not in ours
    assert "layer.1.norm" in ours
    assert "norm" in ours


def test_a_gradient_goes_back_to_what_came_in() -> None:
    state = {name: weight.requires_grad_() for name, weight in weights().items()}
    torch.stack([weight.sum() for weight in renamed(state).values()]).sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in state.values())


@given(dropped=st.sets(st.sampled_from(sorted(weights(3))), min_size=1))
def test_every_missing_weight_is_named_or_counted(dropped: set[str]) -> None:
    state = {name: weight for name, weight in weights(3).items() if name not in dropped}
    state["layers.2.norm"] = torch.ones(2)  # so that the last layer is still seen
    got = complaint(state)
    assert f"{len(dropped)} missing" in got
    for name in dropped:
        layers = [other for other in dropped if other[-1] == name[-1] and other != "embed.weight"]
        assert (name if len(layers) <= 1 or name == "embed.weight" else f"layers.*.{name[-1]} ({len(layers)}") in got


def test_every_weight_left_over_is_named_or_counted() -> None:
    state = {
        **weights(),
        "decoder.bias": torch.ones(1),
        "layers.0.extra": torch.ones(1),
        "layers.1.extra": torch.ones(1),
    }
    got = complaint(state)
    assert "3 unexpected (decoder.bias, layers.*.extra (2 of them)), and 0 missing (none)" in got


def test_only_what_is_listed_is_ignored() -> None:
    assert renamed({**weights(), "encoder.version": torch.ones(1)}).keys() == renamed(weights()).keys()
    assert "encoder.version" in complaint({**weights(), "encoder.version.more": torch.ones(1)})


def test_half_of_an_optional_weight_is_an_error() -> None:
    rules = (Rule("joined", ("a", "b"), optional=True),)
    with pytest.raises(UserError, match=r"1 missing \(b\)"):
        rename({"a": torch.ones(1)}, rules, (), "model.pt", "a model")
