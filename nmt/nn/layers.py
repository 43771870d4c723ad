"""A typed list of layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Generic, Self, TypeVar, overload

from torch import nn

LayerT = TypeVar("LayerT", bound=nn.Module)


class Layers(nn.ModuleList, Generic[LayerT]):
    """A `ModuleList` whose items are known to be of one type."""

    def __init__(self, layers: Iterable[LayerT]) -> None:
        super().__init__(layers)

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[LayerT]: ...

        @overload
        def __getitem__(self, index: slice) -> Self: ...

        @overload
        def __getitem__(self, index: int) -> LayerT: ...

        def __getitem__(self, index: int | slice) -> LayerT | Self: ...
