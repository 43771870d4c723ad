"""Batch layer normalisation against its equations and its two limits."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from nmt.models.gnmt import GNMT
from nmt.models.transformer import Transformer
from nmt.nn.cells import LSTM
from nmt.nn.cells.norms import InputBatchLayerNorm
from nmt.nn.norm import BatchLayerNorm
from nmt.nn.norm.batch_layer import InferenceStatistics

DIM, EPSILON, ZETA = 6, 1e-3, 1e-4
MASK = torch.tensor([[True] * 4, [True, True, False, False], [True, False, False, False]])
OF_EACH_SENTENCE = InferenceStatistics(batch_mean="batch", batch_variance="batch")


def drawn(*shape: int, seed: int = 1) -> Tensor:
    x = torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x * torch.linspace(0.2, 3.0, DIM) + torch.linspace(-5.0, 5.0, DIM)


def built(config: BatchLayerNorm.Config) -> BatchLayerNorm:
    return config.build(DIM).double()


def test_two_vectors_by_hand() -> None:
    norm = BatchLayerNorm.Config(zeta=0.0, epsilon=1e-12).build(2)
    # over features: (-1, 1) and (1, -1); over the batch: (-1, 0) and (1, 0); each with the share 1/2
    found = norm(torch.tensor([[[0.0, 2.0]], [[4.0, 2.0]]]))
    torch.testing.assert_close(found, torch.tensor([[[-1.0, 0.5]], [[1.0, -0.5]]]))


@pytest.mark.parametrize("length", [1, 5])
def test_of_one_sequence_it_is_layer_norm(length: int) -> None:
    x = drawn(1, length)
    expected = (1 - ZETA) * nn.functional.layer_norm(x, (DIM,), eps=EPSILON) / DIM**0.5
    torch.testing.assert_close(built(BatchLayerNorm.Config(scaled=True))(x), expected, rtol=1e-6, atol=1e-6)


def test_of_many_sequences_it_is_batch_norm() -> None:
    x = drawn(40, 3)
    theirs = nn.BatchNorm1d(DIM, eps=EPSILON).double()
    expected = theirs(x.flatten(0, 1)).view_as(x) / DIM**0.5
    norm = built(BatchLayerNorm.Config(batch_size=10**9, zeta=0.0, scaled=True))
    torch.testing.assert_close(norm(x), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("scaled", "deviation"), [(True, 32**-0.5), (False, 1.0)])
@pytest.mark.parametrize("sentences", [4, 50])
def test_of_gaussian_noise_both_agree(scaled: bool, deviation: float, sentences: int) -> None:
    x = torch.randn(sentences, 20, 32, generator=torch.Generator().manual_seed(2))
    found = BatchLayerNorm.Config(scaled=scaled).build(32)(x)
    assert 0.95 * deviation < found.std() < 1.01 * deviation


def test_its_gradient_is_that_of_its_values() -> None:
    norm, x = built(BatchLayerNorm.Config()), drawn(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: norm(x, MASK)[MASK], x)


def test_in_inference_a_sentence_can_be_a_batch_of_its_own() -> None:
    """With the shares of training it is then what training computes."""
    norm, x = built(BatchLayerNorm.Config(batch_size=7, inference=OF_EACH_SENTENCE)), drawn(3, 4)
    together = norm.eval()(x.masked_fill(~MASK[:, :, None], 1e3), MASK)
    norm.train()
    for row, real in enumerate(MASK):
        torch.testing.assert_close(together[row, real], norm(x[row, real][None])[0])


def test_one_sequence_of_one_token_is_enough_to_train_on() -> None:
    """Batch normalisation knows nothing of such a token: it is its own mean."""
    norm, x = built(BatchLayerNorm.Config()), drawn(1, 1).requires_grad_()
    norm(x).pow(3).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().min() > 1e-6
    norm.store(norm.take_sums())
    assert all(stored.isfinite().all() for stored in norm.statistics().values())
    assert torch.equal(norm.running_var, torch.ones(DIM).double())  # one token has no variance


def test_the_size_of_the_batch_counts_real_sequences_or_tokens_or_is_given() -> None:
    x = drawn(4, 4)
    mask = torch.cat([MASK, torch.zeros(1, 4, dtype=torch.bool)])
    by_tokens = built(BatchLayerNorm.Config(batch_size="tokens"))(x, mask)[mask]
    torch.testing.assert_close(by_tokens, built(BatchLayerNorm.Config(batch_size=7))(x, mask)[mask])
    by_sequences = built(BatchLayerNorm.Config())(x, mask)[mask]
    torch.testing.assert_close(by_sequences, built(BatchLayerNorm.Config(batch_size=3))(x, mask)[mask])


def test_what_is_stored_by_hand() -> None:
    norm = BatchLayerNorm.Config(momentum=1.0).build(2)
    norm(torch.tensor([[[0.0, 2.0]], [[4.0, 2.0]]]))
    norm(torch.tensor([[[3.0, 9.0], [1.0, 3.0]]]))
    norm.store(norm.take_sums())
    assert norm.running_mean.tolist() == [2.0, 4.0]
    torch.testing.assert_close(norm.running_var, torch.tensor([10.0, 34.0]) / 3)
    assert norm.running_share.item() == pytest.approx((2 * 1 / 2 + 2 * 1) / 4)  # 1/B, over the tokens
    assert norm.running_feature_mean.item() == pytest.approx((1 + 3 + 6 + 2) / 4)
    assert norm.running_feature_var.item() == pytest.approx((1 + 1 + 9 + 1) / 4)


def test_in_inference_it_uses_what_is_stored() -> None:
    origins = InferenceStatistics(feature_mean="population", feature_variance="population")
    norm, x = built(BatchLayerNorm.Config(epsilon=1e-12, zeta=0.0, inference=origins)).eval(), drawn(2, 3)
    for stored, value in zip(norm.statistics().values(), (1.0, 4.0, 0.25, 3.0, 9.0), strict=True):
        stored.fill_(value)
    torch.testing.assert_close(norm(x), 0.25 * (x - 3) / 3 + 0.75 * (x - 1) / 2)


def test_within_cells_a_sentence_cannot_be_a_batch() -> None:
    with pytest.raises(ValidationError, match="norm.inference.batch_mean: batch needs whole sentences"):
        InputBatchLayerNorm.Config(inference=OF_EACH_SENTENCE)
    assert Transformer.Config(encoder_norm=BatchLayerNorm.Config(inference=OF_EACH_SENTENCE)).encoder_layers


def test_it_is_not_for_decoders() -> None:
    norm = {"kind": "batch_layer"}
    with pytest.raises(ValidationError, match="batch_layer cannot be used in a decoder"):
        GNMT.Config(cell=LSTM.Config(norm=InputBatchLayerNorm.Config()))
    with pytest.raises(ValidationError, match="decoder_norm"):
        Transformer.Config.model_validate({"decoder_norm": norm})
    assert Transformer.Config.model_validate({"encoder_norm": norm}).encoder_norm == BatchLayerNorm.Config()
