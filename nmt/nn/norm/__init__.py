"""Normalisation of activations; to add a norm, add its file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.nn.norm.base import Norm, Unchanged
from nmt.nn.norm.batch import BatchNorm
from nmt.nn.norm.batch_layer import BatchLayerNorm
from nmt.nn.norm.layer import LayerNorm
from nmt.nn.norm.running import RunningStatistics

NormConfig = Annotated[LayerNorm.Config | BatchNorm.Config | BatchLayerNorm.Config, Field(discriminator="kind")]
"""All norms."""

CausalNormConfig = LayerNorm.Config
"""Norms whose result at a position depends on no later position, even in training, as a decoder requires. Statistics
over whole target sentences would leak the tokens to be predicted, and a search, which uses stored statistics, would
miss that information."""

__all__ = [
    "BatchLayerNorm",
    "BatchNorm",
    "CausalNormConfig",
    "LayerNorm",
    "Norm",
    "NormConfig",
    "RunningStatistics",
    "Unchanged",
]
