"""The interface of objectives: the trainer hands over micro-batches and knows no more of what is minimised."""

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
"""Makes the context that a forward pass runs in."""

Unit = Literal["words", "pieces"]


class Objective(ABC):
    """What an update minimises."""

    figures: ClassVar[tuple[str, ...]] = ()
    """Names of the sums that it counts besides those that every objective has; the log shows their means."""

    @abstractmethod
    def accumulate(
        self, model: Model, batch: Batch, key: int, precision: Precision, tally: TallyTensor
    ) -> Mapping[str, Tensor]:
        """Adds the gradient of one micro-batch, summed over its units, to the parameters', and its sums to the tally.

        Args:
            model: in training mode, in which it is left.
            batch: B sentences.
            key: all draws are functions of it, except those of torch's own generator, which is seeded with it.
            precision: for all forward passes.
            tally: of the update.

        Returns:
            What the model reports of itself, its penalties included: tensors of any shape whose means are for the log.
        """


class Drawn(Protocol):
    """What a sampler gives: m samples for each of B sentences."""

    @property
    def tokens(self) -> Tensor:
        """[B, m, T] int64: the sample, EOS, and padding behind."""

    @property
    def mask(self) -> Tensor:
        """[B, m, T] bool: what was drawn by the model's distribution, so without an EOS that a length limit forced."""

    def texts(self) -> list[list[tuple[int, ...]]]:
        """The ids of each sample without EOS."""


Sampler = Callable[[Model, Tensor, Tensor, npt.NDArray[np.uint64]], Drawn]
"""Model, source [B, S], its mask, and a key for each sentence from which its samples follow."""

Reward = Callable[[Sequence[Sequence[int]], Sequence[int]], list[float]]
"""Hypotheses of a sentence and its reference, all as ids without BOS and EOS: one reward each."""


class MakeSampler(Protocol):
    """Makes a sampler of the search's own sampling."""

    def __call__(
        self, *, samples: int, temperature: float, max_length_factor: float, max_length_offset: int
    ) -> Sampler: ...


@dataclass(frozen=True)
class Tools:
    """What objectives are made with besides their own options; search and measures come in as functions."""

    label_smoothing: float
    """Of every cross-entropy."""
    batch_tokens: int
    """Size of a micro-batch, as of any batch that is computed at once."""
    sampler: MakeSampler
    gleu: Callable[[Unit], Reward]
    """Sentence GLEU, counted in this unit."""


class ObjectiveOptions(Options, ABC):
    """What is minimised, as a recipe chooses it."""

    needs_start: ClassVar[bool] = False
    """Whether it is for a model that is trained already."""
    needs_source: ClassVar[bool] = False
    """Whether it is for a model that translates."""
    shows_gleu: ClassVar[bool] = False
    """Whether validation has GLEU beside BLEU."""

    @property
    def counts_words(self) -> bool:
        """Whether the weights depend on how text is divided into words."""
        return False

    @abstractmethod
    def build(self, tools: Tools) -> Objective:
        """The objective."""
