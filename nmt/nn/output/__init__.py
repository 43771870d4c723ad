"""Output layers: distributions over the vocabulary. To add one, write a file here and add it to the union."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.nn.output.adaptive import AdaptiveSoftmax
from nmt.nn.output.base import OutputOptions, Predictions
from nmt.nn.output.full import FullPredictions, FullSoftmax

OutputConfig = Annotated[FullSoftmax | AdaptiveSoftmax, Field(discriminator="kind")]
"""Every output layer."""

__all__ = ["AdaptiveSoftmax", "FullPredictions", "FullSoftmax", "OutputConfig", "OutputOptions", "Predictions"]
