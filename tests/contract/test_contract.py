"""The laws that every translation model obeys, whatever it is made of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from nmt.data.batch import Batch, collate
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.models.weights import load_weights, named_weights
from nmt.nn.dropout import Dropout
from nmt.nn.weight_norm import fold_weight_norm
from nmt.search import beam
from nmt.search.base import Hypothesis
from nmt.search.dispatch import find_hypotheses
from nmt.search.options import BeamSearch, Sampling
from nmt.tokenizer.base import SPECIAL
from nmt.training.objectives.likelihood import cross_entropy
from tests.contract.listed import MODELS

VOCABULARY = 23
TOLERANCE = 1e-5

Model = EncoderDecoder[Any, Any]


@pytest.fixture(params=MODELS, scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    """Each listed model with random weights."""
    return random_model(MODELS[request.param])


def random_model(config: ModelConfig) -> Model:
    """A model that hides no error.

    Biases and the padding token's vector are random too: as zeros they would hide what padding does. And the logits
    differ enough for an error anywhere to show.
    """
    torch.manual_seed(7)
    model: Model = config.build(VOCABULARY, VOCABULARY).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
            elif "embedding" in name:
                torch.nn.init.normal_(parameter[SPECIAL.pad], std=float(parameter.std()))
    logits, _ = teacher_forced(model, batch_of([([5, 6, 7], [8, 9]), ([10], [11, 12])]))
    assert logits.std() > 0.1
    return model


sentence = st.lists(st.integers(4, VOCABULARY - 1), min_size=1, max_size=9)
pairs = st.lists(st.tuples(sentence, sentence), min_size=1, max_size=4)


def batch_of(examples: list[tuple[list[int], list[int]]]) -> Batch:
    return collate([source for source, _ in examples], [target for _, target in examples])


@torch.no_grad()
def teacher_forced(model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
    output = model.decode(
        batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask), need_attention=True
    )
    assert output.attention is not None
    return output.logits, output.attention


def pad_source(batch: Batch, left: int, right: int) -> Batch:
    def widen(x: Tensor, value: int | bool) -> Tensor:
        return torch.nn.functional.pad(x, (left, right), value=value)

    return Batch(
        widen(batch.source, SPECIAL.pad),
        widen(batch.source_mask, False),
        batch.target_input,
        batch.target_output,
        batch.target_mask,
    )


@settings(max_examples=15)
@given(examples=pairs, left=st.integers(0, 3), right=st.integers(0, 3))
def test_steps_give_the_teacher_forced_logits_and_attention(
    model: Model, examples: list[tuple[list[int], list[int]]], left: int, right: int
) -> None:
    batch = pad_source(batch_of(examples), left, right)
    logits, attention = teacher_forced(model, batch)
    with torch.no_grad():
        memory = model.encode(batch.source, batch.source_mask)
        state = model.init_state(memory, 1, batch.target_input.shape[1])
        for position in range(batch.target_input.shape[1]):
            step = model.step(batch.target_input[:, position, None], memory, state, need_attention=True)
            state = step.state
            real = batch.target_mask[:, position]
            torch.testing.assert_close(step.logits[real, 0], logits[real, position], atol=TOLERANCE, rtol=0)
            assert step.attention is not None
            torch.testing.assert_close(step.attention[real, 0], attention[real, position], atol=TOLERANCE, rtol=0)


@settings(max_examples=15)
@given(examples=pairs, beam=st.integers(1, 3), data=st.data())
def test_selected_hypotheses_go_on_as_if_decoded_from_their_prefix(
    model: Model, examples: list[tuple[list[int], list[int]]], beam: int, data: st.DataObject
) -> None:
    """Search reorders hypotheses within their sentence and drops whole sentences."""
    batch = batch_of(examples)
    sentences, length = len(examples), 4
    tokens = torch.randint(4, VOCABULARY, (sentences, beam, length), generator=torch.Generator().manual_seed(3))
    tokens[:, :, 0] = SPECIAL.bos
    parents = torch.tensor([[data.draw(st.integers(0, beam - 1)) for _ in range(beam)] for _ in range(sentences)])
    alive = torch.tensor(sorted(data.draw(st.sets(st.integers(0, sentences - 1), min_size=1))))
    with torch.no_grad():
        memory = model.encode(batch.source, batch.source_mask)
        state = model.init_state(memory, beam, length)
        for position in range(length - 1):
            state = model.step(tokens[:, :, position], memory, state).state
        rows = (torch.arange(sentences)[:, None] * beam + parents)[alive].flatten()
        memory, state = memory.select(alive), state.select(rows)
        stepped = model.step(tokens[alive][:, :, -1], memory, state).logits
        for place, sentence_number in enumerate(alive.tolist()):
            for k in range(beam):
                prefix = tokens[sentence_number, parents[sentence_number, k]].clone()
                prefix[-1] = tokens[sentence_number, k, -1]
                alone = batch_of([(examples[sentence_number][0], prefix[1:].tolist())])
                logits, _ = teacher_forced(model, alone)
                torch.testing.assert_close(stepped[place, k], logits[0, length - 1], atol=TOLERANCE, rtol=0)


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


@contextmanager
def closest_call() -> Iterator[list[float]]:
    """The least differences between the scores of a search's best candidates, step by step."""
    margins: list[float] = []
    choose = beam._continue

    def watched(*arguments: Any) -> Any:
        found = choose(*arguments)
        differences = found.sums[:, :-1] - found.sums[:, 1:]
        margins.append(float(differences[differences.isfinite()].min()) if differences.isfinite().any() else math.inf)
        return found

    with patch.object(beam, "_continue", watched):
        yield margins


@settings(max_examples=6)
@given(examples=pairs)
def test_search_with_a_coverage_penalty_translates_alone_as_in_a_batch(
    model: Model, examples: list[tuple[list[int], list[int]]]
) -> None:
    options = BeamSearch(beam=3, length_penalty=0.2, coverage_penalty=0.2, max_length_factor=1.0, max_length_offset=2)
    batch = pad_source(batch_of(examples), 2, 1)
    together = find_hypotheses(options, model, batch.source, batch.source_mask, need_attention=True)
    for (source, _), (found,) in zip(examples, together, strict=True):
        one = batch_of([(source, [4])])
        with closest_call() as margins:
            ((alone,),) = find_hypotheses(options, model, one.source, one.source_mask)
        if min(margins) < 1e-5:  # rounding alone decides which of two hypotheses goes on
            continue
        assert found.tokens == alone.tokens
        assert found.score == pytest.approx(alone.score, abs=1e-4)
        assert found.score <= found.log_probability / length_penalty(found, options) + 1e-5
        assert found.attention is not None
        assert found.attention.shape == (len(found.tokens) + 1, len(source) + 1)


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


def length_penalty(hypothesis: Hypothesis, options: BeamSearch) -> float:
    return math.pow((5 + len(hypothesis.tokens) + 1) / 6, options.length_penalty)


def test_folded_weight_norm_gives_the_same_logits(model: Model) -> None:
    batch = batch_of([([5, 6, 7], [8, 9]), ([10], [11, 12])])
    folded = fold_weight_norm(model)
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
    cross_entropy(model, batch_of([([5, 6, 7, 8], [8, 9, 10]), ([11], [12])]), 0.1).loss.backward()
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
