"""The keys and values of the newest positions of hypotheses, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor

from nmt.nn.past import Past


@dataclass
class Window(Past):
    """The block of W positions that is being decoded and the one before it, side by side.

    So the last W positions are adjacent entries, and blocks are moved only once every W positions.
    """

    by_sentence: ClassVar[bool] = False

    keys: Tensor
    """[N, 2W, H, D/H]; undefined outside `used`."""
    values: Tensor
    """[N, 2W, H, D/H]"""
    length: int = 0
    """Positions decoded."""

    @classmethod
    def nothing(cls, like: Tensor, hypotheses: int, window: int, heads: int, size: int) -> Self:
        """A window of W positions before the first one, with the dtype and device of `like`."""
        shape = (hypotheses, 2 * window, heads, size)
        return cls(like.new_zeros(shape), like.new_zeros(shape))

    @property
    def size(self) -> int:
        """W."""
        return self.keys.shape[1] // 2

    @property
    def at_border(self) -> bool:
        """Whether the next position begins a block and is not the first of all."""
        return self.length > 0 and self.length % self.size == 0

    @property
    def used(self) -> slice:
        """The entries that hold positions."""
        end = self.size + (self.length - 1) % self.size + 1 if self.length else 0
        return slice(max(0, end - self.length), end)

    def write(self, key: Tensor, value: Tensor) -> Self:
        """The window with one more position, [N, H, D/H] each; written in place."""
        entry = self.size + self.length % self.size
        for cache, newest in ((self.keys, key), (self.values, value)):
            if self.at_border:
                cache[:, : self.size] = cache[:, self.size :]
            cache[:, entry] = newest
        return type(self)(self.keys, self.values, self.length + 1)

    def last(self) -> tuple[Tensor, Tensor]:
        """Keys and values of the last W positions, or of all if they are fewer: [N, S, H, D/H]."""
        used = self.used
        kept = slice(max(used.start, used.stop - self.size), used.stop)
        return self.keys[:, kept], self.values[:, kept]

    def all(self) -> tuple[Tensor, Tensor]:
        """Keys and values of the newest block and the one before it: [N, S, H, D/H]."""
        return self.keys[:, self.used], self.values[:, self.used]

    def descend(self, rows: Tensor, staying: Tensor | None, written: int) -> Self:
        def moved(cache: Tensor) -> Tensor:
            found = cache.new_empty((len(rows), *cache.shape[1:]))
            # only what is in use, so a short text does not pay for a long window
            found[:, self.used] = cache[:, self.used].index_select(0, rows)
            return found

        return type(self)(moved(self.keys), moved(self.values), self.length)
