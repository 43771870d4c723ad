"""Training objectives. To add one, write a file here and add it to the union."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.training.objectives.base import Objective, ObjectiveOptions
from nmt.training.objectives.likelihood import Likelihood
from nmt.training.objectives.refinement import Refinement

ObjectiveConfig = Annotated[Likelihood | Refinement, Field(discriminator="kind")]
"""Every objective."""

__all__ = ["Likelihood", "Objective", "ObjectiveConfig", "ObjectiveOptions", "Refinement"]
