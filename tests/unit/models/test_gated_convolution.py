"""The gated convolutional language model: what it sees, and the paper's sizes."""

from __future__ import annotations

import pytest
import torch

from nmt.models.language.gated_convolution import PRESETS, Blocks, GatedConvolutionalLM, Preset


def test_it_sees_as_far_as_its_kernels_reach() -> None:
    blocks = (Blocks(width=6, kernel=3), Blocks(width=8, kernel=2, bottleneck=4, layers=2))
    model = GatedConvolutionalLM.Config(embedding_dim=5, blocks=blocks, dropout=0.0).build(9, 9).eval()
    reach = 1 + 2 + 1 + 1
    tokens = torch.randint(4, 9, (1, 10))
    mask = torch.ones(1, 10, dtype=torch.bool)
    memory = model.encode(tokens, mask)
    logits = model.decode(tokens, mask, memory).logits
    for position in range(10):
        changed = tokens.clone()
        changed[0, position] = 4 + (int(tokens[0, position]) - 3) % 5
        differs = (model.decode(changed, mask, memory).logits != logits).any(dim=2)[0]
        assert differs.nonzero().flatten().tolist() == list(range(position, min(10, position + reach)))


@pytest.mark.parametrize(
    ("preset", "convolutions", "widest"),
    [("gcnn_8", 8, 900), ("gcnn_13", 13, 1268), ("gcnn_14", 14, 2048), ("gcnn_14b", 1 + 3 * 13, 4096)],
)
def test_presets_have_the_layers_of_the_paper(preset: Preset, convolutions: int, widest: int) -> None:
    assert set(PRESETS) == {"gcnn_8", "gcnn_13", "gcnn_14", "gcnn_14b"}
    with torch.device("meta"):
        model = GatedConvolutionalLM(GatedConvolutionalLM.Config.model_validate({"preset": preset}), 100, 0)
    assert sum(len(block.convolutions) for block in model.blocks) == convolutions
    assert model.output.weight.shape == (100, widest)


def test_too_many_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="blocks: at most"):
        GatedConvolutionalLM.Config(embedding_dim=4, blocks=(Blocks(width=4, kernel=2, layers=600),) * 2)
