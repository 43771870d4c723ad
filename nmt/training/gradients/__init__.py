"""What becomes of a gradient before the optimiser takes it; a new rule is a file here, and joins the union below."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.training.gradients.base import GradientOptions
from nmt.training.gradients.clip import Clip

GradientConfig = Annotated[Clip, Field(discriminator="kind")]
"""Every rule there is."""

__all__ = ["Clip", "GradientConfig", "GradientOptions"]
