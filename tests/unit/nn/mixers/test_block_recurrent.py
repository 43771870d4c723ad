"""The block-recurrent mixer: its equations position by position, what it may see, and what it carries."""

from __future__ import annotations

import itertools
from functools import partial
from typing import get_args

import pytest
import torch
from torch import Tensor

from nmt.nn.block_attention import Keys
from nmt.nn.decoded import Decoded
from nmt.nn.mixers import BlockRecurrent, LayerShape, SlidingWindow
from nmt.nn.mixers.block_recurrent import BlockRecurrence, Carried
from nmt.nn.mixers.sliding_window import CausalSlidingWindow
from nmt.nn.state_update import Configuration, FixedGate, GatedLinear, GateKind

DIM, HEADS, WINDOW, STATES = 8, 2, 3, 5
SHAPE = LayerShape(DIM, HEADS, attention_dropout=0.0)
config = partial(BlockRecurrent.Config, window=WINDOW, states=STATES)
VARIANTS = {
    f"{gate}-{configuration}-{'normalized' if normalized else 'scaled'}": config(
        gate=gate, configuration=configuration, normalized=normalized, state_identities=normalized
    )
    for gate, configuration, normalized in itertools.product(get_args(GateKind), get_args(Configuration), (True, False))
}
every_variant = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)


def causal(options: BlockRecurrent.Config) -> BlockRecurrence:
    """In float64, with factors, norms and biases that are not all alike."""
    torch.manual_seed(0)
    mixer = options.build_causal(SHAPE)
    return varied(mixer)


def reader(options: BlockRecurrent.Config) -> BlockRecurrence:
    torch.manual_seed(0)
    return varied(options.build(SHAPE))


def varied(mixer: BlockRecurrence) -> BlockRecurrence:
    with torch.no_grad():
        for parameter in mixer.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return mixer.double().eval()


def text(length: int, rows: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(length)
    return torch.randn(rows, length, DIM, generator=draw, dtype=torch.float64)


def every(x: Tensor) -> Tensor:
    return torch.ones(x.shape[:2], dtype=torch.bool)


def unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(-1, keepdim=True) + 1e-6).sqrt()


def plainly(mixer: BlockRecurrence, x: Tensor, *, is_causal: bool) -> Tensor:
    """The equations for one text [T, D], one query at a time."""
    size, states, outputs = DIM // HEADS, mixer.recurrence.initial_states, []
    scales = mixer.nearby.attention.scale, mixer.to_states.scale, mixer.recurrence.to_states.scale

    def parts(projected: Tensor) -> list[Tensor]:
        *directions, values = projected.view(len(projected), 4, HEADS, size).unbind(1)
        return [*(map(unit, directions) if mixer.normalized else directions), values]

    def attended(query: Tensor, keys: Tensor, values: Tensor, scale: Tensor | None, bias: Tensor) -> Tensor:
        scores = torch.einsum("hd,shd->hs", query, keys)
        scores = scores * (size**-0.5 if scale is None else scale.abs()[:, None]) + bias
        return torch.einsum("hs,shd->hd", scores.softmax(-1), values).flatten()

    near, far, keys, values = parts(mixer.input(x))
    none = torch.zeros((), dtype=x.dtype)
    for start in range(0, len(x), WINDOW):
        named = mixer.recurrence.norm(states)
        if mixer.recurrence.state_identities is not None:
            named = named + mixer.recurrence.state_identities
        own, block, state_keys, state_values = parts(mixer.recurrence.input(named))
        end = min(start + WINDOW, len(x))
        for position in range(start, end):
            first = max(0, position - WINDOW + 1) if is_causal else max(0, start - WINDOW)
            seen = torch.arange(first, position + 1 if is_causal else end)
            bias = mixer.nearby.relative_positions(position - seen)
            nearby = attended(near[position], keys[seen], values[seen], scales[0], bias)
            read = attended(far[position], state_keys, state_values, scales[1], none)
            outputs.append(mixer.output(torch.cat([nearby, read])))
        seen = torch.arange(max(0, start - WINDOW), end)
        contexts = [
            torch.cat(
                [
                    attended(own[s], state_keys, state_values, scales[2], none),
                    attended(block[s], keys[seen], values[seen], mixer.recurrence.to_block.scale, none),
                ]
            )
            for s in range(STATES)
        ]
        states = mixer.recurrence.update(states, torch.stack(contexts))
    return torch.stack(outputs)


@every_variant
@pytest.mark.parametrize("length", [1, 3, 4, 11])
@torch.no_grad()
def test_it_computes_the_equations(options: BlockRecurrent.Config, length: int) -> None:
    for mixer, is_causal in ((causal(options), True), (reader(options), False)):
        x = text(length)
        expected = torch.stack([plainly(mixer, row, is_causal=is_causal) for row in x])
        torch.testing.assert_close(mixer(x, every(x)), expected)


@every_variant
def test_no_position_sees_a_later_one_and_all_see_the_first_through_the_states(options: BlockRecurrent.Config) -> None:
    """Also not one of its own block, which states that have read this block would show."""
    mixer, x = causal(options), text(11).requires_grad_()
    output = mixer(x, every(x))
    for position in range(11):
        (slope,) = torch.autograd.grad(output[:, position].square().sum(), x, retain_graph=True)
        assert not slope[:, position + 1 :].any()
        assert slope[:, : position // WINDOW * WINDOW].any(-1).all()  # all blocks before, and what the window shows
        assert slope[:, max(0, position - WINDOW + 1) : position + 1].any(-1).all()


@pytest.mark.parametrize("normalized", [True, False])
@torch.no_grad()
def test_without_what_states_say_it_is_attention_in_a_sliding_window(normalized: bool) -> None:
    mixer, x = causal(config(normalized=normalized)), text(11)
    window = SlidingWindow.Config(window=WINDOW, normalized=normalized).build_causal(SHAPE).double()
    assert isinstance(window, CausalSlidingWindow)
    queries, _, keys, values = mixer.input.weight.chunk(4)
    window.input.weight.copy_(torch.cat([queries, keys, values]))
    window.output.weight.copy_(mixer.output.weight[:, :DIM])
    window.nearby.load_state_dict(mixer.nearby.state_dict())
    mixer.output.weight[:, DIM:] = 0.0
    torch.testing.assert_close(mixer(x, every(x)), window(x, every(x)))


@every_variant
@torch.no_grad()
def test_states_in_another_order_say_the_same(options: BlockRecurrent.Config) -> None:
    mixer, x, order = causal(options), text(11), torch.tensor([3, 0, 4, 1, 2])
    before, left = mixer.forward_segment(x, every(x), mixer.begin_text(x))
    for named in (mixer.recurrence.initial_states, mixer.recurrence.state_identities):
        if named is not None:
            named.copy_(named[order])
    after, left_in_order = mixer.forward_segment(x, every(x), mixer.begin_text(x))
    torch.testing.assert_close(after, before)
    torch.testing.assert_close(left_in_order.states, left.states[:, order])
    assert not torch.allclose(left.states[:, order], left.states)


@pytest.mark.parametrize("bias", [-1e4, 1e4])
@torch.no_grad()
def test_a_fixed_gate_freezes_states_or_replaces_them(bias: float) -> None:
    mixer, x = causal(config()), text(11)
    update = mixer.recurrence.update
    assert isinstance(update, GatedLinear)
    assert isinstance(update.gate, FixedGate)
    update.gate.bias.fill_(bias)
    states = mixer.recurrence.project(mixer.recurrence.initial())
    keys, values = torch.randn(2, 1, 4, HEADS, DIM // HEADS, dtype=torch.float64)
    contexts = [
        mixer.recurrence.to_states(states.own_queries, states.keys, states.values),
        mixer.recurrence.to_block(states.block_queries, keys, values),
    ]
    found = mixer.recurrence.after(states, keys, values)
    torch.testing.assert_close(found, states.states if bias > 0 else update.linear(torch.cat(contexts, dim=-1)))
    _, left = mixer.forward_segment(x, every(x), mixer.begin_text(x))
    initial = mixer.recurrence.initial().expand_as(left.states)
    assert torch.equal(left.states, initial) == (bias > 0)


@every_variant
@pytest.mark.parametrize("make", [causal, reader])
def test_parts_of_a_text_give_what_one_pass_gives(options: BlockRecurrent.Config, make: type) -> None:
    """Texts of 22 and 17 positions, in parts of 4 blocks and the rest; gradients flow from part to part."""
    mixer, x = make(options), text(22).requires_grad_()
    mask = torch.arange(22) < torch.tensor([[22], [17]])
    whole, left = mixer.forward_segment(x, mask, mixer.begin_text(x))
    carried, outputs = mixer.begin_text(x), []
    for part in (slice(0, 12), slice(12, 15), slice(15, 22)):
        output, carried = mixer.forward_segment(x[:, part], mask[:, part], carried)
        outputs.append(output)
    joined = torch.cat(outputs, dim=1)
    torch.testing.assert_close(joined[mask], whole[mask])
    torch.testing.assert_close(carried.states, left.states)
    slopes = (torch.autograd.grad(output[mask].square().sum(), x)[0] for output in (whole, joined))
    torch.testing.assert_close(next(slopes), next(slopes))
    if make is causal:
        torch.testing.assert_close(whole[mask], mixer(x, mask)[mask])


@torch.no_grad()
def test_padding_changes_nothing_that_is_carried() -> None:
    mixer = causal(config())
    x, more = text(4), text(5)

    def carried_on(padding: int, given: Carried) -> tuple[Tensor, Carried]:
        padded = torch.nn.functional.pad(x, (0, 0, 0, padding), value=9.0)
        _, carried = mixer.forward_segment(padded, torch.arange(4 + padding).expand(2, -1) < 4, given)
        return mixer.forward_segment(more, every(more), carried)

    for given in (mixer.begin_text(x), carried_on(0, mixer.begin_text(x))[1]):
        expected, expected_left = carried_on(0, given)
        for padding in (1, 2, 9):
            found, left = carried_on(padding, given)
            torch.testing.assert_close(found, expected)
            torch.testing.assert_close(left.states, expected_left.states)


@pytest.mark.parametrize("length", [2, 8])
@torch.no_grad()
def test_a_row_of_padding_leaves_what_it_was_given(length: int) -> None:
    mixer, x, later, last = causal(config()), text(7), text(length), text(4)
    _, given = mixer.forward_segment(x, every(x), mixer.begin_text(x))
    mask = every(later)
    mask[0] = False
    _, carried = mixer.forward_segment(later, mask, given)
    assert torch.equal(carried.states[0], given.states[0])
    found, _ = mixer.forward_segment(last, every(last), carried)
    expected, _ = mixer.forward_segment(last, every(last), given)
    torch.testing.assert_close(found[0], expected[0])
    assert not torch.allclose(found[1], expected[1])


@every_variant
def test_a_gradient_reaches_every_parameter_from_the_second_block(options: BlockRecurrent.Config) -> None:
    for mixer in (causal(options), reader(options)):
        x = text(WINDOW + 1)
        mixer(x, every(x)).square().sum().backward()
        silent = [name for name, each in mixer.named_parameters() if each.grad is None or not each.grad.any()]
        assert silent == []


@every_variant
@torch.no_grad()
def test_steps_are_the_whole(options: BlockRecurrent.Config) -> None:
    torch.manual_seed(0)
    mixer, x = options.build_causal(SHAPE).double().eval(), text(4 * WINDOW + 1)
    decoded, steps = Decoded.nothing([mixer.begin(2, 1, x)], x, 2, 1), []
    for position in x.split(1, dim=1):
        slot = decoded.next_slot()
        output, past = mixer.step(position, decoded.layers[0], slot)
        decoded = decoded.advanced(slot, [past])
        steps.append(output)
    torch.testing.assert_close(torch.cat(steps, dim=1), mixer(x, every(x)))


@torch.no_grad()
def test_keys_of_a_short_block_are_next_to_the_block_before() -> None:
    real = torch.tensor([[True, True, True, True, False]])  # a block of 3 and one of 2, whose second is padding
    keys = torch.arange(5.0).view(1, 5, 1, 1)
    filled = Keys(keys, keys, real).filled(3)
    assert filled.real.tolist() == [[True, True, True, True, False, False]]
    assert filled.keys.flatten().tolist() == [0, 1, 2, 3, 4, 0]
    one = Keys(keys[:, :2], keys[:, :2], real[:, :2]).filled(3)
    assert one.real.tolist() == [[False, False, False, True, True, False]]
