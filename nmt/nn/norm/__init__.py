"""Normalisation of a network's activations; a new one is its file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.nn.norm.base import Norm, Unchanged
from nmt.nn.norm.batch import BatchNorm
from nmt.nn.norm.layer import LayerNorm
from nmt.nn.norm.running import RunningStatistics

NormConfig = Annotated[LayerNorm.Config | BatchNorm.Config, Field(discriminator="kind")]
"""Every norm there is."""

CausalNormConfig = LayerNorm.Config
"""Those whose value at one position depends on no later one, not even in training, as a decoder needs them. The
statistics of whole target sentences would tell a decoder something of the tokens that it is to predict, and its search,
which has stored ones, would miss it."""

__all__ = ["BatchNorm", "CausalNormConfig", "LayerNorm", "Norm", "NormConfig", "RunningStatistics", "Unchanged"]
