"""Translation models; a new one is its file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.models.transformer import Transformer

ModelConfig = Annotated[
    Transformer.Config,
    Field(discriminator="kind"),
]
