"""The interface of output layers, and of the distributions that they compute."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from torch import Tensor, nn

from nmt.conflict import Conflict
from nmt.nn.loss import TokenLoss, weighted_log_likelihood
from nmt.options import Options

if TYPE_CHECKING:
    from nmt.documents import KeyPath


class Predictions(ABC):
    """Distributions over the next token, one per position.

    Positions have any shape, written [...]: [B, T] in teacher forcing. What is not asked for is not computed.
    """

    @abstractmethod
    def to_logits(self) -> Tensor:
        """[..., V]: their softmax is the distribution. They may be log-probabilities."""

    @abstractmethod
    def loss(self, targets: Tensor, mask: Tensor, smoothing: float) -> TokenLoss:
        """The cross-entropy of `nmt.nn.loss.label_smoothed_loss`, summed over positions.

        Args:
            targets: [...] int64.
            mask: [...] bool, False on positions that do not count (padding).
            smoothing: at least 0, less than 1.
        """

    @abstractmethod
    def log_probabilities(self, targets: Tensor) -> Tensor:
        """[...] float32: the natural logarithm of the probability of each of the targets [...]."""

    @abstractmethod
    def most_probable(self) -> Tensor:
        """[...] int64: the most probable token of each position."""

    @abstractmethod
    def select(self, mask: Tensor) -> Self:
        """The positions where a mask [...] is True, in order: [M]."""

    def weighted_log_likelihood(
        self, targets: Tensor, weights: Tensor, temperature: float = 1.0, never: Sequence[int] = ()
    ) -> Tensor:
        """`nmt.nn.loss.weighted_log_likelihood` of targets [...] with weights [...]."""
        logits = self.to_logits().flatten(0, -2)
        return weighted_log_likelihood(logits, targets.flatten(), weights.flatten(), temperature, never)


class OutputOptions(Options, ABC):
    """The output layer, as chosen in a recipe.

    A model keeps these options beside the layer that they have built, and has them read the layer: the layer itself may
    have been replaced by an 8-bit one.
    """

    normalized: ClassVar[bool]
    """Whether the layer's logits are log-probabilities already."""

    @abstractmethod
    def build(self, inputs: int, vocabulary: int, full: Callable[[], nn.Module], *, bias: bool = False) -> nn.Module:
        """The layer, which turns vectors [..., inputs] into logits [..., vocabulary].

        Args:
            inputs: width of its input.
            vocabulary: V.
            full: makes the model's own layer with one matrix.
            bias: whether tokens have biases, if `full` does not make the layer.

        Raises:
            ValueError: the options do not fit the vocabulary.
        """

    @abstractmethod
    def predict(self, layer: nn.Module, x: Tensor) -> Predictions:
        """The distributions that the layer computes from vectors [..., inputs]."""

    def check_untied(self, tied: bool, untied: str) -> None:
        """Checks whether the layer may share a matrix with an embedding.

        Args:
            tied: whether it would.
            untied: the model's option with a value at which it would not, as `key: value`.

        Raises:
            ValueError: it may not.
        """
        return

    def conflicts(self, path: KeyPath, vocabulary: Callable[[], int]) -> Iterable[Conflict]:
        """Conflicts with the size of the vocabulary.

        Args:
            path: key of these options in the recipe.
            vocabulary: finds V, or the largest it can be; this may read a file.
        """
        return ()

    def doubts(self, path: KeyPath, label_smoothing: float) -> Iterable[Conflict]:
        """Settings of training with which this layer is of little use; `path` as in `conflicts`."""
        return ()
