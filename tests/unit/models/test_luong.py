"""What makes Luong's model his: where it starts, what drives attention, what is fed back; its size and its options."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from nmt.models.luong import Luong, LuongMemory
from nmt.models.weights import parameter_count
from nmt.nn.cells import LSTM
from nmt.nn.dot_attention import DotAttention

small = partial(
    Luong.Config,
    layers=2,
    source_embedding_dim=6,
    target_embedding_dim=5,
    encoder_dim=8,
    decoder_dim=8,
    initial_range=0.6,
)
SOURCE = torch.tensor([[5, 6, 7, 3], [8, 9, 3, 0]])
TARGET = torch.tensor([[2, 5, 6, 7], [2, 9, 8, 4]])


def build(**options: object) -> Luong:
    torch.manual_seed(1)
    return Luong.Config.model_validate({**small.keywords, **options}).build(12, 12)


def dot(model: Luong) -> DotAttention:
    assert isinstance(model.attention, DotAttention)
    return model.attention


def encode(model: Luong, source: Tensor = SOURCE) -> LuongMemory:
    return model.encode(source, source != 0)


@torch.no_grad()
def run(model: Luong, target_input: Tensor = TARGET, source: Tensor = SOURCE) -> tuple[Tensor, Tensor]:
    """Logits and attention."""
    target_mask = torch.ones_like(target_input, dtype=torch.bool)
    output = model.decode(target_input, target_mask, encode(model, source), need_attention=True)
    assert output.attention is not None
    return output.logits, output.attention


def zero(*parameters: Tensor) -> None:
    with torch.no_grad():
        for parameter in parameters:
            parameter.zero_()


def test_full_size_has_the_papers_parameters() -> None:
    """4 layers of 1,000 cells on both sides, embeddings of 1,000, 50,000 words of each language."""
    with torch.device("meta"):
        model = Luong.Config().build(50_000, 50_000)
    layer = 4 * 1000 * (1000 + 1000 + 1)  # input, recurrence, bias
    attention = 1000 * 1000 + 2000 * 1000  # W_a, W_c
    words = 50_000 * (1000 + 1000 + 1001)
    assert parameter_count(model) == 8 * layer + 4 * 1000 * 1000 + attention + words


@torch.no_grad()
def test_the_equations() -> None:
    """Two layers, one direction, step by step: equations 5 to 8 of the paper and its figure 4."""
    model = build(output_dim=7).eval()
    memory = encode(model, SOURCE[:1])
    source = model.source_embedding(SOURCE[:1])
    for layer in model.encoder:
        source = layer(source)
    states = memory.final
    torch.testing.assert_close(states[-1].output, source[:, -1])
    lowest, highest = model.decoder
    fed, logits = torch.zeros(1, 8), []
    for token in TARGET[0]:
        x = lowest.project(model.target_embedding(token[None])) + fed @ model.feed.weight.T
        states = [lowest.advance(x, states[0]), states[1]]
        states = [states[0], highest.step(states[0].output, states[1])]
        query = states[1].output
        scores = torch.stack([query[0] @ dot(model).key.weight @ vector for vector in source[0]])
        context = torch.softmax(scores, 0) @ source[0]
        fed = torch.tanh(context @ dot(model).value.weight.T + query @ dot(model).query.weight.T)
        assert model.projection is not None
        logits.append(model.output(model.projection(fed)))
    torch.testing.assert_close(torch.stack(logits, 1), run(model, TARGET[:1], SOURCE[:1])[0])


def test_attention_sees_the_steps_own_token_through_the_highest_layer() -> None:
    model = build().eval()
    changed = TARGET.clone()
    changed[:, 2] = 11
    (_, before), (_, after) = run(model, TARGET), run(model, changed)
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.equal(before[:, 2], after[:, 2])
    highest = model.decoder[-1]
    zero(*highest.parameters(), model.feed.weight)
    # what is left of the highest layer: its memory, which halves with each step, and no token changes it
    assert torch.equal(run(model, TARGET)[1], run(model, changed)[1])


def test_attention_is_fed_to_the_next_step() -> None:
    """Values alone change nothing but what is fed and what the output layer reads."""
    model = build().eval()
    other = build().eval()
    zero(dot(other).value.weight)
    (_, before), (_, after) = run(model), run(other)
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.equal(before[:, 1], after[:, 1])
    zero(model.feed.weight, other.feed.weight)
    assert torch.equal(run(model)[1], run(other)[1])


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "encoder_dim": 4}, {"encoder_dim": 7}])
def test_the_decoder_starts_from_what_the_encoder_ended_with(options: dict[str, object]) -> None:
    model = build(**options).eval()
    assert len(model.bridge) == (2 if options == {"encoder_dim": 7} else 0)
    zero(dot(model).value.weight)
    other_source = torch.tensor([[10, 6, 7, 3], [8, 9, 3, 0]])
    logits, other = run(model)[0], run(model, source=other_source)[0]
    assert not torch.equal(logits[0], other[0])
    torch.testing.assert_close(logits[1], other[1])


def test_every_layer_of_a_bidirectional_encoder_looks_ahead() -> None:
    """The first output of the highest backward layer depends on the last word, and so does the first of the lowest."""
    ahead = torch.tensor([[5, 6, 11, 3]])
    for silenced in (0, 1):
        model = build(bidirectional=True).eval()
        zero(*model.encoder_backward[silenced].parameters())
        before, after = (encode(model, source).views[0] for source in (SOURCE[:1], ahead))
        assert not torch.equal(before[:, 0], after[:, 0])
    forward_alone = build(bidirectional=True).eval()
    zero(*forward_alone.encoder_backward.parameters())
    before, after = (encode(forward_alone, source).views[0] for source in (SOURCE[:1], ahead))
    assert torch.equal(before[:, :2], after[:, :2])


def test_each_dropout_is_of_its_own_part() -> None:
    """Two draws differ where it applies, and nowhere before."""

    def differs(**options: object) -> list[bool]:
        model = build(dropout=0.0, output_dim=9, **options).train()
        one, two = encode(model), encode(model)
        mask = torch.ones_like(TARGET, dtype=torch.bool)
        first, second = (model.decode(TARGET, mask, one, need_attention=True) for _ in range(2))
        assert first.attention is not None
        assert second.attention is not None
        compared = [
            (one.final[0].output, two.final[0].output),
            (one.views[0], two.views[0]),
            (first.attention[:, 0], second.attention[:, 0]),
            (first.logits, second.logits),
        ]
        return [not torch.equal(this, that) for this, that in compared]

    assert differs() == [False, False, False, False]
    assert differs(source_embedding_dropout=0.5) == [True, True, False, False]
    assert differs(encoder_dropout=0.5) == [False, True, False, False]
    assert differs(target_embedding_dropout=0.5) == [False, False, True, True]
    assert differs(decoder_dropout=0.5) == [False, False, True, True]
    assert differs(layers=1, decoder_dropout=0.5) == [False, False, False, True]
    inherited = Luong.Config(
        dropout=0.5, source_embedding_dropout=0.0, encoder_dropout=0.0, target_embedding_dropout=0.0
    )
    assert inherited.build(5, 5).decoder_dropout.p == 0.5


def test_what_dropout_leaves_is_scaled_up_and_fed_back() -> None:
    """With attention's value and query large, what it gives is 1 or -1: dropped out, 0 or as much more."""
    model = build(decoder_dropout=0.5, layers=1).train()
    with torch.no_grad():
        dot(model).query.weight.mul_(1e4)
    memory = encode(model)
    drawn = model._draw(TARGET.float(), 3)
    assert drawn[0] is not None
    assert drawn[0].shape == (1, 2, 8)
    state, _ = model._advance(torch.randn(2, 32), memory, model.init_state(memory, 1, 9), drawn[0])
    assert set(state.fed.abs().unique().tolist()) == {0.0, 2.0}
    other = model._draw(TARGET.float(), 3)
    assert other[0] is not None
    assert not torch.equal(drawn[0], other[0])
    assert model.eval()._draw(TARGET.float(), 3) == [None, None, None]


def test_what_is_projected_for_the_output_layer_is_dropped_out_too() -> None:
    """An output layer that passes it on shows a half of it as zeros, though nothing before it was."""
    model = build(decoder_dropout=0.5, output_dim=12, output_bias=False).train()
    with torch.no_grad():
        model.output.weight.copy_(torch.eye(12))
    shown = model._logits(torch.ones(200, 8))
    assert (shown == 0).float().mean() == pytest.approx(0.5, abs=0.1)
    assert (model.eval()._logits(torch.ones(200, 8)) != 0).all()


def test_weights_and_biases_start_uniform() -> None:
    cell = LSTM.Config(forget_bias=2.0)
    model = small(decoder_dim=40, initial_range=0.1, cell=cell).build(60, 60)
    assert not model.target_embedding.weight[0].any()
    for name, parameter in model.named_parameters():
        started = parameter.detach().clone()
        if "coder" in name and name.endswith("bias"):
            width = len(started) // 4
            started[width : 2 * width] -= 2.0
        assert started.abs().max() <= 0.1 + 1e-6, name
        if started.numel() > 100:
            assert started.std() == pytest.approx(0.1 / 3**0.5, rel=0.25), name


def test_tied_matrices_must_have_one_width() -> None:
    with pytest.raises(ValidationError, match="output_dim must equal target_embedding_dim, 5"):
        small(tied_embeddings="target")
    with pytest.raises(ValidationError, match="source_embedding_dim and target_embedding_dim must be equal"):
        small(tied_embeddings="all", output_dim=5)
    tied = build(tied_embeddings="target", output_dim=5, output_bias=False)
    assert tied.output.weight is tied.target_embedding.weight
    assert tied.output.bias is None
