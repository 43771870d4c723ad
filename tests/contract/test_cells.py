"""The laws that every recurrent cell obeys, fused or step by step, with a limit or without one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from nmt.models import ModelConfig
from nmt.models.gnmt import GNMT
from nmt.models.luong import Luong
from nmt.models.quantization import packed, quantized
from nmt.models.weights import load_weights, named_weights
from nmt.nn.cells import AnyCell, CellNormConfig, CellState
from nmt.nn.cells.options import CellOptions, WrapperOptions
from nmt.nn.clipping import AnnealedLimit, Clipping
from nmt.nn.initial import Uniform
from nmt.nn.kernels.int8_product import is_supported
from nmt.nn.linear.cayley import CayleyLinear
from nmt.nn.norm.running import RunningStatistics, running_statistics
from tests.contract.listed import CELL_NORMS, CELLS
from tests.contract.random_models import batch_of, pad_source, random_model, teacher_forced, without_jumps
from tests.contract.trace_cell import TraceCell

INPUTS, WIDTH = 5, 7
LENGTHS, LONGEST = [6, 1, 4], 6  # as many rows as a trace has entries: a mask on the wrong axis would fit
DELTA = 0.3

PLAIN: dict[str, CellOptions] = {**CELLS, "trace": TraceCell.Config()}


def with_norm(cell: CellOptions, norm: CellNormConfig) -> CellOptions:
    if isinstance(cell, WrapperOptions):
        return cell.model_copy(update={"cell": with_norm(cell.cell, norm)})
    return cell.model_copy(update={"norm": norm})


NORMED = {f"{name}-{norm}": with_norm(PLAIN[name], CELL_NORMS[norm]) for name in PLAIN for norm in CELL_NORMS}
BUILDERS = PLAIN | NORMED


def built(name: str, *, limited: bool = False) -> AnyCell:
    """In inference, with random gains and statistics."""
    torch.manual_seed(3)
    limit = AnnealedLimit(Clipping(start=DELTA, end=DELTA, until_update=1)) if limited else None
    cell = BUILDERS[name].build(INPUTS, WIDTH, limit)
    cell.initialise(Uniform(0.7, biases=0.5))
    with torch.no_grad():
        for gain in gains(cell):
            gain.uniform_(0.5, 1.5)
        for statistic in running_statistics(cell).values():
            statistic.uniform_(0.5, 1.5)
    without_jumps(cell)
    return cell.eval()


def gains(cell: AnyCell) -> list[Tensor]:
    return [norm.get_parameter("weight") for norm in cell.norms.every()]


CASES = [*((name, limited) for name in PLAIN for limited in (False, True)), *((name, False) for name in NORMED)]


@pytest.fixture(params=CASES, ids=str)
def cell(request: pytest.FixtureRequest) -> AnyCell:
    name, limited = request.param
    return built(name, limited=limited)


def stepped(cell: AnyCell, x: Tensor) -> tuple[Tensor, CellState]:
    """Outputs [B, T, width] and the last state, a step at a time."""
    state, outputs = cell.empty(x, len(x)), []
    for token in x.unbind(1):
        state = cell.step(token, state)
        outputs.append(state.output)
    return torch.stack(outputs, 1), state


def masks() -> list[Tensor]:
    """Padding behind, in front and on both sides."""
    places = torch.arange(LONGEST)
    starts = ([0, 0, 0], [LONGEST - length for length in LENGTHS], [0, 2, 1])
    return [
        torch.stack([(places >= s) & (places < s + n) for s, n in zip(start, LENGTHS, strict=True)]) for start in starts
    ]


def test_whole_sequences_are_its_steps_with_their_gradients(cell: AnyCell) -> None:
    x = torch.randn(3, LONGEST, INPUTS, requires_grad=True)
    weights = [x, *cell.parameters()]
    whole, (steps, _) = cell(x), stepped(cell, x)
    torch.testing.assert_close(whole, steps)
    towards = torch.randn_like(whole)
    found, expected = (torch.autograd.grad((outputs * towards).sum(), weights) for outputs in (whole, steps))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert all(gradient.any() for gradient in found), "no gradient reaches a parameter"


def test_padding_on_any_side_is_as_if_it_were_not_there(cell: AnyCell) -> None:
    """However large it is; nor does a gradient leave a sequence for it."""
    for mask in masks():
        x = (100 * torch.randn(3, LONGEST, INPUTS)).requires_grad_()
        with torch.no_grad():
            x[mask] /= 100
        outputs, state = cell.read(x, mask)
        ends = []
        for row, real in enumerate(mask):
            alone, end = stepped(cell, x[row, real][None])
            torch.testing.assert_close(outputs[row, real], alone[0])
            ends.append(end)
        last = [joined(parts) for parts in zip(*(end.tensors() for end in ends), strict=True)]
        torch.testing.assert_close(state.tensors(), last)
        weights = [x, *cell.parameters()]
        found, expected = (
            torch.autograd.grad([part.sum() for part in parts if part.is_floating_point()], weights)
            for parts in (state.tensors(), last)
        )
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
        assert not found[0][~mask].any()


def test_a_row_of_nothing_but_padding_stays_empty(cell: AnyCell) -> None:
    mask, x = torch.tensor([[True, True], [False, False]]), torch.randn(2, 3, INPUTS)
    _, state = cell.read(x[:, :2], mask)
    assert not any(part[1].any() for part in state.without_past().tensors())
    assert all(part[0].any() for part in state.tensors())
    after, first = cell.step(x[:, 2], state).output, cell.step(x[:, 2], cell.empty(x, 2)).output
    torch.testing.assert_close(after[1], first[1])


def test_selected_states_go_on_as_their_sequences(cell: AnyCell) -> None:
    x, rows = torch.randn(3, 4, INPUTS), torch.tensor([2, 0, 0, 1])
    outputs, _ = stepped(cell, x[rows])
    _, state = stepped(cell, x[:, :-1])
    after = cell.step(x[rows, -1], state.select(rows))
    torch.testing.assert_close(after.output, outputs[:, -1])


def joined(parts: Sequence[Tensor]) -> Tensor:
    """All rows, those of states that have grown less filled with zeros."""
    largest = [max(sizes) for sizes in zip(*(part.shape for part in parts), strict=True)]
    missing = [[most - size for most, size in zip(largest, part.shape, strict=True)][:0:-1] for part in parts]
    return torch.cat(
        [pad(part, [side for size in sizes for side in (0, size)]) for part, sizes in zip(parts, missing, strict=True)]
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_the_limit_bounds_what_is_carried_and_only_that(name: str) -> None:
    free, bounded = built(name), built(name, limited=True)
    assert bounded.limit is not None
    x, mask = 3 * torch.randn(3, LONGEST, INPUTS), masks()[2]
    assert max(part.abs().max() for part in free.read(x, mask)[1].without_past().tensors()) > DELTA
    state = bounded.read(x, mask)[1]
    assert max(part.abs().max() for part in state.without_past().tensors()) <= DELTA
    bounded.limit.delta.fill_(1e9)
    torch.testing.assert_close(bounded(x), free(x))
    torch.testing.assert_close(bounded.read(x, mask)[1].tensors(), free.read(x, mask)[1].tensors())


@pytest.mark.parametrize("name", NORMED)
def test_in_training_padding_never_changes_a_result_nor_what_is_remembered_of_the_batch(name: str) -> None:
    tokens, found, inputs = torch.randn(sum(LENGTHS), INPUTS), [], []
    for mask in masks():
        cell = built(name).train()
        x = torch.full((3, LONGEST, INPUTS), 1e3)
        x[mask] = tokens
        inputs.append((x, mask))
        outputs, state = cell.read(x, mask)
        for part in cell.modules():
            if isinstance(part, RunningStatistics):
                part.store(part.take_sums())
        found.append([outputs[mask], *state.tensors(), *running_statistics(cell).values()])
    torch.testing.assert_close(found[1:], [found[0]] * (len(found) - 1))
    if "batch" in name:
        x, mask = inputs[-1]
        assert not torch.equal(found[0][0], built(name).read(x, mask)[0][mask])


@pytest.mark.parametrize("name", BUILDERS)
def test_what_is_saved_is_loaded(name: str) -> None:
    one, other = built(name), BUILDERS[name].build(INPUTS, WIDTH).eval()
    x = torch.randn(2, 4, INPUTS)
    assert not torch.equal(other(x), one(x))
    load_weights(other, named_weights(one), "cell")
    assert torch.equal(other(x), one(x))


@pytest.mark.parametrize("name", BUILDERS)
def test_matrices_start_within_the_range_that_is_asked_for(name: str) -> None:
    torch.manual_seed(2)
    cell = BUILDERS[name].build(30, 40)
    cell.initialise(Uniform(0.01))
    for weight in (parameter for parameter in cell.parameters() if parameter.dim() > 1):
        assert 0.009 < weight.abs().max() <= 0.01
    first = 0.1 if name.endswith("recurrent-batch") else 1.0
    assert all((gain == first).all() for gain in gains(cell))
    special = [
        parameter for part in cell.modules() if isinstance(part, CayleyLinear) for parameter in part.parameters()
    ]
    others = {id(parameter) for parameter in (*gains(cell), *special)}
    started = {id(bias): bias.clone() for bias in cell.parameters() if bias.dim() == 1}
    cell.initialise(Uniform(0.01, biases=0.5))
    for bias in (parameter for parameter in cell.parameters() if parameter.dim() == 1 and id(parameter) not in others):
        assert 0.4 < (bias - started[id(bias)]).abs().max() <= 0.5


@pytest.mark.skipif(not is_supported(), reason="packed models are for x86-64")
@pytest.mark.parametrize("name", BUILDERS)
@torch.no_grad()
def test_of_8_bits_it_reads_as_it_steps_and_nearly_as_in_floating_point(name: str) -> None:
    cell, x = built(name), torch.randn(3, LONGEST, INPUTS)
    for small in (quantized(cell), packed(quantized(cell))):
        assert (small(x) - cell(x)).abs().max() < 0.08  # a layer norm enlarges differences of small products
        assert "hard" in name or not torch.equal(small(x), cell(x))  # the same centroids are chosen
        for mask in masks():
            outputs, state = small.read(x, mask)
            for row, real in enumerate(mask):
                alone, end = stepped(small, x[row, real][None])
                torch.testing.assert_close(outputs[row, real], alone[0], atol=0.02, rtol=0)
                torch.testing.assert_close(state.output[row], end.output[0], atol=0.02, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_it_computes_about_the_same(cell: AnyCell, dtype: torch.dtype) -> None:
    x, mask = torch.randn(3, LONGEST, INPUTS), masks()[0]
    expected, last = cell.read(x, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, state = cell.read(x.to(dtype), mask)
        whole = cell(x.to(dtype))
    assert (outputs - expected)[mask].abs().max() < 0.05
    assert (state.output - last.output).abs().max() < 0.05
    (outputs.float()[mask].sum() + whole.float().sum()).backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in cell.parameters())


MADE_OF_TRACES: dict[str, ModelConfig] = {
    "gnmt": GNMT.Config(model_dim=8, encoder_layers=2, decoder_layers=2, initial_range=0.6),
    "luong": Luong.Config(
        layers=2, source_embedding_dim=6, target_embedding_dim=6, encoder_dim=5, decoder_dim=8, initial_range=0.6
    ),
    "luong-bidirectional": Luong.Config(
        layers=1, source_embedding_dim=6, target_embedding_dim=6, encoder_dim=4, decoder_dim=8, bidirectional=True
    ),
}


@pytest.mark.parametrize("name", MADE_OF_TRACES)
@torch.no_grad()
def test_models_carry_states_of_any_rank(name: str) -> None:
    """Two hypotheses that change places in the middle go on as each other."""
    model = random_model(MADE_OF_TRACES[name].model_copy(update={"cell": TraceCell.Config()}))
    batch = pad_source(batch_of([([5, 6, 7, 8], [8, 9, 10]), ([11], [12, 13, 4]), ([9, 4], [5, 5, 6])]), 1, 2)
    logits, _ = teacher_forced(model, batch)
    memory = model.encode(batch.source, batch.source_mask)
    state = model.init_state(memory, 2, 4)
    words = torch.stack([batch.target_input, batch.target_input], dim=1)  # [B, K, T]
    words[:, 1, 1:] = 4
    for position in range(4):
        if position == 2:
            words = words.flip(1)
            state = state.select(torch.tensor([1, 0, 3, 2, 5, 4]))
        step = model.step(words[:, :, position], memory, state)
        state = step.state
        torch.testing.assert_close(step.logits[:, int(position >= 2)], logits[:, position], atol=1e-5, rtol=0)
