"""The gated convolutional language model computes what fairseq's `fconv_lm` computes with the same weights.

fairseq's decoder is built with a tied output layer: untied, it has a projection before it that the paper's has not.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from nmt.models.language.gated_convolution import Blocks, GatedConvolutionalLM
from nmt.models.weights import load_weights
from tests.parity.reference import TOLERANCE, dictionary, make_random

VOCABULARY, DIM = 50, 12
LAYERS = [(16, 3), (12, 4), (12, 4), (20, 1)]


def their_decoder() -> nn.Module:
    from fairseq.models.fconv import FConvDecoder

    decoder: nn.Module = FConvDecoder(
        dictionary(VOCABULARY),
        embed_dim=DIM,
        out_embed_dim=DIM,
        convolutions=LAYERS,
        attention=False,
        share_embed=True,
        positional_embeddings=False,
    )
    return make_random(decoder).eval()


def our_weights(theirs: nn.Module) -> Iterator[tuple[str, Tensor]]:
    state = theirs.state_dict()

    def linear(ours: str, name: str) -> Iterator[tuple[str, Tensor]]:
        direction = state[f"{name}.weight_v"]
        if direction.dim() == 3:  # [kernel, inputs, outputs]; theirs too has the newest frame last
            direction = direction.permute(2, 0, 1).flatten(1)
        yield f"{ours}.direction", direction
        yield f"{ours}.magnitude", state[f"{name}.weight_g"].flatten()
        yield f"{ours}.bias", state[f"{name}.bias"]

    yield "decoder.embedding.weight", state["embed_tokens.weight"]
    yield "decoder.output.bias", state["fc3.bias"]
    yield from linear("decoder.input", "fc1")
    yield from linear("decoder.projection", "fc2")
    for layer in range(len(LAYERS)):
        yield from linear(f"decoder.blocks.{layer}.convolutions.0.linear", f"convolutions.{layer}")
        if f"projections.{layer}.bias" in state:
            yield from linear(f"decoder.blocks.{layer}.residual", f"projections.{layer}")


def test_the_logits_are_those_of_fconv_lm() -> None:
    torch.manual_seed(1)
    theirs = their_decoder()
    blocks = tuple(Blocks(width=width, kernel=kernel) for width, kernel in LAYERS)
    config = GatedConvolutionalLM.Config(embedding_dim=DIM, blocks=blocks, tied_embeddings=True)
    model = config.build(VOCABULARY, VOCABULARY).eval()
    load_weights(model, dict(our_weights(theirs)), "fconv_lm")
    text = torch.randint(4, VOCABULARY, (3, 9))
    with torch.no_grad():
        expected, _ = theirs(text)
        memory = model.encode(text[:, :1], torch.ones(3, 1, dtype=torch.bool))
        logits = model.decode(text, torch.ones(3, 9, dtype=torch.bool), memory).logits
    torch.testing.assert_close(logits, expected, atol=TOLERANCE, rtol=0)
    assert (expected[:, 1:] - expected[:, :-1]).abs().amax() > 100 * TOLERANCE, "the text makes a difference"
