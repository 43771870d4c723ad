"""With the same weights our models compute what fairseq's do: logits, loss and every gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from nmt.data.batch import Batch, collate
from nmt.models.transformer import Transformer
from nmt.models.weights import load_weights
from nmt.tokenizer.base import SPECIAL
from nmt.training.objectives.likelihood import cross_entropy
from tests.parity.reference import (
    SMOOTHING,
    TOLERANCE,
    TWINS,
    Model,
    Twins,
    in_our_order,
    logits_of,
    make_random,
    padded_left,
    their_loss,
    their_sample,
)


@pytest.fixture(params=TWINS, scope="module")
def twins(request: pytest.FixtureRequest) -> Twins:
    return TWINS[request.param]


@pytest.fixture(scope="module")
def theirs(twins: Twins) -> nn.Module:
    torch.manual_seed(1)
    return make_random(twins.theirs())


@pytest.fixture(params=["right", "left"])
def batch(request: pytest.FixtureRequest) -> Batch:
    """Random sentences of unequal lengths, unknown words among them, the source padded on either side."""

    def sentence(length: int) -> list[int]:
        return [int(token) if token > 4 else SPECIAL.unk for token in torch.randint(0, 50, (length,))]

    torch.manual_seed(2)
    # the source in falling order, which fairseq's lstm insists on
    made = collate([sentence(n) for n in (14, 13, 9, 5, 1)], [sentence(n) for n in (4, 12, 1, 7, 15)])
    return made if request.param == "right" else padded_left(made)


def test_logits(twins: Twins, theirs: nn.Module, batch: Batch) -> None:
    ours = twins.ours(theirs).eval()
    expected = in_our_order(theirs.eval()(**their_sample(batch)["net_input"])[0])
    torch.testing.assert_close(
        logits_of(ours, batch)[batch.target_mask], expected[batch.target_mask], atol=TOLERANCE, rtol=0
    )
    assert expected.std() > 0.1


def test_tied_matrices_give_the_logits_too_when_started_from_eos(batch: Batch) -> None:
    """Imported models have separate embeddings because our decoders start from BOS; that is the only reason."""
    twins = TWINS["transformer-all-tied"]
    theirs = make_random(twins.theirs()).eval()
    assert isinstance(twins.config, Transformer.Config)
    ours = twins.config.model_copy(update={"tied_embeddings": "all"}).build(61, 61).eval()
    weights = twins.convert(theirs.state_dict())
    del weights["target_embedding.weight"], weights["output.weight"]
    load_weights(ours, weights, "fairseq")
    target_input = batch.target_input.masked_fill(batch.target_input == SPECIAL.bos, SPECIAL.eos)
    from_eos = Batch(batch.source, batch.source_mask, target_input, batch.target_output, batch.target_mask)
    expected = in_our_order(theirs(**their_sample(batch)["net_input"])[0])
    torch.testing.assert_close(
        logits_of(ours, from_eos)[batch.target_mask], expected[batch.target_mask], atol=TOLERANCE, rtol=0
    )


def test_label_smoothed_loss(twins: Twins, theirs: nn.Module, batch: Batch) -> None:
    expected = their_loss(theirs.eval(), batch)
    loss = cross_entropy(twins.ours(theirs).eval(), batch, SMOOTHING).loss / batch.target_tokens
    torch.testing.assert_close(loss, expected, atol=TOLERANCE, rtol=0)


def test_gradients(twins: Twins, theirs: nn.Module, batch: Batch) -> None:
    """Our loss, differentiated through the conversion down to fairseq's own parameters, has fairseq's gradients."""
    names, parameters = zip(*theirs.train().named_parameters(), strict=True)
    expected = dict(zip(names, torch.autograd.grad(their_loss(theirs, batch), parameters), strict=True))
    assert [name for name, gradient in expected.items() if not gradient.any()] == []
    weights = twins.convert(theirs.state_dict(keep_vars=True))
    ours = twins.config.build(twins.source_vocabulary, twins.target_vocabulary).train()
    assert weights.keys() == dict(ours.named_parameters()).keys()
    loss = functional_call(_Loss(ours), {f"model.{name}": weight for name, weight in weights.items()}, (batch,))
    gradients = dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))
    torch.testing.assert_close(gradients, expected, atol=TOLERANCE / 100, rtol=TOLERANCE)


class _Loss(nn.Module):
    """The training objective as a module, whose weights can be replaced for one call."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        return cross_entropy(self.model, batch, SMOOTHING).loss / batch.target_tokens
