"""The laws that every translation model obeys, whatever it is made of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from nmt.data.batch import Batch
from nmt.models.weights import load_weights, named_weights
from nmt.nn.dropout import Dropout
from nmt.nn.linear.folding import fold
from nmt.search.dispatch import find_hypotheses
from nmt.search.options import Sampling
from nmt.training.objectives.likelihood import cross_entropy
from tests.contract import decoding_laws
from tests.contract.decoding_laws import TOLERANCE
from tests.contract.listed import MODELS
from tests.contract.random_models import (
    VOCABULARY,
    Model,
    batch_of,
    pad_source,
    pairs,
    random_model,
    teacher_forced,
)


@pytest.fixture(params=MODELS, scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    """Each listed model with random weights."""
    return random_model(MODELS[request.param])


test_steps_give_the_teacher_forced_logits_and_attention = (
    decoding_laws.steps_give_the_teacher_forced_logits_and_attention
)
test_selected_hypotheses_go_on_as_if_decoded_from_their_prefix = (
    decoding_laws.selected_hypotheses_go_on_as_if_decoded_from_their_prefix
)
test_search_with_a_coverage_penalty_translates_alone_as_in_a_batch = (
    decoding_laws.search_with_a_coverage_penalty_translates_alone_as_in_a_batch
)


@settings(max_examples=15)
@given(examples=pairs, left=st.integers(0, 4), right=st.integers(0, 4))
def test_neither_batch_mates_nor_padding_change_a_result(
    model: Model, examples: list[tuple[list[int], list[int]]], left: int, right: int
) -> None:
    logits, _ = teacher_forced(model, pad_source(batch_of(examples), left, right))
    for row, example in enumerate(examples):
        alone, _ = teacher_forced(model, batch_of([example]))
        torch.testing.assert_close(logits[row, : alone.shape[1]], alone[0], atol=TOLERANCE, rtol=0)


@settings(max_examples=15)
@given(examples=pairs, position=st.integers(1, 9))
def test_a_later_target_token_changes_nothing_before_it(
    model: Model, examples: list[tuple[list[int], list[int]]], position: int
) -> None:
    batch = batch_of(examples)
    position = min(position, batch.target_input.shape[1] - 1)
    before, _ = teacher_forced(model, batch)
    changed = batch.target_input.clone()
    changed[:, position:] = (changed[:, position:] - 3) % (VOCABULARY - 4) + 4
    after, _ = teacher_forced(
        model, Batch(batch.source, batch.source_mask, changed, batch.target_output, batch.target_mask)
    )
    torch.testing.assert_close(after[:, :position], before[:, :position], atol=TOLERANCE, rtol=0)
    assert not torch.equal(after[:, position], before[:, position])


@settings(max_examples=6)
@given(examples=pairs)
def test_attention_is_a_distribution_over_real_source_tokens(
    model: Model, examples: list[tuple[list[int], list[int]]]
) -> None:
    batch = pad_source(batch_of(examples), 1, 2)
    _, attention = teacher_forced(model, batch)
    torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:2]))
    assert (attention >= 0).all()
    assert (attention.masked_select(~batch.source_mask[:, None, :].expand_as(attention)) == 0).all()


@settings(max_examples=6)
@given(examples=pairs)
def test_samples_are_those_of_the_sentence_alone_with_the_probability_of_teacher_forcing(
    model: Model, examples: list[tuple[list[int], list[int]]]
) -> None:
    options = Sampling(n_best=4, max_length_factor=1.0, max_length_offset=2)
    batch = pad_source(batch_of(examples), 2, 1)
    for (source, _), found in zip(
        examples, find_hypotheses(options, model, batch.source, batch.source_mask), strict=True
    ):
        one = batch_of([(source, [4])])
        (alone,) = find_hypotheses(options, model, one.source, one.source_mask)
        assert [hypothesis.tokens for hypothesis in found] == [hypothesis.tokens for hypothesis in alone]
        forced = batch_of([(source, list(hypothesis.tokens)) for hypothesis in found])
        table = teacher_forced(model, forced)[0].log_softmax(-1).gather(2, forced.target_output[:, :, None]).squeeze(2)
        expected = table.masked_fill(~forced.target_mask, 0.0).sum(1).tolist()
        assert [hypothesis.log_probability for hypothesis in found] == pytest.approx(expected, abs=1e-3)


def test_folded_weights_give_the_same_logits(model: Model) -> None:
    batch = batch_of([([5, 6, 7], [8, 9]), ([10], [11, 12])])
    folded = fold(model)
    torch.testing.assert_close(teacher_forced(folded, batch)[0], teacher_forced(model, batch)[0])


def test_saved_and_loaded_weights_give_the_same_logits(model: Model, tmp_path: Path, request: Any) -> None:
    batch = batch_of([([5, 6, 7], [8, 9])])
    save_file({name: tensor.clone() for name, tensor in named_weights(model).items()}, tmp_path / "weights")
    name = request.node.callspec.params["model"]
    other = MODELS[name].build(VOCABULARY, VOCABULARY).eval()
    assert not torch.equal(teacher_forced(other, batch)[0], teacher_forced(model, batch)[0])
    load_weights(other, load_file(tmp_path / "weights"), "weights")
    assert torch.equal(teacher_forced(other, batch)[0], teacher_forced(model, batch)[0])


def test_a_gradient_reaches_every_parameter(request: Any, model: Model) -> None:
    model = MODELS[request.node.callspec.params["model"]].build(VOCABULARY, VOCABULARY).train()
    cross_entropy(model, batch_of([([5, 6, 7, 8, 9, 10, 5], [8, 9, 10]), ([11], [12])]), 0.1).loss.backward()
    silent = [
        name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert silent == []


def test_it_learns_a_few_pairs_by_heart(request: Any, model: Model) -> None:
    """Overfitting is the shortest proof that nothing is cut off between input and loss."""
    torch.manual_seed(0)
    config = MODELS[request.node.callspec.params["model"]]
    model = config.build(VOCABULARY, VOCABULARY).train()
    for module in model.modules():
        if isinstance(module, Dropout):
            module.p = 0.0
    examples = [([5, 6, 7], [9, 8, 7]), ([6, 5], [4]), ([10, 11, 12, 13], [14, 14, 15])]
    batch = batch_of(examples if config.task == "translation" else examples[:1])  # no source tells it which one
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    likelihood = math.inf
    for _ in range(150):
        optimizer.zero_grad()
        objective = cross_entropy(model, batch, 0.0)
        likelihood = float(objective.likelihood) / batch.target_tokens
        if likelihood < 0.05:
            break
        objective.loss.backward()
        optimizer.step()
    assert likelihood < 0.05
