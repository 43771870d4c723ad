"""TEMPORARY: stands in for classes that have not landed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nmt.options import Options, PositiveFloat, Probability, Size


class TransformerConfig(Options):
    """Transformer."""

    kind: Literal["transformer"] = "transformer"
    model_dim: Size = 512
    """Width D of the model."""
    dropout: Probability = 0.1
    """Dropout."""


class OtherConfig(Options):
    """Another."""

    kind: Literal["gnmt"]
    model_dim: Size = 512
    """Width D of the model."""


ModelConfig = Annotated[TransformerConfig | OtherConfig, Field(discriminator="kind")]


class Training(Options):
    """Training."""

    updates: Size = 1000
    """Number of updates."""
    learning_rate: PositiveFloat = 5e-4
    """Peak learning rate."""
    betas: tuple[float, float] = (0.9, 0.98)
    """Adam's."""
