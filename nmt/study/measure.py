"""Quantities by which a study compares systems: a score of a test set, of a validation, or the updates it takes."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from nmt.evaluation.measures import MEASURES, OF_LANGUAGE_MODELS, OF_TESTS, OF_VALIDATION, MeasureName
from nmt.evaluation.scores import text_measures
from nmt.options import Options
from nmt.recipe import Recipe
from nmt.training.options import BestBy

LOSS: Final = "loss"
_LOSS_DECIMALS = 3


@dataclass(frozen=True)
class Curve:
    """The validations of one training, in order."""

    updates: Sequence[int]
    scores: Mapping[str, Sequence[float | None]]
    """By measure, `loss` included; None where the value is not finite or was not computed."""

    def points(self, name: str) -> Iterator[tuple[int, float]]:
        """Update and value of each validation that has this measure."""
        for update, value in zip(self.updates, self.scores.get(name, ()), strict=False):
            if value is not None:
                yield update, value


NO_CURVE = Curve((), {})


@dataclass(frozen=True)
class Measured:
    """What a finished run measured."""

    scores: Mapping[str, Mapping[str, Any]]
    """By test set, as in report.json."""
    curve: Curve


def lower_is_better(name: BestBy) -> bool:
    """Whether smaller values of a measure, or of the loss, are better."""
    return name == "loss" or not MEASURES[name].higher_is_better


def label_of(name: BestBy) -> str:
    """Name of a measure, or of the loss, in tables."""
    return LOSS if name == "loss" else MEASURES[name].label


def decimals_of(name: BestBy) -> int:
    """Decimal places of a measure, or of the loss, in tables."""
    return _LOSS_DECIMALS if name == "loss" else MEASURES[name].decimals


class StudyMeasure(Options):
    """One number for each run."""

    name: BestBy
    """A measure, or `loss`: the validation loss per target token, without label smoothing, natural logarithm."""

    kind: str

    @property
    def label(self) -> str:
        """Heading of its column."""
        return label_of(self.name)

    @property
    def decimals(self) -> int:
        """Decimal places in tables."""
        return decimals_of(self.name)

    @property
    def lower_is_better(self) -> bool:
        """The direction of improvement."""
        return lower_is_better(self.name)

    @property
    def test_set(self) -> str | None:
        """The test set that it reads, if its recipe names one; None if it reads validations."""
        return None

    @abstractmethod
    def of(self, measured: Measured) -> float | None:
        """The value of a finished run; None if it has none."""

    @abstractmethod
    def described(self, test_set: str) -> str:
        """The measure and the text it is computed on, in words.

        Args:
            test_set: name of the test set that it reads; empty if unknown or none.
        """

    def missing(self, recipe: Recipe) -> str:
        """The measure that the recipe would have to compute for this; empty if it does."""
        return "" if self.name in validation_measures(recipe) else self.name


class OfTest(StudyMeasure):
    """A score of a test set by the final model."""

    kind: Literal["test"] = "test"
    """A score of a test set."""
    name: MeasureName
    """The measure; the recipe must compute it (`evaluation.measures`)."""
    set: str = ""
    """Test set, by its name in the recipe; empty for the recipe's first."""

    @property
    def label(self) -> str:
        """`BLEU`, or `BLEU on test_2016_flickr` if the study names the set: it may have columns of several."""
        return self.described(self.set) if self.set else label_of(self.name)

    @property
    def test_set(self) -> str | None:
        """The name in the recipe; empty for its first."""
        return self.set

    def of(self, measured: Measured) -> float | None:
        """The score."""
        name = self.set or next(iter(measured.scores), "")
        score = measured.scores.get(name, {}).get(self.name, {}).get("score")
        return float(score) if score is not None else None

    def described(self, test_set: str) -> str:
        """`BLEU on test_2016_flickr`."""
        return f"{label_of(self.name)} on {test_set or 'the test set'}"

    def missing(self, recipe: Recipe) -> str:
        """The measure, if the recipe does not compute it on test sets."""
        usual = OF_LANGUAGE_MODELS if recipe.task == "language_model" else OF_TESTS
        return "" if self.name in (recipe.evaluation.measures or usual) else self.name


class OfValidation(StudyMeasure):
    """A score of the validation set by the weights of one update."""

    kind: Literal["validation"] = "validation"
    """A score of the validation set."""
    at: Literal["best", "final"] = "best"
    """`best`: the best of all validations. `final`: the last validation. Both are of single weights, before any
    averaging."""

    def of(self, measured: Measured) -> float | None:
        """The score."""
        found = [value for _, value in measured.curve.points(self.name)]
        if not found:
            return None
        return found[-1] if self.at == "final" else (min if self.lower_is_better else max)(found)

    def described(self, test_set: str) -> str:
        """`best validation loss`."""
        return f"{self.at} validation {self.label}"

    @property
    def label(self) -> str:
        """`validation loss`."""
        return f"validation {label_of(self.name)}"


class UpdatesTo(StudyMeasure):
    """The number of updates after which a validation first reaches a value: the speed of learning."""

    kind: Literal["updates_to"] = "updates_to"
    """Updates until a validation reaches a value."""
    value: float
    """The value to reach. In the recipe, `training.validate_every` sets how finely updates are counted."""

    @property
    def label(self) -> str:
        """`updates to loss 3.5`."""
        return f"updates to {label_of(self.name)} {self.value:g}"

    @property
    def decimals(self) -> int:
        """0: a whole number in each run."""
        return 0

    @property
    def lower_is_better(self) -> bool:
        """True: fewer are better."""
        return True

    def of(self, measured: Measured) -> float | None:
        """The first update; None if no validation reached the value."""
        sign = -1.0 if lower_is_better(self.name) else 1.0
        wanted = sign * self.value
        reached = (update for update, value in measured.curve.points(self.name) if sign * value >= wanted)
        first = next(reached, None)
        return None if first is None else float(first)

    def described(self, test_set: str) -> str:
        """`updates to a validation loss of 3.5`."""
        return f"updates to a validation {label_of(self.name)} of {self.value:g}"


def validation_measures(recipe: Recipe) -> set[str]:
    """The measures that a recipe computes at every validation, with `loss`."""
    usual = ("perplexity",) if recipe.task == "language_model" else OF_VALIDATION
    found: set[str] = {*(recipe.evaluation.measures or usual), recipe.training.best_by, LOSS, "perplexity"}
    if recipe.training.objective.shows_gleu and recipe.evaluation.measures is None:
        found.add("gleu")
    return found


def spelled_out(value: object) -> object:
    """A measure given by its name alone: `loss` is of validations, all others of a test set."""
    if isinstance(value, str):
        return {"kind": "validation" if value == LOSS else "test", "name": value}
    return value


AnyMeasure = Annotated[
    Annotated[OfTest | OfValidation | UpdatesTo, Field(discriminator="kind")], BeforeValidator(spelled_out)
]
"""A measure by its name alone, or with its kind."""


def is_resampled(measure: StudyMeasure) -> bool:
    """Whether two systems can be compared by resampling the lines of a test set."""
    if measure.test_set is None or measure.name == "loss":
        return False
    return bool(text_measures([measure.name])) and MEASURES[measure.name].metric() is not None


def finite(value: object) -> float | None:
    """A number from a log; None if it is missing or not finite."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
