"""The laws that every decoder without a source obeys, by itself and as the model that the toolkit sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nmt.data.batch import Batch, collate, pad
from nmt.inference.scoring import score_ids
from nmt.models.base import Decoder
from nmt.models.language.model import LanguageModel
from nmt.models.quantization import packed, quantized
from nmt.models.weights import load_weights, named_weights
from nmt.nn.kernels.int8_product import is_supported
from nmt.search.dispatch import find_hypotheses
from nmt.search.options import BeamSearch, Sampling, SearchConfig
from nmt.tokenizer.base import SPECIAL
from nmt.training.objectives.likelihood import cross_entropy
from tests.contract.listed import GROWING_STATES, LANGUAGE_MODELS

VOCABULARY = 23
TOLERANCE = 1e-5
TEXTS = [[8, 9, 4, 4, 17, 5], [11, 12], [], [22, 6, 4, 9, 13, 7, 21, 20, 8]]

every_name = pytest.mark.parametrize("name", LANGUAGE_MODELS)


def built(name: str) -> LanguageModel[Any]:
    """With random biases and a random vector for padding, which as zeros would hide errors."""
    torch.manual_seed(7)
    model: LanguageModel[Any] = LANGUAGE_MODELS[name].build(1, VOCABULARY).eval()
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
            elif "embedding" in parameter_name:
                torch.nn.init.normal_(parameter[SPECIAL.pad], std=float(parameter.std()))
    return model


def batch_of(texts: list[list[int]]) -> Batch:
    return collate([[] for _ in texts], texts)


@torch.no_grad()
def forced(decoder: Decoder[Any], batch: Batch) -> Tensor:
    """Teacher forcing: [B, T, V]."""
    return decoder.decode(batch.target_input, batch.target_mask).logits


def drawn(*shape: int) -> Tensor:
    """Tokens of hypotheses, BOS in front."""
    tokens = torch.randint(4, VOCABULARY, shape, generator=torch.Generator().manual_seed(3))
    tokens[..., 0] = SPECIAL.bos
    return tokens


def whole(decoder: Decoder[Any], tokens: Tensor) -> Tensor:
    """Logits [..., T, V] of hypotheses [..., T], each by teacher forcing."""
    rows = tokens.flatten(0, -2)
    return decoder.decode(rows, torch.ones_like(rows, dtype=torch.bool)).logits.view(*tokens.shape, -1)


@every_name
@torch.no_grad()
def test_steps_of_several_hypotheses_give_the_logits_of_teacher_forcing(name: str) -> None:
    decoder, tokens = built(name).decoder, drawn(3, 2, 20)
    state, steps = decoder.init_state(3, 2, 20), []
    for position in range(20):
        step = decoder.step(tokens[:, :, position], state)
        state = step.state
        steps.append(step.logits)
        assert step.logits.is_contiguous()
    torch.testing.assert_close(torch.stack(steps, 2), whole(decoder, tokens), atol=TOLERANCE, rtol=0)


@every_name
@torch.no_grad()
def test_selected_hypotheses_go_on_as_if_decoded_from_their_prefix(name: str) -> None:
    """Reordered and doubled within a sentence, and a sentence dropped."""
    decoder, tokens = built(name).decoder, drawn(3, 3, 7)
    rows = torch.tensor([1, 1, 0, 8, 6, 7])  # of sentences 0 and 2
    state = decoder.init_state(3, 3, 8)
    for position in range(7):
        state = decoder.step(tokens[:, :, position], state).state
    newest = torch.tensor([[5, 6, 7], [8, 9, 10]])
    found = decoder.step(newest, state.select(rows)).logits
    prefixes = torch.cat([tokens.flatten(0, 1)[rows], newest.view(-1, 1)], 1).view(2, 3, 8)
    torch.testing.assert_close(found, whole(decoder, prefixes)[:, :, -1], atol=TOLERANCE, rtol=0)


@every_name
def test_neither_batch_mates_nor_padding_nor_a_source_change_a_result(name: str) -> None:
    model = built(name)
    together = forced(model.decoder, batch_of(TEXTS))
    for row, text in enumerate(TEXTS):
        alone = forced(model.decoder, batch_of([text]))
        torch.testing.assert_close(together[row, : len(text) + 1], alone[0], atol=TOLERANCE, rtol=0)
    batch = collate([[5, 6], [4], [], [9]], TEXTS)
    with torch.no_grad():
        output = model.decode(batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask))
    assert torch.equal(output.logits, together)


@every_name
def test_a_later_token_changes_nothing_before_it(name: str) -> None:
    decoder, tokens = built(name).decoder, drawn(2, 9)
    before = whole(decoder, tokens)
    for position in range(1, 9):
        changed = tokens.clone()
        changed[:, position] = (changed[:, position] - 3) % (VOCABULARY - 4) + 4
        after = whole(decoder, changed)
        torch.testing.assert_close(after[:, :position], before[:, :position], atol=TOLERANCE, rtol=0)
        assert (after[:, position] != before[:, position]).any(-1).all()


@every_name
@torch.no_grad()
def test_the_state_keeps_its_size(name: str) -> None:
    """A promise of all but those that are listed as growing."""
    decoder, tokens = built(name).decoder, drawn(2, 3, 40)
    state, sizes = decoder.init_state(2, 3, 40), set()
    for position in range(40):
        state = decoder.step(tokens[:, :, position], state).state
        sizes.add(sum(tensor.numel() for tensor in state.tensors()))
    assert (len(sizes) > 1) == (name in GROWING_STATES)


@every_name
def test_a_gradient_reaches_every_parameter(name: str) -> None:
    model = LANGUAGE_MODELS[name].build(1, VOCABULARY).train()
    cross_entropy(model, batch_of(TEXTS), 0.1).loss.backward()
    silent = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert silent == []


@every_name
def test_saved_and_loaded_weights_give_the_same_logits(name: str, tmp_path: Path) -> None:
    model, other = built(name), LANGUAGE_MODELS[name].build(1, VOCABULARY).eval()
    save_file({key: tensor.clone() for key, tensor in named_weights(model).items()}, tmp_path / "weights")
    expected = forced(model.decoder, batch_of(TEXTS))
    assert not torch.equal(forced(other.decoder, batch_of(TEXTS)), expected)
    load_weights(other, load_file(tmp_path / "weights"), "weights")
    assert torch.equal(forced(other.decoder, batch_of(TEXTS)), expected)


@pytest.mark.skipif(not is_supported(), reason="packed models are for x86-64")
@every_name
def test_8_bits_give_the_logits_up_to_their_rounding_in_steps_too(name: str) -> None:
    model, tokens = built(name), drawn(4, 3, 9)
    small, expected = packed(quantized(model)).decoder, whole(model.decoder, tokens)
    assert 0 < (whole(small, tokens) - expected).std() < 0.03 * expected.std()
    state, steps = small.init_state(4, 3, 9), []
    with torch.no_grad():
        for position in range(9):
            step = small.step(tokens[:, :, position], state)
            state = step.state
            steps.append(step.logits)
    assert (torch.stack(steps, 2) - expected).std() < 0.03 * expected.std()


@every_name
@pytest.mark.parametrize(
    "options", [BeamSearch(beam=3, n_best=3, length_penalty=0.0), Sampling(n_best=3)], ids=lambda options: options.kind
)
def test_what_is_found_has_the_probability_of_teacher_forcing(name: str, options: SearchConfig) -> None:
    model = built(name)
    ((*found,),) = find_hypotheses(options, model, *pad([[]]), need_attention=True)
    texts = [hypothesis.tokens for hypothesis in found]
    assert len(texts) == 3
    assert any(texts)
    scored = score_ids(model, [[]] * len(texts), texts, batch_tokens=50)
    assert [sum(values) for values in scored] == pytest.approx([h.log_probability for h in found], abs=1e-3)


@every_name
def test_it_learns_a_sequence_that_the_last_token_does_not_tell(name: str) -> None:
    """By heart, and writes it down again: the same token is followed by another one each time."""
    torch.manual_seed(0)
    dropout = {"dropout": 0.0} | ({"embedding_dropout": 0.0} if "recurrent" in name else {})
    model: LanguageModel[Any] = LANGUAGE_MODELS[name].model_copy(update=dropout).build(1, VOCABULARY).train()
    text = [5, 5, 6, 5]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        found = cross_entropy(model, batch_of([text]), 0.0)
        if found.likelihood < 0.1:
            break
        found.loss.backward()
        optimizer.step()
    ((best,),) = find_hypotheses(BeamSearch(beam=1), model.eval(), *pad([[]]))
    assert list(best.tokens) == text
    assert best.log_probability > -0.1
