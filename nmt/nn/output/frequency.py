"""Parts of a model that order the vocabulary by the frequency of its tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn


class FrequencyOrdered(ABC):
    """A module, anywhere in the model, that is built for a vocabulary with the most frequent tokens first.

    The ids of a tokenizer are in another order, so the module keeps the rank of each id in a buffer, which is saved
    with the weights. Weights belong to ranks: once trained, the order stays.
    """

    @abstractmethod
    def order_by_frequency(self, counts: Tensor) -> None:
        """Ranks the tokens of a model that is not yet trained.

        Args:
            counts: [V] int64 by id; larger is more frequent, and of equal ones the lower id comes first.
        """


def order_by_frequency(model: nn.Module, counts: Callable[[], Tensor]) -> None:
    """Ranks the tokens in all such parts of a model; they are counted only if there is one."""
    parts = [part for part in model.modules() if isinstance(part, FrequencyOrdered)]
    if parts:
        counted = counts()
        for part in parts:
            part.order_by_frequency(counted)
