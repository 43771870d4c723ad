"""The base class of all options. Each component declares its own, once, beside its code."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo


class Options(BaseModel):
    """Immutable, keyword-only, refuses unknown keys; the string under a field is its description.

    One declaration serves Python callers, recipe validation, the JSON schema, `--help` and the
    generated documentation. A pydantic model rather than a dataclass, so values are checked
    wherever the object is built, not only when it comes from a recipe file.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, protected_namespaces=()
    )


OptionsT = TypeVar("OptionsT", bound=Options)


Task = Literal["translation", "language_model"]
"""What a model is for: writing in one language what is read in another, or telling how probable a text is."""


class Effect(Enum):
    """The limited effect of an option, given in the field's annotation.

    An option without one shapes the result: changing its value changes what is computed.
    """

    NOTHING = "only where and how fast the work runs and how much it reports"
    EXTENT = "how far the work goes"
    CHOICE = "which of the finished results are used"
    CONTENT = "not the path itself, but the content of the file it names"
    TRAINING = "how training goes; a model with other values computes the same function"
    SHORTHAND = "no effect by itself: it stands for values of other options"


def with_effect(options: Options, *effects: Effect | None) -> dict[str, Any]:
    """The options with one of these effects, as plain values; None selects those that shape the result."""
    plain = options.model_dump(mode="json")
    return {name: plain[name] for name, field in type(options).model_fields.items() if _effect(field) in effects}


def _effect(field: FieldInfo) -> Effect | None:
    return next((mark for mark in field.metadata if isinstance(mark, Effect)), None)


# Bounds on what an untrusted model directory or recipe may ask for, since it would be allocated or looped over whatever
# its size. Each is beyond anything in use.
LARGEST = 2**31 - 1
"""Largest count or number of repetitions."""
WIDEST = 1 << 16
"""Largest dimension of a network's vectors."""
MOST_LAYERS = 1000
MOST_ITERATIONS = 10_000
"""Most iterations of a solver."""
MOST_TOKENS = 10_000_000
"""Largest vocabulary."""
MOST_BEAMS = 1000
"""Widest beam."""
LONGEST = 100_000
"""Longest sentence in tokens, and most rows of a position table."""

Count = Annotated[int, Field(ge=0, le=LARGEST)]
"""An integer, zero allowed."""

Size = Annotated[int, Field(gt=0, le=LARGEST)]
"""An integer of at least one."""

Total = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A measured count, such as a model's parameters or a corpus's tokens."""

Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A random seed."""

Width = Annotated[int, Field(gt=0, le=WIDEST)]
"""Dimension of a network's vectors, number of heads, or width of a convolution."""

InheritedWidth = Annotated[int, Field(ge=0, le=WIDEST)]
"""A width; 0 uses that of another component."""

LayerCount = Annotated[int, Field(gt=0, le=MOST_LAYERS)]
"""Number of layers, or of layer-like steps."""

Iterations = Annotated[int, Field(gt=0, le=MOST_ITERATIONS)]
"""Most iterations of a solver."""

VocabularySize = Annotated[int, Field(gt=0, le=MOST_TOKENS)]
"""Number of tokens in a vocabulary."""

BeamWidth = Annotated[int, Field(gt=0, le=MOST_BEAMS)]
"""Number of live hypotheses per sentence."""

PositionCount = Annotated[int, Field(gt=0, le=LONGEST)]
"""Rows of a position table."""

Length = Annotated[int, Field(ge=0, le=LONGEST)]
"""Length of a sentence in tokens, zero allowed."""

LengthFactor = Annotated[float, Field(ge=0.0, le=1000.0)]
"""Tokens of a translation per token of its source."""

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
"""A probability below one."""

DropoutRate = Annotated[Probability, Effect.TRAINING]
"""Probability of zeroing an element while a model is trained."""

PositiveFloat = Annotated[float, Field(gt=0.0)]
NonNegativeFloat = Annotated[float, Field(ge=0.0)]

_LONGEST_PATH = 4096


def beside_recipe(path: Path, folder: Path | None) -> Path:
    """Resolves a path in a recipe: relative to the recipe's folder, or to the current one if it exists only there.

    Raises:
        ValueError: no file can have this name.
    """
    path = _possible(path)
    if folder is None:
        return path
    return path.absolute() if _exists(path) and not _exists(folder / path) else folder / path


def _possible(path: Path) -> Path:
    """The path with `~` expanded."""
    if len(str(path)) > _LONGEST_PATH or "\0" in str(path):
        raise ValueError(f"a path of at most {_LONGEST_PATH} characters, none of them null")
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~user for an unknown user
        raise ValueError(str(error)) from None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long for this file system, a folder that may not be read
        return False


def _resolve(path: Path, information: ValidationInfo) -> Path:
    """Resolves against the recipe's folder, which `load_recipe` passes as the validation context."""
    return beside_recipe(path, (information.context or {}).get("directory"))


InputPath = Annotated[Path, AfterValidator(_resolve)]
"""An input file or folder: relative to the recipe's folder, else to the current folder."""


WorkPath = Annotated[Path, AfterValidator(lambda path: _possible(path).absolute())]
"""A folder that is created if missing: relative to the current folder, as runs/ is."""


def renewed_options(options: type[OptionsT], recorded: object) -> OptionsT | None:
    """Recorded plain values as today's options, with new fields at their defaults; None if no longer valid."""
    try:
        return TypeAdapter(options).validate_python(recorded)
    except ValidationError:
        return None


def renewed(options: Any, recorded: object) -> object:  # noqa: ANN401 -- a type form
    """As `renewed_options`, but as plain values; values that are no longer valid are returned unchanged.

    Args:
        options: an Options class, or a union of them.
        recorded: values recorded by an older version.
    """
    valid = renewed_options(options, recorded)
    return recorded if valid is None else valid.model_dump(mode="json")


def fill_from_preset(values: object, presets: Mapping[Any, Mapping[str, Any]], default: str) -> object:
    """The result of a "before" validator for options with a `preset` that other options override.

    Args:
        values: the input of the validator.
        presets: the values that each preset sets; an unknown name is left to the field's own check.
        default: the preset if none is named.
    """
    if isinstance(values, Mapping):
        preset = values.get("preset", default)
        filled = {**(presets.get(preset, {}) if isinstance(preset, str) else {}), **values}
        return {key: _with_tuples(value) for key, value in filled.items()}
    return values


def _with_tuples(value: object) -> object:
    """JSON arrays as tuples, at any depth: after a "before" validator, pydantic's strict mode takes no others."""
    if isinstance(value, list):
        return tuple(map(_with_tuples, value))
    return {key: _with_tuples(inner) for key, inner in value.items()} if isinstance(value, dict) else value
