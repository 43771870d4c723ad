"""Bundles of tensors with a common first axis, whose rows a search can drop, reorder and merge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Self

import torch
from torch import Tensor


class Rows:
    """Base of dataclasses whose tensors have one row per sentence or per hypothesis.

    A field may be a Tensor whose axis 0 is the row, a list or tuple of such, another `Rows`, or a plain value (such as
    the length of a cache) that all rows share and that selection keeps.
    """

    def select(self, rows: Tensor) -> Self:
        """The rows with these indices, in this order.

        Args:
            rows: [M] int64 indices into axis 0; repeats are allowed.
        """
        return type(self)(**{name: _selected(getattr(self, name), rows) for name in self._field_names()})

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """A copy with the function applied to each tensor."""
        return type(self)(**{name: _mapped(getattr(self, name), function) for name in self._field_names()})

    def tensors(self) -> list[Tensor]:
        """All tensors, in field order."""
        found: list[Tensor] = []

        def note(tensor: Tensor) -> Tensor:
            found.append(tensor)
            return tensor

        self.map(note)
        return found

    def with_tensors(self, tensors: Iterable[Tensor]) -> Self:
        """A copy with other tensors, as many as and in the order of `self.tensors()`; their shapes may differ."""
        left = iter(tensors)
        made = self.map(lambda _: next(left))
        assert next(left, None) is None
        return made

    def where(self, chosen: Tensor, other: Self) -> Self:
        """These rows where `chosen` ([rows] bool) is True, elsewhere the rows of `other`, which has the same shapes."""
        names = self._field_names()
        return type(self)(**{name: _where(chosen, getattr(self, name), getattr(other, name)) for name in names})

    @classmethod
    @cache
    def _field_names(cls) -> tuple[str, ...]:
        """Cached, since every step of a search needs them."""
        assert dataclasses.is_dataclass(cls)
        return tuple(field.name for field in dataclasses.fields(cls))


def _selected(value: object, rows: Tensor) -> object:
    if isinstance(value, Tensor):
        return torch.index_select(value, 0, rows)
    if isinstance(value, Rows):
        return value.select(rows)
    if isinstance(value, (list, tuple)):
        return type(value)(_selected(item, rows) for item in value)
    return value


def _where(chosen: Tensor, own: Any, other: Any) -> object:  # noqa: ANN401 -- the same field of both
    if isinstance(own, Tensor):
        return torch.where(chosen.view(-1, *[1] * (own.dim() - 1)), own, other)  # [rows] -> [rows, 1, ..., 1]
    if isinstance(own, Rows):
        return own.where(chosen, other)
    if isinstance(own, (list, tuple)):
        return type(own)(_where(chosen, *items) for items in zip(own, other, strict=True))
    return own


def _mapped(value: object, function: Callable[[Tensor], Tensor]) -> object:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, Rows):
        return value.map(function)
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(item, function) for item in value)
    return value
