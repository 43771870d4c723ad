"""The base of every component's options: declared once, beside the component that they configure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo


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


def beside_recipe(path: Path, folder: Path | None) -> Path:
    """Where a path of a recipe leads: relative ones start from its folder, or the current one if only that has it."""
    path = path.expanduser()
    if folder is None:
        return path
    return path.absolute() if path.exists() and not (folder / path).exists() else folder / path


def _resolve(path: Path, information: ValidationInfo) -> Path:
    """`load_recipe` passes the recipe's folder as the validation context."""
    return beside_recipe(path, (information.context or {}).get("directory"))


InputPath = Annotated[Path, AfterValidator(_resolve)]
"""A file or folder as the recipe names it: relative to the recipe's folder, else to the current folder."""


WorkPath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
"""A folder that is made where there is none: relative ones start from the current folder, as runs/ does."""


def renewed(options: Any, recorded: object) -> object:  # noqa: ANN401 -- a type form
    """Recorded plain values as today's version would record them: options that it has gained are at their defaults.

    Args:
        options: the Options class, or a union of some.
        recorded: what an older version recorded; returned as it is where it is not valid any more.
    """
    try:
        valid: Options = TypeAdapter(options).validate_python(recorded)
    except ValidationError:
        return recorded
    return valid.model_dump(mode="json")


def fill_from_preset(values: object, presets: Mapping[Any, Mapping[str, Any]], default: str) -> object:
    """What a validator in "before" mode returns for options with a `preset` that the other options override.

    Args:
        values: as given to the validator.
        presets: what each preset sets; an unknown one is left to the field's own check.
        default: the preset where none is named.
    """
    if isinstance(values, Mapping):
        preset = values.get("preset", default)
        filled = {**(presets.get(preset, {}) if isinstance(preset, str) else {}), **values}
        # behind such a validator a strict check of a tuple no longer takes a JSON array
        return {key: tuple(value) if isinstance(value, list) else value for key, value in filled.items()}
    return values
