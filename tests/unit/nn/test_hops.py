"""Parts of the hops: tying, weights with and without softmax, and the linear start."""

from __future__ import annotations

import torch
from torch import nn

from nmt.nn.annealing import anneal
from nmt.nn.hops import Carry, HopWeights, LinearStart, linear_start_conflicts, tables, views


def test_layer_wise_hops_share_two_views_and_adjacent_ones_each_their_neighbours() -> None:
    assert tables("layer_wise", 3) == 2
    assert views("layer_wise", 3) == [(0, 1)] * 3
    assert tables("adjacent", 3) == 4
    assert views("adjacent", 3) == [(0, 1), (1, 2), (2, 3)]


def test_only_a_layer_wise_query_is_multiplied_by_a_matrix() -> None:
    query = torch.randn(2, 4)
    assert torch.equal(Carry("adjacent", 4, 0.1)(query), query)
    carry = Carry("layer_wise", 4, 0.1)
    assert carry.projection is not None
    assert torch.equal(carry(query), query @ carry.projection.weight.T)


def test_weights_are_a_softmax_of_the_items_that_are_there() -> None:
    scores = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    mask = torch.tensor([[True, False, True], [False, False, False]])
    weights = HopWeights(None)(scores, mask)
    torch.testing.assert_close(weights[0, [0, 2]], torch.softmax(torch.tensor([1.0, 3.0]), 0))
    assert weights[0, 1] == 0
    assert not weights[1].any()


def test_during_a_linear_start_they_are_the_scores() -> None:
    """And nothing is added for items that are not there."""
    scores, mask = torch.tensor([[1.0, -2.0, 3.0]]), torch.tensor([[True, True, False]])
    weights = HopWeights(LinearStart(until_update=2))
    assert weights(scores, mask).tolist() == [[1.0, -2.0, 0.0]]
    assert [anneal(weights, update) for update in (1, 2, 3, 4)] == [False, False, True, False]
    torch.testing.assert_close(weights(scores, mask), HopWeights(None)(scores, mask))


def test_the_phase_is_saved_with_the_weights_and_never_goes_back() -> None:
    trained, other = (HopWeights(LinearStart(until_update=2)) for _ in range(2))
    anneal(trained, 3)
    other.load_state_dict(trained.state_dict())
    scores, mask = torch.randn(2, 3), torch.ones(3, dtype=torch.bool)
    assert torch.equal(other(scores, mask), trained(scores, mask))
    assert not anneal(other, 1)
    assert torch.equal(other(scores, mask), trained(scores, mask))
    assert list(nn.Sequential(HopWeights(None)).state_dict()) == []


def test_a_linear_start_must_end() -> None:
    assert not list(linear_start_conflicts(None, 5))
    assert not list(linear_start_conflicts(LinearStart(until_update=4), 5))
    (conflict,) = linear_start_conflicts(LinearStart(until_update=5), 5)
    assert conflict.got == "5 of 5"
