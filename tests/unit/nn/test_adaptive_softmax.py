"""The adaptive softmax against torch's, against a full softmax over its own probabilities, and what it computes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from nmt.nn.loss import label_smoothed_loss, weighted_log_likelihood
from nmt.nn.output import AdaptiveSoftmax
from nmt.nn.output.adaptive import AdaptiveLayer
from nmt.nn.output.frequency import order_by_frequency

WIDTH, VOCABULARY = 16, 30
CUTOFFS = (6, 13)


def layer_of(options: AdaptiveSoftmax, *, bias: bool = False, shuffled: bool = True) -> AdaptiveLayer:
    """With large random weights, and by default with the ids in another order than their ranks."""
    torch.manual_seed(2)
    layer = options.build(WIDTH, VOCABULARY, nn.Identity, bias=bias)
    assert isinstance(layer, AdaptiveLayer)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    if shuffled:
        layer.order_by_frequency(torch.randint(100, (VOCABULARY,)))
    return layer


def drawn(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors [B, T, D], targets and mask [B, T]."""
    x = torch.randn(3, rows, WIDTH, requires_grad=True)
    return x, torch.randint(VOCABULARY, (3, rows)), torch.rand(3, rows) < 0.7


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("cutoffs", [(6, 13), (1,), (28, 29)])
def test_loss_and_gradients_are_those_of_torch(cutoffs: tuple[int, ...], bias: bool) -> None:
    layer = layer_of(AdaptiveSoftmax(cutoffs=cutoffs, reduction=2.0), bias=bias, shuffled=False)
    theirs = nn.AdaptiveLogSoftmaxWithLoss(WIDTH, VOCABULARY, list(cutoffs), div_value=2.0, head_bias=bias)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), (p.detach() for p in layer.parameters()), strict=True)))
    x, targets, mask = drawn(100)
    ours = AdaptiveSoftmax(cutoffs=cutoffs).predict(layer, x).loss(targets, mask, 0.0)
    expected = theirs(x[mask], targets[mask]).loss * mask.sum()
    torch.testing.assert_close(ours.smoothed, expected)
    torch.testing.assert_close(ours.likelihood, expected.detach())
    assert not ours.likelihood.requires_grad
    gradients = torch.autograd.grad(ours.smoothed, [x, *layer.parameters()])
    for found, wanted in zip(gradients, torch.autograd.grad(expected, [x, *theirs.parameters()]), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer(x), theirs.log_prob(x.flatten(0, 1)).view(3, 100, VOCABULARY))


@given(seed=st.integers(0, 1000))
def test_probabilities_sum_to_one(seed: int) -> None:
    layer = layer_of(AdaptiveSoftmax(cutoffs=CUTOFFS))
    torch.manual_seed(seed)
    log_p = layer(5 * torch.randn(4, 3, WIDTH))
    assert log_p.is_contiguous()
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(4, 3), atol=1e-5, rtol=0)


def test_a_single_cluster_is_plain_cross_entropy() -> None:
    options = AdaptiveSoftmax(cutoffs=())
    layer = layer_of(options, bias=True, shuffled=False)
    x, targets, mask = drawn(9)
    found = options.predict(layer, x).loss(targets, mask, 0.0)
    logits = layer.head(x)
    expected = nn.functional.cross_entropy(logits[mask], targets[mask], reduction="sum")
    torch.testing.assert_close(found.smoothed, expected)
    torch.testing.assert_close(layer(x), logits.log_softmax(-1))


@given(seed=st.integers(0, 1000), rows=st.integers(1, 9))
def test_what_is_computed_in_part_agrees_with_the_logits(seed: int, rows: int) -> None:
    options = AdaptiveSoftmax(cutoffs=CUTOFFS, reduction=2.0)
    layer = layer_of(options)
    torch.manual_seed(seed)
    x, targets, mask = drawn(rows)
    predictions = options.predict(layer, x)
    with torch.no_grad():
        logits = predictions.to_logits()
        expected = logits.gather(-1, targets[..., None]).squeeze(-1)
        torch.testing.assert_close(predictions.log_probabilities(targets), expected)
        torch.testing.assert_close(predictions.loss(targets, mask, 0.0).smoothed, -expected[mask].sum())
        assert torch.equal(predictions.most_probable(), logits.argmax(-1))
        assert torch.equal(predictions.select(mask).most_probable(), logits[mask].argmax(-1))
        weights = torch.randn(3, rows).masked_fill((targets == 0) | (targets == 2), 0.0)
        torch.testing.assert_close(
            predictions.weighted_log_likelihood(targets, weights, 0.5, never=(0, 2)),
            weighted_log_likelihood(logits.flatten(0, 1), targets.flatten(), weights.flatten(), 0.5, never=(0, 2)),
        )


def test_smoothing_is_over_all_words() -> None:
    options = AdaptiveSoftmax(cutoffs=CUTOFFS, reduction=2.0)
    layer = layer_of(options)
    x, targets, mask = drawn(9)
    found = options.predict(layer, x).loss(targets, mask, 0.1)
    expected = label_smoothed_loss(layer(x).flatten(0, 1), targets.flatten(), mask.flatten(), 0.1)
    torch.testing.assert_close(found, expected)
    parameters = [x, *layer.parameters()]
    ours, theirs = (torch.autograd.grad(loss.smoothed, parameters) for loss in (found, expected))
    for gradient, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, wanted, atol=1e-5, rtol=1e-5)
        assert gradient.any()


def test_a_tail_reads_only_the_rows_whose_target_it_has() -> None:
    options = AdaptiveSoftmax(cutoffs=CUTOFFS)
    layer = layer_of(options)
    counts = [0, 0]
    for index, tail in enumerate(layer.tails):

        def count(_: nn.Module, inputs: tuple[Tensor, ...], index: int = index) -> None:
            counts[index] += len(inputs[0])

        tail.register_forward_pre_hook(count)
    ids = layer.rank.argsort()  # by rank
    targets = ids[torch.tensor([[0, 6, 12, 29], [13, 5, 1, 13]])]
    mask = torch.tensor([[True, True, True, True], [True, True, True, False]])
    predictions = options.predict(layer, torch.randn(2, 4, WIDTH))
    predictions.loss(targets, mask, 0.0)
    assert counts == [2, 2]
    predictions.log_probabilities(targets)
    assert counts == [4, 5]
    predictions.loss(targets, mask & (targets == ids[6]), 0.0)
    assert counts == [5, 5]


def test_the_most_frequent_come_first_and_the_weights_belong_to_ranks() -> None:
    options = AdaptiveSoftmax(cutoffs=CUTOFFS)
    layer, x = layer_of(options, shuffled=False), torch.randn(2, WIDTH)
    by_rank = layer(x)
    counts = torch.arange(VOCABULARY) % 7
    counts[[0, 2]] = -1
    order_by_frequency(nn.ModuleList([layer]), lambda: counts)
    assert layer.rank.sort().values.tolist() == list(range(VOCABULARY))
    assert layer.rank[[6, 13, 20, 27, 5]].tolist() == [0, 1, 2, 3, 4]
    assert layer.rank[[0, 2]].tolist() == [28, 29]
    assert torch.equal(layer(x), by_rank[:, layer.rank])


def test_nothing_is_counted_for_a_model_without_such_a_part() -> None:
    def never() -> Tensor:
        raise AssertionError

    order_by_frequency(nn.Linear(2, 2), never)


def test_the_projection_of_a_tail_is_dropped_out() -> None:
    layer = layer_of(AdaptiveSoftmax(cutoffs=CUTOFFS, reduction=1.0, dropout=0.5))
    x = torch.randn(1, WIDTH)
    assert torch.equal(layer.eval()(x), layer(x))
    assert not torch.equal(layer.train()(x), layer(x))


def test_a_tail_is_never_narrower_than_one() -> None:
    layer = layer_of(AdaptiveSoftmax(cutoffs=(5, 10, 15), reduction=4.0))
    assert [tail.projection.out_features for tail in layer.tails] == [4, 1, 1]


def test_bad_options_are_refused_in_words() -> None:
    for cutoffs in ((5, 5), (6, 2)):
        with pytest.raises(ValueError, match="must ascend"):
            AdaptiveSoftmax(cutoffs=cutoffs)
    with pytest.raises(ValueError, match="must be less than the vocabulary, 30, but the last is 30"):
        AdaptiveSoftmax(cutoffs=(5, 30)).build(WIDTH, VOCABULARY, nn.Identity)
