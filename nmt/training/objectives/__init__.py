"""What training minimises; a new objective is a file here, and joins the union below."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.training.objectives.base import Objective, ObjectiveOptions
from nmt.training.objectives.likelihood import Likelihood
from nmt.training.objectives.refinement import Refinement

ObjectiveConfig = Annotated[Likelihood | Refinement, Field(discriminator="kind")]
"""Every objective there is."""

__all__ = ["Likelihood", "Objective", "ObjectiveConfig", "ObjectiveOptions", "Refinement"]
