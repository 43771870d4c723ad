"""Transformations of the gradient before the optimiser step. To add one, write a file here and add it to the union."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.training.gradients.base import GradientOptions
from nmt.training.gradients.clip import Clip

GradientConfig = Annotated[Clip, Field(discriminator="kind")]
"""Every gradient transformation."""

__all__ = ["Clip", "GradientConfig", "GradientOptions"]
