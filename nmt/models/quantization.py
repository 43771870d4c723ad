"""Models with 8-bit linear layers and embeddings, swapped in from outside: no model's code mentions them."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor, nn

from nmt.nn.embedding import TokenEmbedding
from nmt.nn.int8 import Int8Embedding, Int8Linear, quantized_weight
from nmt.nn.linear.folding import fold
from nmt.nn.twin import twin

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def quantized(model: ModuleT) -> ModuleT:
    """A copy of the model with 8-bit weights, computed weights folded in; it shares everything else with the model.

    Quantises every linear layer with more than one output and every embedding; tied matrices stay tied. Layer
    normalisations, biases, learned positions, centroids, the states of a block-recurrent mixer and the vector of an
    additive attention stay in floating point.
    """
    done: dict[int, tuple[Tensor, Tensor]] = {}

    def weights_of(weight: Tensor) -> tuple[Tensor, Tensor]:
        if id(weight) not in done:
            done[id(weight)] = quantized_weight(weight)
        return done[id(weight)]

    def replacement(part: nn.Module) -> nn.Module:
        if isinstance(part, TokenEmbedding):
            return Int8Embedding(*weights_of(part.weight), part.scale).train(part.training)
        assert isinstance(part, nn.Linear)
        return Int8Linear(*weights_of(part.weight), part.bias).train(part.training)

    return twin(fold(model), _quantizable, replacement)


def packed(model: ModuleT) -> ModuleT:
    """A quantised model in the form that this CPU computes fastest; for inference only."""

    def replacement(part: nn.Module) -> nn.Module:
        assert isinstance(part, Int8Linear)
        return part.packed().train(part.training)

    return twin(model, lambda part: isinstance(part, Int8Linear), replacement)


def dequantized(model: ModuleT) -> ModuleT:
    """A quantised model converted back to floating point, with the values that its bytes stand for."""

    def replacement(part: nn.Module) -> nn.Module:
        if isinstance(part, Int8Linear):
            return part.dequantized().train(part.training)
        assert isinstance(part, Int8Embedding)
        embedding = TokenEmbedding(1, 1, 0, std=0.0, scale=part.scale)
        embedding.weight = nn.Parameter(part.dequantized(), requires_grad=False)
        return embedding.train(part.training)

    return twin(model, lambda part: isinstance(part, (Int8Linear, Int8Embedding)), replacement)


def is_quantized(model: nn.Module) -> bool:
    """Whether some of the model's weights are 8-bit."""
    return any(isinstance(part, Int8Linear) for part in model.modules())


def _quantizable(part: nn.Module) -> bool:
    if isinstance(part, nn.Linear):
        return part.out_features > 1
    return isinstance(part, TokenEmbedding)
