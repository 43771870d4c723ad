"""Batch layer normalisation of a cell's input, over whole sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import model_validator

from nmt.nn.cells.norms.base import CellNormOptions, Site
from nmt.nn.cells.norms.whole import WholeSequenceNorm
from nmt.nn.norm.batch_layer import BatchLayerNorm


class InputBatchLayerNorm(WholeSequenceNorm, BatchLayerNorm):
    """Batch layer normalisation of the product with the input; published use is between layers only.

    As in layer normalisation, the products of all gates of an LSTM are normalised together, and those of the gates and
    of the candidate of a GRU separately.
    """

    class Config(CellNormOptions, BatchLayerNorm.Config):
        """Batch layer normalisation of the product with the input. Not for decoders."""

        causal: ClassVar[bool] = False

        @model_validator(mode="after")
        def _check_inference(self) -> Self:
            for name in ("batch_mean", "batch_variance"):
                if getattr(self.inference, name) == "batch":
                    raise ValueError(
                        f"norm.inference.{name}: batch needs whole sentences, and a cell reads them step by step. "
                        "Use population"
                    )
            return self

        def sites_of(self, offered: Sequence[Site]) -> Sequence[Site]:
            return ("ih",)

        def build(self, dim: int) -> InputBatchLayerNorm:
            """A norm of vectors of `dim` values."""
            return InputBatchLayerNorm(self, dim)
