"""The base of every component's options: declared once, beside the component that they configure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo


class Options(BaseModel):
    """Immutable, keyword-only, unknown keys refused; the string under a field is its description.

    The same declaration serves a Python caller, the recipe's validation, the JSON schema, `--help`
    and the generated documentation. A pydantic model rather than a dataclass, so that values are
    checked wherever the object is built and not only when it came through a recipe file.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, protected_namespaces=()
    )


OptionsT = TypeVar("OptionsT", bound=Options)


Task = Literal["translation", "language_model"]
"""What a model is for: writing in one language what is read in another, or telling how probable a text is."""


class Effect(Enum):
    """What an option decides where it does not shape what is made, said in the field's annotation.

    What has none of these shapes the result: another value makes another one.
    """

    NOTHING = "where, how fast and with how much to see"
    EXTENT = "how far the work goes"
    CHOICE = "what is taken of what the work leaves"
    CONTENT = "nothing by its name: the content of what it names counts"
    TRAINING = "how training goes: other weights, which mean the same function"
    SHORTHAND = "nothing by itself: it stands for values of other options"


def with_effect(options: Options, *effects: Effect | None) -> dict[str, Any]:
    """Those of the options, as plain values, that have one of these effects; None: those that shape the result."""
    plain = options.model_dump(mode="json")
    return {name: plain[name] for name, field in type(options).model_fields.items() if _effect(field) in effects}


def _effect(field: FieldInfo) -> Effect | None:
    return next((mark for mark in field.metadata if isinstance(mark, Effect)), None)


# What a model directory or a recipe of a stranger may ask for has an end: it would be built, or looped over, however
# large it is. Each bound is beyond what anybody has used.
LARGEST = 2**31 - 1
"""Of a whole number that says how many or how often."""
WIDEST = 1 << 16
"""Values in a vector of a network."""
MOST_LAYERS = 1000
MOST_ITERATIONS = 10_000
"""Rounds of a solver."""
MOST_TOKENS = 10_000_000
"""Of a vocabulary."""
MOST_BEAMS = 1000
"""Hypotheses of a sentence that live at once."""
LONGEST = 100_000
"""Tokens of a sentence, and rows of a table of positions."""

Count = Annotated[int, Field(ge=0, le=LARGEST)]
"""A whole number, zero allowed."""

Size = Annotated[int, Field(gt=0, le=LARGEST)]
"""A whole number of at least one."""

Total = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A count of what there is, such as a model's parameters or a corpus's tokens."""

Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""Of random draws."""

Width = Annotated[int, Field(gt=0, le=WIDEST)]
"""Values in a vector of a network, or heads, or positions that a convolution sees."""

InheritedWidth = Annotated[int, Field(ge=0, le=WIDEST)]
"""A width, or 0 for that of another part."""

LayerCount = Annotated[int, Field(gt=0, le=MOST_LAYERS)]
"""Layers of a network, or steps that are like layers."""

Iterations = Annotated[int, Field(gt=0, le=MOST_ITERATIONS)]
"""Most rounds of a solver."""

VocabularySize = Annotated[int, Field(gt=0, le=MOST_TOKENS)]
"""Tokens of a vocabulary."""

BeamWidth = Annotated[int, Field(gt=0, le=MOST_BEAMS)]
"""Hypotheses of a sentence that live at once."""

PositionCount = Annotated[int, Field(gt=0, le=LONGEST)]
"""Rows of a table of positions."""

Length = Annotated[int, Field(ge=0, le=LONGEST)]
"""Tokens of a sentence, zero allowed."""

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
    """Where a path of a recipe leads: relative ones start from its folder, or the current one if only that has it.

    Raises:
        ValueError: no file can have this name.
    """
    path = _possible(path)
    if folder is None:
        return path
    return path.absolute() if _exists(path) and not _exists(folder / path) else folder / path


def _possible(path: Path) -> Path:
    """The path with `~` written out."""
    if len(str(path)) > _LONGEST_PATH or "\0" in str(path):
        raise ValueError(f"a path of at most {_LONGEST_PATH} characters, none of them null")
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~somebody who is not there
        raise ValueError(str(error)) from None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long for this file system, a folder that may not be read
        return False


def _resolve(path: Path, information: ValidationInfo) -> Path:
    """`load_recipe` passes the recipe's folder as the validation context."""
    return beside_recipe(path, (information.context or {}).get("directory"))


InputPath = Annotated[Path, AfterValidator(_resolve)]
"""A file or folder as the recipe names it: relative to the recipe's folder, else to the current folder."""


WorkPath = Annotated[Path, AfterValidator(lambda path: _possible(path).absolute())]
"""A folder that is made where there is none: relative ones start from the current folder, as runs/ does."""


def renewed_options(options: type[OptionsT], recorded: object) -> OptionsT | None:
    """Recorded plain values as today's options, those that these have gained at their defaults; None: not valid now."""
    try:
        return TypeAdapter(options).validate_python(recorded)
    except ValidationError:
        return None


def renewed(options: Any, recorded: object) -> object:  # noqa: ANN401 -- a type form
    """The same as plain values again; what is not valid any more is returned as it is.

    Args:
        options: the Options class, or a union of some.
        recorded: what an older version recorded.
    """
    valid = renewed_options(options, recorded)
    return recorded if valid is None else valid.model_dump(mode="json")


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
