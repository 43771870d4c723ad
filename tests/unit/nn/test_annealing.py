"""Parts are annealed wherever they sit."""

from __future__ import annotations

import torch
from torch import nn

from nmt.nn.annealing import Annealed, anneal
from nmt.nn.layers import Layers


class Counting(nn.Module, Annealed):
    """Another function from update 3 on."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("update", torch.tensor(0))
        self.told: list[int] = []

    def anneal(self, update: int) -> bool:
        self.told.append(update)
        return update == 3


def test_every_part_is_told_once_an_update() -> None:
    shared = Counting()
    deep = nn.Sequential(nn.Linear(2, 2), Layers([shared, nn.Sequential(Counting())]))
    model = nn.ModuleDict({"deep": deep, "again": shared})
    assert [anneal(model, update) for update in (1, 2, 3, 4)] == [False, False, True, False]
    assert [part.told for part in model.modules() if isinstance(part, Counting)] == [[1, 2, 3, 4]] * 2


def test_a_model_is_told_itself() -> None:
    model = Counting()
    anneal(model, 1)
    assert model.told == [1]


def test_a_model_without_such_parts_stays_as_it_is() -> None:
    assert not anneal(nn.Linear(2, 2), 1)
