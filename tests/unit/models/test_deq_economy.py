"""The deep equilibrium model: padding, frozen parts and weights in bf16 cost and change no more than they must."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nmt.data.batch import Batch
from nmt.inference.precision import with_precision
from nmt.models.deq import DEQ
from nmt.models.deq_blocks import DecoderBlock
from nmt.models.freezing import freeze
from nmt.nn.equilibrium import Implicit, JacobianPenalty, Phantom
from nmt.nn.fixed_point import Anderson, Broyden, Picard
from nmt.training.objectives.likelihood import cross_entropy
from tests.solver_limits import Limits
from tests.unit.models.deq_models import BATCH, DROPOUT, forced, gradients, model_of, one, padded, stepped

# Padding on the right of the target


@pytest.mark.parametrize("solver", [Picard, Anderson])
@pytest.mark.parametrize("pair", [0, 1, 2])
def test_padding_costs_no_application(solver: Any, pair: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However early or late the sentence converges."""
    forward, applications = DecoderBlock.forward, 0

    def counted(self: DecoderBlock, *inputs: Any, **options: Any) -> Any:
        nonlocal applications
        applications += 1
        return forward(self, *inputs, **options)

    monkeypatch.setattr(DecoderBlock, "forward", counted)
    for digits in range(1, 10):
        model, found = model_of(decoder_solver=solver(tolerance=10.0**-digits, max_iterations=50)), []
        for columns in (0, 1, 9):
            applications = 0
            forced(model, padded(one(pair), 0, columns))
            found.append(applications)
        assert 1 < found[0] < 50
        assert found == [found[0]] * 3


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("masks", ["sentence", "token"])
def test_the_state_of_padding_is_zero(training: bool, masks: str) -> None:
    model, seen = model_of(**DROPOUT, dropout_masks=masks).train(training), []
    model.output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    batch = padded(BATCH, 0, 3)
    forced(model, batch)
    (state,) = seen
    assert not state[~batch.target_mask].any()
    assert state[batch.target_mask].any(1).all()


def test_the_jacobian_penalty_is_per_number_that_is_no_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same probe for each, |e'J|^2 is a sum over what is real, and so is what it is divided by."""
    model = model_of(jacobian=JacobianPenalty(weight=1.5, frequency=1.0))
    word = torch.randn(model.config.model_dim, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    monkeypatch.setattr(torch, "randn_like", lambda like: word.expand_as(like))

    def penalties(batch: Batch) -> dict[str, float]:
        memory = model.encode(batch.source, batch.source_mask)
        output = model.decode(batch.target_input, batch.target_mask, memory)
        return {name: float(value.detach()) for name, value in output.penalties.items()}

    tight, alone = penalties(BATCH), [penalties(one(row)) for row in range(3)]
    assert tight.keys() == {"encoder_jacobian", "decoder_jacobian"}
    assert min(tight.values()) > 1e-2
    assert penalties(padded(BATCH, 5, 7)) == pytest.approx(tight, rel=1e-6)
    for name, mask in (("encoder_jacobian", BATCH.source_mask), ("decoder_jacobian", BATCH.target_mask)):
        lengths = mask.sum(1).tolist()
        mean = sum(length * found[name] for length, found in zip(lengths, alone, strict=True)) / sum(lengths)
        assert tight[name] == pytest.approx(mean, rel=1e-6)


# Frozen parts


SEPARATE = {"tied_embeddings": "none"}


def gradients_without(model: DEQ, parts: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Tensor], int]:
    """Of the trained parameters, and how often `torch.autograd.grad` went back."""
    grad, count = torch.autograd.grad, 0

    def counted(*inputs: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return grad(*inputs, **options)

    freeze(model, parts)
    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "grad", counted)
        torch.manual_seed(3)
        cross_entropy(model, BATCH, 0.1).loss.backward()
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all(parameter.grad is None for name, parameter in model.named_parameters() if name not in trained)
    return {name: parameter.grad for name, parameter in trained.items() if parameter.grad is not None}, count


@pytest.mark.parametrize("gradient", [Implicit(solver=Anderson(tolerance=0.0, max_iterations=40)), Phantom(steps=3)])
@pytest.mark.parametrize(
    "parts", [["encoder", "source_embedding"], ["decoder", "target_embedding"], ["source_embedding"], ["encoder"]]
)
def test_frozen_parts_change_no_other_gradient(
    gradient: Any, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = gradients(model_of(**DROPOUT, **SEPARATE, gradient=gradient).train())
    model = model_of(**DROPOUT, **SEPARATE, gradient=gradient).train()
    found, _ = gradients_without(model, parts, monkeypatch)
    assert found.keys() == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert found.keys() < expected.keys()
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, expected[name], atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize(
    ("parts", "solved"),
    [
        ([], 2),
        (["encoder", "source_embedding"], 1),
        (["encoder"], 2),  # the way to the embeddings
        (["source_embedding"], 2),
        (["decoder", "target_embedding"], 2),  # the way to the encoder
        (["encoder", "decoder", "source_embedding", "target_embedding"], 0),
    ],
)
def test_no_equation_is_solved_for_a_gradient_that_nothing_asks_for(
    parts: list[str], solved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backward solver that uses up seven iterations goes back seven times."""
    model = model_of(**SEPARATE, gradient=Implicit(solver=Anderson(tolerance=0.0, max_iterations=7)))
    assert gradients_without(model, parts, monkeypatch)[1] == 7 * solved
    reported = cross_entropy(model, BATCH, 0.1).statistics
    assert sum(name.endswith("backward_iterations") for name in reported) == solved
    assert {"encoder_iterations", "decoder_residual"} <= reported.keys()


def test_a_frozen_block_has_no_penalty() -> None:
    model = model_of(**SEPARATE, jacobian=JacobianPenalty(weight=1.0, frequency=1.0))
    freeze(model, ["encoder", "source_embedding"])
    assert "decoder_jacobian" in cross_entropy(model, BATCH, 0.1).statistics
    assert "encoder_jacobian" not in cross_entropy(model, BATCH, 0.1).statistics


# bf16 weights


LOOSE: Limits = {"tolerance": 1e-2, "max_iterations": 12}


@pytest.mark.parametrize("encoder", [Anderson, Broyden])
@pytest.mark.parametrize("decoder", [Picard, Anderson])
def test_weights_in_bf16_give_about_the_logits_of_full_precision(encoder: Any, decoder: Any) -> None:
    model = model_of(encoder_solver=encoder(**LOOSE), decoder_solver=decoder(**LOOSE)).float()
    half = with_precision(model, "bf16")
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
    expected = forced(model)[BATCH.target_mask]
    for found in (forced(half), stepped(half, BATCH, 2)[0][:, 1]):
        logits = found[BATCH.target_mask].float()
        assert logits.isfinite().all()
        assert (logits - expected).norm() < 0.1 * expected.norm()
    assert (forced(half)[BATCH.target_mask].float() - expected).norm() > 1e-5 * expected.norm()  # rounded indeed


@pytest.mark.parametrize("options", [{}, {"explicit_steps": 3}], ids=["equilibrium", "explicit"])
@torch.no_grad()
def test_a_solvers_state_is_in_full_precision_whatever_the_weights_are_in(options: dict[str, Any]) -> None:
    model = with_precision(model_of(decoder_solver=Anderson(**LOOSE), **options).float(), "bf16")
    memory = model.encode(BATCH.source, BATCH.source_mask)
    state = model.init_state(memory, 2, 5)
    assert state.last.dtype == torch.float32
    for tokens in BATCH.target_input.T[:3]:
        step = model.step(tokens[:, None].expand(-1, 2), memory, state)
        state = step.state
        assert state.last.dtype == torch.float32
        assert step.logits.dtype == torch.bfloat16
        assert state.last.isfinite().all()


@pytest.mark.parametrize(
    "gradient",
    [
        Implicit(solver=Anderson(**LOOSE)),
        Implicit(solver=Broyden(**LOOSE)),
        Implicit(solver=Picard(**LOOSE)),
        Phantom(steps=8, damping=0.5),
        Phantom(steps=5),
    ],
    ids=["anderson", "broyden", "picard", "damped-phantom", "phantom"],
)
@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_gradients_of_weights_in_bf16_are_about_those_of_full_precision(gradient: Any, penalty: float) -> None:
    options = {
        "encoder_solver": Anderson(**LOOSE),
        "decoder_solver": Anderson(**LOOSE),
        "gradient": gradient,
        "jacobian": JacobianPenalty(weight=penalty, frequency=1.0),
    }
    exact = gradients(model_of(**options).float())
    half = gradients(model_of(**options).to(torch.bfloat16))
    assert all(tensor.dtype == torch.bfloat16 and tensor.isfinite().all() for tensor in half.values())
    if not penalty:  # whose random draws are others
        flat, expected = (torch.cat([found[name].double().flatten() for name in exact]) for found in (half, exact))
        assert torch.nn.functional.cosine_similarity(flat, expected, dim=0) > 0.97
