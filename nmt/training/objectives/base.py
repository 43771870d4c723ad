"""The interface of objectives. The trainer passes them micro-batches and is independent of what they minimise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from nmt.data.batch import Batch
from nmt.models.base import EncoderDecoder
from nmt.options import Options
from nmt.training.tally import TallyTensor

Model = EncoderDecoder[Any, Any]

Precision = Callable[[], AbstractContextManager[object]]
"""Creates the context in which a forward pass runs."""

Unit = Literal["words", "pieces"]


class Objective(ABC):
    """The quantity that training minimises."""

    figures: ClassVar[tuple[str, ...]] = ()
    """Names of its additional sums in the tally; their means are logged."""

    @abstractmethod
    def accumulate(
        self, model: Model, batch: Batch, key: int, precision: Precision, tally: TallyTensor
    ) -> Mapping[str, Tensor]:
        """Adds the gradient of one micro-batch, summed over its units, to the parameters' `.grad`, and its sums to the
        tally.

        Args:
            model: in training mode, and left in it.
            batch: B sentences.
            key: determines all random draws, except those of torch's own generator, which is seeded with it.
            precision: context of all forward passes.
            tally: sums of the update.

        Returns:
            Statistics reported by the model, including its penalties: tensors of any shape, whose means are logged.
        """


class Drawn(Protocol):
    """The output of a sampler: m samples for each of B sentences."""

    @property
    def tokens(self) -> Tensor:
        """[B, m, T] int64: the sample, EOS, then padding."""

    @property
    def mask(self) -> Tensor:
        """[B, m, T] bool: tokens drawn from the model's distribution, so not an EOS forced by the length limit."""

    def texts(self) -> list[list[tuple[int, ...]]]:
        """The ids of each sample without EOS."""


Sampler = Callable[[Model, Tensor, Tensor, npt.NDArray[np.uint64]], Drawn]
"""Takes the model, the source [B, S], its mask, and a key per sentence that determines its samples."""

Reward = Callable[[Sequence[Sequence[int]], Sequence[int]], list[float]]
"""Takes the hypotheses of a sentence and its reference, all as ids without BOS and EOS; returns a reward for each
hypothesis."""


class MakeSampler(Protocol):
    """Creates a sampler."""

    def __call__(
        self, *, samples: int, temperature: float, max_length_factor: float, max_length_offset: int
    ) -> Sampler: ...


@dataclass(frozen=True)
class Tools:
    """Inputs of objectives besides their own options; search and measures are passed as functions."""

    label_smoothing: float
    """Label smoothing of every cross-entropy."""
    batch_tokens: int
    """Size of a micro-batch, and of any other batch computed at once."""
    sampler: MakeSampler
    gleu: Callable[[Unit], Reward]
    """Creates a sentence GLEU over this unit."""


class ObjectiveOptions(Options, ABC):
    """The training objective, as chosen in a recipe."""

    needs_start: ClassVar[bool] = False
    """Whether it needs a model that is already trained."""
    needs_source: ClassVar[bool] = False
    """Whether it applies only to models that translate."""
    shows_gleu: ClassVar[bool] = False
    """Whether validation reports GLEU besides BLEU."""

    @property
    def counts_words(self) -> bool:
        """Whether the trained weights depend on how text is split into words."""
        return False

    @abstractmethod
    def build(self, tools: Tools) -> Objective:
        """Creates the objective."""
