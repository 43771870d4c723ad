"""Deep equilibrium models in double precision, with their batch and what is computed of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nmt.data.batch import Batch, collate
from nmt.models.deq import DEQ
from nmt.nn.equilibrium import Implicit
from nmt.nn.fixed_point import Anderson, Picard
from nmt.training.objectives.likelihood import cross_entropy
from tests.solver_limits import Limits

VOCABULARY = 23
EXACT: Limits = {"tolerance": 1e-12, "max_iterations": 200}
SIZES = {"model_dim": 16, "feedforward_dim": 24, "heads": 2, "initial_std": 0.2}
DROPOUT = {"dropout": 0.2, "attention_dropout": 0.1, "activation_dropout": 0.1}
PAIRS = [([5, 6, 7, 8], [8, 9, 10]), ([11], [12, 13, 14, 15, 16]), ([17, 18], [19])]
BATCH = collate([source for source, _ in PAIRS], [target for _, target in PAIRS])


def model_of(**options: Any) -> DEQ:
    """In float64; random biases make the blocks contract."""
    torch.manual_seed(7)
    solvers = {
        "encoder_solver": Anderson(**EXACT),
        "decoder_solver": Picard(**EXACT),
        "gradient": Implicit(solver=Anderson(**EXACT)),
    }
    model = DEQ.Config(**{**SIZES, **solvers, **options}).build(VOCABULARY, VOCABULARY).double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.add_(torch.randn_like(parameter))
    return model


@torch.no_grad()
def forced(model: DEQ, batch: Batch = BATCH) -> Tensor:
    return model.decode(batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask)).logits


def padded(batch: Batch, source: int, target: int) -> Batch:
    def widen(x: Tensor, columns: int, value: int | bool) -> Tensor:
        return torch.nn.functional.pad(x, (0, columns), value=value)

    return Batch(
        widen(batch.source, source, 0),
        widen(batch.source_mask, source, False),
        widen(batch.target_input, target, 0),
        widen(batch.target_output, target, 0),
        widen(batch.target_mask, target, False),
    )


def one(pair: int) -> Batch:
    source, target = PAIRS[pair]
    return collate([source], [target])


def gradients(model: DEQ, *, autocast: bool = False) -> dict[str, Tensor]:
    """Of the cross-entropy, with the masks of one seed."""
    torch.manual_seed(3)
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        objective = cross_entropy(model, BATCH, 0.1)
    objective.loss.backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert found.keys() == dict(model.named_parameters()).keys()
    return {name: gradient.clone() for name, gradient in found.items()}


@torch.no_grad()
def stepped(model: DEQ, batch: Batch, beams: int) -> tuple[Tensor, Tensor]:
    """Logits [B, K, T, V] of K hypotheses of the same words, and the applications."""
    memory = model.encode(batch.source, batch.source_mask)
    state, logits = model.init_state(memory, beams, batch.target_input.shape[1]), []
    for tokens in batch.target_input.T:
        step = model.step(tokens[:, None].expand(-1, beams), memory, state)
        logits.append(step.logits)
        state = step.state
    return torch.stack(logits, 2), state.applications.view(len(memory.mask), beams)
