"""The base of every component's options: declared once, beside the component that they configure."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """Immutable, keyword-only, unknown keys refused; the string under a field is its description.

    The same declaration serves a Python caller, the recipe's validation, the JSON schema, `--help`
    and the generated documentation. A pydantic model rather than a dataclass, so that values are
    checked wherever the object is built and not only when it came through a recipe file.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, protected_namespaces=()
    )


Count = Annotated[int, Field(ge=0)]
"""A whole number, zero allowed."""

Size = Annotated[int, Field(gt=0)]
"""A whole number of at least one."""

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
"""A probability below one (dropout, label smoothing)."""

PositiveFloat = Annotated[float, Field(gt=0.0)]
NonNegativeFloat = Annotated[float, Field(ge=0.0)]
