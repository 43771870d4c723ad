"""Bundles of tensors that are dropped, reordered and merged row by row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nmt.nn.rows import Rows


@dataclass
class Inner(Rows):
    trace: Tensor


@dataclass
class Outer(Rows):
    output: Tensor
    inner: list[Inner]
    length: int


def drawn() -> Outer:
    return Outer(torch.randn(3, 2), [Inner(torch.randn(3, 3, 3)), Inner(torch.randn(3))], 7)


def test_tensors_come_and_go_in_the_order_of_the_fields() -> None:
    one, other = drawn(), drawn()
    assert [part.shape for part in one.tensors()] == [(3, 2), (3, 3, 3), (3,)]
    made = one.with_tensors(other.tensors())
    assert made.length == 7
    assert all(part is theirs for part, theirs in zip(made.tensors(), other.tensors(), strict=True))


def test_a_mask_chooses_whole_rows_whatever_the_rank() -> None:
    """Of three rows of 3 x 3, a mask that is broadcast along the last axis would choose columns in silence."""
    one, other = drawn(), drawn()
    merged = one.where(torch.tensor([True, False, True]), other)
    for part, own, theirs in zip(merged.tensors(), one.tensors(), other.tensors(), strict=True):
        assert torch.equal(part, torch.stack([own[0], theirs[1], own[2]]))


def test_rows_are_selected_throughout() -> None:
    one = drawn()
    chosen = one.select(torch.tensor([2, 2]))
    assert all(torch.equal(part[0], own[2]) for part, own in zip(chosen.tensors(), one.tensors(), strict=True))
    assert [len(part) for part in chosen.tensors()] == [2, 2, 2]
