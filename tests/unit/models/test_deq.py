"""The deep equilibrium model: exact gradients, exact decoding, and what the solver's cap must never let through."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from nmt.data.batch import Batch, collate
from nmt.models.deq import DEQ
from nmt.models.deq_blocks import DecoderBlock
from nmt.models.weights import load_weights, named_weights
from nmt.nn.equilibrium import Implicit, JacobianPenalty
from nmt.nn.fixed_point import Anderson, Broyden, Picard
from nmt.nn.held import hold
from nmt.nn.position import positions
from tests.solver_limits import Limits
from tests.unit.models.deq_models import (
    BATCH,
    DROPOUT,
    EXACT,
    PAIRS,
    VOCABULARY,
    forced,
    gradients,
    model_of,
    one,
    padded,
    stepped,
)

CAPPED: Limits = {"tolerance": 0.0, "max_iterations": 4}


def relative_error(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    difference = sum(float((actual[name] - expected[name]).square().sum()) for name in expected)
    return math.sqrt(difference / sum(float(tensor.square().sum()) for tensor in expected.values()))


# Gradients


@pytest.mark.parametrize(
    ("masks", "forward", "backward"),
    [("sentence", Anderson, Anderson), ("token", Broyden, Broyden), ("token", Picard, Picard)],
)
def test_gradients_are_those_of_backpropagation_through_both_blocks_300_times(
    masks: str, forward: Any, backward: Any
) -> None:
    """From the cross-entropy through decoder and encoder, with dropout."""
    model = model_of(
        **DROPOUT, dropout_masks=masks, encoder_solver=forward(**EXACT), gradient=Implicit(solver=backward(**EXACT))
    ).train()
    implicit = gradients(model)
    model.explicit_steps.fill_(300)
    unrolled = gradients(model)
    assert relative_error(implicit, unrolled) < 1e-9
    for name, tensor in unrolled.items():
        assert relative_error({name: implicit[name]}, {name: tensor}) < 1e-7, name


def test_gradients_under_autocast_are_close_to_those_in_full_precision() -> None:
    loose: Limits = {"tolerance": 1e-2, "max_iterations": 20}
    model = model_of(
        encoder_solver=Anderson(**loose), decoder_solver=Picard(**loose), gradient=Implicit(solver=Anderson(**loose))
    )
    exact = gradients(model)
    half = gradients(model.float(), autocast=True)
    for name, gradient in exact.items():
        if "cross.query" not in name:  # the source's words are so alike that this gradient is rounding noise
            cosine = torch.nn.functional.cosine_similarity(half[name].flatten().double(), gradient.flatten(), dim=0)
            assert cosine > 0.98, name


def test_penalties_are_part_of_the_loss_and_their_gradient_reaches_the_blocks() -> None:
    model = model_of(jacobian=JacobianPenalty(weight=1.5, frequency=1.0)).train()
    model.dropout.p = 0.0
    memory = model.encode(BATCH.source, BATCH.source_mask)
    output = model.decode(BATCH.target_input, BATCH.target_mask, memory)
    assert set(output.penalties) == {"encoder_jacobian", "decoder_jacobian"}
    for name, penalty in output.penalties.items():
        block = getattr(model, name.removesuffix("_jacobian"))
        found: tuple[Tensor | None, ...] = torch.autograd.grad(
            penalty, list(block.parameters()), retain_graph=True, allow_unused=True
        )
        assert sum(part is not None and bool(part.any()) for part in found) > 8
    with torch.no_grad():
        assert model.encode(BATCH.source, BATCH.source_mask).penalties == {}


# What an unfinished solution must not show


CAUSAL = [Picard(**CAPPED), Picard(damping=0.8, **CAPPED), Anderson(**CAPPED)]


@pytest.mark.parametrize("solver", CAUSAL, ids=["picard", "damped", "anderson"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("masks", ["sentence", "token"])
def test_four_iterations_show_no_position_a_later_word(solver: Any, training: bool, masks: str) -> None:
    model = model_of(**DROPOUT, dropout_masks=masks, decoder_solver=solver).train(training)
    for position in range(1, BATCH.target_input.shape[1]):
        changed = BATCH.target_input.clone()
        changed[:, position] = (changed[:, position] + 5) % VOCABULARY
        logits = []
        for target in (BATCH.target_input, changed):
            torch.manual_seed(11)
            memory = model.encode(BATCH.source, BATCH.source_mask)
            logits.append(model.decode(target, BATCH.target_mask, memory).logits.detach())
        torch.testing.assert_close(logits[0][:, :position], logits[1][:, :position], atol=1e-12, rtol=0)
        assert not torch.allclose(logits[0][:, position], logits[1][:, position])


def test_solvers_that_mix_positions_are_refused_for_the_decoder() -> None:
    with pytest.raises(ValidationError, match="decoder_solver"):
        DEQ.Config.model_validate({"decoder_solver": {"kind": "broyden"}})


@pytest.mark.parametrize("encoder", [Picard, Anderson, Broyden])
@pytest.mark.parametrize("decoder", [Picard, Anderson])
def test_neither_batch_mates_nor_padding_show_in_four_iterations(encoder: Any, decoder: Any) -> None:
    model = model_of(encoder_solver=encoder(**CAPPED), decoder_solver=decoder(**CAPPED))
    together = forced(model, padded(BATCH, 3, 2))
    for row in range(len(PAIRS)):
        alone = forced(model, one(row))
        torch.testing.assert_close(together[row, : alone.shape[1]], alone[0], atol=1e-11, rtol=0)


# Decoding


@pytest.mark.parametrize("solver", [Picard, Anderson])
@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
@pytest.mark.parametrize("layers", [1, 2])
def test_steps_give_the_teacher_forced_logits_within_the_tolerance(solver: Any, tolerance: float, layers: int) -> None:
    """A block that contracts by 1/2 is off by at most twice the residual, and one step on by half of it."""
    model = model_of(decoder_solver=solver(tolerance=tolerance, max_iterations=50), decoder_layers=layers)
    expected = forced(model)
    found, _ = stepped(model, BATCH, 2)
    for beam in range(2):
        difference = (found[:, beam] - expected)[BATCH.target_mask]
        assert (difference.norm(dim=-1) / expected[BATCH.target_mask].norm(dim=-1)).max() < tolerance


@pytest.mark.parametrize("solver", [Picard, Anderson])
def test_applications_are_counted(solver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, count, step = model_of(decoder_solver=solver(tolerance=1e-4, max_iterations=50)), 0, DecoderBlock.step

    def counted(self: DecoderBlock, *inputs: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return step(self, *inputs, **options)

    monkeypatch.setattr(DecoderBlock, "step", counted)
    _, applications = stepped(model, one(1), 1)
    assert applications.tolist() == [[count]]
    assert count > 3 * len(PAIRS[1][1])
    count = 0
    model.explicit_steps.fill_(3)
    assert stepped(model, one(1), 1)[1].tolist() == [[count]] == [[3 * 6]]


def test_the_newest_position_starts_where_the_one_before_ended() -> None:
    """Of a sentence that repeats one word, most positions are nearly solved at the start."""
    model = model_of(decoder_solver=Picard(tolerance=1e-3, max_iterations=50))
    batch = collate([[5, 6, 7]], [[9] * 12])
    warm = stepped(model, batch, 1)[1].item()
    with torch.no_grad():
        memory = model.encode(batch.source, batch.source_mask)
        state, cold = model.init_state(memory, 1, 13), 0.0
        for tokens in batch.target_input.T:
            state.last.zero_()
            before = state.applications.item()
            state = model.step(tokens[:, None], memory, state).state
            cold += state.applications.item() - before
    assert warm < cold


def test_fewer_iterations_are_an_early_exit_of_the_same_weights() -> None:
    """Picard's two, and the application that follows."""
    trained = model_of()
    quick = trained.config.model_copy(update={"decoder_solver": Picard(tolerance=0.0, max_iterations=2)})
    early = quick.build(VOCABULARY, VOCABULARY).double().eval()
    load_weights(early, named_weights(trained), "trained")
    logits, applications = stepped(early, BATCH, 1)
    assert applications.tolist() == [[3 * BATCH.target_input.shape[1]]] * 3
    full = forced(trained)
    error = (forced(early) - full)[BATCH.target_mask].norm() / full[BATCH.target_mask].norm()
    assert 1e-4 < error < 0.5
    by_hand = trained.config.model_copy(update={"explicit_steps": 3}).build(VOCABULARY, VOCABULARY).double().eval()
    weights = {name: tensor for name, tensor in named_weights(trained).items() if name != "explicit_steps"}
    load_weights(by_hand, weights | {"explicit_steps": torch.tensor(3)}, "trained")
    with torch.no_grad():
        memory = early.encode(BATCH.source, BATCH.source_mask)
        explicit = by_hand.decode(BATCH.target_input, BATCH.target_mask, memory).logits
    torch.testing.assert_close(forced(early)[BATCH.target_mask], explicit[BATCH.target_mask], atol=1e-12, rtol=0)
    assert logits.isfinite().all()


# Explicit steps and pretraining


@pytest.mark.parametrize("steps", [1, 3])
@torch.no_grad()
def test_explicit_steps_are_so_many_layers_of_the_same_weights(steps: int) -> None:
    model = model_of(explicit_steps=steps, encoder_layers=2)
    encoder, decoder = hold(model.encoder), hold(model.decoder)
    x = model.source_embedding(BATCH.source) + model.positions(positions(BATCH.source_mask))
    y = model.target_embedding(BATCH.target_input) + model.positions(torch.arange(BATCH.target_input.shape[1]))
    source, target = torch.zeros_like(x), torch.zeros_like(y)
    injected, written = encoder.inject(x), decoder.inject(y)
    for _ in range(steps):
        source = encoder(source, injected, BATCH.source_mask[:, None, None]) * BATCH.source_mask[:, :, None]
    memory = model.decoder.project_memory(source)
    for _ in range(steps):
        target, _ = decoder(target, written, memory, BATCH.source_mask)
    expected, real = model.output(target), BATCH.target_mask
    torch.testing.assert_close(forced(model)[real], expected[real], atol=1e-12, rtol=0)
    found, _ = stepped(model, BATCH, 2)
    torch.testing.assert_close(found[:, 1][real], expected[real], atol=1e-11, rtol=0)


def test_pretraining_is_a_shallow_network_that_the_equilibrium_takes_over_from() -> None:
    model = model_of(pretraining={"updates": 5, "steps": 2})
    shallow, deep = model_of(explicit_steps=2), model_of()
    assert torch.equal(forced(model), forced(shallow))
    for update in (1, 5):
        model.anneal(update)
        assert torch.equal(forced(model), forced(shallow))
        assert torch.equal(stepped(model, BATCH, 2)[0], stepped(shallow, BATCH, 2)[0])
    model.anneal(6)
    assert torch.equal(forced(model), forced(deep))
    assert torch.equal(stepped(model, BATCH, 2)[0], stepped(deep, BATCH, 2)[0])
    model.anneal(2)  # never back
    assert torch.equal(forced(model), forced(deep))


@pytest.mark.parametrize("update", [5, 6])
def test_saved_weights_know_which_phase_they_are_of(update: int) -> None:
    model = model_of(pretraining={"updates": 5, "steps": 2}).train()
    model.anneal(update)
    weights = {name: tensor.clone() for name, tensor in named_weights(model).items()}
    other = model.config.build(VOCABULARY, VOCABULARY).double().eval()
    load_weights(other, weights, "weights")
    assert int(other.explicit_steps) == (2 if update == 5 else 0)
    assert torch.equal(forced(other), forced(model.eval()))


def test_pretraining_of_a_network_of_explicit_steps_leads_to_these() -> None:
    model = model_of(pretraining={"updates": 1, "steps": 2}, explicit_steps=6)
    assert int(model.explicit_steps) == 2
    model.anneal(2)
    assert int(model.explicit_steps) == 6


@pytest.mark.parametrize("after", [0, 4])
def test_the_model_says_when_it_becomes_another_function(after: int) -> None:
    """Once, before the first update after pretraining, which is when its logits change."""
    model, changes = model_of(pretraining={"updates": 3, "steps": 2}, explicit_steps=after), []
    for update in range(1, 8):
        before = forced(model)
        changed = model.anneal(update)
        assert changed is (not torch.equal(forced(model), before))
        changes += [update] * changed
    assert changes == [4]
    assert int(model.explicit_steps) == after


@pytest.mark.parametrize(
    ("options", "until"),
    [({}, 6), ({"explicit_steps": 3}, 6), ({"pretraining": {"updates": 5, "steps": 3}, "explicit_steps": 3}, 9)],
)
def test_a_model_without_a_change_of_phase_announces_none(options: dict[str, Any], until: int) -> None:
    model = model_of(**options)
    before = forced(model)
    assert not any(model.anneal(update) for update in range(1, until))
    assert torch.equal(forced(model), before)


@pytest.mark.parametrize("after", [0, 4])
def test_weights_that_are_past_pretraining_stay_past_it(after: int) -> None:
    """Those that a training starts from, and those of a training that goes on."""
    trained = model_of(pretraining={"updates": 3, "steps": 2}, explicit_steps=after)
    trained.anneal(4)
    fresh = model_of(pretraining={"updates": 3, "steps": 2}, explicit_steps=after)
    assert int(fresh.explicit_steps) == 2
    load_weights(fresh, named_weights(trained), "trained")
    expected = forced(trained)
    assert not any(fresh.anneal(update) for update in range(1, 8))
    assert torch.equal(forced(fresh), expected)


def test_a_resumed_model_goes_on_in_its_phase() -> None:
    stopped = model_of(pretraining={"updates": 5, "steps": 2})
    stopped.anneal(3)
    resumed = model_of(pretraining={"updates": 5, "steps": 2})
    load_weights(resumed, named_weights(stopped), "stopped")
    assert [resumed.anneal(update) for update in (4, 5, 6, 7)] == [False, False, True, False]


# Statistics


def statistics(model: DEQ, batch: Batch) -> dict[str, float]:
    memory = model.encode(batch.source, batch.source_mask)
    output = model.decode(batch.target_input, batch.target_mask, memory)
    output.logits[batch.target_mask].sum().backward()
    return {name: float(tensor.double().mean()) for name, tensor in output.statistics.items()}


def test_statistics_are_means_over_sentences_and_over_target_words() -> None:
    loose: Limits = {"tolerance": 1e-5, "max_iterations": 90}
    model = model_of(
        encoder_solver=Anderson(**loose),
        decoder_solver=Picard(**loose),
        gradient=Implicit(solver=Broyden(**loose)),
    )
    sides, figures = ("encoder", "decoder"), ("iterations", "residual", "backward_iterations", "backward_residual")
    together = statistics(model, BATCH)
    assert set(together) == {f"{side}_{figure}" for side in sides for figure in figures}
    wide = statistics(model, padded(BATCH, 4, 3))
    alone = [statistics(model, one(row)) for row in range(3)]
    lengths = BATCH.target_mask.sum(1).tolist()
    for name, value in together.items():
        assert wide[name] == pytest.approx(value, rel=1e-6), name
        weights = lengths if name in ("decoder_iterations", "decoder_residual") else [1, 1, 1]
        mean = sum(weight * found[name] for weight, found in zip(weights, alone, strict=True)) / sum(weights)
        # the gradient of a sentence alone is that in a batch, so its backward solver takes as long
        assert value == pytest.approx(mean, rel=1e-5), name
    assert together["encoder_residual"] <= 1e-5
    assert 1 < together["decoder_iterations"] < 90
    assert not together["decoder_iterations"].is_integer()  # or the means would hide what is in them


def test_explicit_steps_have_no_statistics() -> None:
    assert statistics(model_of(explicit_steps=2), BATCH) == {}


# Options


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValidationError, match="multiple of heads"):
        DEQ.Config(model_dim=10, heads=4)
