"""The laws that every mixer obeys."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nmt.nn.decoded import Decoded
from nmt.nn.mixers import CausalMixer, LayerShape, Mixer
from tests.contract.listed import CAUSAL_MIXERS, MIXERS

DIM = 8
SHAPE = LayerShape(DIM, heads=2, attention_dropout=0.1, layer=1)

readers = pytest.mark.parametrize("name", MIXERS)
writers = pytest.mark.parametrize("name", CAUSAL_MIXERS)
seeds = st.integers(0, 2**32 - 1)


def randomised(mixer: Mixer) -> Mixer:
    """In float64, with random biases, which as zeros would hide errors."""
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return mixer.double().eval()


def reader(name: str) -> Mixer:
    torch.manual_seed(0)
    return randomised(MIXERS[name].build(SHAPE))


def writer(name: str) -> CausalMixer[Any]:
    torch.manual_seed(0)
    mixer = CAUSAL_MIXERS[name].build_causal(SHAPE)
    randomised(mixer)
    return mixer


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def begun(mixer: CausalMixer[Any], sentences: int, beam: int) -> Decoded[Any]:
    like = drawn(0, 1)
    return Decoded.nothing([mixer.begin(sentences, beam, like)], like, sentences, beam)


@torch.no_grad()
def step(mixer: CausalMixer[Any], x: Tensor, decoded: Decoded[Any]) -> tuple[Tensor, Decoded[Any]]:
    """x: [B, K, D]."""
    slot = decoded.next_slot()
    found, past = mixer.step(x, decoded.layers[0], slot)
    return found, decoded.advanced(slot, [past])


def every(x: Tensor) -> Tensor:
    """The mask of sequences without padding."""
    return torch.ones(x.shape[:2], dtype=torch.bool)


@readers
@settings(max_examples=15)
@given(seed=seeds, length=st.integers(1, 7), left=st.integers(0, 3), right=st.integers(0, 3))
def test_a_reader_sees_neither_padding_nor_batch_mates(
    name: str, seed: int, length: int, left: int, right: int
) -> None:
    mixer, x = reader(name), drawn(seed, 3, length)
    padded = nn.functional.pad(x, (0, 0, left, right), value=9.0)
    found = mixer(padded, nn.functional.pad(every(x), (left, right), value=False))
    for row in range(3):
        alone = mixer(x[row, None], every(x[:1]))
        torch.testing.assert_close(found[row, left : left + length], alone[0])


@writers
@settings(max_examples=15)
@given(seed=seeds, length=st.integers(1, 12), right=st.integers(0, 3))
def test_a_writer_sees_no_later_position_and_no_batch_mate(name: str, seed: int, length: int, right: int) -> None:
    mixer, x = writer(name), drawn(seed, 3, length)
    padded = nn.functional.pad(x, (0, 0, 0, right), value=9.0)
    found = mixer(padded, nn.functional.pad(every(x), (0, right), value=False))[:, :length]
    for row in range(3):
        alone = mixer(x[row, None], every(x[:1]))
        torch.testing.assert_close(found[row], alone[0])
    changed = x.clone()
    changed[:, length // 2 :] += 1.0
    after = mixer(changed, every(x))
    torch.testing.assert_close(after[:, : length // 2], found[:, : length // 2])
    assert (after[:, length // 2] != found[:, length // 2]).any()


@writers
@settings(max_examples=25)
@given(data=st.data(), sentences=st.integers(1, 3), beam=st.integers(1, 3), length=st.integers(1, 20))
def test_steps_give_each_hypothesis_what_its_own_past_gives_whole(
    name: str, data: st.DataObject, sentences: int, beam: int, length: int
) -> None:
    """Reordered within sentences, sentences dropped, and fewer hypotheses of each, as sampling does."""
    mixer = writer(name)
    decoded, past = begun(mixer, sentences, beam), [torch.empty(0, DIM, dtype=torch.float64)] * (sentences * beam)
    for position in range(length):
        x = drawn(position, sentences, beam)
        found, decoded = step(mixer, x, decoded)
        past = [torch.cat([before, now[None]]) for before, now in zip(past, x.flatten(0, 1), strict=True)]
        whole = torch.stack(past)
        torch.testing.assert_close(found.flatten(0, 1), mixer(whole, every(whole))[:, -1])
        if data.draw(st.booleans()):
            stay = sorted(data.draw(st.sets(st.integers(0, sentences - 1), min_size=1)))
            fewer = data.draw(st.integers(1, beam))
            rows = [s * beam + data.draw(st.integers(0, beam - 1)) for s in stay for _ in range(fewer)]
            decoded, past = decoded.select(torch.tensor(rows)), [past[row] for row in rows]
            sentences, beam = len(stay), fewer
    assert (decoded.length, decoded.beam) == (length, beam)


@pytest.mark.parametrize("mixer", [*map(reader, MIXERS), *map(writer, CAUSAL_MIXERS)], ids=lambda m: type(m).__name__)
def test_a_gradient_reaches_every_parameter(mixer: Mixer) -> None:
    x = drawn(1, 2, 5)
    mixer.train()(x, every(x)).square().sum().backward()
    silent = [name for name, each in mixer.named_parameters() if each.grad is None or not each.grad.any()]
    assert silent == []


@writers
def test_half_precision_is_not_summed_up_over_time(name: str) -> None:
    mixer, x = writer(name).float(), drawn(2, 2, 200).float()
    with torch.no_grad():
        whole = mixer(x, every(x))
        with torch.autocast("cpu", torch.bfloat16):
            half = mixer(x, every(x))
    torch.testing.assert_close(half.float(), whole, atol=0.05, rtol=0.05)


@writers
@pytest.mark.parametrize("begun_in", [torch.float32, torch.bfloat16])
def test_steps_go_on_in_half_precision(name: str, begun_in: torch.dtype) -> None:
    mixer, x = writer(name).float(), drawn(2, 2, 20).float()
    like = torch.empty(0, dtype=begun_in)
    decoded, steps = Decoded.nothing([mixer.begin(2, 1, like)], like, 2, 1), []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for position in x.split(1, dim=1):
            found, decoded = step(mixer, position, decoded)
            steps.append(found)
    whole = mixer(x, every(x))
    torch.testing.assert_close(torch.cat(steps, 1).float(), whole, atol=0.05, rtol=0.05)
