"""The nondeterministic stack against enumerated runs, known counts and its own laws."""

from __future__ import annotations

import itertools
import math
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from nmt.nn import native
from nmt.nn.pushdown import sequence
from nmt.nn.pushdown.automaton import Automaton, Transitions
from nmt.nn.pushdown.runs import Lattice, most_probable_run
from nmt.nn.pushdown.sequence import StackSequences
from nmt.nn.pushdown.stack import Stack, advance, reading
from tests.unit.nn.pushdown.enumeration import courses, tops
from tests.without_native import without_library

KINDS = list(itertools.product([False, True], ["free", "fixed"]))
every_kind = pytest.mark.parametrize(("normalized", "bottom"), KINDS)
SEED = 5


def automaton(states: int = 2, symbols: int = 3, **options: Any) -> Automaton:
    return Automaton(states, symbols, **options)


def drawn(machine: Automaton, *shape: int) -> Tensor:
    """Logits, [..., transitions]."""
    generator = torch.Generator().manual_seed(SEED)
    return 2 * torch.randn(*shape, machine.transitions, dtype=torch.float64, generator=generator)


def stepped(machine: Automaton, logits: Tensor, stack: Stack | None = None) -> tuple[Tensor, Stack]:
    """Readings [T, B, C] and the stacks at the end, a step at a time; logits: [T, B, transitions]."""
    stack, readings = stack or Stack.empty(machine, logits, logits.shape[1]), []
    for step in logits:
        stack = advance(machine, stack, machine.weights(step))
        readings.append(reading(machine, stack.top, with_states=True))
    return torch.stack(readings), stack


def at_once(machine: Automaton, logits: Tensor, stack: Stack | None = None) -> tuple[Tensor, StackSequences]:
    """The same for whole sequences."""
    stack = stack or Stack.empty(machine, logits, logits.shape[1])
    stacks, readings = StackSequences(machine, stack, len(logits)), []
    for step in logits:
        stacks.advance(step)
        readings.append(reading(machine, stacks.top, with_states=True))
    return torch.stack(readings), stacks


def log_mass(machine: Automaton, logits: Tensor) -> Tensor:
    """The logarithm of the weight of all runs after each number of steps, [T + 1]; logits: [T, transitions]."""
    lattice = Lattice(machine, machine.log_weights(logits), best=False)
    return lattice.forward[lattice.base :].logsumexp(dim=1)


@pytest.mark.parametrize(
    ("bottom", "counts"), [("free", [1, 2, 5, 13, 35, 96, 267]), ("fixed", [1, 1, 2, 5, 13, 35, 96])]
)
def test_with_all_weights_1_the_runs_are_counted(bottom: Any, counts: list[int]) -> None:
    """The numbers of prefixes of Motzkin paths."""
    machine = automaton(1, 1, bottom=bottom)
    found = log_mass(machine, torch.zeros(6, machine.transitions)).exp()
    torch.testing.assert_close(found, torch.tensor(counts, dtype=torch.float64))


@every_kind
def test_it_sums_over_all_runs(normalized: bool, bottom: Any) -> None:
    for states, symbols in ((2, 2), (1, 3), (3, 1)):
        machine = automaton(states, symbols, normalized=normalized, bottom=bottom)
        logits = drawn(machine, 4)
        weights = machine.log_weights(logits)
        found, _ = stepped(machine, logits[:, None])
        lattice = Lattice(machine, weights, best=False)
        for steps in range(1, 5):
            expected = tops(machine, Transitions(*(part[:steps] for part in weights)))
            torch.testing.assert_close(found[steps - 1, 0], expected / expected.sum(), atol=1e-12, rtol=0)
            torch.testing.assert_close(lattice.forward[lattice.base + steps].exp(), expected, atol=1e-12, rtol=1e-12)


@every_kind
def test_a_factor_of_all_weights_of_a_step_changes_no_reading(normalized: bool, bottom: Any) -> None:
    machine = automaton(normalized=normalized, bottom=bottom)
    logits = drawn(machine, 12, 2)
    found, _ = stepped(machine, logits)
    other, _ = stepped(machine, logits + torch.linspace(-300, 300, 12)[:, None, None])
    torch.testing.assert_close(other, found)


@pytest.mark.parametrize("bottom", ["free", "fixed"])
def test_normalised_transitions_never_gain_mass(bottom: Any) -> None:
    machine = automaton(normalized=True, bottom=bottom)
    mass = log_mass(machine, drawn(machine, 12))
    assert mass[0] == 0.0
    assert (mass.diff() <= 1e-12).all()
    assert mass[-1] < -0.1, "a pop of the bottom has no run"


@every_kind
@pytest.mark.parametrize("window", [None, 3, 1])
@pytest.mark.parametrize("in_c", [False, True])
def test_whole_sequences_are_their_steps_with_their_gradients(
    normalized: bool, bottom: Any, window: Any, in_c: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the stacks of sequences of any length at their ends; with sizes that C was compiled for, and others."""
    monkeypatch.setattr(sequence, "_LEAST_STEPS", 3)  # with a window, on several tapes
    if in_c and native.pushdown() is None:
        pytest.skip("the C functions were not compiled")
    with nullcontext() if in_c else without_library():
        for states, symbols in ((2, 3), (3, 3), (1, 2)):
            whole_sequences_are_steps(automaton(states, symbols, normalized=normalized, bottom=bottom, window=window))


def whole_sequences_are_steps(machine: Automaton) -> None:
    logits = drawn(machine, 8, 4).requires_grad_()
    lengths = torch.tensor([8, 0, 3, 5])
    real = torch.arange(8)[:, None] < lengths
    stack, readings = Stack.empty(machine, logits, 4), []
    for position, step in enumerate(logits):
        stack = advance(machine, stack, machine.weights(step)).where(real[position], stack)
        readings.append(reading(machine, stack.top, with_states=True))
    whole, stacks = at_once(machine, logits)
    end = stacks.after(lengths)
    found, expected = [whole[real], *end.tensors()], [torch.stack(readings)[real], *stack.tensors()]
    torch.testing.assert_close(found, expected)
    towards = [torch.randn_like(part) for part in found]
    slopes = [torch.autograd.grad(parts, logits, towards)[0] for parts in (found, expected)]
    torch.testing.assert_close(slopes[0], slopes[1], atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("in_c", [False, True])
def test_the_order_of_numbers_in_memory_does_not_matter(in_c: bool) -> None:
    if in_c and native.pushdown() is None:
        pytest.skip("the C functions were not compiled")
    machine = automaton()
    logits = drawn(machine, 6, 3)
    with nullcontext() if in_c else without_library():
        torch.testing.assert_close(at_once(machine, logits.mT.contiguous().mT)[0], at_once(machine, logits)[0])


@every_kind
def test_a_gradient_may_be_asked_for_twice_and_of_a_part(normalized: bool, bottom: Any) -> None:
    machine = automaton(normalized=normalized, bottom=bottom)
    logits = drawn(machine, 6, 2).requires_grad_()
    whole, stacks = at_once(machine, logits)
    steps, _ = stepped(machine, logits)
    for part, other in ((whole[:4], steps[:4]), (whole[1], steps[1]), (whole, steps)):
        found, expected = (torch.autograd.grad(x.square().sum(), logits, retain_graph=True)[0] for x in (part, other))
        torch.testing.assert_close(found, expected)
    stacks.after(torch.tensor([6, 2])).below.square().sum().backward(retain_graph=True)
    found, expected = (torch.autograd.grad(x.square().sum(), logits, retain_graph=True)[0] for x in (whole, steps))
    torch.testing.assert_close(found, expected)


def test_the_gradient_is_the_slope() -> None:
    machine = automaton(2, 2, window=2)
    logits = drawn(machine, 4, 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda logits: at_once(machine, logits)[0], logits)


@every_kind
def test_a_window_as_long_as_the_sequence_changes_nothing(normalized: bool, bottom: Any) -> None:
    free, windowed = (automaton(normalized=normalized, bottom=bottom, window=window) for window in (None, 9))
    logits = drawn(free, 8, 2).requires_grad_()
    (found, _), (expected, _) = at_once(windowed, logits), at_once(free, logits)
    torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad(readings.square().sum(), logits)[0] for readings in (found, expected)]
    torch.testing.assert_close(*slopes)
    short, _ = at_once(automaton(normalized=normalized, bottom=bottom, window=3), logits)
    torch.testing.assert_close(short[:2], expected[:2])
    assert not torch.allclose(short[3:], expected[3:])


@every_kind
@pytest.mark.parametrize("window", [None, 3])
def test_a_sequence_in_parts_is_the_whole(
    normalized: bool, bottom: Any, window: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequence, "_LEAST_STEPS", 4)  # one part is on several tapes
    machine = automaton(normalized=normalized, bottom=bottom, window=window)
    logits = drawn(machine, 15, 2).requires_grad_()
    whole, end = stepped(machine, logits)
    first, stacks = at_once(machine, logits[:5])
    second, stacks = at_once(machine, logits[5:], stacks.after(torch.tensor([5, 5])))
    found, expected = (
        [torch.cat([first, second]), *stacks.after(torch.tensor([10, 10])).tensors()],
        [whole, *end.tensors()],
    )
    torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad([part.square().sum() for part in parts], logits)[0] for parts in (found, expected)]
    torch.testing.assert_close(*slopes)


@every_kind
def test_extreme_weights_give_numbers_and_gradients(normalized: bool, bottom: Any) -> None:
    machine = automaton(normalized=normalized, bottom=bottom)
    for factor in (100.0, 1e4):
        logits = (factor * drawn(machine, 20, 2)).requires_grad_()
        for readings in (at_once(machine, logits)[0], stepped(machine, logits)[0]):
            assert readings.isfinite().all()
            (slope,) = torch.autograd.grad(readings.square().sum(), logits)
            assert slope.isfinite().all()


ZERO, ONE, HASH = range(3)


def reversal(string: list[int]) -> tuple[Automaton, Tensor]:
    """The deterministic automaton of w#w^R: pushes in state 0, pops in state 1. Symbols: bottom, 0, 1."""
    machine = automaton(2, 3)
    logits = torch.full((len(string), 6, 6 + 6 + 2), -torch.inf, dtype=torch.float64)
    push, replace, pop = logits.split([6, 6, 2], dim=2)
    for step, token in enumerate(string):
        for symbol in range(3):
            if token == HASH:
                replace[step, symbol, 3 + symbol] = 0.0
            else:
                push[step, symbol, 1 + token] = 0.0
        if token != HASH:
            pop[step, 3 + 1 + token, 1] = 0.0
    return machine, logits.flatten(1)


def test_a_deterministic_automaton_knows_the_top_of_its_stack() -> None:
    word = [ZERO, ONE, ONE, ZERO, ONE]
    machine, logits = reversal([*word, HASH, *word[::-1]])
    readings, _ = at_once(machine, logits[:, None])
    below = [[1 + token for token in word[:length]] for length in range(1, 6)]
    symbols = [stack[-1] for stack in (*below, below[4], *below[3::-1])] + [0]
    states = [0] * 5 + [1] * 6
    expected = [state * 3 + symbol for state, symbol in zip(states, symbols, strict=True)]
    assert readings.shape == (11, 1, 6)
    assert readings[:, 0].argmax(dim=1).tolist() == expected
    assert (readings.amax(dim=2) == 1.0).all()
    run = most_probable_run(machine, machine.log_weights(logits))
    assert run is not None
    assert [move.kind for move in run.moves] == ["push"] * 5 + ["replace"] + ["pop"] * 5
    assert [move.state * 3 + move.symbol for move in run.moves] == expected
    assert run.share == 1.0


def test_a_string_without_a_run_reads_nothing() -> None:
    machine, logits = reversal([ZERO, HASH, ONE, ZERO])
    readings, _ = at_once(machine, logits[:, None])
    assert not readings[2:].any()
    assert most_probable_run(machine, machine.log_weights(logits)) is None


@every_kind
def test_the_most_probable_run_is_the_best_of_all(normalized: bool, bottom: Any) -> None:
    for seed in range(4):
        machine = automaton(2, 2, normalized=normalized, bottom=bottom)
        generator = torch.Generator().manual_seed(seed)
        logits = 2 * torch.randn(4, machine.transitions, dtype=torch.float64, generator=generator)
        weights = machine.log_weights(logits)
        every = courses(machine, weights)
        best = max(every, key=lambda course: course.log_weight)
        run = most_probable_run(machine, weights)
        assert run is not None
        assert tuple((move.kind, move.state, move.symbol) for move in run.moves) == best.moves
        assert run.log_weight == pytest.approx(best.log_weight)
        assert run.share == pytest.approx(math.exp(run.log_weight) / sum(math.exp(c.log_weight) for c in every))
