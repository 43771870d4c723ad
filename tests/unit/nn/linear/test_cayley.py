"""Orthogonal matrices by the scaled Cayley transform, against their equations and against torch's."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from nmt.models.weights import load_weights, named_weights
from nmt.nn.annealing import anneal, carried
from nmt.nn.linear.cayley import LARGEST_DRIFT, CayleyLinear
from nmt.nn.linear.folding import fold
from nmt.nn.twin import evaluating


def layer(width: int = 6, negative_ones: int = 2, order: int = 2, exact_every: int = 50) -> CayleyLinear:
    torch.manual_seed(4)
    return CayleyLinear(width, negative_ones, order, exact_every)


def published(cayley: CayleyLinear, skew: Tensor | None = None) -> Tensor:
    """(I + A)^-1 (I - A) D, with the elements of A above its diagonal."""
    width, skew = cayley.width, cayley.skew.detach() if skew is None else skew
    rows, columns = torch.triu_indices(width, width, 1)
    a = torch.zeros(width, width, dtype=torch.float64)
    a[rows, columns] = skew.double()
    a = a - a.t()
    identity = torch.eye(width, dtype=torch.float64)
    matrix: Tensor = torch.linalg.solve(identity + a, identity - a) * cayley.signs
    return matrix


def drift(matrix: Tensor) -> float:
    return float((matrix.t() @ matrix - torch.eye(len(matrix), dtype=matrix.dtype)).abs().max())


@torch.no_grad()
def moved(cayley: CayleyLinear, by: float) -> None:
    cayley.skew.add_(torch.randn_like(cayley.skew), alpha=by)


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[CayleyLinear]:
    """A layer for each exact solution."""
    seen: list[CayleyLinear] = []
    solve: Callable[[CayleyLinear], object] = CayleyLinear._solved

    def noted(self: CayleyLinear) -> object:
        seen.append(self)
        return solve(self)

    monkeypatch.setattr(CayleyLinear, "_solved", noted)
    return seen


def test_it_multiplies_by_the_published_matrix() -> None:
    cayley, x = layer(), torch.randn(2, 3, 6)
    moved(cayley, 1.0)
    for mode in (True, False):
        cayley.train(mode)
        torch.testing.assert_close(cayley(x), x @ published(cayley).float())
        torch.testing.assert_close(cayley.weight, published(cayley).float().t())
    assert drift(cayley.matrix().detach()) < 1e-6


@pytest.mark.parametrize("width", [7, 8])
def test_it_starts_as_rotations_of_planes_by_up_to_a_right_angle(width: int) -> None:
    angles = torch.linalg.eigvals(published(layer(width, 0))).angle().sort().values
    assert angles.abs().max() < math.pi / 2
    assert (angles.abs() > 1e-3).sum() == width - width % 2
    torch.testing.assert_close(angles, -angles.flip(0))


def test_negative_ones_reflect() -> None:
    assert torch.linalg.det(layer(6, 3).matrix()) < 0
    assert layer(6, 2).signs.tolist() == [1, 1, 1, 1, -1, -1]


def test_the_gradient_is_that_of_moving_each_element_and_its_mirror() -> None:
    cayley, towards, step = layer(5).double(), torch.randn(5, 5, dtype=torch.float64), 1e-6
    moved(cayley, 0.5)
    (cayley.matrix() * towards).sum().backward()
    assert cayley.skew.grad is not None
    for element, found in enumerate(cayley.skew.grad):
        change = torch.zeros_like(cayley.skew)
        change[element] = step
        ends = [(published(cayley, cayley.skew.detach() + sign * change) * towards).sum() for sign in (1, -1)]
        assert float(found) == pytest.approx(float(ends[0] - ends[1]) / (2 * step), abs=1e-8)


def test_it_stays_orthogonal_through_a_thousand_updates(solved: list[CayleyLinear]) -> None:
    cayley = layer(16, 8)
    for update in range(1, 1001):
        anneal(cayley, update)
        assert drift(cayley.matrix().detach()) < 1e-5
        moved(cayley, 1e-3)
    assert len(solved) == 20


def test_errors_of_the_series_do_not_accumulate(solved: list[CayleyLinear]) -> None:
    cayley = layer(16, 8, exact_every=1000)
    for update in range(1, 501):
        anneal(cayley, update)
        moved(cayley, 1e-3)
        cayley.skew.data *= 0.99
    assert len(solved) == 1
    anneal(cayley, 501)
    torch.testing.assert_close(cayley.matrix(), published(cayley).float(), atol=2e-6, rtol=0)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_error_of_the_series_falls_with_the_power_after_its_last(order: int) -> None:
    errors = []
    for step in (1e-3, 2.5e-4):
        cayley = layer(8, 4, order).double()
        anneal(cayley, 1)
        moved(cayley, step)
        anneal(cayley, 2)
        errors.append(float((cayley.matrix().detach() - published(cayley)).norm()))
    assert math.log(errors[0] / errors[1]) / math.log(4) == pytest.approx(order + 1, abs=0.1)


def test_of_an_exact_inverse_it_is_the_published_series_of_the_change_of_a() -> None:
    cayley = layer(6).double()
    anneal(cayley, 1)
    identity = torch.eye(6, dtype=torch.float64)
    before, old = carried(cayley)["inverse"].clone(), cayley._shifted(torch.float64)
    moved(cayley, 1e-3)
    anneal(cayley, 2)
    x = before @ (old - cayley._shifted(torch.float64))
    torch.testing.assert_close(carried(cayley)["inverse"], (identity + x + x @ x) @ before)


def test_an_update_too_long_for_the_series_is_solved_exactly(solved: list[CayleyLinear]) -> None:
    cayley = layer()
    anneal(cayley, 1)
    moved(cayley, 0.3)
    anneal(cayley, 2)
    assert len(solved) == 2
    torch.testing.assert_close(cayley.matrix(), published(cayley).float())
    assert drift(cayley.matrix().detach()) < LARGEST_DRIFT


def test_the_steps_of_a_pass_share_one_matrix_and_its_gradients_accumulate(monkeypatch: pytest.MonkeyPatch) -> None:
    cayley, passes = layer(), [torch.randn(3, 6) for _ in range(2)]
    anneal(cayley, 1)
    backwards: list[Tensor] = []
    cayley.matrix().register_hook(backwards.append)
    losses = [cayley(cayley(cayley(x)) * x).square().sum() for x in passes]  # two passes before the first goes back
    for loss in losses:
        loss.backward()
    assert len(backwards) == 2
    assert cayley.skew.grad is not None
    w = published(cayley).float().requires_grad_()
    sum((((x @ w @ w * x) @ w).square().sum() for x in passes), torch.zeros(())).backward()
    assert w.grad is not None
    same = layer()
    same.matrix().backward(w.grad)
    torch.testing.assert_close(cayley.skew.grad, same.skew.grad, atol=1e-5, rtol=1e-4)


def test_w_follows_a_however_that_is_changed() -> None:
    cayley, x = layer(), torch.randn(2, 6)
    flat = nn.Parameter(torch.randn_like(cayley.skew))

    def check() -> None:
        for mode in (True, False):
            cayley.train(mode)
            torch.testing.assert_close(cayley(x), x @ published(cayley).float(), atol=1e-5, rtol=1e-5)
            with torch.inference_mode():
                torch.testing.assert_close(cayley(x), x @ published(cayley).float(), atol=1e-5, rtol=1e-5)

    check()
    cayley.skew.data = flat.data  # as the trainer does, whose optimiser sees the flat tensor
    check()
    with torch.no_grad():
        flat.mul_(0.5)
    check()
    load_weights(cayley, named_weights(layer()), "layer")
    check()
    anneal(cayley, 7)
    check()
    cayley(x).sum().backward()
    cayley.double()
    x = x.double()
    assert drift(cayley.matrix().detach()) < 1e-12


def test_evaluation_does_not_see_the_series() -> None:
    cayley, alone = layer(), layer()
    anneal(cayley, 1)
    moved(cayley, 3e-3)
    anneal(cayley, 2)
    load_weights(alone, named_weights(cayley), "layer")
    trained = cayley.matrix().detach().clone()
    assert torch.equal(cayley.eval().matrix(), alone.eval().matrix())
    assert not torch.equal(trained, alone.matrix())
    assert torch.equal(cayley.train().matrix(), trained)


def test_saved_are_a_and_d_and_trained_is_a() -> None:
    cayley = layer()
    anneal(cayley, 1)
    assert named_weights(cayley).keys() == {"skew", "signs"}
    assert [name for name, _ in cayley.named_parameters()] == ["skew"]
    assert cayley.skew.shape == (15,)
    assert carried(nn.Sequential(nn.Identity(), cayley)).keys() == {"1.inverse"}
    assert carried(layer(order=0)) == {}


def test_copies_do_not_share_what_was_computed() -> None:
    cayley, x = layer(), torch.randn(2, 6)
    cayley(x).sum().backward()
    for other in (copy.deepcopy(cayley), evaluating(nn.Sequential(cayley))[0]):
        torch.testing.assert_close(other(x), cayley(x))
    other = copy.deepcopy(cayley)
    (gradient,) = torch.autograd.grad(other(x).square().sum() + other(x).sum(), other.skew)
    assert gradient.any()


def test_under_autocast_it_is_computed_in_float32() -> None:
    cayley, x = layer(), torch.randn(2, 6)
    expected = cayley(x)
    (gradient,) = torch.autograd.grad(expected.sum(), cayley.skew)
    with torch.autocast("cpu", torch.bfloat16):
        other = layer()
        anneal(other, 1)
        assert torch.equal(other(x), expected)
        assert other(x.bfloat16()).dtype == torch.float32
        loss = other(x).sum()
    (found,) = torch.autograd.grad(loss, other.skew)
    assert torch.equal(found, gradient)


def test_folded_it_is_a_plain_layer() -> None:
    model, x = nn.Sequential(layer()).eval(), torch.randn(2, 6)
    folded = fold(model)
    assert type(folded[0]) is nn.Linear
    torch.testing.assert_close(folded(x), model(x))


def test_weight_decay_shrinks_a_and_leaves_w_orthogonal() -> None:
    cayley = layer()
    before = cayley.skew.detach().clone()
    optimizer = torch.optim.AdamW([cayley.skew], lr=0.1, weight_decay=0.5)
    cayley.skew.grad = torch.zeros_like(cayley.skew)
    optimizer.step()
    torch.testing.assert_close(cayley.skew.detach(), 0.95 * before)
    assert drift(cayley.matrix().detach()) < 1e-6


def test_exact_at_each_update_it_learns_as_torchs_parametrization() -> None:
    """Its map is (I - X / 2)^-1 (I + X / 2), and its layer transposes: so X is 2 A, and its rate four times ours."""
    cayley, width = layer(6, 2, order=0), 6
    theirs = orthogonal(nn.Linear(width, width, bias=False), orthogonal_map="cayley", use_trivialization=False)
    original = theirs.get_parameter("parametrizations.weight.original")
    rows, columns = torch.triu_indices(width, width, 1)
    with torch.no_grad():
        original.zero_()
        original[columns, rows] = -2 * cayley.skew
    ours, other = torch.optim.SGD(cayley.parameters(), lr=0.05), torch.optim.SGD(theirs.parameters(), lr=0.2)
    x, y = torch.randn(20, width), torch.randn(20, width)
    curves: tuple[list[float], list[float]] = ([], [])
    for update in range(1, 41):
        anneal(cayley, update)
        losses = (cayley(x) - y).square().mean(), (theirs(x) * cayley.signs - y).square().mean()
        for loss, optimizer, curve in zip(losses, (ours, other), curves, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(float(loss.detach()))
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)
    assert curves[0][-1] < 0.9 * curves[0][0]
