"""The measures by the names that recipes and commands use. A new one joins with a line in each of the two lists."""

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
"""Those of a text where none are named."""
OF_LANGUAGE_MODELS: tuple[MeasureName, ...] = ("perplexity", "word_perplexity", "bits_per_character")
"""Those of a text under a language model where none are named."""
OF_VALIDATION: tuple[MeasureName, ...] = ("bleu",)
"""Those of a validation where none are named."""


def worded(values: Mapping[MeasureName, float]) -> str:
    """For a log line: `BLEU 20.10  chrF 41.02`."""
    return "  ".join(f"{MEASURES[name].label} {value:.2f}" for name, value in values.items())
