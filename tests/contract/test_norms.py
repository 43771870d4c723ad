"""The laws that every norm obeys."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nmt.models.weights import averaged_names, load_weights, named_weights
from nmt.nn.norm import BatchNorm, Norm, RunningStatistics
from nmt.nn.norm.running import running_statistics
from tests.contract.listed import CELL_NORMS, COUNTING_SEQUENCES, NORMS

DIM = 6

names = pytest.mark.parametrize("name", NORMS)
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, *shape: int) -> Tensor:
    """Of another mean and deviation for each feature."""
    x = torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(seed))
    return x * torch.linspace(0.2, 3.0, DIM) + torch.linspace(-5.0, 5.0, DIM)


def random_mask(seed: int, sentences: int, length: int) -> Tensor:
    """[B, T] bool: at least two real tokens, anywhere."""
    mask = torch.rand(sentences, length, generator=torch.Generator().manual_seed(seed)) < 0.6
    mask[0, :2] = True
    return mask


def trained(name: str) -> Norm:
    """A norm with random parameters that has seen some batches, in training mode."""
    norm: Norm = NORMS[name].build(DIM)
    with torch.no_grad():
        for number, parameter in enumerate(norm.parameters()):
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number)))
        for seed in range(3):
            norm(drawn(seed, 4, 5))
            end_update(norm)
    return norm


def end_update(norm: Norm) -> None:
    """As a training does."""
    if isinstance(norm, RunningStatistics):
        norm.store(norm.take_sums())


def stored(norm: Norm) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in named_weights(norm).items()}


@names
@pytest.mark.parametrize("training", [True, False])
@settings(max_examples=15)
@given(seed=seeds, sentences=st.integers(1, 4), length=st.integers(2, 6), left=st.integers(0, 3))
def test_padding_never_changes_a_result(
    name: str, training: bool, seed: int, sentences: int, length: int, left: int
) -> None:
    """Whatever stands there; nor what is remembered of the batch."""
    x, mask = drawn(seed, sentences, length), random_mask(seed, sentences, length)
    norm, other = trained(name).train(training), trained(name).train(training)
    found = norm(x.masked_fill(~mask[:, :, None], 1e4), mask)[mask]
    wider = nn.functional.pad(x, (0, 0, left, 2), value=-3e3)
    padded = other(wider, nn.functional.pad(mask, (left, 2)))[:, left : left + length][mask]
    torch.testing.assert_close(found, padded)
    if not (training and name in COUNTING_SEQUENCES):
        alone = trained(name).train(training)(x[mask])
        torch.testing.assert_close(found, alone)
    end_update(norm)
    end_update(other)
    torch.testing.assert_close(stored(norm), stored(other))


@names
@settings(max_examples=15)
@given(seed=seeds, sentences=st.integers(1, 4), length=st.integers(2, 6))
def test_in_inference_no_vector_depends_on_another(name: str, seed: int, sentences: int, length: int) -> None:
    """Not a bit of it; and nothing is remembered."""
    norm, x = trained(name).eval(), drawn(seed, sentences, length)
    before = stored(norm)
    together = norm(x, random_mask(seed, sentences, length))
    for sentence in range(sentences):
        for position in range(length):
            assert torch.equal(norm(x[sentence, position, None])[0], together[sentence, position])
    end_update(norm)
    assert all(torch.equal(tensor, before[key]) for key, tensor in stored(norm).items())


@names
@pytest.mark.parametrize("training", [True, False])
def test_the_norm_of_a_sum_is_that_of_its_parts(name: str, training: bool) -> None:
    norm, x, update, mask = trained(name).train(training), drawn(3, 2, 4), drawn(4, 2, 4), random_mask(0, 2, 4)
    torch.testing.assert_close(norm.of_sum(x, update, mask)[mask], norm(x + update, mask)[mask])


@names
def test_a_gradient_reaches_every_parameter_and_the_input(name: str) -> None:
    norm, x, mask = trained(name), drawn(5, 3, 4).requires_grad_(), random_mask(1, 3, 4)
    norm(x, mask)[mask].square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.all() for parameter in norm.parameters())
    assert x.grad is not None
    assert x.grad[mask].any()
    assert not x.grad[~mask].any()


@names
def test_saved_and_loaded_it_is_the_same(name: str, tmp_path: Path) -> None:
    norm, other, x = trained(name).eval(), NORMS[name].build(DIM).eval(), drawn(6, 2, 3)
    save_file(stored(norm), tmp_path / "weights")
    load_weights(other, load_file(tmp_path / "weights"), "weights")
    assert torch.equal(other(x), norm(x))


@names
def test_all_that_is_saved_is_averaged_with_the_weights(name: str) -> None:
    assert averaged_names(trained(name)) == named_weights(trained(name)).keys()


@names
@settings(max_examples=10)
@given(seed=seeds, cut=st.integers(1, 7))
def test_an_update_read_in_two_parts_is_remembered_as_one(name: str, seed: int, cut: int) -> None:
    """In one process or in two."""
    norm, other, x = trained(name), trained(name), drawn(seed, 8, 4) + 100.0
    mask = random_mask(seed, 8, 4)
    mask[:, 0] = True
    norm(x, mask)
    end_update(norm)
    if isinstance(other, RunningStatistics):
        other(x[:cut], mask[:cut])
        first = other.take_sums()
        other(x[cut:], mask[cut:])
        other.store(first + other.take_sums())
    own = {"running_share"} if name in COUNTING_SEQUENCES else set()  # a part has another batch size
    found, expected = ({key: kept for key, kept in stored(each).items() if key not in own} for each in (other, norm))
    torch.testing.assert_close(found, expected)


@names
def test_half_precision_comes_back_as_it_was_and_is_summed_up_in_more(name: str) -> None:
    norm, x = trained(name), drawn(7, 8, 16).bfloat16()
    expected = norm(x.float())
    with torch.autocast("cpu", torch.bfloat16):
        found = norm(x)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("name", CELL_NORMS)
@settings(max_examples=10)
@given(seed=seeds, length=st.integers(1, 6), left=st.integers(0, 3))
def test_within_cells_its_steps_are_what_it_reads_at_once(name: str, seed: int, length: int, left: int) -> None:
    """And a row goes on from its own past, wherever it stands."""
    norm = CELL_NORMS[name].build_at("ih", DIM).eval()
    for statistic in running_statistics(norm).values():
        statistic.uniform_(0.5, 1.5)
    x, rows = drawn(seed, 3, length + 1), torch.tensor([2, 0, 0])
    mask = nn.functional.pad(torch.ones(3, length, dtype=torch.bool), (left, 1))
    read, after = norm.read(nn.functional.pad(x[:, :-1], (0, 0, left, 1), value=1e3), mask, norm.begin(x, 3))
    past = norm.begin(x, 3)
    for position in range(length):
        stepped, past = norm.step(x[:, position], past, None)
        torch.testing.assert_close(read[:, left + position], stepped)
    torch.testing.assert_close(after.tensors(), past.tensors())
    last, _ = norm.step(x[rows, -1], after.select(rows), None)
    torch.testing.assert_close(last, norm.read(x, None, norm.begin(x, 3))[0][rows, -1])


@settings(max_examples=15)
@given(seed=seeds, sentences=st.integers(1, 4), length=st.integers(2, 6))
def test_batch_norm_is_that_of_torch_on_the_real_tokens(seed: int, sentences: int, length: int) -> None:
    # Of two tokens a feature may have next to no variance, which single precision would show.
    ours, theirs = BatchNorm.Config(momentum=0.25).build(DIM).double(), nn.BatchNorm1d(DIM, momentum=0.25).double()
    updates = [
        (drawn(each, sentences, length).double(), random_mask(each, sentences, length))
        for each in range(seed, seed + 3)
    ]
    for x, mask in updates:
        mine, other = x.clone().requires_grad_(), x.clone().requires_grad_()
        found, expected = ours(mine, mask)[mask], theirs(other[mask])
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        found.pow(3).sum().backward()
        expected.pow(3).sum().backward()
        torch.testing.assert_close(mine.grad, other.grad, atol=1e-3, rtol=1e-3)
        end_update(ours)
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)
    x, mask = updates[-1]
    torch.testing.assert_close(ours.eval()(x, mask)[mask], theirs.eval()(x[mask]), atol=1e-4, rtol=1e-4)


def test_batch_norm_remembers_no_variance_of_a_single_token() -> None:
    norm = trained("batch")
    before = stored(norm)
    norm(drawn(8, 1, 3), torch.tensor([[False, True, False]]))
    end_update(norm)
    assert all(torch.equal(tensor, before[key]) for key, tensor in stored(norm).items())
