"""All measures, by the names used in recipes and commands. To add one, add a line to each of the two lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from nmt.evaluation.bits_per_character import BitsPerCharacter
from nmt.evaluation.bleu import Bleu
from nmt.evaluation.chrf import ChrF
from nmt.evaluation.exact_match import ExactMatch
from nmt.evaluation.gleu import Gleu
from nmt.evaluation.measure import Measure
from nmt.evaluation.perplexity import Perplexity
from nmt.evaluation.ter import Ter
from nmt.evaluation.token_accuracy import TokenAccuracy
from nmt.evaluation.word_perplexity import WordPerplexity

MeasureName = Literal[
    "bleu",
    "chrf",
    "ter",
    "gleu",
    "exact_match",
    "token_accuracy",
    "perplexity",
    "word_perplexity",
    "bits_per_character",
]

MEASURES: Mapping[MeasureName, Measure] = {
    "bleu": Bleu(),
    "chrf": ChrF(),
    "ter": Ter(),
    "gleu": Gleu(),
    "exact_match": ExactMatch(),
    "token_accuracy": TokenAccuracy(),
    "perplexity": Perplexity(),
    "word_perplexity": WordPerplexity(),
    "bits_per_character": BitsPerCharacter(),
}

OF_TESTS: tuple[MeasureName, ...] = ("bleu", "chrf", "ter", "gleu")
"""Default measures of a test set."""
OF_LANGUAGE_MODELS: tuple[MeasureName, ...] = ("perplexity", "word_perplexity", "bits_per_character")
"""Default measures of a test set of a language model."""
OF_VALIDATION: tuple[MeasureName, ...] = ("bleu",)
"""Default measures of a validation."""


def worded(values: Mapping[MeasureName, float]) -> str:
    """The values as text for a log line: `BLEU 20.10  chrF 41.02`."""
    return "  ".join(f"{MEASURES[name].label} {value:.2f}" for name, value in values.items())
